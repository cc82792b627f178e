package insight_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/insight/insighttest"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// visits makes a Session for each Spec ID, whose ID is a hundred times it.
func visits(specs ...journey.ID) (out []journey.Session) {
	for i, id := range specs {
		at := noon.UnixMicro() + int64(i)
		out = append(out, journey.Session{ID: 100 * id, SpecID: id, Start: at, Last: at, Events: 1})
	}
	return out
}

func change(from, into journey.ID, at int64) journey.SpecChange {
	kind := journey.SpecMerged
	if from == into {
		kind = journey.SpecSplit
	}
	return journey.SpecChange{Kind: kind, From: from, Into: into, Time: at, Reason: "r"}
}

func found(t *testing.T, s *insight.Service, q insight.SessionQuery) []journey.ID {
	t.Helper()
	q.Limit = 500
	page, err := s.Sessions(t.Context(), question(t, s, q))
	if err != nil {
		t.Fatal(err)
	}
	out := []journey.ID{}
	for _, x := range page.Sessions {
		out = append(out, x.SpecID)
	}
	slices.Sort(out)
	return out
}

// Whichever Spec ID is asked for, all Sessions of whom it is known as are found.
func TestAllSessionsOfAUserAreFound(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes []journey.SpecChange
		groups  [][]journey.ID
	}{
		{"nothing changed", nil, [][]journey.ID{{1}, {2}, {3}, {4}, {5}}},
		{"one merge", []journey.SpecChange{change(2, 1, 1)}, [][]journey.ID{{1, 2}, {3}, {4}, {5}}},
		{"a chain", []journey.SpecChange{change(4, 3, 1), change(3, 2, 2), change(2, 1, 3)}, [][]journey.ID{{1, 2, 3, 4}, {5}}},
		{"a tree", []journey.SpecChange{change(5, 3, 1), change(4, 3, 1), change(3, 1, 2), change(2, 1, 3)}, [][]journey.ID{{1, 2, 3, 4, 5}}},
		{"the latest holds", []journey.SpecChange{change(3, 1, 1), change(3, 2, 2)}, [][]journey.ID{{1}, {2, 3}, {4}, {5}}},
		{"split, one stands alone", []journey.SpecChange{change(2, 1, 1), change(3, 1, 2), change(2, 2, 3), change(3, 1, 3)}, [][]journey.ID{{1, 3}, {2}, {4}, {5}}},
		{"split from a chain", []journey.SpecChange{change(3, 2, 1), change(2, 1, 2), change(2, 2, 3)}, [][]journey.ID{{1}, {2, 3}, {4}, {5}}},
		{"merged again after a split", []journey.SpecChange{change(2, 1, 1), change(2, 2, 2), change(4, 3, 3), change(3, 2, 4)}, [][]journey.ID{{1}, {2, 3, 4}, {5}}},
		{"a ring, which nothing should make", []journey.SpecChange{change(3, 2, 1), change(2, 3, 2), change(4, 3, 3)}, [][]journey.ID{{1}, {2, 3, 4}, {5}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, _ := service(t, &insighttest.Memory{Sessions: visits(1, 2, 3, 4, 5), Changes: c.changes})
			for _, group := range c.groups {
				for _, id := range group {
					if got := found(t, s, insight.SessionQuery{SpecID: id}); !slices.Equal(got, group) {
						t.Errorf("%d: found %v, want %v", id, got, group)
					}
					if got := found(t, s, insight.SessionQuery{Element: "spec_id", Values: []string{id.String()}}); !slices.Equal(got, group) {
						t.Errorf("%d as an element: found %v, want %v", id, got, group)
					}
					story, err := s.Spec(t.Context(), id)
					if err != nil || story.Asked != id || story.Now != group[0] || !slices.Equal(story.IDs, group) || story.Cut || story.VisitorFacts.Sessions != int64(len(group)) {
						t.Errorf("%d: %+v, %v", id, story.Lineage, err)
					}
					x, err := s.Session(t.Context(), 100*id)
					if err != nil || len(x.Related) != len(group)-1 || x.KnownAs.Of(id) != group[0] {
						t.Errorf("session of %d: %d related, known as %v, %v", id, len(x.Related), x.KnownAs, err)
					}
				}
			}
			both := append(slices.Clone(c.groups[0]), c.groups[1%len(c.groups)]...)
			slices.Sort(both)
			both = slices.Compact(both)
			if got := found(t, s, insight.SessionQuery{Element: "spec_id", Values: []string{c.groups[0][0].String(), c.groups[1%len(c.groups)][0].String()}}); !slices.Equal(got, both) {
				t.Errorf("two at once: %v, want %v", got, both)
			}
		})
	}
}

