import type { RecognitionReport } from '../../api/types';

// The Recognition page in words and in its URL.

export const spans = [['1', 'Day'], ['7', 'Week'], ['30', '30 days']] as const;
export type Days = (typeof spans)[number][0];

/** What the URL says; a week when it says nothing that can be asked. */
export const readDays = (s: string | undefined): Days => spans.find(([d]) => d === s)?.[0] ?? '7';

const kinds = new Map(Object.entries({
  connection: 'TLS connection', cookie: 'Session cookie', bearer: 'Bearer token', token: 'Taught token',
  ticket: 'TLS ticket', device: 'Device cookie', none: 'No key, taken for new',
}));

export const kindWord = (kind: string) => kinds.get(kind) ?? kind;

export const familyWord = (name: string) => (name === 'unknown' ? 'Unknown' : name === 'other' ? 'Others' : name);

/** What the truth leaves out; what is always said first, the rest only where it occurs. */
export function leftOutRows(l: RecognitionReport['left_out']): [string, number][] {
  const always: [string, number][] = [
    ['Sessions without a log-in', l.unlabelled],
    ['Sessions of several accounts', l.several_accounts],
    ['Shared accounts', l.shared_accounts],
    ['Their sessions', l.shared_account_sessions],
    ['Sessions on shared devices', l.shared_device_sessions],
  ];
  const rare: [string, number][] = [
    ['Sessions past the bound', l.beyond_limit],
    ['Responses without their request', l.without_request],
    ['Requests not followed', l.beyond_pending],
    ['Keys forgotten', l.forgotten_keys],
  ];
  return [...always, ...rare.filter(([, n]) => n > 0)];
}
