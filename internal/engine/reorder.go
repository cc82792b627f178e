package engine

import (
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// Bounds of a reorder.
const (
	defaultReorder = 2 * time.Second
	maxReorder     = 16384 // observations that wait; past them the oldest goes
	// setBack is after how many late ones in a row the clock is taken to have been
	// set back, rather than all of them to be late.
	setBack = 256
)

// reorder lets the observations of copies find their place by their time. A copy
// takes a way of its own, and may overtake another. Each waits until one that is
// more than the wait newer was seen, or until it has waited that long itself; then
// all up to it leave in order of time and exchange. Only the partition's writer uses
// it, but for the counters.
type reorder struct {
	wait   time.Duration
	now    func() time.Time
	leave  func(*journey.Observation)
	heap   []*journey.Observation // the oldest on top
	came   []arrival              // in the order in which they came, those gone included
	newest int64                  // time of the newest seen
	last   place                  // of what left last
	late   int                    // in a row

	reordered, lateAll, length atomic.Int64
}

// place is where in the order an observation stands.
type place struct {
	time     int64
	exchange uint64
}

type arrival struct {
	place
	due time.Time
}

func placeOf(o *journey.Observation) place { return place{o.Time, o.Exchange} }

func (p place) before(o place) bool {
	return p.time < o.time || p.time == o.time && p.exchange < o.exchange
}

// put takes an observation in. One whose place has passed leaves at once.
func (r *reorder) put(o *journey.Observation) {
	at := placeOf(o)
	if at.before(r.last) {
		r.lateAll.Add(1)
		if r.late++; r.late >= setBack {
			r.flush()
			r.newest, r.last, r.late = 0, place{}, 0
		}
		r.leave(o)
		return
	}
	r.late = 0
	if o.Time < r.newest {
		r.reordered.Add(1)
	}
	r.newest = max(r.newest, o.Time)
	r.push(o)
	r.came = append(r.came, arrival{at, r.now().Add(r.wait)})
	for len(r.heap) > maxReorder || len(r.heap) > 0 && r.heap[0].Time < r.newest-r.wait.Microseconds() {
		r.next()
	}
}

// due lets go of what has waited long enough, and tells how long to wait for more; 0
// when nothing waits.
func (r *reorder) due() time.Duration {
	for len(r.came) > 0 {
		first := r.came[0]
		if !r.last.before(first.place) { // it has left
			r.came = r.came[1:]
			continue
		}
		if left := first.due.Sub(r.now()); left > 0 {
			return left
		}
		for len(r.heap) > 0 && !first.before(placeOf(r.heap[0])) {
			r.next()
		}
	}
	r.came = nil
	return 0
}

// flush lets go of all.
func (r *reorder) flush() {
	for len(r.heap) > 0 {
		r.next()
	}
	r.came = nil
}

// oldest is the time of the oldest that waits.
func (r *reorder) oldest() (int64, bool) {
	if len(r.heap) == 0 {
		return 0, false
	}
	return r.heap[0].Time, true
}

// next lets go of the oldest.
func (r *reorder) next() {
	o := r.pop()
	r.last = placeOf(o)
	r.leave(o)
}

func (r *reorder) push(o *journey.Observation) {
	r.heap = append(r.heap, o)
	r.length.Store(int64(len(r.heap)))
	for i := len(r.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !r.less(i, up) {
			return
		}
		r.heap[i], r.heap[up] = r.heap[up], r.heap[i]
		i = up
	}
}

func (r *reorder) pop() *journey.Observation {
	top, n := r.heap[0], len(r.heap)-1
	r.heap[0], r.heap[n] = r.heap[n], nil
	r.heap = r.heap[:n]
	r.length.Store(int64(n))
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < n; c++ {
			if r.less(c, least) {
				least = c
			}
		}
		if least == i {
			return top
		}
		r.heap[i], r.heap[least] = r.heap[least], r.heap[i]
		i = least
	}
}

func (r *reorder) less(i, j int) bool { return placeOf(r.heap[i]).before(placeOf(r.heap[j])) }
