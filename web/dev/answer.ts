import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Entity, Event, LinkedEntity, Session } from '../src/api/types.ts';
import { elements, learnt, newcomer, recognition, sessionsOf, status, world, type Journey } from './data.ts';
import { now, spec } from './who.ts';

// The Hub's API over invented data. TL_FIXTURE=setup|empty|broken shows those states.

const state = process.env.TL_FIXTURE ?? '';
const started = Date.now() - 86_400_000;
let all: Journey[] | undefined;
const journeys = () => (all ??= state === 'empty' ? [] : world(Date.now()));
let mode: Parameters<typeof status>[1] = 'active';
let cookie = '';
let measured = 0;
const readers = new Set<ServerResponse>();

function send(res: ServerResponse, code: number, body?: unknown) {
  res.statusCode = code;
  if (body === undefined) return void res.end();
  res.setHeader('Content-Type', code < 400 ? 'application/json' : 'application/problem+json');
  res.end(JSON.stringify(body));
}
const problem = (res: ServerResponse, code: number, detail: string) => send(res, code, { status: code, title: detail, detail });

function instant(s: string | null): number | null {
  if (!s) return null;
  const m = /^(\d+)(m|h|d)$/.exec(s);
  if (m) return Date.now() - Number(m[1]) * { m: 60_000, h: 3600_000, d: 86_400_000 }[m[2] as 'm' | 'h' | 'd'];
  return Date.parse(s);
}

const sorters: Record<string, (s: Session) => number> = {
  start: (s) => Date.parse(s.start), last: (s) => Date.parse(s.last), events: (s) => s.events, labels: (s) => s.labels.length, duration: (s) => s.duration_ms, points: (s) => s.points,
  rating: (s) => ['normal', 'suspicious', 'malicious'].indexOf(s.rating),
};

function sessions(p: URLSearchParams) {
  const values = p.getAll('values').map((v) => v.replaceAll('\\,', ','));
  const [from, to, ratings] = [instant(p.get('from')), instant(p.get('to')), p.get('rating')?.split(',')];
  let found = journeys().filter(({ session: s, events }) => {
    if (from !== null && Date.parse(s.last) < from) return false;
    if (to !== null && Date.parse(s.start) >= to) return false;
    if (ratings && !ratings.includes(s.rating)) return false;
    if (p.has('country') && s.country !== p.get('country')?.toUpperCase()) return false;
    if (p.has('city') && s.city !== p.get('city')) return false;
    if (p.has('ip') && s.ip !== p.get('ip')) return false;
    if (p.has('spec_id') && now(s.spec_id) !== now(p.get('spec_id') ?? '')) return false;
    if (p.has('label') && !s.labels.some((l) => l.id === p.get('label'))) return false;
    if (p.has('signature') && !s.signatures.some((g) => g.id === p.get('signature'))) return false;
    if (p.has('entity')) return events.some((e) => e.elements.some((x) => x.entity_id === p.get('entity')));
    if (p.has('element')) return events.some((e) => e.elements.some((x) => x.id === p.get('element') && values.includes(x.value)));
    return true;
  });
  const sort = p.get('sort') ?? '-start';
  const by = sorters[sort.replace('-', '')] ?? ((s: Session) => Date.parse(s.start));
  found = [...found].sort((a, b) => (by(a.session) - by(b.session)) * (sort.startsWith('-') ? -1 : 1));
  return page(p, found.map((j) => j.session), 50, (sessions, total, next) => ({ sessions, total, next }));
}

function page<T, R>(p: URLSearchParams, list: T[], size: number, make: (part: T[], total: number, next: string) => R): R {
  const at = Number(p.get('cursor') ?? 0);
  const n = Number(p.get('limit') ?? size);
  return make(list.slice(at, at + n), list.length, at + n < list.length ? String(at + n) : '');
}

function entity(eid: string): Entity | null {
  const of = sessionsOf(journeys(), eid);
  const self = of.flatMap((j) => j.events.flatMap((e) => e.elements)).find((x) => x.entity_id === eid);
  if (!self) return null;
  const linked = new Map<string, LinkedEntity>();
  const [ratings, countries]: [Record<string, number>, Record<string, number>] = [{ normal: 0, suspicious: 0, malicious: 0 }, {}];
  for (const j of of) {
    ratings[j.session.rating] = (ratings[j.session.rating] ?? 0) + 1;
    countries[j.session.country] = (countries[j.session.country] ?? 0) + 1;
    const mine = new Map(j.events.flatMap((e) => e.elements).filter((x) => x.entity_id && x.entity_id !== eid).map((x) => [x.entity_id as string, x]));
    for (const [k, x] of mine) {
      const l = linked.get(k) ?? { id: k, element: x.id, name: x.name, value: x.value, hashed: x.hashed, shared_sessions: 0, sessions: sessionsOf(journeys(), k).length, last_seen: j.session.last };
      l.shared_sessions++;
      linked.set(k, l);
    }
  }
  return {
    id: eid, element: self.id, name: self.name, value: self.value, hashed: self.hashed, first_seen: of.at(-1)?.session.start ?? '', last_seen: of[0]?.session.last ?? '', sessions: of.length, linked_entities: linked.size,
    ratings, countries, linked: [...linked.values()].sort((a, b) => b.shared_sessions - a.shared_sessions).slice(0, 100), recent: of.map((j) => j.session).slice(0, 50),
  };
}

function live(res: ServerResponse) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.write(`event: ready\ndata: ${JSON.stringify({ time: new Date().toISOString() })}\n\n`);
  readers.add(res);
  res.on('close', () => readers.delete(res));
}

