// Package window keeps exact rolling counts, distincts, sums and first and last
// times per subject (a Session or an entity), in bounded memory. The judge owns a
// Store and gives every time; the package reads no clock. Late entries find their
// place by time.
package window

import (
	"cmp"
	"math"
	"slices"
	"sort"
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

// Bounds. Past maxEntries a series forgets its oldest entries; past maxSeries
// the store forgets the tenth of its series that were touched longest ago.
const (
	maxEntries = 4096
	maxSeries  = 2_000_000
)

// Key names a series: a window's number and the subject's hash or ID.
type Key struct {
	Window  int32
	Subject int64
}

// entry is one thing seen: its time (micros) and, by Op, a value hash or amount.
type entry struct {
	T int64 `json:"t"`
	V int64 `json:"v,omitempty"`
}

type series struct {
	entries []entry // by time
	total   int64   // of a Count or Sum without limit
	last    int64   // latest time touched
}

// Store holds all series of one partition. Not safe for concurrent use.
type Store struct {
	series    map[Key]*series
	saturated int64           // entries forgotten by maxEntries
	evicted   int64           // series forgotten by maxSeries
	due       map[int64][]Key // series to look at, by the minute in which they may have run out
	looked    int             // series that the last Sweep looked at
	retired   bool            // there may be series of windows that are gone
}

// New returns an empty Store.
func New() *Store { return &Store{series: map[Key]*series{}, due: map[int64][]Key{}} }

// Spec says how a window's series are read and written.
type Spec struct {
	Op     Op
	Within int64 // micros; 0: the life of the subject
}

// Add notes that something was seen at t. value is a hash for Distinct and an
// amount for Sum.
func (s *Store) Add(k Key, w Spec, t, value int64) {
	x := s.series[k]
	if x == nil {
		x = &series{last: t}
		s.series[k] = x
		s.schedule(k, t+w.Within, w.Within)
	}
	x.last = max(x.last, t)
	switch {
	case w.Op == First:
		if len(x.entries) == 0 {
			x.entries = []entry{{T: t}}
		}
		x.entries[0].T = min(x.entries[0].T, t)
	case w.Op == Last:
		if len(x.entries) == 0 {
			x.entries = []entry{{T: t}}
		}
		x.entries[0].T = max(x.entries[0].T, t)
	case w.Within == 0 && w.Op == Count:
		x.total++
	case w.Within == 0 && w.Op == Sum:
		x.total = plus(x.total, value)
	case w.Op == Distinct:
		x.distinct(t, value)
	default:
		x.insert(entry{t, value})
	}
	if w.Within > 0 {
		x.prune(x.last - w.Within)
	}
	if over := len(x.entries) - maxEntries; over > 0 {
		s.saturated += int64(over)
		x.entries = slices.Delete(x.entries, 0, over)
	}
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

func (x *series) insert(e entry) {
	if n := len(x.entries); n == 0 || x.entries[n-1].T <= e.T {
		x.entries = append(x.entries, e)
		return
	}
	i := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].T > e.T })
	x.entries = slices.Insert(x.entries, i, e)
}

func (x *series) distinct(t, value int64) {
	for i, e := range x.entries {
		if e.V == value {
			if e.T >= t {
				return
			}
			x.entries = slices.Delete(x.entries, i, i+1)
			break
		}
	}
	x.insert(entry{t, value})
}

// prune drops what is at or before the time given.
func (x *series) prune(before int64) {
	if i := x.from(before); i > 0 {
		x.entries = slices.Delete(x.entries, 0, i)
	}
}

func (x *series) from(after int64) int {
	return sort.Search(len(x.entries), func(i int) bool { return x.entries[i].T > after })
}

