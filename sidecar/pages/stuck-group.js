// Sessions with one reason: who acts, how many, how soon; opened, they come in pages, each with its retry and its story.

import { count, day_and_time, from_now, providers, time_of_day } from './format.js';
import { foreign, h, replace } from './dom.js';
import { retry_all } from './retry-all.js';

const page_size = 50;
const soon = 60; // minutes

export class StuckGroup {
  #client;
  #refresh;
  #group = null;
  #open = false;
  #sessions = [];
  #next = null;
  #head = h('div', { class: 'head' });
  #body = h('div', { class: 'body', hidden: true });

  // refresh: the overview has changed.
  constructor(client, refresh) {
    this.#client = client;
    this.#refresh = refresh;
    this.element = h('section', { class: 'group' }, this.#head, this.#body);
  }

  update(group) {
    this.#group = group;
    const minutes = group.nearest_start ? (new Date(group.nearest_start) - Date.now()) / 60_000 : Infinity;
    const pending = group.reason === 'pending' || group.reason === null;
    replace(this.#head,
      h('div', { class: minutes < soon ? 'start soon' : 'start' }, from_now(group.nearest_start) || 'no start'),
      h('div', {},
        h('h3', {}, h('button', { class: 'plain', type: 'button', 'aria-expanded': String(this.#open), 'data-key': 'open', onclick: () => this.#toggle() }, group.problem)),
        h('div', {}, group.acts === 'nobody' ? 'Nobody need act' : [h('span', { class: 'mark' }, group.acts, ' acts'), `: ${group.advice}`])),
      h('div', { class: 'number' }, `${count(group.sessions)} ${group.sessions === 1 ? 'session' : 'sessions'}`),
      pending ? h('span') : h('button', { type: 'button', 'data-key': 'all', onclick: () => retry_all(this.#client, group, this.#refresh) }, 'Retry all'));
    if (this.#open) this.#load(true);
  }

  #toggle() {
    this.#open = !this.#open;
    this.#body.hidden = !this.#open;
    this.update(this.#group);
  }

  // The first page anew, or the next one.
  async #load(anew) {
    const query = new URLSearchParams({ limit: page_size });
    if (this.#group.reason) query.set('reason', this.#group.reason);
    if (!anew && this.#next) query.set('after', this.#next);
    try {
      const page = await this.#client.get(`/api/console/stuck?${query}`);
      // what was shown further down stays, until somebody asks for more
      if (anew && this.#sessions.length > page_size) return;
      this.#sessions = anew ? page.sessions : [...this.#sessions, ...page.sessions];
      this.#next = page.next;
      this.#show();
    } catch (error) {
      replace(this.#body, h('p', { class: 'notice' }, error.message));
    }
  }

  #show() {
    replace(this.#body,
      h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': this.#group.problem }, h('table', {},
        h('thead', {}, h('tr', {}, ['Starts', 'Session', 'Owner', 'What happened', 'Next try'].map((title) => h('th', {}, title)), h('th', {}, h('span', { class: 'hidden' }, 'Actions')))),
        h('tbody', {}, this.#sessions.map((session) => this.#row(session))))),
      this.#next ? h('p', {}, h('button', { type: 'button', 'data-key': 'more', onclick: () => this.#load(false) }, `Show more of ${count(this.#group.sessions)}`)) : null);
  }

  #row(session) {
    const id = session.session_id;
    const retry = h('button', { type: 'button', 'data-key': `retry ${id}`, onclick: () => this.#retry(id, retry) }, 'Retry');
    return h('tr', {},
      h('td', { title: day_and_time(session.starts_at) }, from_now(session.starts_at) || 'no start'),
      h('td', {}, h('button', { class: 'plain', type: 'button', 'data-key': `story ${id}`, onclick: () => show_story(this.#client, session) }, foreign(session.title || 'Session')),
        h('div', { class: 'said' }, providers[session.provider] ?? session.provider)),
      h('td', {}, foreign(session.account || session.owner), session.connection_status ? h('div', { class: 'said' }, session.connection_status) : null),
      h('td', {}, session.detail ? foreign(session.detail) : h('span', { class: 'quiet' }, 'nothing yet'),
        h('div', { class: 'said' }, `${count(session.attempts)} ${session.attempts === 1 ? 'attempt' : 'attempts'}`)),
      h('td', {}, time_of_day(session.next_try_at) || '–'),
      h('td', { class: 'number' }, retry));
  }

  async #retry(id, button) {
    button.disabled = true;
    button.textContent = 'Retrying…';
    try {
      const answer = await this.#client.post('/api/sessions/retry-meeting-link', { sessionId: id });
      button.textContent = answer.join_url ? 'Linked' : 'Queued';
    } catch (error) {
      button.textContent = 'Failed';
      button.title = [error.body.error, error.body.details].filter(Boolean).join(': ');
    }
    this.#refresh();
  }
}

async function show_story(client, session) {
  const body = h('div', {}, h('p', { class: 'quiet' }, 'Loading…'));
  const close = h('button', { type: 'button', onclick: () => dialog.close() }, 'Close');
  const dialog = h('dialog', { 'aria-labelledby': 'story-title', class: 'story' },
    h('h2', { id: 'story-title' }, foreign(session.title || 'Session')), h('p', { class: 'said' }, session.session_id), body, h('p', {}, close));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  try {
    const { timeline } = await client.get(`/api/console/sessions/${encodeURIComponent(session.session_id)}`);
    replace(body, h('ol', { class: 'timeline' }, timeline.map((event) => h('li', {},
      h('time', { class: 'quiet', datetime: event.at }, day_and_time(event.at)),
      h('div', {}, h('span', { class: 'mark' }, event.event), ' ', foreign(event.description))))));
  } catch (error) {
    replace(body, h('p', { class: 'notice' }, error.message));
  }
}
