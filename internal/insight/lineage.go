package insight

import (
	"context"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// Bounds of following changes. Identity's own caps stay far below them.
const (
	maxChain = 64    // changes from one Spec ID to who it is by now
	maxKin   = 2_000 // Spec IDs known as one
)

// KnownAs says of Spec IDs as which other they are known by now. Those that never
// changed are not in it.
type KnownAs map[journey.ID]journey.ID

// Of returns who an ID is by now: itself unless something else is known.
func (k KnownAs) Of(id journey.ID) journey.ID {
	if now, ok := k[id]; ok {
		return now
	}
	return id
}

// Lineage is a Spec ID and all that are known as the same.
type Lineage struct {
	Asked journey.ID
	Now   journey.ID   // who it is known as
	IDs   []journey.ID // all that are known as Now, which is among them; oldest first
	Cut   bool         // there are more
}

// knownAs concludes who each of the IDs is by now: of several changes of one the
// latest holds, and chains are followed.
func (s *Service) knownAs(ctx context.Context, ids []journey.ID) (KnownAs, error) {
	latest := map[journey.ID]journey.ID{}
	asked := map[journey.ID]bool{0: true}
	frontier := fresh(asked, ids)
	for range maxChain {
		if len(frontier) == 0 {
			break
		}
		changes, err := s.Registry.ChangesOf(ctx, frontier)
		if err != nil {
			return nil, fmt.Errorf("known as: %w", err)
		}
		var next []journey.ID
		for _, c := range changes {
			latest[c.From] = c.Into
		}
		for _, id := range frontier {
			if into, ok := latest[id]; ok {
				next = append(next, into)
			}
		}
		frontier = fresh(asked, next)
	}
	out := KnownAs{}
	for _, id := range ids {
		if now := follow(latest, id); now != id {
			out[id] = now
		}
	}
	return out, nil
}

// fresh lists, once each, the IDs that were not asked yet, and marks them.
func fresh(asked map[journey.ID]bool, ids []journey.ID) (out []journey.ID) {
	for _, id := range ids {
		if !asked[id] {
			asked[id] = true
			out = append(out, id)
		}
	}
	return out
}

// follow goes from change to change. A ring, which nothing should make, stands for
// its oldest.
func follow(latest map[journey.ID]journey.ID, id journey.ID) journey.ID {
	path := []journey.ID{id}
	for range maxChain {
		into, changed := latest[id]
		if !changed || into == id {
			return id
		}
		if at := slices.Index(path, into); at >= 0 {
			return slices.Min(path[at:])
		}
		id = into
		path = append(path, id)
	}
	return id
}

// lineage finds all that are known as the one an ID is known as.
func (s *Service) lineage(ctx context.Context, id journey.ID) (Lineage, error) {
	all, err := s.lineages(ctx, []journey.ID{id})
	if err != nil {
		return Lineage{}, err
	}
	return all[0], nil
}

// lineages does so for several at once, in the order asked.
func (s *Service) lineages(ctx context.Context, ids []journey.ID) ([]Lineage, error) {
	now, err := s.knownAs(ctx, ids)
	if err != nil {
		return nil, err
	}
	kin := map[journey.ID][]journey.ID{} // by who they are now
	root := map[journey.ID]journey.ID{}
	cut := map[journey.ID]bool{}
	var frontier []journey.ID
	for _, id := range ids {
		r := now.Of(id)
		if _, twice := root[r]; twice {
			continue
		}
		root[r], kin[r] = r, []journey.ID{r}
		frontier = append(frontier, r)
	}
	for depth := 0; len(frontier) > 0; depth++ {
		var changes []journey.SpecChange
		for some := range slices.Chunk(frontier, warehouse.MaxSpecIDs) {
			more, err := s.Registry.ChangesTo(ctx, some)
			if err != nil {
				return nil, fmt.Errorf("lineage: %w", err)
			}
			changes = append(changes, more...)
		}
		latest := map[journey.ID]journey.ID{}
		var order []journey.ID
		for _, c := range changes {
			if _, again := latest[c.From]; !again {
				order = append(order, c.From)
			}
			latest[c.From] = c.Into
		}
		held := map[journey.ID]bool{}
		for _, id := range frontier {
			held[id] = true
		}
		frontier = nil
		for _, id := range order {
			r, ok := root[latest[id]]
			if _, known := root[id]; known || !ok || !held[latest[id]] {
				continue
			}
			if len(kin[r]) == maxKin || depth == maxChain {
				cut[r] = true
				continue
			}
			root[id], kin[r] = r, append(kin[r], id)
			frontier = append(frontier, id)
		}
	}
	out := make([]Lineage, len(ids))
	for i, id := range ids {
		r := now.Of(id)
		out[i] = Lineage{Asked: id, Now: r, IDs: slices.Sorted(slices.Values(kin[r])), Cut: cut[r]}
	}
	return out, nil
}
