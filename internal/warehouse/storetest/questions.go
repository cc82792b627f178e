package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// search asks many questions, each with every sort, page by page, and compares.
func (s suite) search(t *testing.T) {
	b, w := s.filled(t, 120)
	r := rand.New(rand.NewPCG(5, 5))
	sorts := []string{"start", "last", "events", "labels", "duration", "points", "rating"}
	nonEmpty := 0
	for i, q := range w.questions(r) {
		q.Sort, q.Desc, q.Limit = sorts[i%len(sorts)], i%2 == 0, 1+r.IntN(40)
		want := w.answer(q)
		if len(want) > 0 {
			nonEmpty++
		}
		var got []journey.Session
		for {
			page, err := b.SearchSessions(ctx(), q)
			if err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			if page.Total != int64(len(want)) {
				t.Fatalf("%+v: total %d, want %d", q, page.Total, len(want))
			}
			if len(page.Sessions) > q.Limit {
				t.Fatalf("%+v: a page of %d", q, len(page.Sessions))
			}
			got = append(got, page.Sessions...)
			if q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v:\n got %v\nwant %v", q, ids(got), ids(want))
		}
	}
	if nonEmpty < 30 {
		t.Errorf("only %d questions had an answer: they test little", nonEmpty)
	}
}

func ids(list []journey.Session) (out []journey.ID) {
	for _, s := range list {
		out = append(out, s.ID)
	}
	return out
}

// questions are queries without sort and limit.
func (w *world) questions(r *rand.Rand) []warehouse.SessionQuery {
	some := w.events[r.IntN(len(w.events))]
	mid, day := w.events[len(w.events)/2].Time, 24*3600*second
	out := []warehouse.SessionQuery{
		{}, {}, {}, {}, {}, {}, {},
		{From: mid}, {To: mid}, {From: mid, To: mid + day}, {From: mid, To: mid + 1},
		{Ratings: []journey.Rating{journey.Malicious}}, {Ratings: []journey.Rating{journey.Normal, journey.Suspicious}},
		{Label: "odd"}, {Label: "none"}, {Signature: "takeover"}, {Site: "bank"}, {Country: "DE"}, {City: "Köln"}, {IP: "192.0.2.3"},
		{SpecIDs: []journey.ID{some.SpecID}}, {SpecIDs: []journey.ID{1003, 1004, 1005, 77}, From: mid}, {MergedInto: w.merged}, {Site: "shop", Country: "US", Label: "odd", From: mid - day},
		{Element: "country", Values: []string{"DE"}}, {Element: "url_path", Values: []string{"/p/1"}, From: mid},
		{Element: "url_path", Values: []string{"/p/1", "/p/2"}, To: mid}, {Element: "url_path", Values: []string{"/p/77"}},
		{Element: "failure_reason", Values: []string{"stolen"}}, {Element: "failure_reason", Values: []string{"stolen", "lost"}, From: mid, To: mid + day},
		{Element: "failure_reason", Values: []string{"' OR true --"}}, {Element: "never_mapped", Values: []string{"x"}},
		{Element: "transaction_amount", Values: []string{"129.9"}}, {Element: "transaction_amount", Values: []string{"7.00", "10"}, Country: "DE"},
		{Element: "session_id", Values: []string{some.SessionID.String(), "7"}}, {Element: "spec_id", Values: []string{some.SpecID.String()}, Site: "shop"},
		{Element: "session_risk_rating", Values: []string{"malicious", "suspicious"}},
		{Element: "event_type", Values: []string{"transaction"}}, {Element: "event_name", Values: []string{"Home"}, Ratings: []journey.Rating{journey.Suspicious}},
	}
	for n := range 20 {
		email, ip := fmt.Sprintf("u%d@example.com", n), fmt.Sprintf("192.0.2.%d", n%11)
		out = append(out,
			warehouse.SessionQuery{Element: "email", Values: []string{email}, Hashes: []int64{hash("email", email)}},
			warehouse.SessionQuery{Element: "ip", Values: []string{ip, "192.0.2.4"}, Hashes: []int64{hash("ip", ip), hash("ip", "192.0.2.4")}, From: mid - day, To: mid + day},
			// Right hash, other value: a collision finds nothing.
			warehouse.SessionQuery{Element: "ip", Values: []string{"10.0.0.1"}, Hashes: []int64{hash("ip", ip)}})
	}
	return out
}

