package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
)

// Errors a Judge answers instead of a Verdict.
var (
	ErrBusy        = errors.New("engine: the lane is full")
	ErrUnavailable = errors.New("engine: the journal does not accept entries")
	ErrStopped     = errors.New("engine: stopped")
	ErrFault       = errors.New("engine: the judge did not take this input")
)

// Errors by which a Recorder refuses one entry and stays good: it was not
// appended, and others may be. Any other error ends the Recorder.
var (
	ErrLogBusy  = errors.New("engine: the log has too much in flight")     // to be appended again later
	ErrTooLarge = errors.New("engine: the entry is too large for the log") // never to be appended
)

// Judge answers an Observation. Both sides are serialisable, so that a judge
// can be remote.
type Judge interface {
	// Submit waits for the Verdict until ctx ends. An observation that was
	// queued is folded even if its caller has stopped waiting.
	Submit(ctx context.Context, obs *journey.Observation) (journey.Verdict, error)
	// Observe queues and returns. urgent takes the sync lane. What is not may
	// come to be folded before what was queued earlier, so a response whose
	// request may not have been folded yet is urgent.
	Observe(obs *journey.Observation, urgent bool) error
	// Mirror queues the observation of a copy, which may come out of order: it finds
	// its place by its time, within a bound. It returns at once.
	Mirror(obs *journey.Observation) error
}

// Recorder appends judged inputs to a partition's log, in order and pipelined.
// ack is called once for each, in order, from another goroutine. Append may refuse
// an entry with ErrLogBusy or ErrTooLarge.
type Recorder interface {
	Append(e *journey.Entry, ack func(seq uint64, err error)) error
	Send() // what was appended need not wait for more
	Flush(ctx context.Context) error
	Close() error
}

// Log is one partition's durable log with its snapshots.
type Log interface {
	// Load returns the newest whole snapshot; ok is false when there is none.
	Load() (seq uint64, r io.ReadCloser, ok bool, err error)
	// Replay calls fn for every entry after the sequence given, up to the last
	// one there is when it is called.
	Replay(ctx context.Context, after uint64, fn func(seq uint64, e *journey.Entry) error) (last uint64, err error)
	// Recorder opens the partition for writing after the sequence given.
	Recorder(ctx context.Context, last uint64) (Recorder, error)
	// Save stores a snapshot that includes everything up to seq.
	Save(seq uint64, write func(io.Writer) error) error
}

// PartitionConfig bounds a Partition. Zero values take the defaults given.
type PartitionConfig struct {
	Number        int
	SyncQueue     int           // 1024
	AsyncQueue    int           // 16384
	InFlight      int           // 2048 entries appended and not yet acknowledged
	SnapshotEvery uint64        // 50,000 entries
	TickEvery     time.Duration // 5 s
	// Rest is how long observations nobody waits for are then let gather, once
	// all that came were folded: they share the price of a wake-up and of a write
	// to the log. What comes after a longer pause is folded at once. 300 ms.
	Rest time.Duration
	// Gather is how many of them may, 64: as many as a verdict waits for, so that it
	// knows of all.
	Gather int
	// Reorder is how long observations of copies wait for older ones: by their own
	// time, and by the clock on the wall. 2 s.
	Reorder time.Duration
	Retry   time.Duration // 500 ms between attempts to reopen the log
	// GiveWay is called now and then in long work that nobody waits for, so that the
	// relay's threads need not. nil: nothing.
	GiveWay func()
	Clock   func() int64 // Unix micros
	Logger  *slog.Logger
}

