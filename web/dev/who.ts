import type { Actor, LinkedEntity, Session, Spec, SpecChange, SpecValue } from '../src/api/types.ts';
import type { Journey } from './data.ts';

// Who is who among the invented visitors: some came under several Spec IDs that
// were found to be one, some left again, some share cards and phones.

const iso = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z');
const kinds = ['cookie', 'ticket', 'device', 'connection', 'bearer', 'new'] as const;

export const changes: SpecChange[] = [];
const links: { a: string; b: string; element: string; name: string; value: string; entity: string; event: string; time: string }[] = [];

const latest = (id: string) => changes.filter((c) => c.from === id).at(-1)?.into;
export function now(id: string): string {
  for (let i = 0; i < 64; i++) {
    const next = latest(id);
    if (!next || next === id) return id;
    id = next;
  }
  return id;
}
const differs = (id: string) => (now(id) === id ? '' : now(id));

/** Makes of the world's visitors some that are one, and some that are related. */
export function identify(all: Journey[]) {
  const by = new Map<string, Journey[]>();
  for (const j of all) by.set(j.session.spec_id, [...(by.get(j.session.spec_id) ?? []), j]);
  const [regular] = [...by].sort((a, b) => b[1].length - a[1].length)[0] ?? [];
  if (!regular) return;
  const good = [...by].filter(([id, js]) => id !== regular && js[0]?.kind === 'good').map(([id]) => id);
  const at = (id: string, min: number) => iso(Date.parse(by.get(id)?.[0]?.session.start ?? '') + min * 60_000);
  const [b = '', c = '', d = '', e = ''] = good;
  changes.push(
    { time: at(b, 3), kind: 'merge', from: b, into: regular, into_known_as: '', reason: 'both proved to own one account' },
    { time: at(c, 2), kind: 'merge', from: c, into: b, into_known_as: regular, reason: 'one session cookie, carried by both' },
    { time: at(d, 1), kind: 'merge', from: d, into: regular, into_known_as: '', reason: 'one device cookie, carried by both' },
    { time: at(d, 45), kind: 'split', from: d, into: d, into_known_as: '', reason: 'the device cookie is shared by more than 4 accounts' },
  );
  all.forEach((j, i) => {
    const s = j.session;
    s.recognised = s.spec_id === regular ? kinds[i % kinds.length] ?? 'new' : i % 5 === 0 ? 'ticket' : 'new';
    if (s.recognised === 'new' && i % 3 === 0) {
      s.candidates = [
        { spec_id: e, known_as: '', confidence: 84, reasons: ['same address, seen from no one else', 'same class of devices'] },
        { spec_id: c, known_as: regular, confidence: 11, reasons: ['same class of devices, seen from 212 others'] },
      ];
    }
  });
  const mine = all.filter((j) => j.session.spec_id === regular);
  const [first, second] = mine;
  if (first && second) second.session.merged_into = first.session.id;
  const bad = all.filter((j) => j.kind === 'cards' || j.kind === 'promo').slice(0, 4);
  bad.forEach((j, i) => {
    const event = j.events.find((x) => x.elements.some((y) => y.entity_id && (y.id === 'card' || y.id === 'promo_code')));
    const shared = event?.elements.find((y) => y.id === 'card' || y.id === 'promo_code');
    if (event && shared) links.push({ a: regular, b: j.session.spec_id, element: shared.id, name: shared.name, value: shared.value, entity: shared.entity_id ?? '', event: event.id, time: event.time });
    if (event && i < 2) links.push({ a: b, b: j.session.spec_id, element: 'device_address', name: 'Device class at one address', value: '', entity: '', event: event.id, time: event.time });
  });
  for (const j of all) know(j);
}

/** Says of a visitor who that is by now. */
export function know(j: Journey) {
  j.session.known_as = differs(j.session.spec_id);
  for (const e of j.events) e.known_as = differs(e.spec_id);
}

const worst = ['normal', 'suspicious', 'malicious'] as const;

