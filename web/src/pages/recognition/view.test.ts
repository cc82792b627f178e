import { describe, expect, it } from 'vitest';
import { familyWord, kindWord, leftOutRows, readDays } from './view';

describe('recognition', () => {
  it.each([['1', '1'], ['7', '7'], ['30', '30'], ['31', '7'], ['x', '7'], [undefined, '7']])('reads %s days as %s', (said, days) => expect(readDays(said)).toBe(days));
  it('names keys and families, and those it does not know by themselves', () => {
    expect(kindWord('ticket')).toBe('TLS ticket');
    expect(kindWord('none')).toMatch(/new/);
    expect(kindWord('odd')).toBe('odd');
    expect(familyWord('other')).toBe('Others');
    expect(familyWord('constructor')).toBe('constructor');
  });
  it('tells of rare exclusions only where they occur', () => {
    const none = { unlabelled: 3, several_accounts: 0, shared_accounts: 0, shared_account_sessions: 0, shared_device_sessions: 0, beyond_limit: 0, without_request: 0, forgotten_keys: 0, beyond_pending: 0 };
    expect(leftOutRows(none)).toHaveLength(5);
    expect(leftOutRows({ ...none, forgotten_keys: 2 }).at(-1)).toEqual(['Keys forgotten', 2]);
  });
});
