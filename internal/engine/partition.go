package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
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
	ErrFault       = errors.New("engine: the judge faulted on this observation")
)

// Judge answers an Observation. Both sides are serialisable, so that a judge
// can be remote.
type Judge interface {
	// Submit waits for the Verdict until ctx ends. An observation that was
	// queued is folded even if its caller has stopped waiting.
	Submit(ctx context.Context, obs *journey.Observation) (journey.Verdict, error)
	// Observe queues and returns. urgent takes the sync lane.
	Observe(obs *journey.Observation, urgent bool) error
}

// Recorder appends judged inputs to a partition's log, in order and pipelined.
// ack is called once for each, in order, from another goroutine.
type Recorder interface {
	Append(e *journey.Entry, ack func(seq uint64, err error)) error
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
	Retry         time.Duration // 500 ms between attempts to reopen the log
	Clock         func() int64  // Unix micros
	Logger        *slog.Logger
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

// Partition judges everything of one partition in one goroutine. Invariants:
// only run touches state and rec; an input is folded before it is appended and
// appended in fold order; at most InFlight entries are unacknowledged; after a
// failed append the state is rebuilt from the log, so that it never holds what
// the log does not.
type Partition struct {
	cfg   PartitionConfig
	log   Log
	shed  *Shed
	sync  chan request
	async chan request
	ctl   chan control
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}
	slots chan struct{}

	// failed takes the first error of one recorder's acks.
	failed chan error

	up       atomic.Bool // observations are taken
	acked    atomic.Uint64
	inFlight atomic.Int64
	panics   atomic.Int64
	resets   atomic.Int64
	lastErr  atomic.Pointer[string]
	stats    atomic.Pointer[judge.Stats]
	revision atomic.Pointer[string]

	state    *judge.State
	rec      Recorder
	alive    bool // rec accepts; only run reads and writes it
	tainted  bool // the judge panicked half way: rebuild after recording it
	lastSnap uint64
	saving   chan struct{} // holds a token while a snapshot is being made
}

type request struct {
	obs   *journey.Observation
	reply chan reply // nil for observations nobody waits for
}

type reply struct {
	verdict journey.Verdict
	err     error
}

type control struct {
	input journey.Input
	reply chan reply
	fault chan string
}

// NewPartition prepares a partition; Start recovers its state and runs it.
func NewPartition(cfg PartitionConfig, log Log, shed *Shed) *Partition {
	cfg.defaults()
	return &Partition{
		cfg: cfg, log: log, shed: shed,
		sync:   make(chan request, cfg.SyncQueue),
		async:  make(chan request, cfg.AsyncQueue),
		ctl:    make(chan control),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
		slots:  make(chan struct{}, cfg.InFlight),
		saving: make(chan struct{}, 1),
	}
}

// Start rebuilds the state from snapshot and log, then judges until Stop. It
// returns when the state is rebuilt, so that traffic meets a judge that knows.
func (p *Partition) Start(ctx context.Context) error {
	if err := p.recover(ctx); err != nil {
		return fmt.Errorf("partition %d: %w", p.cfg.Number, err)
	}
	go p.run()
	return nil
}

// Submit implements Judge.
func (p *Partition) Submit(ctx context.Context, obs *journey.Observation) (journey.Verdict, error) {
	if !p.up.Load() {
		p.shed.add(ShedJournal, 1)
		return journey.Verdict{}, ErrUnavailable
	}
	r := request{obs: obs, reply: make(chan reply, 1)}
	select {
	case p.sync <- r:
	default:
		p.shed.add(ShedSyncQueue, 1)
		return journey.Verdict{}, ErrBusy
	}
	select {
	case a := <-r.reply:
		return a.verdict, a.err
	case <-ctx.Done():
		return journey.Verdict{}, ctx.Err()
	case <-p.done:
		return journey.Verdict{}, ErrStopped
	}
}

// Observe implements Judge.
func (p *Partition) Observe(obs *journey.Observation, urgent bool) error {
	if !p.up.Load() {
		p.shed.add(ShedJournal, 1)
		return ErrUnavailable
	}
	lane, reason := p.async, ShedAsyncQueue
	if urgent {
		lane, reason = p.sync, ShedSyncQueue
	}
	select {
	case lane <- request{obs: obs}:
		return nil
	default:
		p.shed.add(reason, 1)
		return ErrBusy
	}
}

