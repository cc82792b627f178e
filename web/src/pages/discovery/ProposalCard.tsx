import { Checkbox } from '@mantine/core';
import { useState } from 'react';
import type { Proposal } from '../../api/types';
import { CopyButton, None, Panel } from '../../design/parts';
import { count, many } from '../../format/number';
import css from './DiscoveryPage.module.css';

/** One proposal. Without onChoose it is named by a Spec by now and can't be chosen. */
export function ProposalCard({ proposal: p, chosen = false, onChoose }: { proposal: Proposal; chosen?: boolean; onChoose?: (yes: boolean) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <Panel
      label={p.name}
      className={css.card}
      title={
        <span className={css.title}>
          {onChoose && <Checkbox checked={chosen} onChange={(e) => onChoose(e.currentTarget.checked)} aria-label={`Choose ${p.name}`} />}
          <span className={css.words}>
            {p.name}
            <span className={css.type}>{p.type_name}</span>
          </span>
        </span>
      }
      note={p.named_by ? `now “${p.named_by}”` : p.site}
    >
      <div data-proposal={p.id}>
        <p className={css.says}>{upper(p.says)}.</p>
        <p className={css.counts}>
          <code>{p.method} {p.path}</code>
          {p.content_type && <span>{p.content_type}</span>}
          <span>{many(p.count, 'request')}</span>
          {Object.entries(p.statuses).sort().map(([s, n]) => <span key={s}>{count(n)} × {s}</span>)}
        </p>
        <Fields proposal={p} />
        <div className={css.yaml}>
          <button type="button" onClick={() => setOpen(!open)} aria-expanded={open}>{open ? 'Hide the Spec' : 'Show the Spec'}</button>
          {open && <CopyButton text={p.yaml} what="Spec" />}
        </div>
        {open && <pre className={css.text} tabIndex={0} aria-label={`Spec ${p.name}`}>{p.yaml}</pre>}
      </div>
    </Panel>
  );
}

function Fields({ proposal: p }: { proposal: Proposal }) {
  if (p.fields.length === 0) return <p><None>No fields were seen.</None></p>;
  return (
    <ul className={css.fields} aria-label="Fields">
      {p.fields.map((f) => (
        <li key={f.source}>
          <code>{f.source}</code>
          <span className={css.kinds}>{kinds(f.kinds)}</span>
          {f.secret ? (
            <span className={css.secret}>left out: a secret</span>
          ) : f.element ? (
            <span className={css.element} title={f.element}>{f.name || f.element}</span>
          ) : (
            <None>not copied</None>
          )}
        </li>
      ))}
    </ul>
  );
}

/** What values looked like, the most frequent first, with shares where they differ. */
function kinds(of: Record<string, number>): string {
  const all = Object.entries(of).sort((a, b) => b[1] - a[1]);
  const total = all.reduce((n, [, k]) => n + k, 0);
  if (all.length === 1) return all[0]?.[0] ?? '';
  return all.slice(0, 3).map(([kind, n]) => `${kind} ${share(n, total)}`).join(', ');
}

const share = (n: number, of: number) => (n * 100 < of ? 'under 1 %' : n < of && n * 200 > of * 199 ? 'over 99 %' : `${Math.round((n * 100) / of)} %`);

const upper = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);
