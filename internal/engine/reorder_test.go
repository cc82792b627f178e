package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// still is a clock on the wall that stands.
func still() time.Time { return time.Unix(1_767_607_200, 0) }

// copies are complete observations in their order, some at the same time.
func copies(r *rand.Rand, n int) []*journey.Observation {
	out := make([]*journey.Observation, n)
	at := noon
	for i := range out {
		at += r.Int64N(300_000) * r.Int64N(2)
		o := attempt(uint64(i))
		o.Time = at
		// Who is who hangs on the order as well: tickets that are given and come back,
		// connections, and visitors without a key of their own.
		who := r.Uint64N(6)
		ticket := journey.Key{Kind: journey.KeyTicket, Hash: 500 + who, Named: true}
		switch r.IntN(4) {
		case 0:
			o.Learned = []journey.Key{ticket}
		case 1:
			o.Keys = []journey.Key{ticket}
		case 2:
			o.Keys = []journey.Key{{Kind: journey.KeyConnection, Hash: 900 + r.Uint64N(30), Named: true}}
			o.Learned = []journey.Key{ticket}
		}
		o.Device = who % 2
		out[i] = o
	}
	return out
}

// shuffled lets each come up to the bound later than newer ones.
func shuffled(r *rand.Rand, all []*journey.Observation, bound time.Duration) []*journey.Observation {
	comes := map[*journey.Observation]int64{}
	for _, o := range all {
		comes[o] = o.Time + r.Int64N(bound.Microseconds()+1)
	}
	out := slices.Clone(all)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	slices.SortStableFunc(out, func(a, b *journey.Observation) int { return int(comes[a] - comes[b]) })
	return out
}

