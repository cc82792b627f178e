import { describe, expect, it } from 'vitest';
import type { Mark } from '../../api/types';
import { browserName, lanes } from './visits.ts';

const mark = (start: string, browser: string, rating: Mark['rating'] = 'normal', sessions = 1): Mark => ({ start, browser, rating, sessions });

describe('sessions over time', () => {
  it('takes versions of one browser together', () => {
    expect(browserName('Chrome 141 on Android')).toBe('Chrome, Android');
    expect(browserName('Chrome 142 on Android')).toBe('Chrome, Android');
    expect(browserName('')).toBe('Unknown');
    const [lane, ...rest] = lanes([mark('2026-11-01T00:00:00Z', 'Chrome 141 on Android'), mark('2026-11-01T00:00:00Z', 'Chrome 142 on Android', 'normal', 2)], '2026-11-01T00:00:00Z', '2026-11-03T00:00:00Z');
    expect(rest).toEqual([]);
    expect(lane).toMatchObject({ name: 'Chrome, Android', sessions: 3, dots: [{ at: 0, sessions: 3, browsers: ['Chrome 141 on Android', 'Chrome 142 on Android'] }] });
  });
  it('places sessions within the span, the worst last', () => {
    const [a, b] = lanes(
      [mark('2026-11-01T00:00:00Z', 'Safari 18 on iOS'), mark('2026-11-02T00:00:00Z', 'Firefox 1 on Linux', 'malicious'), mark('2026-11-03T00:00:00Z', 'Firefox 1 on Linux', 'normal')],
      '2026-11-01T00:00:00Z', '2026-11-03T00:00:00Z',
    );
    expect([a?.name, b?.name]).toEqual(['Firefox, Linux', 'Safari, iOS']);
    expect(a?.dots.map((d) => [d.rating, d.at])).toEqual([['normal', 1], ['malicious', 0.5]]);
  });
  it('puts a single moment in the middle', () => expect(lanes([mark('2026-11-01T00:00:00Z', '')], '2026-11-01T00:00:00Z', '2026-11-01T00:00:00Z')[0]?.dots[0]?.at).toBe(0.5));
  it('gathers browsers beyond eight in one lane and loses none', () => {
    const all = lanes(Array.from({ length: 12 }, (_, i) => mark('2026-11-01T00:00:00Z', `Browser${'abcdefghijkl'[i]} on X`, 'normal', 12 - i)), '2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z');
    expect(all.length).toBe(8);
    expect(all.at(-1)).toMatchObject({ name: '5 others', sessions: 5 + 4 + 3 + 2 + 1 });
    expect(all.reduce((n, l) => n + l.sessions, 0)).toBe(78);
  });
});
