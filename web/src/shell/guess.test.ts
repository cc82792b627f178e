import { describe, expect, it } from 'vitest';
import type { ElementDef } from '../api/types';
import { guess, likely } from './guess.ts';

describe('guess', () => {
  it('tells IDs, entities and values apart', () => {
    expect(guess(' 883612061859840001 ')).toEqual({ kind: 'id', id: '883612061859840001' });
    expect(guess('e00000000000004d2').kind).toBe('entity');
    expect(guess('e80000000000004d2').kind).toBe('value');
    expect(guess('4111111111111111').kind).toBe('value');
  });
});

describe('likely', () => {
  const def = (id: string, kind: string, entity = true): ElementDef =>
    ({ id, name: id, group: '', entity, kind, primary: false, computed: false, custom: false, stored: 'plain', example: '', about: '' });
  const defs = [def('billing_email', 'email'), def('username', 'identifier'), def('ip_dns', 'ip'), def('ip', 'ip'), def('email', 'email'), def('card', 'card'), def('phone', 'phone'),
    def('account_address', 'address')];
  defs.push(def('city', 'text', false));
  const first = (t: string) => likely(t, defs)[0]?.id;
  it('puts the fitting element first', () => {
    expect(first('ann@example.com')).toBe('email');
    expect(first('203.0.113.9')).toBe('ip');
    expect(first('2001:db8::1')).toBe('ip');
    expect(first('4111 1111 1111 1111')).toBe('card');
    expect(first('+49 30 123456')).toBe('phone');
    expect(first('ann')).toBe('email');
  });
  it('offers no element that cannot hold the text', () => {
    const all = (t: string) => likely(t, defs).map((d) => d.id);
    expect(all('ann@example.com')).toEqual(['email', 'billing_email', 'username']);
    expect(all('203.0.113.9')).toEqual(['ip', 'ip_dns']);
    expect(all('4711').length).toBe(8);
  });
  it('offers entities only', () => expect(likely('x', defs).map((d) => d.id)).not.toContain('city'));
});
