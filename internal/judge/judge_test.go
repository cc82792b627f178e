package judge

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/session"
)

// TestTheEventAtHandCountsOnce: at the request, at the response, and not twice.
func TestTheEventAtHandCountsOnce(t *testing.T) {
	s := fresh(t, rules)
	for i := range uint64(4) {
		q, r := halves(login(i, noon+int64(i)*second, "192.0.2.1", "ann", journey.Failure, cookie(1)), second/2)
		v := observe(t, s, q).Verdict
		if v == nil || len(v.Labels) != 0 {
			t.Fatalf("try %d: a window on failures counted an outcome not known: %+v", i, v)
		}
		e, _ := event(t, s, r)
		if want := map[uint64]string{2: "fails"}[i]; labels(e.Labels) != want {
			t.Fatalf("try %d: labels %q, want %q", i, labels(e.Labels), want)
		}
		if i == 2 && e.Labels[0].Evidence[0].Value != "3" {
			t.Fatalf("evidence %+v", e.Labels[0].Evidence)
		}
	}
}

// TestAVerdictStopsTheTry follows an attack to its block.
func TestAVerdictStopsTheTry(t *testing.T) {
	s := fresh(t, rules)
	users := []string{"a", "b", "c", "d", "e"}
	var verdict *journey.Verdict
	for i, u := range users[:4] {
		q, r := halves(login(uint64(i), noon+int64(i)*second, "192.0.2.1", u, journey.Failure, cookie(1)), second/2)
		verdict = observe(t, s, q).Verdict
		observe(t, s, r)
	}
	// The fourth name is seen at the request: label, signature and rating move then.
	if verdict.Rating != journey.Malicious || strings.Join(verdict.Labels, " ") != "many_accounts" {
		t.Fatalf("%+v", verdict)
	}
	q, r := halves(login(9, noon+9*second, "192.0.2.1", "e", journey.Failure, cookie(1)), second)
	verdict = observe(t, s, q).Verdict
	var did []string
	for _, a := range verdict.Actions {
		name := a.Name
		if a.Shadow {
			name = "(" + name + ")"
		}
		did = append(did, name)
	}
	if got := strings.Join(did, " "); got != "tell stop (away)" {
		t.Fatalf("actions %q", got)
	}
	for i, want := range []string{"signature stuffing", "signature stuffing", "label fails"} {
		if got := verdict.Actions[i].Reason; got != want {
			t.Errorf("%s is decided for %q, want %q", verdict.Actions[i].Name, got, want)
		}
	}
	r.Enforced = []journey.Action{{Name: "stop", Type: journey.ActionBlock, Workflow: "Stop stuffing", Enforced: true}}
	e, v := event(t, s, r)
	if e.Outcome != journey.Mitigated || len(e.Actions) != 1 || e.Actions[0].EventID != e.ID || strings.Join(e.Workflows, ",") != "Stop stuffing,Try on failing" {
		t.Fatalf("%+v", e)
	}
	if v.Rating != journey.Malicious || v.Actions[0].Count != 1 || len(v.Signatures) != 1 {
		t.Fatalf("%+v", v)
	}
}

func TestAnAsyncRequestAsksNoDecision(t *testing.T) {
	s := fresh(t, rules)
	for i, u := range []string{"a", "b", "c", "d", "e"} {
		o := login(uint64(i), noon, "192.0.2.1", u, journey.Failure, cookie(1))
		o.Sync = false
		q, r := halves(o, 1)
		if v := observe(t, s, q).Verdict; len(v.Actions) > 0 {
			t.Fatalf("%+v", v.Actions)
		}
		observe(t, s, r)
	}
}

func TestShadowIsRecordedAndNeverCounts(t *testing.T) {
	s := fresh(t, rules)
	o := login(1, noon, "192.0.2.1", "ann", journey.Success, cookie(1))
	o.Type = journey.PageView
	q, r := halves(o, 1)
	if v := observe(t, s, q).Verdict; len(v.Labels) != 0 {
		t.Fatalf("a verdict, whose labels a tag shows to the origin, names %v", v.Labels)
	}
	e, v := event(t, s, r)
	if labels(e.Labels) != "(secret)" || labels(v.Labels) != "(secret)" || v.Points != 0 || v.Rating != journey.Normal {
		t.Fatalf("%+v", v)
	}
}

