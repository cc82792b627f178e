import { IconAlertTriangle, IconLock } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Element, Event } from '../../api/types';
import { ActionChip, Outcome, SignatureChip } from '../../design/Chips';
import { CopyButton, Fact, Facts, Flag, ID, None, When } from '../../design/parts';
import { asRating } from '../../design/rating';
import { RatingBadge } from '../../design/RatingMark';
import { SpecID } from '../../design/Who';
import { count, millis } from '../../format/number';
import { countryName } from '../../format/place';
import { EntityValue } from '../entity/EntityValue';
import { LabelList } from './Findings';
import css from './EventDetail.module.css';
import { typeName } from './eventTypes';
import { because, plain, reason } from './story';

/** One Event whole: what was found, what was said, how it was handled. */
export function EventDetail({ event: e, page = false }: { event: Event; page?: boolean }) {
  return (
    <div className={css.grid}>
      {e.rating_change && (
        <p className={css.change} data-rating={e.rating_change.to}>
          <RatingBadge rating={asRating(e.rating_change.from)} plain /> → <RatingBadge rating={asRating(e.rating_change.to)} plain />
          <span>{plain(reason(e.rating_change.reason, e, e.id))}</span>
        </p>
      )}
      {(e.labels.length > 0 || e.signatures.length > 0 || e.actions.length > 0) && (
        <section className={css.found}>
          {e.labels.length > 0 && (
            <>
              <h3>Labels placed here</h3>
              <div className={css.box}><LabelList labels={e.labels} /></div>
            </>
          )}
          {e.signatures.length > 0 && (
            <>
              <h3>Signatures</h3>
              <div className={css.chips}>{e.signatures.map((g) => <SignatureChip key={g.id} signature={g} linked />)}</div>
            </>
          )}
          {e.actions.length > 0 && (
            <>
              <h3>Actions</h3>
              {e.actions.map((a) => (
                <div className={css.action} key={a.name}>
                  <ActionChip action={a} />
                  <span>
                    {a.shadow ? 'in shadow' : a.enforced ? 'taken' : 'not taken'}
                    {a.workflow ? `, by workflow ${a.workflow}` : ''}
                    {a.reason ? `: ${because(a.reason, e.signatures)}` : ''}
                  </span>
                </div>
              ))}
            </>
          )}
        </section>
      )}
      <section>
        <h3>Elements</h3>
        <Elements elements={e.elements} all={page} />
      </section>
      <section className={css.facts}>
        <h3>Handling</h3>
        <Facts>
          <Fact name="Event ID">
            {page ? <ID id={e.id} what="event ID" /> : <><Link className="link" to="/events/$id" params={{ id: e.id }}><code>{e.id}</code></Link><CopyButton text={e.id} what="event ID" /></>}
          </Fact>
          <Fact name="Time, UTC"><When at={e.time} /></Fact>
          <Fact name="Type">{e.type_name || typeName(e.type)}</Fact>
          <Fact name="Request"><code>{[e.method, e.status || ''].join(' ')}</code></Fact>
          <Fact name="Outcome">{e.outcome ? <Outcome outcome={e.outcome} /> : <None>unknown</None>}</Fact>
          <Fact name="Answered in">{e.duration_ms > 0 ? millis(e.duration_ms) : <None>unknown</None>}</Fact>
          <Fact name="Rating then"><RatingBadge rating={asRating(e.rating)} plain /><small>{count(e.points)} points</small></Fact>
          <Fact name="Joined by">{e.join_reason || <None>unknown</None>}</Fact>
          <Fact name="Spec ID then" wide><SpecID id={e.spec_id} knownAs={e.known_as} copy={false} /></Fact>
          <Fact name="Workflows">{e.workflows.length > 0 ? e.workflows.join(', ') : <None />}</Fact>
          <Fact name="Spec">{e.spec}</Fact>
          <Fact name="Policy revision"><code>{e.revision}</code></Fact>
          {e.truncated && <Fact name="Body"><IconAlertTriangle size={14} /> longer than what is read</Fact>}
        </Facts>
      </section>
    </div>
  );
}

function Elements({ elements, all }: { elements: readonly Element[]; all: boolean }) {
  const primary = elements.filter((e) => e.primary);
  const [open, setOpen] = useState(all || primary.length === 0);
  const shown = open ? [...primary, ...elements.filter((e) => !e.primary)] : primary;
  if (elements.length === 0) return <None>No element was mapped.</None>;
  return (
    <>
      <dl className={css.elements}>
        {shown.map((e, i) => (
          <div key={`${e.id}/${i}`} data-primary={e.primary || undefined} data-long={e.value.length > 44 && !e.hashed ? true : undefined}>
            <dt>{e.name}</dt>
            <dd>
              {e.invalid ? (
                <span className={css.invalid}><IconAlertTriangle size={13} /> {e.invalid}</span>
              ) : e.entity_id ? (
                <Link className="link" to="/entities/$id" params={{ id: e.entity_id }}><EntityValue value={e.value} hashed={e.hashed} /></Link>
              ) : e.hashed ? (
                <span className={css.invalid}><IconLock size={12} /><code>{e.value.slice(0, 12)}…</code></span>
              ) : e.id === 'country' ? (
                <span className={css.invalid}><Flag code={e.value} />{countryName(e.value)}</span>
              ) : (
                e.value
              )}
              {e.unverified && <small className={css.claim} title="A claim of a token, whose signature only the origin can check">claimed</small>}
            </dd>
          </div>
        ))}
      </dl>
      {!open && elements.length > primary.length && (
        <button type="button" className={css.all} onClick={() => setOpen(true)}>Show all {elements.length} elements</button>
      )}
    </>
  );
}
