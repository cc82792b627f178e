// Package window keeps exact rolling counts, distincts, sums and first and last
// times per subject (a Session or an entity), in bounded memory that the garbage
// collector need not look into. The judge owns a Store and gives every time; the
// package reads no clock. Late entries find their place by time, and what was
// added can be taken back.
package window

import (
	"cmp"
	"math"
)

// Op is what a series keeps.
type Op uint8

// Operations. Distinct keeps each value's latest time; Sum keeps amounts in
// millionths; First and Last keep one time.
const (
	Count Op = iota
	Distinct
	Sum
	First
	Last
)

// Bounds. Past maxEntries a series forgets its oldest entries; past maxSeries or
// maxHeld the store forgets the series that were touched longest ago, until a
// tenth of the bound is free.
const (
	maxEntries = 4096       // of one series
	maxSeries  = 2_000_000  // of the store
	maxHeld    = 24_000_000 // entries of the store
)

// Key names a series: a window's number and the subject's hash or ID.
type Key struct {
	Window  int32
	Subject int64
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Subject, b.Subject))
}

// Spec says how a window's series are read and written. A window's never changes.
type Spec struct {
	Op     Op
	Within int64 // micros; 0: the life of the subject
}

func (w Spec) shape() shape {
	switch {
	case w.Op == First || w.Op == Last:
		return one
	case w.Within == 0 && w.Op != Distinct:
		return total
	case w.Op == Count:
		return times
	}
	return values
}

// Store holds all series of one partition. Not safe for concurrent use.
type Store struct {
	index map[Key]uint32 // to the slot of a series
	of    map[int32]int  // series by window
	table
	most      struct{ series, held int }
	saturated int64              // entries forgotten by maxEntries
	evicted   int64              // series forgotten by maxSeries and maxHeld
	due       map[int32][]uint32 // series to look at, by the minute in which they may have run out
	planned   int                // how many due holds
	looked    int                // series that the last Sweep looked at
	retired   bool               // there may be series of windows that are gone
	undo      undo
}

// New returns an empty Store.
func New() *Store {
	s := &Store{index: map[Key]uint32{}, of: map[int32]int{}, due: map[int32][]uint32{}}
	s.most.series, s.most.held = maxSeries, maxHeld
	return s
}

// Add notes that something was seen at t. value is a hash for Distinct and an
// amount for Sum.
func (s *Store) Add(k Key, w Spec, t, value int64) {
	at, known := s.index[k]
	if !known {
		at = s.create(k, w.shape(), t)
		if w.Within > 0 {
			s.schedule(at, plus(t, w.Within))
		}
	}
	x := s.slot(at)
	s.undo.touched(at, x)
	x.last = max(x.last, t)
	switch x.shape {
	case one:
		switch {
		case x.n == 0:
			s.insert(at, x, 0, entry{t, 0})
		case w.Op == First:
			x.a = min(x.a, t)
		default:
			x.a = max(x.a, t)
		}
	case total:
		if w.Op == Count {
			value = 1
		}
		x.a = plus(x.a, value)
	default:
		s.place(at, x, w, entry{t, value})
	}
}

// place enters what was seen in the order of time, and lets go of what the
// window or the bound of the series no longer holds.
func (s *Store) place(at uint32, x *slot, w Spec, e entry) {
	if w.Within > 0 {
		edge := x.last - w.Within
		for x.n > 0 && s.get(x, 0).T <= edge {
			s.remove(at, x, 0)
		}
		if e.T <= edge {
			return
		}
	}
	if x.shape == times {
		e.V = 0
	}
	if w.Op == Distinct {
		if i := s.find(x, e.V); i >= 0 {
			if s.get(x, i).T >= e.T {
				return
			}
			s.remove(at, x, i)
		}
	}
	i := s.after(x, e.T)
	if x.n == maxEntries {
		s.saturated++
		if i == 0 {
			return // it would be the first to go
		}
		s.remove(at, x, 0)
		i--
	}
	s.insert(at, x, i, e)
}

// plus adds without wrapping round: amounts come from outside, and a sum that
// turned negative would hide what it should show.
func plus(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}

// Get answers a series at time now: a count, a number of distinct values, a sum,
// or a time (0: never).
func (s *Store) Get(k Key, w Spec, now int64) int64 {
	at, known := s.index[k]
	if !known {
		return 0
	}
	x := s.slot(at)
	switch {
	case x.shape == total:
		return x.a
	case x.shape == one && x.n == 0:
		return 0
	case x.shape == one && w.Op == Last:
		return min(x.a, now) // a late entry does not look into the future
	case x.shape == one:
		return x.a
	}
	from := 0
	if w.Within > 0 {
		from = s.after(x, now-w.Within)
	}
	if w.Op != Sum {
		return int64(int(x.n) - from)
	}
	var sum int64
	for i := from; i < int(x.n); i++ {
		sum = plus(sum, s.get(x, i).V)
	}
	return sum
}

// With answers Get as if Add(k, w, t, value) had been called, changing nothing.
func (s *Store) With(k Key, w Spec, t, value int64) int64 {
	got := s.Get(k, w, t)
	switch w.Op {
	case Count:
		if w.Within == 0 {
			return got + 1
		}
		return min(got+1, maxEntries)
	case Sum:
		return plus(got, value)
	case Distinct:
		if at, known := s.index[k]; known {
			x := s.slot(at)
			if i := s.find(x, value); i >= 0 && (w.Within == 0 || s.get(x, i).T > t-w.Within) {
				return got
			}
		}
		return min(got+1, maxEntries)
	}
	return got // first and last speak of what came before
}

// Drop forgets every series of the windows given for one subject.
func (s *Store) Drop(windows []int32, subject int64) {
	for _, w := range windows {
		if at, known := s.index[Key{w, subject}]; known {
			s.drop(at)
		}
	}
}

// Of counts the series of a window.
func (s *Store) Of(window int32) int { return s.of[window] }

// Stats counts the store.
type Stats struct{ Series, Entries, Saturated, Evicted int64 }

// Stats returns the counts.
func (s *Store) Stats() Stats {
	return Stats{int64(len(s.index)), int64(s.held), s.saturated, s.evicted}
}
