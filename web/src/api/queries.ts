import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answerOf, api, carryCSRF } from './client';
import type { SessionsQuery } from '../pages/sessions/view';

// Every question the pages ask, in one place, so that keys cannot collide.

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async () => {
    const me = await answerOf(api.GET('/api/v1/me'));
    carryCSRF(me.csrf);
    return me;
  },
  staleTime: 60_000,
  retry: false,
});

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: () => answerOf(api.GET('/api/v1/setup')),
  staleTime: 0,
});

export const elementsQuery = queryOptions({
  queryKey: ['elements'],
  queryFn: async () => (await answerOf(api.GET('/api/v1/elements'))).elements,
  staleTime: 600_000,
});

export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: () => answerOf(api.GET('/api/v1/status')),
  refetchInterval: 3000,
  staleTime: 0,
});

export const discoveryQuery = queryOptions({
  queryKey: ['discovery'],
  queryFn: ({ signal }) => answerOf(api.GET('/api/v1/discovery', { signal })),
  refetchInterval: 15_000,
  staleTime: 5000,
});

export const pageSize = 50;

export function sessionsQuery(q: SessionsQuery) {
  return infiniteQueryOptions({
    queryKey: ['sessions', q],
    queryFn: ({ pageParam, signal }) => listSessions(q, pageParam, pageSize, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    staleTime: 5000,
  });
}

export function listSessions(q: SessionsQuery, cursor: string, limit: number, signal?: AbortSignal) {
  return answerOf(api.GET('/api/v1/sessions', { params: { query: { ...q, limit, ...(cursor ? { cursor } : {}) } }, signal: signal ?? null }));
}

export function sessionQuery(id: string) {
  return queryOptions({
    queryKey: ['session', id],
    queryFn: ({ signal }) => answerOf(api.GET('/api/v1/sessions/{id}', { params: { path: { id } }, signal })),
    staleTime: 2000,
  });
}

export interface EventsFilter {
  type?: string;
  name?: string;
  label?: string;
  rating?: string;
  order?: 'newest' | 'oldest';
}

export function eventsQuery(id: string, f: EventsFilter) {
  return infiniteQueryOptions({
    queryKey: ['session', id, 'events', f],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/sessions/{id}/events', {
          params: { path: { id }, query: { ...f, limit: 100, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    staleTime: 2000,
  });
}

export function eventQuery(id: string) {
  return queryOptions({
    queryKey: ['event', id],
    queryFn: ({ signal }) => answerOf(api.GET('/api/v1/events/{id}', { params: { path: { id } }, signal })),
    staleTime: 10_000,
  });
}

export function entityQuery(id: string) {
  return queryOptions({
    queryKey: ['entity', id],
    queryFn: ({ signal }) => answerOf(api.GET('/api/v1/entities/{id}', { params: { path: { id } }, signal })),
    staleTime: 10_000,
  });
}

export function specQuery(id: string) {
  return queryOptions({
    queryKey: ['spec', id],
    queryFn: ({ signal }) => answerOf(api.GET('/api/v1/spec-ids/{id}', { params: { path: { id } }, signal })),
    staleTime: 5000,
  });
}

/** It is found out meanwhile: asked again until it is. */
export function recognitionQuery(days: number, site: string) {
  return queryOptions({
    queryKey: ['recognition', days, site],
    queryFn: ({ signal }) => answerOf(api.GET('/api/v1/identity/report', { params: { query: { days, ...(site ? { site } : {}) } }, signal })),
    refetchInterval: (q) => (q.state.data?.state === 'waiting' || q.state.data?.state === 'running' ? 700 : 60_000),
    staleTime: 0,
  });
}

export const lookupEntity = (element: string, value: string) =>
  answerOf(api.POST('/api/v1/entities/lookup', { body: { element, value } }));
