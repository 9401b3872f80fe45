// Retry of everything with one reason: asked first, then in portions, with progress, and it can be stopped.

import { count } from './format.js';
import { h } from './dom.js';

const portion = 100;

// Resolves when the dialog is closed.
export function retry_all(client, group, done) {
  const progress = h('progress', { max: group.sessions, value: 0, hidden: true, 'aria-label': 'Progress' });
  const status = h('p', { role: 'status' });
  const start = h('button', { class: 'main', type: 'button' }, `Retry ${count(group.sessions)}`);
  const cancel = h('button', { type: 'button' }, 'Cancel');
  const dialog = h('dialog', { 'aria-labelledby': 'retry-title' },
    h('h2', { id: 'retry-title' }, `Retry ${count(group.sessions)} sessions?`),
    h('p', {}, group.problem, '. ', ['operator', 'developer'].includes(group.acts) ? `First: ${group.advice}` : 'They are tried again at once, the nearest start first.'),
    progress, status, h('div', { class: 'row' }, start, cancel));
  let running = false;
  let stopped = false;

  async function run() {
    running = true;
    start.disabled = true;
    cancel.textContent = 'Stop';
    progress.hidden = false;
    let changed = 0;
    try {
      while (!stopped && changed < group.sessions) {
        const answer = await client.post('/api/console/retry', { reason: group.reason, limit: Math.min(portion, group.sessions - changed) });
        if (answer.changed === 0) break;
        changed += answer.changed;
        progress.value = changed;
        status.textContent = `${count(changed)} of ${count(group.sessions)} are being tried again`;
        done();
      }
      if (!stopped) progress.value = group.sessions;
      status.textContent = `${count(changed)} sessions are being tried again.`;
    } catch (error) {
      status.textContent = `Stopped after ${count(changed)}: ${error.message}`;
    }
    running = false;
    start.hidden = true;
    cancel.textContent = 'Close';
    done();
  }

  start.addEventListener('click', run);
  cancel.addEventListener('click', () => {
    stopped = true;
    if (!running) dialog.close();
  });
  dialog.addEventListener('close', () => { stopped = true; dialog.remove(); });
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
}
