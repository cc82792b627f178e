import { IconArrowMerge } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useCanGoBack, useNavigate, useParams, useRouter } from '@tanstack/react-router';
import { useMemo } from 'react';
import { ApiError } from '../../api/client';
import { sessionQuery } from '../../api/queries';
import type { SessionDetail } from '../../api/types';
import { ActionChip } from '../../design/Chips';
import { ratingWord } from '../../design/rating';
import { RatingMark } from '../../design/RatingMark';
import { RecognisedBy, SpecID } from '../../design/Who';
import { Ago, Empty, Fact, Facts, Failed, ID, Loading, None, Page, PageHead, Panel, Place, When } from '../../design/parts';
import { count, velocity } from '../../format/number';
import { device } from '../../format/place';
import { duration } from '../../format/time';
import { useKeys } from '../../shell/keys';
import { SessionCards } from '../sessions/SessionCards';
import { CandidateList } from './CandidateList';
import { ChartPanel } from './ChartPanel';
import { LabelList, SignatureList } from './Findings';
import { LinkedEntities } from './LinkedEntities';
import { because, story } from './story';
import { Timeline } from './Timeline';
import { useLiveSession } from './useLiveSession';
import css from './SessionPage.module.css';

export function SessionPage() {
  const { id } = useParams({ from: '/shell/sessions/$id' });
  const found = useQuery(sessionQuery(id));
  const navigate = useNavigate();
  const router = useRouter();
  const canGoBack = useCanGoBack();
  useLiveSession(id, found.data?.live ?? false);
  useKeys({ Escape: () => (canGoBack ? router.history.back() : void navigate({ to: '/sessions' })) });

  const missing = found.error instanceof ApiError && found.error.status === 404;
  return (
    <Page title={`Session ${id}`}>
      <PageHead above={<Link to="/sessions" onClick={(e) => {
        // Back to the search one came from, not to a blank one.
        if (canGoBack && !e.metaKey && !e.ctrlKey) {
          e.preventDefault();
          router.history.back();
        }
      }}>Sessions</Link>} title="Session">
        <ID id={id} what="session ID" />
      </PageHead>
      {found.isPending ? (
        <Panel label="Loading"><Loading lines={12} height={18} /></Panel>
      ) : missing ? (
        <Panel label="Not found"><Empty title="There is no such session">It may have passed its retention time, or the ID is mistyped.</Empty></Panel>
      ) : found.isError && !found.data ? (
        <Panel label="Error"><Failed error={found.error} retry={found.refetch} what="The session could not be loaded" /></Panel>
      ) : found.data ? (
        <Told session={found.data} />
      ) : null}
    </Page>
  );
}

function Told({ session: s }: { session: SessionDetail }) {
  return (
    <>
      <Spotlight session={s} />
      <div className={css.columns}>
        <div className={css.main}>
          <ChartPanel session={s} />
          <Timeline session={s} />
        </div>
        <div className={css.side}>
          {s.signatures.length > 0 && (
            <Panel title="Signatures" note={count(s.signatures.length)} flush>
              <SignatureList signatures={s.signatures} labels={s.labels} />
            </Panel>
          )}
          <Panel title="Labels" note={count(s.labels.length)} flush>
            {s.labels.length > 0 ? <LabelList labels={s.labels} /> : <p className={css.nothing}>No rule placed a label.</p>}
          </Panel>
          {s.candidates.length > 0 && (
            <Panel title="Candidates" note="who it may be; an answer, not an identity" flush>
              <CandidateList candidates={s.candidates} />
            </Panel>
          )}
          <Panel title="Actions">
            {s.actions.length > 0 ? (
              <ul className={css.actions}>
                {s.actions.map((a) => (
                  <li key={a.name}>
                    <ActionChip action={a} />
                    <small>
                      {a.shadow ? 'shadow, ' : a.enforced ? '' : 'not taken, '}
                      {a.time ? <When at={a.time} /> : null}
                    </small>
                    {(a.workflow ?? a.reason) && <p>{[a.workflow && `Workflow ${a.workflow}`, a.reason && because(a.reason, s.signatures)].filter(Boolean).join(': ')}</p>}
                  </li>
                ))}
              </ul>
            ) : (
              <None>Nothing was done to this visitor.</None>
            )}
          </Panel>
          <Panel title="Linked entities" note={count(s.entities.length)} flush className={css.after}>
            <LinkedEntities entities={s.entities} compact />
          </Panel>
          {s.absorbed.length > 0 && (
            <Panel className={css.after} title="Merged into this one" note={count(s.absorbed.length)} flush>
              <SessionCards sessions={s.absorbed} who />
            </Panel>
          )}
          <Panel className={css.after} title="Same Spec ID" note={s.related.length > 0 ? count(s.related.length) : undefined} flush aside={s.spec_id ? <Link className="link" to="/spec-ids/$id" params={{ id: s.spec_id }}>Spec ID page</Link> : undefined}>
            {s.related.length > 0 ? <SessionCards sessions={s.related.slice(0, 8)} who /> : <p className={css.nothing}>No other session of this visitor.</p>}
          </Panel>
        </div>
      </div>
    </>
  );
}

function Spotlight({ session: s }: { session: SessionDetail }) {
  const parts = useMemo(() => story(s), [s]);
  return (
    <Panel label="Spotlight" flush className={css.spotlight}>
      {s.merged_into && (
        <p className={css.merged} data-testid="merged">
          <IconArrowMerge size={15} stroke={1.7} />
          <span>Merged into session <Link className="link" to="/sessions/$id" params={{ id: s.merged_into }}><code>{s.merged_into}</code></Link>, of which it turned out to be part. It takes no more events.</span>
        </p>
      )}
      <div className={css.banner} data-rating={s.rating}>
        <RatingMark rating={s.rating} size={26} />
        <div className={css.verdict}>
          <strong>{ratingWord[s.rating]}</strong>
          <small>{count(s.points)} points</small>
        </div>
        <p className={css.story} data-testid="story">
          {parts.map((p, i) =>
            p.kind === 'event' ? (
              <Link key={i} to="/events/$id" params={{ id: p.id }}>{p.text}</Link>
            ) : p.kind === 'rating' ? (
              <b key={i}>{p.text}</b>
            ) : p.kind === 'name' ? (
              <em key={i}>{p.text}</em>
            ) : (
              <span key={i}>{p.text}</span>
            ),
          )}
        </p>
        {s.live && <span className={css.live}><i />Live</span>}
      </div>
      <div className={css.facts}>
        <Facts>
          <Fact name="Started, UTC"><When at={s.start} /></Fact>
          <Fact name="Last seen"><Ago at={s.last} /></Fact>
          <Fact name="Duration">{duration(s.duration_ms)}</Fact>
          <Fact name="Events">{count(s.events)}</Fact>
          <Fact name="Velocity">{velocity(s.velocity)}</Fact>
          <Fact name="Account" wide>{s.account || <None>not signed in</None>}</Fact>
          <Fact name="Place"><Place country={s.country} city={s.city} /></Fact>
          <Fact name="IP"><code>{s.ip || '–'}</code></Fact>
          <Fact name="Device"><span title={s.user_agent}>{device(s.user_agent)}</span></Fact>
          <Fact name="Spec ID" wide><SpecID id={s.spec_id} knownAs={s.known_as} /></Fact>
          <Fact name="Recognised by"><RecognisedBy kind={s.recognised} /></Fact>
          <Fact name="Site">{s.site}</Fact>
        </Facts>
      </div>
    </Panel>
  );
}
