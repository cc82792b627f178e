package judge

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

// TestWhatIsUndoneWasNeverThere tries inputs of a journal, takes them back, and
// folds them then: the state is that of one which never tried.
func TestWhatIsUndoneWasNeverThere(t *testing.T) {
	for seed := range uint64(3) {
		in := holding(journal(70+seed, 2500))
		r := rand.New(rand.NewPCG(seed, 3))
		a, b := New(3), New(3)
		for i := range in {
			if r.IntN(3) == 0 {
				for j := i; j < min(i+1+r.IntN(4), len(in)); j++ {
					before := a.Live()
					a.Try(&in[j])
					a.Undo()
					if after := a.Live(); after.Sessions != before.Sessions || after.Pending != before.Pending || after.Window != before.Window || after.People != before.People {
						t.Fatalf("seed %d input %d: %+v became %+v", seed, j, before, after)
					}
				}
			}
			ja, jb := asJSON(t, a.Fold(&in[i])), asJSON(t, b.Fold(&in[i]))
			if ja != jb {
				t.Fatalf("seed %d input %d:\n%s\n%s", seed, i, ja, jb)
			}
			if i%100 == 0 && !bytes.Equal(snapshot(t, a), snapshot(t, b)) {
				t.Fatalf("seed %d: the states differ after input %d", seed, i)
			}
		}
		if !bytes.Equal(snapshot(t, a), snapshot(t, b)) {
			t.Fatalf("seed %d: the states differ", seed)
		}
	}
}

// TestAPanicLeavesTheStateAsItWas breaks the judge in another place before each of
// many inputs, as a bug would: after stitching, half way through labelling, signing
// or deciding.
func TestAPanicLeavesTheStateAsItWas(t *testing.T) {
	in := journal(80, 2500)
	s := New(3)
	panics := map[string]int{}
	for i := range in {
		if s.policy != nil && i%2 == 0 && in[i].Kind == journey.InputObservation {
			for name, breaks := range map[string]func(p *policy.Snapshot){
				"a label":     func(p *policy.Snapshot) { p.Labels = append(p.Labels[:len(p.Labels):len(p.Labels)], nil) },
				"a signature": func(p *policy.Snapshot) { p.Signatures = append([]*policy.Signature{nil}, p.Signatures...) },
				"a workflow":  func(p *policy.Snapshot) { p.Workflows = append([]*policy.Workflow{nil}, p.Workflows...) },
			} {
				before, good := snapshot(t, s), s.policy
				bad := *s.policy
				breaks(&bad)
				s.policy = &bad
				j := s.Fold(&in[i])
				s.policy = good
				if !strings.Contains(j.Fault, "panicked") { // it did not pass there
					s = restored(t, before)
					continue
				}
				panics[name]++
				if len(j.Events)+len(j.Sessions) > 0 || j.Verdict != nil {
					t.Fatalf("input %d: a fault with results", i)
				}
				if !bytes.Equal(snapshot(t, s), before) {
					t.Fatalf("input %d: %s left a trace", i, name)
				}
			}
		}
		s.Fold(&in[i])
	}
	want := New(3)
	for i := range in {
		want.Fold(&in[i])
	}
	if !bytes.Equal(snapshot(t, s), snapshot(t, want)) {
		t.Fatal("the state is not as if nothing had happened")
	}
	if panics["a label"] < 500 || panics["a signature"] < 100 || panics["a workflow"] < 100 {
		t.Fatalf("it broke %v: the test shows little", panics)
	}
}

// poison makes a pending Event one on which the judge panics: it is of a Session
// that is not there.
func poison(s *State, exchange uint64) {
	s.held += 600
	s.pending[exchange] = &pendingEvent{Event: journey.Event{ID: s.nextID(noon), SessionID: 12345, Time: noon}}
	s.waiting[12345]++
}

