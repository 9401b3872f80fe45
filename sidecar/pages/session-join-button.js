// <session-join-button session-id="…"></session-join-button>: a session's way in, or why there is none yet and who must act.
// One line to embed it in any page: <script type="module" src="https://…/assets/session-join-button.js"></script>
//
// Attributes  session-id     which session
//             api-base       where the daemon answers; default: where this module came from
//             role           "student" hides Retry Now even from the tutor
//             reconnect-url  page where the tutor connects Google or Zoom; without it there is no such button
//             theme          "light" or "dark"; default: the reader's own
//             lang           of times; default: the document's
//             texts          JSON object with other texts (texts.js)
//             token-callback name of a global function that returns the caller's token
// Properties  token (function that returns a token or a promise of one), texts (object)
// Events      meetlink-state {state, session}, meetlink-ready {session, join_url}, meetlink-retry {session_id}; they bubble

import { Client } from './client.js';
import { h, foreign, replace, safe_url } from './dom.js';
import { providers, time_of_day } from './format.js';
import { texts as english } from './texts.js';

const home = new URL('..', import.meta.url).href;
const style = new CSSStyleSheet();
style.replaceSync(`
:host { display: block; font: 15px/1.45 system-ui, sans-serif; color-scheme: light dark; container-type: inline-size; min-width: 0;
  --ink: light-dark(#1c1e21, #e8e9eb); --quiet: light-dark(#5b6067, #a5abb3); --paper: light-dark(#fff, #1d1f23);
  --line: light-dark(#d9dce1, #3b3f46); --accent: light-dark(#1a56c4, #8ab0ff); --on-accent: light-dark(#fff, #10131a);
  --warn: light-dark(#fff6d6, #3a3113); --warn-line: light-dark(#d9b64a, #8a742c); --bad: light-dark(#fdecea, #41211f); --bad-line: light-dark(#d98880, #8c4a45); }
:host([theme=light]) { color-scheme: light; }
:host([theme=dark]) { color-scheme: dark; }
:host([hidden]) { display: none; }
.box { color: var(--ink); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; background: var(--paper); overflow-wrap: anywhere; }
.making, .waiting { background: var(--warn); border-color: var(--warn-line); }
.failed, .refused { background: var(--bad); border-color: var(--bad-line); }
.ready, .ended, .cancelled { border: 0; padding: 0; background: none; }
.ended, .cancelled { color: var(--quiet); }
p { margin: 0; }
p + p, p + .said { margin-block-start: 6px; }
.title { font-weight: 600; }
.said { color: var(--quiet); font-size: 13px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 10px; }
.button { display: inline-flex; align-items: center; justify-content: center; min-height: 40px; padding: 0 16px; box-sizing: border-box; font: inherit; font-weight: 600;
  border-radius: 6px; border: 1px solid var(--accent); color: var(--accent); background: transparent; text-decoration: none; cursor: pointer; }
.button.main { background: var(--accent); color: var(--on-accent); }
.button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.button[disabled] { opacity: .6; cursor: progress; }
progress { inline-size: 100%; block-size: 4px; margin-block-start: 10px; accent-color: var(--accent); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (max-width: 360px) { .button { inline-size: 100%; } }
`);

const clients = new Map(); // one for each place and way to get a token, so that a page has one stream

class SessionJoinButton extends HTMLElement {
  static observedAttributes = ['session-id', 'api-base', 'role', 'reconnect-url', 'lang', 'texts', 'token-callback'];

