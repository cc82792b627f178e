import { Button, PillsInput, Pill, Popover, Select, TextInput } from '@mantine/core';
import { IconCalendar, IconSearch, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef, useState, type Ref } from 'react';
import { elementsQuery, entityQuery, lookupEntity } from '../../api/queries';
import type { Rating } from '../../api/types';
import { ratings, ratingWord } from '../../design/rating';
import { RatingMark } from '../../design/RatingMark';
import { toast } from '../../design/toast';
import { moment } from '../../format/time';
import { splitValues, type SessionsView } from './view';
import css from './SearchBar.module.css';

interface Props { view: SessionsView; change: (part: Partial<SessionsView>) => void }

/** Search by element, the time range and the rating filter. */
export function SearchBar({ view, change, focusRef }: Props & { focusRef: Ref<HTMLInputElement> }) {
  return (
    <div className={css.bar} role="search">
      <ElementSearch key={`${view.entity}|${view.element}|${view.values.join('|')}`} view={view} change={change} focusRef={focusRef} />
      <RangePicker key={`${view.from}|${view.to}`} view={view} change={change} />
      <RatingFilter chosen={view.rating} onChange={(rating) => change({ rating })} />
    </div>
  );
}

function ElementSearch({ view, change, focusRef }: Props & { focusRef: Ref<HTMLInputElement> }) {
  const elements = useQuery(elementsQuery);
  const entity = useQuery({ ...entityQuery(view.entity), enabled: view.entity !== '' });
  const [element, setElement] = useState<string | null>(view.element || null);
  const [values, setValues] = useState<string[]>(view.values);
  const [draft, setDraft] = useState('');
  const [busy, setBusy] = useState(false);

  const groups = useMemo(() => {
    const byGroup = new Map<string, { value: string; label: string }[]>();
    for (const e of elements.data ?? []) byGroup.set(e.group, [...(byGroup.get(e.group) ?? []), { value: e.id, label: e.name }]);
    return [...byGroup].map(([group, items]) => ({ group, items }));
  }, [elements.data]);
  const def = elements.data?.find((e) => e.id === (element ?? entity.data?.element));

  async function search(now: string[]) {
    if (!element || now.length === 0) {
      if (now.length > 0) toast.failed('Choose the element that these values belong to.');
      else change({ element: '', values: [], entity: '' });
      return;
    }
    // One value of an entity is asked by its opaque ID, so that no e-mail or
    // number stands in the address or the browser's history.
    if (def?.entity && now.length === 1 && now[0] !== undefined) {
      setBusy(true);
      try {
        const found = await lookupEntity(element, now[0]);
        change({ entity: found.id, element: '', values: [] });
        if (!found.known) toast.failed(`No session has seen this ${def.name}.`);
      } catch (e) {
        toast.failed((e as Error).message);
      } finally {
        setBusy(false);
      }
      return;
    }
    change({ element, values: now, entity: '' });
  }

  const take = () => {
    const all = [...new Set([...values, ...splitValues(draft)])];
    setValues(all);
    setDraft('');
    return all;
  };
  const clear = () => {
    setValues([]);
    setDraft('');
    change({ element: '', values: [], entity: '' });
  };

  return (
    <div className={css.element}>
      <Select
        className={css.which}
        aria-label="Element"
        placeholder="Element"
        size="sm"
        searchable
        data={groups}
        value={element ?? entity.data?.element ?? null}
        onChange={(e) => {
          setElement(e);
          if (values.length > 0) setValues([]);
        }}
        maxDropdownHeight={360}
        comboboxProps={{ width: 260, position: 'bottom-start' }}
      />
      <PillsInput className={css.values} size="sm" leftSection={<IconSearch size={15} />} rightSection={
        view.entity || values.length > 0 || draft ? (
          <button type="button" className={css.clear} onClick={clear} aria-label="Clear the search"><IconX size={14} /></button>
        ) : null
      }>
        <Pill.Group>
          {view.entity && (
            <Pill withRemoveButton onRemove={clear} className={css.pill}>
              {entity.data ? `${entity.data.name}: ${entity.data.hashed ? 'hashed value' : entity.data.value}` : entity.isError ? 'an entity not seen yet' : '…'}
            </Pill>
          )}
          {values.map((v) => (
            <Pill key={v} withRemoveButton className={css.pill} onRemove={() => {
              const rest = values.filter((x) => x !== v);
              setValues(rest);
              void search(rest);
            }}>
              {v}
            </Pill>
          ))}
          <PillsInput.Field
            ref={focusRef}
            aria-label="Values"
            value={draft}
            disabled={busy}
            placeholder={view.entity || values.length > 0 ? '' : def ? `${def.name}; several with commas` : 'Values; several with commas'}
            onChange={(e) => setDraft(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key === 'Enter') {
                e.preventDefault();
                void search(take());
              } else if (e.key === ',') {
                if (!draft.endsWith('\\')) {
                  e.preventDefault();
                  take();
                }
              } else if (e.key === 'Backspace' && draft === '' && values.length > 0) {
                setValues(values.slice(0, -1));
              } else if (e.key === 'Escape') {
                e.currentTarget.blur();
              }
            }}
          />
        </Pill.Group>
      </PillsInput>
    </div>
  );
}