func TestResponsesWithoutRequestsAndRequestsTwice(t *testing.T) {
	s := fresh(t, rules)
	q, r := halves(login(7, noon, "192.0.2.1", "ann", journey.Success), second)
	if j := observe(t, s, r); len(j.Events) != 0 || s.Live().Orphans != 1 {
		t.Fatalf("%+v", j)
	}
	observe(t, s, q)
	if j := observe(t, s, q); j.Verdict != nil || s.Live().Pending != 1 {
		t.Fatalf("opened twice: %+v", j)
	}
	if e, v := event(t, s, r); e.Outcome != journey.Success || v.Events != 1 {
		t.Fatalf("%+v", e)
	}
	if j := observe(t, s, r); len(j.Events) != 0 || s.Live().Orphans != 2 {
		t.Fatalf("answered twice: %+v", j)
	}
}

func TestATickCompletesWhatIsNotAnswered(t *testing.T) {
	s := fresh(t, rules)
	q, _ := halves(login(7, noon, "192.0.2.1", "ann", journey.Success), second)
	observe(t, s, q)
	if j := tick(s, noon+5*minute); len(j.Events) != 0 {
		t.Fatalf("too early: %+v", j)
	}
	j := tick(s, noon+5*minute+1)
	if len(j.Events) != 1 || j.Events[0].Outcome != journey.OriginError || j.Sessions[0].Events != 1 {
		t.Fatalf("%+v", j)
	}
}

// TestATickStaysSmall: what a tick completes is one journal entry, whose size is
// bounded.
func TestATickStaysSmall(t *testing.T) {
	s := fresh(t, rules)
	const n = 1000
	for i := range uint64(n) {
		q, _ := halves(login(i, noon+int64(i), "192.0.2.1", "ann", journey.Success, cookie(i)), second)
		observe(t, s, q)
	}
	total, last := 0, journey.ID(0)
	for range 2 * n {
		j := tick(s, noon+6*minute)
		if len(j.Events) == 0 {
			break
		}
		if len(j.Events) > 200 {
			t.Fatalf("one tick completed %d events", len(j.Events))
		}
		for _, e := range j.Events {
			if e.ID <= last {
				t.Fatal("not in the order of their IDs")
			}
			last = e.ID
		}
		total += len(j.Events)
	}
	if total != n {
		t.Fatalf("%d events were completed", total)
	}
}

// TestAnAnswerAfterTheSessionEnded: its Event belongs to the Session there was.
func TestAnAnswerAfterTheSessionEnded(t *testing.T) {
	s := fresh(t, strings.Replace(rules, "timeout: 30m", "timeout: 1m", 1))
	_, first := event(t, s, login(1, noon, "192.0.2.1", "ann", journey.Success, cookie(1)))
	q, r := halves(login(2, noon+second, "192.0.2.1", "ann", journey.Success, cookie(1)), 3*minute)
	observe(t, s, q)
	tick(s, noon+2*minute)
	_, v := event(t, s, r)
	if v.ID != first.ID || v.Events != 2 || v.Start != first.Start {
		t.Fatalf("the session became %+v", v)
	}
	if n := len(s.visits); n != 0 {
		t.Fatalf("%d visits are left", n)
	}
}

