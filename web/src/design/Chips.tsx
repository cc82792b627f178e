import { IconArrowForwardUp, IconBan, IconFingerprint, IconTag } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { Action, Label, Severity, Signature } from '../api/types';
import { groupLabels, type LabelGroup } from './labels';
import css from './marks.module.css';

const level: Record<Severity, number> = { trusted: 0, info: 0, low: 1, medium: 2, high: 3, critical: 4 };

/** Bars that rise with the severity; a tick for trusted. */
export function SeverityMark({ severity }: { severity: Severity }) {
  if (severity === 'trusted') {
    return (
      <svg className={css.bars} width="10" height="10" viewBox="0 0 12 12" aria-hidden="true">
        <path d="M2 6.5 5 9.500l5-7" />
      </svg>
    );
  }
  return (
    <svg className={css.bars} width="11" height="10" viewBox="0 0 11 10" aria-hidden="true">
      {[0, 1, 2, 3].map((i) => (
        <rect key={i} x={i * 3} y={7 - i * 2.33} width="2" height={3 + i * 2.33} rx="0.6" data-on={i < level[severity] || undefined} />
      ))}
    </svg>
  );
}

function labelHint(l: LabelGroup): string {
  const times = l.times > 1 ? `, ${l.times} times` : '';
  const shadow = l.shadow ? ', in shadow (recorded, does not count)' : '';
  return `${l.title}: ${l.severity}${times}${shadow}`;
}

/** Cut short where room is scarce; `whole` lets a long title take a second line. */
export function LabelChip({ label, linked = false, whole = false }: { label: LabelGroup; linked?: boolean; whole?: boolean }) {
  const inside = (
    <>
      <SeverityMark severity={label.severity} />
      <span>{label.title}</span>
      {label.times > 1 && <small>×{label.times}</small>}
      <span className="unseen">({label.severity})</span>
    </>
  );
  const look = { className: [css.chip, label.shadow && css.shadow, whole && css.whole].filter(Boolean).join(' '), 'data-severity': label.severity, title: labelHint(label) };
  if (!linked) return <span {...look}>{inside}</span>;
  return (
    <Link to="/sessions" search={{ label: label.id }} {...look}>
      {inside}
    </Link>
  );
}

/** The gravest labels first by name, some more by their mark alone, the rest as +n. */
export function LabelChips({ labels, max = 3, marks = 0, wrap = false }: { labels: readonly Label[]; max?: number; marks?: number; wrap?: boolean }) {
  const groups = groupLabels(labels);
  const rest = groups.slice(max + marks);
  return (
    <span className={`${css.chips} ${wrap ? css.wrap : ''}`}>
      {groups.slice(0, max).map((l) => (
        <LabelChip key={l.id} label={l} />
      ))}
      {groups.slice(max, max + marks).map((l) => (
        <span key={l.id} className={`${css.chip} ${css.only} ${l.shadow ? css.shadow : ''}`} data-severity={l.severity} title={labelHint(l)}>
          <SeverityMark severity={l.severity} />
          <span className="unseen">{l.title}</span>
        </span>
      ))}
      {rest.length > 0 && (
        <span className={css.more} title={rest.map((l) => l.title).join('\n')}>
          +{rest.length}
        </span>
      )}
    </span>
  );
}

export function SignatureChip({ signature, linked = false }: { signature: Signature; linked?: boolean }) {
  const look = {
    className: `${css.chip} ${css.outlined}`,
    title: signature.shadow ? `${signature.title} (in shadow: recorded, does not count)` : signature.title,
  };
  const inside = (
    <>
      <IconFingerprint size={12} stroke={1.8} />
      <span>{signature.title}</span>
    </>
  );
  if (!linked) return <span {...look}>{inside}</span>;
  return (
    <Link to="/sessions" search={{ signature: signature.id }} {...look}>
      {inside}
    </Link>
  );
}

const actionIcon = { block: IconBan, redirect: IconArrowForwardUp, tag: IconTag };

export function ActionChip({ action, short = false }: { action: Action; short?: boolean }) {
  const Icon = actionIcon[action.type];
  const how = action.shadow ? 'in shadow: would have been taken' : action.enforced ? 'taken' : 'decided, not taken';
  return (
    <span
      className={`${css.chip} ${css.outlined} ${action.shadow ? css.shadow : ''}`}
      data-severity={action.enforced && action.type === 'block' ? 'critical' : undefined}
      title={[`${action.name}: ${how}`, action.reason].filter(Boolean).join('\n')}
    >
      <Icon size={12} stroke={1.8} />
      <span className={short ? 'unseen' : undefined}>{action.name}</span>
      {(short || (action.count ?? 0) > 1) && <small>×{action.count ?? 1}</small>}
    </span>
  );
}

const outcomeWord: Record<string, string> = { success: 'Success', failure: 'Failure', error: 'Origin error', blocked: 'Mitigated' };

export function Outcome({ outcome }: { outcome: string }) {
  const word = outcomeWord[outcome];
  return word ? (
    <span className={css.outcome} data-outcome={outcome}>
      {word}
    </span>
  ) : null;
}
