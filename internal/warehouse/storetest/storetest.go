// Package storetest is the one suite that every warehouse backend must pass. A
// backend's own tests call Run; it promises nothing at run time.
package storetest

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// Backend is all that a warehouse offers.
type Backend interface {
	warehouse.Store
	warehouse.Reader
	warehouse.Linker
	warehouse.Gauge
	warehouse.Charter
	warehouse.Keeper
	warehouse.Registry
	warehouse.Visitors
}

// Opener opens a backend on a file or whatever it makes of the name; clock is
// what "the last 90 days" counts from. It is closed by the caller.
type Opener func(t *testing.T, file string, clock func() time.Time) Backend

func ctx() context.Context { return context.Background() }

type suite struct{ open Opener }

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	s := suite{open}
	for name, test := range map[string]func(*testing.T){
		"an Event reads back exactly":              s.roundTrip,
		"Apply is idempotent and ordered":          s.order,
		"a reopened store goes on":                 s.reopen,
		"partitions have positions of their own":   s.partitions,
		"search finds what the slow way finds":     s.search,
		"search refuses what makes no sense":       s.refusals,
		"events are filtered and paged":            s.events,
		"entities are counted and linked":          s.entities,
		"former hashes link":                       s.former,
		"charts add up and turns are told":         s.charts,
		"changes of Spec IDs are told in order":    s.changes,
		"links of Spec IDs are told once":          s.links,
		"visitors are summed up":                   s.visitors,
		"sessions go with their part of a split":   s.parts,
		"who is who outlives no Session":           s.forget,
		"first seen outlives expiry":               s.expire,
		"what is not there is not found":           s.notFound,
		"readers and a writer don't meet":          s.concurrent,
		"a backup made meanwhile is a whole store": s.backup,
	} {
		t.Run(name, test)
	}
}

func (s suite) fresh(t *testing.T) Backend {
	t.Helper()
	return s.at(t, filepath.Join(t.TempDir(), "store"))
}

func (s suite) at(t *testing.T, file string) Backend {
	t.Helper()
	b := s.open(t, file, now)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// filled is a backend that holds a world.
func (s suite) filled(t *testing.T, sessions int) (Backend, *world) {
	t.Helper()
	b, w := s.fresh(t), newWorld(uint64(sessions), sessions)
	w.apply(b, 1, func(err error) { t.Fatal(err) })
	return b, w
}

func (s suite) roundTrip(t *testing.T) {
	at := now().UnixMicro()
	id := journey.NewID(at, 2, 1)
	long := make([]rune, 5000)
	for i := range long {
		long[i] = 'ä' + rune(i%50)
	}
	full := journey.Event{
		ID: id, SessionID: journey.NewID(at, 2, 2), SpecID: 1<<63 - 1, Site: "shop", Time: at, Duration: 12345, Name: "Login 'through' \"API\"",
		Type: journey.AuthenticationAttempt, Spec: "spec/x", Method: "POST", Status: 403, Outcome: journey.Mitigated, Sync: true, Truncated: true,
		Elements: []journey.Element{
			{ID: "transaction_amount", Value: "129.90"}, entity("ip", "2001:db8::1"), {ID: "country", Value: "DE"},
			{ID: "email", Entity: true, Hash: 5, Invalid: "no @"}, {ID: "promo_code", Value: "A"}, {ID: "promo_code", Value: "B"},
			{ID: "message", Value: "Wo ist\nmein \x00 Paket 🦆?"}, {ID: "message", Value: string(long)}, {ID: "quantity", Invalid: "no number"},
			{ID: "refund_amount", Value: "59.00"}, {ID: "search_query", Value: "' OR 1=1; --"}, {ID: "odd", Value: "x", Hash: 1<<63 - 1},
			{ID: "city", Value: ""}, {ID: "os", Value: " "}, {ID: "card_number", Value: "h:abc", Entity: true, Hash: 77}},
		Labels: []journey.Label{{ID: "a", Title: "A", Severity: "critical", Points: -5, EventID: id, Time: at, Expires: at + 9, Shadow: true,
			Evidence: []journey.Evidence{{What: "w", Value: "v"}, {}}}, {ID: "b"}},
		Signatures: []journey.Signature{{ID: "s", Title: "S", Rating: journey.Malicious, Labels: []string{"a", "b"}, EventID: id, Time: at, Shadow: true}},
		Rating:     journey.Malicious, Points: -3, RatingChange: &journey.RatingChange{From: 1, To: 2, Reason: "why"},
		Actions:   []journey.Action{{Name: "block", Type: journey.ActionBlock, Workflow: "w", Time: at, EventID: id, Shadow: true, Enforced: true, Reason: "r", Count: 3}},
		Workflows: []string{"w1", "w2"}, JoinReason: "cookie", Revision: "abc",
	}
	bare := journey.Event{ID: journey.NewID(at, 2, 9), SessionID: full.SessionID, Time: at + 1}
	amounts := journey.Event{ID: journey.NewID(at, 2, 10), SessionID: full.SessionID, Time: at + 2,
		Elements: []journey.Element{{ID: "transaction_amount", Value: "7", Unverified: true}, {ID: "transaction_amount", Value: "7"}, {ID: "transaction_amount", Invalid: "x"}}}
	broken := journey.Event{ID: journey.NewID(at, 2, 11), SessionID: full.SessionID, Time: at + 3,
		Elements: []journey.Element{{ID: "transaction_amount", Value: "many"}, {ID: "zz", Value: ""}}}
	session := journey.Session{ID: full.SessionID, SpecID: 9, Site: "shop", Start: at, Last: at + 3, Events: 4, Rating: journey.Suspicious, Points: 44,
		Labels: full.Labels, Signatures: full.Signatures, Actions: full.Actions, IP: "192.0.2.1", Country: "DE", City: "Köln", UserAgent: "Chrome", Account: "ann",
		Recognised: journey.KeyTicket, MergedInto: 77, Candidates: []journey.Candidate{{SpecID: 1<<63 - 1, Confidence: 99, Reasons: []string{"same 'address'", "ä"}}, {SpecID: 4, Confidence: 1}}}
	b := s.fresh(t)
	want := []journey.Event{full, bare, amounts, broken}
	if err := b.Apply(ctx(), 2, 1, 4, warehouse.Batch{Events: want, Sequences: []uint64{1, 2, 3, 4}, Sessions: []journey.Session{session}}); err != nil {
		t.Fatal(err)
	}
	for _, e := range want {
		got, err := b.Event(ctx(), e.ID)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%v\n got %+v\nwant %+v", err, got, e)
		}
	}
	page, err := b.SessionEvents(ctx(), warehouse.EventQuery{Session: session.ID, Oldest: true, Limit: 10})
	if err != nil || !reflect.DeepEqual(page.Events, want) {
		t.Errorf("as a page: %v, %d events", err, len(page.Events))
	}
	if got, err := b.Session(ctx(), session.ID); err != nil || !reflect.DeepEqual(got, session) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, session)
	}
}

