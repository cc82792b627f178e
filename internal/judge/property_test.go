package judge

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestTwoRunsAgree folds one journal twice and compares every judgement and the
// bytes of the snapshots.
func TestTwoRunsAgree(t *testing.T) {
	in := holding(journal(1, 3000))
	a, b := fresh(t, rules), fresh(t, rules) // which says that the journal's policy compiles
	said := map[string]int{}
	for i := range in {
		j := a.Fold(&in[i])
		for _, e := range j.Events {
			said["labels"] += len(e.Labels)
			said["signatures"] += len(e.Signatures)
			said["actions"] += len(e.Actions)
		}
		if j.Verdict != nil {
			said["decisions"] += len(j.Verdict.Actions)
		}
		ja, jb := asJSON(t, j), asJSON(t, b.Fold(&in[i]))
		if ja != jb {
			t.Fatalf("input %d:\n%s\n%s", i, ja, jb)
		}
		if i%500 == 0 && !bytes.Equal(snapshot(t, a), snapshot(t, b)) {
			t.Fatalf("snapshots differ after input %d", i)
		}
	}
	if !bytes.Equal(snapshot(t, a), snapshot(t, b)) {
		t.Fatal("snapshots differ")
	}
	for _, what := range []string{"labels", "signatures", "actions", "decisions"} {
		if said[what] == 0 {
			t.Errorf("there were no %s: the test shows little", what)
		}
	}
}

// TestRestoringGoesOnAlike cuts a journal at random places: what a restored state
// makes of the rest is what the state makes that was never cut.
func TestRestoringGoesOnAlike(t *testing.T) {
	for seed := range uint64(4) {
		in := holding(journal(10+seed, 1200))
		whole := New(3)
		var want []string
		for i := range in {
			want = append(want, asJSON(t, whole.Fold(&in[i])))
		}
		end := sha256.Sum256(snapshot(t, whole))
		r := rand.New(rand.NewPCG(seed, 1))
		for range 4 {
			cut := r.IntN(len(in))
			s := New(3)
			for i := range cut {
				s.Fold(&in[i])
			}
			before := snapshot(t, s)
			s = restored(t, before)
			if after := snapshot(t, s); !bytes.Equal(before, after) {
				t.Fatalf("seed %d cut %d: a restored state snapshots otherwise", seed, cut)
			}
			for i := cut; i < len(in); i++ {
				if got := asJSON(t, s.Fold(&in[i])); got != want[i] {
					t.Fatalf("seed %d cut %d input %d:\n%s\n%s", seed, cut, i, got, want[i])
				}
			}
			if sha256.Sum256(snapshot(t, s)) != end {
				t.Fatalf("seed %d cut %d: the states end otherwise", seed, cut)
			}
		}
	}
}

// TestFaultedInputsCanBeSkipped holds what replay relies on: an input that faulted
// has left no trace.
func TestFaultedInputsCanBeSkipped(t *testing.T) {
	in := journal(20, 2000)
	a, b := New(3), New(3)
	skipped := 0
	for i := range in {
		if a.Fold(&in[i]).Fault != "" {
			skipped++
			continue
		}
		b.Fold(&in[i])
	}
	if skipped == 0 {
		t.Fatal("nothing faulted: the test shows nothing")
	}
	if !bytes.Equal(snapshot(t, a), snapshot(t, b)) {
		t.Fatal("a faulted input left a trace")
	}
}