func TestPointsFallWhenALabelRunsOutAndSoDoesItsSignature(t *testing.T) {
	s := fresh(t, rules)
	at := noon
	var e journey.Event
	for i, u := range []string{"a", "b", "c", "d"} {
		at += second
		e, _ = event(t, s, login(uint64(i), at, "192.0.2.1", u, journey.Failure, cookie(1)))
	}
	if e.Rating != journey.Malicious || e.Points != 50 || e.RatingChange.Reason != "signature stuffing" {
		t.Fatalf("%+v %+v", e, e.RatingChange)
	}
	for range 3 {
		at += 25 * minute
		e, _ = event(t, s, login(9, at, "192.0.2.1", "a", journey.Success, cookie(1)))
	}
	if e.Rating != journey.Suspicious || e.Points != 40 || e.RatingChange == nil ||
		e.RatingChange.Reason != "signature stuffing no longer holds, and 40 points are below 70" {
		t.Fatalf("%v %d %+v", e.Rating, e.Points, e.RatingChange)
	}
}

func TestARepeatingLabelDoesNotCrowdOthersOut(t *testing.T) {
	s := fresh(t, rules)
	at := noon
	for i := range uint64(maxLabels + 50) {
		at += second
		o := login(i, at, "192.0.2.1", "ann", journey.Success, cookie(1))
		o.Type = journey.Transaction
		o.Elements = append(o.Elements, journey.Element{ID: "transaction_amount", Value: "100.00"})
		observe(t, s, o)
	}
	var v journey.Session
	for i := range uint64(4) {
		at += second
		_, v = event(t, s, login(1000+i, at, "192.0.2.1", "ann", journey.Failure, cookie(1)))
	}
	if n := len(v.Labels); n > maxLabels || v.Labels[n-1].ID != "fails" || v.Points != 50 {
		t.Fatalf("%d labels, %d points, the last is %s", n, v.Points, v.Labels[n-1].ID)
	}
}

func TestAnAccountJoinsSessionsUnderTheOlderSpecID(t *testing.T) {
	s := fresh(t, rules)
	_, phone := event(t, s, login(1, noon, "192.0.2.1", "ann", journey.Failure, cookie(1)))
	_, laptop := event(t, s, login(2, noon+second, "198.51.100.1", "ann", journey.Success, cookie(2)))
	if phone.SpecID == laptop.SpecID || laptop.Account != "ann" {
		t.Fatalf("%+v", laptop)
	}
	e, phone := event(t, s, login(3, noon+2*second, "192.0.2.1", "ann", journey.Success, cookie(1)))
	if phone.SpecID != phone.ID || e.SpecID != phone.SpecID {
		t.Fatalf("%+v", phone)
	}
	e, laptop = event(t, s, login(4, noon+3*second, "198.51.100.1", "bob", journey.Failure, cookie(2)))
	if laptop.SpecID != phone.SpecID || e.SpecID != phone.SpecID {
		t.Fatalf("the laptop's session still is of %v, not %v", laptop.SpecID, phone.SpecID)
	}
}

// TestALearnedCookieOutlivesItsSession: a cookie without a session's name, once
// taught, names the visitor and ties later Sessions.
func TestALearnedCookieOutlivesItsSession(t *testing.T) {
	s := fresh(t, rules)
	plain := journey.Key{Kind: "cookie", Hash: 77}
	o := login(1, noon, "192.0.2.1", "ann", journey.Failure)
	o.Learned = []journey.Key{plain}
	_, first := event(t, s, o)
	tick(s, noon+40*minute)
	_, second1 := event(t, s, login(2, noon+41*minute, "198.51.100.1", "ann", journey.Failure, plain))
	if second1.ID == first.ID || second1.SpecID != first.SpecID {
		t.Fatalf("the returning visitor is %v, not %v", second1.SpecID, first.SpecID)
	}
	_, again := event(t, s, login(3, noon+42*minute, "203.0.113.1", "ann", journey.Failure, plain))
	if again.ID != second1.ID {
		t.Fatalf("from the next address the cookie no longer joins: %v, %v", again.ID, second1.ID)
	}
}

// Two texts that FNV-1a, which anybody can compute, does not tell apart.
const collideA, collideB = "8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"

