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
	now     atomic.Int64 // milliseconds since start, as of the last sweep
	pause   atomic.Int64 // milliseconds until the next
	mu      sync.Mutex
	set     map[*Socket]struct{}
	running bool // while there are sockets
}

// Bounds of the pause between sweeps: it grows with the sockets, so that a sweep
// costs a thousandth of a core at most.
const (
	minSweep  = 20 * time.Millisecond
	perSocket = 20 * time.Microsecond
)

// NewSweeper makes a Sweeper. It runs while there are sockets.
func NewSweeper() *Sweeper {
	w := &Sweeper{start: time.Now(), set: map[*Socket]struct{}{}}
	w.pause.Store(minSweep.Milliseconds())
	return w
}

func (w *Sweeper) run() {
	timer := time.NewTimer(minSweep)
	defer timer.Stop()
	for {
		<-timer.C
		n := w.sweep()
		w.mu.Lock()
		if len(w.set) == 0 {
			w.running = false
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		pause := max(minSweep, time.Duration(n)*perSocket)
		w.pause.Store(pause.Milliseconds())
		timer.Reset(pause)
	}
}

func (w *Sweeper) sweep() int {
	now := w.tick()
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.set {
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

// Coarse is the time of the last sweep, for what need not be exact: it costs
// nothing.
func (w *Sweeper) Coarse() time.Time {
	return w.start.Add(time.Duration(w.now.Load()) * time.Millisecond)
}

func (w *Sweeper) tick() int64 {
	now := time.Since(w.start).Milliseconds()
	w.now.Store(now)
	return now
}

// in is the time after d, never earlier: now may be a pause old.
func (w *Sweeper) in(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return w.now.Load() + w.pause.Load() + d.Milliseconds() + 1
}

func (w *Sweeper) add(s *Socket) {
	w.mu.Lock()
	w.set[s] = struct{}{}
	if !w.running {
		w.running = true
		w.tick()
		go w.run()
	}
	w.mu.Unlock()
}

func (w *Sweeper) remove(s *Socket) {
	w.mu.Lock()
	delete(w.set, s)
	w.mu.Unlock()
}
