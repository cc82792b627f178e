package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a kernel that says yes, until told otherwise.
type fake struct {
	origin              Policy
	unfit, refuse, lost error
	mine                int // the one processor that we may run on; -1: any
	all, own            []Policy
}

func (f *fake) started() (Policy, error) { return f.origin, f.unfit }

func (f *fake) scheduleAll(p Policy) error {
	f.all = append(f.all, p)
	return f.refuse
}

func (f *fake) scheduleOwn(p Policy) error {
	f.own = append(f.own, p)
	return f.refuse
}

func (f *fake) processors() (func(int) bool, error) {
	return func(n int) bool { return f.mine < 0 || n == f.mine }, f.lost
}

// clock is /proc/stat of two processors that are idle, from one look to the next, for
// the per cent given of each. Past the last it can't be read.
type clock struct {
	percents   [][2]int
	idle, busy [2]int
}

func (c *clock) stat() ([]byte, error) {
	if len(c.percents) == 0 {
		return nil, errors.New("gone")
	}
	text := "cpu  0 0 0 0 0 0 0 0 0 0\n"
	for i, p := range c.percents[0] {
		c.idle[i] += p
		c.busy[i] += 100 - p
		text += fmt.Sprintf("cpu%d %d 0 0 %d 0 0 0 0 0 0\n", i, c.busy[i], c.idle[i])
	}
	c.percents = c.percents[1:]
	return []byte(text + "intr 0\n"), nil
}

func newWatch(f *fake, stat func() ([]byte, error)) (*Watch, *bytes.Buffer) {
	var text bytes.Buffer
	return &Watch{log: slog.New(slog.NewTextHandler(&text, nil)), threads: f, stat: stat}, &text
}

// watch takes the first look and one at each of so many ticks; then it is ended, or
// has ended by itself.
func watch(t *testing.T, w *Watch, ticks int, byItself bool) {
	t.Helper()
	if !w.begin() {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	tick, ended := make(chan time.Time), make(chan struct{})
	go func() {
		defer close(ended)
		w.follow(ctx, tick)
	}()
	for range ticks {
		select {
		case tick <- time.Time{}:
		case <-ended:
			t.Fatal("it no longer looks")
		}
	}
	if !byItself {
		cancel()
	}
	<-ended
	cancel()
}

func both(percents ...int) (out [][2]int) {
	for _, p := range percents {
		out = append(out, [2]int{p, p})
	}
	return out
}

func TestTheWatchFollowsTheProcessors(t *testing.T) {
	const b, n = Batch, Normal
	for name, c := range map[string]struct {
		percents [][2]int
		mine     int
		want     []Policy
		changes  int64
	}{
		"the first look has nothing to compare with": {both(0), -1, []Policy{b}, 0},
		"idle":             {both(0, 90, 80), -1, []Policy{b, b, b}, 0},
		"crowded and back": {both(0, 90, 10, 90, 90, 90, 90, 90, 90), -1, []Policy{b, b, n, n, n, n, n, b, b}, 2},
		"for good":         {both(0, 10, 90, 90, 30, 90, 90), -1, []Policy{b, n, n, n, n, n, n}, 1},
		// One is crowded, the other idle: what counts is where we may run.
		"both of them":    {[][2]int{{0, 0}, {0, 100}, {0, 100}}, -1, []Policy{b, b, b}, 0},
		"the crowded one": {[][2]int{{0, 0}, {0, 100}, {0, 100}}, 0, []Policy{b, n, n}, 1},
		"the idle one":    {[][2]int{{0, 0}, {0, 100}, {0, 100}}, 1, []Policy{b, b, b}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{mine: c.mine}
			w, text := newWatch(f, (&clock{percents: c.percents}).stat)
			watch(t, w, len(c.percents)-1, false)
			if !slices.Equal(f.all, c.want) || w.Changes() != c.changes || w.Batch() != (c.want[len(c.want)-1] == Batch) {
				t.Errorf("%v, want %v; %d changes, want %d; batch %v", f.all, c.want, w.Changes(), c.changes, w.Batch())
			}
			if text.Len() > 0 {
				t.Errorf("the log says %s", text)
			}
		})
	}
}

