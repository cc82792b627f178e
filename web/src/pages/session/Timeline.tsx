import { Button, Select } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconChevronRight, IconSitemap } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { memo, useMemo, useState } from 'react';
import { eventsQuery, type EventsFilter } from '../../api/queries';
import type { Event, SessionDetail } from '../../api/types';
import { ActionChip, LabelChips, Outcome } from '../../design/Chips';
import { Empty, Failed, Loading, Panel } from '../../design/parts';
import { asRating, ratings, ratingWord } from '../../design/rating';
import { RatingMark } from '../../design/RatingMark';
import { count, many } from '../../format/number';
import { clock, day, exact } from '../../format/time';
import { copy } from '../../design/parts';
import { useKeys } from '../../shell/keys';
import { EventDetail } from './EventDetail';
import { typeName } from './eventTypes';
import css from './Timeline.module.css';

/** The session's events. Filters, order and the open event stand in the URL. */
export function Timeline({ session }: { session: SessionDetail }) {
  const search = useSearch({ from: '/shell/sessions/$id' });
  const navigate = useNavigate();
  const [active, setActive] = useState(-1);
  const order = search.order === 'oldest' ? 'oldest' : 'newest';
  const { type, name, label, rating } = search;
  const filter = useMemo<EventsFilter>(
    () => ({ ...(type && { type }), ...(name && { name }), ...(label && { label }), ...(rating && { rating }), order }),
    [type, name, label, rating, order],
  );
  const found = useInfiniteQuery(eventsQuery(session.id, filter));
  const events = found.data?.pages.flatMap((p) => p.events) ?? [];
  const total = found.data?.pages[0]?.total ?? 0;
  const narrowed = Boolean(type ?? name ?? label ?? rating);

  const change = (part: Record<string, string | undefined>) =>
    void navigate({ to: '/sessions/$id', params: { id: session.id }, search: { ...search, ...part }, replace: true, resetScroll: false });
  const toggle = (id: string) => change({ event: search.event === id ? undefined : id });
  const move = (by: number) => {
    const next = Math.max(0, Math.min(events.length - 1, active + by));
    setActive(next);
    document.querySelectorAll('[data-event]')[next]?.scrollIntoView({ block: 'nearest' });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => events[active] && toggle(events[active].id),
    c: () => events[active] && void copy(events[active].id, 'Event ID'),
    o: () => change({ order: order === 'newest' ? 'oldest' : undefined }),
  });

  const same = useMemo(() => [session.ip, session.country, session.city], [session.ip, session.country, session.city]);
  const types = useMemo(() => [...new Set(session.chart.flatMap((b) => Object.keys(b.types)))].map((t) => ({ value: t, label: typeName(t) })), [session.chart]);
  const labels = useMemo(() => [...new Map(session.labels.map((l) => [l.id, { value: l.id, label: l.title }])).values()], [session.labels]);
  const names = [...new Set([...events.map((e) => e.name), ...(name ? [name] : [])])].sort();

  return (
    <Panel
      title="Events"
      note={found.isSuccess ? (narrowed ? `${count(total)} of ${count(session.events)}` : count(total)) : undefined}
      flush
      aside={
        <Button variant="subtle" color="gray" leftSection={order === 'newest' ? <IconArrowDown size={14} /> : <IconArrowUp size={14} />} onClick={() => change({ order: order === 'newest' ? 'oldest' : undefined })}>
          {order === 'newest' ? 'Newest first' : 'Oldest first'}
        </Button>
      }
    >
      <div className={css.filters}>
        <Select aria-label="Type" placeholder="Any type" clearable data={types} value={type ?? null} onChange={(v) => change({ type: v ?? undefined })} />
        <Select aria-label="Name" placeholder="Any name" clearable searchable data={names} value={name ?? null} onChange={(v) => change({ name: v ?? undefined })} />
        <Select aria-label="Label" placeholder="Any label" clearable data={labels} value={label ?? null} onChange={(v) => change({ label: v ?? undefined })} disabled={labels.length === 0} />
        <Select aria-label="Rating" placeholder="Any rating" clearable data={ratings.map((r) => ({ value: r, label: ratingWord[r] }))} value={rating ?? null} onChange={(v) => change({ rating: v ?? undefined })} />
      </div>
      {found.isPending ? (
        <Loading lines={8} height={18} />
      ) : found.isError && events.length === 0 ? (
        <Failed error={found.error} retry={found.refetch} what="The events could not be loaded" />
      ) : events.length === 0 ? (
        <Empty title="No event fits" actions={<Button variant="default" onClick={() => change({ type: undefined, name: undefined, label: undefined, rating: undefined })}>Clear the filters</Button>} />
      ) : (
        <ol className={css.events} data-testid="timeline">
          {events.map((e, i) => (
            <Row key={e.id} event={e} before={events[i - 1]} open={search.event === e.id} active={i === active} same={same} toggle={toggle} />
          ))}
        </ol>
      )}
      {found.hasNextPage && (
        <div className={css.more}>
          <span>{`${count(events.length)} of ${many(total, 'event')}`}</span>
          <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>Load more</Button>
        </div>
      )}
    </Panel>
  );
}

interface RowProps { event: Event; before?: Event | undefined; open: boolean; active: boolean; same: string[]; toggle: (id: string) => void }

const unspecific = new Set(['user_agent', 'browser', 'os', 'device_class']);

const Row = memo(
  function Row({ event: e, before, open, active, same, toggle }: RowProps) {
    const rating = asRating(e.rating);
    // What is the same all through the session stands above already.
    const main = e.elements.filter((x) => x.primary && x.value && !x.hashed && !same.includes(x.value) && !unspecific.has(x.id) && x.value !== String(e.status)).slice(0, 3);
    const newDay = before && day(before.time) !== day(e.time);
    return (
      <li className={css.event} data-event={e.id} data-active={active || undefined} data-open={open || undefined}>
        {newDay && <div className={css.day}>{day(e.time)}</div>}
        <button type="button" className={css.row} aria-expanded={open} onClick={() => toggle(e.id)}>
          <span className={css.spine}>
            <RatingMark rating={rating} size={13} />
            <span className="unseen">{ratingWord[rating]}</span>
          </span>
          <time title={exact(e.time)}>{clock(e.time)}</time>
          <span className={css.what}>
            <span className={css.name}>
              <b>{e.name}</b>
              <small>{e.type_name || typeName(e.type)}</small>
            </span>
            {main.length > 0 && (
              <span className={css.values}>
                {main.map((x) => (
                  <span key={x.id} title={x.name}>{x.value}</span>
                ))}
              </span>
            )}
          </span>
          <span className={css.found}>
            {e.rating_change && <em data-rating={e.rating_change.to}>→ {ratingWord[asRating(e.rating_change.to)]}</em>}
            {e.labels.length > 0 && <LabelChips labels={e.labels} max={2} />}
            {e.actions.slice(0, 1).map((a) => (
              <ActionChip key={a.name} action={a} />
            ))}
            {e.workflows.length > 0 && <IconSitemap size={14} stroke={1.6} className={css.flow} role="img" aria-label={`Workflows: ${e.workflows.join(', ')}`} />}
          </span>
          <span className={css.result}>
            <Outcome outcome={e.outcome} />
            {e.status > 0 && <code>{e.status}</code>}
          </span>
          <IconChevronRight size={14} className={css.chevron} />
        </button>
        {open && (
          <div className={css.detail}>
            <EventDetail event={e} />
          </div>
        )}
      </li>
    );
  },
  
);
