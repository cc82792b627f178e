import type { Rate } from '../../api/types';
import { Panel } from '../../design/parts';
import { interval, percent } from '../../format/number';
import css from './Figure.module.css';

/** One figure with its interval, and what was counted. `low` is better low. */
export function Figure({ name, rate, counted, about, low = false }: { name: string; rate: Rate; counted: string; about: string; low?: boolean }) {
  return (
    <Panel label={name}>
      <div className={css.figure} data-figure={name}>
        <h2>{name}</h2>
        <b>{rate.of > 0 ? percent(rate.share) : '–'}</b>
        <Band rate={rate} low={low} />
        <small>{rate.of > 0 ? `${interval(rate.low, rate.high)}; ${counted}` : 'nothing to count yet'}</small>
        <p>{about}</p>
      </div>
    </Panel>
  );
}

/** Where a share lies between none and all: a mark, and around it its interval. */
export function Band({ rate: r, low = false }: { rate: Rate; low?: boolean }) {
  const at = Math.min(Math.max(r.share * 100, 0.6), 99.4);
  return (
    <svg className={css.band} data-low={low || undefined} viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect className={css.track} y="2" width="100" height="4" />
      {r.of > 0 && <rect className={css.between} x={r.low * 100} y="1" width={Math.max((r.high - r.low) * 100, 0.8)} height="6" />}
      {r.of > 0 && <rect className={css.mark} x={at - 0.6} width="1.2" height="8" />}
    </svg>
  );
}
