import { Button, Modal } from '@mantine/core';
import { IconBulb, IconEyeOff, IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, answerOf, api } from '../../api/client';
import { discoveryQuery, meQuery } from '../../api/queries';
import type { Learnt, ProposedFile } from '../../api/types';
import { Empty, Failed, Loading, Page, PageHead, Panel } from '../../design/parts';
import { toast } from '../../design/toast';
import { count, many } from '../../format/number';
import { FileDialog } from './FileDialog';
import { ProposalCard } from './ProposalCard';
import css from './DiscoveryPage.module.css';

export function DiscoveryPage() {
  const found = useQuery(discoveryQuery);
  const me = useQuery(meQuery).data;
  const admin = me?.role === 'admin';
  const refused = found.error instanceof ApiError && found.error.status === 403;
  return (
    <Page title="Discovery">
      <PageHead title="Discovery">
        {found.data && <Learning learnt={found.data} />}
        {found.data && admin && found.data.shapes > 0 && <Forget shapes={found.data.shapes} />}
      </PageHead>
      {found.data ? (
        <Shown learnt={found.data} admin={admin} />
      ) : refused ? (
        <Panel label="Not allowed">
          <Empty icon={<IconEyeOff size={28} stroke={1.5} />} title="Discovery is for analysts and administrators">
            It shows paths and rules of your sites.
          </Empty>
        </Panel>
      ) : found.isError ? (
        <Panel label="Error"><Failed error={found.error} retry={found.refetch} what="Discovery could not be loaded" /></Panel>
      ) : (
        <Panel label="Loading"><Loading lines={10} height={18} /></Panel>
      )}
    </Page>
  );
}

/** Which sites are learnt from, and how much is known. */
function Learning({ learnt: l }: { learnt: Learnt }) {
  const on = l.sites.filter((s) => s.learning).map((s) => s.name);
  return (
    <span className={css.learning} data-on={on.length > 0}>
      <i />
      <span title={l.missed > 0 ? 'Passed over is what came in a second beyond the number that is looked at' : undefined}>
        {[
          on.length > 0 ? `Learning from ${on.join(', ')}` : 'Learning is off',
          ...(l.shapes > 0 ? [`${many(l.shapes, 'kind')} of requests known`] : []),
          ...(l.missed > 0 ? [`${count(l.missed)} passed over`] : []),
        ].join(', ')}
      </span>
    </span>
  );
}

function Shown({ learnt: l, admin }: { learnt: Learnt; admin: boolean }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [file, setFile] = useState<ProposedFile | null>(null);
  const open = l.proposals.filter((p) => !p.named_by);
  const named = l.proposals.filter((p) => p.named_by);
  const ids = open.filter((p) => chosen.has(p.id)).map((p) => p.id);
  const accept = useMutation({
    mutationFn: (some: string[]) => answerOf(api.POST('/api/v1/discovery/accept', { body: { ids: some } })),
    onSuccess: setFile,
    onError: (e) => toast.failed(`The policy file was not made: ${e.message}`),
  });
  const choose = (id: string, yes: boolean) => {
    const next = new Set(chosen);
    if (yes) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  if (l.proposals.length === 0) return <Panel label="Proposals"><Nothing learnt={l} /></Panel>;
  return (
    <>
      <div className={css.bar}>
        <p>
          Requests that no Spec names, learnt by their shape alone: names and kinds of fields, never a value. Choose those that should become Events.
        </p>
        <div>
          <Button variant="default" disabled={open.length === 0} onClick={() => setChosen(ids.length === open.length ? new Set() : new Set(open.map((p) => p.id)))}>
            {ids.length > 0 && ids.length === open.length ? 'Choose none' : 'Choose all'}
          </Button>
          <Button disabled={!admin || ids.length === 0} loading={accept.isPending} title={admin ? undefined : 'Only an administrator can accept proposals'} onClick={() => accept.mutate(ids)}>
            {ids.length > 0 ? `Accept ${count(ids.length)}` : 'Accept'}
          </Button>
        </div>
      </div>
      {open.map((p) => <ProposalCard key={p.id} proposal={p} chosen={chosen.has(p.id)} onChoose={(yes) => choose(p.id, yes)} />)}
      {named.length > 0 && <h2 className={css.rest}>Named by a Spec since</h2>}
      {named.map((p) => <ProposalCard key={p.id} proposal={p} />)}
      <FileDialog file={file} onClose={() => setFile(null)} />
    </>
  );
}

/** Why there is nothing to see, and what brings something. */
function Nothing({ learnt: l }: { learnt: Learnt }) {
  const icon = <IconBulb size={28} stroke={1.5} />;
  if (!l.sites.some((s) => s.learning)) {
    return (
      <Empty icon={icon} title="Discovery is off">
        With <code>discovery: true</code> in a site’s configuration, Throughline learns the shapes of requests that no Spec names, never a value, and proposes Specs for those that look like a login, a payment and so on.
      </Empty>
    );
  }
  return (
    <Empty icon={icon} title="Nothing is proposed yet">
      {l.shapes > 0 ? `${many(l.shapes, 'kind')} of requests known so far; none looks like something that a Spec should name. ` : ''}
      A path or field is kept once {l.visitors} visitors have sent it{l.waiting > 0 ? `; ${many(l.waiting, 'word')} wait for that` : ''}.
    </Empty>
  );
}

function Forget({ shapes }: { shapes: number }) {
  const [asked, setAsked] = useState(false);
  const queryClient = useQueryClient();
  const forget = useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/discovery/forget')),
    onSuccess: () => {
      setAsked(false);
      toast.done('Everything that was learnt is forgotten');
    },
    onError: (e) => toast.failed(`It was not forgotten: ${e.message}`),
    onSettled: () => queryClient.invalidateQueries({ queryKey: discoveryQuery.queryKey }),
  });
  return (
    <>
      <Button variant="subtle" color="gray" ml="auto" leftSection={<IconTrash size={15} />} onClick={() => setAsked(true)}>
        Forget all
      </Button>
      <Modal opened={asked} onClose={() => setAsked(false)} title="Forget what was learnt?" size={440}>
        <p>{many(shapes, 'kind')} of requests, with their counts. Learning begins anew; the policy stays as it is.</p>
        <div className={css.buttons}>
          <Button variant="default" onClick={() => setAsked(false)}>Cancel</Button>
          <Button color="red" loading={forget.isPending} onClick={() => forget.mutate()} data-autofocus>Forget</Button>
        </div>
      </Modal>
    </>
  );
}
