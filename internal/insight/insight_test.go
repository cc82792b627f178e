package insight_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/insight/insighttest"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// asked remembers the last search.
type asked struct {
	*insighttest.Memory
	query warehouse.SessionQuery
	since int64
}

func (a *asked) SearchSessions(ctx context.Context, q warehouse.SessionQuery) (warehouse.SessionPage, error) {
	a.query = q
	return a.Memory.SearchSessions(ctx, q)
}

func (a *asked) LinkedEntities(ctx context.Context, hash, since int64, limit int) ([]warehouse.LinkedEntity, int64, error) {
	a.since = since
	return a.Memory.LinkedEntities(ctx, hash, since, limit)
}

func service(t testing.TB, m *insighttest.Memory) (*insight.Service, *asked, *element.Hasher) {
	t.Helper()
	h, err := element.NewHasher(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	a := &asked{Memory: m}
	s, err := insight.New(insight.Config{Reader: a, Linker: a, Charter: a, Registry: a, Visitors: a, Hasher: h, Region: "US", Clock: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return s, a, h
}

func question(t *testing.T, s *insight.Service, q insight.SessionQuery) insight.SessionQuestion {
	t.Helper()
	out, err := s.CheckSessions(q)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestValuesAreAskedAsStored(t *testing.T) {
	s, a, h := service(t, &insighttest.Memory{})
	for _, c := range []struct {
		element string
		raw     []string
		want    []string
	}{
		{"email", []string{" Ann@Example.com", "ann@example.com"}, []string{"ann@example.com"}},
		{"phone", []string{"(415) 555-2671"}, []string{"+14155552671"}},
		{"quantity", []string{"2"}, []string{"2"}},
		{"session_risk_rating", []string{"Malicious Session", "malicious"}, []string{"malicious"}},
		{"event_type", []string{"Authentication Attempt"}, []string{"authentication_attempt"}},
		{"event_name", []string{"Login through Form"}, []string{"Login through Form"}},
		{"session_id", []string{" 914793674309632 "}, []string{"914793674309632"}},
		{"billing_address", []string{"1 Main Street, Springfield, IL, 62701, usa"}, []string{"1 main st, springfield, il, 62701, US"}},
	} {
		if _, err := s.Sessions(t.Context(), question(t, s, insight.SessionQuery{Element: c.element, Values: c.raw, Limit: 10})); err != nil {
			t.Fatal(err)
		}
		if a.query.Element != c.element || !slices.Equal(a.query.Values, c.want) {
			t.Errorf("%s %q was asked as %q", c.element, c.raw, a.query.Values)
		}
		def, _ := element.Lookup(c.element)
		var hashes []int64
		if def.Entity {
			hashes = []int64{h.Entity(c.element, c.want[0])}
		}
		if !slices.Equal(a.query.Hashes, hashes) {
			t.Errorf("%s: hashes %v, want %v", c.element, a.query.Hashes, hashes)
		}
	}
}

// What a policy defines is asked for like the rest, as long as the policy is in force.
func TestOwnElementsAreAskedFor(t *testing.T) {
	s, a, h := service(t, &insighttest.Memory{})
	ask := insight.SessionQuery{Element: "custom_tag", Values: []string{" ann "}, Limit: 10}
	if _, err := s.CheckSessions(ask); err == nil {
		t.Fatal("an element that nobody knows was taken")
	}
	set := element.NewSet([]element.Def{{ID: "custom_tag", Name: "Tag", Entity: true, Kind: element.Identifier, Sensitivity: element.Personal, Example: "ann"}})
	s.Elements = func() *element.Set { return set }
	if _, err := s.Sessions(t.Context(), question(t, s, ask)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.query.Values, []string{"ann"}) || !slices.Equal(a.query.Hashes, []int64{h.Entity("custom_tag", "ann")}) {
		t.Errorf("asked as %+v", a.query)
	}
	if _, err := s.CheckSessions(insight.SessionQuery{Element: "spec_id", Values: []string{"x"}, Limit: 10}); err == nil {
		t.Error("a made-up ID was taken")
	}
}

// A card number is asked for by its keyed hash and reaches the warehouse as that.
func TestSensitiveValuesAreHashed(t *testing.T) {
	s, a, h := service(t, &insighttest.Memory{})
	const card = "4111 1111 1111 1111"
	if _, err := s.Sessions(t.Context(), question(t, s, insight.SessionQuery{Element: "card_number", Values: []string{card}, Limit: 10})); err != nil {
		t.Fatal(err)
	}
	if len(a.query.Values) != 1 || !strings.HasPrefix(a.query.Values[0], "h:") || strings.Contains(a.query.Values[0], "1111") {
		t.Fatalf("asked as %q", a.query.Values)
	}
	f, err := s.Lookup(t.Context(), "card_number", "4111-1111-1111-1111")
	if err != nil {
		t.Fatal(err)
	}
	if f.Value != a.query.Values[0] || f.Hash != h.Entity("card_number", f.Value) || f.Known {
		t.Errorf("looked up as %+v", f)
	}
	_, err = s.Lookup(t.Context(), "card_number", "4111 1111 1111 1112")
	if err == nil || strings.Contains(err.Error(), "1112") {
		t.Errorf("a wrong card number: %v", err)
	}
}

// While a key is being retired, what it has hashed is found too.
func TestAValueIsFoundByEitherKey(t *testing.T) {
	m := &insighttest.Memory{}
	s, a, h := service(t, m)
	old, fresh := bytes.Repeat([]byte{3}, 32), bytes.Repeat([]byte{4}, 32)
	const card = "4111 1111 1111 1111"
	before, err := s.Lookup(t.Context(), "card_number", card)
	if err != nil {
		t.Fatal(err)
	}
	m.Sessions = []journey.Session{{ID: 1}}
	m.Events = []journey.Event{{ID: 2, SessionID: 1, Elements: []journey.Element{{ID: "card_number", Value: before.Value, Entity: true, Hash: before.Hash}}}}
	if err := h.SetKeys(element.Keys{Current: fresh, Names: old}); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Lookup(t.Context(), "card_number", card); err != nil || f.Known || f.Value == before.Value {
		t.Fatalf("without the former key: %+v %v", f, err)
	}
	if err := h.SetKeys(element.Keys{Current: fresh, Previous: old, Names: old}); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Lookup(t.Context(), "card_number", card); err != nil || !f.Known || f.Hash != before.Hash {
		t.Fatalf("with the former key: %+v %v", f, err)
	}
	page, err := s.Sessions(t.Context(), question(t, s, insight.SessionQuery{Element: "card_number", Values: []string{card}, Limit: 10}))
	if err != nil || page.Total != 1 || len(a.query.Values) != 2 || len(a.query.Hashes) != 2 {
		t.Fatalf("%+v asked as %q: %v", page, a.query.Values, err)
	}
}

func TestAllFaultsOfAQuestion(t *testing.T) {
	s, _, _ := service(t, &insighttest.Memory{})
	many := make([]string, insight.MaxValues+1)
	for _, c := range []struct {
		q    insight.SessionQuery
		want string
	}{
		{insight.SessionQuery{Limit: 501, Sort: "colour", From: 2, To: 1, Entity: "ann", Element: "email"}, "to sort limit entity entity"},
		{insight.SessionQuery{Limit: 1, Values: []string{"x"}}, "element"},
		{insight.SessionQuery{Limit: 1, Element: "shoe_size", Values: []string{"x"}}, "element"},
		{insight.SessionQuery{Limit: 1, Element: "email"}, "values"},
		{insight.SessionQuery{Limit: 1, Element: "email", Values: many}, "values"},
		{insight.SessionQuery{Limit: 1, Element: "email", Values: []string{"x", "a@example.com", ""}}, "values[0] values[2]"},
	} {
		_, err := s.CheckSessions(c.q)
		var faults insight.Faults
		if !errors.As(err, &faults) {
			t.Fatalf("%+v: %v", c.q, err)
		}
		var fields []string
		for _, f := range faults {
			fields = append(fields, f.Field)
		}
		if got := strings.Join(fields, " "); got != c.want {
			t.Errorf("faults in %s, want %s: %v", got, c.want, err)
		}
	}
}

func TestRelatedLeavesTheSessionItselfOut(t *testing.T) {
	m := &insighttest.Memory{}
	for i := range 25 {
		m.Sessions = append(m.Sessions, journey.Session{ID: journey.ID(100 + i), SpecID: 7, Start: int64(1000 + i), Last: int64(1000 + i)})
	}
	m.Sessions = append(m.Sessions, journey.Session{ID: 999, SpecID: 8}, journey.Session{ID: 1000})
	s, _, _ := service(t, m)
	story, err := s.Session(t.Context(), 124)
	if err != nil {
		t.Fatal(err)
	}
	if len(story.Related) != 20 || story.Related[0].ID != 123 || story.Related[19].ID != 104 {
		t.Errorf("%d related: %+v", len(story.Related), story.Related)
	}
	// One too old to be among the newest has all of those.
	if story, err = s.Session(t.Context(), 100); err != nil || len(story.Related) != 20 || story.Related[0].ID != 124 {
		t.Errorf("%v, %d related", err, len(story.Related))
	}
	if story, err = s.Session(t.Context(), 1000); err != nil || len(story.Related) != 0 {
		t.Errorf("without a Spec ID: %v, %d related", err, len(story.Related))
	}
}

func TestEntityStory(t *testing.T) {
	s, a, h := service(t, &insighttest.Memory{})
	at := noon.UnixMicro()
	ann, ip := h.Entity("email", "ann@example.com"), h.Entity("ip", "192.0.2.1")
	a.Memory.Sessions = []journey.Session{{ID: 1, Start: at, Last: at, Rating: journey.Malicious, Country: "DE"}}
	a.Memory.Events = []journey.Event{{ID: 2, SessionID: 1, Time: at, Elements: []journey.Element{
		{ID: "email", Value: "ann@example.com", Entity: true, Hash: ann}, {ID: "ip", Value: "192.0.2.1", Entity: true, Hash: ip}}}}
	e, err := s.Entity(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	if e.Value != "ann@example.com" || e.Ratings != [3]int64{0, 0, 1} || len(e.Linked) != 1 || e.Linked[0].Hash != ip || len(e.Recent) != 1 || e.LinkedTotal != 1 {
		t.Errorf("%+v", e)
	}
	if want := noon.AddDate(0, 0, -90).UnixMicro(); a.since != want {
		t.Errorf("links are looked for since %v, want %v", time.UnixMicro(a.since).UTC(), time.UnixMicro(want).UTC())
	}
	if f, err := s.Lookup(t.Context(), "email", "ANN@example.com"); err != nil || !f.Known || f.Hash != ann {
		t.Errorf("%+v %v", f, err)
	}
	page, err := s.Sessions(t.Context(), question(t, s, insight.SessionQuery{Entity: insight.EntityID(ip), Limit: 5}))
	if err != nil || page.Total != 1 {
		t.Errorf("%+v %v", page, err)
	}
	if _, err := s.Entity(t.Context(), 5); !errors.Is(err, insight.ErrNotFound) {
		t.Errorf("unknown entity: %v", err)
	}
}

func TestEventsOfNoSession(t *testing.T) {
	s, _, _ := service(t, &insighttest.Memory{})
	if _, err := s.Events(t.Context(), insight.EventQuery{Session: 1, Limit: 1}); !errors.Is(err, insight.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestNewWantsAll(t *testing.T) {
	if _, err := insight.New(insight.Config{}); err == nil {
		t.Error("built from nothing")
	}
}

func FuzzParseEntityID(f *testing.F) {
	for _, s := range []string{"e00000000000004d2", "e7fffffffffffffff", "e8000000000000000", "e0000000000000000", "E00000000000004d2", "e+0000000000004d2", "e0x00000000004d2", "e_000000000000_1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := insight.ParseEntityID(s)
		if err == nil && (n <= 0 || insight.EntityID(n) != s) {
			t.Errorf("%q was read as %d, which is written %q", s, n, insight.EntityID(n))
		}
	})
}
