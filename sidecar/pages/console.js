// /console: what needs a person now, then everything that says why. Kept up by events, never by loading all there is.

import { charts } from './charts.js';
import { foreign, h, replace } from './dom.js';
import { clock, count, day_and_time, from_now, providers } from './format.js';
import { client, sign_in_panel } from './sign-in.js';
import { StuckGroup } from './stuck-group.js';

const main = document.getElementById('main');
const live = document.getElementById('live');
const page_size = 50;
const groups = new Map(); // reason -> StuckGroup

const at = {
  totals: h('dl', { class: 'totals' }),
  trouble: h('div'),
  groups: h('div'),
  charts: h('div'),
  connections: scrolling('Connections'),
  health: scrolling('Health'),
  daemons: scrolling('Daemons'),
};
let span = 'hour';
let connections = [];
let next_connections = null;

// A region that can be scrolled by keyboard where it is too wide.
function scrolling(name) {
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name });
}

// --- what needs a person -------------------------------------------------------------------------

async function show_overview() {
  const overview = await client.get('/api/console/overview');
  const { totals } = overview;
  replace(at.totals, [
    ['without a link', totals.stuck], ['being made', totals.due], ['waiting to retry', totals.waiting],
    ['blocked', totals.blocked], ['given up', totals.gave_up], ['linked this hour', totals.linked_last_hour],
  ].map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, count(value)))));

  const errors = overview.health.filter((row) => row.status === 'error');
  replace(at.trouble, errors.map((row) => h('p', { class: 'notice' }, h('span', { class: 'mark error' }, row.check_name), `: ${row.detail}. `, row.hint)));

  const known = new Set(overview.groups.map((group) => group.reason));
  for (const reason of groups.keys()) if (!known.has(reason)) groups.delete(reason);
  for (const group of overview.groups) {
    if (!groups.has(group.reason)) groups.set(group.reason, new StuckGroup(client, refresh));
    groups.get(group.reason).update(group);
  }
  const elements = overview.groups.map((group) => groups.get(group.reason).element);
  // untouched while the order stays: an element that is moved loses its focus
  if (elements.length !== at.groups.childElementCount || elements.some((element, i) => at.groups.children[i] !== element)) {
    replace(at.groups, elements.length ? elements : h('p', { class: 'ok mark' }, 'Every session has its link.'));
  }
  show_health(overview.health);
  show_daemons(overview.daemons);
  live.textContent = `as of ${clock(overview.now)}`;
}

function table(titles, rows) {
  return h('table', {}, h('thead', {}, h('tr', {}, titles.map((title) => h('th', {}, title)))), h('tbody', {}, rows));
}

function show_health(rows) {
  const order = { error: 0, warning: 1, ok: 2 };
  replace(at.health, table(['Check', 'Status', 'Detail'], [...rows].sort((a, b) => order[a.status] - order[b.status]).map((row) => h('tr', {},
    h('td', {}, row.check_name), h('td', { class: `mark ${row.status}` }, row.status),
    h('td', {}, row.detail, row.status !== 'ok' && row.hint ? h('div', { class: 'said' }, row.hint) : null)))));
}

function show_daemons(daemons) {
  replace(at.daemons, daemons.length
    ? table(['Daemon', 'Version', 'State', 'In flight', 'Started'], daemons.map((daemon) => h('tr', {},
      h('td', {}, foreign(daemon.name)), h('td', {}, daemon.version),
      h('td', { class: daemon.alive ? 'ok mark' : 'quiet' }, daemon.alive ? 'alive' : `silent since ${day_and_time(daemon.heartbeat_at)}`),
      h('td', {}, count(daemon.in_flight)), h('td', {}, day_and_time(daemon.started_at)))))
    : h('p', { class: 'error mark' }, 'No daemon is running.'));
}

// --- why -----------------------------------------------------------------------------------------

async function show_charts() {
  const answer = await client.get(`/api/console/charts?span=${span}`);
  const choice = (value, text) => h('button', { type: 'button', 'aria-pressed': String(span === value), 'data-key': value, onclick: () => { span = value; show_charts(); } }, text);
  replace(at.charts, h('p', { class: 'row' }, choice('hour', 'Last hour'), choice('day', 'Last day')), charts(answer));
}

async function show_connections(more) {
  const query = new URLSearchParams({ limit: page_size });
  if (more && next_connections) query.set('after', next_connections);
  const page = await client.get(`/api/console/connections?${query}`);
  if (!more && connections.length > page_size) return; // somebody reads further down
  connections = more ? [...connections, ...page.connections] : page.connections;
  next_connections = page.next;
  replace(at.connections, table(['Connection', 'State', 'Works until', 'Waiting', 'Next session', 'Who acts'], connections.map((connection) => h('tr', {},
    h('td', {}, foreign(connection.account || connection.owner), h('div', { class: 'said' }, providers[connection.provider] ?? connection.provider)),
    h('td', { class: connection.usable ? 'ok mark' : 'error mark' }, connection.usable ? 'works' : (connection.status || 'off')),
    h('td', {}, connection.usable ? day_and_time(connection.refresh_token_expires_at || connection.access_token_expires_at) || 'unknown' : '–'),
    h('td', {}, count(connection.sessions_without_link)),
    h('td', {}, from_now(connection.next_session_at) || '–'),
    h('td', {}, connection.reason ? [h('span', { class: 'mark' }, connection.acts), `: ${connection.advice}`] : h('span', { class: 'quiet' }, 'nobody'))))),
  next_connections ? h('p', {}, h('button', { type: 'button', onclick: () => show_connections(true) }, 'Show more')) : null);
}

// --- live ----------------------------------------------------------------------------------------

let under_way = null;
let again = false;

// One at a time; what comes meanwhile is one more.
function refresh() {
  again = true;
  under_way ??= (async () => {
    while (again) {
      again = false;
      try {
        await show_overview();
        await show_charts();
        await show_connections(false);
      } catch (error) {
        if (!('status' in error)) throw error;
        live.textContent = error.status === 0 ? 'No connection. Trying again…' : error.message;
      }
    }
    under_way = null;
  })();
}

try {
  await show_overview();
  replace(main, at.totals, at.trouble,
    h('h2', {}, 'Needs a person'), at.groups,
    h('h2', {}, 'What happened'), at.charts,
    h('h2', {}, 'Connections'), at.connections,
    h('h2', {}, 'Health'), at.health,
    h('h2', {}, 'Daemons'), at.daemons);
  refresh();
  client.watch_topic('console', refresh);
  setInterval(refresh, 30_000);
} catch (error) {
  if (!('status' in error)) throw error;
  replace(main, error.status === 401 || error.status === 403 ? sign_in_panel(error) : h('p', { class: 'notice' }, error.message));
}
