import type { Session } from '../api/types';
import { groupLabels } from '../design/labels.ts';

// A cell that begins like a formula would be run by a spreadsheet: values of
// visitors must not become code on an analyst's machine.
function cell(v: string | number): string {
  const s = String(v);
  const safe = typeof v === 'string' && /^[=+\-@\t\r]/.test(s) ? `'${s}` : s;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const columns: [string, (s: Session) => string | number][] = [
  ['session_id', (s) => s.id],
  ['spec_id', (s) => s.spec_id],
  ['known_as', (s) => s.known_as || s.spec_id],
  ['recognised', (s) => s.recognised],
  ['merged_into', (s) => s.merged_into],
  ['site', (s) => s.site],
  ['rating', (s) => s.rating],
  ['points', (s) => s.points],
  ['start', (s) => s.start],
  ['last', (s) => s.last],
  ['duration_ms', (s) => s.duration_ms],
  ['events', (s) => s.events],
  ['labels', (s) => groupLabels(s.labels).map((l) => l.id).join('; ')],
  ['signatures', (s) => s.signatures.map((g) => g.id).join('; ')],
  ['actions', (s) => s.actions.map((a) => a.name).join('; ')],
  ['account', (s) => s.account],
  ['country', (s) => s.country],
  ['city', (s) => s.city],
  ['ip', (s) => s.ip],
  ['user_agent', (s) => s.user_agent],
];

export function sessionsCSV(sessions: readonly Session[]): string {
  const lines = [columns.map(([name]) => name).join(',')];
  for (const s of sessions) lines.push(columns.map(([, get]) => cell(get(s))).join(','));
  return lines.join('\r\n') + '\r\n';
}
