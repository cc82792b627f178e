import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { elementsQuery } from '../../api/queries';
import type { Label, Signature } from '../../api/types';
import { LabelChip, SignatureChip } from '../../design/Chips';
import { groupLabels } from '../../design/labels';
import { None, When } from '../../design/parts';
import { RatingBadge } from '../../design/RatingMark';
import { asRating } from '../../design/rating';
import { inWords, valueInWords } from './evidence';
import css from './Findings.module.css';

/** Labels by severity, each with the values its rule saw. */
export function LabelList({ labels }: { labels: readonly Label[] }) {
  const elements = useQuery(elementsQuery).data;
  const names = useMemo(() => new Map(elements?.map((e) => [e.id, e.name])), [elements]);
  const titles = useMemo(() => new Map(labels.map((l) => [l.id, l.title])), [labels]);
  return (
    <ul className={css.list}>
      {groupLabels(labels).map((l) => (
        <li key={`${l.id}/${l.shadow}`}>
          <div className={css.head}>
            <LabelChip label={l} linked whole />
            <span className={css.points}>{l.shadow ? 'shadow' : l.points > 0 ? `+${l.points}` : l.points}</span>
          </div>
          {l.evidence.length > 0 && (
            <dl className={css.evidence}>
              {l.evidence.map((e, i) => (
                <div key={i}>
                  <dt title={e.what}>{inWords(e.what, names, titles) ?? <code>{e.what}</code>}</dt>
                  <dd><code>{valueInWords(e.value)}</code></dd>
                </div>
              ))}
            </dl>
          )}
          <small>
            {l.event_id ? <Link className="link" to="/events/$id" params={{ id: l.event_id }}><When at={l.time} /></Link> : <When at={l.time} />}
          </small>
        </li>
      ))}
    </ul>
  );
}

export function SignatureList({ signatures, labels }: { signatures: readonly Signature[]; labels: readonly Label[] }) {
  return (
    <ul className={css.list}>
      {signatures.map((g) => (
        <li key={g.id}>
          <div className={css.head}>
            <SignatureChip signature={g} linked />
            <RatingBadge rating={asRating(g.rating)} plain />
          </div>
          <p className={css.made}>
            {g.labels.length > 0 ? g.labels.map((id) => labels.find((l) => l.id === id)?.title ?? id).join(' + ') : <None>no labels</None>}
          </p>
          <small>{g.event_id ? <Link className="link" to="/events/$id" params={{ id: g.event_id }}><When at={g.time} /></Link> : <When at={g.time} />}</small>
        </li>
      ))}
    </ul>
  );
}