func TestVisitorsCannotMakeValuesMeet(t *testing.T) {
	if hash63(collideA) != hash63(collideB) {
		t.Fatal("the two texts don't collide")
	}
	s := fresh(t, rules)
	_, a := event(t, s, login(1, noon, "192.0.2.1", collideA, journey.Success, cookie(1)))
	_, b := event(t, s, login(2, noon+1, "192.0.2.2", collideB, journey.Success, cookie(2)))
	if a.SpecID == b.SpecID {
		t.Fatal("two accounts became one user")
	}
	s = fresh(t, "kind: spec\nname: S\ntype: search\nmatch: {path: /}\n---\nkind: label\nid: two\ntitle: T\nseverity: low\n"+
		"when: session.distinct(\"user_agent\", \"1h\") >= 2\n")
	o := login(1, noon, "192.0.2.1", "x", journey.Success, cookie(1))
	o.Elements = append(o.Elements, journey.Element{ID: "user_agent", Value: collideA})
	observe(t, s, o)
	o = login(2, noon+1, "192.0.2.1", "x", journey.Success, cookie(1))
	o.Elements = append(o.Elements, journey.Element{ID: "user_agent", Value: collideB})
	if e, _ := event(t, s, o); labels(e.Labels) != "two" {
		t.Fatal("two values were counted as one")
	}
}

func TestASwitchKeepsTheWindowsThatSurvive(t *testing.T) {
	s := fresh(t, rules)
	for i := range uint64(2) {
		observe(t, s, login(i, noon+int64(i), "192.0.2.1", "ann", journey.Failure, cookie(1)))
	}
	if j := s.Fold(&journey.Input{Kind: journey.InputPolicy, Policy: map[string]string{"p.yaml": "kind: label"}}); j.Fault == "" {
		t.Fatal("a policy with faults is in force")
	}
	old := s.Revision()
	use(t, s, other)
	if s.Revision() == old || s.Policy().Revision != s.Revision() {
		t.Fatal("the revision is not in force")
	}
	observe(t, s, login(5, noon+5, "192.0.2.1", "ann", journey.Failure, cookie(1)))
	if e, _ := event(t, s, login(6, noon+6, "192.0.2.1", "ann", journey.Failure, cookie(1))); labels(e.Labels) != "fails" {
		t.Fatalf("the fourth failure has %q", labels(e.Labels))
	}
}

// TestAFailingRuleIsNamedAndHoldsNothingUp uses a policy that no compiler makes:
// a rule that panics.
func TestAFailingRuleIsNamedAndHoldsNothingUp(t *testing.T) {
	s := fresh(t, rules)
	p := *s.Policy()
	p.Labels = append([]*policy.Label{{ID: "broken", Title: "Broken", Severity: "low", Points: 100}}, p.Labels...)
	s.setPolicy(&p)
	e, _ := event(t, s, login(1, noon, "192.0.2.1", "ann", journey.Failure, cookie(1)))
	if labels(e.Labels) != "" {
		t.Fatalf("labels %q", labels(e.Labels))
	}
	st := s.Live()
	if st.RuleErrors != 1 || len(st.Failing) != 1 || st.Failing[0].Rule != "label broken" || st.Failing[0].Count != 1 || st.Failing[0].Last == "" {
		t.Fatalf("%+v", st)
	}
}

func TestIDsRiseThroughAnyClock(t *testing.T) {
	s := fresh(t, rules)
	last := journey.ID(0)
	for i := range uint64(10000) { // more than a millisecond's sequence
		at := noon
		if i%3 == 0 {
			at -= minute
		}
		j := observe(t, s, login(i, at, "192.0.2.1", "ann", journey.Success, cookie(i%7)))
		if id := j.Events[0].ID; id <= last || id.Partition() != 3 {
			t.Fatalf("event %d has ID %v after %v", i, id, last)
		}
		last = j.Events[0].ID
	}
}