// journalled is what the journal says of observations: the input and what came of it.
func journalled(t *testing.T, entries []journey.Entry) (out []string) {
	t.Helper()
	for i := range entries {
		if entries[i].Input.Observation == nil {
			continue
		}
		text, err := json.Marshal([]any{entries[i].Input, entries[i].Judgement})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// TestCopiesFindTheirPlace shuffles copies within the bound, feeds them in batches of
// any size, and wants the journal of the order in which they were made: the same
// sessions, IDs and labels.
func TestCopiesFindTheirPlace(t *testing.T) {
	noneLeft(t)
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		all := copies(r, 100+r.IntN(150))
		run := func(in []*journey.Observation, batch int) ([]string, PartitionStats) {
			log, shed := newMemLog(), &Shed{}
			p := prepare(PartitionConfig{Rest: time.Duration(1+r.IntN(3)) * time.Millisecond}, log, shed)
			p.copies.now = still
			begin(t, p)
			for i, o := range in {
				if err := p.Mirror(o); err != nil {
					t.Fatal(err)
				}
				if (i+1)%batch == 0 {
					eventually(t, "the lane is empty", func() bool { return len(p.async) == 0 })
				}
			}
			stop(t, p)
			if total(shed) != 0 {
				t.Fatalf("shed %v", shed.Counts())
			}
			return journalled(t, log.all(t)), p.Stats()
		}
		want, stats := run(all, len(all)+1)
		if len(want) != len(all) || stats.Reordered != 0 || stats.Late != 0 {
			t.Fatalf("in order: %d of %d, %+v", len(want), len(all), stats)
		}
		for _, batch := range []int{1, 2, 7, 50, len(all)} {
			got, stats := run(shuffled(r, all, defaultReorder), batch)
			if !slices.Equal(got, want) {
				i := 0
				for i < len(got) && i < len(want) && got[i] == want[i] {
					i++
				}
				t.Fatalf("seed %d, batches of %d: %d of %d entries, the first that differs is %d:\n%s\nwant\n%s", seed, batch, len(got), len(want), i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			}
			if stats.Reordered == 0 || stats.Late != 0 || stats.Waiting != 0 {
				t.Errorf("seed %d: %+v", seed, stats)
			}
		}
	}
}

// TestWhatIsNoCopyWaitsForNone: others are judged as they come, and before what
// waits.
func TestWhatIsNoCopyWaitsForNone(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := prepare(PartitionConfig{Reorder: time.Hour}, log, &Shed{})
	begin(t, p)
	for _, o := range []*journey.Observation{attempt(9), attempt(8)} {
		if err := p.Mirror(o); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they wait", func() bool { return p.Stats().Waiting == 2 })
	for _, x := range []uint64{5, 4} {
		if err := p.Observe(attempt(x), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Submit(t.Context(), asked(3)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they are judged", func() bool { return p.Stats().Acked == 4 })
	if n := p.Stats().Waiting; n != 2 {
		t.Errorf("%d wait", n)
	}
	stop(t, p) // which lets them go
	var order []uint64
	for _, e := range log.all(t) {
		if o := e.Input.Observation; o != nil {
			order = append(order, o.Exchange)
		}
	}
	if !slices.Contains([]string{"[5 4 3 8 9]", "[3 5 4 8 9]", "[5 3 4 8 9]"}, fmt.Sprint(order)) {
		t.Errorf("%v", order)
	}
}

// TestCopiesWaitNoLongerThanTheBound, by the clock on the wall, when nothing newer
// comes.
func TestCopiesWaitNoLongerThanTheBound(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := prepare(PartitionConfig{Reorder: 30 * time.Millisecond}, log, &Shed{})
	begin(t, p)
	for round := range uint64(3) {
		for _, x := range []uint64{3*round + 2, 3*round + 1} {
			o := attempt(x)
			o.Time = noon + int64(x) // all within the bound
			if err := p.Mirror(o); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "they are let go", func() bool { return p.Stats().Acked == 1+2*(round+1) && p.Stats().Waiting == 0 })
	}
	stop(t, p)
	n, twice := observations(log.all(t))
	if n != 6 || twice != "" {
		t.Errorf("%d, twice %s", n, twice)
	}
}

// TestALateCopyIsJudgedAtOnce, and counted.
func TestALateCopyIsJudgedAtOnce(t *testing.T) {
	var left []uint64
	r := &reorder{wait: 2 * time.Second, now: still, leave: func(o *journey.Observation) { left = append(left, o.Exchange) }}
	put := func(x uint64, second int64) {
		r.put(&journey.Observation{Exchange: x, Time: noon + second*1_000_000})
	}
	put(1, 0)
	put(2, 2) // exactly the bound: 1 may still be waited for
	if len(left) > 0 {
		t.Fatalf("%v", left)
	}
	put(3, 5)
	put(4, 1)
	put(5, 4)
	if fmt.Sprint(left) != "[1 2 4]" || r.lateAll.Load() != 1 || r.reordered.Load() != 1 {
		t.Errorf("%v, %d late, %d reordered", left, r.lateAll.Load(), r.reordered.Load())
	}
	r.flush()
	if fmt.Sprint(left) != "[1 2 4 5 3]" || r.length.Load() != 0 {
		t.Errorf("%v", left)
	}
}

// TestReorderHoldsAtMostItsBound, and lets the oldest go.
func TestReorderHoldsAtMostItsBound(t *testing.T) {
	n := 0
	r := &reorder{wait: time.Hour, now: still, leave: func(o *journey.Observation) {
		if o.Time != noon+int64(n) {
			t.Fatalf("%d leaves as number %d", o.Time-noon, n)
		}
		n++
	}}
	for i := range maxReorder + 100 {
		r.put(&journey.Observation{Exchange: uint64(i), Time: noon + int64(i)})
	}
	if n != 100 || r.length.Load() != maxReorder {
		t.Errorf("%d have left, %d wait", n, r.length.Load())
	}
}

// TestAClockThatIsSetBack makes not everything late for ever.
func TestAClockThatIsSetBack(t *testing.T) {
	var left []uint64
	r := &reorder{wait: 2 * time.Second, now: still, leave: func(o *journey.Observation) { left = append(left, o.Exchange) }}
	hour := int64(3_600_000_000)
	r.put(&journey.Observation{Exchange: 1, Time: noon + hour})
	r.put(&journey.Observation{Exchange: 2, Time: noon + hour + 5_000_000})
	for i := range setBack {
		r.put(&journey.Observation{Exchange: uint64(10 + i), Time: noon + int64(i)})
	}
	if r.lateAll.Load() != setBack || len(left) != setBack+2 {
		t.Fatalf("%d late, %d left", r.lateAll.Load(), len(left))
	}
	left = nil
	r.put(&journey.Observation{Exchange: 8, Time: noon + 2_000_000})
	r.put(&journey.Observation{Exchange: 7, Time: noon + 1_000_000})
	r.put(&journey.Observation{Exchange: 9, Time: noon + 9_000_000})
	if fmt.Sprint(left) != "[7 8]" {
		t.Errorf("%v", left)
	}
}

// TestWaitingCopiesSurviveARebuild: what the log lost is counted, what waits is judged
// in order by the state that comes back.
func TestWaitingCopiesSurviveARebuild(t *testing.T) {
	noneLeft(t)
	log, shed := newMemLog(), &Shed{}
	p := prepare(PartitionConfig{Reorder: time.Hour}, log, shed)
	begin(t, p)
	for _, x := range []uint64{5, 3, 4, 1, 2} {
		if err := p.Mirror(attempt(x)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they wait", func() bool { return p.Stats().Waiting == 5 })
	log.set(func(l *memLog) { l.settle = func(*journey.Entry) fate { return fate{err: errFull} } })
	if err := p.Observe(attempt(0), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log has failed", func() bool { return p.Stats().Rebuilds > 0 })
	log.set(func(l *memLog) { l.settle = nil })
	eventually(t, "it is up again", func() bool { return p.Stats().Up })
	stop(t, p)
	var order []uint64
	for _, e := range log.all(t) {
		if o := e.Input.Observation; o != nil && e.Judgement.Fault == "" {
			order = append(order, o.Exchange)
		}
	}
	if fmt.Sprint(order) != "[1 2 3 4 5]" || total(shed) != 1 {
		t.Errorf("%v, shed %v", order, shed.Counts())
	}
}

// TestTicksStayBehindWhatWaits, so that no session ends before what is still to come
// into it.
func TestTicksStayBehindWhatWaits(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := prepare(PartitionConfig{Reorder: time.Hour, TickEvery: time.Millisecond}, log, &Shed{})
	p.cfg.Clock = func() int64 { return noon + 3_600_000_000 }
	begin(t, p)
	if err := p.Mirror(attempt(7)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return p.Stats().Waiting == 1 })
	acked := p.Stats().Acked
	if err := p.Observe(attempt(1), true); err != nil { // something for ticks to look after
		t.Fatal(err)
	}
	eventually(t, "a tick", func() bool { return p.Stats().Acked >= acked+2 })
	stop(t, p)
	ticks := 0
	for _, e := range log.all(t) {
		if o := e.Input.Observation; o != nil && o.Exchange == 7 {
			break
		}
		if e.Input.Kind == journey.InputTick {
			ticks++
			if e.Input.Time >= attempt(7).Time {
				t.Errorf("a tick at %d, and %d waits", e.Input.Time-noon, attempt(7).Time-noon)
			}
		}
	}
	if ticks == 0 {
		t.Error("no tick")
	}
}

// TestOnlyMirroredSitesAreReordered asks the engine which of them it lets wait.
func TestOnlyMirroredSitesAreReordered(t *testing.T) {
	for mode, want := range map[site.Mode]int{site.Mirror: 1, site.Active: 0, site.PassThrough: 0} {
		w := newWorld(t)
		x := w.exchange(mode, "GET", "/page")
		w.e.Decide(x, wire.PhaseRequestHead)
		x.ReqBody.Seen = true
		if mode != site.Mirror {
			respond(x, 200)
			w.e.Decide(x, wire.PhaseResponseHead)
		}
		w.e.Decide(x, wire.PhaseEnd)
		if w.judge.copies != want || len(w.judge.seen) != 1 {
			t.Errorf("%s: %d copies of %d", mode, w.judge.copies, len(w.judge.seen))
		}
	}
}
