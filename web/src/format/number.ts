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
