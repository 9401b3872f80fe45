// Who reads the page: a token from the address (#token=…) or typed in, kept for this tab; or none, when a proxy in front adds
// the header itself or the daemon trusts this machine.

import { Client } from './client.js';
import { h } from './dom.js';

const kept = 'meetlink-token';

const given = new URLSearchParams(location.hash.slice(1)).get('token');
if (given) {
  sessionStorage.setItem(kept, given);
  // not for the history, nor for a bookmark
  history.replaceState(null, '', location.pathname + location.search);
}

export const token = () => sessionStorage.getItem(kept);
export const client = new Client({ token });

export function sign_out() {
  sessionStorage.removeItem(kept);
  location.reload();
}

// In the place of a page that may not be read: what to do, and a field for a token.
export function sign_in_panel(error) {
  const field = h('input', { id: 'token', name: 'token', autocomplete: 'off', spellcheck: 'false', size: '40' });
  return h('form', {
    class: 'panel',
    onsubmit: (event) => {
      event.preventDefault();
      sessionStorage.setItem(kept, field.value.trim());
      location.reload();
    },
  },
  h('h2', {}, 'Sign in'),
  h('p', {}, error.status === 403 ? 'Your account may not see this page.' : 'Open this page from the application you are signed in to.'),
  error.body.details ? h('p', { class: 'said' }, error.body.details) : null,
  h('label', { for: 'token' }, 'Or paste your token: '),
  h('div', { class: 'row' }, field, h('button', { class: 'main' }, 'Sign in')));
}