// Any run of changes gives what following each ID by hand gives.
func TestLineagesOfAnyChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const users = 30
	grown := 0
	for range 200 {
		m := &insighttest.Memory{}
		latest := map[journey.ID]journey.ID{}
		for id := journey.ID(1); id <= users; id++ {
			m.Sessions = append(m.Sessions, visits(id)...)
		}
		for range r.IntN(60) {
			from := journey.ID(1 + r.IntN(users))
			into := journey.ID(1 + r.IntN(int(from))) // an older one, or itself
			m.Changes = append(m.Changes, change(from, into, 1))
			latest[from] = into
		}
		now := func(id journey.ID) journey.ID {
			for latest[id] != 0 && latest[id] != id {
				id = latest[id]
			}
			return id
		}
		s, _, _ := service(t, m)
		for id := journey.ID(1); id <= users; id++ {
			var want []journey.ID
			for other := journey.ID(1); other <= users; other++ {
				if now(other) == now(id) {
					want = append(want, other)
				}
			}
			grown = max(grown, len(want))
			if got := found(t, s, insight.SessionQuery{SpecID: id}); !slices.Equal(got, want) {
				t.Fatalf("%d: %v, want %v after %v", id, got, want, m.Changes)
			}
		}
	}
	if grown < 8 {
		t.Errorf("the largest user had %d IDs: little was tested", grown)
	}
}

func TestEventsKeepTheSpecIDRecorded(t *testing.T) {
	m := &insighttest.Memory{Sessions: visits(1, 2), Changes: []journey.SpecChange{change(2, 1, 1)},
		Events: []journey.Event{{ID: 7, SessionID: 200, SpecID: 2}, {ID: 8, SessionID: 100, SpecID: 1}}}
	s, _, _ := service(t, m)
	e, known, err := s.Event(t.Context(), 7)
	if err != nil || e.SpecID != 2 || known.Of(2) != 1 {
		t.Errorf("%d known as %v, %v", e.SpecID, known, err)
	}
	if _, known, err = s.Event(t.Context(), 8); err != nil || len(known) != 0 {
		t.Errorf("who never changed is known as %v, %v", known, err)
	}
	page, err := s.Events(t.Context(), insight.EventQuery{Session: 200, Limit: 5})
	if err != nil || page.Events[0].SpecID != 2 || page.KnownAs.Of(2) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	list, err := s.Sessions(t.Context(), question(t, s, insight.SessionQuery{Limit: 5}))
	if err != nil || list.KnownAs.Of(2) != 1 || len(list.KnownAs) != 1 {
		t.Errorf("%v, %v", list.KnownAs, err)
	}
}

