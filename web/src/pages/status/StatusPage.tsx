import { Button, Modal, Select } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { answerOf, api } from '../../api/client';
import { meQuery, statusQuery } from '../../api/queries';
import type { LatencyStatus, Status } from '../../api/types';
import { Failed, Loading, None, Page, PageHead, Panel, When } from '../../design/parts';
import { toast } from '../../design/toast';
import { bytes, compact, count, many, millis } from '../../format/number';
import { clock } from '../../format/time';
import css from './StatusPage.module.css';

export function StatusPage() {
  const found = useQuery(statusQuery);
  const s = found.data;
  // It is asked again and again: the last failure stays in sight meanwhile.
  const [failed, setFailed] = useState<Error | null>(null);
  if (found.error && found.error !== failed) setFailed(found.error);
  return (
    <Page title="Status">
      <PageHead title="Status">
        {s && (
          <span className={css.asOf} role={found.isError ? 'alert' : undefined}>
            {found.isError ? 'The Hub does not answer; shown is what it last said, ' : 'as of '}
            {clock(new Date(found.dataUpdatedAt).toISOString())} UTC
          </span>
        )}
      </PageHead>
      {s ? (
        <Shown status={s} />
      ) : failed ? (
        <Panel label="Error"><Failed error={failed} retry={found.refetch} what="The status could not be loaded" /></Panel>
      ) : (
        <Panel label="Loading"><Loading lines={12} height={18} /></Panel>
      )}
    </Page>
  );
}

function Shown({ status: s }: { status: Status }) {
  return (
    <>
      <div className={css.health} data-healthy={s.healthy && s.problems.length === 0} role="status">
        {s.healthy && s.problems.length === 0 ? <IconCircleCheck size={26} stroke={1.6} /> : <IconAlertTriangle size={26} stroke={1.6} />}
        <div>
          <strong>{s.problems.length === 0 ? (s.healthy ? 'All is well' : 'Something is wrong') : s.problems.length === 1 ? 'One thing needs attention' : `${s.problems.length} things need attention`}</strong>
          {s.problems.length > 0 ? (
            <ul>{s.problems.map((p) => <li key={p}>{p}</li>)}</ul>
          ) : (
            <p>Traffic is relayed, judged and recorded.</p>
          )}
        </div>
        <small>
          Version {s.version}, up since <When at={s.started} />
        </small>
      </div>
      <Sites status={s} />
      <div className={css.grid}>
        <Latency title="Response to visible" lead="From a response to its event in the Hub" l={s.visible} />
        <Latency title="Sync decision" lead="What a verdict adds to a request" l={s.decision} />
        <Panel title="Policy" note={<>since <When at={s.policy.since} /></>}>
          <Rows rows={[
            ['Revision', <code key="r">{s.policy.revision}</code>],
            ['Specs', count(s.policy.specs)],
            ['Labels', count(s.policy.labels)],
            ['Signatures', count(s.policy.signatures)],
            ['Workflows', count(s.policy.workflows)],
          ]} />
          {s.policy.faults.length > 0 && (
            <div className={css.faults}>
              <p>A newer revision was refused; the one above stays in force.</p>
              {s.policy.faults.map((f) => <code key={f}>{f}</code>)}
            </div>
          )}
        </Panel>
        <Panel title="Connections">
          <Rows rows={[
            ['Open now', count(s.edge.connections)],
            ['Exchanges in flight', count(s.edge.active)],
            ['Visitors who left early', count(s.edge.clients_gone)],
            ['First packets not kept', count(s.edge.first_packets_missing)],
          ]} />
        </Panel>
        <Panel title="Turned away" note="before any judgement">
          <Counts of={s.edge.refused} words={refusals} none="Nobody was turned away." />
        </Panel>
        <Panel title="Origin failures" note="by kind">
          <Counts of={s.edge.origin_errors} none="No origin failed." warn />
        </Panel>
        <Panel title="Engine">
          <Rows rows={[
            ['Requests', count(s.engine.requests)],
            ['Matched a Spec', count(s.engine.matched)],
            ['Events', count(s.engine.events)],
            ['Live sessions', count(s.engine.live_sessions)],
            ['Queue', `${count(s.engine.queue)} of ${count(s.engine.queue_max)}`, s.engine.queue > s.engine.queue_max / 2],
            ['Deadlines missed', count(s.engine.deadline_missed), s.engine.deadline_missed > 0],
            ['Rule faults', count(s.engine.rule_faults), s.engine.rule_faults > 0],
            ['Panics', count(s.engine.panics), s.engine.panics > 0],
          ]} />
        </Panel>
        <Panel title="Journal" note={<State state={s.journal.state} />}>
          <Rows rows={[
            ['Entries', count(s.journal.entries)],
            ['Size', bytes(s.journal.bytes)],
            ['Not yet acknowledged', count(s.journal.in_flight)],
          ]} />
          {s.journal.error && <p className={css.error}>{s.journal.error}</p>}
        </Panel>
        <Panel title="Warehouse" note={<State state={s.warehouse.state} />}>
          <Rows rows={[
            ['Store', s.warehouse.backend],
            ['Events', count(s.warehouse.events)],
            ['Sessions', count(s.warehouse.sessions)],
            ['Size', bytes(s.warehouse.bytes)],
            ['Behind the journal', many(s.warehouse.lag, 'entry', 'entries')],
          ]} />
          {s.warehouse.error && <p className={css.error}>{s.warehouse.error}</p>}
        </Panel>
        <Panel title="Actions taken">
          <Counts of={s.engine.actions} none="No action was taken." />
        </Panel>
        <Panel title="Not recorded" note="by reason">
          <Counts of={s.shed} none="Nothing was shed." warn />
        </Panel>
        <Panel title="Data files">
          {s.data.length > 0 ? (
            <Rows rows={s.data.map((d) => [d.name, <span key={d.name} title={d.licence ? `${d.detail}; licence: ${d.licence}` : d.detail}>{d.detail || d.state}{d.licence && <small> {d.licence}</small>}</span>, d.state !== 'ok'])} />
          ) : (
            <None>No enrichment data is installed.</None>
          )}
        </Panel>
      </div>
    </>
  );
}

