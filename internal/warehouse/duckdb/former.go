package duckdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// formerly collects, while the key of keyed hashes is being replaced, the same
// entities as the former key names them: who was seen before is linked to the
// Sessions that come after.
func formerly(events []journey.Event, seen map[sighting]span) map[sighting]span {
	var out map[sighting]span
	for i := range events {
		e := &events[i]
		for j := range e.Elements {
			el := &e.Elements[j]
			s := sighting{entityKey{el.FormerHash, el.ID, el.Former}, e.SessionID}
			if _, twice := seen[s]; !el.Entity || el.FormerHash == 0 || el.FormerHash == el.Hash || twice {
				continue
			}
			if out == nil {
				out = map[sighting]span{}
			}
			at := span{e.Time, e.Time}
			if old, ok := out[s]; ok {
				at = at.with(old)
			}
			out[s] = at
		}
	}
	return out
}

// withFormer adds the former names to the sightings, except what nobody was ever
// seen as: a former name is not given to those who came after it.
func (k *kept) withFormer(ctx context.Context, seen, former map[sighting]span) (map[sighting]span, error) {
	if len(former) == 0 {
		return seen, nil
	}
	known, asked := map[int64]bool{}, map[int64]bool{}
	for s := range seen {
		known[s.hash] = true // of this batch, from before the replacement
	}
	for s := range former {
		if !known[s.hash] {
			asked[s.hash] = true
		}
	}
	if len(asked) > 0 {
		err := each(ctx, k.conn, `SELECT vh FROM entities WHERE vh IN (`+integers(slices.Sorted(maps.Keys(asked)))+`)`, func(row []driver.Value) error {
			vh, ok := row[0].(int64)
			if !ok {
				return fmt.Errorf("an entity reads %v", row)
			}
			known[vh] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	all := maps.Clone(seen)
	for s, at := range former {
		if known[s.hash] {
			all[s] = at
		}
	}
	return all, nil
}
