package engine

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// TestAFailedAckIsForgotten fails one ack in the middle: the state goes on from
// what the log holds, and nothing else.
func TestAFailedAckIsForgotten(t *testing.T) {
	for name, stored := range map[string]bool{"lost": false, "stored, the answer lost": true} {
		t.Run(name, func(t *testing.T) {
			noneLeft(t)
			log, shed := newMemLog(), &Shed{}
			p := start(t, PartitionConfig{}, log, shed)
			feed(t, p, traffic(3, 30))
			once := true
			log.set(func(l *memLog) {
				l.settle = func(e *journey.Entry) fate {
					if o := e.Input.Observation; once && o != nil && o.Exchange == 1000 {
						once = false
						return fate{errors.New("log: no answer"), stored}
					}
					return fate{stored: true}
				}
			})
			if err := p.Observe(attempt(1000), true); err != nil {
				t.Fatal(err)
			}
			eventually(t, "rebuilt", func() bool { s := p.Stats(); return s.Rebuilds == 1 && s.Up })
			if s := p.Stats(); s.Error != "" {
				t.Fatalf("it is up and says %q", s.Error)
			}
			if shed.Counts()["journal_unavailable"] != 1 || total(shed) != 1 {
				t.Fatalf("counted %v", shed.Counts())
			}
			var after []*journey.Observation
			for _, o := range traffic(4, 40) {
				if o.Exchange >= 30 {
					after = append(after, o)
				}
			}
			feed(t, p, after)
			stop(t, p)
			entries := log.all(t)
			if _, twice := observations(entries); twice != "" {
				t.Fatalf("%s is recorded twice", twice)
			}
			if _, got := log.snapshot(); !bytes.Equal(got, replayed(t, entries)) {
				t.Fatal("the state is not the log's")
			}
		})
	}
}

// TestARefusedAppendIsForgotten refuses single entries, as a real log does with
// one that is too large.
func TestARefusedAppendIsForgotten(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	log.refuse = func(e *journey.Entry) error {
		if o := e.Input.Observation; o != nil && o.Exchange == 1000 {
			return errors.New("log: too large")
		}
		return nil
	}
	p := start(t, PartitionConfig{}, log, shed)
	feed(t, p, traffic(3, 30))
	if _, err := p.Submit(t.Context(), asked(1000)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "too large") {
		t.Fatalf("err = %v", err)
	}
	eventually(t, "up", func() bool { return p.Stats().Up })
	if v, err := p.Submit(t.Context(), asked(1001)); err != nil || v.EventID == 0 {
		t.Fatalf("afterwards: %v", err)
	}
	stop(t, p)
	if _, got := log.snapshot(); !bytes.Equal(got, replayed(t, log.all(t))) || total(shed) != 1 {
		t.Fatalf("the state is not the log's, or shed is wrong: %v", shed.Counts())
	}
}

// TestAFullLogLetsTrafficFlow keeps the log full for a while.
func TestAFullLogLetsTrafficFlow(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	p := start(t, PartitionConfig{}, log, shed)
	feed(t, p, traffic(3, 30))
	log.set(func(l *memLog) { l.settle = func(*journey.Entry) fate { return fate{err: errFull} } })
	if err := p.Observe(attempt(1000), false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "down", func() bool { return !p.Stats().Up })
	tries := func() int { log.mu.Lock(); defer log.mu.Unlock(); return log.openings }
	before := tries()
	for x := range uint64(5) {
		if _, err := p.Submit(t.Context(), asked(2000+x)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("submit: %v", err)
		}
		if err := p.Observe(attempt(3000+x), true); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("observe: %v", err)
		}
	}
	eventually(t, "it says why", func() bool { return strings.Contains(p.Stats().Error, "full") })
	eventually(t, "it goes on trying", func() bool { return tries() > before+3 })
	if c := shed.Counts(); c["journal_unavailable"] != 11 || total(shed) != 11 {
		t.Fatalf("counted %v", c)
	}
	log.set(func(l *memLog) { l.settle = nil })
	eventually(t, "up", func() bool { return p.Stats().Up })
	if v, err := p.Submit(t.Context(), asked(4000)); err != nil || v.EventID == 0 {
		t.Fatalf("afterwards: %v", err)
	}
	stop(t, p)
	entries := log.all(t)
	if _, got := log.snapshot(); !bytes.Equal(got, replayed(t, entries)) {
		t.Fatal("the state is not the log's")
	}
	for _, e := range entries {
		if o := e.Input.Observation; o != nil && o.Exchange >= 1000 && o.Exchange < 4000 {
			t.Fatalf("exchange %d was counted as shed and is recorded", o.Exchange)
		}
	}
}

// TestAPolicyCountsOnceRecorded fails the ack of a revision.
func TestAPolicyCountsOnceRecorded(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{}, log, &Shed{})
	old := p.Stats().Revision
	next := bundle(rules1 + "\n---\nkind: list\nname: l\nvalues: [a]\n")
	log.set(func(l *memLog) {
		l.settle = func(e *journey.Entry) fate {
			if e.Input.Kind == journey.InputPolicy {
				return fate{err: errFull}
			}
			return fate{stored: true}
		}
	})
	if err := p.SetPolicy(t.Context(), next); !errors.Is(err, errFull) {
		t.Fatalf("err = %v", err)
	}
	eventually(t, "rebuilt", func() bool { s := p.Stats(); return s.Up && s.Rebuilds == 1 })
	if got := p.Stats().Revision; got != old {
		t.Fatalf("revision %s, want %s", got, old)
	}
	log.set(func(l *memLog) { l.settle, l.held = nil, true })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := p.SetPolicy(ctx, next); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("before it is recorded: %v", err)
	}
	log.set(func(l *memLog) { l.held = false })
	if err := p.SetPolicy(t.Context(), next); err != nil || p.Stats().Revision == old {
		t.Fatalf("%v, revision %s", err, p.Stats().Revision)
	}
	if err := p.SetPolicy(t.Context(), bundle("kind: nonsense\n")); !errors.Is(err, ErrFault) {
		t.Fatalf("one with faults: %v", err)
	}
	stop(t, p)
}

