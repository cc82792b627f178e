package recognition

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/session"
)

// fair is traffic in which everything occurs that joins, moves and parts: keys of all
// kinds, named and not, carried and taught, some of them by many; addresses that
// change; pauses. Nobody signs in.
func fair(seed uint64, steps int) *traffic {
	rnd := rand.New(rand.NewPCG(seed, 2))
	w := newTraffic()
	kinds := journey.KeyKinds()
	agents := []string{"Chrome 130 on Windows", "Mobile Safari 18 on iOS"}
	var all []*browser
	for n := range 40 {
		all = append(all, &browser{ip: fmt.Sprintf("198.51.100.%d", n%25), agent: agents[n%2], device: uint64(1 + n%3)})
	}
	random := func(n int) journey.Key {
		kind := kinds[rnd.IntN(len(kinds))]
		name := fmt.Sprint(n, " ", rnd.IntN(3))
		if rnd.IntN(25) == 0 {
			name = fmt.Sprint("of many ", rnd.IntN(3))
		}
		k := key(kind, name)
		k.Named = k.Named && rnd.IntN(4) > 0
		return k
	}
	for range steps {
		n := rnd.IntN(len(all))
		b := all[n]
		switch rnd.IntN(12) {
		case 0:
			b.keys = nil
		case 1:
			b.ip = fmt.Sprintf("203.0.113.%d", rnd.IntN(30))
		case 2, 3:
			b.keys = append(b.keys, random(n))
		}
		if len(b.keys) > 6 {
			b.keys = b.keys[3:]
		}
		if rnd.IntN(4) == 0 {
			w.asks(b, "", false, random(n))
		} else {
			w.asks(b, "", false)
		}
		if rnd.IntN(15) == 0 {
			w.passes(int64(1+rnd.IntN(20)) * minute)
		}
	}
	return w
}

// TestItStitchesAsTheJudgeDoes where nobody signs in, request by request: what is
// measured is what runs.
func TestItStitchesAsTheJudgeDoes(t *testing.T) {
	snap, faults := policy.Compile(policy.Starter())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for seed := range uint64(4) {
		w := fair(seed, 5000)
		state := judge.New(3)
		state.Fold(&journey.Input{Kind: journey.InputPolicy, Time: noon, Policy: policy.Starter()})
		c := config()
		c.Sessions = session.Rules{Timeout: snap.Session.Timeout.Microseconds(), MaxAge: snap.Session.MaxAge.Microseconds()}
		m := New(c)
		ours, theirs := map[journey.ID]journey.ID{}, map[journey.ID]journey.ID{} // sessions, one by the other
		merged, known := 0, 0
		for i := range w.entries {
			in := &w.entries[i].Input
			var v *visit
			if o := in.Observation; o != nil && o.Phase == journey.PhaseResponse {
				v = m.pending[o.Exchange].visit
			}
			out := state.Fold(in)
			if out.Fault != "" {
				t.Fatal(out.Fault)
			}
			m.Take(&w.entries[i])
			if v == nil {
				continue
			}
			e, s := out.Events[0], out.Sessions[0]
			if _, there := ours[e.SessionID]; !there {
				ours[e.SessionID], theirs[v.id] = v.id, e.SessionID
				if s.Recognised != v.by {
					t.Fatalf("seed %d, entry %d: recognised by %q, here by %q", seed, i, s.Recognised, v.by)
				}
				if len(s.Candidates) > 0 != (v.candidate != 0) || v.candidate != 0 && ours[s.Candidates[0].SpecID] != v.candidate {
					t.Fatalf("seed %d, entry %d: candidates %v, here %v", seed, i, s.Candidates, v.candidate)
				}
				if v.by != "" {
					known++
				}
			}
			if ours[e.SessionID] != v.id || theirs[v.id] != e.SessionID {
				t.Fatalf("seed %d, entry %d: session %v, here %v, which was %v", seed, i, e.SessionID, v.id, theirs[v.id])
			}
			if v.into != nil {
				merged++
			} else if ours[e.SpecID] != v.spec {
				t.Fatalf("seed %d, entry %d: Spec ID %v is %v here, not %v", seed, i, e.SpecID, ours[e.SpecID], v.spec)
			}
		}
		live := state.Live()
		if people := m.people.Stats(); live.People != people || live.Sessions != int64(m.sessions.Len()) {
			t.Errorf("seed %d: %+v with %d sessions, here %+v with %d", seed, live.People, live.Sessions, people, m.sessions.Len())
		}
		if len(ours) < 300 || known < 100 || live.People.Merged == 0 {
			t.Errorf("seed %d says little: %d sessions, %d known, %d merged on the way, %+v", seed, len(ours), known, merged, live.People)
		}
	}
}
