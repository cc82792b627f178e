package engine

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// judged lists the exchanges of a log in the order they were folded; 0 stands for
// what is no observation.
func judged(t *testing.T, log *memLog) (out []uint64) {
	for _, e := range log.all(t) {
		if o := e.Input.Observation; o != nil {
			out = append(out, o.Exchange)
		} else {
			out = append(out, 0)
		}
	}
	return out
}

// resting is a partition that has just begun to let observations gather, and
// will for an hour.
func resting(t *testing.T, lane int) (*Partition, *memLog) {
	log := newMemLog()
	p := start(t, PartitionConfig{Rest: time.Hour, Gather: lane, AsyncQueue: lane, TickEvery: time.Hour}, log, &Shed{})
	observe(t, p, 1)
	eventually(t, "the first folded at once", func() bool { return len(judged(t, log)) == 2 })
	if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil { // it is done with the first
		t.Fatal(err)
	}
	return p, log
}

func observe(t *testing.T, p *Partition, all ...uint64) {
	t.Helper()
	for _, x := range all {
		if err := p.Observe(attempt(x), false); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatGatheredComesBeforeWhatCameLater(t *testing.T) {
	noneLeft(t)
	for name, c := range map[string]struct {
		later func(t *testing.T, p *Partition)
		want  []uint64
	}{
		"a verdict asked for": {func(t *testing.T, p *Partition) {
			if _, err := p.Submit(t.Context(), asked(9)); err != nil {
				t.Fatal(err)
			}
		}, []uint64{0, 1, 0, 2, 3, 9}},
		"a policy": {func(t *testing.T, p *Partition) {
			if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil {
				t.Fatal(err)
			}
		}, []uint64{0, 1, 0, 2, 3, 0}},
		"the end": {func(t *testing.T, p *Partition) { stop(t, p) }, []uint64{0, 1, 0, 2, 3}},
	} {
		p, log := resting(t, 100)
		observe(t, p, 2, 3)
		time.Sleep(20 * time.Millisecond)
		if got := judged(t, log); len(got) != 3 {
			t.Errorf("%s: %v folded while resting", name, got)
		}
		c.later(t, p)
		eventually(t, name, func() bool { return slices.Equal(judged(t, log), c.want) })
		stop(t, p)
	}
}

func TestAVerdictWaitsForFewThatGathered(t *testing.T) {
	noneLeft(t)
	p, log := resting(t, 1000)
	for x := range uint64(3 * fewGathered) {
		observe(t, p, 100+x)
	}
	if _, err := p.Submit(t.Context(), asked(9)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the verdict recorded", func() bool { return slices.Contains(judged(t, log), 9) })
	if at := slices.Index(judged(t, log), 9); at != 3+fewGathered {
		t.Errorf("its observation is entry %d, want %d", at, 3+fewGathered)
	}
	stop(t, p)
	if n := len(judged(t, log)); n != 4+3*fewGathered {
		t.Errorf("%d entries", n)
	}
}

func TestACrowdedLaneEndsTheRest(t *testing.T) {
	noneLeft(t)
	p, log := resting(t, 8)
	observe(t, p, 2, 3, 4)
	time.Sleep(20 * time.Millisecond)
	if n := len(judged(t, log)); n != 3 {
		t.Errorf("%d entries while resting", n)
	}
	observe(t, p, 5)
	eventually(t, "all folded", func() bool { return slices.Equal(judged(t, log), []uint64{0, 1, 0, 2, 3, 4, 5}) })
	stop(t, p)
}

// No verdict need leave out what gathered, so no more gathers than one waits for.
func TestFewGather(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{Rest: time.Hour, TickEvery: time.Hour}, log, &Shed{})
	observe(t, p, 1)
	eventually(t, "the first folded at once", func() bool { return len(judged(t, log)) == 2 })
	if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil {
		t.Fatal(err)
	}
	before := p.Stats().Judge.Window.Entries
	for x := range uint64(fewGathered - 1) {
		observe(t, p, 100+x)
	}
	time.Sleep(20 * time.Millisecond)
	if n := len(judged(t, log)); n != 3 {
		t.Errorf("%d entries while resting", n)
	}
	observe(t, p, 500)
	eventually(t, "all folded", func() bool { return len(judged(t, log)) == 3+fewGathered })
	eventually(t, "counts published", func() bool { return p.Stats().Judge.Window.Entries >= before+fewGathered })
	stop(t, p)
}

// What is folded in one go gives way to the relay, which somebody waits for; where
// somebody waits for a verdict it does not.
func TestFoldingManyGivesWay(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	var ways atomic.Int64
	count := func() { ways.Add(1) }
	p := start(t, PartitionConfig{Rest: time.Hour, GiveWay: count}, log, &Shed{})
	observe(t, p, 1)
	eventually(t, "the first folded at once", func() bool { return len(judged(t, log)) == 2 })
	if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil { // it is done with the first
		t.Fatal(err)
	}
	for x := range uint64(fewGathered) {
		observe(t, p, 100+x)
	}
	eventually(t, "all folded", func() bool { return len(judged(t, log)) == 3+fewGathered })
	if n := ways.Swap(0); n != fewGathered/stint {
		t.Errorf("it gave way %d times, want %d", n, fewGathered/stint)
	}
	// A snapshot's replica folds all of it again.
	if _, _, last, err := p.refold(t.Context()); err != nil || last != 3+fewGathered || ways.Load() != int64(last)/stint {
		t.Errorf("folding %d entries again it gave way %d times, %v", last, ways.Load(), err)
	}
	stop(t, p)

	log = newMemLog()
	ways.Store(0)
	p = prepare(PartitionConfig{GiveWay: count}, log, &Shed{})
	if err := p.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.up.Store(true)
	if err := p.Observe(attempt(1), true); err != nil { // waits in the sync lane
		t.Fatal(err)
	}
	for x := range uint64(fewGathered) {
		observe(t, p, 100+x)
	}
	p.several()
	if ways.Load() != 0 {
		t.Error("it gave way while a verdict was waited for")
	}
	go p.run()
	stop(t, p)
	if n := len(judged(t, log)); n != 1+fewGathered {
		t.Errorf("%d judged", n)
	}
}

func TestARestEnds(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{Rest: time.Millisecond}, log, &Shed{})
	for x := range uint64(20) {
		observe(t, p, 1+x)
		time.Sleep(500 * time.Microsecond)
	}
	eventually(t, "all folded", func() bool { return len(judged(t, log)) == 21 })
	stop(t, p)
}

// What completes Events wakes nobody, and yet comes before whatever is asked next:
// a visitor who tries again must not outrun the outcome of the first try.
func TestOutcomesGatherAndAreNotOutrun(t *testing.T) {
	noneLeft(t)
	p, log := resting(t, 1000)
	observe(t, p, 50)
	for x := range uint64(2 * fewGathered) {
		if _, err := p.Submit(t.Context(), asked(100+x)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all asked recorded", func() bool { return slices.Contains(judged(t, log), 100+2*fewGathered-1) })
	before := len(judged(t, log))
	for x := range uint64(2 * fewGathered) {
		if err := p.Observe(answered(100+x), false); err != nil {
			t.Fatal(err)
		}
	}
	observe(t, p, 51)
	time.Sleep(20 * time.Millisecond)
	if n := len(judged(t, log)); n != before {
		t.Errorf("%d folded while resting", n-before)
	}
	v, err := p.Submit(t.Context(), asked(900))
	if err != nil {
		t.Fatal(err)
	}
	if v.Rating != journey.Malicious { // it has failed often by now
		t.Errorf("rated %s", v.Rating)
	}
	eventually(t, "the verdict recorded", func() bool { return slices.Contains(judged(t, log), 900) })
	got := judged(t, log)[before:]
	if len(got) != 2*fewGathered+2 || got[0] != 100 || got[2*fewGathered-1] != 100+2*fewGathered-1 ||
		got[2*fewGathered] != 51 || got[2*fewGathered+1] != 900 {
		t.Errorf("folded %v", got)
	}
	stop(t, p)
}

// One that comes after a pause is folded at once, those of the rest when it ends.
func TestOutcomesNeedNobodyToAsk(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{Rest: time.Millisecond}, log, &Shed{})
	for x := range uint64(20) {
		if _, err := p.Submit(t.Context(), asked(1+x)); err != nil {
			t.Fatal(err)
		}
	}
	for x := range uint64(20) {
		if err := p.Observe(answered(1+x), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Microsecond)
	}
	eventually(t, "all folded", func() bool { return len(judged(t, log)) == 41 })
	stop(t, p)
}

// A log that fails while outcomes are folded empties the lanes under the loop that
// folds them.
func TestOutcomesOfALostLogAreShed(t *testing.T) {
	noneLeft(t)
	shed := &Shed{}
	log := newMemLog()
	p := start(t, PartitionConfig{Rest: time.Hour}, log, shed)
	for x := range uint64(8) {
		if _, err := p.Submit(t.Context(), asked(1+x)); err != nil {
			t.Fatal(err)
		}
	}
	observe(t, p, 40) // then it rests
	eventually(t, "folded", func() bool { return slices.Contains(judged(t, log), 40) })
	if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil {
		t.Fatal(err)
	}
	for x := range uint64(8) {
		if err := p.Observe(answered(1+x), false); err != nil {
			t.Fatal(err)
		}
	}
	gone := errors.New("the disk is gone")
	log.set(func(l *memLog) { l.refuse = func(*journey.Entry) error { l.refuse = nil; return gone } })
	if _, err := p.Submit(t.Context(), asked(30)); err != nil {
		t.Error(err)
	}
	if n := total(shed); n != 8 || p.Stats().Rebuilds != 1 {
		t.Errorf("%d shed: %v", n, shed.Counts())
	}
	stop(t, p)
}
