import { Link } from '@tanstack/react-router';
import type { Actor } from '../../api/types';
import { Ago, None } from '../../design/parts';
import { asRating, ratingWord } from '../../design/rating';
import { RatingBadge } from '../../design/RatingMark';
import { count, many } from '../../format/number';
import { EntityValue } from '../entity/EntityValue';
import css from './Actors.module.css';

/** Others who were seen with the same entities, the worst first. */
export function Actors({ actors, total }: { actors: readonly Actor[]; total: number }) {
  if (actors.length === 0) return <p className={css.nothing}>Nobody else was seen with a card, phone, address or device class of this user.</p>;
  return (
    <>
      <ul className={css.list} data-testid="actors">
        {actors.map((a) => (
          <li key={a.spec_id}>
            <div className={css.who}>
              <Link className="link" to="/spec-ids/$id" params={{ id: a.spec_id }}><code>{a.spec_id}</code></Link>
              {a.worst_session ? (
                <Link to="/sessions/$id" params={{ id: a.worst_session }} title={`Its newest session rated ${ratingWord[asRating(a.rating)]}`}><RatingBadge rating={asRating(a.rating)} plain /></Link>
              ) : (
                <None>no session stored</None>
              )}
              {a.sessions > 0 && <small>{many(a.sessions, 'session')}, <Ago at={a.last_seen} /></small>}
            </div>
            <ul className={css.shared}>
              {a.shared.map((x) => (
                <li key={`${x.element}/${x.value}/${x.event_id}`}>
                  <span>{x.name}</span>
                  {x.entity_id ? <Link to="/entities/$id" params={{ id: x.entity_id }}><EntityValue value={x.value} hashed={x.hashed} /></Link> : null}
                  <Link className={css.event} to="/events/$id" params={{ id: x.event_id }} title="The event that showed it">event</Link>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
      {total > actors.length && <p className={css.nothing}>{count(total - actors.length)} more share less.</p>}
    </>
  );
}