func (s suite) order(t *testing.T) {
	b, w := s.fresh(t), newWorld(3, 20)
	first, second := w.batches[0], w.batches[1]
	apply := func(from, to uint64, batch warehouse.Batch) error { return b.Apply(ctx(), 1, from, to, batch) }
	if err := apply(1, w.ends[0], first); err != nil {
		t.Fatal(err)
	}
	if err := apply(1, w.ends[0], first); err != nil {
		t.Errorf("again: %v", err)
	}
	for _, from := range []uint64{1, w.ends[0], w.ends[0] + 2} {
		if err := apply(from, w.ends[1], second); !errors.Is(err, warehouse.ErrOrder) {
			t.Errorf("a batch from %d after %d: %v", from, w.ends[0], err)
		}
	}
	if err := apply(w.ends[0]+1, w.ends[0], second); err == nil {
		t.Error("a batch that ends before it begins is taken")
	}
	if err := apply(w.ends[0]+1, w.ends[1], warehouse.Batch{Events: second.Events}); err == nil {
		t.Error("Events without sequences are taken")
	}
	check := func(batches, position int) {
		t.Helper()
		n := 0
		for _, x := range w.batches[:batches] {
			n += len(x.Events)
		}
		o, err := b.Overview(ctx(), 0)
		if err != nil || o.Events != int64(n) {
			t.Errorf("%d Events, %v; want %d", o.Events, err, n)
		}
		if at, err := b.Position(ctx(), 1); err != nil || at != uint64(position) {
			t.Errorf("position %d, %v; want %d", at, err, position)
		}
	}
	check(1, int(w.ends[0]))
	canceled, cancel := context.WithCancel(ctx())
	cancel()
	if err := b.Apply(canceled, 1, w.ends[0]+1, w.ends[1], second); err == nil {
		t.Error("a canceled Apply says nothing")
	}
	check(1, int(w.ends[0]))
	if err := apply(w.ends[0]+1, w.ends[1], second); err != nil {
		t.Fatal(err)
	}
	check(2, int(w.ends[1]))
	if err := apply(w.ends[1]+1, w.ends[1]+7, warehouse.Batch{}); err != nil { // entries without an Event
		t.Fatal(err)
	}
	check(2, int(w.ends[1])+7)
}

