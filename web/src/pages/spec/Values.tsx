import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import type { LinkedEntity, Recognised, Spec, SpecValue } from '../../api/types';
import { Ago, Flag, Panel } from '../../design/parts';
import { recognisedHint, recognisedKinds, recognisedWord } from '../../design/recognised';
import { count, many } from '../../format/number';
import { countryName, device } from '../../format/place';
import { EntityValue } from '../entity/EntityValue';
import { LinkedEntities } from '../session/LinkedEntities';
import css from './Values.module.css';

interface Row { key: string; what: ReactNode; note?: ReactNode; sessions: number; title?: string }

/** Values with how many sessions of the user they stand in. */
function List({ rows, nothing }: { rows: readonly Row[]; nothing: string }) {
  const [all, setAll] = useState(false);
  const few = 8;
  if (rows.length === 0) return <p className={css.nothing}>{nothing}</p>;
  return (
    <>
      <ul className={css.list}>
        {(all ? rows : rows.slice(0, few)).map((r) => (
          <li key={r.key} title={r.title}>
            <span className={css.what}>{r.what}</span>
            {r.note && <small>{r.note}</small>}
            <b title={many(r.sessions, 'session')}>{count(r.sessions)}</b>
          </li>
        ))}
      </ul>
      {rows.length > few && (
        <div className={css.more}>
          <Button variant="subtle" color="gray" onClick={() => setAll(!all)}>{all ? 'Show fewer' : `Show all ${count(rows.length)}`}</Button>
        </div>
      )}
    </>
  );
}

export function RecognisedList({ spec }: { spec: Spec }) {
  const kinds = recognisedKinds.filter((k) => (spec.recognised[k] ?? 0) > 0);
  if (kinds.length === 0) return null;
  return (
    <Panel title="Recognised by" note="sessions">
      <ul className={css.bars}>
        {kinds.map((k: Recognised) => (
          <li key={k} title={recognisedHint[k]}>
            <span>{recognisedWord[k]}</span>
            <meter min={0} max={spec.sessions} value={spec.recognised[k]} aria-hidden="true" />
            <b>{count(spec.recognised[k] ?? 0)}</b>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const seen = (v: SpecValue) => <Ago at={v.last_seen} />;

export function Accounts({ spec }: { spec: Spec }) {
  return (
    <Panel title="Accounts" note={noteOf(spec.accounts.length, 'confirmed')} flush>
      <List nothing="Never signed in." rows={spec.accounts.map((v) => ({ key: v.value, what: v.value, note: seen(v), sessions: v.sessions, title: v.value }))} />
    </Panel>
  );
}

export function Addresses({ spec }: { spec: Spec }) {
  return (
    <Panel title="Addresses" note={noteOf(spec.addresses.length, 'last of each session')} flush>
      <List
        nothing="No address is known."
        rows={spec.addresses.map((v) => ({
          key: v.value,
          what: <><Flag code={v.country} /><Link to="/sessions" search={{ spec_id: spec.id, ip: v.value, from: 'all' }}><code>{v.value}</code></Link></>,
          title: [v.city, v.country && countryName(v.country)].filter(Boolean).join(', '),
          note: v.city || countryName(v.country) || seen(v),
          sessions: v.sessions,
        }))}
      />
    </Panel>
  );
}

export function Browsers({ spec }: { spec: Spec }) {
  return (
    <Panel title="Browsers" note={noteOf(spec.browsers.length)} flush>
      <List nothing="No browser said its name." rows={spec.browsers.map((v) => ({ key: v.value, what: device(v.value), note: seen(v), sessions: v.sessions, title: v.value }))} />
    </Panel>
  );
}

const deviceElement = 'device_fingerprint';
const ofOthers = (e: LinkedEntity) => e.sessions - e.shared_sessions;

/** A fingerprint names a class of devices, and the list says how common each is. */
export function Devices({ spec }: { spec: Spec }) {
  const list = spec.entities.filter((e) => e.element === deviceElement);
  if (list.length === 0) return null;
  return (
    <Panel title="Device classes" note={count(list.length)} flush>
      <p className={css.hint}>A fingerprint is that of a class of devices: all with the same hardware, system and browser share it.</p>
      <List nothing="" rows={list.map((e) => entityRow(e))} />
    </Panel>
  );
}

export function Entities({ spec, className }: { spec: Spec; className: string | undefined }) {
  const list = spec.entities.filter((e) => e.element !== deviceElement);
  return (
    <Panel title="Entities" note={spec.entities_total > spec.entities.length ? `${count(list.length)} of ${count(spec.entities_total)}, by sessions` : noteOf(list.length, 'by sessions')} flush {...(className && { className })}>
      <LinkedEntities entities={list} words={['Its sessions', 'Of everybody']} within={{ spec_id: spec.id }} few={12} />
    </Panel>
  );
}

function entityRow(e: LinkedEntity): Row {
  return {
    key: e.id,
    what: <Link to="/entities/$id" params={{ id: e.id }}><EntityValue value={e.value} hashed={e.hashed} /></Link>,
    note: ofOthers(e) > 0 ? `${count(ofOthers(e))} of others` : 'none of others',
    sessions: e.shared_sessions,
  };
}

const noteOf = (n: number, more = '') => (n === 0 ? undefined : [count(n), more].filter(Boolean).join(', '));
