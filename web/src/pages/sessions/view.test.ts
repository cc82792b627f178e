import { describe, expect, it } from 'vitest';
import type { LiveMessage } from '../../api/types';
import { blank, joinValues, matches, narrowings, queryOf, readView, splitValues, writeView, type SessionsView } from './view.ts';

const full: SessionsView = {
  element: 'email', values: ['ann@example.com', 'a,b', 'back\\slash'], entity: 'e00000000000004d2', from: '7d', to: '2026-11-21T00:00:00Z',
  rating: ['suspicious', 'malicious'], label: 'many_accounts', signature: 'stuffing', country: 'DE', city: 'São Paulo & Co',
  ip: '2001:db8::1', spec_id: '12', sort: '-points', live: false, hide: ['ip', 'actions'],
};

/** As a browser would: to a query string and back. */
const throughURL = (v: SessionsView) => {
  const p = new URLSearchParams(writeView(v) as Record<string, string>);
  return readView(Object.fromEntries(new URLSearchParams(p.toString())));
};

describe('the view in the URL', () => {
  it('comes back whole', () => {
    expect(throughURL({ ...full, hide: ['ip', 'actions'] })).toEqual(full);
    expect(throughURL(blank)).toEqual(blank);
  });
  it('leaves defaults out', () => expect(writeView(blank)).toEqual({}));
  it('ignores nonsense', () => {
    expect(readView({ rating: 'evil,malicious', sort: 'shoe_size', hide: 'id', live: 'maybe' })).toEqual({ ...blank, rating: ['malicious'] });
  });
});

describe('values', () => {
  it.each([[['a', 'b']], [['a,b', 'c']], [['x\\', 'y']], [['\\,']]])('%j', (v) => expect(splitValues(joinValues(v))).toEqual(v));
  it('drops empties', () => expect(splitValues(' a ,, b,')).toEqual(['a', 'b']));
});

describe('the question to the API', () => {
  it('asks by entity alone where there is one', () => {
    const q = queryOf(full);
    expect(q.entity).toBe('e00000000000004d2');
    expect(q.element).toBeUndefined();
    expect(q.values).toBeUndefined();
  });
  it('escapes commas in values and leaves out "all"', () => {
    const q = queryOf({ ...blank, element: 'name', values: ['a,b'], from: 'all' });
    expect(q).toEqual({ sort: '-start', element: 'name', values: ['a\\,b'] });
  });
  it('needs values for an element', () => expect(queryOf({ ...blank, element: 'name' }).element).toBeUndefined());
});

describe('a live session', () => {
  const m = {
    event: { elements: [{ id: 'email', value: 'ann@example.com', entity_id: 'e1' }] },
    session: { rating: 'suspicious', country: 'DE', city: 'Berlin', ip: '192.0.2.1', spec_id: '5', labels: [{ id: 'many_accounts' }], signatures: [] },
  } as unknown as LiveMessage;
  it('is listed when all conditions hold', () => {
    expect(matches(blank, m)).toBe(true);
    expect(matches({ ...blank, rating: ['suspicious'], country: 'de', label: 'many_accounts' }, m)).toBe(true);
    expect(matches({ ...blank, rating: ['malicious'] }, m)).toBe(false);
    expect(matches({ ...blank, signature: 'stuffing' }, m)).toBe(false);
    expect(matches({ ...blank, to: '1h' }, m)).toBe(false);
  });
  it('is left to the API when only an earlier event could tell', () => {
    expect(matches({ ...blank, entity: 'e1' }, m)).toBe(true);
    expect(matches({ ...blank, entity: 'e2' }, m)).toBeNull();
    expect(matches({ ...blank, spec_id: '5' }, m)).toBe(true);
    expect(matches({ ...blank, spec_id: '4' }, m)).toBeNull();
    expect(matches({ ...blank, spec_id: '4', rating: ['malicious'] }, m)).toBe(false);
  });
  it('counts conditions', () => expect([narrowings(blank), narrowings(full)]).toEqual([0, 8]));
});
