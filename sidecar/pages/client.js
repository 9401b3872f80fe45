// The daemon's HTTP API: requests with the caller's token, and one stream of changes shared by everything on a page.

export class ApiError extends Error {
  // status 0: no answer. body: the answer object (README "HTTP"), with error, details and action.
  constructor(status, body) {
    super(body.error || `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

const first_delay = 500;
const longest_delay = 15_000;
const poll_interval = 10_000;

export class Client {
  #base;
  #token;
  #watched = new Map(); // session id -> Set of callbacks
  #topics = new Map();
  #stream = null;
  #last_id = null;
  #restart = 0;

  // base: where the daemon answers, "" for this page's own origin; token: () => string or promise of one, may be null.
  constructor({ base = '', token = () => null } = {}) {
    this.#base = base.replace(/\/$/, '');
    this.#token = token;
  }

  get(path) {
    return this.#ask('GET', path);
  }

  post(path, body) {
    return this.#ask('POST', path, body);
  }

  // Calls back whenever it is worth asking for the session again. Returns a function that ends it.
  watch_session(id, changed) {
    return this.#watch(this.#watched, id, changed);
  }

  watch_topic(topic, changed) {
    return this.#watch(this.#topics, topic, changed);
  }

  async #headers(more = {}) {
    const token = await this.#token();
    return token ? { ...more, Authorization: `Bearer ${token}` } : more;
  }

  async #ask(method, path, body) {
    const json = body !== undefined;
    let response;
    try {
      response = await fetch(this.#base + path, {
        method,
        headers: await this.#headers(json ? { 'Content-Type': 'application/json' } : {}),
        body: json ? JSON.stringify(body) : undefined,
        credentials: 'omit',
        cache: 'no-store',
      });
    } catch {
      throw new ApiError(0, {});
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }

  #watch(list, key, changed) {
    const callbacks = list.get(key) ?? new Set();
    list.set(key, callbacks.add(changed));
    this.#reopen();
    return () => {
      callbacks.delete(changed);
      if (callbacks.size === 0 && list.get(key) === callbacks) {
        list.delete(key);
        this.#reopen();
      }
    };
  }

  // What is watched has changed: one stream for all of it, opened once things are quiet.
  #reopen() {
    clearTimeout(this.#restart);
    this.#restart = setTimeout(() => {
      this.#stream?.abort();
      this.#stream = null;
      this.#last_id = null; // it speaks of what was watched before
      if (this.#watched.size + this.#topics.size > 0) {
        this.#stream = new AbortController();
        this.#follow(this.#stream.signal);
      }
    }, 50);
  }

  async #follow(signal) {
    let delay = first_delay;
    while (!signal.aborted) {
      try {
        await this.#read_stream(signal, () => { delay = first_delay; });
      } catch {
        // no stream: ask, and try again later
      }
      if (signal.aborted) return;
      this.#tell_all();
      await pause(delay * (0.5 + Math.random() / 2), signal);
      delay = Math.min(2 * delay, longest_delay);
    }
  }

  async #read_stream(signal, opened) {
    const query = new URLSearchParams();
    for (const id of [...this.#watched.keys()].slice(0, 100)) query.append('session', id);
    for (const topic of this.#topics.keys()) query.append('topic', topic);
    const headers = await this.#headers({ Accept: 'text/event-stream' });
    if (this.#last_id !== null) headers['Last-Event-ID'] = this.#last_id;
    const response = await fetch(`${this.#base}/api/events?${query}`, { headers, signal, credentials: 'omit', cache: 'no-store' });
    if (!response.ok || !response.body) {
      // refused for good, as far as can be told: poll
      await pause(poll_interval, signal);
      return;
    }
    opened();
    const fresh = this.#last_id === null;
    let first = true;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split(/\r?\n\r?\n/);
      text = events.pop();
      for (const event of events) {
        this.#heard(event);
        // from here on nothing is missed: what was asked for before may be old
        if (first && fresh) this.#tell_all();
        first = false;
      }
    }
  }

  #heard(text) {
    const field = {};
    for (const line of text.split(/\r?\n/)) {
      const colon = line.indexOf(':');
      if (colon > 0) field[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
    }
    if (field.id !== undefined) this.#last_id = field.id;
    if (field.event === 'session') {
      tell(this.#watched.get(JSON.parse(field.data).session_id));
    } else if (field.event) {
      tell(this.#topics.get(field.event));
    }
  }

  #tell_all() {
    for (const callbacks of [...this.#watched.values(), ...this.#topics.values()]) tell(callbacks);
  }
}

function tell(callbacks) {
  for (const changed of [...(callbacks ?? [])]) changed();
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
