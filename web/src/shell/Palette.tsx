import { Loader, Modal } from '@mantine/core';
import { IconActivityHeartbeat, IconBulb, IconFingerprint, IconListSearch, IconRoute, IconSearch, IconShare3, IconUser, IconUserScan } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useId, useState, type KeyboardEvent, type ReactNode } from 'react';
import { ApiError } from '../api/client';
import { elementsQuery, eventQuery, lookupEntity, sessionQuery, specQuery } from '../api/queries';
import { toast } from '../design/toast';
import { guess, likely } from './guess';
import css from './Palette.module.css';

interface Entry { key: string; group: string; icon: ReactNode; text: ReactNode; words?: string; hint?: string; run: () => Promise<unknown> }

export function Palette({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} withCloseButton={false} padding={0} size={600} yOffset="12vh" centered={false} aria-label="Find">
      {opened && <Finder onClose={onClose} />}
    </Modal>
  );
}

function Finder({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const [busy, setBusy] = useState(false);
  const list = useId();
  const entries = useEntries(text);
  const active = Math.min(at, entries.length - 1);

  async function run(e: Entry | undefined) {
    if (!e || busy) return;
    setBusy(true);
    try {
      await e.run();
      onClose();
    } catch (err) {
      toast.failed((err as Error).message);
    } finally {
      setBusy(false);
    }
  }

  function onKey(e: KeyboardEvent) {
    const step = e.key === 'ArrowDown' || (e.ctrlKey && e.key === 'n') ? 1 : e.key === 'ArrowUp' || (e.ctrlKey && e.key === 'p') ? -1 : 0;
    if (step) {
      e.preventDefault();
      const next = (active + step + entries.length) % Math.max(1, entries.length);
      setAt(next);
      document.getElementById(`${list}-${next}`)?.scrollIntoView({ block: 'nearest' });
    } else if (e.key === 'Enter') {
      e.preventDefault();
      void run(entries[active]);
    }
  }

  return (
    <>
      <div className={css.box}>
        <IconSearch size={18} stroke={1.7} />
        <input
          data-autofocus
          value={text}
          onChange={(e) => {
            setText(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKey}
          placeholder="Page, session, event or Spec ID, or a value such as an e-mail"
          aria-label="Find a page, a session, an event or an entity"
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={`${list}-${active}`}
          spellCheck={false}
          autoComplete="off"
        />
        {busy && <Loader size={16} />}
      </div>
      <ul className={css.list} id={list} role="listbox" aria-label="Found">
        {entries.map((e, i) => (
          <li key={e.key} role="presentation">
            {entries[i - 1]?.group !== e.group && <div className={css.group}>{e.group}</div>}
            <button
              type="button"
              tabIndex={-1}
              role="option"
              id={`${list}-${i}`}
              aria-selected={i === active}
              className={css.entry}
              onMouseMove={() => setAt(i)}
              onClick={() => void run(e)}
            >
              {e.icon}
              <span>{e.text}</span>
              {e.hint && <small>{e.hint}</small>}
            </button>
          </li>
        ))}
        {entries.length === 0 && <li className={css.none}>Nothing is called that.</li>}
      </ul>
    </>
  );
}

function useEntries(text: string): Entry[] {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const elements = useQuery(elementsQuery).data ?? [];
  const t = text.trim();
  const icon = { size: 17, stroke: 1.6 };

  const pages: Entry[] = [
    { key: 'sessions', group: 'Pages', icon: <IconRoute {...icon} />, text: 'Sessions', words: 'Sessions', hint: 'g s', run: () => navigate({ to: '/sessions' }) },
    { key: 'malicious', group: 'Pages', icon: <IconListSearch {...icon} />, text: 'Malicious sessions', words: 'Malicious sessions', run: () => navigate({ to: '/sessions', search: { rating: 'malicious' } }) },
    { key: 'suspicious', group: 'Pages', icon: <IconListSearch {...icon} />, text: 'Suspicious sessions', words: 'Suspicious sessions', run: () => navigate({ to: '/sessions', search: { rating: 'suspicious' } }) },
    { key: 'recognition', group: 'Pages', icon: <IconUserScan {...icon} />, text: 'Recognition', words: 'Recognition Spec ID identity precision recall', hint: 'g r', run: () => navigate({ to: '/recognition' }) },
    { key: 'discovery', group: 'Pages', icon: <IconBulb {...icon} />, text: 'Discovery', words: 'Discovery, proposed Specs', hint: 'g d', run: () => navigate({ to: '/discovery' }) },
    { key: 'status', group: 'Pages', icon: <IconActivityHeartbeat {...icon} />, text: 'Status', words: 'Status', hint: 'g t', run: () => navigate({ to: '/status' }) },
  ];
  if (!t) return pages;

  const found = pages.filter((p) => (p.words ?? '').toLowerCase().includes(t.toLowerCase()));
  const g = guess(t);
  if (g.kind === 'entity') {
    found.push({ key: 'entity', group: 'Open', icon: <IconShare3 {...icon} />, text: <>Entity <code>{g.id}</code></>, run: () => navigate({ to: '/entities/$id', params: { id: g.id } }) });
    return found;
  }
  if (g.kind === 'id') {
    // An ID does not say what it names, so ask for a session first, then an event.
    const open = async () => {
      try {
        await queryClient.fetchQuery(sessionQuery(g.id));
        await navigate({ to: '/sessions/$id', params: { id: g.id } });
      } catch (err) {
        if (!(err instanceof ApiError) || err.status !== 404) throw err;
        try {
          await queryClient.fetchQuery(eventQuery(g.id));
        } catch (e) {
          throw e instanceof ApiError && e.status === 404 ? new Error(`No session or event has the ID ${g.id}.`) : e;
        }
        await navigate({ to: '/events/$id', params: { id: g.id } });
      }
    };
    const openSpec = async () => {
      try {
        await queryClient.fetchQuery(specQuery(g.id));
      } catch (e) {
        throw e instanceof ApiError && e.status === 404 ? new Error(`No session was recorded under the Spec ID ${g.id}.`) : e;
      }
      await navigate({ to: '/spec-ids/$id', params: { id: g.id } });
    };
    found.push({ key: 'id', group: 'Open', icon: <IconFingerprint {...icon} />, text: <>Session or event <code>{g.id}</code></>, run: open });
    found.push({ key: 'spec', group: 'Open', icon: <IconUser {...icon} />, text: <>Spec ID <code>{g.id}</code></>, run: openSpec });
  }
  for (const e of likely(t, elements).slice(0, 12)) {
    const look = async () => {
      const found = await lookupEntity(e.id, t);
      if (!found.known) throw new Error(`No session has seen the ${e.name} “${t}”.`);
      await navigate({ to: '/entities/$id', params: { id: found.id } });
    };
    found.push({ key: `look-${e.id}`, group: 'Look up', icon: <IconShare3 {...icon} />, text: <>{e.name} <b>{t}</b></>, hint: e.group, run: look });
  }
  return found;
}
