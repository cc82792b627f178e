package duckdb

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// sighting is an entity seen in a Session.
type sighting struct {
	entityKey
	session journey.ID
}

type entityKey struct {
	hash           int64
	element, value string
}

// span is when: first and last, micros.
type span struct{ first, last int64 }

func (s span) with(o span) span { return span{min(s.first, o.first), max(s.last, o.last)} }

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
			at := span{e.Time, e.Time}
			k := sighting{entityKey{el.Hash, el.ID, el.Value}, e.SessionID}
			if s, ok := out[k]; ok {
				at = at.with(s)
			}
			out[k] = at
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
			k := sighting{entityKey{el.FormerHash, el.ID, el.Former}, e.SessionID}
			if _, twice := seen[k]; !el.Entity || el.FormerHash == 0 || el.FormerHash == el.Hash || twice {
				continue
			}
			if out == nil {
				out = map[sighting]span{}
			}
			at := span{e.Time, e.Time}
			if s, ok := out[k]; ok {
				at = at.with(s)
			}
			out[k] = at
		}
	}
	return out
}

// withFormer adds to what was seen those former names that somebody was ever seen
// as: one is not given to those who came after it. Of maybe it is not known.
func (k *kept) withFormer(ctx context.Context, seen, former map[sighting]span, maybe []entityKey) (map[sighting]span, error) {
	if len(former) == 0 {
		return seen, nil
	}
	had := map[int64]bool{} // in this batch, from before the replacement
	for s := range seen {
		had[s.hash] = true
	}
	var asked []int64
	never := map[int64]bool{}
	for _, e := range maybe {
		if !had[e.hash] {
			asked = append(asked, e.hash)
			never[e.hash] = true
		}
	}
	stored, err := k.storedEntities(ctx, asked)
	if err != nil {
		return nil, err
	}
	out := maps.Clone(seen)
	for s, at := range former {
		if !never[s.hash] || stored[s.hash] {
			out[s] = at
		}
	}
	return out, nil
}

// putSightings widens the rows there are and adds those that are new. A row is
// widened by being written again: with all of a Session's sightings at hand that
// is one DELETE and no join.
func (k *kept) putSightings(ctx context.Context, seen map[sighting]span) error {
	if len(seen) == 0 {
		return nil
	}
	visits, err := k.visitsOf(ctx, seen)
	if err != nil {
		return err
	}
	type row struct {
		sighting
		span
	}
	var rows []row
	sessions, hashes := map[int64]bool{}, map[int64]bool{} // of those to be written again
	for s, at := range seen {
		known := visits[s.session]
		old, ok := known[s.entityKey]
		if ok && at.with(old) == old {
			continue
		}
		if ok {
			sessions[int64(s.session)], hashes[s.hash] = true, true
			at = at.with(old)
		} else {
			rows = append(rows, row{s, at})
		}
		known[s.entityKey] = at
	}
	k.visits.held += len(rows)
	if len(sessions) > 0 {
		ids, vhs := keys(sessions), keys(hashes)
		if err := exec(ctx, k.conn, fmt.Sprintf(`DELETE FROM session_entities WHERE sid >= %d AND sid IN (%s) AND vh IN (%s)`,
			ids[0], integers(ids), integers(vhs))); err != nil {
			return err
		}
		added := make(map[sighting]bool, len(rows))
		for _, r := range rows {
			added[r.sighting] = true
		}
		for _, id := range ids {
			for key, at := range visits[journey.ID(id)] {
				if s := (sighting{key, journey.ID(id)}); hashes[key.hash] && !added[s] {
					rows = append(rows, row{s, at})
				}
			}
		}
	}
	// What is asked for together lies together.
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.session, b.session), cmp.Compare(a.hash, b.hash), cmp.Compare(a.element, b.element), cmp.Compare(a.value, b.value))
	})
	add, err := k.appender("session_entities")
	if err != nil {
		return err
	}
	for _, r := range rows {
		k.newestSighted = max(k.newestSighted, int64(r.session))
		if err := add.AppendRow(r.hash, r.element, r.value, int64(r.session), micros(r.first), micros(r.last)); err != nil {
			return err
		}
	}
	return add.Flush()
}

