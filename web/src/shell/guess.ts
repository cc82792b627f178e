import type { ElementDef } from '../api/types';

// What a pasted text may be: the palette puts the likeliest first.

export type Guess = { kind: 'id'; id: string } | { kind: 'entity'; id: string } | { kind: 'value'; value: string };

export function guess(text: string): Guess {
  const t = text.trim();
  if (/^e[0-7][0-9a-f]{15}$/.test(t)) return { kind: 'entity', id: t };
  if (/^[1-9]\d{16,18}$/.test(t)) return { kind: 'id', id: t };
  return { kind: 'value', value: t };
}

const shapes: [RegExp, RegExp][] = [
  [/^[^\s@]+@[^\s@]+$/, /^email$/],
  [/^[^\s@]+@[^\s@]+$/, /mail/],
  [/^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-f:]*:[0-9a-f:]+$/i, /^ip$/],
  [/^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-f:]*:[0-9a-f:]+$/i, /(^|_)ip(_|$)/],
  [/^\+?[\d ()-]{7,15}$/, /phone/],
  [/^[\d -]{12,19}$/, /card/],
  [/^Mozilla\//, /user_agent/],
];

// Some texts can be a value of these alone.
const only: [RegExp, RegExp][] = [
  [/^[^\s@]+@[^\s@]+\.[^\s@]+$/, /mail|username|account|customer/],
  [/^(\d{1,3}\.){3}\d{1,3}$/, /(^|_)ip(_|$)/],
];

/** Entity elements that may hold the text, those first whose values look like the text. */
export function likely(text: string, elements: readonly ElementDef[]): ElementDef[] {
  const t = text.trim();
  const wanted = shapes.filter(([shape]) => shape.test(t)).map(([, id]) => id);
  const score = (e: ElementDef) => {
    const i = wanted.findIndex((w) => w.test(e.id));
    return i >= 0 ? i : e.id === 'username' || e.id === 'email' ? 50 : 100;
  };
  const fits = (e: ElementDef) => only.every(([shape, ids]) => !shape.test(t) || ids.test(e.id));
  return elements.filter((e) => e.entity && fits(e)).sort((a, b) => score(a) - score(b) || a.name.localeCompare(b.name));
}
