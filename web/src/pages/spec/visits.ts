import type { Mark, Rating } from '../../api/types';
import { asRating, ratings } from '../../design/rating.ts';
import { device } from '../../format/place.ts';
import { readTime } from '../../format/time.ts';

// Sessions over time, a lane for each browser: what the chart draws, worked out
// apart from it.

export interface Dot { at: number; time: string; rating: Rating; sessions: number; browsers: string[] }
export interface Lane { name: string; sessions: number; dots: Dot[] }

/** A browser without its version, which changes under the same visitor. */
export const browserName = (ua: string) => device(ua).replace(/ \d[\d.]*/g, '');

const mostLanes = 8;

/** Lanes with most sessions first, dots by time as a share of the span; what is left over shares the last lane. */
export function lanes(marks: readonly Mark[], first: string, last: string): Lane[] {
  const [from, to] = [readTime(first)?.getTime() ?? 0, readTime(last)?.getTime() ?? 0];
  const share = (t: string) => {
    const at = readTime(t)?.getTime() ?? from;
    return to > from ? Math.min(1, Math.max(0, (at - from) / (to - from))) : 0.5;
  };
  const sums = new Map<string, number>();
  for (const m of marks) sums.set(browserName(m.browser), (sums.get(browserName(m.browser)) ?? 0) + m.sessions);
  const names = [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => name);
  const own = new Set(names.length > mostLanes ? names.slice(0, mostLanes - 1) : names);
  const rest = `${names.length - own.size} others`;
  const out = new Map<string, Lane>();
  for (const name of names) {
    const key = own.has(name) ? name : rest;
    if (!out.has(key)) out.set(key, { name: key, sessions: 0, dots: [] });
  }
  for (const m of marks) {
    const lane = out.get(own.has(browserName(m.browser)) ? browserName(m.browser) : rest);
    if (!lane) continue;
    lane.sessions += m.sessions;
    const rating = asRating(m.rating);
    const dot = lane.dots.find((d) => d.time === m.start && d.rating === rating);
    if (dot) {
      dot.sessions += m.sessions;
      if (!dot.browsers.includes(m.browser)) dot.browsers.push(m.browser);
    } else {
      lane.dots.push({ at: share(m.start), time: m.start, rating, sessions: m.sessions, browsers: [m.browser] });
    }
  }
  // The worst is drawn last, above the others.
  for (const lane of out.values()) lane.dots.sort((a, b) => ratings.indexOf(a.rating) - ratings.indexOf(b.rating) || a.at - b.at);
  return [...out.values()];
}
