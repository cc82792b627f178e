import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { Session, Spec } from '../../api/types';
import { useNarrow } from '../../design/narrow';
import { copy, None, Panel, Place, Stamp } from '../../design/parts';
import { RatingBadge } from '../../design/RatingMark';
import { RecognisedBy } from '../../design/Who';
import { count, many } from '../../format/number';
import { useKeys } from '../../shell/keys';
import { SessionCards } from '../sessions/SessionCards';
import { browserName } from './visits';
import css from './SpecSessions.module.css';

/** The newest sessions of a user, and how each was recognised. */
export function SpecSessions({ spec }: { spec: Spec }) {
  const navigate = useNavigate();
  const narrow = useNarrow();
  const [active, setActive] = useState(-1);
  const list = narrow ? spec.recent.slice(0, 12) : spec.recent;
  const move = (by: number) => {
    const next = Math.max(0, Math.min(list.length - 1, active + by));
    setActive(next);
    document.querySelectorAll('[data-session]')[next]?.scrollIntoView({ block: 'nearest' });
  };
  const open = (s: Session | undefined) => s && void navigate({ to: '/sessions/$id', params: { id: s.id } });
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => open(list[active]),
    c: () => list[active] && void copy(list[active].id, 'Session ID'),
  });
  return (
    <Panel
      title="Sessions"
      note={list.length < spec.sessions ? `newest ${count(list.length)} of ${count(spec.sessions)}` : count(list.length)}
      flush
      aside={<Link className="link" to="/sessions" search={{ spec_id: spec.id, from: 'all' }}>All</Link>}
    >
      {narrow ? <SessionCards sessions={list} active={active} who /> : <Rows list={list} several={spec.ids.length > 1} active={active} open={open} />}
    </Panel>
  );
}

/** IDs of one time differ at their end. */
const short = (id: string) => `…${id.slice(-6)}`;

function Rows({ list, several, active, open }: { list: Session[]; several: boolean; active: number; open: (s: Session) => void }) {
  return (
    <div className={css.scroll}>
      <table className={css.table}>
        <colgroup>
          {['rating', 'id', 'start', 'by', ...(several ? ['under'] : []), 'account', 'place', 'browser', 'events'].map((c) => <col key={c} data-column={c} />)}
        </colgroup>
        <thead>
          <tr>
            <th scope="col">Rating</th>
            <th scope="col">Session ID</th>
            <th scope="col">Started, UTC</th>
            <th scope="col">Recognised by</th>
            {several && <th scope="col">Under</th>}
            <th scope="col">Account</th>
            <th scope="col">Place</th>
            <th scope="col">Browser</th>
            <th scope="col" data-number>Events</th>
          </tr>
        </thead>
        <tbody>
          {list.map((s, i) => (
            <tr
              key={s.id}
              data-session={s.id}
              data-active={i === active || undefined}
              onClick={(e) => {
                if (e.target instanceof HTMLElement && e.target.closest('a,button')) return;
                if (!window.getSelection()?.toString()) open(s);
              }}
            >
              <td><RatingBadge rating={s.rating} /></td>
              <td>
                <Link to="/sessions/$id" params={{ id: s.id }}><code>{s.id}</code></Link>
                {s.merged_into && <small>merged into <Link className="link" to="/sessions/$id" params={{ id: s.merged_into }} title={`Session ${s.merged_into}`}><code>{short(s.merged_into)}</code></Link></small>}
              </td>
              <td><Stamp at={s.start} /></td>
              <td>
                <RecognisedBy kind={s.recognised} />
                {s.candidates.length > 0 && <small>{many(s.candidates.length, 'candidate')}, {s.candidates[0]?.confidence} %</small>}
              </td>
              {several && <td><code className={css.under} title={`Spec ID ${s.spec_id}`}>{short(s.spec_id)}</code></td>}
              <td title={s.account}>{s.account || <None>–</None>}</td>
              <td><Place country={s.country} city={s.city} /></td>
              <td title={s.user_agent}>{browserName(s.user_agent)}</td>
              <td data-number>{count(s.events)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