// answer is the slow way.
func (w *world) answer(q warehouse.SessionQuery) []journey.Session {
	var out []journey.Session
	for _, s := range w.sessions {
		if w.matches(s, q) {
			out = append(out, *s)
		}
	}
	key := func(s *journey.Session) int64 {
		switch q.Sort {
		case "start":
			return s.Start
		case "last":
			return s.Last
		case "events":
			return int64(s.Events)
		case "labels":
			return int64(len(s.Labels))
		case "duration":
			return s.Last - s.Start
		case "points":
			return int64(s.Points)
		default:
			return int64(s.Rating)
		}
	}
	slices.SortFunc(out, func(a, b journey.Session) int {
		c := cmp.Or(cmp.Compare(key(&a), key(&b)), cmp.Compare(a.ID, b.ID))
		if q.Desc {
			c = -c
		}
		return c
	})
	return out
}

func (w *world) matches(s *journey.Session, q warehouse.SessionQuery) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	ok := is(q.Site, s.Site) && is(q.Country, s.Country) && is(q.City, s.City) && is(q.IP, s.IP) &&
		(q.SpecIDs == nil || slices.Contains(q.SpecIDs, s.SpecID)) && (q.MergedInto == 0 || q.MergedInto == s.MergedInto) && (q.From == 0 || s.Last >= q.From) && (q.To == 0 || s.Start < q.To) &&
		(q.Ratings == nil || slices.Contains(q.Ratings, s.Rating)) &&
		(q.Label == "" || slices.ContainsFunc(s.Labels, func(l journey.Label) bool { return l.ID == q.Label })) &&
		(q.Signature == "" || slices.ContainsFunc(s.Signatures, func(x journey.Signature) bool { return x.ID == q.Signature }))
	if !ok || q.Element == "" {
		return ok
	}
	has := func(v string) bool { return slices.Contains(q.Values, v) }
	switch q.Element {
	case "session_id":
		return has(s.ID.String())
	case "spec_id":
		return has(s.SpecID.String())
	case "session_risk_rating":
		return has(s.Rating.String())
	}
	for i := range w.events {
		e := &w.events[i]
		if e.SessionID != s.ID {
			continue
		}
		switch {
		case q.Element == "event_type" && has(string(e.Type)), q.Element == "event_name" && has(e.Name):
			return true
		case q.Element == "transaction_amount":
			for _, v := range q.Values {
				if e.Value(q.Element) != "" && number(v) == number(e.Value(q.Element)) {
					return true
				}
			}
		case e.Value(q.Element) != "" && has(e.Value(q.Element)):
			return true
		}
	}
	return false
}

func number(s string) (f float64) {
	_, _ = fmt.Sscan(s, &f)
	return f
}

