// Times are shown in UTC everywhere, so that two analysts read the same.

/** Reads RFC 3339 text, or microseconds since 1970 as the judge writes them. */
export function readTime(t: string | number | undefined | null): Date | null {
  if (t === undefined || t === null || t === '' || t === 0) return null;
  const d = new Date(typeof t === 'number' ? t / 1000 : t);
  return Number.isNaN(d.getTime()) ? null : d;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number) => String(n).padStart(2, '0');

export function clock(t: string | number | null | undefined): string {
  const d = readTime(t);
  return d ? `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}` : '–';
}

export function day(t: string | number | null | undefined): string {
  const d = readTime(t);
  return d ? `${d.getUTCDate()} ${months[d.getUTCMonth()]}` : '–';
}

/** 21 Nov 05:23:17 */
export function moment(t: string | number | null | undefined): string {
  return readTime(t) ? `${day(t)} ${clock(t)}` : '–';
}

/** For narrow columns: 05:23:17 today, 20 Nov 05:23 before. */
export function stamp(t: string | number | null | undefined, now: number): string {
  const today = new Date(now).toISOString().slice(0, 10);
  return readTime(t)?.toISOString().slice(0, 10) === today ? clock(t) : moment(t).replace(/:\d\d$/, '');
}

/** 2026-11-21 05:23:17.042 UTC */
export function exact(t: string | number | null | undefined): string {
  const d = readTime(t);
  return d ? `${d.toISOString().replace('T', ' ').replace('Z', '')} UTC` : '–';
}

/** 12 s ago; "in 3 min" when it lies ahead. */
export function ago(t: string | number | null | undefined, now: number): string {
  const d = readTime(t);
  if (!d) return '–';
  const ms = now - d.getTime();
  if (Math.abs(ms) < 2000) return 'now';
  const s = Math.abs(ms) / 1000;
  const [n, unit] = s < 60 ? [s, 's'] : s < 3600 ? [s / 60, 'min'] : s < 86400 ? [s / 3600, 'h'] : [s / 86400, 'd'];
  const amount = `${Math.floor(n)} ${unit}`;
  return ms < 0 ? `in ${amount}` : `${amount} ago`;
}

/** For narrow columns: 12s, 3m 04s, 2h 05m, 3d 2h */
export function brief(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–';
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  const min = Math.floor(s / 60);
  if (min < 1440) return `${Math.floor(min / 60)}h ${two(min % 60)}m`;
  return `${Math.floor(min / 1440)}d ${Math.floor((min % 1440) / 60)}h`;
}

/** 850 ms, 12 s, 3 min 4 s, 2 h 5 min, 3 d 2 h */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = Math.round(ms / 1000);
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small > 0 ? `${big} ${bigUnit} ${small} ${smallUnit}` : `${big} ${bigUnit}`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return pair(Math.floor(s / 60), 'min', s % 60, 's');
  const min = Math.round(s / 60);
  if (min < 1440) return pair(Math.floor(min / 60), 'h', min % 60, 'min');
  const h = Math.round(min / 60);
  return pair(Math.floor(h / 24), 'd', h % 24, 'h');
}
