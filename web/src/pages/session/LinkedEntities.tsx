import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { LinkedEntity } from '../../api/types';
import { useNarrow } from '../../design/narrow';
import { Ago } from '../../design/parts';
import { count } from '../../format/number';
import { EntityValue } from '../entity/EntityValue';
import css from './LinkedEntities.module.css';

/** Entities and how many sessions they share; the number leads to those sessions. */
export function LinkedEntities(props: { entities: readonly LinkedEntity[]; compact?: boolean; words?: readonly [string, string]; few?: number; within?: Record<string, string> }) {
  const { entities, compact: asked = false, words = ['Shared sessions', 'All sessions'] } = props;
  const narrow = useNarrow();
  const compact = asked || narrow;
  const [all, setAll] = useState(false);
  const few = Math.min(props.few ?? 25, compact ? 10 : 25);
  if (entities.length === 0) return <p className={css.nothing}>No entity is linked.</p>;
  const shown = all ? entities : entities.slice(0, few);
  return (
    <>
      <table className={css.table} data-compact={compact || undefined}>
        <thead>
          <tr>
            {!compact && <th scope="col">Element</th>}
            <th scope="col">Entity</th>
            <th scope="col" data-number>{compact && !props.words ? 'Shared' : words[0]}</th>
            {!compact && <th scope="col" data-number>{words[1]}</th>}
            {!compact && <th scope="col" data-wide>Last seen</th>}
          </tr>
        </thead>
        <tbody>
          {shown.map((e) => (
            <tr key={e.id}>
              {!compact && <td>{e.name}</td>}
              <td className={css.value}>
                {compact && <small>{e.name}</small>}
                <Link to="/entities/$id" params={{ id: e.id }} title={e.value}><EntityValue value={e.value} hashed={e.hashed} /></Link>
              </td>
              <td data-number>
                {e.shared_sessions > 0 ? <Link className="link" to="/sessions" search={{ ...props.within, entity: e.id, from: 'all' }} title="The sessions that share it">{count(e.shared_sessions)}</Link> : <span className={css.zero}>0</span>}
              </td>
              {!compact && <td data-number><Link className="link" to="/sessions" search={{ entity: e.id, from: 'all' }}>{count(e.sessions)}</Link></td>}
              {!compact && <td data-wide><Ago at={e.last_seen} /></td>}
            </tr>
          ))}
        </tbody>
      </table>
      {entities.length > few && (
        <div className={css.more}>
          <Button variant="subtle" color="gray" onClick={() => setAll(!all)}>{all ? 'Show fewer' : `Show all ${count(entities.length)}`}</Button>
        </div>
      )}
    </>
  );
}
