package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
)

// TestRecoveryIsAsIfNothingHappened cuts a run at random places, by a kill or by
// an orderly stop, and wants the state of an uninterrupted one.
func TestRecoveryIsAsIfNothingHappened(t *testing.T) {
	noneLeft(t)
	for seed := range uint64(4) {
		all := traffic(seed, 300)
		whole := newMemLog()
		p := start(t, PartitionConfig{SnapshotEvery: 1 << 40}, whole, &Shed{})
		var commands []int // where feed's own commands stand, so that both runs have the same
		r := rand.New(rand.NewPCG(seed, 2))
		for at := 0; at < len(all); at = commands[len(commands)-1] {
			commands = append(commands, min(len(all), at+1+r.IntN(len(all)/3)))
			feed(t, p, all[at:commands[len(commands)-1]])
		}
		stop(t, p)
		_, want := whole.snapshot()

		log, from := newMemLog(), 0
		for i, to := range commands {
			p := start(t, PartitionConfig{SnapshotEvery: 40}, log, &Shed{})
			feed(t, p, all[from:to])
			from = to
			if i%2 == 0 && to < len(all) {
				log = log.crash()
			}
			stop(t, p)
		}
		if _, got := log.snapshot(); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: the states differ after cuts at %v\n%s", seed, commands, firstDifference(got, want))
		}
	}
}

func firstDifference(a, b []byte) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	show := func(s []byte) []byte { return s[max(0, i-100):min(len(s), i+100)] }
	return fmt.Sprintf("at %d: %s\nwant: %s", i, show(a), show(b))
}

// TestBackgroundSnapshotsEqualTheState looks at every snapshot a replica made
// while traffic went on.
func TestBackgroundSnapshotsEqualTheState(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	saved := map[uint64][]byte{}
	log.onSave = func(seq uint64, b []byte) { saved[seq] = b }
	p := start(t, PartitionConfig{SnapshotEvery: 50}, log, &Shed{})
	all := traffic(1, 400)
	for len(all) > 0 {
		n := min(60, len(all))
		feed(t, p, all[:n])
		all = all[n:]
	}
	eventually(t, "a snapshot", func() bool { s, _ := log.snapshot(); return s > 0 })
	stop(t, p)
	entries := log.all(t)
	if len(saved) < 2 {
		t.Fatalf("%d snapshots of %d entries", len(saved), len(entries))
	}
	for seq, b := range saved {
		if want := replayed(t, entries[:seq]); !bytes.Equal(b, want) {
			t.Errorf("the snapshot at %d is not the state there\n%s", seq, firstDifference(b, want))
		}
		if _, err := judge.Restore(bytes.NewReader(b)); err != nil {
			t.Errorf("the snapshot at %d: %v", seq, err)
		}
	}
	if saved[uint64(len(entries))] == nil {
		t.Error("stopping made no snapshot")
	}
}

// TestStoppingMakesUpForASnapshotItBreaksOff stops while a background snapshot
// of everything there is has begun and can't end.
func TestStoppingMakesUpForASnapshotItBreaksOff(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{SnapshotEvery: 20}, log, &Shed{})
	begun := make(chan struct{})
	log.set(func(l *memLog) {
		l.prompt = true
		l.replaying = func() {
			close(begun)
			<-p.running.Done()
		}
	})
	for x := range uint64(19) { // the policy was the first entry
		if err := p.Observe(attempt(x), true); err != nil {
			t.Fatal(err)
		}
	}
	<-begun
	stop(t, p)
	if seq, _ := log.snapshot(); seq != 20 {
		t.Errorf("the snapshot of stopping holds %d of 20 entries", seq)
	}
}

