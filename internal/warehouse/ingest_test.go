package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

// memory is a Store that keeps what it is given and can be told to fail.
type memory struct {
	mu       sync.Mutex
	position uint64
	events   []journey.Event
	seqs     []uint64
	sessions map[journey.ID]journey.Session
	changes  []Change
	links    []journey.ActorLink
	failing  error
	applies  int
}

func (m *memory) Position(context.Context, int) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.position, nil
}

func (m *memory) Apply(_ context.Context, _ int, from, to uint64, b Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.applies++
	if m.failing != nil {
		return m.failing
	}
	if from != m.position+1 {
		return fmt.Errorf("%w: %d after %d", ErrOrder, from, m.position)
	}
	m.position = to
	m.events = append(m.events, b.Events...)
	m.seqs = append(m.seqs, b.Sequences...)
	m.changes = append(m.changes, b.Changes...)
	m.links = append(m.links, b.Links...)
	seen := map[journey.ID]bool{}
	for _, s := range b.Sessions {
		if seen[s.ID] {
			return fmt.Errorf("session %d twice in a batch", s.ID)
		}
		seen[s.ID] = true
		m.sessions[s.ID] = s
	}
	return nil
}

func (m *memory) Expire(context.Context, int64) error { return nil }
func (m *memory) Close() error                        { return nil }

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = err
}

func (m *memory) tried() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.applies
}

func (m *memory) at() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.position
}

func (m *memory) holds() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// judged is an entry that completes an Event, or faulted.
func judged(n int) *journey.Entry {
	e := &journey.Entry{Version: journey.EntryVersion, Input: journey.Input{Kind: journey.InputTick, Time: int64(n)}}
	if n%10 == 0 {
		e.Judgement.Fault = "panic"
	}
	sid := journey.ID(1 + n/5)
	e.Judgement.Events = []journey.Event{{ID: journey.ID(n), SessionID: sid}}
	e.Judgement.Sessions = []journey.Session{{ID: sid, Events: n}}
	e.Judgement.SpecChanges = []journey.SpecChange{{Kind: journey.SpecMerged, From: journey.ID(n), Into: 1}, {Kind: journey.SpecSplit, From: journey.ID(n), Into: journey.ID(n)}}
	e.Judgement.Links = []journey.ActorLink{{A: 1, B: journey.ID(n), Element: "phone", Hash: 3}}
	return e
}

type rig struct {
	j      *journal.Journal
	w      journal.Writer
	store  *memory
	next   int
	stop   context.CancelFunc
	done   chan error
	ingest *Ingest
}

func start(t *testing.T, dir string, store *memory, opts IngestOptions) *rig {
	t.Helper()
	j, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	last, err := j.Last(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := j.Writer(t.Context(), 0, last)
	if err != nil {
		t.Fatal(err)
	}
	opts.Retry = time.Millisecond
	r := &rig{j: j, w: w, store: store, next: int(last) + 1, done: make(chan error, 1), ingest: NewIngest(j, store, opts)}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.ingest.Run(ctx) }()
	t.Cleanup(func() { stop(); <-r.done; close(r.done) })
	return r
}

func (r *rig) write(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := r.w.Append(judged(r.next), func(uint64, error) {}); err != nil {
			t.Fatal(err)
		}
		r.next++
	}
	if err := r.w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}

func empty() *memory { return &memory{sessions: map[journey.ID]journey.Session{}} }

