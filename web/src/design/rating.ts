import type { Rating, Severity } from '../api/types';

export const ratings: readonly Rating[] = ['normal', 'suspicious', 'malicious'];

export const ratingWord: Record<Rating, string> = {
  normal: 'Normal',
  suspicious: 'Suspicious',
  malicious: 'Malicious',
};

/** One shape each, so that a rating is told without its colour. On a 16-unit square. */
export const ratingPath: Record<Rating, string> = {
  normal: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8Z',
  suspicious: 'M8 1.4 15.2 14H.8Z',
  malicious: 'M5.2 1.2h5.6l4 4v5.600l-4 4H5.200l-4-4V5.200Z',
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
