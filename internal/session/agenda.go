package session

import (
	"cmp"
	"slices"
)

// agenda has the Sessions by a second of each. Within it they are in the order in
// which they came.
type agenda struct {
	which   int
	seconds []busy // in order; those that were left empty go when they are first
}

type busy struct {
	at    int64
	first uint32
}

func (a *agenda) find(at int64) (int, bool) {
	if n := len(a.seconds); n > 0 && a.seconds[n-1].at <= at { // mostly now
		if a.seconds[n-1].at == at {
			return n - 1, true
		}
		return n, false
	}
	return slices.BinarySearchFunc(a.seconds, at, func(b busy, at int64) int { return cmp.Compare(b.at, at) })
}

func (a *agenda) add(t *Table, second int64, at uint32) {
	i, known := a.find(second)
	if !known {
		a.seconds = slices.Insert(a.seconds, i, busy{at: second})
	}
	a.set(t, i, t.join(a.which, a.seconds[i].first, at))
}

func (a *agenda) remove(t *Table, second int64, at uint32) {
	i, _ := a.find(second)
	a.set(t, i, t.part(a.which, a.seconds[i].first, at))
}

func (a *agenda) set(t *Table, i int, first uint32) {
	if b := &a.seconds[i]; b.first != first {
		t.note(change{did: didAgenda, which: uint8(a.which), wide: b.at, at: b.first})
		b.first = first
	}
}

// restore undoes set.
func (a *agenda) restore(at int64, first uint32) {
	i, known := a.find(at)
	if !known {
		a.seconds = slices.Insert(a.seconds, i, busy{at: at})
	}
	a.seconds[i].first = first
}

// first returns the Session that stands first, 0 when there is none.
func (a *agenda) first() uint32 {
	a.trim()
	if len(a.seconds) == 0 {
		return 0
	}
	return a.seconds[0].first
}

// trim lets go of empty seconds in front.
func (a *agenda) trim() {
	n := 0
	for n < len(a.seconds) && a.seconds[n].first == 0 {
		n++
	}
	a.seconds = a.seconds[n:]
}

func floor(micros int64) int64 {
	if micros < 0 {
		return (micros - second + 1) / second
	}
	return micros / second
}
