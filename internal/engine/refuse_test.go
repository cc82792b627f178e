package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
)

// TestABusyLogMakesFoldingWait refuses entries as busy for a while: nothing is
// rebuilt, nothing is lost but what the lanes had no room for, and the order stays.
func TestABusyLogMakesFoldingWait(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	p := start(t, PartitionConfig{SyncQueue: 8, AsyncQueue: 8}, log, shed)
	feed(t, p, traffic(3, 30))
	busy := func(*journey.Entry) error { return fmt.Errorf("%w: try later", ErrLogBusy) }
	log.set(func(l *memLog) { l.refuse = busy })
	sent := 0
	send := func() error { sent++; return p.Observe(attempt(1000+uint64(sent)), true) }
	if err := send(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "taken", func() bool { return len(p.sync) == 0 })
	for range cap(p.sync) {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := send(); !errors.Is(err, ErrBusy) {
			t.Fatalf("the lane is full: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond) // outlasts a few tries
	defer cancel()
	if err := p.SetPolicy(ctx, bundle(rules1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a command meanwhile: %v", err)
	}
	log.set(func(l *memLog) { l.refuse = nil })
	quiet(t, p)
	if s := p.Stats(); s.Rebuilds != 0 || !s.Up {
		t.Fatalf("%+v", s)
	}
	stop(t, p)
	entries, next := log.all(t), uint64(1001)
	for _, e := range entries {
		if o := e.Input.Observation; o != nil && o.Exchange > 1000 {
			if o.Exchange != next {
				t.Fatalf("exchange %d stands where %d should", o.Exchange, next)
			}
			next++
		}
	}
	if next != 1001+1+8 || shed.Counts()["sync_queue_full"] != 3 || total(shed) != 3 {
		t.Fatalf("%d recorded, shed %v", next-1001, shed.Counts())
	}
	if _, got := log.snapshot(); !bytes.Equal(got, replayed(t, entries)) {
		t.Fatal("the state is not the log's")
	}
}

// TestStopEndsThoughTheLogStaysBusy: what it would not take is counted, and leaves
// no trace.
func TestStopEndsThoughTheLogStaysBusy(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	p := prepare(PartitionConfig{}, log, shed)
	p.patience = 30 * time.Millisecond
	begin(t, p)
	feed(t, p, traffic(3, 30))
	log.set(func(l *memLog) { l.refuse = func(*journey.Entry) error { return ErrLogBusy } })
	for x := range uint64(5) {
		if err := p.Observe(attempt(1000+x), true); err != nil {
			t.Fatal(err)
		}
	}
	stop(t, p)
	if c := shed.Counts(); c["stopping"] != 5 || total(shed) != 5 {
		t.Fatalf("counted %v", c)
	}
	if seq, got := log.snapshot(); seq > 0 && !bytes.Equal(got, replayed(t, log.all(t)[:seq])) {
		t.Fatal("a snapshot holds what the log does not")
	}
}

// bulky refuses entries beyond a size, as a journal does.
func bulky(most int) func(e *journey.Entry) error {
	return func(e *journey.Entry) error {
		n := 0
		if o := e.Input.Observation; o != nil {
			for _, el := range o.Elements {
				n += len(el.Value)
			}
		}
		for i := range e.Judgement.Events {
			for _, el := range e.Judgement.Events[i].Elements {
				n += len(el.Value)
			}
		}
		for _, text := range e.Input.Policy {
			n += len(text)
		}
		if n > most {
			return fmt.Errorf("%w: %d bytes", ErrTooLarge, n)
		}
		return nil
	}
}

// TestAnEntryTooLargeIsLeftOut tries one of every kind. The log says so of each,
// nothing is rebuilt, and the state is what replay makes of the log.
func TestAnEntryTooLargeIsLeftOut(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	log.refuse = bulky(20_000)
	p := prepare(PartitionConfig{}, log, shed)
	now := noon
	p.cfg.Clock = func() int64 { return now }
	begin(t, p)
	feed(t, p, traffic(3, 30))
	large := func(o *journey.Observation, n int) *journey.Observation {
		o.Elements = append(o.Elements, journey.Element{ID: "query", Value: strings.Repeat("x", n)})
		return o
	}
	if _, err := p.Submit(t.Context(), large(asked(1000), 30_000)); !errors.Is(err, ErrFault) || !strings.Contains(err.Error(), "too large") {
		t.Fatalf("a request: %v", err)
	}
	// A response and a whole Event after it: the request's Event stays open.
	if _, err := p.Submit(t.Context(), large(asked(1001), 15_000)); err != nil {
		t.Fatal(err)
	}
	feed(t, p, []*journey.Observation{large(answered(1001), 15_000), large(attempt(1002), 30_000)})
	old := p.Stats().Revision
	if err := p.SetPolicy(t.Context(), bundle(rules1+"\n#"+strings.Repeat("x", 30_000))); !errors.Is(err, ErrFault) {
		t.Fatalf("a policy: %v", err)
	}
	if got := p.Stats().Revision; got != old {
		t.Fatalf("revision %s is in force, want %s", got, old)
	}
	open := p.Stats().Judge.Pending
	if open < 2 {
		t.Fatalf("%d are open", open)
	}
	// Together what is open is too large for one tick.
	if _, err := p.Submit(t.Context(), large(asked(1003), 15_000)); err != nil {
		t.Fatal(err)
	}
	stop(t, p) // and is started anew, with ticks
	p = prepare(PartitionConfig{TickEvery: time.Millisecond}, log, shed)
	now = noon + int64(time.Hour/time.Microsecond)*2
	p.cfg.Clock = func() int64 { return now }
	begin(t, p)
	eventually(t, "nothing is open", func() bool { return p.Stats().Judge.Pending == 0 })
	if v, err := p.Submit(t.Context(), asked(1004)); err != nil || v.EventID == 0 {
		t.Fatalf("afterwards: %v", err)
	}
	if s := p.Stats(); s.Rebuilds != 0 || s.Panics != 0 || !s.Up {
		t.Fatalf("%+v", s)
	}
	stop(t, p)
	entries, faults, dropped := log.all(t), map[journey.InputKind]int{}, 0
	for _, e := range entries {
		if e.Judgement.Fault != "" {
			faults[e.Input.Kind]++
			dropped += len(e.Judgement.Dropped)
			if o := e.Input.Observation; o != nil && (len(o.Elements) > 0 || o.Exchange < 1000) {
				t.Errorf("the log says %+v", o)
			}
		}
	}
	if faults[journey.InputObservation] != 3 || faults[journey.InputPolicy] != 1 || faults[journey.InputTick] != 1 || dropped != int(open)+1 {
		t.Fatalf("faults %v, %d dropped of %d", faults, dropped, open+1)
	}
	if c := shed.Counts(); c["entry_too_large"] != int64(3+dropped) || total(shed) != 3+dropped {
		t.Fatalf("counted %v", c)
	}
	_, want := log.snapshot()
	if !bytes.Equal(want, replayed(t, entries)) {
		t.Fatal("the state is not the log's")
	}
	log = log.crash() // and without a snapshot
	log.snap, log.snapSeq = nil, 0
	p = start(t, PartitionConfig{}, log, &Shed{})
	stop(t, p)
	if _, got := log.snapshot(); !bytes.Equal(got, want) {
		t.Fatalf("recovery makes another state\n%s", firstDifference(got, want))
	}
}

// TestATickThatTaintsTheStateDoesNotLoop calls a thousand ticks, each of which would
// make the partition rebuild.
func TestATickThatTaintsTheStateDoesNotLoop(t *testing.T) {
	log := newMemLog()
	p := prepare(PartitionConfig{}, log, &Shed{})
	ticks := 0
	p.step = func(s *judge.State, in *journey.Input) journey.Judgement {
		out := s.Fold(in)
		if in.Kind == journey.InputTick {
			ticks++
			panic("a fault that can't be taken back")
		}
		return out
	}
	if err := p.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.rec.Close() }()
	if _, err := p.fold(journey.Input{Kind: journey.InputPolicy, Time: noon, Policy: bundle(rules1)}, nil); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		stirred := true
		p.tick(&stirred)
		if !p.alive || p.tainted {
			t.Fatal("it was not rebuilt")
		}
	}
	if n := p.resets.Load(); n < 2 || n > 10 || ticks != int(n) {
		t.Fatalf("%d rebuilds for %d ticks", n, ticks)
	}
	p.step = (*judge.State).Try // as if mended
	for range 2 * maxPenalty {
		stirred := true
		p.tick(&stirred)
	}
	if p.penalty != 0 || p.idle != 0 {
		t.Fatal("it never goes on")
	}
}

// TestAPoisonedEntryIsTriedOnce starts on a log with entries on which the judge now
// panics half way: the state is that of the others, and each is tried once.
func TestAPoisonedEntryIsTriedOnce(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{SnapshotEvery: 1 << 40}, log, &Shed{})
	feed(t, p, traffic(5, 60))
	log = log.crash()
	stop(t, p)
	tried := map[uint64]int{}
	p = prepare(PartitionConfig{}, log, &Shed{})
	p.step = func(s *judge.State, in *journey.Input) journey.Judgement {
		out := s.Fold(in)
		if o := in.Observation; o != nil && o.Phase == journey.PhaseComplete && o.Exchange%9 == 4 {
			tried[o.Exchange]++
			panic("a new fault")
		}
		return out
	}
	begin(t, p)
	want := judge.New(0)
	for _, e := range log.all(t) {
		if o := e.Input.Observation; o == nil || tried[o.Exchange] == 0 {
			want.Fold(&e.Input)
		}
	}
	p.rebuildForTest(t)
	stop(t, p)
	for x, n := range tried {
		if n != 1 {
			t.Errorf("exchange %d was tried %d times", x, n)
		}
	}
	if _, got := log.snapshot(); len(tried) == 0 || len(tried) > maxRefolds || !bytes.Equal(got, snapshotOf(t, want)) {
		t.Fatalf("%d poisoned, or they left traces", len(tried))
	}
}

// rebuildForTest has a failed append make the partition fold its log again.
func (p *Partition) rebuildForTest(t *testing.T) {
	t.Helper()
	log := p.log.(*memLog)
	log.set(func(l *memLog) {
		l.refuse = func(*journey.Entry) error { l.refuse = nil; return errors.New("once") }
	})
	if _, err := p.Submit(t.Context(), asked(5000)); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	eventually(t, "rebuilt", func() bool { s := p.Stats(); return s.Up && s.Rebuilds == 1 })
}