setInterval(() => {
  if (readers.size === 0 || state === 'empty') return;
  const list = journeys();
  let j = list[Math.floor(Math.random() * Math.min(6, list.length))];
  if (!j || Math.random() < 0.25) list.unshift((j = newcomer()));
  j.session.live = true;
  const event = j.take(j.step(), Date.now());
  for (const r of readers) r.write(`event: event\ndata: ${JSON.stringify({ event, session: j.session })}\n\n`);
}, 1200).unref();

const me = { name: 'ann', role: 'admin' as const, csrf: 'fixture-csrf' };

function body(req: IncomingMessage): Promise<Record<string, unknown>> {
  return new Promise((done) => {
    let text = '';
    req.on('data', (c: Buffer) => (text += c.toString()));
    req.on('end', () => done((text ? JSON.parse(text) : {}) as Record<string, unknown>));
  });
}

/** Answers what is below /api; false for all else. */
export function answer(req: IncomingMessage, res: ServerResponse): boolean {
  const url = new URL(req.url ?? '/', 'http://fixture');
  if (!url.pathname.startsWith('/api/')) return false;
  void route(req, res, url);
  return true;
}

async function route(req: IncomingMessage, res: ServerResponse, url: URL) {
  const path = url.pathname.replace('/api/v1', '');
  const p = url.searchParams;
  const signIn = () => {
    cookie = 'fixture';
    res.setHeader('Set-Cookie', `tl_session=${cookie}; HttpOnly; SameSite=Lax; Path=/`);
    send(res, 200, me);
  };
  if (path === '/setup' && req.method === 'GET') return send(res, 200, { needs_setup: state === 'setup', version: '0.1.0' });
  if (path === '/setup') return (await body(req)).token === 'fixture' ? signIn() : problem(res, 403, 'this link was used already or is too old; restart the Hub for a new one');
  if (path === '/login') {
    const b = await body(req);
    return b.password === 'fixture-password' ? signIn() : problem(res, 401, 'name or password is wrong');
  }
  if (!(req.headers.cookie ?? '').includes('tl_session=fixture')) return problem(res, 401, 'sign in first');
  if (req.method !== 'GET' && req.headers['x-csrf-token'] !== me.csrf) return problem(res, 403, 'the CSRF token is missing or wrong');
  if (path === '/me') return send(res, 200, me);
  if (path === '/me/password') return (await body(req)).current === 'fixture-password' ? send(res, 204) : problem(res, 403, 'the current password is wrong');
  if (path === '/logout') {
    res.setHeader('Set-Cookie', 'tl_session=; Max-Age=0; Path=/');
    return send(res, 204);
  }
  if (path === '/live') return live(res);
  if (state === 'broken') return problem(res, 503, 'the warehouse is down: duckdb: disk full');
  if (path === '/elements') return send(res, 200, { elements });
  if (path === '/identity/report') return send(res, 200, recognition(Date.now(), Math.min(1, (measured += 0.4)), state === 'empty'));
  if (path === '/discovery') return send(res, 200, state === 'empty' ? { ...learnt(), sites: [{ name: 'shop', learning: false }], proposals: [], shapes: 0, waiting: 0, missed: 0 } : learnt());
  if (path === '/discovery/forget') return send(res, 204);
  if (path === '/discovery/accept') {
    const ids = (await body(req)).ids as string[];
    const some = learnt().proposals.filter((p) => ids.includes(p.id));
    const faults = ids.length > 1 ? [] : ['proposed.yaml:3:1: name: spec "login_api_session" is there twice; another id'];
    return send(res, 200, { file: 'proposed.yaml', yaml: some.map((p) => `# ${p.site}: ${p.says}\n${p.yaml}`).join('---\n'), faults });
  }
  if (path === '/status') return send(res, 200, status(journeys(), mode, started));
  if (/^\/sites\/[^/]+\/mode$/.test(path)) {
    const asked = (await body(req)).mode as typeof mode | 'configured';
    mode = asked === 'configured' ? 'active' : asked;
    return send(res, 200, { site: 'shop', mode });
  }
  if (path === '/sessions') return send(res, 200, sessions(p));
  if (path === '/entities/lookup') {
    const b = await body(req);
    const all = journeys().flatMap((j) => j.events.flatMap((e) => e.elements));
    const x = all.find((e) => e.id === b.element && e.value === b.value);
    return send(res, 200, { id: x?.entity_id ?? 'e0000000000000000', element: b.element, value: b.value, known: Boolean(x) });
  }
  const [, kind, key, sub] = path.split('/');
  if (kind === 'sessions') {
    const j = journeys().find((x) => x.session.id === key);
    if (!j) return problem(res, 404, 'no such session');
    return send(res, 200, sub === 'events' ? events(j, p) : j.detail(journeys()));
  }
  if (kind === 'events') {
    const e = journeys().flatMap((j) => j.events).find((x) => x.id === key);
    return e ? send(res, 200, e) : problem(res, 404, 'no such event');
  }
  if (kind === 'spec-ids' && key) {
    const s = spec(key, journeys());
    return s ? send(res, 200, s) : problem(res, 404, 'no such Spec ID');
  }
  if (kind === 'entities' && key) {
    const e = entity(key);
    return e ? send(res, 200, e) : problem(res, 404, 'no such entity');
  }
  problem(res, 404, 'no such route');
}

function events(j: Journey, p: URLSearchParams) {
  let list: Event[] = j.events.filter(
    (e) =>
      (!p.get('type') || p.get('type')?.split(',').includes(e.type)) && (!p.get('name') || e.name === p.get('name')) &&
      (!p.get('label') || e.labels.some((l) => l.id === p.get('label'))) && (!p.get('rating') || p.get('rating')?.split(',').includes(e.rating)),
  );
  if (p.get('order') !== 'oldest') list = [...list].reverse();
  return page(p, list, 100, (events, total, next) => ({ events, total, next }));
}
