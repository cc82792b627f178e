package wire

import (
	"sync"
	"sync/atomic"
	"time"
)

// Sweeper ends the waiting of sockets whose time is up. One goroutine looks at
// all of them now and then, which is far cheaper than a timer moved with every
// message; deadlines are therefore late by up to a sweep. It shuts sockets down
// and never closes them: whoever waits wakes up and sees why. Safe for concurrent
// use.
type Sweeper struct {
	start   time.Time
	now     atomic.Int64  // milliseconds since start, as of the last sweep
	pause   atomic.Int64  // milliseconds until the next
	least   atomic.Int64  // the shortest time asked for, in milliseconds
	sooner  chan struct{} // a shorter one than ever
	mu      sync.Mutex
	set     []*Socket
	running bool // while there are sockets
}

// The pause between sweeps is a share of the shortest time that anybody has asked
// for, since waking up costs more than looking. It grows with the sockets, so that a
// sweep costs a thousandth of a core at most.
const (
	minSweep  = 20 * time.Millisecond
	maxSweep  = 500 * time.Millisecond
	share     = 10
	perSocket = 20 * time.Microsecond
)

// NewSweeper makes a Sweeper. It runs while there are sockets.
func NewSweeper() *Sweeper {
	w := &Sweeper{start: time.Now(), sooner: make(chan struct{}, 1)}
	w.least.Store(share * maxSweep.Milliseconds())
	w.pause.Store(maxSweep.Milliseconds())
	return w
}

func (w *Sweeper) run() {
	timer := time.NewTimer(time.Duration(w.pause.Load()) * time.Millisecond)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-w.sooner:
		}
		n := w.sweep()
		w.mu.Lock()
		if len(w.set) == 0 {
			w.running = false
			w.mu.Unlock()
			return
		}
		pause := w.between(n)
		w.pause.Store(pause.Milliseconds())
		w.mu.Unlock()
		timer.Reset(pause)
	}
}

// between is the pause between sweeps of n sockets.
func (w *Sweeper) between(n int) time.Duration {
	shortest := time.Duration(w.least.Load()) * time.Millisecond
	return max(min(max(shortest/share, minSweep), maxSweep), time.Duration(n)*perSocket)
}

func (w *Sweeper) sweep() int {
	now := w.tick()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.set {
		if d := s.readDue.Load(); d != 0 && d <= now && s.readDue.CompareAndSwap(d, 0) {
			s.late.Store(true)
			_ = s.CloseRead()
		}
		if d := s.writeDue.Load(); d != 0 && d <= now && s.writeDue.CompareAndSwap(d, 0) {
			s.late.Store(true)
			s.Abort()
		}
		if d := s.watchDue.Load(); d != 0 && d <= now {
			s.look(d, now)
		}
		if d := s.restDue.Load(); d != 0 && d <= now && s.restDue.CompareAndSwap(d, 0) {
			s.lookAtRest()
		}
	}
	return len(w.set)
}

// Lately is the time of the last sweep on the Sweeper's clock, in milliseconds, for
// what need not be exact: it costs nothing.
func (w *Sweeper) Lately() int64 { return w.now.Load() }

// Now is the time on the Sweeper's clock, in milliseconds.
func (w *Sweeper) Now() int64 { return time.Since(w.start).Milliseconds() }

func (w *Sweeper) tick() int64 {
	now := w.Now()
	w.now.Store(now)
	return now
}

// in is the time after d, never earlier: now may be a pause old.
func (w *Sweeper) in(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	if ms := d.Milliseconds(); ms < w.least.Load() {
		w.shorten(ms)
	}
	return w.now.Load() + w.pause.Load() + d.Milliseconds() + 1
}

// shorten makes the pause fit a time shorter than any before. It takes no lock: who
// asks may hold what somebody waits for whom the Sweeper has called.
func (w *Sweeper) shorten(ms int64) {
	for old := w.least.Load(); ms < old; old = w.least.Load() {
		if !w.least.CompareAndSwap(old, ms) {
			continue
		}
		w.tick()
		w.pause.Store(w.between(0).Milliseconds()) // until the sweep that this asks for
		select {
		case w.sooner <- struct{}{}:
		default:
		}
		return
	}
}

func (w *Sweeper) add(s *Socket) {
	w.mu.Lock()
	s.at = int32(len(w.set)) //nolint:gosec // far fewer than two billion
	w.set = append(w.set, s)
	if !w.running {
		w.running = true
		w.tick()
		w.pause.Store(w.between(len(w.set)).Milliseconds())
		go w.run()
	}
	w.mu.Unlock()
}

func (w *Sweeper) remove(s *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.at < 0 {
		return
	}
	last := len(w.set) - 1
	moved := w.set[last]
	w.set[s.at], moved.at, w.set[last] = moved, s.at, nil
	w.set, s.at = w.set[:last], -1
	if cap(w.set) > 1024 && last < cap(w.set)/4 { // a rush is over
		w.set = append(make([]*Socket, 0, cap(w.set)/2), w.set...)
	}
}
