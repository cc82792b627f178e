import { useQuery } from '@tanstack/react-query';
import { Link, useCanGoBack, useNavigate, useParams, useRouter, useSearch } from '@tanstack/react-router';
import { ApiError } from '../../api/client';
import { specQuery } from '../../api/queries';
import type { Spec } from '../../api/types';
import { LinkButton } from '../../design/LinkButton';
import { Ago, CopyButton, Empty, Fact, Facts, Failed, Loading, Page, PageHead, Panel, When } from '../../design/parts';
import { RatingsSplit } from '../../design/RatingsSplit';
import { count, many } from '../../format/number';
import { useKeys } from '../../shell/keys';
import { Actors } from './Actors';
import { History } from './History';
import { SpecSessions } from './SpecSessions';
import { Accounts, Addresses, Browsers, Devices, Entities, RecognisedList } from './Values';
import { VisitsPanel } from './VisitsPanel';
import css from './SpecPage.module.css';

/** One user as recognised: everything that any of their Spec IDs has seen. */
export function SpecPage() {
  const { id } = useParams({ from: '/shell/spec-ids/$id' });
  const found = useQuery(specQuery(id));
  const navigate = useNavigate();
  const router = useRouter();
  const canGoBack = useCanGoBack();
  useKeys({ Escape: () => (canGoBack ? router.history.back() : void navigate({ to: '/sessions' })) });
  const missing = found.error instanceof ApiError && (found.error.status === 404 || found.error.status === 422);
  const s = found.data;

  return (
    <Page title={`Spec ID ${id}`}>
      <PageHead above={<Link to="/sessions">Sessions</Link>} title="Spec ID">
        <span className={css.id}><code>{id}</code><CopyButton text={id} what="Spec ID" /></span>
        {s && s.sessions > 0 && (
          <LinkButton to="/sessions" search={{ spec_id: s.id, from: 'all' }} variant="default" ml="auto">
            Search its sessions
          </LinkButton>
        )}
      </PageHead>
      {found.isPending ? (
        <Panel label="Loading"><Loading lines={12} height={18} /></Panel>
      ) : missing ? (
        <Panel label="Not found"><Empty title="There is no such Spec ID">Its sessions may have passed their retention time, or the ID is mistyped.</Empty></Panel>
      ) : found.isError && !s ? (
        <Panel label="Error"><Failed error={found.error} retry={found.refetch} what="The Spec ID could not be loaded" /></Panel>
      ) : s ? (
        <Told spec={s} />
      ) : null}
    </Page>
  );
}

function Told({ spec: s }: { spec: Spec }) {
  const search = useSearch({ from: '/shell/spec-ids/$id' });
  const navigate = useNavigate();
  const show = (as: 'chart' | 'table') =>
    void navigate({ to: '/spec-ids/$id', params: { id: s.id }, search: { ...search, chart: as === 'table' ? 'table' : undefined }, replace: true, resetScroll: false });
  return (
    <>
      <Spotlight spec={s} />
      {s.sessions === 0 ? (
        <Panel label="No sessions"><Empty title="None of its sessions is stored">They have passed their retention time. What became of the ID is told below.</Empty></Panel>
      ) : (
        <VisitsPanel spec={s} as={search.chart === 'table' ? 'table' : 'chart'} show={show} />
      )}
      <div className={css.columns}>
        <div className={css.main}>
          {s.sessions > 0 && <SpecSessions spec={s} />}
          <Panel title="Related actors" note={s.actors_total > 0 ? `${count(s.actors_total)}, worst first; related, not the same` : undefined} flush>
            <Actors actors={s.actors} total={s.actors_total} />
          </Panel>
          <Panel title="Merges and splits" note={s.history_total > 0 ? count(s.history_total) : undefined} flush>
            <History spec={s} />
          </Panel>
          {s.entities.length > 0 && <Entities spec={s} className={css.after} />}
        </div>
        <div className={css.side}>
          <RecognisedList spec={s} />
          <Accounts spec={s} />
          <Addresses spec={s} />
          <Devices spec={s} />
          <Browsers spec={s} />
        </div>
      </div>
    </>
  );
}

function Spotlight({ spec: s }: { spec: Spec }) {
  const others = s.ids.filter((id) => id !== s.id && id !== s.known_as);
  return (
    <Panel label="Spotlight">
      {s.known_as && (
        <p className={css.known} data-testid="known-as">
          Now known as <Link className="link" to="/spec-ids/$id" params={{ id: s.known_as }}><code>{s.known_as}</code></Link>. Shown is all of that user.
        </p>
      )}
      <div className={css.spotlight}>
        <Facts>
          {s.first_seen && <Fact name="First seen, UTC"><When at={s.first_seen} /></Fact>}
          {s.last_seen && <Fact name="Last seen"><Ago at={s.last_seen} /></Fact>}
          <Fact name="Sessions">{count(s.sessions)}{s.merged_sessions > 0 && <small className={css.aside}>{count(s.merged_sessions)} merged into others</small>}</Fact>
          <Fact name="Events">{count(s.events)}</Fact>
          <Fact name="Accounts">{count(s.accounts.length)}</Fact>
          <Fact name="Addresses">{count(s.addresses.length)}</Fact>
          <Fact name="Related actors">{count(s.actors_total)}</Fact>
        </Facts>
        {s.sessions > 0 && <RatingsSplit counts={s.ratings} search={{ spec_id: s.id }} />}
      </div>
      {others.length > 0 && (
        <details className={css.ids} open={others.length <= 3}>
          <summary>{s.more_ids ? `More than ${count(others.length)} other Spec IDs; not all is shown` : `${many(others.length, 'other Spec ID')} of the same user`}</summary>
          <ul>
            {others.map((id) => (
              <li key={id}><Link className="link" to="/spec-ids/$id" params={{ id }}><code>{id}</code></Link></li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}
