// Times and numbers in the reader's language.

export const providers = { google_meet: 'Google Meet', zoom: 'Zoom', microsoft_teams: 'Microsoft Teams' };

const number = new Intl.NumberFormat();

export function count(value) {
  return number.format(value ?? 0);
}

export function day_and_time(iso, lang) {
  if (!iso) return '';
  return new Intl.DateTimeFormat(lang, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(new Date(iso));
}

export function time_of_day(iso, lang) {
  if (!iso) return '';
  const at = new Date(iso);
  const today = new Date().toDateString() === at.toDateString();
  return today ? new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit' }).format(at) : day_and_time(iso, lang);
}

export function clock(iso, lang) {
  return iso ? new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(new Date(iso)) : '';
}

// "in 25 min", "in 3 h", "12 min ago"
export function from_now(iso, lang) {
  if (!iso) return '';
  const minutes = Math.round((new Date(iso) - Date.now()) / 60_000);
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: 'auto', style: 'short' });
  if (Math.abs(minutes) < 100) return relative.format(minutes, 'minute');
  if (Math.abs(minutes) < 48 * 60) return relative.format(Math.round(minutes / 60), 'hour');
  return relative.format(Math.round(minutes / 1440), 'day');
}

export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