func TestInputsThatCannotBeAreFaults(t *testing.T) {
	s := fresh(t, rules)
	for _, in := range []journey.Input{{Kind: "other"}, {Kind: journey.InputObservation},
		{Kind: journey.InputObservation, Observation: &journey.Observation{Phase: 9}}} {
		if j := s.Fold(&in); j.Fault == "" {
			t.Errorf("%+v folded", in)
		}
	}
	empty := New(0)
	for _, kind := range []journey.InputKind{journey.InputObservation} {
		if j := empty.Fold(&journey.Input{Kind: kind, Observation: login(1, noon, "", "", "")}); j.Fault == "" {
			t.Errorf("%s folded without a policy", kind)
		}
	}
}

func TestPercentIsStableAndRoughlyRight(t *testing.T) {
	n := 0
	for id := range journey.ID(4000) {
		r := policy.Rollout{Mode: policy.Percent, Percent: 20}
		on := enforces(r, id, "x")
		if on != enforces(r, id, "x") {
			t.Fatal("not stable")
		}
		if on {
			n++
		}
	}
	if n < 600 || n > 1000 {
		t.Fatalf("%d of 4000 at 20 percent", n)
	}
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	s := fresh(t, rules)
	for _, in := range journal(60, 300) {
		s.Fold(&in)
	}
	whole := snapshot(t, s)
	for at := 0; at < len(whole); at += 97 {
		b := append([]byte(nil), whole...)
		b[at] ^= 1
		if _, err := Restore(strings.NewReader(string(b))); err == nil {
			t.Fatalf("byte %d of %d was changed, and it restores", at, len(whole))
		}
		if _, err := Restore(strings.NewReader(string(whole[:at]))); err == nil {
			t.Fatalf("cut after %d of %d bytes, it restores", at, len(whole))
		}
	}
}

// older is a snapshot that version 2 wrote after journal(61, 300).
func older(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/snapshot-2.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOlderSnapshotsRestore: version 2 kept series as JSON, version 1 had no
// checksum either, and both kept Sessions as a list. Whoever was known then is
// known under the same names, and what comes after is judged alike from both.
func TestOlderSnapshotsRestore(t *testing.T) {
	second := older(t)
	line, _, _ := strings.Cut(string(second), "\n")
	first := strings.Replace(line, `{"version":2,`, `{"version":1,"now":5,`, 1) + "\n"
	var kept struct {
		Sessions []session.Old
		Windows  []struct{ Entries []any }
	}
	if err := json.Unmarshal([]byte(line), &kept); err != nil {
		t.Fatal(err)
	}
	all, before := journal(61, 1500), len(journal(61, 300))
	a, b := restored(t, []byte(first)), restored(t, second)
	if st := b.Live(); st.Sessions != int64(len(kept.Sessions)) || st.Window.Series != int64(len(kept.Windows)) || st.Sessions == 0 || st.Window.Series == 0 {
		t.Fatalf("%+v of %d sessions and %d series", st, len(kept.Sessions), len(kept.Windows))
	}
	now, keyed := all[before-1].Time, 0
	for i, e := range kept.Sessions {
		if len(e.Keys) == 0 || now-e.Last > 30*minute {
			continue
		}
		keyed++
		o := login(uint64(1<<40+i), now, "198.51.100.77", "nobody", journey.Failure, journey.Key{Kind: "cookie", Hash: e.Keys[0], Named: true})
		j := b.Try(&journey.Input{Kind: journey.InputObservation, Time: now, Observation: o})
		b.Undo()
		if len(j.Events) != 1 || j.Events[0].SessionID != e.ID || j.Events[0].SpecID > e.ID {
			t.Fatalf("session %s: %s", e.ID, asJSON(t, j))
		}
	}
	placed := 0
	for n := before; n < len(all); n++ {
		j, k := a.Fold(&all[n]), b.Fold(&all[n])
		if x, y := asJSON(t, j), asJSON(t, k); x != y {
			t.Fatalf("input %d is judged otherwise:\n%s\n%s", n, x, y)
		}
		for _, e := range j.Events {
			placed += len(e.Labels)
		}
	}
	if placed == 0 || keyed == 0 {
		t.Fatalf("%d labels, %d sessions with keys: the test shows little", placed, keyed)
	}
}
