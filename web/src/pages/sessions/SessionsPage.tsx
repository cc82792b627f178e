import { Button, Checkbox, Menu, Pill, Switch } from '@mantine/core';
import { IconChevronUp, IconColumns3, IconDownload, IconMoodEmpty } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useLiveState } from '../../api/live';
import { listSessions } from '../../api/queries';
import type { Session } from '../../api/types';
import { copy, Empty, Failed, Loading, Page, PageHead, Panel } from '../../design/parts';
import { LinkButton } from '../../design/LinkButton';
import { useNarrow } from '../../design/narrow';
import { ratings } from '../../design/rating';
import { toast } from '../../design/toast';
import { sessionsCSV } from '../../format/csv';
import { save } from '../../format/file';
import { count, many } from '../../format/number';
import { countryName } from '../../format/place';
import { clock } from '../../format/time';
import { useKeys } from '../../shell/keys';
import { columnName } from './columns';
import { SearchBar } from './SearchBar';
import { SessionCards } from './SessionCards';
import { SessionsTable } from './SessionsTable';
import { useSessions } from './useSessions';
import { blank, hideable, narrowings, queryOf, readView, writeView, type SessionsView } from './view';
import css from './SessionsPage.module.css';

export function SessionsPage() {
  const search = useSearch({ from: '/shell/sessions' });
  const navigate = useNavigate();
  const view = useMemo(() => readView(search), [search]);
  const change = useCallback(
    (part: Partial<SessionsView>) => void navigate({ to: '/sessions', search: writeView({ ...view, ...part }), resetScroll: false }),
    [navigate, view],
  );
  const [active, setActive] = useState(-1);
  const atTop = useAtTop();
  const found = useSessions(view, active < 0 && atTop);
  const narrow = useNarrow();
  const searchBox = useRef<HTMLInputElement>(null);
  const { sessions } = found;

  const open = useCallback((s: Session) => void navigate({ to: '/sessions/$id', params: { id: s.id } }), [navigate]);
  const move = (by: number) => {
    const next = Math.max(0, Math.min(sessions.length - 1, active + by));
    setActive(next);
    document.querySelectorAll('[data-session]')[next]?.scrollIntoView({ block: 'nearest' });
  };
  const toggle = (i: number) => {
    const r = ratings[i];
    if (r) change({ rating: ratings.filter((x) => view.rating.includes(x) !== (x === r)) });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => sessions[active] && open(sessions[active]),
    c: () => sessions[active] && void copy(sessions[active].id, 'Session ID'),
    f: () => searchBox.current?.focus(),
    l: () => change({ live: !view.live }),
    '1': () => toggle(0),
    '2': () => toggle(1),
    '3': () => toggle(2),
    Escape: () => setActive(-1),
  });

  return (
    <Page title="Sessions">
      <PageHead title="Sessions">
        {view.spec_id && (
          <LinkButton to="/spec-ids/$id" params={{ id: view.spec_id }} variant="default" ml="auto">
            Spec ID page
          </LinkButton>
        )}
      </PageHead>
      <SearchBar view={view} change={change} focusRef={searchBox} />
      <div className={css.line}>
        <span className={css.total} data-testid="total" data-total={found.isSuccess ? found.total : undefined}>
          {found.isSuccess ? many(found.total, 'session') : ' '}
        </span>
        <AsOf view={view} asOf={found.asOf} fetching={found.isFetching} />
        <Conditions view={view} change={change} sessions={sessions} />
        <span className={css.grow} />
        <Switch size="xs" label="Live" checked={view.live && view.to === ''} disabled={view.to !== ''} onChange={(e) => change({ live: e.currentTarget.checked })} />
        {!narrow && <Columns view={view} change={change} />}
        <Download view={view} total={found.total} />
      </div>
      <Panel flush label="Sessions found" className={css.panel}>
        {found.unseen > 0 && (
          <div className={css.pillRow}><button type="button" className={css.pill} onClick={() => {
            setActive(-1);
            window.scrollTo({ top: 0 });
            void found.showUnseen();
          }}>
            <IconChevronUp size={14} />
            {count(found.unseen)} new
          </button></div>
        )}
        {found.isPending ? (
          <Loading lines={14} height={18} />
        ) : found.isError && sessions.length === 0 ? (
          <Failed error={found.error} retry={found.refetch} what="The sessions could not be loaded" />
        ) : sessions.length === 0 ? (
          <NothingFound view={view} change={change} />
        ) : narrow ? (
          <SessionCards sessions={sessions} fresh={found.fresh} active={active} />
        ) : (
          <SessionsTable sessions={sessions} view={view} change={change} fresh={found.fresh} active={active} open={open} />
        )}
      </Panel>
      {sessions.length > 0 && <More found={found} />}
    </Page>
  );
}

function useAtTop(): boolean {
  const [top, setTop] = useState(true);
  useEffect(() => {
    const on = () => setTop(window.scrollY < 60);
    window.addEventListener('scroll', on, { passive: true });
    return () => window.removeEventListener('scroll', on);
  }, []);
  return top;
}