// TestAPoisonedEventIsDroppedOnce among others that a tick completes.
func TestAPoisonedEventIsDroppedOnce(t *testing.T) {
	live, again := fresh(t, rules), fresh(t, rules)
	var q []*journey.Observation
	for i := range uint64(5) {
		o, _ := halves(login(i, noon+int64(i)*second, "192.0.2.1", "ann", journey.Failure, cookie(1)), second)
		q = append(q, o)
	}
	for _, s := range []*State{live, again} {
		for i, o := range q {
			observe(t, s, o)
			if i == 2 {
				poison(s, 99)
			}
		}
	}
	first := tick(live, noon+6*minute)
	if len(first.Events) != 5 || len(first.Dropped) != 1 || first.Dropped[0] != 99 || first.Fault != "" {
		t.Fatalf("%d events, dropped %v, fault %q", len(first.Events), first.Dropped, first.Fault)
	}
	if st := live.Live(); st.Pending != 0 || st.Panics != 1 || st.Dropped != 1 || len(st.Failing) != 1 {
		t.Fatalf("%+v", st)
	}
	if second := tick(live, noon+7*minute); len(second.Events)+len(second.Dropped) != 0 || live.Live().Panics != 1 {
		t.Fatalf("the next tick: %+v", second)
	}
	// A build without the bug drops it too, at the same place: it is told so.
	again.visits[12345] = &journey.Session{ID: 12345}
	again.Doom(first.Dropped)
	if got := tick(again, noon+6*minute); asJSON(t, got) != asJSON(t, first) {
		t.Fatalf("%+v", got)
	}
	tick(again, noon+7*minute)
	if !bytes.Equal(snapshot(t, live), snapshot(t, again)) {
		t.Fatal("the states differ")
	}
}

// TestASweepThatPanicsHoldsNothingElseUp: what it would have forgotten stays.
func TestASweepThatPanicsHoldsNothingElseUp(t *testing.T) {
	s := fresh(t, rules)
	observe(t, s, login(1, noon, "192.0.2.1", "ann", journey.Failure, cookie(1)))
	defs := s.defs
	s.defs = nil // within now panics
	if j := tick(s, noon+40*minute); j.Fault != "" {
		t.Fatal(j.Fault)
	}
	s.defs = defs
	if st := s.Live(); st.Panics == 0 || st.Sessions != 0 {
		t.Fatalf("%+v", st)
	}
}

// TestATickIsBoundedInBytes: Sessions with many labels don't make an entry that
// the journal refuses.
func TestATickIsBoundedInBytes(t *testing.T) {
	s := fresh(t, rules)
	long := strings.Repeat("x", 50_000)
	for i := range uint64(100) {
		q, _ := halves(login(i, noon+int64(i), "192.0.2.1", "ann", journey.Success, cookie(i)), second)
		q.Elements = append(q.Elements, journey.Element{ID: "query", Value: long})
		observe(t, s, q)
	}
	q, _ := halves(login(200, noon+200, "192.0.2.1", "ann", journey.Success, cookie(200)), second)
	q.Elements = append(q.Elements, journey.Element{ID: "query", Value: strings.Repeat("x", 2*tickBytes)})
	observe(t, s, q) // which goes alone
	done := 0
	for range 100 {
		j := tick(s, noon+6*minute)
		if n := len(asJSON(t, j)); n > tickBytes && len(j.Events) > 1 {
			t.Fatalf("a tick of %d bytes", n)
		}
		done += len(j.Events)
	}
	if done != 101 {
		t.Fatalf("%d of 101 completed", done)
	}
}

