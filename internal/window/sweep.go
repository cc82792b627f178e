package window

import (
	"cmp"
	"math"
	"slices"
)

// minute is how finely Sweep plans.
const minute = int64(60_000_000)

// never stands for no minute at all.
const never = math.MinInt32

func minuteOf(t int64) int32 {
	return int32(min(max(t/minute, math.MinInt32+1), math.MaxInt32))
}

// schedule has Sweep look at a series when it may have run out. A series that is
// added to meanwhile is then put off again: each stands in one place.
func (s *Store) schedule(at uint32, t int64) {
	m := minuteOf(t)
	s.slot(at).due = m
	s.due[m] = append(s.due[m], at)
	s.planned++
}

// unschedule takes back a schedule that was the last.
func (s *Store) unschedule(at uint32, x *slot) {
	list := s.due[x.due]
	switch n := len(list); {
	case n == 0 || list[n-1] != at:
	case n == 1:
		delete(s.due, x.due)
		s.planned--
	default:
		s.due[x.due] = list[:n-1]
		s.planned--
	}
}

// slack is how much of the plan may be of series that were dropped.
const slack = 1024

// replan plans anew once most of the plan is of series that were dropped.
func (s *Store) replan() {
	if s.planned <= 2*len(s.index)+slack {
		return
	}
	clear(s.due)
	s.planned = 0
	s.each(func(at uint32, x *slot) {
		if x.due != never {
			s.due[x.due] = append(s.due[x.due], at)
			s.planned++
		}
	})
}

// Retire has the next Sweep look at all series, since a window may be gone.
func (s *Store) Retire() { s.retired = true }

// Sweep forgets series that can no longer be seen: within says how far back a
// window looks (0: without limit, negative: the window is gone). It can't be
// taken back.
func (s *Store) Sweep(now int64, within func(window int32) int64) {
	s.End()
	s.looked = 0
	if s.retired {
		s.retired = false
		s.each(func(at uint32, x *slot) {
			if within(x.key.Window) < 0 {
				s.drop(at)
			}
		})
	}
	s.replan()
	var minutes []int32
	for m := range s.due {
		if m <= minuteOf(now) {
			minutes = append(minutes, m)
		}
	}
	slices.Sort(minutes)
	for _, m := range minutes {
		list := s.due[m]
		delete(s.due, m)
		s.planned -= len(list)
		for _, at := range list {
			s.look(at, m, now, within)
		}
	}
	s.evict()
}

// look ends a series that has run out, or plans the next look at it. The slot may
// be another's by now.
func (s *Store) look(at uint32, m int32, now int64, within func(window int32) int64) {
	x := s.slot(at)
	if !x.live || x.due != m {
		return
	}
	s.looked++
	switch w := within(x.key.Window); {
	case w < 0 || w > 0 && x.last <= now-w:
		s.drop(at)
	case w > 0:
		s.schedule(at, plus(x.last, w))
	default:
		x.due = never
	}
}

func (s *Store) each(fn func(at uint32, x *slot)) {
	for at := range s.used {
		if x := s.slot(at); x.live {
			fn(at, x)
		}
	}
}

// evict forgets the series touched longest ago when there is too much. It counts
// by minute first, so that only the series of one minute need sorting.
func (s *Store) evict() {
	if len(s.index) <= s.most.series && s.held <= s.most.held {
		return
	}
	series, held := len(s.index)-s.most.series*9/10, s.held-s.most.held*9/10 // that must go
	type sum struct{ series, held int }
	sums := map[int32]sum{}
	s.each(func(_ uint32, x *slot) {
		n := sums[minuteOf(x.last)]
		sums[minuteOf(x.last)] = sum{n.series + 1, n.held + int(x.n)}
	})
	minutes := make([]int32, 0, len(sums))
	for m := range sums {
		minutes = append(minutes, m)
	}
	slices.Sort(minutes)
	last := int32(never) // the minute of which some go
	for _, m := range minutes {
		if n := sums[m]; n.series >= series && n.held >= held {
			last = m
			break
		} else {
			series, held = series-n.series, held-n.held
		}
	}
	var some []uint32
	s.each(func(at uint32, x *slot) {
		switch m := minuteOf(x.last); {
		case m < last:
			s.evicted++
			s.drop(at)
		case m == last:
			some = append(some, at)
		}
	})
	slices.SortFunc(some, func(a, b uint32) int {
		x, y := s.slot(a), s.slot(b)
		return cmp.Or(cmp.Compare(x.last, y.last), compareKeys(x.key, y.key))
	})
	for _, at := range some {
		if series <= 0 && held <= 0 {
			break
		}
		series, held = series-1, held-int(s.slot(at).n)
		s.evicted++
		s.drop(at)
	}
}