func (c *PartitionConfig) defaults() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&c.SyncQueue, 1024)
	set(&c.AsyncQueue, 16384)
	set(&c.InFlight, 2048)
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 50000
	}
	if c.TickEvery == 0 {
		c.TickEvery = 5 * time.Second
	}
	if c.Rest == 0 {
		c.Rest = 300 * time.Millisecond
	}
	set(&c.Gather, fewGathered)
	if c.GiveWay == nil {
		c.GiveWay = func() {}
	}
	if c.Reorder == 0 {
		c.Reorder = defaultReorder
	}
	if c.Retry == 0 {
		c.Retry = 500 * time.Millisecond
	}
	if c.Clock == nil {
		c.Clock = func() int64 { return time.Now().UnixMicro() }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// patience is how long Stop lets what is queued be folded and recorded.
const patience = 10 * time.Second

// Partition judges everything of one partition in one goroutine. Invariants:
// only run touches state and rec; an input is folded before it is appended and
// appended in fold order; at most InFlight entries are unacknowledged; what the
// log refuses for itself is taken back, after any other failure of it the state is
// rebuilt from the log, so that it never holds what the log does not; whatever a
// lane took is answered, folded or counted as shed.
type Partition struct {
	cfg     PartitionConfig
	log     Log
	shed    *Shed
	sync    chan request
	async   chan request
	rest    chan request // what completes Events whose verdict was given
	ctl     chan control
	crowded chan struct{}   // takes a token when as many gathered in a lane as may
	running context.Context // ends with Stop
	cancel  context.CancelFunc
	done    chan struct{}
	slots   chan struct{}

	// failed takes the first error of one recorder's acks.
	failed chan error
	moved  chan struct{} // takes a token when an ack was called
	poison poison

	up       atomic.Bool  // observations are taken
	unread   atomic.Int64 // exchanges that wait to be read
	entering atomic.Int64 // callers that may have seen up and not queued yet
	acked    atomic.Uint64
	inFlight atomic.Int64
	panics   atomic.Int64
	resets   atomic.Int64
	lastErr  atomic.Pointer[string]
	stats    atomic.Pointer[judge.Stats]
	revision atomic.Pointer[string]
	saved    atomic.Uint64 // what the newest stored snapshot includes

	// Only run reads and writes what follows.
	step     func(*judge.State, *journey.Input) journey.Judgement // Try
	state    *judge.State
	rec      Recorder
	alive    bool   // rec accepts
	resting  bool   // what nobody waits for gathers
	quiet    bool   // more is folded at once: counts are published behind it
	tainted  bool   // the judge panicked and could not take back: rebuild after recording it
	idle     int    // ticks to leave out, since the last tainted the state
	penalty  int    // how many the next such tick costs
	lastSnap uint64 // where the last snapshot was begun, whatever came of it
	patience time.Duration
	lastCall context.Context // while stopping: until when entries are still recorded
	hangUp   context.CancelFunc
	saving   chan struct{} // holds a token while a snapshot is being made
	copies   *reorder      // of mirrored sites
	copyDue  *time.Timer
}

type request struct {
	obs    *journey.Observation
	unread *unread    // in place of obs, in the async lane only
	copy   bool       // it finds its place by its time
	reply  chan reply // nil for observations nobody waits for
}

type reply struct {
	verdict journey.Verdict
	err     error
}

type control struct {
	input journey.Input
	reply chan reply
}

// NewPartition prepares a partition; Start recovers its state and runs it.
func NewPartition(cfg PartitionConfig, log Log, shed *Shed) *Partition {
	cfg.defaults()
	p := &Partition{
		cfg: cfg, log: log, shed: shed, step: (*judge.State).Try, patience: patience,
		sync:    make(chan request, cfg.SyncQueue),
		async:   make(chan request, cfg.AsyncQueue),
		rest:    make(chan request, cfg.SyncQueue),
		ctl:     make(chan control),
		crowded: make(chan struct{}, 1),
		done:    make(chan struct{}),
		slots:   make(chan struct{}, cfg.InFlight),
		saving:  make(chan struct{}, 1),
		moved:   make(chan struct{}, 1),
	}
	p.running, p.cancel = context.WithCancel(context.Background())
	p.copies = &reorder{wait: cfg.Reorder, now: time.Now, leave: func(o *journey.Observation) { p.judge(request{obs: o}) }}
	return p
}

// Start rebuilds the state from snapshot and log, then judges until Stop. It
// returns when the state is rebuilt, so that traffic meets a judge that knows.
// One that could not start is done and stays so.
func (p *Partition) Start(ctx context.Context) error {
	if err := p.recover(ctx); err != nil {
		p.cancel()
		close(p.done)
		return fmt.Errorf("partition %d: %w", p.cfg.Number, err)
	}
	p.up.Store(true)
	go p.run()
	return nil
}

// Submit implements Judge.
func (p *Partition) Submit(ctx context.Context, obs *journey.Observation) (journey.Verdict, error) {
	r := request{obs: obs, reply: make(chan reply, 1)}
	if err := p.enqueue(p.sync, ShedSyncQueue, r); err != nil {
		return journey.Verdict{}, err
	}
	select {
	case a := <-r.reply:
		return a.verdict, a.err
	case <-ctx.Done():
		return journey.Verdict{}, ctx.Err()
	}
}

// Observe implements Judge.
func (p *Partition) Observe(obs *journey.Observation, urgent bool) error {
	switch {
	case urgent:
		return p.enqueue(p.sync, ShedSyncQueue, request{obs: obs})
	case obs.Phase == journey.PhaseResponse:
		return p.enqueue(p.rest, ShedAsyncQueue, request{obs: obs})
	}
	return p.enqueue(p.async, ShedAsyncQueue, request{obs: obs})
}

// Mirror implements Judge.
func (p *Partition) Mirror(obs *journey.Observation) error {
	return p.enqueue(p.async, ShedAsyncQueue, request{obs: obs, copy: true})
}

// gather implements gatherer.
func (p *Partition) gather(u *unread, mirrored bool) bool {
	if p.unread.Add(1) > maxUnread {
		p.unread.Add(-1)
		return false
	}
	if p.enqueue(p.async, ShedAsyncQueue, request{unread: u, copy: mirrored}) != nil {
		p.discard(u)
	}
	return true // shed is counted
}

// discard lets go of an exchange that was not read.
func (p *Partition) discard(u *unread) {
	p.unread.Add(-1)
	u.free()
}

// enqueue never waits. A caller announces itself before it looks whether the
// partition is up, so that finish can wait for those who have looked.
func (p *Partition) enqueue(lane chan request, full Reason, r request) error {
	p.entering.Add(1)
	defer p.entering.Add(-1)
	if !p.up.Load() {
		if p.running.Err() != nil {
			p.shed.add(ShedStopping, 1)
			return ErrStopped
		}
		p.shed.add(ShedJournal, 1)
		return ErrUnavailable
	}
	select {
	case lane <- r:
	default:
		p.shed.add(full, 1)
		return ErrBusy
	}
	if lane != p.sync && len(lane) >= min(p.cfg.Gather, cap(lane)/2) {
		select {
		case p.crowded <- struct{}{}:
		default:
		}
	}
	return nil
}

// SetPolicy journals a revision and puts it in force for every later input. It
// returns when the journal has acknowledged it: a revision that a failed append
// takes back was never in force.
func (p *Partition) SetPolicy(ctx context.Context, bundle map[string]string) error {
	c := control{
		input: journey.Input{Kind: journey.InputPolicy, Time: p.cfg.Clock(), Policy: bundle},
		reply: make(chan reply, 1),
	}
	select {
	case p.ctl <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return ErrStopped
	}
	select {
	case a := <-c.reply:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return ErrStopped
	}
}

// Stop folds what is queued, waits until it is recorded, stores a snapshot and
// returns. Later submissions are refused.
func (p *Partition) Stop(ctx context.Context) error {
	p.cancel()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("partition %d: stop: %w", p.cfg.Number, ctx.Err())
	}
}

