package recognition

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// made is two accounts under three Spec IDs: account 1 has the sessions 1, 2, 3 and
// account 2 has 4, 5; Spec ID 10 was given to 1, 2 and 4, 20 to 3, and 30 to 5.
func made() []answered {
	return []answered{
		{id: 1, start: 1, account: 1, spec: 10, first: 10, family: "Chrome"},
		{id: 2, start: 2, account: 1, spec: 10, first: 10, by: "cookie", family: "Chrome"},
		{id: 3, start: 3, account: 1, spec: 20, first: 20, candidate: 10, family: "Safari"},
		{id: 4, start: 4, account: 2, spec: 10, first: 10, by: "ticket", family: "Chrome"},
		{id: 5, start: 5, account: 2, spec: 30, first: 30, family: "Safari"},
	}
}

func share(t *testing.T, what string, got Rate, hits float64, of, basis int64) {
	t.Helper()
	if math.Abs(got.Hits-hits) > 1e-9 || got.Of != of || got.Basis != basis || math.Abs(got.Share-hits/float64(of)) > 1e-9 {
		t.Errorf("%s is %+v, want %v of %d on %d", what, got, hits, of, basis)
	}
}

func TestTheFiguresOfAKnownCase(t *testing.T) {
	tally := NewTally(Caps{4, 8, 300})
	tally.count(made())
	r := tally.Report()
	if r.Labelled != 5 || r.Accounts != 2 || r.SpecIDs != 3 {
		t.Errorf("%+v", r)
	}
	q := r.Overall
	// Of Spec ID 10: 1–2 and 2–1 are right; 1–4, 2–4 and back are not.
	share(t, "pair precision", q.PairPrecision, 2, 6, 3)
	// Of account 1 six, of account 2 two.
	share(t, "pair recall", q.PairRecall, 2, 8, 5)
	// 2/3, 2/3, 1, 1/3, 1
	share(t, "B-cubed precision", q.CubedPrecision, 11.0/3, 5, 5)
	// 2/3, 2/3, 1/3, 1/2, 1/2
	share(t, "B-cubed recall", q.CubedRecall, 8.0/3, 5, 5)

	// Back came 2 (known by its cookie), 3 (a candidate, right) and 5 (nobody knew).
	f := r.First
	share(t, "first request, strong", f.Strong, 1, 3, 3)
	share(t, "first request, candidate", f.Candidate, 1, 3, 3)
	if f.Returning != 3 || f.StrongWrong != 0 || f.CandidateWrong != 0 || f.Unanswered != 1 {
		t.Errorf("%+v", f)
	}
	// New were 1 and 4, and 4 was taken for account 1.
	share(t, "false recognition", r.False, 1, 2, 2)
}

func TestGroupsAddUp(t *testing.T) {
	tally := NewTally(Caps{4, 8, 300})
	tally.count(made())
	r := tally.Report()
	for what, list := range map[string][]Group{"families": r.Families, "kinds": r.Kinds} {
		var sessions, pairs, returning int64
		for _, g := range list {
			sessions += g.Quality.Sessions
			pairs += g.Quality.PairRecall.Of
			returning += g.First.Returning
		}
		if sessions != 5 || pairs != r.Overall.PairRecall.Of || returning != r.First.Returning {
			t.Errorf("%s: %d sessions, %d pairs, %d returning", what, sessions, pairs, returning)
		}
	}
	if len(r.Families) != 2 || r.Families[0].Name != "Chrome" || r.Families[0].Quality.Sessions != 3 {
		t.Errorf("%+v", r.Families)
	}
	names := []string{}
	for _, g := range r.Kinds {
		names = append(names, g.Name)
	}
	if got := strings.Join(names, " "); got != "cookie bearer token ticket device none" {
		t.Errorf("kinds %s", got)
	}
}

