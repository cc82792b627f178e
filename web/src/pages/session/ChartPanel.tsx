import { lazy, Suspense, useState } from 'react';
import type { SessionDetail } from '../../api/types';
import { Choice } from '../../design/Choice';
import { Loading, Panel, When } from '../../design/parts';
import { asRating } from '../../design/rating';
import { RatingBadge } from '../../design/RatingMark';
import { count } from '../../format/number';
import { typeName } from './eventTypes';
import css from './ChartPanel.module.css';

const RiskChart = lazy(() => import('./RiskChart').then((m) => ({ default: m.RiskChart })));

export function ChartPanel({ session }: { session: SessionDetail }) {
  const [as, setAs] = useState<'chart' | 'table'>('chart');
  return (
    <Panel
      title="Risk over time"
      flush
      aside={<Choice name="Show as" value={as} onChange={setAs} options={[['chart', 'Chart'], ['table', 'Table']]} />}
    >
      {as === 'chart' ? (
        <Suspense fallback={<div className={css.room}><Loading lines={5} height={18} /></div>}>
          <RiskChart session={session} />
        </Suspense>
      ) : (
        <div className={css.scroll}>
          <table className={css.table}>
            <thead><tr><th scope="col">From, UTC</th><th scope="col">Rating</th><th scope="col">Events</th><th scope="col">Types</th></tr></thead>
            <tbody>
              {session.chart.map((b) => (
                <tr key={`${b.start}/${b.rating}`}>
                  <td><When at={b.start} /></td>
                  <td><RatingBadge rating={asRating(b.rating)} plain /></td>
                  <td>{count(b.count)}</td>
                  <td>{Object.entries(b.types).sort((x, y) => y[1] - x[1]).map(([t, n]) => `${typeName(t)} ${count(n)}`).join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