  #root = this.attachShadow({ mode: 'open' });
  #box = h('div', { class: 'box' });
  #told = h('div', { class: 'hidden', role: 'status', 'aria-live': 'polite' });
  #token = null;
  #texts = {};
  #session = null;
  #problem = null; // an ApiError instead of a session
  #retrying = false;
  #note = null; // what the last retry came to, when nothing else tells
  #asked = 0;
  #unwatch = null;
  #client = null;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [style];
    this.#root.append(this.#box, this.#told);
  }

  get token() { return this.#token; }
  set token(callback) {
    this.#token = callback;
    if (this.isConnected) this.#start();
  }

  get texts() { return this.#texts; }
  set texts(texts) {
    this.#texts = texts ?? {};
    this.#show();
  }

  get session() { return this.#session; }

  connectedCallback() {
    this.#start();
  }

  disconnectedCallback() {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (['session-id', 'api-base', 'token-callback'].includes(name)) this.#start();
    else this.#show();
  }

  #start() {
    this.#unwatch?.();
    this.#session = this.#problem = this.#note = null;
    const id = this.getAttribute('session-id');
    const named = globalThis[this.getAttribute('token-callback')];
    const token = this.#token ?? (typeof named === 'function' ? named : null);
    this.#client = client_of(this.getAttribute('api-base') ?? home, token);
    this.#show();
    if (!id) return;
    this.#unwatch = this.#client.watch_session(id, () => this.refresh());
    this.refresh();
  }

  // Asks for the session's state now.
  async refresh() {
    const id = this.getAttribute('session-id');
    const asked = ++this.#asked;
    let session = null;
    let problem = null;
    try {
      session = await this.#client.get(`/api/sessions/${encodeURIComponent(id)}`);
    } catch (error) {
      problem = error;
    }
    if (asked !== this.#asked) return; // a later answer is on its way
    // a passing failure does not take away what is known
    if (problem && (problem.status === 0 || problem.status >= 500) && this.#session) return;
    if (session?.state !== this.#session?.state) this.#note = null;
    this.#session = session;
    this.#problem = problem;
    this.#show();
  }

  async retry() {
    const id = this.getAttribute('session-id');
    if (this.#retrying) return;
    this.#retrying = true;
    this.#note = null;
    this.#show();
    this.#emit('meetlink-retry', { session_id: id });
    try {
      const answer = await this.#client.post('/api/sessions/retry-meeting-link', { sessionId: id });
      if (!answer.join_url) this.#note = this.#text('queued');
    } catch (error) {
      // why there is no link is told by the session itself
      if (error.status === 0) this.#note = this.#text('offline');
      else if (error.status === 403 || error.status === 503) this.#note = [error.body.error, error.body.details].filter(Boolean).join(': ');
    }
    await this.refresh();
    this.#retrying = false;
    this.#show();
  }

  #text(key, values = {}) {
    let own = {};
    try {
      own = JSON.parse(this.getAttribute('texts') ?? '{}');
    } catch {
      // not JSON: English
    }
    const text = this.#texts[key] ?? own[key] ?? english[key];
    return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #state() {
    if (this.#retrying) return 'retrying';
    if (this.#session) return this.#session.state;
    return this.#problem ? 'refused' : 'loading';
  }

  #show() {
    const state = this.#state();
    const parts = this.#parts(state);
    this.#box.className = `box ${state === 'retrying' ? 'making' : state}`;
    this.#box.setAttribute('aria-busy', String(state === 'retrying' || state === 'loading'));
    replace(this.#box, parts);
    const told = [...this.#box.querySelectorAll('p')].map((p) => p.textContent).join(' ');
    if (this.#told.textContent !== told) this.#told.textContent = told;
    if (this.getAttribute('state') !== state) {
      this.setAttribute('state', state);
      this.#emit('meetlink-state', { state, session: this.#session });
      if (state === 'ready') this.#emit('meetlink-ready', { session: this.#session, join_url: this.#session.join_url });
    }
  }

  #parts(state) {
    const session = this.#session;
    const provider = providers[session?.provider] ?? session?.provider ?? '';
    const say = (key, values) => h('p', {}, this.#text(key, values));
    const title = (...text) => h('p', { class: 'title' }, ...text);
    switch (state) {
      case 'retrying': return [title(this.#text('retrying')), h('progress', { 'aria-label': this.#text('retrying') })];
      case 'ready': return [this.#join(session, provider)];
      case 'ended': return [say('ended')];
      case 'cancelled': return [say('cancelled')];
      case 'refused': return [title(this.#refusal())];
      case 'making': return [title(this.#text('making')), this.#noted(), this.#actions(session, provider)];
      case 'waiting': return [
        title(this.#may_retry() && session.problem ? foreign(session.problem) : this.#text('waiting')),
        session.retry_at ? say('try_again_at', { time: time_of_day(session.retry_at, this.#lang()) }) : null,
        ...this.#why(session, provider), this.#noted(), this.#actions(session, provider)];
      case 'failed': return this.#may_retry()
        ? [title(session.problem ? foreign(session.problem) : this.#text('failed')), ...this.#why(session, provider),
          ['operator', 'developer'].includes(session.acts) ? say('only_operator') : null, this.#noted(), this.#actions(session, provider)]
        : [title(this.#text('not_ready'))];
      default: return [say('loading')];
    }
  }

  #refusal() {
    return this.#text({ 0: 'offline', 401: 'sign_in', 403: 'forbidden', 404: 'not_found' }[this.#problem.status] ?? 'offline');
  }

  #why(session, provider) {
    if (!this.#may_retry()) return [];
    return [
      session.advice && !['operator', 'developer'].includes(session.acts) ? h('p', {}, session.advice) : null,
      // what to do about a dead connection is said above
      session.details && session.action !== 'disconnect_reconnect' ? h('p', { class: 'said' }, this.#text('provider_said', { provider }), ' ', foreign(session.details)) : null,
    ];
  }

  #noted() {
    return this.#note ? h('p', {}, foreign(this.#note)) : null;
  }

  #may_retry() {
    if (this.getAttribute('role') === 'student') return false;
    return this.#session.role !== 'participant';
  }

  #actions(session, provider) {
    if (!this.#may_retry()) return null;
    const only_operator = session.state === 'failed' && ['operator', 'developer'].includes(session.acts) && session.role !== 'operator';
    const url = this.getAttribute('reconnect-url');
    const connect = { disconnect_reconnect: 'reconnect', connect_provider: 'connect' }[session.action];
    const buttons = [
      connect && url ? h('a', { class: 'button main', href: new URL(url, document.baseURI).href, 'data-key': 'connect' }, this.#text(connect, { provider })) : null,
      only_operator ? null : h('button', { class: connect && url ? 'button' : 'button main', type: 'button', 'data-key': 'retry', onclick: () => this.retry() }, this.#text('retry')),
    ].filter(Boolean);
    return buttons.length ? h('div', { class: 'actions' }, buttons) : null;
  }

  #join(session, provider) {
    const href = safe_url(session.join_url);
    if (!href) return h('p', { class: 'title' }, this.#text('failed'));
    return h('a', { class: 'button main', href, target: '_blank', rel: 'noopener noreferrer', 'data-key': 'join' },
      this.#text('join', { provider }), h('span', { class: 'hidden' }, ` (${this.#text('opens')})`));
  }

  #lang() {
    return this.closest('[lang]')?.lang || undefined;
  }
}

function client_of(base, token) {
  const of_base = clients.get(token) ?? new Map();
  clients.set(token, of_base);
  if (!of_base.has(base)) of_base.set(base, new Client({ base, token: token ?? (() => null) }));
  return of_base.get(base);
}

if (!customElements.get('session-join-button')) customElements.define('session-join-button', SessionJoinButton);
