package main

import (
	"sort"
	"sync"
	"time"
)

// arrivals remembers since when the journal has had the newest entries of a
// partition, to within arrivalStep. Safe for concurrent use; the zero value is ready.
type arrivals struct {
	mu    sync.Mutex
	marks []arrival // the oldest at next once there are maxArrivals
	next  int
	last  uint64
}

// arrival is when the journal acknowledged an entry, the first of those that follow
// before the next arrival.
type arrival struct {
	from uint64
	at   time.Time
}

const (
	arrivalStep = 10 * time.Millisecond
	maxArrivals = 2048 // more than twice as long as a batch waits
)

// note says that the journal has just acknowledged an entry. Sequences rise.
func (a *arrivals) note(seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = seq
	now := time.Now()
	if n := len(a.marks); n > 0 && now.Sub(a.marks[(a.next+n-1)%n].at) < arrivalStep {
		return
	}
	if len(a.marks) < maxArrivals {
		a.marks = append(a.marks, arrival{seq, now})
		return
	}
	a.marks[a.next] = arrival{seq, now}
	a.next = (a.next + 1) % maxArrivals
}

// of is when an entry was acknowledged; zero for one that is not remembered.
func (a *arrivals) of(seq uint64) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.marks)
	later := sort.Search(n, func(i int) bool { return a.marks[(a.next+i)%n].from > seq })
	if later == 0 || seq > a.last {
		return time.Time{}
	}
	return a.marks[(a.next+later-1)%n].at
}
