package judge

import (
	"fmt"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestSessionsMoveWithTheirPart: an account that too many devices use had made one
// of their users. Those that are at hand are told anew at once, also where what they
// carry had been brought by a Session before; what is recorded of those that have
// ended is told by changes.
func TestSessionsMoveWithTheirPart(t *testing.T) {
	s := fresh(t, "kind: spec\nname: Login\ntype: authentication_attempt\nmatch: {method: POST, path: /login}\n")
	device := func(n int) journey.Key {
		return journey.Key{Kind: journey.KeyDevice, Hash: uint64(100 + n), Named: true}
	}
	n := 0
	visit := func(d int, at int64) journey.Session {
		n++
		_, v := event(t, s, login(uint64(n), at, fmt.Sprintf("192.0.2.%d", d), "tester", journey.Success, device(d)))
		return v
	}
	const many = 8 // as many as still count as one
	var first [many + 1]journey.Session
	for d := 1; d <= many; d++ {
		first[d] = visit(d, noon)
		if first[d].SpecID != first[1].ID {
			t.Fatalf("device %d is of %v", d, first[d].SpecID)
		}
	}
	later := noon + 3600*second
	again := visit(2, later)
	if again.ID == first[2].ID || again.SpecID != first[1].ID {
		t.Fatalf("%+v", again)
	}
	third := visit(3, later)
	last := login(99, later+second, "192.0.2.99", "tester", journey.Success, device(99))
	s.Try(&journey.Input{Kind: journey.InputObservation, Time: last.Time, Observation: last})
	if moved := s.visits[again.ID].SpecID; moved != first[2].ID {
		t.Errorf("session %v is of %v, not %v", again.ID, moved, first[2].ID)
	}
	if s.Undo(); s.visits[again.ID].SpecID != again.SpecID {
		t.Error("that is not taken back")
	}
	out := observe(t, s, last)
	told := map[journey.ID]journey.ID{}
	for _, v := range out.Sessions {
		if _, twice := told[v.ID]; twice {
			t.Errorf("session %v is told twice", v.ID)
		}
		told[v.ID] = v.SpecID
	}
	if told[again.ID] != first[2].ID || told[third.ID] != first[3].ID || told[first[1].ID] != 0 {
		t.Errorf("%v; session %v is of %v, %v of %v", told, again.ID, first[2].ID, third.ID, first[3].ID)
	}
	changed := map[journey.ID]journey.ID{}
	for _, c := range out.SpecChanges {
		if c.Kind == journey.SpecSplit {
			changed[c.From] = c.Into
		}
	}
	for d := 1; d <= many; d++ {
		if id := first[d].ID; changed[id] != id {
			t.Errorf("what session %v brought is of %v", id, changed[id])
		}
	}
	if e, _ := event(t, s, login(100, later+2*second, "192.0.2.2", "tester", journey.Failure, device(2))); e.SpecID != first[2].ID || e.SessionID != again.ID {
		t.Errorf("%+v", e)
	}
}