function values(sessions: Session[], of: (s: Session) => string): SpecValue[] {
  const out = new Map<string, SpecValue>();
  for (const s of sessions) {
    const value = of(s);
    if (!value) continue;
    const v = out.get(value) ?? { value, country: value === s.ip ? s.country : '', city: value === s.ip ? s.city : '', sessions: 0, first_seen: s.start, last_seen: s.last };
    v.sessions++;
    v.first_seen = s.start < v.first_seen ? s.start : v.first_seen;
    v.last_seen = s.last > v.last_seen ? s.last : v.last_seen;
    out.set(value, v);
  }
  return [...out.values()].sort((a, b) => b.sessions - a.sessions);
}

export function spec(id: string, all: Journey[]): Spec | null {
  const self = now(id);
  const mine = all.filter((j) => now(j.session.spec_id) === self);
  const ids = [...new Set([self, ...changes.filter((c) => now(c.from) === self).map((c) => c.from)])].sort();
  const history = changes.filter((c) => ids.includes(c.from) || ids.includes(c.into) || changes.some((o) => o.from === c.from && ids.includes(o.into))).sort((a, b) => (a.time < b.time ? 1 : -1));
  const sessions = mine.map((j) => j.session);
  if (sessions.length === 0 && history.length === 0) return null;
  const [ratings, recognised]: [Record<string, number>, Record<string, number>] = [{ normal: 0, suspicious: 0, malicious: 0 }, {}];
  for (const s of sessions) {
    ratings[s.rating] = (ratings[s.rating] ?? 0) + 1;
    recognised[s.recognised] = (recognised[s.recognised] ?? 0) + 1;
  }
  const entities = new Map<string, LinkedEntity>();
  for (const j of mine) {
    for (const x of new Map(j.events.flatMap((e) => e.elements).map((e) => [e.entity_id, e])).values()) {
      if (!x.entity_id) continue;
      const l = entities.get(x.entity_id) ?? { id: x.entity_id, element: x.id, name: x.name, value: x.value, hashed: x.hashed, shared_sessions: 0, sessions: 0, last_seen: j.session.last };
      l.shared_sessions++;
      l.sessions = all.filter((o) => o.events.some((e) => e.elements.some((y) => y.entity_id === x.entity_id))).length;
      entities.set(x.entity_id, l);
    }
  }
  return {
    id, known_as: differs(id), ids, more_ids: false, first_seen: sessions.map((s) => s.start).sort()[0] ?? '', last_seen: sessions.map((s) => s.last).sort().at(-1) ?? '',
    sessions: sessions.length, merged_sessions: sessions.filter((s) => s.merged_into).length, events: sessions.reduce((n, s) => n + s.events, 0), ratings, recognised,
    chart: sessions.map((s) => ({ start: s.start, browser: s.user_agent, rating: s.rating, sessions: 1 })).sort((a, b) => (a.start < b.start ? -1 : 1)),
    accounts: values(sessions, (s) => s.account), addresses: values(sessions, (s) => s.ip), browsers: values(sessions, (s) => s.user_agent),
    entities: [...entities.values()].sort((a, b) => b.shared_sessions - a.shared_sessions).slice(0, 200), entities_total: entities.size,
    history, history_total: history.length, ...actorsOf(ids, self, all),
    recent: sessions.sort((a, b) => (a.start < b.start ? 1 : -1)).slice(0, 50),
  };
}

function actorsOf(ids: string[], self: string, all: Journey[]): { actors: Actor[]; actors_total: number } {
  const out = new Map<string, Actor>();
  for (const l of links) {
    const other = ids.includes(l.a) ? now(l.b) : ids.includes(l.b) ? now(l.a) : self;
    if (other === self) continue;
    const theirs = all.filter((j) => now(j.session.spec_id) === other).map((j) => j.session).sort((a, b) => worst.indexOf(b.rating) - worst.indexOf(a.rating));
    const a = out.get(other) ?? { spec_id: other, shared: [], sessions: theirs.length, last_seen: theirs[0]?.last ?? '', rating: theirs[0]?.rating ?? 'normal', worst_session: theirs[0]?.id ?? '' };
    a.shared.push({ entity_id: l.entity, element: l.element, name: l.name, value: l.value, hashed: l.element === 'card', event_id: l.event, time: l.time });
    out.set(other, a);
  }
  const actors = [...out.values()].sort((a, b) => worst.indexOf(b.rating) - worst.indexOf(a.rating));
  return { actors, actors_total: actors.length };
}