func TestIngestCarriesAllAndSkipsFaults(t *testing.T) {
	var mu sync.Mutex
	var told []journey.Event
	r := start(t, t.TempDir(), empty(), IngestOptions{BatchEvents: 64, OnApplied: func(a Applied) {
		mu.Lock()
		defer mu.Unlock()
		if len(a.Ready) != len(a.Events) {
			t.Errorf("%d times for %d events", len(a.Ready), len(a.Events))
		}
		told = append(told, a.Events...)
	}})
	r.write(t, 1000)
	eventually(t, "all applied", func() bool { return r.store.at() == 1000 })
	if r.store.holds() != 900 {
		t.Errorf("%d events, want 900", r.store.holds())
	}
	for i, e := range r.store.events {
		if r.store.seqs[i] != uint64(e.ID) || e.ID%10 == 0 {
			t.Fatalf("event %d has sequence %d", e.ID, r.store.seqs[i])
		}
	}
	if s := r.store.sessions[1+3]; s.Events != 19 {
		t.Errorf("session 4 is at %d, want 19", s.Events)
	}
	if len(r.store.changes) != 1800 || len(r.store.links) != 900 {
		t.Fatalf("%d changes, %d links; want 1800 and 900", len(r.store.changes), len(r.store.links))
	}
	for i, c := range r.store.changes {
		if uint64(c.From) != c.Sequence || c.From%10 == 0 || (c.Kind == journey.SpecSplit) != (i%2 == 1) || i > 0 && c.Sequence < r.store.changes[i-1].Sequence {
			t.Fatalf("change %d is %+v", i, c)
		}
	}
	eventually(t, "all told", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) == 900 })
	if !slices.IsSortedFunc(told, func(a, b journey.Event) int { return int(a.ID - b.ID) }) {
		t.Error("told out of order")
	}
	eventually(t, "stats", func() bool {
		s := r.ingest.Stats(t.Context())
		return s.Position == 1000 && s.Lag == 0 && s.Events == 900 && s.Faulted == 100 && s.LastError == ""
	})
}

func TestIngestGoesOnAfterTheStoreFailed(t *testing.T) {
	store := empty()
	r := start(t, t.TempDir(), store, IngestOptions{})
	r.write(t, 50)
	eventually(t, "first applied", func() bool { return store.at() == 50 })
	store.fail(errors.New("disk full"))
	before := store.tried()
	r.write(t, 50)
	eventually(t, "it was tried again", func() bool { return store.tried() > before+2 })
	if s := r.ingest.Stats(t.Context()); s.Lag != 50 || s.Errors == 0 || !strings.Contains(s.LastError, "disk full") {
		t.Errorf("stats %+v", s)
	}
	store.fail(nil)
	eventually(t, "the rest applied", func() bool { return store.at() == 100 })
	if store.holds() != 90 {
		t.Errorf("%d events", store.holds())
	}
	eventually(t, "the error forgotten", func() bool { return r.ingest.Stats(t.Context()).LastError == "" })
}

func TestIngestGoesOnWhereTheStoreIs(t *testing.T) {
	dir, store := t.TempDir(), empty()
	r := start(t, dir, store, IngestOptions{})
	r.write(t, 30)
	eventually(t, "applied", func() bool { return store.at() == 30 })
	r.stop()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ends with %v", err)
	}
	r.done <- nil
	r.write(t, 30)
	if err := r.j.Close(); err != nil {
		t.Fatal(err)
	}
	r = start(t, dir, store, IngestOptions{})
	eventually(t, "applied", func() bool { return store.at() == 60 })
	if store.holds() != 54 {
		t.Errorf("%d events", store.holds())
	}
	// The store knows more than the journal, as after a power loss.
	store.mu.Lock()
	store.position = 80
	store.mu.Unlock()
	r.stop()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ends with %v", err)
	}
	r.done <- nil
	if err := r.j.Close(); err != nil {
		t.Fatal(err)
	}
	r = start(t, dir, store, IngestOptions{})
	eventually(t, "the journal advanced", func() bool { last, err := r.j.Last(t.Context(), 0); return err == nil && last == 80 })
	w, err := r.j.Writer(t.Context(), 0, 80)
	if err != nil {
		t.Fatal(err)
	}
	r.w, r.next = w, 81
	r.write(t, 9)
	eventually(t, "what follows applied", func() bool { return store.at() == 89 })
	if store.holds() != 54+9 {
		t.Errorf("%d events", store.holds())
	}
}

