// Small charts as SVG: one number for each bucket of time, with its greatest value and span in words for whoever cannot see it.

import { count, duration, time_of_day } from './format.js';
import { h } from './dom.js';

const width = 300;
const height = 90;

function svg(name, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function figure(title, summary, buckets, ...marks) {
  const from = time_of_day(buckets[0]?.at);
  const to = time_of_day(buckets.at(-1)?.at);
  return h('figure', { class: 'chart' },
    h('figcaption', {}, h('span', { class: 'mark' }, title), ` ${summary}`),
    svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: ${summary}, ${from} to ${to}` },
      svg('line', { class: 'axis', x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }), ...marks),
    h('div', { class: 'row said' }, h('span', {}, from), h('span', { class: 'end' }, to)));
}

function bars(values, most, name) {
  const step = width / values.length;
  return values.map((value, i) => value > 0
    ? svg('rect', { class: name, x: i * step + step * 0.1, width: step * 0.8, y: height - (height - 2) * value / most, height: (height - 2) * value / most })
    : null).filter(Boolean);
}

// Gaps where nothing was measured stay gaps.
function line(values, most, name) {
  const step = width / Math.max(values.length - 1, 1);
  const y = (value) => height - 1 - (height - 3) * value / most;
  const known = (i) => i >= 0 && i < values.length && values[i] !== null;
  let path = '';
  values.forEach((value, i) => {
    if (!known(i)) return;
    path += `${known(i - 1) ? 'L' : 'M'}${i * step} ${y(value)}`;
    if (!known(i - 1) && !known(i + 1)) path += 'h0.01';
  });
  return path ? [svg('path', { class: name, d: path, 'stroke-linecap': 'round' })] : [];
}

const sum = (values) => values.reduce((all, value) => all + value, 0);
const most_of = (values) => Math.max(1, ...values.filter((value) => value !== null));

export function charts({ buckets }) {
  const linked = buckets.map((bucket) => bucket.linked);
  const failed = buckets.map((bucket) => sum(Object.values(bucket.failed)));
  const reasons = {};
  for (const bucket of buckets) {
    for (const [reason, times] of Object.entries(bucket.failed)) reasons[reason] = (reasons[reason] ?? 0) + times;
  }
  const p50 = buckets.map((bucket) => bucket.p50_ms);
  const p99 = buckets.map((bucket) => bucket.p99_ms);
  const backlog = buckets.map((bucket) => bucket.backlog);
  const worst = Object.entries(reasons).sort((a, b) => b[1] - a[1]).slice(0, 3).map(([reason, times]) => `${reason} ${count(times)}`).join(', ');
  const slowest = most_of(p99);
  return h('div', { class: 'charts' },
    figure('Links made', count(sum(linked)), buckets, ...bars(linked, most_of(linked), 'bar')),
    figure('Failed attempts', `${count(sum(failed))}${worst ? `: ${worst}` : ''}`, buckets, ...bars(failed, most_of(failed), 'bad')),
    figure('Time to link', p99.some((value) => value !== null)
      ? `p50 ${duration(p50.findLast((value) => value !== null))}, p99 at most ${duration(slowest)}` : 'no links', buckets,
    ...line(p50, slowest, 'line'), ...line(p99, slowest, 'line second')),
    figure('Backlog', `${count(backlog.at(-1))} now, at most ${count(most_of([0, ...backlog]) === 1 ? Math.max(0, ...backlog) : most_of(backlog))}`, buckets, ...line(backlog, most_of(backlog), 'line')));
}
