package identity

import "slices"

// generations is a bounded memory of what was used lately: two maps, of which the
// older is dropped whole when the younger is full or old. What is used in time
// moves to the younger. A value is never changed in place.
type generations[V any] struct {
	young, old map[uint64]V
	since      uint16 // the day the younger was begun
	limit      int    // of each
	days       uint16 // of each
	lost       int64

	steps []generation[V]
}

// generation is one step to take back.
type generation[V any] struct {
	key    uint64
	had    bool
	was    V
	turned bool // the maps were changed, from these
	before *generations[V]
}

func newGenerations[V any](limit int, days uint16) generations[V] {
	return generations[V]{young: map[uint64]V{}, old: map[uint64]V{}, limit: limit, days: days}
}

func (g *generations[V]) get(key uint64) (V, bool) {
	v, ok := g.young[key]
	if !ok {
		v, ok = g.old[key]
	}
	return v, ok
}

func (g *generations[V]) put(key uint64, v V, day uint16, x *Index, what did) {
	if len(g.young) == 0 && len(g.old) == 0 {
		g.turnTo(map[uint64]V{}, day, x, what)
	}
	_, known := g.young[key]
	if len(g.young) >= g.limit && !known || day >= g.since+g.days && day > g.since {
		g.turnTo(g.young, day, x, what)
	}
	if x.undo.on {
		was, had := g.young[key]
		g.steps = append(g.steps, generation[V]{key: key, had: had, was: was})
		x.note(step{what: what})
	}
	g.young[key] = v
}

// age drops what is too old. It can't be taken back.
func (g *generations[V]) age(day uint16) {
	if len(g.young)+len(g.old) == 0 || day < g.since || day-g.since < g.days {
		return
	}
	if g.old = g.young; day-g.since >= 2*g.days {
		g.old = map[uint64]V{}
	}
	g.young, g.since = map[uint64]V{}, day
}

// turnTo begins a younger map, and has another for the older.
func (g *generations[V]) turnTo(old map[uint64]V, day uint16, x *Index, what did) {
	if x.undo.on {
		before := &generations[V]{young: g.young, old: g.old, since: g.since, lost: g.lost}
		g.steps = append(g.steps, generation[V]{turned: true, before: before})
		x.note(step{what: what})
	}
	if len(g.young) >= g.limit {
		g.lost += int64(len(g.old)) // not for their age: for want of room
	}
	g.old, g.young, g.since = old, map[uint64]V{}, day
}

func (g *generations[V]) takeBack() {
	s := g.steps[len(g.steps)-1]
	g.steps = g.steps[:len(g.steps)-1]
	if s.turned {
		g.young, g.old, g.since, g.lost = s.before.young, s.before.old, s.before.since, s.before.lost
		return
	}
	if delete(g.young, s.key); s.had {
		g.young[s.key] = s.was
	}
}

func (g *generations[V]) settle() {
	clear(g.steps)
	if g.steps = g.steps[:0]; cap(g.steps) > keepSteps {
		g.steps = nil
	}
}

// sorted returns the numbers of a map in order.
func sorted[V any](m map[uint64]V) []uint64 {
	out := make([]uint64, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
