//go:build linux

package edge

import (
	"fmt"
	"testing"
	"time"
)

func TestPassengersMove(t *testing.T) {
	s := start(t, simple(t), &careless{}, nil)
	var all []*client
	for range 9 {
		all = append(all, aboard(t, s))
	}
	in := func() (n []int) { // how many are in each lane
		s.lanes.mu.Lock()
		list := s.lanes.list
		s.lanes.mu.Unlock()
		for _, ln := range list {
			got := make(chan int)
			if ln.l.Post(func() { got <- len(ln.all) }) == nil {
				n = append(n, <-got)
			}
		}
		return n
	}
	for _, among := range []int{3, 2, 1} {
		s.lanes.among.Store(int32(among)) //nolint:gosec // as above
		eventually(t, fmt.Sprintf("they are spread among %d", among), func() bool {
			sum, used := 0, 0
			n := in()
			for _, k := range n[:min(among, len(n))] {
				if sum += k; k > 0 {
					used++
				}
			}
			return sum == len(all) && used >= min(among, 2)
		})
		for _, a := range all {
			a.send(getRequest)
			if a.head(); a.bytes(2) != "ok" {
				t.Fatal("no answer")
			}
		}
	}
}

func TestHowManyLanes(t *testing.T) {
	const tick = 250 * time.Millisecond
	type ticks struct {
		n            int
		process, all float64 // of a processor
	}
	for name, c := range map[string]struct {
		from int
		used []ticks
		want int
	}{
		"idle":                           {1, []ticks{{100, 0.01, 0.01}}, 1},
		"busy, and time left":            {1, []ticks{{100, 0.9, 0.9}}, 1},
		"full, and a processor to spare": {1, []ticks{{2, 1, 1}}, 2},
		"so it goes on":                  {1, []ticks{{2, 1, 1}, {1, 2, 2}, {1, 4, 4}}, 8},
		"up to all there are":            {8, []ticks{{5, 16, 8}}, 8},
		"full, for want of a processor":  {1, []ticks{{100, 0.8, 1}}, 1},
		"crowded out":                    {1, []ticks{{2, 0.3, 1}}, 2},
		"fewer would do":                 {4, []ticks{{21, 1, 1.5}}, 3},
		"not yet":                        {4, []ticks{{20, 1, 1.5}}, 4},
		"for a while it was not so":      {4, []ticks{{20, 1, 1.5}, {1, 3, 3}, {19, 1, 1.5}}, 4},
		"down to one":                    {3, []ticks{{61, 0, 0}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var d spread
			var u usage
			n := c.from
			for _, k := range c.used {
				for range k.n {
					u.wall += tick
					u.process += time.Duration(k.process * float64(tick))
					u.lanes += time.Duration(k.all * float64(tick))
					n = d.next(n, 8, u)
				}
			}
			if n != c.want {
				t.Errorf("%d lanes, want %d", n, c.want)
			}
		})
	}
}

func TestWhenLanesPay(t *testing.T) {
	var p pace
	now, had := time.Duration(0), int64(0)
	for i, c := range []struct {
		rate int64
		want bool
	}{{0, false}, {2000, false}, {9000, false}, {10000, true}, {50000, true}, {6000, true}, {4000, false}, {9000, false}, {20000, true}, {0, false}} {
		now += 250 * time.Millisecond
		had += c.rate / 4
		if p.next(now, had, 0); p.quick.Load() != c.want {
			t.Errorf("look %d at %d/s: %v", i, c.rate, !c.want)
		}
		p.next(now+time.Millisecond, had+1000, 0) // too soon to tell anything
	}
	// Not where too many alight, nor for a while after it.
	d := &pace{}
	now, had = 0, 0
	left := int64(0)
	for i, c := range []struct {
		looks     int
		alighting int64 // of a thousand requests
		want      bool
	}{{2, 0, true}, {100, 60, true}, {1, 70, false}, {119, 0, false}, {1, 0, true}, {10, 0, true}} {
		for range c.looks {
			now += 250 * time.Millisecond
			had += 5000
			left += 5 * c.alighting
			d.next(now, had, left)
		}
		if d.quick.Load() != c.want {
			t.Errorf("stretch %d: %v", i, !c.want)
		}
	}
}

func TestPassengersAlightWhenFewCome(t *testing.T) {
	s := start(t, simple(t), &careless{}, func(c *Config) { c.IdleTimeout = 10 * time.Second })
	s.lanes.pace.quick.Store(true)
	c := aboard(t, s)
	s.lanes.mu.Lock() // of which the lane's next look at the rate would be without
	ln := s.lanes.list[0]
	s.lanes.mu.Unlock()
	done := make(chan struct{})
	if err := ln.l.Post(func() { s.lanes.eager = false; close(done) }); err != nil {
		t.Fatal(err)
	}
	<-done
	eventually(t, "few come", func() bool { return !s.lanes.pace.quick.Load() })
	if s.lanes.riding.Load() != 1 {
		t.Error("who rests alights")
	}
	c.send(getRequest)
	if c.head(); c.bytes(2) != "ok" {
		t.Error("not served")
	}
	eventually(t, "it has alighted, for good", func() bool { return s.lanes.riding.Load() == 0 })
}

func TestWearyPassengers(t *testing.T) {
	v := &visit{}
	p := &passenger{v: v}
	for _, c := range []struct {
		rode int
		want int8
	}{{0, 4}, {10, 8}, {10, 16}, {100, 32}, {0, 64}, {0, 64}, {511, 64}, {512, 2}, {15, 4}, {1000, 2}} {
		p.rode = c.rode
		if p.weary(); v.need != c.want {
			t.Errorf("after %d: %d, want %d", c.rode, v.need, c.want)
		}
	}
}

func TestTicketsGoAlong(t *testing.T) {
	s := start(t, simple(t), &careless{}, nil)
	s.lanes.among.Store(2)
	c := aboard(t, s)
	for range 5 {
		c.send(getRequest)
		if c.head(); c.bytes(2) != "ok" {
			t.Fatal("no answer")
		}
	}
	where := func() (at int, had ticket) {
		s.lanes.mu.Lock()
		list := s.lanes.list
		s.lanes.mu.Unlock()
		at = -1
		for i, ln := range list {
			done := make(chan struct{})
			if ln.post(func() {
				defer close(done)
				if len(ln.all) > 0 {
					at, had = i, ln.all[0].ticket
				}
			}) == nil {
				<-done
			}
		}
		return at, had
	}
	eventually(t, "it rides", func() bool { at, _ := where(); return at >= 0 })
	before, had := where()
	for i := range 2 { // the lanes change places
		s.lanes.mu.Lock()
		list := s.lanes.list
		s.lanes.mu.Unlock()
		if i == before && len(list) > i {
			done := make(chan struct{})
			if err := list[i].post(func() { defer close(done); p := list[i].all[0]; p.which++; p.move() }); err != nil {
				t.Fatal(err)
			}
			<-done
		}
	}
	eventually(t, "it rides elsewhere", func() bool { at, _ := where(); return at >= 0 && at != before })
	if _, has := where(); has.rode != had.rode || has.since != had.since || has.rode < 5 {
		t.Errorf("%+v, want %+v", has, had)
	}
}
