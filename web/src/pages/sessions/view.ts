import type { LiveMessage, Rating, Session } from '../../api/types';
import { ratings } from '../../design/rating.ts';

// The Sessions page as its URL says it. Everything the page shows follows from
// this, so a link shows a colleague the same. No default stands in the URL.

export const sorts = ['start', 'last', 'events', 'labels', 'duration', 'points', 'rating'] as const;
export type SortColumn = (typeof sorts)[number];
export type Sort = SortColumn | `-${SortColumn}`;

export const hideable = ['last', 'events', 'labels', 'signatures', 'duration', 'account', 'place', 'ip', 'actions'] as const;
export type Hideable = (typeof hideable)[number];

export interface SessionsView {
  element: string;
  values: string[];
  entity: string;
  from: string;
  to: string;
  rating: Rating[];
  label: string;
  signature: string;
  country: string;
  city: string;
  ip: string;
  spec_id: string;
  sort: Sort;
  live: boolean;
  hide: Hideable[];
}

export const blank: SessionsView = {
  element: '', values: [], entity: '', from: '24h', to: '', rating: [], label: '', signature: '',
  country: '', city: '', ip: '', spec_id: '', sort: '-start', live: true, hide: [],
};

/** The search part of a URL: names to plain text. */
export type Search = Record<string, string | undefined>;

const texts = ['element', 'entity', 'to', 'label', 'signature', 'country', 'city', 'ip', 'spec_id'] as const;

/** Splits at commas; "\," is a comma inside a value. */
export function splitValues(s: string): string[] {
  const out: string[] = [];
  let value = '';
  for (let i = 0; i < s.length; i++) {
    const c = s.charAt(i);
    if (c === '\\' && (s[i + 1] === ',' || s[i + 1] === '\\')) {
      value += s.charAt(++i);
    } else if (c === ',') {
      out.push(value);
      value = '';
    } else {
      value += c;
    }
  }
  out.push(value);
  return out.map((v) => v.trim()).filter((v) => v !== '');
}

export function joinValues(values: readonly string[]): string {
  return values.map((v) => v.replaceAll('\\', '\\\\').replaceAll(',', '\\,')).join(',');
}

export function isSort(s: string): s is Sort {
  return (sorts as readonly string[]).includes(s.startsWith('-') ? s.slice(1) : s);
}

/** Reads a URL; what makes no sense is left at its default. */
export function readView(search: Search): SessionsView {
  const v: SessionsView = { ...blank };
  for (const k of texts) v[k] = search[k] ?? '';
  v.values = splitValues(search.values ?? '');
  v.from = search.from ?? blank.from;
  v.rating = ratings.filter((r) => (search.rating ?? '').split(',').includes(r));
  if (search.sort && isSort(search.sort)) v.sort = search.sort;
  v.live = search.live !== 'off';
  v.hide = hideable.filter((h) => (search.hide ?? '').split(',').includes(h));
  return v;
}

export function writeView(v: SessionsView): Search {
  const s: Search = {};
  for (const k of texts) if (v[k]) s[k] = v[k];
  if (v.values.length > 0) s.values = joinValues(v.values);
  if (v.from !== blank.from) s.from = v.from;
  if (v.rating.length > 0) s.rating = v.rating.join(',');
  if (v.sort !== blank.sort) s.sort = v.sort;
  if (!v.live) s.live = 'off';
  if (v.hide.length > 0) s.hide = v.hide.join(',');
  return s;
}

/** What is asked of the API for a view. */
export interface SessionsQuery {
  element?: string;
  values?: string[];
  entity?: string;
  from?: string;
  to?: string;
  rating?: string;
  label?: string;
  signature?: string;
  country?: string;
  city?: string;
  ip?: string;
  spec_id?: string;
  sort?: Sort;
}

export function queryOf(v: SessionsView): SessionsQuery {
  const q: SessionsQuery = { sort: v.sort };
  // "all" is ours: the API takes no from for it.
  if (v.from && v.from !== 'all') q.from = v.from;
  if (v.entity) q.entity = v.entity;
  else if (v.element && v.values.length > 0) {
    q.element = v.element;
    // The API reads a comma inside one value as a separator unless it is written so.
    q.values = v.values.map((x) => joinValues([x]));
  }
  if (v.rating.length > 0) q.rating = v.rating.join(',');
  for (const k of ['to', 'label', 'signature', 'country', 'city', 'ip', 'spec_id'] as const) if (v[k]) q[k] = v[k];
  return q;
}

/** How many conditions narrow the view, time apart. */
export function narrowings(v: SessionsView): number {
  return (
    Number(v.entity !== '' || (v.element !== '' && v.values.length > 0)) +
    Number(v.rating.length > 0) +
    (['label', 'signature', 'country', 'city', 'ip', 'spec_id'] as const).filter((k) => v[k] !== '').length
  );
}

/** Would the API list this Session under the view? Null when only the API can tell. */
export function matches(v: SessionsView, m: LiveMessage): boolean | null {
  const s: Session = m.session;
  if (v.to !== '') return false;
  if (v.rating.length > 0 && !v.rating.includes(s.rating)) return false;
  if (v.country && s.country !== v.country.toUpperCase()) return false;
  if (v.city && s.city !== v.city) return false;
  if (v.ip && s.ip !== v.ip) return false;
  if (v.label && !s.labels.some((l) => l.id === v.label)) return false;
  if (v.signature && !s.signatures.some((g) => g.id === v.signature)) return false;
  // Another Spec ID may be known as this one.
  if (v.spec_id && s.spec_id !== v.spec_id) return null;
  if (v.entity) return m.event.elements.some((e) => e.entity_id === v.entity) || null;
  if (v.element && v.values.length > 0) {
    return m.event.elements.some((e) => e.id === v.element && v.values.includes(e.value)) || null;
  }
  return true;
}