func (s suite) reopen(t *testing.T) {
	file, w := filepath.Join(t.TempDir(), "store"), newWorld(4, 60)
	from := uint64(1)
	for i := range w.batches { // opened anew for every third batch, which first comes twice
		b := s.open(t, file, now)
		if at, err := b.Position(ctx(), 1); err != nil || at != from-1 {
			t.Fatalf("position %d, %v; want %d", at, err, from-1)
		}
		if err := b.Apply(ctx(), 1, from, w.ends[i], w.batches[i]); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			if err := b.Apply(ctx(), 1, from, w.ends[i], w.batches[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		from = w.ends[i] + 1
	}
	b := s.at(t, file)
	o, err := b.Overview(ctx(), 0)
	if err != nil || o.Events != int64(len(w.events)) || o.Sessions != int64(len(w.sessions)) {
		t.Fatalf("%+v, %v; want %d events, %d sessions", o, err, len(w.events), len(w.sessions))
	}
	for id, want := range w.sessions {
		if got, err := b.Session(ctx(), id); err != nil || !reflect.DeepEqual(got, *want) {
			t.Fatalf("%v\n got %+v\nwant %+v", err, got, *want)
		}
	}
}

func (s suite) partitions(t *testing.T) {
	b := s.fresh(t)
	for p, to := range map[int]uint64{0: 5, 1023: 9} {
		if err := b.Apply(ctx(), p, 1, to, warehouse.Batch{}); err != nil {
			t.Fatal(err)
		}
	}
	for p, want := range map[int]uint64{0: 5, 1023: 9, 4: 0} {
		if got, err := b.Position(ctx(), p); err != nil || got != want {
			t.Errorf("partition %d is at %d, %v; want %d", p, got, err, want)
		}
	}
}

func (s suite) notFound(t *testing.T) {
	b, w := s.filled(t, 5)
	if _, err := b.Session(ctx(), 77); !errors.Is(err, warehouse.ErrNotFound) {
		t.Errorf("session: %v", err)
	}
	if _, err := b.Event(ctx(), 77); !errors.Is(err, warehouse.ErrNotFound) {
		t.Errorf("event: %v", err)
	}
	if _, err := b.Entity(ctx(), 77); !errors.Is(err, warehouse.ErrNotFound) {
		t.Errorf("entity: %v", err)
	}
	page, err := b.SessionEvents(ctx(), warehouse.EventQuery{Session: 77, Limit: 5})
	if err != nil || page.Total != 0 || len(page.Events) != 0 {
		t.Errorf("events: %+v, %v", page, err)
	}
	if l, n, err := b.LinkedEntities(ctx(), 77, 0, 5); err != nil || n != 0 || len(l) != 0 {
		t.Errorf("linked: %v %d %v", l, n, err)
	}
	o, err := b.Overview(ctx(), 0)
	if err != nil || o.Events != int64(len(w.events)) || o.Bytes == 0 {
		t.Errorf("overview %+v, %v", o, err)
	}
}

// concurrent writes a world while readers ask; no answer may be half a batch.
func (s suite) concurrent(t *testing.T) {
	b, w := s.fresh(t), newWorld(11, 150)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				page, err := b.SearchSessions(ctx(), warehouse.SessionQuery{Element: "ip", Values: []string{"192.0.2.1"},
					Hashes: []int64{hash("ip", "192.0.2.1")}, Sort: "last", Desc: true, Limit: 20})
				if err != nil {
					t.Error(err)
					return
				}
				for _, x := range page.Sessions {
					events, err := b.SessionEvents(ctx(), warehouse.EventQuery{Session: x.ID, Limit: 100})
					if err != nil || len(events.Events) < x.Events {
						t.Errorf("session of %d has %d events, %v", x.Events, len(events.Events), err)
						return
					}
				}
				if _, _, err := b.LinkedEntities(ctx(), hash("ip", "192.0.2.1"), 0, 20); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	w.apply(b, 1, func(err error) { t.Error(err) })
	close(stop)
	wg.Wait()
	if o, err := b.Overview(ctx(), 0); err != nil || o.Events != int64(len(w.events)) {
		t.Errorf("%d events, %v; want %d", o.Events, err, len(w.events))
	}
}

func (s suite) backup(t *testing.T) {
	b, w := s.fresh(t), newWorld(12, 80)
	half := len(w.batches) / 2
	from := uint64(1)
	file := filepath.Join(t.TempDir(), "it's a copy", "backup")
	done := make(chan error, 1)
	for i := range w.batches {
		if i == half {
			go func() { done <- b.Backup(ctx(), file) }()
		}
		if err := b.Apply(ctx(), 1, from, w.ends[i], w.batches[i]); err != nil {
			t.Fatal(err)
		}
		from = w.ends[i] + 1
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := b.Backup(ctx(), file); err == nil {
		t.Error("a backup over another is not refused")
	}
	copied := s.at(t, file)
	at, err := copied.Position(ctx(), 1)
	if err != nil || at < w.ends[half-1] {
		t.Fatalf("the copy is at %d, %v", at, err)
	}
	n, next := 0, 0
	for next = 0; next < len(w.ends) && w.ends[next] <= at; next++ {
		n += len(w.batches[next].Events)
	}
	if o, err := copied.Overview(ctx(), 0); err != nil || o.Events != int64(n) {
		t.Fatalf("the copy at %d has %d events, %v; want %d", at, o.Events, err, n)
	}
	for ; next < len(w.batches); next++ { // and goes on where it was
		if err := copied.Apply(ctx(), 1, at+1, w.ends[next], w.batches[next]); err != nil {
			t.Fatal(err)
		}
		at = w.ends[next]
	}
	for id, want := range w.sessions {
		if got, err := copied.Session(ctx(), id); err != nil || !reflect.DeepEqual(got, *want) {
			t.Fatalf("%v\n got %+v\nwant %+v", err, got, *want)
		}
	}
}
