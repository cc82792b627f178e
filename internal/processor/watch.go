package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// every is how long after a look the next one comes.
const every = time.Second

// threads are what the kernel keeps of ours.
type threads interface {
	// started is how the process is scheduled; an error says why that is not to be
	// changed.
	started() (Policy, error)
	// scheduleAll changes every thread that is scheduled otherwise, and those that they
	// create meanwhile.
	scheduleAll(Policy) error
	// scheduleOwn changes the calling thread.
	scheduleOwn(Policy) error
	// processors tells the numbers of those that we may run on.
	processors() (func(number int) bool, error)
}

// Watch has the process scheduled as its Rule says, look by look. A nil Watch leaves
// scheduling alone.
type Watch struct {
	log     *slog.Logger
	threads threads
	stat    func() ([]byte, error) // the text of /proc/stat
	yield   func()                 // puts the calling thread behind those that wait for its processor

	rule   Rule
	before []times // at the last look; nil: there was none

	mu     sync.Mutex // held while threads change
	begun  bool       // started is known and may be changed
	origin Policy     // as the process was started

	batch   atomic.Bool
	changes atomic.Int64
}

// Start has the process scheduled by the rule from now on and until ctx ends; how it
// is scheduled then it stays. What can't be done is said in the log and left.
func Start(ctx context.Context, log *slog.Logger) *Watch {
	own, stat := ofSystem()
	if own == nil {
		return nil
	}
	w := &Watch{log: log, threads: own, stat: stat, yield: yield}
	if w.begin() {
		go func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			w.follow(ctx, tick.C)
		}()
	}
	return w
}

// Batch tells whether the watch has the process scheduled as SCHED_BATCH.
func (w *Watch) Batch() bool { return w != nil && w.batch.Load() }

// Changes counts how often that has changed since the start.
func (w *Watch) Changes() int64 {
	if w == nil {
		return 0
	}
	return w.changes.Load()
}

// GiveWay lets the threads run first that wait for the very processor that the caller
// is on, and returns at once when there are none. Long work calls it now and then:
// the kernel may have put a thread that woke behind it though another processor is
// idle, and there it would wait for the rest of a slice, some milliseconds. While the
// processors are crowded nobody is let pass, since then somebody always waits. It costs
// a system call.
func (w *Watch) GiveWay() {
	if w.Batch() {
		w.yield()
	}
}

// AsStarted runs fn on a thread that is scheduled as the process was when it was
// started. A process that fn starts inherits that: it may have been told to leave
// scheduling to whoever started this one.
func (w *Watch) AsStarted(fn func()) {
	if w == nil {
		fn()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if w.threads.scheduleOwn(w.origin) == nil {
			defer func() { _ = w.threads.scheduleOwn(w.policy()) }() // else the next look does
		}
	}
	fn()
}

func (w *Watch) policy() Policy {
	if w.batch.Load() {
		return Batch
	}
	return Normal
}

// begin takes the first look; it tells whether others are to follow.
func (w *Watch) begin() bool {
	origin, err := w.threads.started()
	if err != nil {
		w.giveUp(err)
		return false
	}
	w.mu.Lock()
	w.begun, w.origin = true, origin
	w.mu.Unlock()
	on := w.look()
	w.changes.Store(0) // to begin is no change
	return on
}

// follow looks at every tick.
func (w *Watch) follow(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			if !w.look() {
				return
			}
		}
	}
}

// look decides by what the processors did since the look before and sees to it that
// all threads are scheduled so, whichever came since. It tells whether to go on. The
// first look has nothing to compare with: the rule says what it begins with.
func (w *Watch) look() bool {
	now, err := w.times()
	if err != nil {
		w.log.Info("the processors' times can't be told: the process stays scheduled as "+Normal.String(), "error", err.Error())
		_ = w.schedule(Normal) // there is nothing left to be tried
		return false
	}
	if share, ok := idleShare(w.before, now); ok {
		w.rule.Next(share)
	}
	w.before = now
	if err := w.schedule(w.rule.Policy()); err != nil {
		_ = w.schedule(Normal) // those that had been changed before it failed
		w.giveUp(err)
		return false
	}
	return true
}

func (w *Watch) giveUp(why error) {
	w.batch.Store(false)
	w.log.Info("scheduling is left as it is", "reason", why.Error())
}

// times are those of the processors that we may run on.
func (w *Watch) times() ([]times, error) {
	text, err := w.stat()
	if err != nil {
		return nil, err
	}
	all, err := parseTimes(text)
	if err != nil {
		return nil, fmt.Errorf("/proc/stat: %w", err)
	}
	may, err := w.threads.processors()
	if err != nil {
		return nil, err
	}
	own := all[:0]
	for _, t := range all {
		if may(t.number) {
			own = append(own, t)
		}
	}
	if len(own) == 0 {
		return nil, errors.New("/proc/stat: has none of the processors that we may run on")
	}
	return own, nil
}

func (w *Watch) schedule(p Policy) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.threads.scheduleAll(p); err != nil {
		return err
	}
	if w.batch.Swap(p == Batch) != (p == Batch) {
		w.changes.Add(1)
		w.log.Debug("scheduling", "policy", p.String())
	}
	return nil
}
