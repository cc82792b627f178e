import type { Rating } from '../api/types';
import { ratingPath, ratingWord } from './rating';
import css from './marks.module.css';

export function RatingMark({ rating, size = 12 }: { rating: Rating; size?: number }) {
  return (
    <svg className={css.mark} data-rating={rating} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={ratingPath[rating]} />
    </svg>
  );
}

export function RatingBadge({ rating, plain = false }: { rating: Rating; plain?: boolean }) {
  return (
    <span className={plain ? css.plain : css.badge} data-rating={rating}>
      <RatingMark rating={rating} />
      {ratingWord[rating]}
    </span>
  );
}
