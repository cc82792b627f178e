import { IconArrowMerge, IconArrowsSplit2 } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { Spec, SpecChange } from '../../api/types';
import { When } from '../../design/parts';
import { SpecID } from '../../design/Who';
import { many } from '../../format/number';
import css from './History.module.css';

/** How the user came about and who left again, newest first. */
export function History({ spec: s }: { spec: Spec }) {
  if (s.history.length === 0) return <p className={css.nothing}>Always known under this one ID.</p>;
  return (
    <>
      <ol className={css.list} data-testid="history">
        {s.history.map((c, i) => (
          <li key={i} data-kind={c.kind}>
            {c.kind === 'split' ? <IconArrowsSplit2 size={15} stroke={1.7} /> : <IconArrowMerge size={15} stroke={1.7} />}
            <div>
              <p><Words change={c} asked={s.id} /></p>
              <small>{c.reason}</small>
            </div>
            <When at={c.time} />
          </li>
        ))}
      </ol>
      {s.history_total > s.history.length && <p className={css.nothing}>{many(s.history_total - s.history.length, 'older one')} not shown.</p>}
    </>
  );
}

function Words({ change: c, asked }: { change: SpecChange; asked: string }) {
  const id = (v: string) => (v === asked ? <code>{v}</code> : <Link className="link" to="/spec-ids/$id" params={{ id: v }}><code>{v}</code></Link>);
  const into = c.into === asked ? <code>{c.into}</code> : <SpecID id={c.into} knownAs={c.into_known_as} copy={false} />;
  if (c.kind === 'split') return c.from === c.into ? <>{id(c.from)} split off, alone again</> : <>{id(c.from)} split off, known as {into}</>;
  return <>{id(c.from)} merged into {into}</>;
}