func keys(set map[int64]bool) []int64 {
	out := make([]int64, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// visit is all that was sighted in a Session, as the table has it.
type visit map[entityKey]span

// visitsOf returns the visits of the Sessions seen, read from the table where
// they are neither new nor remembered.
func (k *kept) visitsOf(ctx context.Context, seen map[sighting]span) (map[journey.ID]visit, error) {
	out := map[journey.ID]visit{}
	old := map[int64]bool{}
	for s := range seen {
		if out[s.session] != nil {
			continue
		}
		v := k.visits.get(s.session)
		if v == nil {
			v = visit{}
			if id := int64(s.session); id <= k.newestSighted {
				old[id] = true
			}
		}
		out[s.session] = v
	}
	if len(old) > 0 {
		ids := keys(old)
		err := each(ctx, k.conn, fmt.Sprintf(`SELECT sid, vh, element, value, epoch_us(first), epoch_us(last) FROM session_entities
			WHERE sid >= %d AND sid IN (%s)`, ids[0], integers(ids)), func(row []driver.Value) error {
			sid, sidOK := row[0].(int64)
			vh, vhOK := row[1].(int64)
			element, elementOK := row[2].(string)
			value, valueOK := row[3].(string)
			first, firstOK := row[4].(int64)
			last, lastOK := row[5].(int64)
			if !sidOK || !vhOK || !elementOK || !valueOK || !firstOK || !lastOK {
				return fmt.Errorf("a sighting reads %v", row)
			}
			out[journey.ID(sid)][entityKey{vh, element, value}] = span{first, last}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for id, v := range out {
		k.visits.put(id, v)
	}
	return out, nil
}

// visits remembers those of lately active Sessions. Two generations bound it.
type visits struct {
	young, old map[journey.ID]visit
	held       int // sightings in young, about
}

func newVisits() visits { return visits{young: map[journey.ID]visit{}, old: map[journey.ID]visit{}} }

func (v *visits) get(id journey.ID) visit {
	if at := v.young[id]; at != nil {
		return at
	}
	return v.old[id]
}

func (v *visits) put(id journey.ID, at visit) {
	if v.young[id] != nil {
		return
	}
	if v.held > knownGeneration {
		v.old, v.young, v.held = v.young, map[journey.ID]visit{}, 0
	}
	v.young[id] = at
	v.held += len(at) + 1
}

// putEntities adds those of the entities given that are not in the table yet.
func (k *kept) putEntities(ctx context.Context, fresh []entityKey, seen map[sighting]span) error {
	if len(fresh) == 0 {
		return nil
	}
	firsts := map[int64]int64{}
	for s, at := range seen {
		if old, ok := firsts[s.hash]; !ok || at.first < old {
			firsts[s.hash] = at.first
		}
	}
	hashes := make([]int64, len(fresh))
	for i := range fresh {
		hashes[i] = fresh[i].hash
	}
	stored, err := k.storedEntities(ctx, hashes)
	if err != nil {
		return err
	}
	add, err := k.appender("entities")
	if err != nil {
		return err
	}
	for _, e := range fresh {
		if stored[e.hash] {
			continue
		}
		stored[e.hash] = true
		if err := add.AppendRow(e.hash, e.element, e.value, micros(firsts[e.hash])); err != nil {
			return err
		}
	}
	return add.Flush()
}

// storedEntities tells which of the hashes are in the table. By the hash alone,
// for this looks through the whole table: it names an entity in 63 bits, and
// comparing the text of all took eight times as long.
func (k *kept) storedEntities(ctx context.Context, hashes []int64) (map[int64]bool, error) {
	stored := map[int64]bool{}
	if len(hashes) == 0 {
		return stored, nil
	}
	return stored, each(ctx, k.conn, `SELECT vh FROM entities WHERE vh IN (`+integers(hashes)+`)`, func(row []driver.Value) error {
		vh, ok := row[0].(int64)
		if !ok {
			return fmt.Errorf("an entity reads %v", row)
		}
		stored[vh] = true
		return nil
	})
}

// knownEntities remembers entities that certainly are in the table, so that it
// is only searched for others. Two generations bound it.
type knownEntities struct {
	young, old map[entityKey]struct{}
}

const knownGeneration = 50_000

func newKnownEntities() *knownEntities {
	return &knownEntities{young: map[entityKey]struct{}{}, old: map[entityKey]struct{}{}}
}

// unknown lists each entity once that it doesn't remember.
func (k *knownEntities) unknown(seen map[sighting]span) []entityKey {
	var out []entityKey
	listed := map[entityKey]bool{}
	for s := range seen {
		key := s.entityKey
		if _, ok := k.young[key]; ok || listed[key] {
			continue
		}
		if _, ok := k.old[key]; ok {
			k.young[key] = struct{}{}
			continue
		}
		listed[key] = true
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
