package identity

import "github.com/throughline/throughline/internal/journey"

// Live are the Sessions that live, as their owner knows them.
type Live interface {
	// SpecOf returns as whose a Session is known; 0 when it does not live.
	SpecOf(session journey.ID) journey.ID
	// Holder returns the Session that a key belongs to, and all of its keys.
	Holder(key uint64) (session journey.ID, keys []journey.Key)
}

// Move says that a live Session is another user's than it was known as.
type Move struct{ Session, SpecID journey.ID }

// Moves tells which live Sessions the splits since Begin move. A Session that was
// known as one of those who are told apart goes with what it brought, or else with
// the part that all it carries belongs to. Of Sessions that have ended the changes
// tell the former: each names a Session that brought something, and whose that is.
func (x *Index) Moves(live Live) (out []Move) {
	brought := map[journey.ID]bool{}
	add := func(session, to journey.ID) {
		if to = x.Current(to); to != live.SpecOf(session) {
			out = append(out, Move{session, to})
		}
	}
	for _, c := range x.changes {
		if c.Kind == journey.SpecSplit && !brought[c.From] {
			brought[c.From] = true
			if live.SpecOf(c.From) != 0 {
				add(c.From, c.From)
			}
		}
	}
	parts := map[journey.ID]bool{}
	for _, c := range x.changes {
		part := x.leaves.Find(uint64(c.Into))
		if c.Kind != journey.SpecSplit || parts[c.Into] || part == 0 {
			continue
		}
		parts[c.Into] = true
		done := map[journey.ID]bool{}
		x.members(part, func(m ref) bool {
			if x.at(m).kind() >= account {
				return true
			}
			if id, keys := live.Holder(x.at(m).hash); id != 0 && !done[id] && !brought[id] {
				done[id] = true
				if of := x.whose(keys); brought[live.SpecOf(id)] && of == x.idOf(part) {
					add(id, of)
				}
			}
			return true
		})
	}
	return out
}

// whose tells whose all of a Session's keys are that say whose they are; 0 when they
// don't agree.
func (x *Index) whose(keys []journey.Key) (spec journey.ID) {
	for _, k := range keys {
		r := x.keys.Find(k.Hash)
		if k.Hash == 0 || r == 0 || x.at(r).kind() >= account || x.at(r).shared() {
			continue
		}
		if id := x.idOf(r); spec == 0 {
			spec = id
		} else if spec != id {
			return 0
		}
	}
	return spec
}