func (s suite) refusals(t *testing.T) {
	b, w := s.filled(t, 10)
	page, err := b.SearchSessions(ctx(), warehouse.SessionQuery{Sort: "start", Limit: 2})
	if err != nil || page.Next == "" {
		t.Fatal(err, page.Next)
	}
	for name, q := range map[string]warehouse.SessionQuery{
		"garbage":           {Sort: "start", Limit: 2, Cursor: "!!!"},
		"no JSON":           {Sort: "start", Limit: 2, Cursor: "AAAA"},
		"another direction": {Sort: "start", Limit: 2, Desc: true, Cursor: page.Next},
		"another sort":      {Sort: "last", Limit: 2, Cursor: page.Next},
	} {
		if _, err := b.SearchSessions(ctx(), q); !errors.Is(err, warehouse.ErrCursor) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.SessionEvents(ctx(), warehouse.EventQuery{Session: w.events[0].SessionID, Cursor: page.Next}); !errors.Is(err, warehouse.ErrCursor) {
		t.Errorf("a cursor of sessions for events: %v", err)
	}
	for name, q := range map[string]warehouse.SessionQuery{
		"sort":     {Sort: "sid; DROP TABLE events", Limit: 1},
		"limit":    {Limit: 501},
		"minus":    {Limit: -1},
		"values":   {Element: "country", Limit: 1},
		"element":  {Values: []string{"x"}, Limit: 1},
		"hashes":   {Element: "ip", Values: []string{"a", "b"}, Hashes: []int64{1}, Limit: 1},
		"id":       {Element: "session_id", Values: []string{"x"}, Limit: 1},
		"rating":   {Element: "session_risk_rating", Values: []string{"bad"}, Limit: 1},
		"spec ids": {SpecIDs: make([]journey.ID, warehouse.MaxSpecIDs+1), Limit: 1},
		"amount":   {Element: "transaction_amount", Values: []string{"much"}, Limit: 1},
	} {
		if _, err := b.SearchSessions(ctx(), q); err == nil {
			t.Errorf("%s: is answered", name)
		}
	}
}

func (s suite) events(t *testing.T) {
	b, w := s.filled(t, 40)
	asked := 0
	for id := range w.sessions {
		for n, q := range []warehouse.EventQuery{
			{}, {Oldest: true}, {Types: []journey.EventType{journey.Transaction, journey.PageView}}, {Name: "Home", Oldest: true}, {Label: "odd"},
			{Ratings: []journey.Rating{journey.Suspicious, journey.Malicious}},
		} {
			q.Session, q.Limit = id, 1+(int(id)+n)%5
			var want []journey.Event
			for _, e := range w.events {
				if e.SessionID == id && (q.Types == nil || slices.Contains(q.Types, e.Type)) && (q.Name == "" || q.Name == e.Name) &&
					(q.Ratings == nil || slices.Contains(q.Ratings, e.Rating)) &&
					(q.Label == "" || slices.ContainsFunc(e.Labels, func(l journey.Label) bool { return l.ID == q.Label })) {
					want = append(want, e)
				}
			}
			if !q.Oldest {
				slices.Reverse(want)
			}
			var got []journey.Event
			for {
				page, err := b.SessionEvents(ctx(), q)
				if err != nil || page.Total != int64(len(want)) {
					t.Fatalf("%+v: %v, total %d, want %d", q, err, page.Total, len(want))
				}
				got = append(got, page.Events...)
				asked++
				if q.Cursor = page.Next; page.Next == "" {
					break
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v: %d events, want %d", q, len(got), len(want))
			}
		}
	}
	if asked < 300 {
		t.Errorf("only %d pages", asked)
	}
}

// seenIn lists, for each entity, the Sessions and when it was last seen in each.
func (w *world) seenIn() map[warehouse.EntityRef]map[journey.ID]int64 {
	out := map[warehouse.EntityRef]map[journey.ID]int64{}
	for _, e := range w.events {
		for _, el := range e.Elements {
			if !el.Entity {
				continue
			}
			ref := warehouse.EntityRef{Hash: el.Hash, Element: el.ID, Value: el.Value}
			if out[ref] == nil {
				out[ref] = map[journey.ID]int64{}
			}
			out[ref][e.SessionID] = max(out[ref][e.SessionID], e.Time)
		}
	}
	return out
}

func (s suite) entities(t *testing.T) {
	b, w := s.filled(t, 80)
	seen := w.seenIn()
	for ref, in := range seen {
		want := warehouse.EntitySummary{EntityRef: ref}
		countries := map[string]int64{}
		for id, last := range in {
			x := w.sessions[id]
			want.Sessions++
			want.Ratings[x.Rating]++
			want.LastSeen = max(want.LastSeen, last)
			if x.Country != "" {
				countries[x.Country]++
			}
		}
		for _, e := range w.events {
			if e.Value(ref.Element) == ref.Value {
				want.FirstSeen = e.Time
				break
			}
		}
		linked := w.linked(seen, ref)
		want.Entities = int64(len(linked))
		got, err := b.Entity(ctx(), ref.Hash)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range got.Countries {
			if countries[c.Country] != c.Sessions {
				t.Errorf("%v: %d sessions from %s, want %d", ref, c.Sessions, c.Country, countries[c.Country])
			}
			delete(countries, c.Country)
		}
		if got.Countries = nil; !reflect.DeepEqual(got, want) || len(countries) > 0 {
			t.Fatalf("got %+v\nwant %+v, missing %v", got, want, countries)
		}
		s.checkLinked(t, b, ref, linked)
	}
	for id := range w.sessions {
		list, err := b.SessionEntities(ctx(), id)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ref, in := range seen {
			if _, ok := in[id]; ok {
				n++
				if !slices.ContainsFunc(list, func(l warehouse.LinkedEntity) bool {
					return l.EntityRef == ref && l.Sessions == int64(len(in)) && l.LastSeen == in[id] && l.Shared == 1
				}) {
					t.Fatalf("session %s: %+v is not among %+v", id, ref, list)
				}
			}
		}
		if n != len(list) {
			t.Fatalf("session %s has %d entities, want %d", id, len(list), n)
		}
	}
}

// linked are the entities that share Sessions with ref.
func (w *world) linked(seen map[warehouse.EntityRef]map[journey.ID]int64, ref warehouse.EntityRef) map[warehouse.EntityRef]warehouse.LinkedEntity {
	out := map[warehouse.EntityRef]warehouse.LinkedEntity{}
	for other, in := range seen {
		l := warehouse.LinkedEntity{EntityRef: other, Sessions: int64(len(in))}
		for id, last := range in {
			if _, ok := seen[ref][id]; ok {
				l.Shared++
				l.LastSeen = max(l.LastSeen, last)
			}
		}
		if l.Shared > 0 && other != ref {
			out[other] = l
		}
	}
	return out
}

func (s suite) checkLinked(t *testing.T, b Backend, ref warehouse.EntityRef, want map[warehouse.EntityRef]warehouse.LinkedEntity) {
	t.Helper()
	got, total, err := b.LinkedEntities(ctx(), ref.Hash, 0, 500)
	if err != nil || total != int64(len(want)) || len(got) != len(want) {
		t.Fatalf("%v: %d of %d linked, %v; want %d", ref, len(got), total, err, len(want))
	}
	for i, l := range got {
		if want[l.EntityRef] != l {
			t.Fatalf("%v: got %+v, want %+v", ref, l, want[l.EntityRef])
		}
		if i > 0 && got[i-1].Shared < l.Shared {
			t.Fatalf("%v: most shared do not come first", ref)
		}
	}
	few, total, err := b.LinkedEntities(ctx(), ref.Hash, 0, 2)
	if err != nil || total != int64(len(want)) || len(few) != min(2, len(want)) || !reflect.DeepEqual(few, got[:len(few)]) {
		t.Fatalf("%v: the first two of %d are %+v, %v", ref, total, few, err)
	}
	if _, total, err := b.LinkedEntities(ctx(), ref.Hash, now().UnixMicro(), 2); err != nil || total != 0 {
		t.Fatalf("since now: %d, %v", total, err)
	}
}

func (s suite) charts(t *testing.T) {
	b, w := s.filled(t, 40)
	turned := 0
	for id, x := range w.sessions {
		chart, err := b.BubbleChart(ctx(), id, 4)
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		want := map[journey.EventType]int64{}
		var turns []journey.Event
		for _, e := range w.events {
			if e.SessionID == id {
				want[e.Type]++
				if e.RatingChange != nil {
					turns = append(turns, e)
				}
			}
		}
		starts := map[int64]bool{}
		for i, c := range chart {
			n += c.Count
			starts[c.Start] = true
			for k, v := range c.Types {
				want[k] -= v
			}
			if c.Start < x.Start || c.Start > x.Last || i > 0 && c.Start < chart[i-1].Start {
				t.Errorf("a bucket at %d of %d to %d", c.Start, x.Start, x.Last)
			}
		}
		for k, v := range want {
			if v != 0 {
				t.Errorf("%s is off by %d", k, v)
			}
		}
		if n != int64(x.Events) || len(starts) > 4 {
			t.Errorf("the chart of %d events has %d in %d buckets", x.Events, n, len(starts))
		}
		got, err := b.Turns(ctx(), id)
		if err != nil || !reflect.DeepEqual(got, turns) {
			t.Errorf("turns: %d, %v; want %d", len(got), err, len(turns))
		}
		turned += len(turns)
	}
	if turned == 0 {
		t.Error("no rating changed: nothing was tested")
	}
	if _, err := b.BubbleChart(ctx(), 1, 0); err == nil {
		t.Error("no buckets are drawn")
	}
}

func (s suite) expire(t *testing.T) {
	b, w := s.filled(t, 60)
	cut := w.events[len(w.events)/2].Time
	if err := b.Expire(ctx(), cut); err != nil {
		t.Fatal(err)
	}
	var events, sessions int64
	for _, e := range w.events {
		if e.Time >= cut {
			events++
		}
	}
	for _, x := range w.sessions {
		if x.Last >= cut {
			sessions++
		}
	}
	seen := w.seenIn()
	o, err := b.Overview(ctx(), 0)
	if err != nil || o.Events != events || o.Sessions != sessions || o.Entities != int64(len(seen)) {
		t.Errorf("%+v, %v; want %d events, %d sessions, %d entities", o, err, events, sessions, len(seen))
	}
	gone := 0
	for ref, in := range seen {
		got, err := b.Entity(ctx(), ref.Hash)
		if err != nil {
			t.Fatal(err)
		}
		var kept int64
		for id := range in {
			if in[id] >= cut {
				kept++
			}
		}
		first := int64(0)
		for _, e := range w.events {
			if e.Value(ref.Element) == ref.Value {
				first = e.Time
				break
			}
		}
		if got.FirstSeen != first || got.Sessions != kept {
			t.Errorf("%v: first seen %d in %d sessions, want %d in %d", ref, got.FirstSeen, got.Sessions, first, kept)
		}
		if kept == 0 {
			gone++
		}
	}
	if gone == 0 {
		t.Error("no entity lost all its sessions: nothing was tested")
	}
	at, err := b.Position(ctx(), 1)
	if err != nil || at != w.ends[len(w.ends)-1] {
		t.Errorf("position %d, %v", at, err)
	}
	// Seen again, it keeps the first time.
	old := w.events[0]
	again := old
	again.ID, again.SessionID, again.Time = journey.NewID(now().UnixMicro(), 1, 1), journey.NewID(now().UnixMicro(), 1, 2), now().Add(-time.Minute).UnixMicro()
	session := journey.Session{ID: again.SessionID, Start: again.Time, Last: again.Time, Events: 1}
	if err := b.Apply(ctx(), 1, at+1, at+1, warehouse.Batch{Events: []journey.Event{again}, Sequences: []uint64{at + 1}, Sessions: []journey.Session{session}}); err != nil {
		t.Fatal(err)
	}
	got, err := b.Entity(ctx(), hash("ip", old.Value("ip")))
	if err != nil || got.FirstSeen > old.Time || got.LastSeen != again.Time {
		t.Errorf("%+v, %v", got, err)
	}
}
