package session

// slab holds values that have no pointers in pages that never move, so that the
// garbage collector does not look into them and a pointer to one stays good. Slot 0
// is nobody's.
type slab[T any] struct {
	pages []*[slabPage]T
	used  uint32
	free  []uint32
}

const slabPage = 512

func (s *slab[T]) at(i uint32) *T { return &s.pages[i/slabPage][i%slabPage] }

// take gives a slot, whose content is left over.
func (s *slab[T]) take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	s.used++
	if int(s.used/slabPage) == len(s.pages) {
		s.pages = append(s.pages, new([slabPage]T))
	}
	return s.used
}

func (s *slab[T]) give(i uint32) { s.free = append(s.free, i) }

// ring is a place in a circular list of Entries.
type ring struct{ prev, next uint32 }

// The rings an Entry is in.
const (
	ringSeen  = iota // those last seen within the same second
	ringBegun        // those begun within the same second
	ringPlace        // those at the same place, the last to come first
)

// join puts an Entry at the end of a ring and returns the ring's first.
func (t *Table) join(which int, first, at uint32) uint32 {
	e := t.entries.at(at)
	if first == 0 {
		t.linking(which, at)
		e.rings[which] = ring{at, at}
		return at
	}
	last := t.entries.at(first).rings[which].prev
	t.linking(which, at)
	t.linking(which, last)
	t.linking(which, first)
	e.rings[which] = ring{last, first}
	t.entries.at(last).rings[which].next = at
	t.entries.at(first).rings[which].prev = at
	return first
}

// part takes an Entry out of its ring and returns the ring's first, 0 when nobody
// is left.
func (t *Table) part(which int, first, at uint32) uint32 {
	r := t.entries.at(at).rings[which]
	if r.next == at {
		return 0
	}
	t.linking(which, r.prev)
	t.linking(which, r.next)
	t.entries.at(r.prev).rings[which].next = r.next
	t.entries.at(r.next).rings[which].prev = r.prev
	if first == at {
		return r.next
	}
	return first
}