// TestALastEntryThatFailsIsInNoSnapshot fails the very last ack, while stopping.
func TestALastEntryThatFailsIsInNoSnapshot(t *testing.T) {
	noneLeft(t)
	for _, silent := range []bool{false, true} {
		lastEntryFails(t, silent)
	}
}

func lastEntryFails(t *testing.T, silent bool) {
	log, shed := newMemLog(), &Shed{}
	log.silent = silent
	p := start(t, PartitionConfig{}, log, shed)
	feed(t, p, traffic(3, 30))
	log.set(func(l *memLog) {
		l.held = true
		l.settle = func(*journey.Entry) fate { return fate{err: errFull} }
	})
	if err := p.Observe(attempt(1000), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "in flight", func() bool { return p.inFlight.Load() == 1 })
	p.cancel()
	log.set(func(l *memLog) { l.held = false })
	stop(t, p)
	if seq, snap := log.snapshot(); snap != nil && !bytes.Equal(snap, replayed(t, log.all(t)[:seq])) {
		t.Fatal("a snapshot holds what the log does not")
	}
	if total(shed) != 1 {
		t.Fatalf("counted %v", shed.Counts())
	}
}

// TestStopEndsThoughTheLogIsStuck never acknowledges again.
func TestStopEndsThoughTheLogIsStuck(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	p := prepare(PartitionConfig{InFlight: 2, AsyncQueue: 100}, log, shed)
	p.patience = 20 * time.Millisecond
	begin(t, p)
	log.set(func(l *memLog) { l.held = true })
	var wg sync.WaitGroup
	for x := range uint64(50) {
		if err := p.Observe(attempt(x), false); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "folding is held up", func() bool { return len(p.async) == 47 })
	wg.Go(func() {
		if _, err := p.Submit(context.Background(), asked(100)); !errors.Is(err, ErrStopped) {
			t.Errorf("a waiting caller: %v", err)
		}
	})
	eventually(t, "the caller waits", func() bool { return len(p.sync) == 1 })
	stop(t, p)
	wg.Wait()
	log.set(func(l *memLog) { l.held = false })
	eventually(t, "all are counted", func() bool { n, _ := observations(log.all(t)); return n+total(shed) == 51 })
	if seq, _ := log.snapshot(); seq != 0 {
		t.Fatal("a snapshot of what was not recorded")
	}
}

// TestTroubleOfEveryKind sends from many sides while the log fails at random, in
// every way it can: what is in the log afterwards and what was counted is what was
// sent, nothing stands twice, and the state is the log's.
func TestTroubleOfEveryKind(t *testing.T) {
	noneLeft(t)
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 5))
		log, shed := newMemLog(), &Shed{}
		chance := func(n int) bool { return r.IntN(n) == 0 } // under the log's lock
		p := start(t, PartitionConfig{SnapshotEvery: 50, InFlight: 16, SyncQueue: 64, AsyncQueue: 64}, log, shed)
		log.set(func(l *memLog) {
			l.refuse = func(*journey.Entry) error {
				if chance(60) {
					return errors.New("log: refused")
				}
				return nil
			}
			l.settle = func(*journey.Entry) fate {
				if chance(60) {
					return fate{err: errFull}
				}
				return fate{stored: true}
			}
			l.open = func() error {
				if chance(3) {
					return errors.New("log: can't be opened")
				}
				return nil
			}
			l.load = func() error {
				if chance(5) {
					return errors.New("log: can't be read")
				}
				return nil
			}
		})
		var wg sync.WaitGroup
		for g := range uint64(4) {
			wg.Go(func() {
				for x := g * 1000; x < g*1000+300; x++ {
					if g < 2 {
						_, _ = p.Submit(context.Background(), asked(x))
					} else {
						_ = p.Observe(attempt(x), g == 2)
					}
					if x%8 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		wg.Wait()
		log.set(func(l *memLog) { l.refuse, l.settle, l.open, l.load = nil, nil, nil, nil })
		eventually(t, "up", func() bool { return p.Stats().Up && len(p.sync)+len(p.async) == 0 })
		stop(t, p)
		entries := log.all(t)
		n, twice := observations(entries)
		if n+total(shed) != 1200 || twice != "" {
			t.Fatalf("seed %d: %d recorded, %d shed of 1200; twice %q; %v", seed, n, total(shed), twice, shed.Counts())
		}
		if seq, got := log.snapshot(); int(seq) == len(entries) && !bytes.Equal(got, replayed(t, entries)) {
			t.Fatalf("seed %d: the state is not the log's\n%s", seed, firstDifference(got, replayed(t, entries)))
		}
		if p.Stats().Rebuilds == 0 {
			t.Fatalf("seed %d: no trouble at all", seed)
		}
	}
}
