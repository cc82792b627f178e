import { typeName } from './eventTypes.ts';

// What a rule saw, in an analyst's words instead of the rule language's. What
// is not one of its functions alone stays as it was written.

type Names = ReadonlyMap<string, string>;

const known: Record<string, string> = {
  'event.type': 'Type', 'event.name': 'Name', 'event.outcome': 'Outcome', 'event.method': 'Method', 'event.status': 'Response status', 'event.time': 'Time',
  'session.events': 'Events of the session so far', 'session.points': 'Points of the session', 'session.rating': 'Rating of the session', 'session.account': 'Account signed in',
  'session.accounts': 'Accounts signed in to', 'session.recognised': 'How the visitor was recognised',
  'session.new': 'First event of the session', 'session.start': 'Start of the session', 'session.age': 'Seconds since the session began',
};

const outcomes: Record<string, string> = { success: 'successful ', failure: 'failed ', error: 'origin error ', blocked: 'mitigated ' };

/** The words for a term of a rule; null where it is best shown as it is. */
export function inWords(term: string, elements: Names, labels: Names = new Map()): string | null {
  const plain = known[term];
  if (plain) return plain;
  const call = /^(?:(session|entity\("(\w+)"\))\.)?(\w+)\(((?:"[^"\\]*"(?:, ?)?)*)\)$/.exec(term);
  if (!call) return listed(term, elements);
  const [, subject, entity, fn = '', list = ''] = call;
  const args = [...list.matchAll(/"([^"]*)"/g)].map((m) => m[1] ?? '');
  const element = (id = '') => elements.get(id) ?? spaced(id);
  if (!subject) return ofEvent(fn, element(args[0]));

  const who = entity ? `this ${element(entity)}` : 'this session';
  const events = (rest: string[]) => `${which(rest)} ${entity ? 'with' : 'of'} ${who}${within(rest)}`;
  switch (fn) {
    case 'count': return upper(events(args));
    case 'distinct': return `Different ${plural(element(args[0]))} in ${events(args.slice(1))}`;
    case 'sum': return `Sum of ${element(args[0])} in ${events(args.slice(1))}`;
    case 'elapsed_since': return `Seconds since the latest of ${events(args)}`;
    case 'first_seen': return `When ${who} was first seen`;
    case 'age': return `Seconds since ${who} was first seen`;
    case 'has_label': return `Label “${labels.get(args[0] ?? '') ?? spaced(args[0] ?? '')}” on ${who}`;
  }
  return null;
}

/** A value as the rule saw it; yes and no for true and false. */
export const valueInWords = (v: string) => (v === 'true' ? 'yes' : v === 'false' ? 'no' : v);

function ofEvent(fn: string, element: string): string | null {
  return fn === 'value' || fn === 'number' ? element : fn === 'present' ? `${element} is present` : null;
}

function listed(term: string, elements: Names): string | null {
  const m = /^in_list\("([^"]+)", ?value\("(\w+)"\)\)$/.exec(term);
  return m ? `${elements.get(m[2] ?? '') ?? spaced(m[2] ?? '')} is in the list ${m[1]}` : null;
}

const isSpan = (a: string) => /^\d+[smhd]$/.test(a);

function which(args: string[]): string {
  const outcome = outcomes[args.find((a) => a in outcomes) ?? ''] ?? '';
  const type = args.find((a) => !(a in outcomes) && !isSpan(a));
  return type ? `${outcome}${typeName(type)} events` : `${outcome}events`;
}

function within(args: string[]): string {
  const m = /^(\d+)([smhd])$/.exec(args.find(isSpan) ?? '');
  return m ? ` within ${m[1]} ${m[2] === 'm' ? 'min' : m[2]}` : '';
}

const spaced = (id: string) => id.replaceAll('_', ' ');
const upper = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);

function plural(name: string): string {
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}