// SetPolicy journals a revision and puts it in force for every later input.
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
	p.once.Do(func() { close(p.stop) })
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
	stirred := false
	for {
		// The sync lane drains first.
		select {
		case r := <-p.sync:
			p.judge(r)
			stirred = true
			continue
		default:
		}
		select {
		case r := <-p.sync:
			p.judge(r)
			stirred = true
		case r := <-p.async:
			p.judge(r)
			stirred = true
		case c := <-p.ctl:
			out, err := p.fold(c.input)
			if err == nil && out.Fault != "" {
				err = fmt.Errorf("%w: %s", ErrFault, out.Fault)
			}
			c.reply <- reply{err: err}
		case <-tick.C:
			if stirred || p.state.Live().Pending > 0 {
				stirred = false
				_, _ = p.fold(journey.Input{Kind: journey.InputTick, Time: p.cfg.Clock()})
			}
		case err := <-p.failed:
			p.rebuild(err)
		case <-p.stop:
			p.finish()
			return
		}
	}
}

func (p *Partition) judge(r request) {
	out, err := p.fold(journey.Input{Kind: journey.InputObservation, Time: r.obs.Time, Observation: r.obs})
	if err == nil && out.Fault != "" {
		p.shed.add(ShedFault, 1)
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

// fold judges one input and appends it. It waits for a free slot first: at the
// bound folding stops, while traffic flows on by the failure policy.
func (p *Partition) fold(in journey.Input) (journey.Judgement, error) {
	for {
		select {
		case p.slots <- struct{}{}:
		case err := <-p.failed:
			p.rebuild(err)
			continue
		case <-p.stop:
			// Stopping with a journal that doesn't answer: give up on this input.
			select {
			case p.slots <- struct{}{}:
			case <-time.After(2 * time.Second):
				p.shed.add(ShedStopping, 1)
				return journey.Judgement{}, ErrStopped
			}
		}
		break
	}
	if !p.alive { // rebuild gave up because we are stopping
		<-p.slots
		p.shed.add(ShedStopping, 1)
		return journey.Judgement{}, ErrStopped
	}
	e := &journey.Entry{Version: journey.EntryVersion, Partition: p.cfg.Number, Input: in}
	e.Judgement = p.foldSafely(&e.Input)
	s := p.state.Live()
	p.stats.Store(&s)
	p.noteRevision()
	p.inFlight.Add(1)
	failed := p.failed
	err := p.rec.Append(e, func(seq uint64, err error) {
		p.inFlight.Add(-1)
		<-p.slots
		if err != nil {
			if in.Kind == journey.InputObservation {
				p.shed.add(ShedJournal, 1)
			}
			select {
			case failed <- err:
			default:
			}
			return
		}
		p.acked.Store(seq)
	})
	if err != nil {
		p.inFlight.Add(-1)
		<-p.slots
		if in.Kind == journey.InputObservation {
			p.shed.add(ShedJournal, 1)
		}
		p.rebuild(err)
		return journey.Judgement{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if p.tainted {
		p.tainted = false
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = p.rec.Flush(ctx) // the fault is in the log, so that replay skips it
		cancel()
		p.rebuild(ErrFault)
	}
	p.maybeSnapshot()
	return e.Judgement, nil
}

// foldSafely is the last line of defence: the judge itself recovers from a
// panicking rule, this from a panicking judge, whose state then can't be trusted.
func (p *Partition) foldSafely(in *journey.Input) (out journey.Judgement) {
	defer func() {
		if v := recover(); v != nil {
			p.panics.Add(1)
			p.tainted = true
			p.cfg.Logger.Error("judge panicked", "partition", p.cfg.Number, "panic", fmt.Sprint(v))
			out = journey.Judgement{Fault: fmt.Sprint(v)}
		}
	}()
	return p.state.Fold(in)
}

func (p *Partition) noteRevision() {
	r := p.state.Revision()
	if old := p.revision.Load(); old == nil || *old != r {
		p.revision.Store(&r)
	}
}
