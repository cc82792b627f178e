import type { Action, Bubble, ElementDef, Event, Label, Learnt, LinkedEntity, Rate, Rating, Recognition, RecognitionGroup, Session, SessionDetail, Severity, Signature, Status, Turn } from '../src/api/types.ts';
import { identify, now } from './who.ts';

// Invented journeys for developing the pages without a Hub. Seeded, so that two
// runs show the same; nothing of this is in the built app.

let seed = 20261121;
const random = () => {
  seed = (seed * 1664525 + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const pick = <T>(xs: readonly T[]): T => xs[Math.floor(random() * xs.length)] as T;
const between = (a: number, b: number) => a + Math.floor(random() * (b - a + 1));
const iso = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z');
let sequence = 0;
const id = (ms: number) => String(((BigInt(Math.floor(ms)) - 1577836800000n) << 22n) | BigInt(++sequence & 0xfff));
const hash = (s: string) => {
  let h = 0xcbf29ce484222325n;
  for (const c of s) h = ((h ^ BigInt(c.charCodeAt(0))) * 0x100000001b3n) & 0x7fffffffffffffffn;
  return `e${h.toString(16).padStart(16, '0')}`;
};

export const elements: ElementDef[] = (
  [
    ['ip', 'IP address', 'Network', true], ['country', 'Country', 'Network', false], ['city', 'City', 'Network', false], ['asn', 'Network (ASN)', 'Network', true],
    ['user_agent', 'User agent', 'Device', true], ['device_fingerprint', 'Device Fingerprint', 'Device', true], ['session_cookie', 'Session cookie', 'Device', true], ['accept_language', 'Accept-Language', 'Device', false],
    ['username', 'Username', 'Account', true], ['email', 'E-mail', 'Account', true], ['email_domain', 'E-mail domain', 'Account', false], ['phone', 'Phone', 'Account', true], ['password', 'Password (hashed)', 'Account', true],
    ['card', 'Card number', 'Payment', true], ['card_bin', 'Card BIN', 'Payment', false], ['card_last4', 'Card last 4', 'Payment', false], ['transaction_amount', 'Amount', 'Payment', false], ['order_id', 'Order', 'Payment', true],
    ['promo_code', 'Promo code', 'Shop', true], ['product_id', 'Product', 'Shop', true], ['search_query', 'Search text', 'Shop', false], ['path', 'Path', 'Request', false],
    ['status', 'Status', 'Response', false],
  ] as const
).map(([id, name, group, entity]) => ({
  id, name, group, entity, kind: /mail/.test(id) ? 'email' : ['ip', 'phone', 'card'].includes(id) ? id : 'identifier', primary: false, computed: false, custom: false, stored: 'plain' as const, example: '', about: '',
}));

const places = [
  ['DE', 'Berlin', '91.64.'], ['DE', 'Hamburg', '84.140.'], ['FR', 'Lyon', '90.22.'], ['GB', 'Manchester', '81.107.'], ['US', 'Columbus', '73.130.'], ['US', 'Portland', '67.189.'],
  ['NL', 'Rotterdam', '77.249.'], ['BR', 'São Paulo', '177.81.'], ['PL', 'Kraków', '83.8.'], ['SE', 'Göteborg', '85.226.'],
] as const;
const farms = [['RU', 'Kazan', '45.143.'], ['VN', 'Hà Nội', '113.190.'], ['ID', 'Jakarta', '36.72.'], ['NG', 'Lagos', '105.112.'], ['US', 'Ashburn', '3.90.']] as const;
const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36',
];
const people = ['ann.weber', 'jonas.k', 'mia_larsen', 'thomas.oconnor', 'li.wen', 'sofia.rossi', 'p.nowak', 'emma.j', 'david.cohen', 'fatima.z', 'luc.martin', 'henrik.berg', 'olivia.s', 'carlos.m', 'noor.de.vries'];

const labelDefs: Record<string, [string, Severity, number, [string, string][]]> = {
  returning: ['Known device of a good customer', 'trusted', -10, [['entity("session_cookie").first_seen()', '41 days ago']]],
  new_device: ['New device for this account', 'info', 5, [['entity("username").distinct("session_cookie", "30d")', '3']]],
  failed_login: ['Sign-in failed', 'low', 5, [['event.outcome', 'failure']]],
  fast_requests: ['Faster than a person', 'medium', 15, [['session.count("product_view", "10s")', '27']]],
  many_accounts: ['Many accounts from one address', 'high', 40, [['entity("ip").distinct("username", "10m")', '18'], ['entity("ip").count("authentication_attempt", "10m")', '23']]],
  stuffing_list: ['Password used with many accounts', 'critical', 50, [['entity("password").distinct("username", "1h")', '31'], ['event.outcome', 'failure']]],
  card_declines: ['Card declined again and again', 'high', 35, [['session.count("transaction", "5m", "failure")', '7']]],
  many_cards: ['Many cards in one session', 'critical', 50, [['session.distinct("card", "10m")', '9']]],
  promo_repeat: ['Promo code used by linked accounts', 'medium', 20, [['entity("promo_code").distinct("username", "24h")', '12']]],
  odd_hour: ['Unusual hour for this account', 'info', 5, [['hour(event.time)', '3']]],
};
const signatureDefs: Record<string, [string, Rating, string[]]> = {
  credential_stuffing: ['Credential stuffing', 'malicious', ['many_accounts', 'stuffing_list']],
  card_testing: ['Card testing', 'malicious', ['card_declines', 'many_cards']],
  promo_abuse: ['Promo abuse', 'suspicious', ['promo_repeat']],
};

const typeNames: Record<string, string> = {
  page_view: 'Page view', search: 'Search', product_view: 'Product view', authentication_attempt: 'Authentication attempt', cart_update: 'Cart update',
  promo_redeem: 'Promo redeem', transaction: 'Transaction', account_update: 'Account update', logout: 'Logout', account_create: 'Account create',
};

interface Step { name: string; type: string; method: string; path: string; status?: number; outcome?: string; labels?: string[]; elements?: [string, string][] }
const browse = (): Step =>
  pick<Step>([
    { name: 'Shop page', type: 'page_view', method: 'GET', path: pick(['/', '/help', '/category/outdoor', '/category/kitchen']) },
    { name: 'Product page', type: 'product_view', method: 'GET', path: `/product/${between(1, 80)}`, elements: [['product_id', `P-${between(100, 180)}`]] },
    { name: 'Search', type: 'search', method: 'GET', path: '/search', elements: [['search_query', pick(['espresso grinder', 'rain jacket', 'usb c dock', 'gift card 50'])]] },
  ]);

export interface Story { session: Session; events: Event[] }
const threshold: Record<Rating, number> = { normal: 0, suspicious: 30, malicious: 70 };
const worse = (a: Rating, b: Rating) => (threshold[a] >= threshold[b] ? a : b);

const micros = (ms: number) => Math.round(ms * 1000);
const linkable = (e: string) => elements.find((d) => d.id === e);

export class Journey implements Story {
  session: Session;
  events: Event[] = [];
  turns: Turn[] = [];
  kind: string;

  constructor(kind: string, start: number, spec?: string) {
    const hostile = kind !== 'good';
    const [country, city, net] = hostile ? pick(farms) : pick(places);
    this.kind = kind;
    this.session = {
      id: id(start), spec_id: spec ?? id(start - between(0, 40) * 86400_000), site: 'shop', start: iso(start), last: iso(start), duration_ms: 0, events: 0, velocity: 0,
      rating: 'normal', points: 0, labels: [], signatures: [], actions: [], ip: `${net}${between(1, 250)}.${between(1, 250)}`, country, city,
      user_agent: kind === 'scrape' ? 'python-requests/2.31.0' : pick(agents), account: '', live: false,
      known_as: '', recognised: spec ? 'cookie' : 'new', merged_into: '', candidates: [],
    };
  }

  take(step: Step, at: number) {
    const s = this.session;
    const eventID = id(at);
    const named: [string, string][] = [...(step.elements ?? []), ['ip', s.ip], ['country', s.country], ['city', s.city], ['user_agent', s.user_agent], ['path', step.path], ['device_fingerprint', `ja4-${hash(s.user_agent).slice(1, 9)}`], ['session_cookie', hash(s.id).slice(1)]];
    const labels: Label[] = [];
    for (const l of step.labels ?? []) {
      const def = labelDefs[l];
      if (!def) continue;
      labels.push({ id: l, title: def[0], severity: def[1], points: def[2], event_id: eventID, time: iso(at), shadow: l === 'odd_hour', evidence: def[3].map(([what, value]) => ({ what, value })) });
    }
    s.labels.push(...labels);
    s.points = Math.max(0, s.points + labels.reduce((n, l) => n + (l.shadow ? 0 : l.points), 0));
    const signatures: Signature[] = [];
    for (const [sid, [title, rating, needs]] of Object.entries(signatureDefs)) {
      if (!s.signatures.some((g) => g.id === sid) && needs.every((n) => s.labels.some((l) => l.id === n))) {
        signatures.push({ id: sid, title, rating, labels: needs, event_id: eventID, time: micros(at) });
      }
    }
    s.signatures.push(...signatures);
    let rating: Rating = s.points >= 70 ? 'malicious' : s.points >= 30 ? 'suspicious' : 'normal';
    for (const g of s.signatures) rating = worse(rating, g.rating);
    let change: Turn | undefined;
    if (rating !== s.rating) {
      const reason = signatures[0] ? `signature ${signatures[0].id}` : `${s.points} points reached ${threshold[rating]}`;
      change = { time: iso(at), event_id: eventID, event_name: step.name, from: s.rating, to: rating, reason };
      this.turns.push(change);
    }
    s.rating = rating;
    const actions: Action[] = [];
    if (rating === 'malicious' && (step.type === 'authentication_attempt' || step.type === 'transaction')) {
      actions.push({ name: 'block_attack', type: 'block', workflow: 'stop_attacks', time: micros(at), event_id: eventID, enforced: true, reason: 'session rated malicious' });
    } else if (rating === 'suspicious' && step.type === 'promo_redeem') {
      actions.push({ name: 'tag_for_review', type: 'tag', workflow: 'review_promos', time: micros(at), event_id: eventID, enforced: true, reason: 'signature promo_abuse' });
    }
    for (const a of actions) {
      const known = s.actions.find((x) => x.name === a.name);
      if (known) known.count = (known.count ?? 1) + 1;
      else s.actions.push({ ...a, count: 1 });
    }
    const username = step.elements?.find(([e]) => e === 'username')?.[1];
    const blocked = actions.some((a) => a.type === 'block');
    const outcome = blocked ? 'blocked' : (step.outcome ?? 'success');
    if (username && outcome === 'success') s.account = username;
    s.last = iso(at);
    s.duration_ms = at - Date.parse(s.start);
    s.events++;
    s.velocity = s.events / Math.max(1, s.duration_ms / 60_000);
    const event: Event = {
      id: eventID, session_id: s.id, spec_id: s.spec_id, known_as: '', site: s.site, time: iso(at), duration_ms: between(40, 2400) / 10, name: step.name, type: step.type, type_name: typeNames[step.type] ?? step.type,
      spec: step.name.toLowerCase().replaceAll(' ', '_'), method: step.method, status: blocked ? 403 : (step.status ?? 200), outcome, rating, points: s.points, ...(change ? { rating_change: change } : {}),
      elements: named.map(([e, value], i) => {
        const def = linkable(e);
        const secret = e === 'password' || e === 'card' || e === 'session_cookie';
        return {
          id: e, name: def?.name ?? e, group: def?.group ?? '', value: secret ? hash(value).slice(1) + hash(value + 'x').slice(1) : value, entity: def?.entity ?? false,
          ...(def?.entity ? { entity_id: hash(`${e}:${value}`) } : {}), primary: i < (step.elements?.length ?? 0) && i < 3, hashed: secret,
        };
      }),
      labels, signatures, actions, workflows: actions.map((a) => a.workflow ?? ''), join_reason: this.events.length === 0 ? 'first request of this visitor' : pick(['session cookie sid', 'session cookie sid', 'address and user agent within 30 min']),
      revision: '9f3ac41d07be', truncated: random() < 0.01,
    };
    this.events.push(event);
    return event;
  }

  /** The next thing this visitor would do. */
  step(): Step {
    const n = this.events.length;
    if (this.kind === 'stuffing') {
      const user = pick(people);
      return {
        name: 'Login through API', type: 'authentication_attempt', method: 'POST', path: '/api/login', status: 401, outcome: 'failure', elements: [['username', user], ['password', `leak${between(1, 9)}`], ['email', `${user}@example.com`]],
        labels: ['failed_login', ...(n === 9 ? ['many_accounts'] : []), ...(n === 14 ? ['stuffing_list'] : [])],
      };
    }
    if (this.kind === 'cards') {
      if (n < 3) return browse();
      return {
        name: 'Checkout', type: 'transaction', method: 'POST', path: '/checkout', status: 402, outcome: 'failure',
        elements: [['transaction_amount', (between(100, 900) / 100).toFixed(2)], ['card', `4${between(1e8, 9e8)}`], ['card_bin', '453201'], ['card_last4', String(between(1000, 9999))]],
        labels: [...(n === 7 ? ['card_declines'] : []), ...(n === 10 ? ['many_cards'] : [])],
      };
    }
    if (this.kind === 'scrape') return { ...browse(), name: 'Product page', type: 'product_view', path: `/product/${n}`, labels: n === 12 || n === 30 ? ['fast_requests'] : [] };
    if (this.kind === 'promo') {
      if (n === 1) { const u = `fresh${between(100, 999)}`; return { name: 'Sign up', type: 'account_create', method: 'POST', path: '/register', status: 302, elements: [['username', u], ['email', `${u}@mailbox.example`]] }; }
      if (n === 5) return { name: 'Redeem promo', type: 'promo_redeem', method: 'POST', path: '/promo', elements: [['promo_code', 'WELCOME20']], labels: ['promo_repeat', 'new_device'] };
      return browse();
    }
    if (n === 2) return { name: 'Login through Form', type: 'authentication_attempt', method: 'POST', path: '/login', status: 302, elements: [['username', pick(people)]], labels: random() < 0.4 ? ['returning'] : random() < 0.3 ? ['new_device', 'odd_hour'] : [] };
    if (n > 5 && random() < 0.12) return { name: 'Checkout', type: 'transaction', method: 'POST', path: '/checkout', status: 201, elements: [['transaction_amount', (between(900, 24000) / 100).toFixed(2)], ['card_bin', '411111'], ['card_last4', String(between(1000, 9999))]] };
    if (n > 3 && random() < 0.2) return { name: 'Add to cart', type: 'cart_update', method: 'POST', path: '/cart', elements: [['product_id', `P-${between(100, 180)}`]] };
    return browse();
  }

  detail(all: Journey[]): SessionDetail {
    const s = this.session;
    const start = Date.parse(s.start);
    const width = Math.max(1000, Math.ceil(s.duration_ms / 40));
    const buckets = new Map<string, Bubble>();
    const seen = new Map<string, LinkedEntity>();
    for (const e of this.events) {
      const b = Math.floor((Date.parse(e.time) - start) / width);
      const key = `${b}/${e.rating}`;
      const bubble = buckets.get(key) ?? { start: iso(start + b * width), rating: e.rating, count: 0, types: {} };
      bubble.count++;
      bubble.types[e.type] = (bubble.types[e.type] ?? 0) + 1;
      buckets.set(key, bubble);
      for (const x of e.elements) {
        if (!x.entity_id) continue;
        const of = sessionsOf(all, x.entity_id);
        seen.set(x.entity_id, { id: x.entity_id, element: x.id, name: x.name, value: x.value, hashed: x.hashed, shared_sessions: Math.max(0, of.length - 1), sessions: of.length, last_seen: of[0]?.session.last ?? e.time });
      }
    }
    return {
      ...s, chart: [...buckets.values()], turns: this.turns, entities: [...seen.values()].sort((a, b) => b.shared_sessions - a.shared_sessions),
      related: all.filter((j) => j !== this && now(j.session.spec_id) === now(s.spec_id)).map((j) => j.session).slice(0, 20),
      absorbed: all.filter((j) => j.session.merged_into === s.id).map((j) => j.session),
    };
  }
}

export function sessionsOf(all: Journey[], entity: string): Journey[] {
  return all.filter((j) => j.events.some((e) => e.elements.some((x) => x.entity_id === entity)));
}

export function world(now: number): Journey[] {
  const all: Journey[] = [];
  for (let i = 0; i < 260; i++) {
    const r = random();
    const kind = r < 0.74 ? 'good' : r < 0.83 ? 'stuffing' : r < 0.89 ? 'cards' : r < 0.95 ? 'promo' : 'scrape';
    const start = now - between(2, 60 * 30) * 60_000 - between(0, 59_999);
    const j = new Journey(kind, start, kind === 'good' && random() < 0.3 ? all.find((x) => x.kind === 'good')?.session.spec_id : undefined);
    let at = start;
    const n = kind === 'good' ? between(2, 26) : kind === 'scrape' ? between(40, 90) : between(6, 48);
    for (let k = 0; k < n && at < now - 1000; k++) {
      j.take(j.step(), at);
      at += kind === 'good' ? between(3_000, 70_000) : between(400, 9_000);
    }
    j.session.live = now - Date.parse(j.session.last) < 1800_000;
    all.push(j);
  }
  all.sort((a, b) => Date.parse(b.session.start) - Date.parse(a.session.start));
  identify(all);
  return all;
}

export const newcomer = () => new Journey(pick(['good', 'good', 'good', 'stuffing', 'cards', 'promo', 'scrape']), Date.now());

/** What an invented week of log-ins gave: browser, sessions, and how many of those who came back a key made known. */
const browsers = [['Chrome', 4120, 0.934], ['Mobile Safari', 2480, 0.871], ['Chrome Mobile', 1630, 0.912], ['Safari', 710, 0.858], ['Firefox', 540, 0.901], ['Edge', 498, 0.927], ['Samsung Internet', 122, 0.86], ['other', 41, 0.66]] as const;
const keys = [['cookie', 6020, 0.998], ['bearer', 310, 0.99], ['token', 0, 0], ['ticket', 1240, 0.981], ['device', 0, 0], ['none', 2571, 0]] as const;

function rate(share: number, of: number, basis = of): Rate {
  const z = 1.96;
  const middle = (share + (z * z) / (2 * basis)) / (1 + (z * z) / basis);
  const spread = (z * Math.sqrt((share * (1 - share)) / basis + (z * z) / (4 * basis * basis))) / (1 + (z * z) / basis);
  return of === 0 ? { share: 0, low: 0, high: 1, hits: 0, of, basis } : { share, low: Math.min(share, Math.max(0, middle - spread)), high: Math.max(share, Math.min(1, middle + spread)), hits: Math.round(share * of), of, basis };
}

function grouped(name: string, sessions: number, known: number): RecognitionGroup {
  const back = Math.round(sessions * 0.62);
  return {
    name,
    quality: { sessions, pair_precision: rate(0.9974, sessions * 3, sessions), pair_recall: rate(known * 0.93, sessions * 4, sessions), bcubed_precision: rate(0.9982, sessions), bcubed_recall: rate(known * 0.95, sessions) },
    first_request: { returning: back, strong: rate(known, back), strong_wrong: Math.round(back * 0.002), candidate: rate((1 - known) / 3, back), candidate_wrong: Math.round(back * 0.004), unanswered: Math.round((back * (1 - known)) / 2) },
  };
}

export function recognition(now: number, progress: number, empty: boolean): Recognition {
  if (progress < 1) return { state: 'running', progress, took_ms: 0 };
  const all = grouped('all', 10141, 0.911);
  const left = { unlabelled: 41220, several_accounts: 37, shared_accounts: 3, shared_account_sessions: 214, shared_device_sessions: 96, beyond_limit: 0, without_request: 2, forgotten_keys: 0, beyond_pending: 0 };
  return {
    state: 'ready', progress: 1, measured: iso(now - 40_000), took_ms: 5210,
    report: {
      from: iso(now - 7 * 86400_000), to: iso(now - 60_000), entries: 1284410, sessions: 51708, labelled: empty ? 0 : 10141, accounts: empty ? 0 : 6310, spec_ids: empty ? 0 : 6584,
      overall: all.quality, first_request: all.first_request, false_recognition: rate(0.0024, 6310), left_out: left,
      families: browsers.map(([n, s, k]) => grouped(n, s, k)), kinds: keys.map(([n, s, k]) => grouped(n, s, k)),
      notes: [
        'The truth is the accounts that signed in; they were hidden while sessions and Spec IDs were made anew. In operation a confirmed account also joins, so Spec IDs there are at least as complete.',
        'Only visitors who sign in are measured. Those who never do may be harder to recognise, or easier.',
        'Somebody who comes back on another device, or has cleared its cookies, cannot be known before signing in. That bounds recall and first-request recognition.',
        '3 accounts with 214 sessions left out of the truth: more than 8 devices or 300 sessions, which is not one user.',
      ],
    },
  };
}

export function status(all: Journey[], mode: Status['sites'][number]['mode'], started: number): Status {
  const events = all.reduce((n, j) => n + j.events.length, 0);
  return {
    version: '0.1.0', started: iso(started), healthy: true,
    sites: [{ name: 'shop', hosts: ['shop.example', 'www.shop.example'], origin: 'http://127.0.0.1:3000', mode, configured_mode: 'active', failure: 'open', requests: events * 9, origin_errors: 3, endpoints: [{ address: '10.0.0.1:3000', up: true, responses: events * 5, failures: 0 }, { address: '10.0.0.2:3000', up: false, error: 'dial tcp 10.0.0.2:3000: connect: connection refused', responses: events * 4, failures: 3 }] }],
    policy: { revision: '9f3ac41d07be', since: iso(started), specs: 14, labels: 22, signatures: 6, workflows: 4, faults: ['labels.yaml:42:11: label "many_cards": when: undeclared reference to "sesion"; did you mean "session"?'] },
    edge: { connections: 214, active: 9, clients_gone: 31, first_packets_missing: 0, refused: { malformed: 17, handshake: 4, over_limit: 0, unknown_host: 2 }, origin_errors: { refused: 3 } },
    engine: { requests: events * 9, matched: events, events, live_sessions: all.filter((j) => j.session.live).length, queue: 3, queue_max: 65536, rule_faults: 0, panics: 0, actions: { block_attack: 214, tag_for_review: 12 }, deadline_missed: 2 },
    journal: { state: 'ok', entries: events * 2, bytes: events * 1260, in_flight: 4, error: '' },
    warehouse: { state: 'ok', backend: 'duckdb', events, sessions: all.length, bytes: events * 310, lag: 12, error: '' },
    visible: { count: 1841, p50_ms: 148, p95_ms: 367, p99_ms: 512 }, decision: { count: 611, p50_ms: 0.21, p95_ms: 0.64, p99_ms: 1.9 },
    shed: { 'async queue full': 0, 'judge deadline': 2 }, problems: mode === 'bypass' ? ['site shop is bypassed: traffic is relayed, nothing is judged'] : [],
    data: [{ name: 'country by IP', state: 'ok', detail: 'dbip-country, 2026-11-01, CC BY', licence: 'CC-BY-4.0' }, { name: 'network by IP', state: 'missing', detail: 'not installed: networks stay unnamed', licence: '' }],
  };
}

const yaml = (name: string, type: string, path: string, maps: string[], out: string[]) =>
  `kind: spec\nname: "${name}"\ntype: ${type}\nmatch: {method: POST, path: "${path}", content_type: application/json}\nprocessing: async\nrequest:\n${maps.map((m) => `  ${m}\n`).join('')}${out.length > 0 ? `# Left out on purpose, since they hold secrets: ${out.join(', ')}\n` : ''}response: {status: response_status}\n`;

export function learnt(): Learnt {
  const field = (source: string, kinds: Record<string, number>, element = '', name = '', secret = false) => ({ source, kinds, element, name, secret });
  return {
    sites: [{ name: 'shop', learning: true }, { name: 'docs', learning: false }], shapes: 31, waiting: 12, visitors: 5, missed: 204,
    proposals: [
      {
        id: '5f0c1d2e3a4b5c6d', site: 'shop', name: 'Login api/session', type: 'authentication_attempt', type_name: 'Authentication attempt', says: 'this looks like a login: POST /api/session with email, password, remember, client.version',
        method: 'POST', path: '/api/session', content_type: 'application/json', count: 18_204, statuses: { '2xx': 14_011, '4xx': 4193 }, named_by: '',
        fields: [field('json $.client.version', { identifier: 18_204 }), field('json $.email', { email: 18_190, text: 14 }, 'email', 'Email'), field('json $.password', { text: 9000, identifier: 9100, 'long text': 104 }, '', '', true), field('json $.remember', { boolean: 18_204 })],
        yaml: yaml('Login api/session', 'authentication_attempt', '/api/session', ['"json $.email": email'], ['json $.password']),
      },
      {
        id: '6a1c1d2e3a4b5c6d', site: 'shop', name: 'Payment api/v2/customers/{id}/instruments/{id2}/charges', type: 'transaction', type_name: 'Transaction', says: 'this looks like a payment: POST /api/v2/customers/{id}/instruments/{id2}/charges with amount, currency, card_number, cvc',
        method: 'POST', path: '/api/v2/customers/{id}/instruments/{id2}/charges', content_type: 'application/json', count: 912, statuses: { '2xx': 880, '4xx': 32 }, named_by: '',
        fields: [field('json $.amount', { decimal: 700, integer: 212 }, 'transaction_amount', 'Transaction Amount'), field('json $.currency', { text: 912 }, 'currency', 'Currency'), field('json $.payment.instrument.card_number', { 'card number': 912 }, 'card_number', 'Card Number'), field('json $.payment.instrument.cvc', { integer: 912 }, '', '', true)],
        yaml: yaml('Payment api/v2/customers/{id}/instruments/{id2}/charges', 'transaction', '/api/v2/customers/{id}/instruments/{id2}/charges', ['"json $.amount": transaction_amount', '"json $.currency": currency', '"json $.payment.instrument.card_number": card_number'], ['json $.payment.instrument.cvc']),
      },
      {
        id: '7b2c1d2e3a4b5c6d', site: 'shop', name: 'Support contact', type: 'support_contact', type_name: 'Support contact', says: 'this looks like a message to support: POST /contact', method: 'POST', path: '/contact', content_type: '', count: 44,
        statuses: { '3xx': 44 }, named_by: 'Contact form', fields: [], yaml: yaml('Support contact', 'support_contact', '/contact', ['"path": url_path'], []),
      },
    ],
  };
}
