package engine

import (
	"slices"
	"testing"
	"time"
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
	p := start(t, PartitionConfig{Rest: time.Hour, AsyncQueue: lane, TickEvery: time.Hour}, log, &Shed{})
	observe(t, p, 1)
	eventually(t, "the first folded at once", func() bool { return len(judged(t, log)) == 2 })
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
		}, []uint64{0, 1, 2, 3, 9}},
		"a policy": {func(t *testing.T, p *Partition) {
			if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil {
				t.Fatal(err)
			}
		}, []uint64{0, 1, 2, 3, 0}},
		"the end": {func(t *testing.T, p *Partition) { stop(t, p) }, []uint64{0, 1, 2, 3}},
	} {
		p, log := resting(t, 100)
		observe(t, p, 2, 3)
		time.Sleep(20 * time.Millisecond)
		if got := judged(t, log); len(got) != 2 {
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
	if at := slices.Index(judged(t, log), 9); at != 2+fewGathered {
		t.Errorf("its observation is entry %d, want %d", at, 2+fewGathered)
	}
	stop(t, p)
	if n := len(judged(t, log)); n != 3+3*fewGathered {
		t.Errorf("%d entries", n)
	}
}

func TestACrowdedLaneEndsTheRest(t *testing.T) {
	noneLeft(t)
	p, log := resting(t, 8)
	observe(t, p, 2, 3, 4)
	time.Sleep(20 * time.Millisecond)
	if n := len(judged(t, log)); n != 2 {
		t.Errorf("%d entries while resting", n)
	}
	observe(t, p, 5)
	eventually(t, "all folded", func() bool { return slices.Equal(judged(t, log), []uint64{0, 1, 2, 3, 4, 5}) })
	stop(t, p)
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
