import type { Candidate } from '../../api/types';
import { Confidence, SpecID } from '../../design/Who';
import css from './CandidateList.module.css';

/** Who a visitor may be whom no key made known, the likeliest first. */
export function CandidateList({ candidates }: { candidates: readonly Candidate[] }) {
  return (
    <ol className={css.list} data-testid="candidates">
      {candidates.map((c) => (
        <li key={c.spec_id}>
          <div>
            <SpecID id={c.spec_id} knownAs={c.known_as} copy={false} />
            <Confidence percent={c.confidence} />
          </div>
          {c.reasons.length > 0 && <ul>{c.reasons.map((r) => <li key={r}>{r}</li>)}</ul>}
        </li>
      ))}
    </ol>
  );
}
