import type { Rating, Severity } from '../api/types';

export const ratings: readonly Rating[] = ['normal', 'suspicious', 'malicious'];

export const ratingWord: Record<Rating, string> = {
  normal: 'Normal',
  suspicious: 'Suspicious',
  malicious: 'Malicious',
};

const octagon = 'M5 .8h6l4.2 4.2v6L11 15.2H5L.8 11V5Z';

/** The same on the chart, where a bubble is too large to need the bar. */
export const bubblePath = { suspicious: 'M8 1.4 15.2 14H.8Z', malicious: octagon };

/** One shape each, so that a rating is told without its colour. On a 16-unit square. */
export const ratingPath: Record<Rating, string> = {
  normal: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8Z',
  suspicious: 'M8 1.4 15.2 14H.8Z',
  // The bar is wound the other way round and so is a hole, on a canvas too.
  malicious: `${octagon}M4.3 9.3h7.4V6.7H4.3Z`,
};

export function asRating(s: string): Rating {
  return s === 'suspicious' || s === 'malicious' ? s : 'normal';
}

const severityOrder: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info', 'trusted'];

/** 0 is the gravest. */
export function severityRank(s: string): number {
  const i = severityOrder.indexOf(s as Severity);
  return i < 0 ? severityOrder.length : i;
}
