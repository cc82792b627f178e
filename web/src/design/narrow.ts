import { useSyncExternalStore } from 'react';

// Below this a table becomes a list of cards.
const query = window.matchMedia('(max-width: 860px)');

export function useNarrow(): boolean {
  return useSyncExternalStore(
    (fn) => {
      query.addEventListener('change', fn);
      return () => query.removeEventListener('change', fn);
    },
    () => query.matches,
  );
}