// Get answers a series at time now: a count, a number of distinct values, a sum,
// or a time (0: never).
func (s *Store) Get(k Key, w Spec, now int64) int64 {
	x := s.series[k]
	if x == nil {
		return 0
	}
	switch {
	case w.Op == First || w.Op == Last:
		if len(x.entries) == 0 {
			return 0
		}
		if w.Op == Last {
			return min(x.entries[0].T, now) // a late entry does not look into the future
		}
		return x.entries[0].T
	case w.Within == 0 && w.Op != Distinct:
		return x.total
	}
	live := x.entries
	if w.Within > 0 {
		live = live[x.from(now-w.Within):]
	}
	if w.Op != Sum {
		return int64(len(live))
	}
	var sum int64
	for _, e := range live {
		sum = plus(sum, e.V)
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
		if x := s.series[k]; x != nil {
			for _, e := range x.entries {
				if e.V == value && (w.Within == 0 || e.T > t-w.Within) {
					return got
				}
			}
		}
		return min(got+1, maxEntries)
	}
	return got // first and last speak of what came before
}

// Drop forgets every series of the windows given for one subject.
func (s *Store) Drop(windows []int32, subject int64) {
	for _, w := range windows {
		delete(s.series, Key{w, subject})
	}
}

// minute is how finely Sweep plans.
const minute = int64(60_000_000)

// schedule has Sweep look at a series when it may have run out. A series that is
// added to meanwhile is then put off again: each stands in one place.
func (s *Store) schedule(k Key, at, within int64) {
	if within > 0 {
		s.due[at/minute] = append(s.due[at/minute], k)
	}
}

// Retire has the next Sweep look at all series, since a window may be gone.
func (s *Store) Retire() { s.retired = true }

// Sweep forgets series that can no longer be seen: within says how far back a
// window looks (0: without limit, negative: the window is gone).
func (s *Store) Sweep(now int64, within func(window int32) int64) {
	s.looked = 0
	if s.retired {
		s.retired = false
		for k := range s.series {
			if within(k.Window) < 0 {
				delete(s.series, k)
			}
		}
	}
	for at, keys := range s.due {
		if at > now/minute {
			continue
		}
		delete(s.due, at)
		for _, k := range keys {
			s.looked++
			x, w := s.series[k], within(k.Window)
			switch {
			case x == nil:
			case w < 0 || w > 0 && x.last <= now-w:
				delete(s.series, k)
			default:
				s.schedule(k, x.last+w, w)
			}
		}
	}
	if len(s.series) <= maxSeries {
		return
	}
	all := s.keys()
	slices.SortFunc(all, func(a, b Key) int {
		return cmp.Or(cmp.Compare(s.series[a].last, s.series[b].last), compareKeys(a, b))
	})
	for _, k := range all[:len(all)-maxSeries*9/10] {
		delete(s.series, k)
		s.evicted++
	}
}

func (s *Store) keys() []Key {
	all := make([]Key, 0, len(s.series))
	for k := range s.series {
		all = append(all, k)
	}
	return all
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Subject, b.Subject))
}

// Stats counts the store.
type Stats struct{ Series, Saturated, Evicted int64 }

// Stats returns the counts.
func (s *Store) Stats() Stats {
	return Stats{int64(len(s.series)), s.saturated, s.evicted}
}

// Dump is one series as a snapshot holds it.
type Dump struct {
	Window  int32   `json:"w"`
	Subject int64   `json:"s"`
	Entries []entry `json:"e,omitempty"`
	Total   int64   `json:"n,omitempty"`
	Last    int64   `json:"l"`
}

// Dump returns every series in the order of its key.
func (s *Store) Dump() []Dump {
	keys := s.keys()
	slices.SortFunc(keys, compareKeys)
	out := make([]Dump, len(keys))
	for i, k := range keys {
		x := s.series[k]
		out[i] = Dump{k.Window, k.Subject, x.entries, x.total, x.last}
	}
	return out
}

// Load rebuilds a Store from a dump. The next Sweep looks at everything.
func Load(dump []Dump) *Store {
	s := New()
	for _, d := range dump {
		k := Key{d.Window, d.Subject}
		s.series[k] = &series{d.Entries, d.Total, d.Last}
		s.schedule(k, 0, 1)
	}
	return s
}
