import { IconUser } from '@tabler/icons-react';
import { columnVisibilityFeature, createColumnHelper, tableFeatures } from '@tanstack/react-table';
import { Link } from '@tanstack/react-router';
import type { Session } from '../../api/types';
import { ActionChip, LabelChips, SignatureChip } from '../../design/Chips';
import { Ago, CopyButton, None, Place, Stamp } from '../../design/parts';
import { RatingBadge } from '../../design/RatingMark';
import { count } from '../../format/number';
import { brief } from '../../format/time';
import type { Hideable, SessionsView, SortColumn } from './view';
import css from './SessionsTable.module.css';

export const features = tableFeatures({ columnVisibilityFeature });
const column = createColumnHelper<typeof features, Session>();

/** What a column can do besides showing a value. */
export interface ColumnTrait {
  sort?: SortColumn;
  filters?: (keyof Pick<SessionsView, 'country' | 'city' | 'ip' | 'label' | 'signature'>)[];
  number?: boolean;
}

export const traits: Record<string, ColumnTrait> = {
  rating: { sort: 'rating' },
  start: { sort: 'start' },
  last: { sort: 'last' },
  events: { sort: 'events', number: true },
  labels: { sort: 'labels', filters: ['label'] },
  signatures: { filters: ['signature'] },
  duration: { sort: 'duration', number: true },
  place: { filters: ['country', 'city'] },
  ip: { filters: ['ip'] },
};

export const columnName: Record<Hideable, string> = {
  last: 'Last', events: 'Events', labels: 'Labels', signatures: 'Signatures', duration: 'Duration', account: 'Account', place: 'Place', ip: 'IP', actions: 'Actions',
};

export const columns = column.columns([
  column.accessor('rating', { header: 'Rating', cell: (c) => <RatingBadge rating={c.getValue()} /> }),
  column.accessor('id', {
    header: 'Session ID',
    cell: (c) => (
      <span className={css.id}>
        <Link to="/sessions/$id" params={{ id: c.getValue() }}>
          <code>{c.getValue()}</code>
        </Link>
        <span className={css.quiet}>
          {c.row.original.spec_id && (
            <Link className={css.person} to="/spec-ids/$id" params={{ id: c.row.original.known_as || c.row.original.spec_id }} aria-label="Open its Spec ID" title={`Spec ID ${c.row.original.known_as || c.row.original.spec_id}`}>
              <IconUser size={14} stroke={1.7} />
            </Link>
          )}
          <CopyButton text={c.getValue()} what="session ID" />
        </span>
      </span>
    ),
  }),
  column.accessor('start', { header: 'Started, UTC', cell: (c) => <Stamp at={c.getValue()} /> }),
  column.accessor('last', {
    header: 'Last',
    cell: (c) => (
      <span className={css.last}>
        {c.row.original.live && <i className={css.live} title="Live" />}
        <Ago at={c.getValue()} />
      </span>
    ),
  }),
  column.accessor('events', { header: 'Events', cell: (c) => count(c.getValue()) }),
  column.accessor('labels', { header: 'Labels', cell: (c) => <LabelChips labels={c.getValue()} max={1} marks={3} /> }),
  column.accessor('signatures', {
    header: 'Signatures',
    cell: (c) => {
      const [first, ...rest] = c.getValue();
      return first ? (
        <span className={css.clip}>
          <SignatureChip signature={first} />
          {rest.length > 0 && <small title={rest.map((g) => g.title).join('\n')}>+{rest.length}</small>}
        </span>
      ) : null;
    },
  }),
  column.accessor((s) => s.duration_ms, { id: 'duration', header: 'Duration', cell: (c) => brief(c.getValue()) }),
  column.accessor('account', { header: 'Account', cell: (c) => (c.getValue() ? <span title={c.getValue()}>{c.getValue()}</span> : <None>–</None>) }),
  column.display({ id: 'place', header: 'Place', cell: (c) => <Place country={c.row.original.country} city={c.row.original.city} /> }),
  column.accessor('ip', { header: 'IP', cell: (c) => <code title={c.getValue()}>{c.getValue()}</code> }),
  column.accessor('actions', {
    header: 'Actions',
    cell: (c) => {
      const [first, ...rest] = c.getValue();
      return first ? (
        <span className={css.clip}>
          <ActionChip action={first} short />
          {rest.length > 0 && <small title={rest.map((a) => a.name).join('\n')}>+{rest.length}</small>}
        </span>
      ) : null;
    },
  }),
]);
