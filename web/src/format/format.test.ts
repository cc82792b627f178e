import { describe, expect, it } from 'vitest';
import type { Session } from '../api/types';
import { sessionsCSV } from './csv.ts';
import { bytes, compact, interval, many, millis, percent, velocity } from './number.ts';
import { countryName, device } from './place.ts';
import { ago, brief, duration, exact, moment, readTime, stamp } from './time.ts';

describe('time', () => {
  it('reads RFC 3339 and microseconds alike', () => {
    expect(readTime('2026-11-21T05:23:17.042001Z')?.getTime()).toBe(1795238597042);
    expect(readTime(1795238597042001)?.getTime()).toBe(1795238597042);
    expect(readTime('')).toBeNull();
    expect(readTime('yesterday')).toBeNull();
  });
  it('is in UTC', () => {
    expect(moment('2026-11-21T01:02:03+02:00')).toBe('20 Nov 23:02:03');
    expect(exact('2026-11-21T05:23:17.042001Z')).toBe('2026-11-21 05:23:17.042 UTC');
    expect(moment('')).toBe('–');
  });
  it('leaves the day out where it is today', () => {
    const now = Date.UTC(2026, 10, 21, 12);
    expect(stamp('2026-11-21T00:00:01Z', now)).toBe('00:00:01');
    expect(stamp('2026-11-20T23:59:59Z', now)).toBe('20 Nov 23:59');
    expect(stamp('', now)).toBe('–');
  });
  it('says how long ago', () => {
    const now = Date.UTC(2026, 10, 21, 12);
    const at = (ms: number) => new Date(now - ms).toISOString();
    expect(ago(at(900), now)).toBe('now');
    expect(ago(at(12_400), now)).toBe('12 s ago');
    expect(ago(at(3_599_000), now)).toBe('59 min ago');
    expect(ago(at(90_000_000), now)).toBe('1 d ago');
    expect(ago(at(-180_000), now)).toBe('in 3 min');
  });
  it.each([
    [0, '0 ms'], [999, '999 ms'], [1000, '1 s'], [59_600, '1 min'], [184_000, '3 min 4 s'],
    [3_600_000, '1 h'], [7_500_000, '2 h 5 min'], [266_400_000, '3 d 2 h'], [-1, '–'],
  ])('%d ms is %s', (ms, want) => expect(duration(ms)).toBe(want));
});

describe('brief', () => {
  it.each([[400, '0s'], [59_400, '59s'], [184_000, '3m 04s'], [7_500_000, '2h 05m'], [266_400_000, '3d 2h']])('%d ms is %s', (ms, want) => expect(brief(ms)).toBe(want));
});

describe('numbers', () => {
  it('keep small ones whole', () => {
    expect(compact(9_999)).toBe('9,999');
    expect(compact(12_345)).toBe('12.3K');
    expect(many(1, 'session')).toBe('1 session');
    expect(many(1204, 'session')).toBe('1,204 sessions');
    expect(many(2, 'entity', 'entities')).toBe('2 entities');
  });
  it('have units', () => {
    expect(bytes(999)).toBe('999 B');
    expect(bytes(1_234_567)).toBe('1.2 MB');
    expect(millis(0.042)).toBe('42 µs');
    expect(millis(3.25)).toBe('3.3 ms');
    expect(millis(367)).toBe('367 ms');
    expect(millis(2388)).toBe('2.4 s');
    expect(velocity(2.345)).toBe('2.3/min');
  });
});

describe('shares', () => {
  it.each([
    [0, '0 %'], [1, '100 %'], [0.5, '50.0 %'], [0.912, '91.2 %'], [0.0042, '0.42 %'], [0.00001, '<0.01 %'],
    [0.9971, '99.71 %'], [0.99999, '>99.99 %'], [0.01, '1.0 %'],
  ])('%s is %s', (share, want) => expect(percent(share)).toBe(want));
  it('rounds progress to whole per cent, and gives intervals one sign', () => {
    expect(percent(0.256, 0)).toBe('26 %');
    expect(interval(0.901, 0.922)).toBe('90.1 – 92.2 %');
    expect(interval(0, 1)).toBe('0 – 100 %');
  });
});

describe('place and device', () => {
  it('names countries', () => {
    expect(countryName('DE')).toBe('Germany');
    expect(countryName('')).toBe('');
    expect(countryName('T1')).toBe('T1');
  });
  it.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0', 'Edge 126, Windows'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1', 'Safari 17, iPhone'],
    ['python-requests/2.31.0', 'python-requests 2.31.0'],
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 'Googlebot'],
    ['Chrome 141 on Android', 'Chrome 141, Android'],
    ['Safari 18 on iOS', 'Safari 18, iOS'],
    ['Mobile Safari 18 on iOS', 'Safari 18, iOS'],
    ['Safari 18 on Mac OS X', 'Safari 18, macOS'],
    ['', 'Unknown'],
  ])('%s', (ua, want) => expect(device(ua)).toBe(want));
});

describe('csv', () => {
  const session: Session = {
    id: '883612061859840001', spec_id: '1', site: 'shop', start: '2026-11-21T05:00:00Z', last: '2026-11-21T05:10:00Z',
    duration_ms: 600000, events: 3, velocity: 0.3, rating: 'malicious', points: 90, labels: [], signatures: [], actions: [],
    ip: '203.0.113.9', country: 'DE', city: 'Halle, Saale', user_agent: 'a "quoted" agent', account: '=cmd|calc', live: false,
    known_as: '', recognised: 'new', merged_into: '', candidates: [],
  };
  it('quotes, and disarms what a spreadsheet would run', () => {
    const [head, row, end] = sessionsCSV([session]).split('\r\n');
    expect(head?.startsWith('session_id,')).toBe(true);
    expect(row).toContain('"Halle, Saale"');
    expect(row).toContain('"a ""quoted"" agent"');
    expect(row).toContain(",'=cmd|calc,");
    expect(end).toBe('');
  });
});
