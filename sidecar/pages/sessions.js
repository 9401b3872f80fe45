// /sessions: what the signed-in tutor or student has coming up; /sessions/{id}: one session and its story.

import './session-join-button.js';
import { foreign, h, replace } from './dom.js';
import { day_and_time, from_now, providers } from './format.js';
import { client, sign_in_panel, token } from './sign-in.js';

const main = document.getElementById('main');
const page_size = 20;
const reconnect_url = new URLSearchParams(location.search).get('reconnect');

function join_button(id) {
  const button = h('session-join-button', { 'session-id': id, 'api-base': location.origin, 'reconnect-url': reconnect_url });
  button.token = token;
  return button;
}

function when(session) {
  return h('div', {},
    h('div', { class: 'mark' }, day_and_time(session.starts_at) || 'No start'),
    h('div', { class: 'quiet' }, from_now(session.starts_at)));
}

function list_item(session) {
  return h('li', {},
    when(session),
    h('div', {},
      h('h3', {}, h('a', { href: `/sessions/${encodeURIComponent(session.session_id)}` }, foreign(session.title || 'Session'))),
      h('div', { class: 'quiet' }, providers[session.provider] ?? foreign(session.provider))),
    join_button(session.session_id));
}

async function show_list() {
  const upcoming = h('ul', { class: 'sessions' });
  const past = h('ul', { class: 'sessions' });
  const more = h('button', { type: 'button' }, 'Show more');
  const past_title = h('h2', { hidden: true }, 'Past');
  const nothing = h('p', { class: 'quiet', hidden: true }, 'You have no upcoming sessions.');
  let next = null;

  async function load() {
    more.disabled = true;
    const query = new URLSearchParams({ limit: page_size, ...(next ? { after: next } : {}) });
    const page = await client.get(`/api/sessions?${query}`);
    for (const session of page.sessions) (is_past(session) ? past : upcoming).append(list_item(session));
    next = page.next;
    more.hidden = !next;
    more.disabled = false;
    past_title.hidden = past.childElementCount === 0;
    nothing.hidden = upcoming.childElementCount > 0;
  }
  more.addEventListener('click', load);
  await load();
  replace(main, h('h2', {}, 'Upcoming'), nothing, upcoming, past_title, past, h('p', {}, more));
}

function is_past(session) {
  return session.state === 'ended' || (session.ends_at !== null && new Date(session.ends_at) < Date.now());
}

function connection_text(connection) {
  const name = providers[connection.provider] ?? connection.provider;
  if (connection.reason) {
    return h('p', { class: 'notice' }, `${name} `, connection.account ? ['(', foreign(connection.account), ') '] : null,
      connection.acts === 'tutor' ? 'must be reconnected' : 'does not work at the moment', ': ', connection.problem, '. ', connection.advice);
  }
  return h('p', {}, h('span', { class: 'ok mark' }, '● '), `${name} connected`, connection.account ? [' as ', foreign(connection.account)] : null,
    connection.works_until ? `, works until ${day_and_time(connection.works_until)}` : '', '.');
}

function story(history) {
  return h('ol', { class: 'timeline' }, history.map((event) => h('li', {},
    h('time', { class: 'quiet', datetime: event.at }, day_and_time(event.at)),
    h('div', {}, h('span', { class: 'mark' }, event.event), ' ', foreign(event.description)))));
}

async function show_detail(id) {
  const button = join_button(id);
  const facts = h('div');
  const rest = h('div');

  async function load() {
    const session = await client.get(`/api/sessions/${encodeURIComponent(id)}`);
    document.title = session.title || 'Session';
    replace(facts, h('h2', {}, foreign(session.title || 'Session')),
      h('p', {}, day_and_time(session.starts_at), ' ', h('span', { class: 'quiet' }, from_now(session.starts_at)), ' · ', providers[session.provider] ?? foreign(session.provider)));
    replace(rest,
      session.connection ? connection_text(session.connection) : null,
      session.history.length ? [h('h2', {}, 'What happened'), story(session.history)] : null);
  }
  await load();
  replace(main, h('div', { class: 'detail' }, facts, button, rest));
  button.addEventListener('meetlink-state', () => load().catch(() => {}));
  client.watch_session(id, () => load().catch(() => {}));
}

try {
  const me = await client.get('/api/me');
  if (me.operator) document.getElementById('who').append(h('a', { href: '/console' }, 'Console'));
  const id = location.pathname.split('/')[2];
  await (id ? show_detail(decodeURIComponent(id)) : show_list());
} catch (error) {
  if (!('status' in error)) throw error;
  if (error.status === 401 || error.status === 403) replace(main, sign_in_panel(error));
  else if (error.status === 404) replace(main, h('p', {}, 'There is no such session.'), h('p', {}, h('a', { href: '/sessions' }, 'My Sessions')));
  else replace(main, h('p', { class: 'notice' }, 'The page could not be loaded: ', error.message, '. '), h('button', { type: 'button', onclick: () => location.reload() }, 'Try again'));
}
