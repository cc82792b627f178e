import { Link } from '@tanstack/react-router';
import type { Recognised } from '../api/types';
import { CopyButton, None } from './parts';
import { recognisedHint, recognisedWord } from './recognised';
import css from './Who.module.css';

/** A Spec ID as it was recorded; beside it who that is by now, where it differs. */
export function SpecID({ id, knownAs, copy = true }: { id: string; knownAs?: string | undefined; copy?: boolean }) {
  if (!id) return <None>none</None>;
  return (
    <span className={css.spec}>
      <span>
        <Link className="link" to="/spec-ids/$id" params={{ id }}><code>{id}</code></Link>
        {copy && <CopyButton text={id} what="Spec ID" />}
      </span>
      {knownAs && (
        <small>
          now known as <Link className="link" to="/spec-ids/$id" params={{ id: knownAs }}><code>{knownAs}</code></Link>
        </small>
      )}
    </span>
  );
}

export function RecognisedBy({ kind }: { kind: Recognised }) {
  return <span className={css.recognised} data-known={(kind !== 'new' && kind !== 'unrecorded') || undefined} title={recognisedHint[kind]}>{recognisedWord[kind]}</span>;
}

/** A confidence in per cent, as a short bar and a number. */
export function Confidence({ percent }: { percent: number }) {
  return (
    <span className={css.confidence}>
      <meter min={0} max={100} value={percent} aria-hidden="true" />
      <b>{percent} %</b>
    </span>
  );
}