// TestSyncGoesBeforeAsync fills both lanes while the log holds folding up.
func TestSyncGoesBeforeAsync(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{InFlight: 1}, log, &Shed{})
	log.set(func(l *memLog) { l.held = true })
	for x := range uint64(2) { // one in flight, one waiting for its slot
		if err := p.Observe(attempt(x), true); err != nil {
			t.Fatal(err)
		}
		eventually(t, "taken", func() bool { return len(p.sync) == 0 })
	}
	for x := uint64(10); x < 30; x++ {
		if err := p.Observe(attempt(x), x%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	log.set(func(l *memLog) { l.held = false })
	stop(t, p)
	var order []bool
	for _, e := range log.all(t) {
		if o := e.Input.Observation; o != nil && o.Exchange >= 10 {
			order = append(order, o.Exchange%2 == 0)
		}
	}
	if len(order) != 20 {
		t.Fatalf("%d of 20 recorded", len(order))
	}
	for i, urgent := range order {
		if urgent != (i < 10) {
			t.Fatalf("place %d: urgent %v", i, urgent)
		}
	}
}

// TestASyncFloodStarvesNothing keeps the sync lane full: ticks, a policy and the
// stop must come through all the same.
func TestASyncFloodStarvesNothing(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{TickEvery: time.Millisecond, SyncQueue: 4}, log, &Shed{})
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for x := uint64(0); ; x++ {
			select {
			case <-over:
				return
			default:
				_ = p.Observe(attempt(x), true)
			}
		}
	}()
	if err := p.SetPolicy(t.Context(), bundle(rules1+"\n---\nkind: list\nname: l\nvalues: [a]\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a tick", func() bool {
		for _, e := range log.all(t) {
			if e.Input.Kind == journey.InputTick {
				return true
			}
		}
		return false
	})
	stop(t, p)
	close(over)
	<-ended
}

