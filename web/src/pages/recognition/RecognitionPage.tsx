import { Select } from '@mantine/core';
import { IconUserScan } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { recognitionQuery, statusQuery } from '../../api/queries';
import type { Recognition, RecognitionReport } from '../../api/types';
import { Choice } from '../../design/Choice';
import { Empty, Fact, Facts, Failed, Loading, Page, PageHead, Panel, When } from '../../design/parts';
import { count, many, percent } from '../../format/number';
import { Figure } from './Figure';
import { FirstRequests } from './FirstRequests';
import { Groups } from './Groups';
import { familyWord, kindWord, leftOutRows, readDays, spans, type Days } from './view';
import css from './RecognitionPage.module.css';

export function RecognitionPage() {
  const search = useSearch({ from: '/shell/recognition' });
  const navigate = useNavigate();
  const days = readDays(search.days);
  const site = search.site ?? '';
  const found = useQuery(recognitionQuery(Number(days), site));
  const sites = useQuery(statusQuery).data?.sites ?? [];
  const a = found.data;
  const show = (next: { days?: Days; site?: string }) =>
    void navigate({ to: '/recognition', search: { days: (next.days ?? days) === '7' ? undefined : (next.days ?? days), site: next.site ?? site }, replace: true });

  return (
    <Page title="Recognition">
      <PageHead title="Recognition">
        {a?.measured && <span className={css.asOf}>measured <When at={a.measured} /> UTC{a.state === 'running' || a.state === 'waiting' ? '; measuring anew' : ''}</span>}
        <span className={css.grow} />
        {sites.length > 1 && (
          <Select
            className={css.site ?? ''}
            aria-label="Site"
            value={site}
            data={[{ value: '', label: 'All sites' }, ...sites.map((s) => ({ value: s.name, label: s.name }))]}
            allowDeselect={false}
            onChange={(v) => show({ site: v ?? '' })}
          />
        )}
        <Choice name="How far back" value={days} onChange={(d) => show({ days: d })} options={spans} />
      </PageHead>
      {a ? <Told answer={a} retry={found.refetch} /> : found.isError ? (
        <Panel label="Error"><Failed error={found.error} retry={found.refetch} what="The measurement could not be loaded" /></Panel>
      ) : (
        <Panel label="Loading"><Loading lines={10} height={18} /></Panel>
      )}
    </Page>
  );
}

function Told({ answer: a, retry }: { answer: Recognition; retry: () => unknown }) {
  if (a.report && a.report.labelled > 0) {
    return (
      <>
        {a.state === 'failed' && <p className={css.failed} role="alert">The last measurement failed; shown is the one before. {a.error}</p>}
        <Shown report={a.report} />
      </>
    );
  }
  if (a.state === 'failed') {
    return <Panel label="Error"><Failed error={new Error(a.error ?? 'No reason was given.')} retry={retry} what="The measurement failed" /></Panel>;
  }
  if (!a.report) return <Measuring answer={a} />;
  return (
    <Panel label="No log-ins">
      <Empty icon={<IconUserScan size={28} stroke={1.5} />} title="No log-in to measure by yet">
        Log-ins are the truth that recognition is held against. {a.report.sessions === 0 ? 'No session was seen in this time.' : `None of ${many(a.report.sessions, 'session')} in this time signed in with success.`} Map
        a Spec of type <code>authentication_attempt</code> or <code>account_create</code> with the element <code>username</code> or <code>email</code> and an outcome.
      </Empty>
    </Panel>
  );
}

function Measuring({ answer: a }: { answer: Recognition }) {
  return (
    <Panel label="Measuring">
      <div className={css.measuring} role="status">
        <strong>{a.state === 'waiting' ? 'Another measurement comes first' : 'Reading what the journal has kept'}</strong>
        <progress max={1} value={a.progress} aria-label="Progress" />
        <p>{percent(a.progress, 0)} read. It is done without haste, so that traffic does not notice.</p>
      </div>
    </Panel>
  );
}

function Shown({ report: r }: { report: RecognitionReport }) {
  const f = r.first_request;
  return (
    <>
      <div className={css.figures}>
        <Figure name="Known on the first request" rate={f.strong} counted={`${count(f.strong.hits)} of ${many(f.returning, 'returning session')}`} about="Visitors who came back, recognised rightly by a strong key before they signed in." />
        <Figure name="New, taken for somebody else" rate={r.false_recognition} counted={`${count(r.false_recognition.hits)} of ${many(r.false_recognition.of, 'new account')}`} about="Accounts seen for the first time whose first request got the Spec ID of another account." low />
        <Figure name="One Spec ID, one account" rate={r.overall.pair_precision} counted={`${count(r.overall.pair_precision.hits)} of ${many(r.overall.pair_precision.of, 'pair')}`} about="Pairs of sessions under one Spec ID that are of one account (precision)." />
        <Figure name="One account, one Spec ID" rate={r.overall.pair_recall} counted={`${count(r.overall.pair_recall.hits)} of ${many(r.overall.pair_recall.of, 'pair')}`} about="Pairs of sessions of one account that are under one Spec ID (recall)." />
      </div>
      <Panel title="How it is measured">
        <p className={css.about}>
          Every log-in tells who somebody is. What the journal has kept was stitched anew with every account hidden, as if nobody had ever signed in; the Spec IDs that came out were then held against the accounts.
        </p>
        <Facts>
          <Fact name="From, UTC">{r.from ? <When at={r.from} /> : '–'}</Fact>
          <Fact name="To, UTC">{r.to ? <When at={r.to} /> : '–'}</Fact>
          <Fact name="Journal entries">{count(r.entries)}</Fact>
          <Fact name="Sessions">{count(r.sessions)}</Fact>
          <Fact name="With a log-in that counts">{count(r.labelled)}</Fact>
          <Fact name="Accounts">{count(r.accounts)}</Fact>
          <Fact name="Spec IDs of theirs">{count(r.spec_ids)}</Fact>
        </Facts>
      </Panel>
      <Panel title="First request of those who come back" note={many(f.returning, 'session')}>
        <FirstRequests of={f} />
      </Panel>
      <Panel title="By browser family" note="B-cubed, with 95 % intervals" flush>
        <Groups label="By browser family" first="Browser" groups={r.families} word={familyWord} />
      </Panel>
      <Panel title="By key" note="that made the first request known" flush>
        <Groups label="By key" first="Key" groups={r.kinds} word={kindWord} />
      </Panel>
      <div className={css.columns}>
        <Panel title="To read these figures">
          <ul className={css.notes}>{r.notes.map((n) => <li key={n}>{n}</li>)}</ul>
        </Panel>
        <Panel title="Left out">
          <dl className={css.rows}>
            {leftOutRows(r.left_out).map(([name, n]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{count(n)}</dd>
              </div>
            ))}
          </dl>
        </Panel>
      </div>
    </>
  );
}
