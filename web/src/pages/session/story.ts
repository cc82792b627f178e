import type { Action, Rating, SessionDetail, Signature } from '../../api/types';
import { groupLabels } from '../../design/labels.ts';
import { asRating, ratingWord, severityRank } from '../../design/rating.ts';
import { many } from '../../format/number.ts';
import { duration, readTime } from '../../format/time.ts';

// What happened, in a sentence or two: when it turned, by which event, why, and
// what was done. Parts that name a thing carry it, so that the page can link.

export type Part =
  | { kind: 'text'; text: string }
  | { kind: 'rating'; text: string; rating: Rating }
  | { kind: 'event'; text: string; id: string }
  | { kind: 'name'; text: string };

type Told = Pick<SessionDetail, 'start' | 'duration_ms' | 'events' | 'rating' | 'labels' | 'signatures' | 'actions' | 'turns'>;

const text = (t: string): Part => ({ kind: 'text', text: t });
const name = (t: string): Part => ({ kind: 'name', text: t });

export function story(s: Told): Part[] {
  const parts: Part[] = [];
  if (s.turns.length === 0) parts.push(...calm(s));
  s.turns.forEach((t, i) => {
    const to = asRating(t.to);
    const rank = (r: string) => ['normal', 'suspicious', 'malicious'].indexOf(r);
    const word = rank(t.to) < rank(t.from) ? 'Fell back to ' : i === 0 ? 'Turned ' : 'Then turned ';
    parts.push(text(word), { kind: 'rating', text: ratingWord[to].toLowerCase(), rating: to });
    const at = (readTime(t.time)?.getTime() ?? 0) - (readTime(s.start)?.getTime() ?? 0);
    parts.push(text(at < 1000 ? ' at its start, with ' : ` ${duration(at)} in, with `), { kind: 'event', text: t.event_name || 'an event', id: t.event_id });
    const why = reason(t.reason, s, t.event_id);
    if (why.length > 0) parts.push(text(': '), ...why);
    parts.push(text('. '));
  });
  parts.push(...done(s.actions));
  return trimmed(parts);
}

export const plain = (parts: Part[]) => parts.map((p) => p.text).join('');

function calm(s: Told): Part[] {
  const span = `${many(s.events, 'event')} in ${duration(s.duration_ms)}`;
  if (s.rating !== 'normal') {
    return [text('Was '), { kind: 'rating', text: ratingWord[s.rating].toLowerCase(), rating: s.rating }, text(` from the start: ${span}. `)];
  }
  const gravest = groupLabels(s.labels).find((l) => !l.shadow && severityRank(l.severity) < severityRank('info'));
  if (!gravest) return [text(`Nothing stood out: ${span}. `)];
  return [text(`Stayed `), { kind: 'rating', text: 'normal', rating: 'normal' }, text(` through ${span}; the gravest label was `), name(gravest.title), text(` (${gravest.severity}). `)];
}

/** "signature card_testing; points 80 reached 70" in the titles an analyst knows. */
export function reason(r: string, s: Pick<Told, 'signatures' | 'labels'>, eventID = ''): Part[] {
  const out: Part[] = [];
  for (const clause of r.split(';').map((c) => c.trim()).filter(Boolean)) {
    if (out.length > 0) out.push(text(', '));
    const [kind, ...rest] = clause.split(' ');
    const rest1 = rest[0] ?? '';
    const after = rest.slice(1).join(' ');
    const signature = kind === 'signature' ? s.signatures.find((g) => g.id === rest1) : undefined;
    const label = kind === 'label' ? s.labels.find((l) => l.id === rest1) : undefined;
    if (signature) {
      out.push(text('signature '), name(signature.title));
      // "signature stuffing no longer holds": what made it is no reason then.
      if (after) {
        out.push(text(` ${after}`));
        continue;
      }
      const titles = signature.labels.map((id) => s.labels.find((l) => l.id === id)?.title ?? id);
      if (titles.length > 0) out.push(text(' ('), ...joined(titles), text(')'));
    } else if (label) {
      out.push(text('label '), name(label.title));
    } else {
      out.push(text(points(clause)));
      const here = groupLabels(s.labels.filter((l) => l.event_id === eventID && !l.shadow && l.points > 0));
      if (/\bpoints\b/.test(clause) && here.length > 0) out.push(text(' by '), ...joined(here.slice(0, 3).map((l) => l.title)));
    }
  }
  return out;
}

/** "45 points reached 30" says too little about the 30. */
function points(clause: string): string {
  const m = /^(?:points (\d+)|(\d+) points) reached (\d+)$/.exec(clause);
  return m ? `${m[1] ?? m[2]} points (limit ${m[3]})` : clause;
}

/** Why an action was taken, with the signature's title instead of its ID. */
export function because(r: string, signatures: readonly Signature[]): string {
  return r.replace(/\bsignature ([a-z0-9_]+)/g, (_, id: string) => `signature ${signatures.find((g) => g.id === id)?.title ?? id.replaceAll('_', ' ')}`);
}

function joined(titles: string[]): Part[] {
  return titles.flatMap((t, i) => [...(i === 0 ? [] : [text(i === titles.length - 1 ? ' and ' : ', ')]), name(t)]);
}

const did: Record<Action['type'], string> = { block: 'Blocked', redirect: 'Redirected', tag: 'Tagged for the origin' };
const would: Record<Action['type'], string> = { block: 'blocked', redirect: 'redirected', tag: 'tagged' };

function done(actions: readonly Action[]): Part[] {
  const times = (n: number) => (n === 1 ? 'once' : n === 2 ? 'twice' : `${n} times`);
  return actions.flatMap((a) => {
    const n = a.count ?? 1;
    // The workflow has a title that was written to be read.
    const by = a.workflow ? [text('by workflow '), name(a.workflow)] : [text('by '), name(a.name)];
    if (a.shadow) return [text(`Would have been ${would[a.type]} ${times(n)} `), ...by, text(' (shadow). ')];
    if (!a.enforced) return [name(a.name), text(` was decided ${times(n)} but not taken${a.reason ? ` (${a.reason})` : ''}. `)];
    return [text(`${did[a.type]} ${times(n)} `), ...by, text('. ')];
  });
}

function trimmed(parts: Part[]): Part[] {
  const last = parts.at(-1);
  return last ? [...parts.slice(0, -1), { ...last, text: last.text.trimEnd() }] : parts;
}
