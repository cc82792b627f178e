//go:build !race

package edge

import "testing"

// The way of a request that nobody matches allocates nothing, once its
// connections stand.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	s := start(t, fixed(t, 1500), nobody{}, nil)
	a := newAsker(t, s.addr)
	for range 100 {
		a.ask(t)
	}
	if n := testing.AllocsPerRun(2000, func() { a.ask(t) }); n >= 1 {
		t.Errorf("%v allocations a request", n)
	}
}