func (p *Partition) run() {
	defer close(p.done)
	tick := time.NewTicker(p.cfg.TickEvery)
	defer tick.Stop()
	rested := time.NewTimer(p.cfg.Rest)
	defer rested.Stop()
	p.copyDue = time.NewTimer(p.cfg.Reorder)
	defer p.copyDue.Stop()
	stirred := false
	for {
		// The sync lane drains before the async one, but starves nothing else.
		select {
		case <-p.running.Done():
			p.finish()
			return
		case <-tick.C:
			p.gathered(cap(p.async))
			p.tick(&stirred)
			continue
		case c := <-p.ctl:
			p.gathered(cap(p.async))
			p.command(c)
			continue
		case <-p.copyDue.C:
			p.place()
			stirred = true
			continue
		case r := <-p.sync:
			p.gathered(fewGathered)
			p.judge(r)
			stirred = true
			continue
		default:
		}
		async, rest := p.async, p.rest
		if p.resting {
			async, rest = nil, nil
		}
		select {
		case r := <-p.sync:
			p.gathered(fewGathered)
			p.judge(r)
			stirred = true
		case r := <-rest:
			p.judge(r)
			stirred = true
			p.repose(rested)
		case r := <-async:
			p.completed()
			p.admit(r)
			stirred = true
			p.repose(rested)
		case <-rested.C:
			stirred = p.rise(rested) || stirred
		case <-p.crowded:
			stirred = p.rise(rested) || stirred
		case <-p.copyDue.C:
			p.place()
			stirred = true
		case c := <-p.ctl:
			p.gathered(cap(p.async))
			p.command(c)
		case <-tick.C:
			p.gathered(cap(p.async))
			p.tick(&stirred)
		case err := <-p.failed:
			p.rebuild(err)
		case <-p.running.Done():
			p.finish()
			return
		}
	}
}