// Whatever it can't do is said once, and no look follows.
func TestTheWatchGivesUp(t *testing.T) {
	cut := func() ([]byte, error) { return []byte("cpu  1 2 3"), nil }
	for name, c := range map[string]struct {
		fake  fake
		stat  func() ([]byte, error)
		ticks int
		want  []Policy
		says  string
	}{
		"another policy":     {fake{unfit: errors.New("of another kind"), mine: -1}, cut, 0, nil, "of another kind"},
		"the kernel refuses": {fake{refuse: errors.New("not permitted"), mine: -1}, (&clock{percents: both(0, 0)}).stat, 0, []Policy{Batch, Normal}, "not permitted"},
		"no file":            {fake{mine: -1}, (&clock{}).stat, 0, []Policy{Normal}, "gone"},
		"no such format":     {fake{mine: -1}, cut, 0, []Policy{Normal}, "/proc/stat: line 1: is cut short"},
		"no mask":            {fake{lost: errors.New("no mask"), mine: -1}, (&clock{percents: both(0)}).stat, 0, []Policy{Normal}, "no mask"},
		"no such processor":  {fake{mine: 7}, (&clock{percents: both(0)}).stat, 0, []Policy{Normal}, "none of the processors"},
		"the file goes":      {fake{mine: -1}, (&clock{percents: both(0, 90)}).stat, 2, []Policy{Batch, Batch, Normal}, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			w, text := newWatch(&c.fake, c.stat)
			watch(t, w, c.ticks, true)
			if !slices.Equal(c.fake.all, c.want) || w.Batch() {
				t.Errorf("%v, want %v; batch %v", c.fake.all, c.want, w.Batch())
			}
			if got := text.String(); !strings.Contains(got, c.says) || !strings.Contains(got, "level=INFO") {
				t.Errorf("the log says %s", got)
			}
		})
	}
}

// Who gives way while everybody waits would never get on.
func TestGiveWay(t *testing.T) {
	yields := 0
	w, _ := newWatch(&fake{mine: -1}, (&clock{percents: both(0, 90, 10)}).stat)
	w.yield = func() { yields++ }
	w.GiveWay()
	if yields != 0 {
		t.Error("it yields before it is known how crowded the processors are")
	}
	for look, want := range []int{1, 2, 2} { // the last finds them crowded
		if look == 0 {
			w.begin()
		} else {
			w.look()
		}
		if w.GiveWay(); yields != want {
			t.Errorf("%d yields after look %d, want %d", yields, look, want)
		}
	}
	var none *Watch
	none.GiveWay()
	yield() // the kernel's own comes back
}

func TestAsStarted(t *testing.T) {
	ran := 0
	fn := func() { ran++ }
	f := &fake{origin: Normal, mine: -1}
	w, _ := newWatch(f, (&clock{percents: both(0, 10)}).stat)
	w.AsStarted(fn)
	if len(f.own) > 0 {
		t.Errorf("%v before it is known how the process was started", f.own)
	}
	w.begin()
	w.AsStarted(fn)
	w.look()
	w.AsStarted(fn)
	if want := []Policy{Normal, Batch, Normal, Normal}; !slices.Equal(f.own, want) {
		t.Errorf("%v, want %v", f.own, want)
	}
	f.refuse = errors.New("no")
	w.AsStarted(fn)
	var none *Watch
	none.AsStarted(fn)
	if ran != 5 || none.Batch() || none.Changes() != 0 {
		t.Errorf("it ran %d times of 5", ran)
	}
	// A look and a process that starts do not meet.
	f.refuse = nil
	w, _ = newWatch(f, (&clock{percents: both(make([]int, 200)...)}).stat)
	w.begin()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 40 {
				w.AsStarted(fn)
			}
		})
	}
	for range 199 {
		w.look()
	}
	wg.Wait()
	if ran != 165 {
		t.Errorf("it ran %d times of 165", ran)
	}
}
