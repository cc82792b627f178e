import { useInfiniteQuery, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useLive } from '../../api/live';
import { sessionsQuery } from '../../api/queries';
import type { LiveMessage, Session, SessionList } from '../../api/types';
import { matches, queryOf, type SessionsView } from './view';

type Pages = InfiniteData<SessionList, string>;

/** How a row came to be as it is; the mark fades. */
export type Freshness = 'new' | 'changed';

/**
 * The view's sessions, kept current by the live stream. Messages are gathered
 * and applied a few times a second, so that a burst costs one render. Known rows
 * change in place; new ones slide in at the top while `settled` (the analyst
 * looks at the top and at nothing in particular), else they are only counted.
 */
export function useSessions(view: SessionsView, settled: boolean) {
  const query = useMemo(() => queryOf(view), [view]);
  const options = useMemo(() => sessionsQuery(query), [query]);
  const found = useInfiniteQuery(options);
  const queryClient = useQueryClient();
  const waiting = useRef(new Map<string, LiveMessage>());
  const [unseen, setUnseen] = useState<ReadonlySet<string>>(new Set());
  const [fresh, setFresh] = useState<ReadonlyMap<string, Freshness>>(new Map());
  const [asOf, setAsOf] = useState(0);

  // Counts belong to the question they were counted under.
  const [asked, setAsked] = useState(query);
  if (asked !== query) {
    setAsked(query);
    setUnseen(new Set());
    setFresh(new Map());
  }

  useLive(
    view.to === '',
    (m) => {
      if (waiting.current.size < 2000) waiting.current.set(m.session.id, m);
    },
    () => void queryClient.invalidateQueries({ queryKey: options.queryKey }),
  );

  useEffect(() => {
    const messages = waiting.current;
    messages.clear();
    const timer = setInterval(() => {
      if (messages.size === 0) return;
      const batch = [...messages.values()];
      messages.clear();
      const pages = queryClient.getQueryData<Pages>(options.queryKey);
      if (!pages) return;
      const known = new Set(pages.pages.flatMap((p) => p.sessions.map((s) => s.id)));
      // A session that began before this view's data was loaded may lie on a later page.
      const newest = pages.pages[0]?.sessions.reduce((t, s) => (s.start > t ? s.start : t), '') ?? '';
      const changed = batch.filter((m) => known.has(m.session.id));
      const arrived = batch.filter((m) => !known.has(m.session.id) && matches(view, m) === true && m.session.start >= newest);
      const insert = view.live && settled && view.sort === '-start' ? arrived : [];
      if (view.live && (changed.length > 0 || insert.length > 0)) {
        queryClient.setQueryData<Pages>(options.queryKey, (old) => old && apply(old, changed, insert));
        setFresh((old) => {
          const next = new Map([...old].slice(-80));
          for (const m of changed) next.set(m.session.id, 'changed');
          for (const m of insert) next.set(m.session.id, 'new');
          return next;
        });
      }
      if (view.live) setAsOf(Date.now());
      const rest = arrived.filter((m) => !insert.includes(m));
      if (rest.length > 0) setUnseen((old) => new Set([...old, ...rest.map((m) => m.session.id)]));
    }, 400);
    return () => clearInterval(timer);
  }, [view, settled, options, queryClient]);

  const pages = found.data?.pages;
  const sessions = useMemo(() => unique(pages ?? []), [pages]);
  return {
    ...found,
    sessions,
    total: pages?.[0]?.total ?? 0,
    asOf: Math.max(asOf, found.dataUpdatedAt),
    unseen: unseen.size,
    fresh,
    query,
    showUnseen: () => {
      setUnseen(new Set());
      // Only the first page again: the rest would be asked one after another.
      queryClient.setQueryData<Pages>(options.queryKey, (old) => old && { pages: old.pages.slice(0, 1), pageParams: old.pageParams.slice(0, 1) });
      return found.refetch();
    },
  };
}

function apply(old: Pages, changed: LiveMessage[], arrived: LiveMessage[]): Pages {
  const now = new Map(changed.map((m) => [m.session.id, m.session]));
  const added = arrived.map((m) => m.session).sort((a, b) => (a.start < b.start ? 1 : -1));
  return {
    ...old,
    pages: old.pages.map((p, i) => ({
      ...p,
      total: p.total + added.length,
      sessions: [...(i === 0 ? added : []), ...p.sessions.map((s) => now.get(s.id) ?? s)],
    })),
  };
}

/** Rows that slid in push others over the cursor's edge: none is shown twice. */
function unique(pages: SessionList[]): Session[] {
  const seen = new Map<string, Session>();
  for (const p of pages) for (const s of p.sessions) if (!seen.has(s.id)) seen.set(s.id, s);
  return [...seen.values()];
}
