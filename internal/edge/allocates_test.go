//go:build !race

package edge

import "testing"

// The way of a request that nobody matches allocates nothing, once its
// connections stand.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, lanes := range []bool{false, true} {
		s := start(t, fixed(t, 1500), nobody{}, func(c *Config) { c.NoLanes = !lanes })
		a := newAsker(t, s.addr)
		for range 100 {
			a.ask(t)
		}
		if n := testing.AllocsPerRun(2000, func() { a.ask(t) }); n >= 1 {
			t.Errorf("with lanes %v, %v allocations a request", lanes, n)
		}
		if rides := s.lanes.riding.Load() == 1; rides != lanes {
			t.Errorf("with lanes %v, it rides: %v", lanes, rides)
		}
	}
}