// TestFullLanesShed holds the log up until both lanes are full.
func TestFullLanesShed(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	p := start(t, PartitionConfig{InFlight: 2, SyncQueue: 3, AsyncQueue: 5}, log, shed)
	log.set(func(l *memLog) { l.held = true })
	sent := 0
	send := func(urgent bool) error { sent++; return p.Observe(attempt(uint64(sent)), urgent) }
	for len(p.sync) < cap(p.sync) {
		if err := send(true); err != nil {
			t.Fatal(err)
		}
		if sent <= 3 {
			eventually(t, "taken", func() bool { return len(p.sync) == 0 })
		}
	}
	for len(p.async) < cap(p.async) {
		if err := send(false); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(false); !errors.Is(err, ErrBusy) {
		t.Fatalf("async lane full: %v", err)
	}
	sent++
	if _, err := p.Submit(t.Context(), asked(uint64(sent))); !errors.Is(err, ErrBusy) {
		t.Fatalf("sync lane full: %v", err)
	}
	c := shed.Counts()
	if c["async_queue_full"] != 1 || c["sync_queue_full"] != 1 || total(shed) != 2 {
		t.Fatalf("counted: %v", c)
	}
	log.set(func(l *memLog) { l.held = false })
	stop(t, p)
	if n, twice := observations(log.all(t)); n+total(shed) != sent || twice != "" {
		t.Fatalf("%d recorded and %d shed of %d; twice: %s", n, total(shed), sent, twice)
	}
}

// TestAMissedDeadlineIsStillFolded gives up waiting for a verdict.
func TestAMissedDeadlineIsStillFolded(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{InFlight: 1}, log, &Shed{})
	log.set(func(l *memLog) { l.held = true })
	if err := p.Observe(attempt(1), true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Submit(ctx, asked(2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("err = %v", err)
	}
	log.set(func(l *memLog) { l.held = false })
	v, err := p.Submit(t.Context(), asked(3))
	if err != nil || v.EventID == 0 {
		t.Fatalf("%+v %v", v, err)
	}
	stop(t, p)
	if n, _ := observations(log.all(t)); n != 3 {
		t.Fatalf("%d recorded", n)
	}
}

// TestAPanicIsRecordedAndSkipped makes the judge itself panic half way.
func TestAPanicIsRecordedAndSkipped(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	p := prepare(PartitionConfig{}, log, shed)
	bomb := uint64(13)
	p.step = func(s *judge.State, in *journey.Input) journey.Judgement {
		out := s.Fold(in)
		if in.Observation != nil && in.Observation.Exchange == bomb {
			panic("a fault of the judge")
		}
		return out
	}
	begin(t, p)
	feed(t, p, traffic(2, 13))
	if _, err := p.Submit(t.Context(), asked(bomb)); !errors.Is(err, ErrFault) {
		t.Fatalf("err = %v", err)
	}
	eventually(t, "it is up again", func() bool { return p.Stats().Up })
	if v, err := p.Submit(t.Context(), asked(14)); err != nil || v.EventID == 0 {
		t.Fatalf("afterwards: %+v %v", v, err)
	}
	stop(t, p)
	entries := log.all(t)
	faults := 0
	for _, e := range entries {
		if o := e.Input.Observation; o != nil && o.Exchange == bomb {
			faults++
			if !strings.Contains(e.Judgement.Fault, "a fault of the judge") || e.Judgement.Verdict != nil {
				t.Fatalf("recorded as %+v", e.Judgement)
			}
		}
	}
	if _, got := log.snapshot(); faults != 1 || !bytes.Equal(got, replayed(t, entries)) {
		t.Fatalf("recorded %d times, or it left traces in the state", faults)
	}
	if p.Stats().Panics != 1 || shed.Counts()["judge_fault"] != 1 {
		t.Fatalf("panics %d, shed %v", p.Stats().Panics, shed.Counts())
	}
}

// TestStopLosesNothing stops while many send: each observation was recorded, or
// counted, and its sender told.
func TestStopLosesNothing(t *testing.T) {
	noneLeft(t)
	for range 20 {
		log, shed := newMemLog(), &Shed{}
		p := start(t, PartitionConfig{SyncQueue: 16, AsyncQueue: 16, InFlight: 8}, log, shed)
		var wg sync.WaitGroup
		var mu sync.Mutex
		sent, taken := 0, 0
		for g := range uint64(4) {
			wg.Go(func() {
				for x := g << 32; ; x++ { // ranges that never meet, however often a full lane refuses
					var err error
					if g == 0 {
						_, err = p.Submit(context.Background(), asked(x))
					} else {
						err = p.Observe(attempt(x), g == 1)
					}
					mu.Lock()
					sent++
					if err == nil {
						taken++
					}
					mu.Unlock()
					if errors.Is(err, ErrStopped) {
						return
					}
				}
			})
		}
		eventually(t, "some are in", func() bool { return p.acked.Load() > 20 })
		stop(t, p)
		wg.Wait()
		n, twice := observations(log.all(t))
		if n != taken || n+total(shed) != sent || twice != "" {
			t.Fatalf("%d sent, %d taken, %d recorded, %d shed, twice %q", sent, taken, n, total(shed), twice)
		}
		if seq, got := log.snapshot(); int(seq) != len(log.all(t)) || !bytes.Equal(got, replayed(t, log.all(t))) {
			t.Fatalf("the last snapshot stands at %d of %d, or is not the state", seq, len(log.all(t)))
		}
	}
}

// TestStopWaitsForWhoIsOnTheWayIn holds a caller between its look at the switch and
// the lane.
func TestStopWaitsForWhoIsOnTheWayIn(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{}, log, &Shed{})
	p.entering.Add(1)
	p.cancel()
	eventually(t, "it takes no more", func() bool { return !p.Stats().Up })
	time.Sleep(5 * time.Millisecond) // so that finish has long looked into the lanes
	p.async <- request{obs: attempt(1)}
	p.entering.Add(-1)
	stop(t, p)
	if n, _ := observations(log.all(t)); n != 1 {
		t.Fatalf("%d recorded", n)
	}
}

func TestAPartitionThatCannotStartIsDone(t *testing.T) {
	log := newMemLog()
	log.load = func() error { return errors.New("damaged") }
	p := prepare(PartitionConfig{}, log, &Shed{})
	if err := p.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Fatalf("err = %v", err)
	}
	if _, err := p.Submit(t.Context(), asked(1)); !errors.Is(err, ErrStopped) {
		t.Fatalf("submit: %v", err)
	}
	if err := p.SetPolicy(t.Context(), bundle(rules1)); !errors.Is(err, ErrStopped) {
		t.Fatalf("policy: %v", err)
	}
	stop(t, p)
}
