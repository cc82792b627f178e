package identity

import (
	"maps"
	"slices"
)

// What was seen together is bound: by the Session that brought both, by the one
// place in which each entry names what it was attached by, and where that is taken
// by an extra bond.

// near tells whether two entries are bound directly: by one Session that brought
// both, or since one was attached by the other.
func (x *Index) near(a, b ref) bool {
	p, q := x.at(a), x.at(b)
	return p.leaf == q.leaf || p.parent.is(b) || q.parent.is(a)
}

// bind keeps that two entries were seen together, so that it is not lost when what
// else binds them turns out to be shared.
func (x *Index) bind(a, b ref) {
	if a == b || x.near(a, b) {
		return
	}
	if x.at(a).parent.is(0) {
		x.edit(a).parent = pack(b)
		return
	}
	if x.at(b).parent.is(0) {
		x.edit(b).parent = pack(a)
		return
	}
	// An account is surer than what a Session was known by, which is not lost where
	// it is bound to the account itself.
	if p := x.at(a).parent.unpack(); x.at(b).kind() == account && x.at(p).kind() != account && x.near(p, b) {
		x.edit(a).parent = pack(b)
		return
	}
	if !x.nearly(a, b) {
		x.addExtra(a, b)
	}
}

// nearly tells whether two entries are bound by the one that either hangs on. That
// is enough where neither has room: should that one turn out to be shared, they are
// joined again when they are next seen together.
func (x *Index) nearly(a, b ref) bool {
	p, q := x.at(a).parent.unpack(), x.at(b).parent.unpack()
	return p == q || x.near(p, b) || x.near(q, a)
}

// bonds are those that no entry has room for, of each entry the least in one and
// the others, in order, in more. Lists are never changed in place.
type bonds struct {
	one  map[ref]ref
	more map[ref][]ref
}

// maxExtras bounds them.
const maxExtras = 1 << 18

// of returns what an entry is bound to, in order.
func (b *bonds) of(r ref) []ref {
	first, ok := b.one[r]
	if !ok {
		return nil
	}
	return append([]ref{first}, b.more[r]...)
}

func (b *bonds) has(r, to ref) bool {
	return b.one[r] == to || slices.Contains(b.more[r], to)
}

// put gives an entry the bonds of a list that is in order.
func (b *bonds) put(r ref, list []ref) {
	delete(b.one, r)
	delete(b.more, r)
	if len(list) > 0 {
		b.one[r] = list[0]
	}
	if len(list) > 1 {
		b.more[r] = slices.Clone(list[1:])
	}
}

// entries returns those that have bonds, in order.
func (b *bonds) entries() []ref { return slices.Sorted(maps.Keys(b.one)) }

func (x *Index) addExtra(a, b ref) {
	if x.extra.has(a, b) {
		return
	}
	if x.nums[extras] >= maxExtras {
		x.set(dropped, x.nums[dropped]+1)
		return
	}
	x.set(extras, x.nums[extras]+1)
	x.setExtra(a, b, true)
	x.setExtra(b, a, true)
}

func (x *Index) removeExtra(a, b ref) {
	x.set(extras, x.nums[extras]-1)
	x.setExtra(a, b, false)
	x.setExtra(b, a, false)
}

// setExtra changes one direction of a bond.
func (x *Index) setExtra(a, b ref, there bool) {
	list, old := x.extra.of(a), int64(0)
	if at, known := slices.BinarySearch(list, b); there && !known {
		list = slices.Insert(list, at, b)
	} else if !there && known {
		list, old = slices.Delete(list, at, at+1), 1
	}
	x.extra.put(a, list)
	x.note(step{what: didExtra, ref: a, n: uint32(b), old: old})
}

func (x *Index) takeBackExtra(s *step) {
	on := x.undo.on
	x.undo.on = false
	x.setExtra(s.ref, ref(s.n), s.old == 1)
	x.undo.on = on
}