func TestAnswersThatAreWrong(t *testing.T) {
	tally := NewTally(Caps{4, 8, 300})
	tally.count([]answered{
		{id: 1, start: 1, account: 1, spec: 10, first: 10},
		{id: 2, start: 2, account: 2, spec: 20, first: 20},
		{id: 3, start: 3, account: 1, spec: 20, first: 20, by: "device", candidate: 10}, // taken for the other; what else was likely is of no use
		{id: 4, start: 4, account: 2, spec: 40, first: 40, candidate: 99},
		{id: 5, start: 5, account: 3, spec: 50, first: 50, by: "cookie"}, // an old ID that nobody signed in under
	})
	tally.count([]answered{
		{id: 6, start: 6, account: 1, spec: 60, first: 60},
		{id: 7, start: 7, account: 2, spec: 60, first: 60}, // taken for new, and later for the other: not by a key
	})
	r := tally.Report()
	if f := r.First; f.Returning != 2 || f.Candidate.Hits != 0 || f.Strong.Hits != 0 || f.StrongWrong != 1 || f.CandidateWrong != 1 || f.Unanswered != 0 {
		t.Errorf("%+v", f)
	}
	share(t, "false recognition", r.False, 0, 5, 5)
}

// TestOrderOfSessionsIsTheirStart: a session is not known by what came after it.
func TestOrderOfSessionsIsTheirStart(t *testing.T) {
	forth, back := NewTally(Caps{}), NewTally(Caps{})
	all := made()
	forth.count(made())
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	back.count(all)
	if a, b := forth.Report(), back.Report(); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestPartitionsAddUp(t *testing.T) {
	sum := NewTally(Caps{4, 8, 300})
	for p := range 3 {
		one := NewTally(Caps{4, 8, 300})
		one.count(made())
		one.from, one.to, one.entries, one.sessions = int64(100-p), int64(200+p), 10, 7
		one.leftOut.Unlabelled = 2
		sum.Add(one)
	}
	sum.Add(NewTally(Caps{4, 8, 300})) // an empty one has no time
	r := sum.Report()
	if r.Labelled != 15 || r.Accounts != 6 || r.Entries != 30 || r.Sessions != 21 || r.LeftOut.Unlabelled != 6 {
		t.Errorf("%+v", r)
	}
	if r.From.UnixMicro() != 98 || r.To.UnixMicro() != 202 {
		t.Errorf("%v to %v", r.From, r.To)
	}
	share(t, "pair precision", r.Overall.PairPrecision, 6, 18, 9)
	share(t, "false recognition", r.False, 3, 6, 6)
}

func TestFamiliesBeyondTheTableAreToldTogether(t *testing.T) {
	tally := NewTally(Caps{})
	var all []answered
	for i := range 20 {
		for range i + 1 {
			id := journey.ID(len(all) + 1)
			all = append(all, answered{id: id, start: int64(id), account: uint32(id), spec: id, first: id, family: string(rune('a' + i))})
		}
	}
	all = append(all, answered{id: 999, start: 999, account: 999, spec: 999, first: 999, family: otherFamilies})
	tally.count(all)
	got := tally.Report().Families
	if len(got) != mostFamilies+1 || got[0].Name != "t" || got[0].Quality.Sessions != 20 {
		t.Fatalf("%d families, first %+v", len(got), got[0])
	}
	last := got[len(got)-1]
	if last.Name != otherFamilies || last.Quality.Sessions != 1+2+3+4+5+6+7+8+1 {
		t.Errorf("%+v", last)
	}
}

func TestNotesSayOnlyWhatApplies(t *testing.T) {
	r := Report{}
	if n := notes(&r, Caps{4, 8, 300}); len(n) != 1 || !strings.Contains(n[0], "No successful log-in") {
		t.Errorf("%q", n)
	}
	r.Labelled = 5000
	plain := notes(&r, Caps{4, 8, 300})
	r.LeftOut = LeftOut{SharedAccounts: 1, SharedAccountsUsed: 1234, SharedDevices: 2, SeveralAccounts: 1, BeyondLimit: 3, ForgottenKeys: 1, OpenedBeyondPending: 9}
	r.Labelled = 3
	all := notes(&r, Caps{4, 8, 300})
	if len(all) != len(plain)+7 {
		t.Errorf("%d notes, %d when nothing was left out", len(all), len(plain))
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"1 account with 1,234 sessions left out", "more than 8 devices or 300 sessions", "2 sessions left out: signed in with a key that more than 4 accounts", "Only 3 labelled sessions"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said in\n%s", want, text)
		}
	}
}