function AsOf({ view, asOf, fetching }: { view: SessionsView; asOf: number; fetching: boolean }) {
  const live = useLiveState();
  const on = view.live && view.to === '';
  const words = on && live === 'lost' ? 'connection lost, trying again' : asOf ? clock(new Date(asOf).toISOString()) : '';
  return (
    <span className={css.asOf} data-live={on ? live : 'off'} aria-busy={fetching} hidden={words === ''}>
      <i />
      {asOf > 0 && !(on && live === 'lost') && <span>as of</span>}
      {words}
      {asOf > 0 && !(on && live === 'lost') && <span>UTC</span>}
    </span>
  );
}

function Conditions({ view, change, sessions }: { view: SessionsView; change: (p: Partial<SessionsView>) => void; sessions: readonly Session[] }) {
  const title = (of: 'labels' | 'signatures', id: string) => sessions[0]?.[of].find((x) => x.id === id)?.title ?? id;
  const list: [string, Partial<SessionsView>][] = [];
  if (view.country) list.push([`Country: ${countryName(view.country)}`, { country: '' }]);
  if (view.city) list.push([`City: ${view.city}`, { city: '' }]);
  if (view.ip) list.push([`IP: ${view.ip}`, { ip: '' }]);
  if (view.label) list.push([`Label: ${title('labels', view.label)}`, { label: '' }]);
  if (view.signature) list.push([`Signature: ${title('signatures', view.signature)}`, { signature: '' }]);
  if (view.spec_id) list.push([`Spec ID: ${view.spec_id}`, { spec_id: '' }]);
  return (
    <>
      {list.map(([words, without]) => (
        <Pill key={words} withRemoveButton className={css.condition} onRemove={() => change(without)} removeButtonProps={{ 'aria-label': `Remove ${words}` }}>
          {words}
        </Pill>
      ))}
    </>
  );
}

function Columns({ view, change }: { view: SessionsView; change: (p: Partial<SessionsView>) => void }) {
  return (
    <Menu closeOnItemClick={false} position="bottom-end">
      <Menu.Target>
        <Button variant="subtle" color="gray" leftSection={<IconColumns3 size={15} />}>
          Columns
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {hideable.map((h) => (
          <Menu.Item key={h} onClick={() => change({ hide: hideable.filter((x) => view.hide.includes(x) !== (x === h)) })}>
            <Checkbox size="xs" readOnly tabIndex={-1} checked={!view.hide.includes(h)} label={columnName[h]} />
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

const most = 10_000;

function Download({ view, total }: { view: SessionsView; total: number }) {
  const [loaded, setLoaded] = useState<number | null>(null);
  async function download() {
    setLoaded(0);
    try {
      const all: Session[] = [];
      let cursor = '';
      do {
        const page = await listSessions(queryOf(view), cursor, 500);
        all.push(...page.sessions);
        cursor = page.next;
        setLoaded(all.length);
      } while (cursor && all.length < most);
      save(`sessions-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`, 'text/csv;charset=utf-8', sessionsCSV(all));
      toast.done(cursor ? `${many(all.length, 'session')} downloaded; narrow the search for the rest` : `${many(all.length, 'session')} downloaded`);
    } catch (e) {
      toast.failed(`The download failed: ${(e as Error).message}`);
    } finally {
      setLoaded(null);
    }
  }
  return (
    <Button variant="subtle" color="gray" leftSection={<IconDownload size={15} />} disabled={total === 0 || loaded !== null} onClick={() => void download()}>
      {loaded ? count(loaded) : 'CSV'}
    </Button>
  );
}

function NothingFound({ view, change }: { view: SessionsView; change: (p: Partial<SessionsView>) => void }) {
  const narrowed = narrowings(view) > 0;
  const longer = view.from !== 'all';
  return (
    <Empty
      icon={<IconMoodEmpty size={30} stroke={1.4} />}
      title={narrowed ? 'No session fits this search' : longer ? 'No sessions in this time' : 'No sessions yet'}
      actions={
        <>
          {longer && (
            <Button variant="default" onClick={() => change({ from: 'all', to: '' })}>
              Search all time
            </Button>
          )}
          {narrowed && (
            <Button variant="default" onClick={() => change({ ...blank, from: view.from, to: view.to, sort: view.sort, hide: view.hide, live: view.live })}>
              Clear the search
            </Button>
          )}
        </>
      }
    >
      {narrowed ? 'Loosen a condition or look further back.' : 'Sessions appear here within a second of a visitor’s first request through the engine.'}
    </Empty>
  );
}

type Found = ReturnType<typeof useSessions>;

/** Loads on as its end comes into view; by hand once the page has grown long. */
function More({ found }: { found: Found }) {
  const end = useRef<HTMLDivElement>(null);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, sessions, total } = found;
  const auto = hasNextPage && !isFetchingNextPage && sessions.length < 400;
  useEffect(() => {
    const node = end.current;
    if (!auto || !node) return;
    const watch = new IntersectionObserver(([e]) => e?.isIntersecting && void fetchNextPage(), { rootMargin: '400px' });
    watch.observe(node);
    return () => watch.disconnect();
  }, [auto, fetchNextPage]);
  return (
    <div ref={end} className={css.more}>
      {found.isFetchNextPageError && <span role="alert">More could not be loaded. </span>}
      {hasNextPage ? (
        <>
          <span>{`${count(sessions.length)} of ${count(total)} shown`}</span>
          <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Load more
          </Button>
        </>
      ) : (
        <span>That is all.</span>
      )}
    </div>
  );
}
