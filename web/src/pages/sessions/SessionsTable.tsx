import { Autocomplete, Button, Popover } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconFilter, IconFilterFilled } from '@tabler/icons-react';
import { useTable } from '@tanstack/react-table';
import { memo, useMemo, useState } from 'react';
import type { Session } from '../../api/types';
import { countryName } from '../../format/place';
import { columns, features, traits } from './columns';
import type { Freshness } from './useSessions';
import type { SessionsView } from './view';
import css from './SessionsTable.module.css';

interface Props {
  sessions: Session[];
  view: SessionsView;
  change: (part: Partial<SessionsView>) => void;
  fresh: ReadonlyMap<string, Freshness>;
  active: number;
  open: (s: Session) => void;
}

export const SessionsTable = memo(function SessionsTable({ sessions, view, change, fresh, active, open }: Props) {
  const hidden = useMemo(() => Object.fromEntries(view.hide.map((h) => [h, false])), [view.hide]);
  const table = useTable({ features, columns, data: sessions, getRowId: (s) => s.id, state: { columnVisibility: hidden } });
  return (
    <div className={css.scroll}>
      <table className={css.table}>
        <colgroup>
          {table.getVisibleLeafColumns().map((c) => (
            <col key={c.id} data-column={c.id} />
          ))}
        </colgroup>
        <thead>
          {table.getHeaderGroups().map((g) => (
            <tr key={g.id}>
              {g.headers.map((h) => (
                <Heading key={h.id} id={h.column.id} view={view} change={change} sessions={sessions}>
                  <table.FlexRender header={h} />
                </Heading>
              ))}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row, i) => (
            <tr
              key={row.id}
              data-session={row.id}
              data-rating={row.original.rating}
              data-active={i === active || undefined}
              data-fresh={fresh.get(row.id)}
              onClick={(e) => {
                if (e.target instanceof HTMLElement && e.target.closest('a,button')) return;
                if (window.getSelection()?.toString()) return;
                open(row.original);
              }}
            >
              {row.getVisibleCells().map((cell) => (
                <td key={cell.id} data-number={traits[cell.column.id]?.number}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
});

function Heading(props: { id: string; view: SessionsView; change: Props['change']; sessions: Session[]; children: React.ReactNode }) {
  const { id, view, change, sessions, children } = props;
  const trait = traits[id] ?? {};
  const by = trait.sort;
  const down = by && view.sort === `-${by}`;
  const up = by && view.sort === by;
  return (
    <th scope="col" data-number={trait.number} aria-sort={up ? 'ascending' : down ? 'descending' : undefined}>
      <span className={css.heading}>
        {by ? (
          <button type="button" data-on={up || down || undefined} onClick={() => change({ sort: (down ? by : `-${by}`) })}>
            {children}
            {up ? <IconArrowUp size={12} /> : <IconArrowDown size={12} data-idle={!down || undefined} />}
          </button>
        ) : (
          children
        )}
        {trait.filters && <Filter fields={trait.filters} view={view} change={change} sessions={sessions} />}
      </span>
    </th>
  );
}

const fieldName = { country: 'Country', city: 'City', ip: 'IP', label: 'Label', signature: 'Signature' };
type Field = keyof typeof fieldName;

/** Filters a column; offers what the loaded rows hold. */
function Filter({ fields, view, change, sessions }: { fields: Field[]; view: SessionsView; change: Props['change']; sessions: Session[] }) {
  const [open, setOpen] = useState(false);
  const on = fields.some((f) => view[f] !== '');
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" shadow="md" trapFocus width={250}>
      <Popover.Target>
        <button type="button" className={css.filter} data-on={on || undefined} onClick={() => setOpen(!open)} aria-label={`Filter by ${fields.map((f) => fieldName[f]).join(', ')}`}>
          {on ? <IconFilterFilled size={12} /> : <IconFilter size={12} />}
        </button>
      </Popover.Target>
      <Popover.Dropdown>
        {open && <FilterForm fields={fields} view={view} sessions={sessions} apply={(part) => {
          setOpen(false);
          change(part);
        }} />}
      </Popover.Dropdown>
    </Popover>
  );
}

function offered(field: Field, sessions: Session[]): { value: string; label: string }[] {
  const seen = new Map<string, string>();
  for (const s of sessions) {
    if (field === 'label') for (const l of s.labels) seen.set(l.id, l.title);
    else if (field === 'signature') for (const g of s.signatures) seen.set(g.id, g.title);
    else if (s[field]) seen.set(s[field], field === 'country' ? countryName(s[field]) : s[field]);
  }
  return [...seen].map(([value, label]) => ({ value, label })).sort((a, b) => a.label.localeCompare(b.label));
}

function FilterForm({ fields, view, sessions, apply }: { fields: Field[]; view: SessionsView; sessions: Session[]; apply: (p: Partial<SessionsView>) => void }) {
  const [draft, setDraft] = useState<Partial<Record<Field, string>>>(Object.fromEntries(fields.map((f) => [f, view[f]])));
  return (
    <form
      className={css.filterForm}
      onSubmit={(e) => {
        e.preventDefault();
        apply(draft);
      }}
    >
      {fields.map((f) => {
        const options = offered(f, sessions);
        return (
          <Autocomplete
            key={f}
            size="xs"
            label={fieldName[f]}
            placeholder={f === 'country' ? 'Two letters, as DE' : `Any ${fieldName[f]}`}
            data={options.map((o) => o.value)}
            renderOption={({ option }) => options.find((o) => o.value === option.value)?.label ?? option.value}
            filter={({ options: all, search }) =>
              all.filter((o) => 'value' in o && `${o.value} ${options.find((x) => x.value === o.value)?.label ?? ''}`.toLowerCase().includes(search.toLowerCase()))
            }
            limit={8}
            value={draft[f] ?? ''}
            onChange={(v) => setDraft({ ...draft, [f]: f === 'country' ? v.toUpperCase().slice(0, 2) : v })}
            onOptionSubmit={(v) => apply({ ...draft, [f]: v })}
            comboboxProps={{ withinPortal: false }}
          />
        );
      })}
      <div>
        <Button type="submit">Apply</Button>
        <Button variant="default" onClick={() => apply(Object.fromEntries(fields.map((f) => [f, ''])))}>
          Clear
        </Button>
      </div>
    </form>
  );
}
