import { useQuery } from '@tanstack/react-query';
import { Link, useCanGoBack, useNavigate, useParams, useRouter } from '@tanstack/react-router';
import { ApiError } from '../../api/client';
import { entityQuery } from '../../api/queries';
import type { Entity } from '../../api/types';
import { Ago, CopyButton, Empty, Fact, Facts, Failed, Flag, Loading, Page, PageHead, Panel, When } from '../../design/parts';
import { LinkButton } from '../../design/LinkButton';
import { RatingsSplit } from '../../design/RatingsSplit';
import { count } from '../../format/number';
import { countryName } from '../../format/place';
import { useKeys } from '../../shell/keys';
import { LinkedEntities } from '../session/LinkedEntities';
import { SessionCards } from '../sessions/SessionCards';
import css from './EntityPage.module.css';
import { EntityValue } from './EntityValue';

export function EntityPage() {
  const { id } = useParams({ from: '/shell/entities/$id' });
  const found = useQuery(entityQuery(id));
  const navigate = useNavigate();
  const router = useRouter();
  const canGoBack = useCanGoBack();
  useKeys({ Escape: () => (canGoBack ? router.history.back() : void navigate({ to: '/sessions' })) });
  const missing = found.error instanceof ApiError && (found.error.status === 404 || found.error.status === 422);
  const e = found.data;

  return (
    <Page title={e ? `${e.name}${e.hashed ? '' : ` ${e.value}`}` : 'Entity'}>
      <PageHead above={<><Link to="/sessions">Sessions</Link><span aria-hidden="true">/</span>{e?.name ?? 'Entity'}</>} title={e ? <EntityValue value={e.value} hashed={e.hashed} /> : 'Entity'}>
        {e && <CopyButton text={e.value} what={e.name} />}
        {e && (
          <LinkButton to="/sessions" search={{ entity: e.id, from: 'all' }} variant="default" ml="auto">
            Search its sessions
          </LinkButton>
        )}
      </PageHead>
      {found.isPending ? (
        <Panel label="Loading"><Loading lines={12} height={18} /></Panel>
      ) : missing ? (
        <Panel label="Not found"><Empty title="No session has seen this entity">Its sessions may have passed their retention time.</Empty></Panel>
      ) : found.isError && !e ? (
        <Panel label="Error"><Failed error={found.error} retry={found.refetch} what="The entity could not be loaded" /></Panel>
      ) : e ? (
        <Told entity={e} />
      ) : null}
    </Page>
  );
}

function Told({ entity: e }: { entity: Entity }) {
  const countries = Object.entries(e.countries).sort((a, b) => b[1] - a[1]);
  return (
    <>
      <Panel label="Spotlight">
        <div className={css.spotlight}>
          <Facts>
            <Fact name="Type">{e.name}</Fact>
            <Fact name="First seen, UTC"><When at={e.first_seen} /></Fact>
            <Fact name="Last seen"><Ago at={e.last_seen} /></Fact>
            <Fact name="Sessions">{count(e.sessions)}</Fact>
            <Fact name="Linked entities">{count(e.linked_entities)}</Fact>
          </Facts>
          <RatingsSplit counts={e.ratings} search={{ entity: e.id }} />
        </div>
      </Panel>
      <div className={css.columns}>
        <div className={css.main}>
          <Panel title="Linked entities" note={`${count(e.linked_entities)}, by sessions shared`} flush>
            <LinkedEntities entities={e.linked} />
          </Panel>
        </div>
        <div className={css.side}>
          <Panel title="Countries" note={count(countries.length)}>
            {countries.length > 0 ? (
              <ul className={css.countries}>
                {countries.slice(0, 12).map(([code, n]) => (
                  <li key={code}>
                    <Link to="/sessions" search={{ entity: e.id, country: code, from: 'all' }}>
                      <Flag code={code} />
                      <span>{code ? countryName(code) : 'Unknown'}</span>
                      <meter min={0} max={e.sessions} value={n} aria-hidden="true" />
                      <b>{count(n)}</b>
                    </Link>
                  </li>
                ))}
              </ul>
            ) : (
              'No place is known.'
            )}
          </Panel>
          <Panel title="Recent sessions" note={count(e.recent.length)} flush aside={<Link className="link" to="/sessions" search={{ entity: e.id, from: 'all' }}>All</Link>}>
            <SessionCards sessions={e.recent.slice(0, 20)} />
          </Panel>
        </div>
      </div>
    </>
  );
}
