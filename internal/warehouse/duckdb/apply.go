package duckdb

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

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

func position(ctx context.Context, c driver.Conn, partition int) (int64, error) {
	return queryInt(ctx, c, `SELECT coalesce(max(seq), 0)::BIGINT FROM positions WHERE part = $1`, int64(partition))
}

// Apply implements warehouse.Store.
func (d *DB) Apply(ctx context.Context, partition int, from, to uint64, b warehouse.Batch) error {
	if from == 0 || to < from || len(b.Events) != len(b.Sequences) {
		return fmt.Errorf("duckdb: apply: batch of %d to %d with %d events and %d sequences", from, to, len(b.Events), len(b.Sequences))
	}
	d.write.Lock()
	defer d.write.Unlock()
	err := d.with(func(h *handles) error {
		return d.apply(ctx, h.w, partition, from, to, b)
	})
	if err != nil {
		return fmt.Errorf("duckdb: apply %d to %d of partition %d: %w", from, to, partition, err)
	}
	return nil
}

func (d *DB) apply(ctx context.Context, c driver.Conn, partition int, from, to uint64, b warehouse.Batch) error {
	at, err := position(ctx, c, partition)
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
	fresh := d.known.unknown(seen)
	err = transaction(ctx, c, func() error {
		if err := appendEvents(c, partition, b); err != nil {
			return fmt.Errorf("events: %w", err)
		}
		if err := putSessions(ctx, c, b.Sessions); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
		if err := putEntities(ctx, c, seen, former, len(fresh) > 0); err != nil {
			return fmt.Errorf("entities: %w", err)
		}
		if err := setPosition(ctx, c, partition, to); err != nil {
			return fmt.Errorf("position: %w", err)
		}
		if d.fault != nil {
			return d.fault()
		}
		return nil
	})
	if err == nil {
		d.known.add(fresh)
	}
	return err
}

func setPosition(ctx context.Context, c driver.Conn, partition int, to uint64) error {
	n, err := execN(ctx, c, `UPDATE positions SET seq = $1 WHERE part = $2`, int64(to), int64(partition))
	if err != nil || n > 0 {
		return err
	}
	return exec(ctx, c, `INSERT INTO positions VALUES ($1, $2)`, int64(partition), int64(to))
}

// bulk appends rows to a table: fill is given a function that takes a row.
func bulk(c driver.Conn, catalog, table string, fill func(add func(...driver.Value) error) error) error {
	a, err := duckdb.NewAppender(c, catalog, "", table)
	if err != nil {
		return err
	}
	if err := fill(a.AppendRow); err != nil {
		_ = a.Close()
		return err
	}
	return a.Close()
}

// appendEvents adds the Events in time order, so that a range of time is a range
// of rows.
func appendEvents(c driver.Conn, partition int, b warehouse.Batch) error {
	if len(b.Events) == 0 {
		return nil
	}
	order := make([]int, len(b.Events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(b.Events[x].Time, b.Events[y].Time) })
	rows := newCodec()
	return bulk(c, "", "events", func(add func(...driver.Value) error) error {
		for _, i := range order {
			row, err := rows.event(&b.Events[i], partition, b.Sequences[i])
			if err != nil {
				return err
			}
			if err := add(row...); err != nil {
				return err
			}
		}
		return nil
	})
}