// A history tells how the user came about and who left it, not what became of
// those who left.
func TestHistoryOfASpecID(t *testing.T) {
	m := &insighttest.Memory{Sessions: visits(1), Changes: []journey.SpecChange{
		change(3, 2, 1), change(2, 1, 2), change(4, 1, 3), change(4, 4, 4), change(4, 9, 5), change(8, 9, 6)}}
	s, _, _ := service(t, m)
	for id, want := range map[journey.ID][]int64{1: {4, 3, 2, 1}, 3: {4, 3, 2, 1}, 9: {6, 5, 4, 3}, 4: {6, 5, 4, 3}} {
		story, err := s.Spec(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, c := range story.History {
			got = append(got, c.Time)
		}
		if !slices.Equal(got, want) || story.HistoryTotal != len(want) {
			t.Errorf("%d: changes of %v, want %v", id, got, want)
		}
	}
	if _, err := s.Spec(t.Context(), 77); !errors.Is(err, insight.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestRelatedActors(t *testing.T) {
	card, phone := int64(70), int64(71)
	m := &insighttest.Memory{
		Sessions: visits(1, 2, 3, 4, 5, 6),
		Changes:  []journey.SpecChange{change(2, 1, 1), change(4, 3, 2), change(6, 1, 3)},
		Events: []journey.Event{{ID: 50, SessionID: 100, Elements: []journey.Element{{ID: "card_number", Value: "h:x", Entity: true, Hash: card},
			{ID: "phone", Value: "+1", Entity: true, Hash: phone}}}},
		Shared: []journey.ActorLink{
			{A: 1, B: 6, Element: "phone", Hash: phone, EventID: 51, Time: 1}, // one of them by now
			{A: 2, B: 4, Element: "card_number", Hash: card, EventID: 52, Time: 2},
			{A: 1, B: 3, Element: "card_number", Hash: card, EventID: 53, Time: 3},
			{A: 1, B: 3, Element: "device_address", Hash: 99, EventID: 54, Time: 4},
			{A: 1, B: 5, Element: "phone", Hash: phone, EventID: 55, Time: 5},
			{A: 5, B: 9, Element: "phone", Hash: phone, EventID: 56, Time: 6}, // none of its business
			{A: 1, B: 8, Element: "phone", Hash: phone, EventID: 57, Time: 7}, // no Session left
		},
	}
	m.Sessions[3].Rating = journey.Malicious // of 4, who is 3
	m.Sessions[4].Rating = journey.Suspicious
	s, _, _ := service(t, m)
	story, err := s.Spec(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		id       journey.ID
		rating   journey.Rating
		worst    journey.ID
		sessions int64
		shared   []string
	}{
		{3, journey.Malicious, 400, 2, []string{"device_address ", "card_number h:x"}},
		{5, journey.Suspicious, 500, 1, []string{"phone +1"}},
		{8, journey.Normal, 0, 0, []string{"phone +1"}},
	}
	if len(story.Actors) != len(want) || story.ActorsTotal != len(want) {
		t.Fatalf("%+v", story.Actors)
	}
	for i, w := range want {
		a := story.Actors[i]
		var shared []string
		for _, x := range a.Shared {
			shared = append(shared, x.Element+" "+x.Value)
		}
		if a.SpecID != w.id || a.Rating != w.rating || a.Worst != w.worst || a.Sessions != w.sessions || !slices.Equal(shared, w.shared) {
			t.Errorf("%+v, want %+v", a, w)
		}
	}
}

func TestSessionsThatWereMerged(t *testing.T) {
	m := &insighttest.Memory{Sessions: visits(1, 2, 3)}
	m.Sessions[1].MergedInto = 100
	m.Sessions[0].Candidates = []journey.Candidate{{SpecID: 3, Confidence: 60}}
	m.Changes = []journey.SpecChange{change(3, 2, 1)}
	s, _, _ := service(t, m)
	story, err := s.Session(t.Context(), 100)
	if err != nil || len(story.Absorbed) != 1 || story.Absorbed[0].ID != 200 || story.KnownAs.Of(3) != 2 {
		t.Errorf("%+v, known as %v, %v", story.Absorbed, story.KnownAs, err)
	}
	spec, err := s.Spec(t.Context(), 2)
	if err != nil || spec.Merged != 1 {
		t.Errorf("%d merged, %v", spec.Merged, err)
	}
}

// Identity's caps lie far below the bounds; damage must not make a page hang.
func TestFollowingChangesIsBounded(t *testing.T) {
	m := &insighttest.Memory{Sessions: visits(1)}
	for id := journey.ID(2); id < 4000; id++ {
		m.Changes = append(m.Changes, change(id, 1, 1))
	}
	for id := journey.ID(5001); id < 5400; id++ { // a chain far longer than any
		m.Changes = append(m.Changes, change(id, id-1, 1))
	}
	m.Sessions = append(m.Sessions, visits(5000, 5399)...)
	s, a, _ := service(t, m)
	story, err := s.Spec(t.Context(), 1)
	if err != nil || !story.Cut || len(story.IDs) != 2000 {
		t.Errorf("%d IDs, cut %v, %v", len(story.IDs), story.Cut, err)
	}
	if got := found(t, s, insight.SessionQuery{SpecID: 1}); !slices.Equal(got, []journey.ID{1}) {
		t.Errorf("found %v", got)
	}
	if n := len(a.query.SpecIDs); n > warehouse.MaxSpecIDs {
		t.Errorf("asked for %d at once", n)
	}
	if story, err = s.Spec(t.Context(), 5399); err != nil || len(story.IDs) == 0 || !slices.Contains(story.IDs, story.Now) {
		t.Errorf("%+v, %v", story.Lineage, err)
	}
}
