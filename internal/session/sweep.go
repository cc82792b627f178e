package session

import (
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// sweepMost is how many Sessions one Sweep looks at, about. What is left comes next
// time, and takes no requests meanwhile.
const sweepMost = 20_000

// Sweep ends the Sessions that can take no more requests, those seen longest ago
// first, and returns their IDs in order. It can't be taken back.
func (t *Table) Sweep(now int64, rules Rules) []journey.ID {
	t.End()
	t.looked = 0
	var ended []journey.ID
	ended = t.sweep(&t.seen, now-rules.Timeout, now, rules, ended)
	ended = t.sweep(&t.begun, now-rules.MaxAge, now, rules, ended)
	t.forgetClients(now)
	slices.Sort(ended)
	return ended
}

// sweep ends those that stand before a limit, by whole seconds, and puts off those
// that were seen again.
func (t *Table) sweep(a *agenda, before, now int64, rules Rules, ended []journey.ID) []journey.ID {
	var due, again []uint32
	for most := t.looked + sweepMost; t.looked < most; {
		first := a.first()
		if first == 0 || a.seconds[0].at > floor(before) {
			break
		}
		due, again = due[:0], again[:0]
		for at := first; ; {
			e := t.entries.at(at)
			t.looked++
			if !alive(e, now, rules) {
				due = append(due, at)
			} else if a.which == ringSeen && e.behind > 0 {
				again = append(again, at)
			}
			if at = e.rings[a.which].next; at == first {
				break
			}
		}
		for _, at := range due {
			ended = append(ended, t.entries.at(at).ID)
			t.drop(at)
		}
		for _, at := range again {
			t.putOff(at)
		}
		if a.seconds[0].first != 0 { // the second in which the limit lies
			break
		}
	}
	return ended
}

// forgetClients lets go of places at which nobody was seen within a day.
func (t *Table) forgetClients(now int64) {
	m := now / minute
	for range sweepMost {
		if t.idle == 0 {
			return
		}
		if lately(t.places.at(t.idle).last, m) {
			return
		}
		t.forget(t.idle)
	}
}
