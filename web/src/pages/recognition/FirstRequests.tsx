import type { RecognitionReport } from '../../api/types';
import { None } from '../../design/parts';
import { count, interval, percent } from '../../format/number';
import css from './FirstRequests.module.css';

/** How the first requests of visitors were answered who came back, as one bar and its legend. */
export function FirstRequests({ of: f }: { of: RecognitionReport['first_request'] }) {
  if (f.returning === 0) return <None>No account has signed in to a second session in this time.</None>;
  const parts = [
    { key: 'strong', name: 'Known by a strong key', n: f.strong.hits, note: interval(f.strong.low, f.strong.high) },
    { key: 'candidate', name: 'The likeliest candidate was right', n: f.candidate.hits, note: interval(f.candidate.low, f.candidate.high) },
    { key: 'none', name: 'Taken for new', n: f.unanswered },
    { key: 'doubt', name: 'The likeliest candidate was wrong', n: f.candidate_wrong },
    { key: 'wrong', name: 'Taken for somebody else', n: f.strong_wrong },
  ];
  let before = 0;
  return (
    <div className={css.first}>
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        {parts.map((p) => {
          const x = before;
          const width = (p.n / f.returning) * 100;
          before += width;
          return <rect key={p.key} data-part={p.key} x={x} width={width} height="10" />;
        })}
      </svg>
      <dl>
        {parts.map((p) => (
          <div key={p.key}>
            <dt><i data-part={p.key} />{p.name}</dt>
            <dd>
              <b>{percent(p.n / f.returning)}</b>
              <small>{count(p.n)}{p.note ? `; ${p.note}` : ''}</small>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
