import { describe, expect, it } from 'vitest';
import type { Label, SessionDetail } from '../../api/types';
import { because, plain, reason, story } from './story.ts';

const label = (id: string, title: string, points = 40, event_id = '7', shadow = false): Label =>
  ({ id, title, severity: 'high', points, event_id, time: '2026-11-21T05:01:00Z', shadow, evidence: [] });

const base = { start: '2026-11-21T05:00:00Z', duration_ms: 184_000, events: 23, rating: 'normal', labels: [], signatures: [], actions: [], turns: [] } as unknown as SessionDetail;
const turn = (to: string, time: string, why: string, from = 'normal') => ({ to, from, time, reason: why, event_id: '7', event_name: 'Login through API' });

describe('the story', () => {
  it('is calm where nothing happened', () => {
    expect(plain(story(base))).toBe('Nothing stood out: 23 events in 3 min 4 s.');
    expect(plain(story({ ...base, labels: [{ ...label('new', 'New device'), severity: 'low' }] }))).toBe(
      'Stayed normal through 23 events in 3 min 4 s; the gravest label was New device (low).',
    );
  });

  it('tells when, by which event, why and what was done', () => {
    const s = {
      ...base,
      rating: 'malicious' as const,
      labels: [label('many', 'Many accounts'), label('list', 'Leaked password')],
      signatures: [{ id: 'stuffing', title: 'Credential stuffing', rating: 'malicious' as const, labels: ['many', 'list'], time: 1 }],
      turns: [turn('suspicious', '2026-11-21T05:00:42Z', 'points 35 reached 30'), turn('malicious', '2026-11-21T05:01:00Z', 'signature stuffing; points 90 reached 70', 'suspicious')],
      actions: [{ name: 'block_attack', type: 'block' as const, enforced: true, count: 12 }],
    };
    expect(plain(story(s))).toBe(
      'Turned suspicious 42 s in, with Login through API: 35 points (limit 30) by Many accounts and Leaked password. ' +
        'Then turned malicious 1 min in, with Login through API: signature Credential stuffing (Many accounts and Leaked password), 90 points (limit 70) by Many accounts and Leaked password. ' +
        'Blocked 12 times by block_attack.',
    );
    expect(story(s).find((p) => p.kind === 'event')).toEqual({ kind: 'event', text: 'Login through API', id: '7' });
  });

  it('tells a fall, a shadow and what was not enforced', () => {
    const s = {
      ...base,
      turns: [turn('malicious', '2026-11-21T05:00:00Z', ''), turn('normal', '2026-11-21T05:02:00Z', 'labels expired', 'malicious')],
      actions: [
        { name: 'to_honeypot', type: 'redirect' as const, shadow: true, count: 2 },
        { name: 'block', type: 'block' as const, reason: 'site is pass-through' },
      ],
    };
    expect(plain(story(s))).toBe(
      'Turned malicious at its start, with Login through API. Fell back to normal 2 min in, with Login through API: labels expired. ' +
        'Would have been redirected twice by to_honeypot (shadow). block was decided once but not taken (site is pass-through).',
    );
  });

  it('names the labels that made the points, however it is put', () => {
    const s = { signatures: [], labels: [label('many', 'Many accounts'), label('dry', 'Dry run', 90, '7', true), label('old', 'Earlier', 20, '6')] };
    expect(plain(reason('40 points reached 30', s, '7'))).toBe('40 points (limit 30) by Many accounts');
  });

  it('keeps words it does not know as they are', () => {
    expect(plain(reason('by hand: known tester', base))).toBe('by hand: known tester');
    expect(plain(reason('signature gone', base))).toBe('signature gone');
    const lapsed = { labels: [], signatures: [{ id: 'stuffing', title: 'Credential stuffing', rating: 'malicious' as const, labels: ['many'], time: 1 }] };
    expect(plain(reason('signature stuffing no longer holds, and 20 points are below 30', lapsed))).toBe('signature Credential stuffing no longer holds, and 20 points are below 30');
  });

  it('names the workflow that acted, and the signature that called for it', () => {
    const s = { ...base, actions: [{ name: 'refuse', type: 'block' as const, enforced: true, count: 3, workflow: 'Refuse stuffed logins' }] };
    expect(plain(story(s))).toMatch(/Blocked 3 times by workflow Refuse stuffed logins\.$/);
    const signatures = [{ id: 'stuffing', title: 'Credential stuffing', rating: 'malicious' as const, labels: [], time: 1 }];
    expect(because('signature stuffing', signatures)).toBe('signature Credential stuffing');
    expect(because('signature card_testing', signatures)).toBe('signature card testing');
    expect(because('the session is suspicious', signatures)).toBe('the session is suspicious');
  });
});
