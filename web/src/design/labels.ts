import type { Label } from '../api/types';
import { severityRank } from './rating.ts';

/** A label as often as it was placed, with the newest placing's values. */
export interface LabelGroup extends Label {
  times: number;
}

/** groupLabels folds repeats into one and puts the gravest first; shadow ones last. */
export function groupLabels(labels: readonly Label[]): LabelGroup[] {
  const byID = new Map<string, LabelGroup>();
  for (const l of labels) {
    const key = `${l.id}/${l.shadow}`;
    const known = byID.get(key);
    byID.set(key, { ...l, times: (known?.times ?? 0) + 1 });
  }
  return [...byID.values()].sort(
    (a, b) => Number(a.shadow) - Number(b.shadow) || severityRank(a.severity) - severityRank(b.severity) || b.points - a.points,
  );
}
