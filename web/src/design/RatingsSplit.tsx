import { Link } from '@tanstack/react-router';
import { count } from '../format/number';
import { ratings, ratingWord } from './rating';
import { RatingMark } from './RatingMark';
import css from './RatingsSplit.module.css';

/** Sessions by rating; each number leads to those sessions. */
export function RatingsSplit({ counts, search }: { counts: Record<string, number>; search: Record<string, string> }) {
  const of = (r: string) => counts[r] ?? 0;
  const total = Math.max(1, ratings.reduce((n, r) => n + of(r), 0));
  return (
    <div className={css.split}>
      <svg className={css.bar} viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        {ratings.map((r, i) => (
          <rect key={r} data-rating={r} x={(ratings.slice(0, i).reduce((n, x) => n + of(x), 0) / total) * 100} width={(of(r) / total) * 100} height="8" />
        ))}
      </svg>
      <div className={css.legend}>
        {ratings.map((r) => (
          <Link key={r} to="/sessions" search={{ ...search, rating: r, from: 'all' }}>
            <RatingMark rating={r} />
            {ratingWord[r]} <b>{count(of(r))}</b>
          </Link>
        ))}
      </div>
    </div>
  );
}
