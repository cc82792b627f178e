package duckdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// Position implements warehouse.Store.
func (d *DB) Position(ctx context.Context, partition int) (uint64, error) {
	d.write.Lock() // the writer's connection
	defer d.write.Unlock()
	var seq int64
	err := d.with(func(h *handles) (err error) {
		seq, err = position(ctx, h.w, partition)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("duckdb: position: %w", err)
	}
	return uint64(seq), nil
}

// Apply implements warehouse.Store.
func (d *DB) Apply(ctx context.Context, partition int, from, to uint64, b warehouse.Batch) error {
	if from == 0 || to < from || len(b.Events) != len(b.Sequences) {
		return fmt.Errorf("duckdb: apply: batch of %d to %d with %d events and %d sequences", from, to, len(b.Events), len(b.Sequences))
	}
	d.write.Lock()
	defer d.write.Unlock()
	err := d.with(func(h *handles) error {
		if err := d.rest(ctx, h); err != nil {
			return err
		}
		return d.apply(ctx, h, partition, from, to, b)
	})
	if err != nil {
		return fmt.Errorf("duckdb: apply %d to %d of partition %d: %w", from, to, partition, err)
	}
	return nil
}

func (d *DB) apply(ctx context.Context, h *handles, partition int, from, to uint64, b warehouse.Batch) error {
	k, err := h.keep(ctx, d.opts.GiveWay)
	if err != nil {
		return err
	}
	at, err := k.position(ctx, partition)
	if err != nil {
		return err
	}
	if to <= uint64(at) {
		return nil // applied before
	}
	if from != uint64(at)+1 {
		return fmt.Errorf("%w: the position is %d", warehouse.ErrOrder, at)
	}
	seen := gather(b.Events)
	former := formerly(b.Events, seen)
	fresh, maybe := d.known.unknown(seen), d.known.unknown(former)
	err = k.transaction(ctx, func() error {
		if err := k.appendEvents(partition, b); err != nil {
			return fmt.Errorf("events: %w", err)
		}
		if err := k.appendChanges(partition, b.Changes); err != nil {
			return fmt.Errorf("spec changes: %w", err)
		}
		if err := k.moveSessions(ctx, b.Changes); err != nil { // those stored before
			return fmt.Errorf("sessions of spec changes: %w", err)
		}
		if err := k.putSessions(ctx, b.Sessions); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
		if err := k.appendLinks(b.Links); err != nil {
			return fmt.Errorf("actor links: %w", err)
		}
		seen, err := k.withFormer(ctx, seen, former, maybe)
		if err != nil {
			return fmt.Errorf("former names: %w", err)
		}
		if err := k.putSightings(ctx, seen); err != nil {
			return fmt.Errorf("sightings: %w", err)
		}
		if err := k.putEntities(ctx, fresh, seen); err != nil {
			return fmt.Errorf("entities: %w", err)
		}
		if err := k.setPosition(ctx, partition, int64(to)); err != nil {
			return fmt.Errorf("position: %w", err)
		}
		if d.fault != nil {
			return d.fault()
		}
		return nil
	})
	if err != nil {
		h.kept = nil // what it remembers may not be so
		return err
	}
	d.known.add(fresh)
	return nil
}

// appendEvents adds the Events in time order, so that a range of time is a range
// of rows.
func (k *kept) appendEvents(partition int, b warehouse.Batch) error {
	if len(b.Events) == 0 {
		return nil
	}
	order := make([]int, len(b.Events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(b.Events[x].Time, b.Events[y].Time) })
	add, err := k.appender("events")
	if err != nil {
		return err
	}
	for _, i := range order {
		row, err := k.rows.event(&b.Events[i], partition, b.Sequences[i])
		if err != nil {
			return err
		}
		if err := add.AppendRow(row...); err != nil {
			return err
		}
	}
	return add.Flush()
}

// putSessions replaces the rows of the Sessions given. The last state of each
// counts.
func (k *kept) putSessions(ctx context.Context, sessions []journey.Session) error {
	if len(sessions) == 0 {
		return nil
	}
	last := make(map[journey.ID]int, len(sessions))
	var stored []int64
	for i := range sessions {
		id := sessions[i].ID
		if _, again := last[id]; !again && int64(id) <= k.newestSession {
			stored = append(stored, int64(id))
		}
		last[id] = i
	}
	if len(stored) > 0 {
		// IDs begin with their time: older rows needn't be looked at.
		if err := exec(ctx, k.conn, fmt.Sprintf(`DELETE FROM sessions WHERE sid >= %d AND sid IN (%s)`, slices.Min(stored), integers(stored))); err != nil {
			return err
		}
	}
	add, err := k.appender("sessions")
	if err != nil {
		return err
	}
	for i := range sessions {
		if last[sessions[i].ID] != i {
			continue
		}
		k.newestSession = max(k.newestSession, int64(sessions[i].ID))
		row, err := sessionRow(&sessions[i])
		if err != nil {
			return err
		}
		if err := add.AppendRow(row...); err != nil {
			return err
		}
	}
	return add.Flush()
}
