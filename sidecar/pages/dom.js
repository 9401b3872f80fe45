// Elements from plain values. Text is always text: nothing here parses HTML.

// h('p', { class: 'quiet' }, 'text', child, null): properties that are functions become listeners, null is left out.
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(key.replace(/^on/, ''), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// What people and providers wrote, kept from reordering the text around it.
export function foreign(text) {
  const element = document.createElement('bdi');
  element.textContent = text ?? '';
  return element;
}

// Only https leaves this page; anything else is no link.
export function safe_url(url) {
  try {
    return new URL(url).protocol === 'https:' ? url : null;
  } catch {
    return null;
  }
}

// Replaces the children, and gives the focus back to the element with the same data-key.
export function replace(parent, ...children) {
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children.flat().filter(Boolean));
  if (key) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}
