import type { ElementDef } from '../api/types';

// What a pasted text may be: the palette puts the likeliest first.

export type Guess = { kind: 'id'; id: string } | { kind: 'entity'; id: string } | { kind: 'value'; value: string };

export function guess(text: string): Guess {
  const t = text.trim();
  if (/^e[0-7][0-9a-f]{15}$/.test(t)) return { kind: 'entity', id: t };
  if (/^[1-9]\d{16,18}$/.test(t)) return { kind: 'id', id: t };
  return { kind: 'value', value: t };
}

const address = /^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-f:]*:[0-9a-f:]+$/i;

// What a text looks like, and the value kinds of the elements it may be of.
const shapes: [RegExp, string][] = [
  [/^[^\s@]+@[^\s@]+$/, 'email'],
  [address, 'ip'],
  [/^\+?[\d ()-]{7,15}$/, 'phone'],
  [/^[\d -]{12,19}$/, 'card'],
  [/^[A-Z]{2}\d{2}[A-Z0-9 ]{11,40}$/i, 'iban'],
];

// Some texts can be a value of these alone: names of accounts are often e-mail addresses.
const only: [RegExp, (e: ElementDef) => boolean][] = [
  [/^[^\s@]+@[^\s@]+\.[^\s@]+$/, (e) => e.kind === 'email' || (e.kind === 'identifier' && /username|account|customer/.test(e.id))],
  [/^(\d{1,3}\.){3}\d{1,3}$/, (e) => e.kind === 'ip'],
];

/** Entity elements that may hold the text, those first whose values look like the text, then those met most. */
export function likely(text: string, elements: readonly ElementDef[]): ElementDef[] {
  const t = text.trim();
  const wanted = shapes.filter(([shape]) => shape.test(t)).map(([, kind]) => kind);
  const score = (e: ElementDef) => {
    const i = wanted.indexOf(e.kind);
    if (i >= 0) return i * 3 + (e.id === e.kind ? 0 : e.primary ? 1 : 2);
    return e.id === 'username' || e.id === 'email' ? 50 : e.primary || e.custom ? 75 : 100;
  };
  const fits = (e: ElementDef) => only.every(([shape, may]) => !shape.test(t) || may(e));
  return elements.filter((e) => e.entity && fits(e)).sort((a, b) => score(a) - score(b) || a.name.localeCompare(b.name));
}
