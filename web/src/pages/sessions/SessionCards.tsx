import { Link } from '@tanstack/react-router';
import type { Session } from '../../api/types';
import { LabelChips } from '../../design/Chips';
import { Ago, Place } from '../../design/parts';
import { RatingBadge } from '../../design/RatingMark';
import { RecognisedBy } from '../../design/Who';
import { many } from '../../format/number';
import { duration } from '../../format/time';
import type { Freshness } from './useSessions';
import css from './SessionCards.module.css';

/** The sessions on a narrow screen, and wherever a few of them are listed. `who` adds how each was recognised. */
export function SessionCards({ sessions, fresh, active, who = false }: { sessions: readonly Session[]; fresh?: ReadonlyMap<string, Freshness>; active?: number; who?: boolean }) {
  return (
    <ul className={css.list}>
      {sessions.map((s, i) => (
        <li key={s.id} data-session={s.id} data-rating={s.rating} data-fresh={fresh?.get(s.id)} data-active={i === active || undefined}>
          <Link to="/sessions/$id" params={{ id: s.id }} className={css.card}>
            <span className={css.top}>
              <RatingBadge rating={s.rating} />
              <b>{s.account}</b>
              <span className={css.when}>
                {s.live && <i title="Live" />}
                <Ago at={s.last} />
              </span>
            </span>
            {s.labels.length > 0 && <LabelChips labels={s.labels} max={2} />}
            <span className={css.line}>
              <Place country={s.country} city={s.city} />
              <code>{s.ip}</code>
              <span>{many(s.events, 'event')}</span>
              <span>{duration(s.duration_ms)}</span>
              {who && <RecognisedBy kind={s.recognised} />}
              {s.merged_into && <span>merged</span>}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
