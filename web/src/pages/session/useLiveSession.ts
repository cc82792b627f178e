import { useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useLive } from '../../api/live';
import { sessionQuery, type EventsFilter } from '../../api/queries';
import type { Event, EventList, Session } from '../../api/types';

type Pages = InfiniteData<EventList, string>;

function fits(e: Event, f: EventsFilter): boolean {
  return (
    (!f.type || f.type.split(',').includes(e.type)) &&
    (!f.name || e.name === f.name) &&
    (!f.label || e.labels.some((l) => l.id === f.label)) &&
    (!f.rating || f.rating.split(',').includes(e.rating))
  );
}

/** Keeps an open Session page current: the head and timeline at once, chart and links soon after. */
export function useLiveSession(id: string, live: boolean) {
  const queryClient = useQueryClient();
  const later = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(later.current), [id]);

  useLive(
    live,
    (m) => {
      if (m.session.id !== id) return;
      const { queryKey } = sessionQuery(id);
      queryClient.setQueryData(queryKey, (old) => old && { ...old, ...m.session, ...asKnown(old, m.session) });
      for (const [key, pages] of queryClient.getQueriesData<Pages>({ queryKey: ['session', id, 'events'] })) {
        const filter = (key[3] ?? {}) as EventsFilter;
        if (!pages || !fits(m.event, filter) || pages.pages.some((p) => p.events.some((e) => e.id === m.event.id))) continue;
        queryClient.setQueryData<Pages>(key, add(pages, m.event, filter.order === 'oldest'));
      }
      // A burst asks once, a second after it began.
      later.current ??= setTimeout(() => {
        later.current = undefined;
        void queryClient.invalidateQueries({ queryKey, exact: true });
      }, 1000);
    },
    () => void queryClient.invalidateQueries({ queryKey: ['session', id] }),
  );
}

/** The stream says what was recorded; who that is by now stays until asked again. */
function asKnown(old: Session, now: Session): Partial<Session> {
  const same = old.spec_id === now.spec_id;
  return { ...(same && { known_as: old.known_as }), candidates: old.candidates };
}

function add(old: Pages, e: Event, oldestFirst: boolean): Pages {
  const last = old.pages.length - 1;
  return {
    ...old,
    pages: old.pages.map((p, i) => {
      const total = p.total + 1;
      if (!oldestFirst && i === 0) return { ...p, total, events: [e, ...p.events] };
      // Oldest first and not all loaded: it comes with the last page.
      if (oldestFirst && i === last && p.next === '') return { ...p, total, events: [...p.events, e] };
      return { ...p, total };
    }),
  };
}