// putSessions replaces the rows of the Sessions given. The last state of each
// counts.
func putSessions(ctx context.Context, c driver.Conn, sessions []journey.Session) error {
	if len(sessions) == 0 {
		return nil
	}
	last := make(map[journey.ID]int, len(sessions))
	for i := range sessions {
		last[sessions[i].ID] = i
	}
	if err := exec(ctx, c, `DELETE FROM stage_sessions`); err != nil {
		return err
	}
	least := sessions[0].ID
	err := bulk(c, "temp", "stage_sessions", func(add func(...driver.Value) error) error {
		for i := range sessions {
			if last[sessions[i].ID] != i {
				continue
			}
			least = min(least, sessions[i].ID)
			row, err := sessionRow(&sessions[i])
			if err != nil {
				return err
			}
			if err := add(row...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// IDs begin with their time: older rows needn't be looked at.
	if err := exec(ctx, c, `DELETE FROM sessions WHERE sid >= $1 AND sid IN (SELECT sid FROM stage_sessions)`, int64(least)); err != nil {
		return err
	}
	return exec(ctx, c, `INSERT INTO sessions SELECT * FROM stage_sessions`)
}

// sighting is an entity seen in a Session.
type sighting struct {
	hash           int64
	element, value string
	session        journey.ID
}

// span is when: first and last, micros.
type span struct{ first, last int64 }

// gather collects the entities of a batch, one for each Session.
func gather(events []journey.Event) map[sighting]span {
	out := map[sighting]span{}
	for i := range events {
		e := &events[i]
		for j := range e.Elements {
			el := &e.Elements[j]
			if !el.Entity || el.Hash == 0 || el.Value == "" {
				continue
			}
			k := sighting{el.Hash, el.ID, el.Value, e.SessionID}
			s, ok := out[k]
			if !ok {
				s = span{e.Time, e.Time}
			}
			out[k] = span{min(s.first, e.Time), max(s.last, e.Time)}
		}
	}
	return out
}

// formerly collects, while the key of keyed hashes is being replaced, the same
// entities as the former key names them: who was seen before is linked to the
// Sessions that come after.
func formerly(events []journey.Event, seen map[sighting]span) map[sighting]span {
	var out map[sighting]span
	for i := range events {
		e := &events[i]
		for j := range e.Elements {
			el := &e.Elements[j]
			k := sighting{el.FormerHash, el.ID, el.Former, e.SessionID}
			if _, twice := seen[k]; !el.Entity || el.FormerHash == 0 || el.FormerHash == el.Hash || twice {
				continue
			}
			if out == nil {
				out = map[sighting]span{}
			}
			s, ok := out[k]
			if !ok {
				s = span{e.Time, e.Time}
			}
			out[k] = span{min(s.first, e.Time), max(s.last, e.Time)}
		}
	}
	return out
}

// dropUnknown takes off what nobody was ever seen as: a former name is not given
// to those who came after it.
func dropUnknown(ctx context.Context, c driver.Conn, seen, former map[sighting]span) error {
	if len(former) == 0 {
		return nil
	}
	own := map[int64]bool{} // of this batch, from before the replacement
	for k := range seen {
		own[k.hash] = true
	}
	var names []string
	for k := range former {
		if !own[k.hash] {
			names = append(names, strconv.FormatInt(k.hash, 10))
		}
	}
	if len(names) == 0 {
		return nil
	}
	list := strings.Join(names, ", ")
	return exec(ctx, c, `DELETE FROM stage_entities WHERE vh IN (`+list+`) AND vh NOT IN (SELECT vh FROM entities WHERE vh IN (`+list+`))`)
}

// putEntities widens the rows there are and adds those that are new. fresh says
// that some entity may never have been seen before.
func putEntities(ctx context.Context, c driver.Conn, seen, former map[sighting]span, fresh bool) error {
	if len(seen) == 0 {
		return nil
	}
	if err := exec(ctx, c, `DELETE FROM stage_entities`); err != nil {
		return err
	}
	least := int64(1<<63 - 1)
	err := bulk(c, "temp", "stage_entities", func(add func(...driver.Value) error) error {
		for _, some := range []map[sighting]span{seen, former} {
			for k, s := range some {
				least = min(least, int64(k.session))
				if err := add(k.hash, k.element, k.value, int64(k.session), micros(s.first), micros(s.last)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := dropUnknown(ctx, c, seen, former); err != nil {
		return err
	}
	if err := exec(ctx, c, `UPDATE session_entities AS e SET first = least(e.first, t.first), last = greatest(e.last, t.last)
		FROM stage_entities t WHERE e.sid >= $1 AND e.sid = t.sid AND e.vh = t.vh AND e.element = t.element AND e.value = t.value`, least); err != nil {
		return err
	}
	if err := exec(ctx, c, `INSERT INTO session_entities SELECT t.* FROM stage_entities t WHERE NOT EXISTS
		(SELECT 1 FROM session_entities e WHERE e.sid >= $1 AND e.sid = t.sid AND e.vh = t.vh AND e.element = t.element AND e.value = t.value)
		ORDER BY t.sid`, least); err != nil {
		return err
	}
	if !fresh {
		return nil
	}
	// By the hash alone, for this looks through the whole table: it names an
	// entity in 63 bits, and comparing the text of all took eight times as long.
	return exec(ctx, c, `INSERT INTO entities SELECT t.vh, any_value(t.element), any_value(t.value), min(t.first) FROM stage_entities t
		WHERE t.vh NOT IN (SELECT e.vh FROM entities e WHERE e.vh IN (SELECT vh FROM stage_entities)) GROUP BY 1`)
}

// knownEntities remembers entities that certainly are in the table, so that it
// is only searched for others. Two generations bound it.
type knownEntities struct {
	young, old map[entityKey]struct{}
}

type entityKey struct {
	hash           int64
	element, value string
}

const knownGeneration = 50_000

func newKnownEntities() *knownEntities {
	return &knownEntities{young: map[entityKey]struct{}{}, old: map[entityKey]struct{}{}}
}

func (k *knownEntities) unknown(seen map[sighting]span) []entityKey {
	var out []entityKey
	for s := range seen {
		key := entityKey{s.hash, s.element, s.value}
		if _, ok := k.young[key]; ok {
			continue
		}
		if _, ok := k.old[key]; ok {
			k.young[key] = struct{}{}
			continue
		}
		out = append(out, key)
	}
	return out
}

func (k *knownEntities) add(keys []entityKey) {
	for _, key := range keys {
		k.young[key] = struct{}{}
	}
	if len(k.young) > knownGeneration {
		k.young, k.old = map[entityKey]struct{}{}, k.young
	}
}