func TestAJoinByALearnedKeyNamesItsEvent(t *testing.T) {
	s := fresh(t, rules)
	plain := journey.Key{Kind: "cookie", Hash: 77}
	q, r := halves(login(1, noon, "192.0.2.1", "ann", journey.Failure), second)
	r.Learned = []journey.Key{plain}
	observe(t, s, q)
	taught, _ := event(t, s, r)
	want := "session cookie, learned from the response of event " + taught.ID.String()
	again := login(2, noon+2*second, "198.51.100.1", "ann", journey.Failure, plain)
	again.Learned = []journey.Key{plain} // origins send it each time: the first counts
	for i, o := range []*journey.Observation{again,
		login(3, noon+3*second, "203.0.113.1", "ann", journey.Failure, plain)} {
		if e, _ := event(t, s, o); e.JoinReason != want {
			t.Fatalf("request %d: %q, want %q", i, e.JoinReason, want)
		}
	}
	s = restored(t, snapshot(t, s))
	if e, _ := event(t, s, login(4, noon+20*minute, "192.0.2.9", "ann", journey.Failure, plain)); e.JoinReason != want {
		t.Fatalf("after a restart: %q", e.JoinReason)
	}
	tick(s, noon+60*minute)
	e, v := event(t, s, login(5, noon+61*minute, "192.0.2.9", "ann", journey.Failure, plain))
	if e.JoinReason != "first request" || v.Recognised != journey.KeyCookie || v.SpecID != taught.SpecID {
		t.Fatalf("a new session of the same visitor: %q, %+v", e.JoinReason, v)
	}
	observe(t, s, login(6, noon+42*minute, "192.0.2.7", "bob", journey.Failure, cookie(5)))
	if e, _ := event(t, s, login(7, noon+43*minute, "192.0.2.6", "bob", journey.Failure, cookie(5))); e.JoinReason != "session cookie" {
		t.Fatalf("a key that no response taught: %q", e.JoinReason)
	}
}

// TestRevisionsDoNotAddUp publishes many revisions, each with a window of its own:
// numbers are used again, once nothing is kept under them.
func TestRevisionsDoNotAddUp(t *testing.T) {
	s := fresh(t, rules)
	var back *State
	for i := range 300 {
		text := strings.ReplaceAll(rules, `"10m") >= 3`, fmt.Sprintf(`"%dm") >= 3`, 11+i))
		if i%3 == 0 { // one that is refused by the journal
			s.Try(&journey.Input{Kind: journey.InputPolicy, Policy: map[string]string{"p.yaml": other}})
			s.Undo()
		}
		use(t, s, text)
		at := noon + int64(i)*minute
		for j := range uint64(3) {
			e, _ := event(t, s, login(uint64(i)*10+j, at+int64(j), "192.0.2.1", "ann", journey.Failure, cookie(uint64(1000+i))))
			if (labels(e.Labels) != "") != (j == 2) {
				t.Fatalf("revision %d, failure %d: labels %q: another window's series were read", i, j, labels(e.Labels))
			}
		}
		if i%2 == 0 {
			tick(s, at+second)
		}
		if i == 150 {
			back = restored(t, snapshot(t, s))
		} else if back != nil {
			use(t, back, text)
			for j := range uint64(3) {
				observe(t, back, login(uint64(i)*10+j, at+int64(j), "192.0.2.1", "ann", journey.Failure, cookie(uint64(1000+i))))
			}
			if i%2 == 0 {
				tick(back, at+second)
			}
		}
	}
	if len(s.defs) > 20 || len(s.numbers) != len(s.defs) {
		t.Fatalf("%d windows are defined, %d numbered", len(s.defs), len(s.numbers))
	}
	if !bytes.Equal(snapshot(t, s), snapshot(t, back)) {
		t.Fatal("a restored state numbers otherwise")
	}
}

// TestWhatIsOpenIsBoundedInBytes, and what is counted of it is what is there.
func TestWhatIsOpenIsBoundedInBytes(t *testing.T) {
	s, most := New(3), 0
	for i, in := range journal(90, 3000) {
		s.Fold(&in)
		most = max(most, s.held)
		want := 0
		for _, p := range s.pending {
			want += eventSize(&p.Event)
		}
		if i%300 == 0 && restored(t, snapshot(t, s)).held != want {
			t.Fatalf("input %d: restored otherwise", i)
		}
		if s.held != want {
			t.Fatalf("input %d: %d counted, %d held", i, s.held, want)
		}
	}
	if most == 0 {
		t.Fatal("nothing was ever open")
	}
	s.held += maxWaiting
	q, _ := halves(login(1<<40, noon, "192.0.2.1", "ann", journey.Failure), second)
	if j := s.Fold(&journey.Input{Kind: journey.InputObservation, Observation: q}); j.Fault == "" || s.Live().Overflow != 1 {
		t.Fatalf("%+v", j)
	}
}
