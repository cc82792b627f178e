import type { RecognitionGroup, Rate } from '../../api/types';
import { useNarrow } from '../../design/narrow';
import { count, interval, many, percent } from '../../format/number';
import { Band } from './Figure';
import css from './Groups.module.css';

const columns = [
  ['Precision', 'of the sessions under its Spec ID, how many are of its account', (g: RecognitionGroup) => g.quality.bcubed_precision],
  ['Recall', 'of the sessions of its account, how many are under its Spec ID', (g: RecognitionGroup) => g.quality.bcubed_recall],
  ['Known on return', 'of those who came back, how many a strong key made known at once', (g: RecognitionGroup) => g.first_request.strong],
] as const;

/** Sessions in groups; a table, or on a narrow screen a list. */
export function Groups({ label, first, groups, word }: { label: string; first: string; groups: readonly RecognitionGroup[]; word: (name: string) => string }) {
  const narrow = useNarrow();
  if (narrow) {
    return (
      <ul className={css.list} aria-label={label}>
        {groups.map((g) => (
          <li key={g.name} data-group={g.name} data-sessions={g.quality.sessions}>
            <div><strong>{word(g.name)}</strong><small>{many(g.quality.sessions, 'session')}</small></div>
            {g.quality.sessions > 0 && (
              <dl>
                {columns.map(([name, about, of]) => (
                  <div key={name} title={about}>
                    <dt>{name}</dt>
                    <dd><Cell rate={of(g)} /></dd>
                  </div>
                ))}
              </dl>
            )}
          </li>
        ))}
      </ul>
    );
  }
  return (
    <table className={css.table} aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{first}</th>
          <th scope="col" data-number>Sessions</th>
          {columns.map(([name, about]) => <th key={name} scope="col" title={about}>{name}</th>)}
        </tr>
      </thead>
      <tbody>
        {groups.map((g) => (
          <tr key={g.name} data-group={g.name} data-sessions={g.quality.sessions} data-none={g.quality.sessions === 0 || undefined}>
            <th scope="row">{word(g.name)}</th>
            <td data-number>{count(g.quality.sessions)}</td>
            {columns.map(([name, , of]) => <td key={name}><Cell rate={of(g)} /></td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell({ rate: r }: { rate: Rate }) {
  if (r.of === 0) return <span className={css.none}>–</span>;
  return (
    <div className={css.cell}>
      <b>{percent(r.share)}</b>
      <small title={`95 % interval, of ${count(r.of)}`}>{interval(r.low, r.high)}</small>
      <Band rate={r} />
    </div>
  );
}