const presets: [string, string][] = [
  ['15m', 'Last 15 minutes'],
  ['1h', 'Last hour'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
  ['all', 'All time'],
];

const forInput = (s: string) => (/^\d{4}-/.test(s) ? s.slice(0, 16) : '');

function RangePicker({ view, change }: Props) {
  const [open, setOpen] = useState(false);
  const [from, setFrom] = useState(forInput(view.from));
  const [to, setTo] = useState(forInput(view.to));
  const preset = view.to === '' ? presets.find(([v]) => v === view.from)?.[1] : undefined;
  const words = (s: string) => (/^\d{4}-/.test(s) ? moment(s).slice(0, -3) : s);
  const title = preset ?? `${words(view.from)} to ${view.to ? words(view.to) : 'now'}`;
  const wrong = from !== '' && to !== '' && from >= to;

  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" shadow="md" trapFocus>
      <Popover.Target>
        <Button size="sm" variant="default" fw={450} leftSection={<IconCalendar size={15} />} onClick={() => setOpen(!open)} className={css.range} aria-label={`Time: ${title}`}>
          {title}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={css.ranges}>
        <div className={css.presets}>
          {presets.map(([value, word]) => (
            <button key={value} type="button" data-chosen={word === preset || undefined} onClick={() => {
              setOpen(false);
              change({ from: value, to: '' });
            }}>
              {word}
            </button>
          ))}
        </div>
        <form className={css.custom} onSubmit={(e) => {
          e.preventDefault();
          setOpen(false);
          change({ from: from ? `${from}:00Z` : 'all', to: to ? `${to}:00Z` : '' });
        }}>
          <TextInput size="xs" type="datetime-local" label="From (UTC)" value={from} onChange={(e) => setFrom(e.currentTarget.value)} />
          <TextInput size="xs" type="datetime-local" label="To (UTC)" value={to} onChange={(e) => setTo(e.currentTarget.value)} error={wrong ? 'Must be later than From' : undefined} />
          <Button type="submit" disabled={wrong || (from === '' && to === '')}>
            Apply
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

export function RatingFilter({ chosen, onChange }: { chosen: Rating[]; onChange: (r: Rating[]) => void }) {
  const group = useRef<HTMLDivElement>(null);
  return (
    <div className={css.ratings} role="group" aria-label="Rating" ref={group}>
      {ratings.map((r) => (
        <button key={r} type="button" data-rating={r} aria-pressed={chosen.includes(r)} onClick={() => onChange(chosen.includes(r) ? chosen.filter((x) => x !== r) : ratings.filter((x) => x === r || chosen.includes(x)))}>
          <RatingMark rating={r} />
          {ratingWord[r]}
        </button>
      ))}
    </div>
  );
}