// TestEveryEventIsWellFormed holds what the store and the Hub rely on.
func TestEveryEventIsWellFormed(t *testing.T) {
	s := New(3)
	ids := map[journey.ID]bool{}
	events := map[journey.ID]int{}
	for _, in := range journal(30, 4000) {
		j := s.Fold(&in)
		for _, e := range j.Events {
			if ids[e.ID] || e.ID.Partition() != 3 {
				t.Fatalf("event %v stands twice, or is another partition's", e.ID)
			}
			ids[e.ID] = true
			events[e.SessionID]++
			seen := map[string]bool{}
			for _, l := range e.Labels {
				if l.EventID != e.ID || seen[l.ID] || len(l.Evidence) == 0 || l.ID == "after_secret" {
					t.Fatalf("label %+v on event %v", l, e.ID)
				}
				seen[l.ID] = true
			}
			if e.RatingChange != nil && (e.RatingChange.From == e.RatingChange.To || e.RatingChange.Reason == "") {
				t.Fatalf("%+v", e.RatingChange)
			}
		}
		for _, v := range j.Sessions {
			if v.Events != events[v.ID] {
				t.Fatalf("session %v says %d events, there were %d", v.ID, v.Events, events[v.ID])
			}
			if v.Start > v.Last || v.SpecID > v.ID || len(v.Labels) > maxLabels {
				t.Fatalf("%+v", v)
			}
		}
	}
}

// TestNothingStaysOfSessionsThatEnded ends everything and looks what is left.
func TestNothingStaysOfSessionsThatEnded(t *testing.T) {
	s := New(3)
	var last int64
	for _, in := range journal(40, 3000) {
		s.Fold(&in)
		last = max(last, in.Time)
	}
	for range 20 {
		last += 3 * 60 * minute
		tick(s, last)
	}
	if len(s.visits) != 0 || len(s.pending) != 0 || s.sessions.Len() != 0 {
		t.Fatalf("%d visits, %d pending, %d sessions are left", len(s.visits), len(s.pending), s.sessions.Len())
	}
	if n := s.Live().Window.Series; n > 20 { // first_seen of the addresses
		t.Fatalf("%d series are left", n)
	}
}

func FuzzRestore(f *testing.F) {
	s := New(3)
	for _, in := range journal(50, 25) {
		s.Fold(&in)
	}
	whole := snapshot(f, s)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("{}\n"))
	line, _, _ := bytes.Cut(older(f), []byte("\n")) // as version 1, which no checksum guards
	f.Add(append(bytes.Replace(line, []byte(`{"version":2,`), []byte(`{"version":1,`), 1), '\n'))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Restore(bytes.NewReader(b))
		if err != nil {
			return
		}
		// What restores can be worked with.
		s.Fold(&journey.Input{Kind: journey.InputObservation, Observation: login(1, noon, "192.0.2.1", "ann", journey.Failure, cookie(1))})
		tick(s, noon+minute)
		if err := s.Snapshot(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkFold judges complete Events of a thousand visitors under twenty labels.
func BenchmarkFold(b *testing.B) {
	text := "kind: spec\nname: Login\ntype: authentication_attempt\nmatch: {path: /login}\n"
	whens := []string{
		`session.count("authentication_attempt", "failure", "%dm") >= 1000`,
		`entity("ip").count("authentication_attempt", "%dm") >= 100000`,
		`entity("ip").distinct("username", "authentication_attempt", "%dm") >= 100000`,
		`entity("username").distinct("ip", "%dm") >= 100000 && event.outcome == "success"`,
	}
	for i := range 20 {
		text += fmt.Sprintf("---\nkind: label\nid: l%d\ntitle: L\nseverity: low\npoints: 1\nwhen: '%s'\n", i, fmt.Sprintf(whens[i%4], i+1))
	}
	s := fresh(b, text)
	obs := make([]*journey.Observation, 1000)
	for i := range obs {
		obs[i] = login(0, 0, fmt.Sprintf("192.0.2.%d", i%250), fmt.Sprintf("user%d", i), journey.Failure, cookie(uint64(i)))
	}
	at := noon
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at += 2000
		o := *obs[i%len(obs)]
		o.Exchange, o.Time = uint64(i), at
		s.Fold(&journey.Input{Kind: journey.InputObservation, Time: at, Observation: &o})
		if i%2000 == 0 {
			tick(s, at)
		}
	}
}
