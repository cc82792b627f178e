package edge

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// lanes are a Server's. They begin when they are needed, and are as few as will do:
// what one exchange leaves in a processor's caches is there for the next, as long as
// it is the same processor's. Safe for concurrent use.
type lanes struct {
	s     *Server
	most  int  // 0: there are none
	eager bool // a test's: they pay always, whoever may ride boards at once, and it says among how many
	next  atomic.Uint32
	among atomic.Int32 // over how many of them passengers are spread; at least 1

	riding            atomic.Int64
	boarded, alighted atomic.Int64

	mu     sync.Mutex
	list   []*lane
	ended  bool
	spread spread

	pace pace
}

func (ls *lanes) init(s *Server) {
	ls.s = s
	if !s.cfg.NoLanes && wire.HasLanes {
		ls.most = runtime.GOMAXPROCS(0)
	}
	ls.among.Store(1)
}

// count is over how many lanes passengers are spread, 0 where there are none.
func (ls *lanes) count() int64 { return int64(min(int(ls.among.Load()), ls.most)) }

// pick is the lane of a passenger; nil where there is none.
func (ls *lanes) pick(which uint32) *lane {
	at := int(which) % int(ls.among.Load())
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for len(ls.list) <= at && !ls.ended {
		ln := &lane{s: ls.s, at: len(ls.list), room: make([]byte, roomSize)}
		begun := make(chan struct{})
		var err error
		if ln.l, err = wire.NewLane(ls.s.sweeper, laneTick, func(now time.Duration) { <-begun; ln.tick(now) }); err != nil {
			ls.s.cfg.Logger.Debug("no lane", "error", err.Error()) // for want of a descriptor, say: it is done without
			return nil
		}
		close(begun)
		ls.list = append(ls.list, ln)
	}
	if ls.ended {
		return nil
	}
	return ls.list[at]
}

// empty has everybody alight, now that the Server is draining: nobody boards any more.
func (ls *lanes) empty() {
	ls.mu.Lock()
	list := ls.list
	ls.mu.Unlock()
	for _, ln := range list {
		done := make(chan struct{})
		if ln.post(func() { defer close(done); ln.empty() }) == nil {
			<-done
		}
	}
}

// stop ends the lanes, which nobody is in any more.
func (ls *lanes) stop() {
	ls.mu.Lock()
	ls.ended = true
	list := ls.list
	ls.list = nil
	ls.mu.Unlock()
	for _, ln := range list {
		_ = ln.post(ln.letGo)
		ln.l.Stop()
	}
}

// balance decides among how many lanes passengers are spread.
func (ls *lanes) balance(now time.Duration) (among int) {
	ls.pace.next(now, ls.s.counters.requests.Load(), ls.alighted.Load())
	ls.mu.Lock()
	defer ls.mu.Unlock()
	among = int(ls.among.Load())
	if now-ls.spread.last.wall < laneTick { // another lane has seen to it
		return among
	}
	var busy time.Duration
	for _, o := range ls.list {
		busy += o.l.Busy()
	}
	next := ls.spread.next(among, ls.most, usage{now, wire.ProcessTime(), busy})
	if ls.eager || next == among {
		return among
	}
	ls.among.Store(int32(next)) //nolint:gosec // few
	return next
}

// paid tells whether lanes have lately been cheaper than goroutines, to those in one.
func (ls *lanes) paid() bool { return ls.pace.quick.Load() || ls.eager }

// pay tells so to everybody else.
func (ls *lanes) pay() bool {
	p := &ls.pace
	if now := ls.s.sweeper.Lately(); now != p.seen.Load() {
		p.seen.Store(now)
		p.next(time.Duration(now)*time.Millisecond, ls.s.counters.requests.Load(), ls.alighted.Load())
	}
	return ls.paid()
}

// pace knows whether so many requests come that lanes pay. With few there is one to be
// woken for each in any case, and to wake a lane takes a little more than a goroutine;
// with many it takes several at once. Safe for concurrent use.
type pace struct {
	seen  atomic.Int64 // the Sweeper's time when somebody looked last
	quick atomic.Bool

	mu   sync.Mutex
	at   time.Duration
	had  int64
	left int64
	rest time.Duration // until when they don't pay, whatever comes
}

// From how many requests a second on lanes pay, and below how many they don't any more
// (docs/PERFORMANCE.md, "Lanes").
const (
	quickFrom = 10_000
	slowBelow = 5_000
	paceOver  = 200 * time.Millisecond
	// One in so many may alight. Where more do, because the origin is slow or has too
	// few connections for all who wait, lanes are left alone for a while.
	mayAlight  = 16
	leaveAlone = 30 * time.Second
)

// next looks at how many requests there have been, and how often somebody has alighted.
func (p *pace) next(now time.Duration, requests, alighted int64) {
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	took := now - p.at
	if took < paceOver {
		return
	}
	came, left := requests-p.had, alighted-p.left
	rate := float64(came) / took.Seconds()
	p.at, p.had, p.left = now, requests, alighted
	switch {
	case p.quick.Load() && left*mayAlight > came:
		p.quick.Store(false)
		p.rest = now + leaveAlone
	case now < p.rest:
	case rate >= quickFrom:
		p.quick.Store(true)
	case rate < slowBelow:
		p.quick.Store(false)
	}
}

// usage is what has been used so far: of time on the wall, of processors by the whole
// process, and of time by the lanes in which they were not waiting.
type usage struct{ wall, process, lanes time.Duration }

// spread turns usage, tick by tick, into a number of lanes.
type spread struct {
	last usage
	calm int // for how many ticks in a row one lane less would have done
}

const (
	full     = 0.95 // a lane that has no time left
	starved  = 0.5  // one that gets so little of a processor has to ask for another
	plenty   = 0.6  // what all need of one lane less
	calmness = 20
)

// next doubles the lanes where they are full, unless what they lack is a processor: one
// thread more would only take its share from the others then, and from those who send
// to us and answer us perhaps. Where processors are so crowded that a lane gets hardly
// half of one, it takes that share all the same. It gives lanes up one by one.
func (d *spread) next(among, most int, now usage) int {
	wall := float64(now.wall - d.last.wall)
	share := float64(now.process-d.last.process) / wall / float64(among)
	busy := float64(now.lanes-d.last.lanes) / wall
	first := d.last == usage{}
	d.last = now
	switch {
	case first || wall <= 0:
	case busy >= full*float64(among):
		d.calm = 0
		if share >= full || share <= starved {
			return min(2*among, most)
		}
	case busy >= plenty*float64(among-1):
		d.calm = 0
	default:
		if d.calm++; d.calm >= calmness {
			d.calm = 0
			return max(among-1, 1)
		}
	}
	return among
}