function Rows({ rows }: { rows: [string, ReactNode, boolean?][] }) {
  return (
    <dl className={css.rows}>
      {rows.map(([name, value, warn]) => (
        <div key={name} data-warn={warn || undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Counts({ of, none, words = {}, warn = false }: { of: Record<string, number>; none: string; words?: Record<string, string>; warn?: boolean }) {
  const rows = Object.entries(of).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  if (rows.length === 0) return <None>{none}</None>;
  return <Rows rows={rows.map(([name, n]) => [words[name] ?? name.replaceAll('_', ' '), count(n), warn])} />;
}

/** Why a connection or request was not relayed. */
const refusals: Record<string, string> = {
  over_limit: 'Too many connections',
  unknown_host: 'Host of no site',
  malformed: 'Malformed or ambiguous HTTP',
  slow_head: 'Head too slow',
  handshake: 'TLS handshake failed',
  accept: 'Not accepted by the system',
  proxy_header: 'No PROXY header',
};

function State({ state }: { state: string }) {
  const words: Record<string, string> = { ok: 'working', degraded: 'degraded', down: 'down' };
  return <span className={css.state} data-state={state}><i />{words[state] ?? state}</span>;
}

function Latency({ title, lead, l }: { title: string; lead: string; l: LatencyStatus }) {
  return (
    <Panel title={title} note="last 5 minutes">
      <p className={css.lead}>{lead}</p>
      {l.count > 0 ? (
        <div className={css.latency}>
          {([['p50', l.p50_ms], ['p95', l.p95_ms], ['p99', l.p99_ms]] as const).map(([name, ms]) => (
            <div key={name}>
              <b>{millis(ms)}</b>
              <small>{name}</small>
            </div>
          ))}
        </div>
      ) : (
        <None>Nothing was measured.</None>
      )}
      <p className={css.measured}>{l.count > 0 ? `${compact(l.count)} measured` : ''}</p>
    </Panel>
  );
}

/** The addresses of an origin, where there is more to say than its name does. */
function Endpoints({ of: all }: { of: Status['sites'][number]['endpoints'] }) {
  if (all.length < 2 && all.every((e) => e.up)) return null;
  return (
    <ul className={css.endpoints} aria-label="Addresses of the origin">
      {all.map((e) => (
        <li key={e.address} data-up={e.up} title={`${many(e.responses, 'response')}, ${many(e.failures, 'failure')}`}>
          <i /><code>{e.address}</code>
          <span>{e.up ? compact(e.responses) : `down: ${e.error ?? 'no answer'}`}</span>
        </li>
      ))}
    </ul>
  );
}

type Mode = Status['sites'][number]['mode'];

/** What each mode is called, what it does, and what switching to it deserves. */
const modes: Record<Mode, { word: string; does: string; grave?: boolean }> = {
  'pass-through': { word: 'Pass-through', does: 'Requests are judged and recorded; no action is enforced.' },
  active: { word: 'Active', does: 'Requests are judged, and actions are enforced on sync routes.' },
  mirror: { word: 'Mirror', does: 'Each request ends here with an empty answer and never reaches the origin. Only for a site that receives copies of its traffic.', grave: true },
  bypass: { word: 'Bypass', does: 'Traffic is relayed untouched: nothing is judged, recorded or blocked. Health probes are told to send visitors straight to the origin.', grave: true },
  maintenance: { word: 'Maintenance', does: 'Every visitor gets the maintenance page; the origin is not asked.', grave: true },
};

const modeNames = Object.keys(modes) as Mode[];

function Sites({ status: s }: { status: Status }) {
  const me = useQuery(meQuery).data;
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState<{ name: string; mode: Mode; configured: boolean } | null>(null);
  const flip = useMutation({
    mutationFn: (b: { name: string; mode: Mode; configured: boolean }) =>
      answerOf(api.POST('/api/v1/sites/{name}/mode', { params: { path: { name: b.name } }, body: { mode: b.configured ? 'configured' : b.mode } })),
    onSuccess: (_, b) => {
      toast.done(`${b.name}: ${modes[b.mode].word}`);
      setAsked(null);
    },
    onError: (e) => toast.failed(`The mode was not switched: ${e.message}`),
    onSettled: () => queryClient.invalidateQueries({ queryKey: statusQuery.queryKey }),
  });
  const admin = me?.role === 'admin';
  return (
    <Panel title="Sites" note={count(s.sites.length)} flush>
      <ul className={css.sites}>
        {s.sites.map((site) => (
          <li key={site.name}>
            <div className={css.site}>
              <b>{site.name}</b>
              <small>{site.hosts.join(', ') || 'any host'} → <code>{site.origin}</code></small>
            </div>
            <div className={css.figure}><small>On failure</small>{site.failure === 'closed' ? 'refuse' : 'let through'}</div>
            <div className={css.figure}><small>Requests</small>{count(site.requests)}</div>
            <div className={css.figure} data-warn={site.origin_errors > 0 || undefined}><small>Origin errors</small>{count(site.origin_errors)}</div>
            <Endpoints of={site.endpoints} />
            <Select
              className={css.mode}
              aria-label={`Mode of ${site.name}`}
              size="xs"
              data={modeNames.map((m) => ({ value: m, label: m === site.configured_mode ? `${modes[m].word} (configured)` : modes[m].word }))}
              value={site.mode}
              allowDeselect={false}
              disabled={!admin}
              data-grave={modes[site.mode].grave || undefined}
              title={admin ? undefined : 'Only an administrator can switch the mode'}
              onChange={(m) => m && m !== site.mode && setAsked({ name: site.name, mode: m, configured: m === site.configured_mode })}
            />
          </li>
        ))}
      </ul>
      <Modal opened={asked !== null} onClose={() => setAsked(null)} title={asked ? `${modes[asked.mode].word} for ${asked.name}?` : ''} size={440}>
        <p>{asked && modes[asked.mode].does} It holds from the next request on, over restarts too.</p>
        <div className={css.buttons}>
          <Button variant="default" onClick={() => setAsked(null)}>Cancel</Button>
          <Button color={asked && modes[asked.mode].grave ? 'red' : 'blue'} loading={flip.isPending} onClick={() => asked && flip.mutate(asked)} data-autofocus>
            Switch to {asked && modes[asked.mode].word.toLowerCase()}
          </Button>
        </div>
      </Modal>
    </Panel>
  );
}

