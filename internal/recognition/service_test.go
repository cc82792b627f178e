package recognition

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// books is a Source whose reading stops where the test wants.
type books struct {
	mu    sync.Mutex
	reads []time.Time
	err   error
	panic bool
	gate  chan struct{} // each entry takes one token, if there is a gate
	many  int
}

func (b *books) Partitions(site string) ([]int, error) {
	switch site {
	case "":
		return []int{0, 1}, nil
	case "shop":
		return []int{1}, nil
	}
	return nil, ErrNoSite
}

func (b *books) Config(partition int) Config { return Config{Partition: partition} }

func (b *books) Read(ctx context.Context, _ int, since time.Time, take func(*journey.Entry, float64) error) error {
	b.mu.Lock()
	b.reads = append(b.reads, since)
	err, bad := b.err, b.panic
	b.mu.Unlock()
	if bad {
		panic("out of order")
	}
	for i := range b.many {
		if b.gate != nil {
			select {
			case <-b.gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := take(&journey.Entry{Input: journey.Input{Kind: journey.InputTick, Time: int64(i + 1)}}, float64(i+1)/float64(b.many)); err != nil {
			return err
		}
	}
	return err
}

func (b *books) times() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.reads)
}

// hand is a clock that the test moves.
type hand struct {
	mu    sync.Mutex
	at    time.Time
	slept time.Duration
}

func (h *hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hand) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func (h *hand) sleep(_ context.Context, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.slept = h.at.Add(d), h.slept+d
}

func serving(t *testing.T, b *books) (*Service, *hand) {
	t.Helper()
	h := &hand{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	s := NewService(b, h.now, h.sleep)
	ctx, stop := context.WithCancel(t.Context())
	var over sync.WaitGroup
	over.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		stop()
		over.Wait()
	})
	return s, h
}

// until asks until the answer is as wanted.
func until(t *testing.T, s *Service, q Question, done func(Answer) bool) Answer {
	t.Helper()
	for range 5000 {
		a, err := s.Ask(q)
		if err != nil {
			t.Fatal(err)
		}
		if done(a) {
			return a
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it never came to that")
	return Answer{}
}

func over(a Answer) bool { return a.Over() }

func TestAnAnswerIsFoundOnceAndHolds(t *testing.T) {
	b := &books{many: 3}
	s, h := serving(t, b)
	q := Question{Days: 7}
	if a, err := s.Ask(q); err != nil || a.Over() || a.Report != nil {
		t.Fatalf("%+v %v", a, err)
	}
	a := until(t, s, q, over)
	if a.State != Ready || a.Report == nil || a.Report.Entries != 6 || a.Progress != 1 || !a.Measured.Equal(h.now()) {
		t.Fatalf("%+v", a)
	}
	if want := h.now().Add(-7 * 24 * time.Hour); b.times() != 2 || !b.reads[0].Equal(want) {
		t.Errorf("read %v, want both partitions since %v", b.reads, want)
	}
	h.pass(holdsLeast - time.Second)
	if a, _ := s.Ask(q); a.State != Ready || b.times() != 2 {
		t.Errorf("found anew too early: %+v", a)
	}
	h.pass(2 * time.Second)
	if a, _ := s.Ask(q); a.Over() || a.Report == nil {
		t.Errorf("an old answer must stand while a new one is found: %+v", a)
	}
	until(t, s, q, over)
	if b.times() != 4 {
		t.Errorf("read %d times", b.times())
	}
}

func TestProgressIsTold(t *testing.T) {
	b := &books{many: 2 * paceEvery, gate: make(chan struct{})}
	s, h := serving(t, b)
	q := Question{Site: "shop", Days: 1}
	if _, err := s.Ask(q); err != nil {
		t.Fatal(err)
	}
	for range paceEvery {
		h.pass(time.Millisecond)
		b.gate <- struct{}{}
	}
	a := until(t, s, q, func(a Answer) bool { return a.Progress > 0 })
	if a.State != Running || a.Progress != 0.5 {
		t.Errorf("%+v", a)
	}
	if other, err := s.Ask(Question{Days: 2}); err != nil || other.State != Waiting {
		t.Errorf("the next one waits: %+v %v", other, err)
	}
	for range paceEvery {
		b.gate <- struct{}{}
	}
	a = until(t, s, q, over)
	// It reads for a millisecond an entry and pauses three times as long.
	if a.TookMS < 4*paceEvery-8 || h.slept < 3*(paceEvery-2)*time.Millisecond {
		t.Errorf("took %d ms with pauses of %v", a.TookMS, h.slept)
	}
	close(b.gate)
}

func TestWhatFailsIsSaidAndTriedAgain(t *testing.T) {
	b := &books{many: 1, err: errors.New("the store is down")}
	s, h := serving(t, b)
	q := Question{Days: 7}
	if a := until(t, s, q, over); a.State != Failed || a.Error != "the store is down" {
		t.Fatalf("%+v", a)
	}
	b.mu.Lock()
	b.err, b.panic = nil, true
	b.mu.Unlock()
	h.pass(holdsLeast + time.Second)
	if a := until(t, s, q, over); a.State != Failed || a.Error != "the measurement panicked: out of order" {
		t.Fatalf("%+v", a)
	}
	b.mu.Lock()
	b.panic = false
	b.mu.Unlock()
	h.pass(holdsLeast + time.Second)
	if a := until(t, s, q, over); a.State != Ready || a.Error != "" || a.Report == nil {
		t.Fatalf("%+v", a)
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	b := &books{many: 1, gate: make(chan struct{})}
	s, h := serving(t, b)
	if _, err := s.Ask(Question{Site: "other", Days: 7}); !errors.Is(err, ErrNoSite) {
		t.Errorf("%v", err)
	}
	first := Question{Days: 1}
	until(t, s, first, func(a Answer) bool { return a.State == Running })
	for d := range mostWaiting {
		if _, err := s.Ask(Question{Days: 2 + d}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Ask(Question{Days: 80}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if _, err := s.Ask(Question{Days: 3}); err != nil {
		t.Errorf("one that waits already: %v", err)
	}
	close(b.gate)
	for d := range 2 * mostAnswers {
		until(t, s, Question{Days: 1 + d}, over)
		h.pass(time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) > mostAnswers || s.answers[first] != nil {
		t.Errorf("%d answers kept, the first among them: %v", len(s.answers), s.answers[first] != nil)
	}
}
