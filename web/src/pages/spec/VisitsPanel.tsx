import { useMemo } from 'react';
import type { Spec } from '../../api/types';
import { Choice } from '../../design/Choice';
import { Panel, When } from '../../design/parts';
import { asRating, ratingPath, ratingWord } from '../../design/rating';
import { RatingBadge } from '../../design/RatingMark';
import { count, many } from '../../format/number';
import { device } from '../../format/place';
import { clock, day, moment, readTime } from '../../format/time';
import { lanes, type Dot } from './visits';
import css from './VisitsPanel.module.css';

/** Sessions over time, a lane for each browser. */
export function VisitsPanel({ spec, as, show }: { spec: Spec; as: 'chart' | 'table'; show: (as: 'chart' | 'table') => void }) {
  return (
    <Panel title="Sessions over time" note="by browser and system" flush aside={<Choice name="Show as" value={as} onChange={show} options={[['chart', 'Chart'], ['table', 'Table']]} />}>
      {as === 'chart' ? <Chart spec={spec} /> : <Table spec={spec} />}
    </Panel>
  );
}

function Chart({ spec }: { spec: Spec }) {
  const all = useMemo(() => lanes(spec.chart, spec.first_seen, spec.last_seen), [spec.chart, spec.first_seen, spec.last_seen]);
  const most = Math.max(1, ...all.flatMap((l) => l.dots.map((d) => d.sessions)));
  return (
    <div className={css.chart} role="img" data-testid="visits" aria-label={`${many(spec.sessions, 'session')} in ${many(all.length, 'lane')}. Choose Table for the values.`}>
      {all.map((l) => (
        <div className={css.lane} key={l.name}>
          <span title={l.name}>{l.name}</span>
          <svg aria-hidden="true">
            <line x1="0" x2="100%" y1="50%" y2="50%" />
            {l.dots.map((d) => (
              // Shapes keep their form, whatever the width: only the place is a share of it.
              <svg key={`${d.time}/${d.rating}`} x={`${2 + d.at * 96}%`} y="50%" overflow="visible">
                <g transform={`scale(${0.75 + 0.75 * Math.sqrt((d.sessions - 1) / Math.max(most - 1, 8))}) translate(-8 -8)`}>
                  <path d={ratingPath[d.rating]} data-rating={d.rating} />
                  <title>{hint(d)}</title>
                </g>
              </svg>
            ))}
          </svg>
          <b>{count(l.sessions)}</b>
        </div>
      ))}
      <div className={css.axis} aria-hidden="true">
        {ticks(spec.first_seen, spec.last_seen).map((t, i) => <time key={i}>{t}</time>)}
      </div>
    </div>
  );
}

const hint = (d: Dot) => `${moment(d.time)} UTC\n${many(d.sessions, 'session')}, ${ratingWord[d.rating]}\n${d.browsers.map(device).join('\n')}`;

/** Begin, middle and end, as exact as the span wants it. */
function ticks(first: string, last: string): string[] {
  const [from, to] = [readTime(first)?.getTime() ?? 0, readTime(last)?.getTime() ?? 0];
  if (to - from < 60_000) return [moment(first)];
  const words = (ms: number) => {
    const t = new Date(ms).toISOString();
    return to - from > 3 * 86400_000 ? day(t) : day(first) === day(last) ? clock(t) : moment(t).replace(/:\d\d$/, '');
  };
  return [words(from), words((from + to) / 2), words(to)];
}

function Table({ spec }: { spec: Spec }) {
  return (
    <div className={css.scroll}>
      <table className={css.table}>
        <thead><tr><th scope="col">From, UTC</th><th scope="col">Browser</th><th scope="col">Rating</th><th scope="col" data-number>Sessions</th></tr></thead>
        <tbody>
          {spec.chart.map((m) => (
            <tr key={`${m.start}/${m.browser}/${m.rating}`}>
              <td><When at={m.start} /></td>
              <td>{device(m.browser)}</td>
              <td><RatingBadge rating={asRating(m.rating)} plain /></td>
              <td data-number>{count(m.sessions)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