// rise ends the rest: what gathered is folded, before anything that comes later, and
// when nothing did, what comes next is folded at once.
func (p *Partition) rise(rested *time.Timer) (stirred bool) {
	p.resting = false
	if len(p.async)+len(p.rest) == 0 {
		return false
	}
	p.several()
	p.repose(rested)
	return true
}

// several folds as many of those that gathered as a verdict waits for: to ask every
// lane and timer again for each takes as long as a part of judging it.
func (p *Partition) several() {
	p.quiet = true
	for n := range fewGathered {
		if n%stint == stint-1 && len(p.sync) == 0 {
			p.cfg.GiveWay()
		}
		p.completed()
		select {
		case r := <-p.async:
			p.admit(r)
			continue
		default:
		}
		break
	}
	p.quiet = false
	p.publish()
	p.rec.Send() // nothing comes for a while
}

// stint is how many inputs are folded before others are given way: some 100 µs.
const stint = 8

// repose lets gather what comes, once all that came was folded.
func (p *Partition) repose(rested *time.Timer) {
	if len(p.async)+len(p.rest) == 0 {
		p.resting = true
		rested.Reset(p.cfg.Rest)
	}
}

// fewGathered is how many whole observations a verdict waits for at most.
const fewGathered = 64

// gathered folds what was let gather before something else that came later, so
// that resting changes nothing but when. Somebody who waits for a verdict waits
// for all that completes earlier ones, which a visitor who tries again must not
// outrun, but for a few of the others only: past that the sync lane comes first,
// as it does when there is no time to rest.
func (p *Partition) gathered(most int) {
	p.completed()
	if !p.resting {
		return
	}
	for range most {
		select {
		case r := <-p.async:
			p.admit(r)
		default:
			return
		}
	}
}

// admit takes what came in the async lane: what is unread is read, and a copy first
// finds its place.
func (p *Partition) admit(r request) {
	if r.unread != nil {
		r.obs = r.unread.read()
		p.unread.Add(-1)
		if r.obs == nil {
			return // that it is shed was counted
		}
	}
	if !r.copy {
		p.judge(r)
		return
	}
	idle := len(p.copies.came) == 0
	if p.copies.put(r.obs); idle {
		p.place()
	}
}

// place folds the copies that have waited long enough, and looks again when the next
// will have.
func (p *Partition) place() {
	if wait := p.copies.due(); wait > 0 {
		p.copyDue.Reset(wait)
	}
}

// completed folds what completes Events, as far as it has come.
func (p *Partition) completed() {
	for range len(p.rest) {
		select {
		case r := <-p.rest:
			p.judge(r)
		default: // rebuilding has emptied the lanes
			return
		}
	}
}

// command folds an input that its caller wants to know recorded. Copies that wait
// came before it.
func (p *Partition) command(c control) {
	p.copies.flush()
	recorded := make(chan error, 1)
	out, err := p.fold(c.input, func(err error) { recorded <- err })
	if err == nil && out.Fault != "" {
		err = fmt.Errorf("%w: %s", ErrFault, out.Fault)
	}
	if err != nil {
		c.reply <- reply{err: err}
		return
	}
	go func() { c.reply <- reply{err: <-recorded} }() // the writer doesn't wait
}

func (p *Partition) judge(r request) {
	out, err := p.fold(journey.Input{Kind: journey.InputObservation, Time: r.obs.Time, Observation: r.obs}, nil)
	if err == nil && out.Fault != "" {
		err = fmt.Errorf("%w: %s", ErrFault, out.Fault)
	}
	if r.reply == nil {
		return
	}
	a := reply{err: err}
	if out.Verdict != nil {
		a.verdict = *out.Verdict
	}
	r.reply <- a
}

// publish shows how the state stands.
func (p *Partition) publish() {
	s := p.state.Live()
	p.stats.Store(&s)
	p.noteRevision()
}

func (p *Partition) noteRevision() {
	r := p.state.Revision()
	if old := p.revision.Load(); old == nil || *old != r {
		p.revision.Store(&r)
	}
}