func TestBatchesWaitUntilSomebodyAsks(t *testing.T) {
	store := empty()
	var ready []time.Time
	var mu sync.Mutex
	r := start(t, t.TempDir(), store, IngestOptions{Unwatched: time.Hour, BatchEvery: time.Millisecond, OnApplied: func(a Applied) {
		mu.Lock()
		defer mu.Unlock()
		ready = append(ready, a.Ready...)
	}})
	r.write(t, 20)
	for store.at() < 20 { // one call may fall between two batches
		r.ingest.Fresh(t.Context())
		if t.Context().Err() != nil {
			t.Fatal("never applied")
		}
	}
	r.write(t, 20)
	// Whoever has asked is likely to ask again: for some seconds nothing waits.
	eventually(t, "applied while somebody is likely to look", func() bool { return store.at() == 40 })
	r.ingest.asked.Store(0)
	before, wrote := store.tried(), time.Now()
	r.write(t, 20)
	time.Sleep(3 * lookEvery)
	if store.tried() != before {
		t.Error("applied though nobody looks")
	}
	asked := time.Now()
	for store.at() < 60 {
		r.ingest.Fresh(t.Context())
	}
	eventually(t, "told", func() bool { mu.Lock(); defer mu.Unlock(); return len(ready) == 54 })
	mu.Lock()
	defer mu.Unlock()
	// Those that waited were there for whoever had asked earlier.
	if last := ready[len(ready)-1]; last.Before(wrote) || !last.Before(asked) {
		t.Errorf("the last was ready %v after it was written, %v before anybody asked", last.Sub(wrote), asked.Sub(last))
	}
}

func TestWhatWaitsWasReadyWhenItArrived(t *testing.T) {
	store := empty()
	ready := make(chan []time.Time, 1)
	arrived := time.Now().Add(-time.Hour)
	r := start(t, t.TempDir(), store, IngestOptions{Unwatched: time.Hour, BatchEvents: 6, OnApplied: func(a Applied) { ready <- a.Ready },
		Arrived: func(seq uint64) time.Time {
			switch {
			case seq <= 3:
				return arrived
			case seq == 4:
				return time.Now().Add(time.Hour) // a clock was set
			}
			return time.Time{}
		}})
	began := time.Now()
	r.write(t, 6)
	for i, at := range <-ready {
		if (i < 3) != at.Before(began) || at.Before(arrived) || at.After(time.Now()) {
			t.Errorf("event %d was ready %v after it was written", i+1, at.Sub(began))
		}
	}
	r.stop() // whoever follows is told of what was applied when it was
	store = empty()
	r = start(t, t.TempDir(), store, IngestOptions{OnApplied: func(a Applied) { ready <- a.Ready },
		Arrived: func(uint64) time.Time { return arrived }})
	began = time.Now()
	r.write(t, 1)
	if at := (<-ready)[0]; at.Before(began) {
		t.Errorf("ready %v before it was written", began.Sub(at))
	}
}

func TestWhoBeginsToFollowIsToldAtOnce(t *testing.T) {
	store := empty()
	r := start(t, t.TempDir(), store, IngestOptions{Unwatched: time.Hour})
	r.write(t, 10)
	eventually(t, "applied", func() bool { r.ingest.Hurry(); return store.at() == 10 })
}

func TestAFullBatchWaitsForNobody(t *testing.T) {
	store := empty()
	r := start(t, t.TempDir(), store, IngestOptions{Unwatched: time.Hour, BatchEvents: 50})
	r.write(t, 200)
	eventually(t, "full batches applied", func() bool { return store.at() >= 150 })
}

func TestAFollowerKeepsBatchesComing(t *testing.T) {
	store := empty()
	var heard atomic.Bool
	r := start(t, t.TempDir(), store, IngestOptions{Unwatched: time.Hour, Watched: heard.Load})
	r.write(t, 10)
	heard.Store(true)
	eventually(t, "applied", func() bool { return store.at() == 10 })
}

func TestAQuestionIsAnsweredThoughTheStoreFails(t *testing.T) {
	store := empty()
	store.fail(errors.New("disk full"))
	r := start(t, t.TempDir(), store, IngestOptions{Unwatched: time.Hour, BatchEvery: time.Millisecond})
	r.write(t, 10)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r.ingest.Fresh(ctx) // would wait for ever
	if ctx.Err() != nil {
		t.Error("Fresh waits for a store that fails")
	}
	store.fail(nil)
	eventually(t, "applied after all", func() bool { return store.at() == 10 })
}
