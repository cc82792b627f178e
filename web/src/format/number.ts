const grouped = new Intl.NumberFormat('en-US');
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (n: number) => grouped.format(n);
export const compact = (n: number) => (Math.abs(n) < 10_000 ? grouped.format(n) : short.format(n));

/** "1 session", "1,204 sessions" */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${grouped.format(n)} ${n === 1 ? one : more}`;
}

export function bytes(n: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

/** A share in per cent, never rounded to none or all when it is neither. */
export function percent(share: number, digits = 1): string {
  const n = share * 100;
  const near = digits > 0 && n !== 0 && n !== 100 && (n < 1 || n > 99) ? 2 : digits;
  const s = n.toFixed(near);
  if (near > 0 && n > 0 && Number(s) === 0) return '<0.01 %';
  if (near > 0 && n < 100 && Number(s) === 100) return '>99.99 %';
  return `${n === 0 || n === 100 ? n.toFixed(0) : s} %`;
}

/** "90.1 – 92.2 %" */
export const interval = (low: number, high: number) => `${percent(low).replace(' %', '')} – ${percent(high)}`;

/** Latencies: three figures that matter. */
export function millis(ms: number): string {
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Events a minute. */
export const velocity = (v: number) => `${v < 10 ? v.toFixed(1) : grouped.format(Math.round(v))}/min`;
