package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
)

// recover rebuilds the state and opens the recorder behind the last entry.
func (p *Partition) recover(ctx context.Context) error {
	state, snap, last, err := p.refold(ctx)
	if err != nil {
		return err
	}
	rec, err := p.log.Recorder(ctx, last)
	if err != nil {
		return fmt.Errorf("open log for writing: %w", err)
	}
	p.adopt(state, snap, last, rec)
	return nil
}

// adopt goes on with a state that holds exactly what the log does.
func (p *Partition) adopt(state *judge.State, snap, last uint64, rec Recorder) {
	p.state, p.rec, p.lastSnap = state, rec, snap
	p.saved.Store(snap)
	p.failed = make(chan error, 1)
	p.acked.Store(last)
	p.publish()
	p.lastErr.Store(nil)
	p.alive, p.tainted = true, false
}

// maxRefolds bounds how often a refold begins anew; past it, an entry that the
// judge can't take is only left out.
const maxRefolds = 8

var errPoisoned = errors.New("engine: an entry can't be folded")

// refold loads the newest snapshot and folds every entry after it. When the judge
// panics on an entry and can't take it back, it begins anew without that entry:
// once for each.
func (p *Partition) refold(ctx context.Context) (state *judge.State, snap, last uint64, err error) {
	for n := 0; ; n++ {
		if state, snap, err = loadState(p.log, p.cfg.Number); err != nil {
			return nil, 0, 0, err
		}
		last, err = p.log.Replay(ctx, snap, func(seq uint64, e *journey.Entry) error {
			if seq%stint == 0 {
				p.cfg.GiveWay()
			}
			if p.poison.has(seq) || p.replay(state, seq, e) {
				return nil
			}
			if p.poison.add(seq); n < maxRefolds {
				return errPoisoned
			}
			return nil
		})
		switch {
		case errors.Is(err, errPoisoned):
		case err != nil:
			return nil, 0, 0, fmt.Errorf("replay: %w", err)
		default:
			return state, snap, max(last, snap), nil
		}
	}
}

// poison names entries that no replay may fold: the judge panicked on them and
// could not take back what it had done. It is shared with a snapshot's replica.
type poison struct {
	mu   sync.Mutex
	seqs map[uint64]struct{}
}

func (p *poison) has(seq uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, is := p.seqs[seq]
	return is
}

func (p *poison) add(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seqs == nil {
		p.seqs = map[uint64]struct{}{}
	}
	p.seqs[seq] = struct{}{}
}

// replay applies a journalled entry. An input that faulted then is skipped now, and
// what it let go of is let go of. It is false when the state can't be used any
// more.
func (p *Partition) replay(state *judge.State, seq uint64, e *journey.Entry) (sound bool) {
	if e.Judgement.Fault != "" {
		state.Drop(e.Judgement.Dropped)
		return true
	}
	defer func() {
		if v := recover(); v != nil { // it did not then: the judge is another now
			p.panics.Add(1)
			p.cfg.Logger.Error("replay panicked, entry left out", "partition", p.cfg.Number, "sequence", seq, "panic", fmt.Sprint(v))
			sound = false
		}
	}()
	state.Doom(e.Judgement.Dropped)
	if out := p.step(state, &e.Input); out.Fault != "" {
		p.cfg.Logger.Warn("replay faulted where judging had not, entry left out", "partition", p.cfg.Number, "sequence", seq, "fault", out.Fault)
	}
	state.Commit()
	return true
}

func loadState(log Log, partition int) (*judge.State, uint64, error) {
	seq, r, ok, err := log.Load()
	if err != nil {
		return nil, 0, fmt.Errorf("load snapshot: %w", err)
	}
	if !ok {
		return judge.New(partition), 0, nil
	}
	defer func() { _ = r.Close() }()
	state, err := judge.Restore(r)
	if err != nil {
		return nil, 0, fmt.Errorf("restore snapshot at %d: %w", seq, err)
	}
	return state, seq, nil
}

// rebuild runs after a failed append: what the state holds may not be in the
// log, so the state is thrown away and rebuilt. Until that works nothing is
// accepted and the queues are emptied, counted, so that no caller waits. While
// stopping there is nothing left to rebuild for.
func (p *Partition) rebuild(cause error) {
	p.up.Store(false)
	p.alive = false
	p.resets.Add(1)
	p.cfg.Logger.Warn("rebuilding the partition from the journal", "partition", p.cfg.Number, "error", cause.Error())
	_ = p.rec.Close()
	pause := p.cfg.Retry
	for err := cause; err != nil; {
		text := err.Error()
		p.lastErr.Store(&text)
		p.drainShed()
		if p.running.Err() != nil {
			return
		}
		ctx, cancel := context.WithTimeout(p.running, 30*time.Second)
		err = p.reopen(ctx)
		cancel()
		if err != nil {
			select {
			case <-time.After(pause):
			case <-p.running.Done():
			}
			pause = min(2*pause, 16*p.cfg.Retry)
		}
	}
	p.up.Store(true)
	p.cfg.Logger.Info("partition rebuilt", "partition", p.cfg.Number, "sequence", p.acked.Load())
}

// reopen opens the log anew and tries it with an entry that nobody folds; only
// when that is acknowledged the state is rebuilt, which may be much work. The
// recorder is opened first, so that nothing can follow what is then replayed.
func (p *Partition) reopen(ctx context.Context) error {
	if err := p.settled(ctx); err != nil {
		return err
	}
	at := p.acked.Load()
	last, err := p.log.Replay(ctx, at, func(uint64, *journey.Entry) error { return nil })
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	rec, err := p.log.Recorder(ctx, max(last, at))
	if err != nil {
		return fmt.Errorf("open log for writing: %w", err)
	}
	seq, err := p.probe(ctx, rec)
	if err != nil {
		_ = rec.Close()
		return err
	}
	state, snap, last, err := p.refold(ctx)
	if err == nil && last != seq {
		err = fmt.Errorf("the log ends at %d, not at %d", last, seq)
	}
	if err != nil {
		_ = rec.Close()
		return err
	}
	p.adopt(state, snap, last, rec)
	return nil
}

// probe appends an entry that says itself that it was not folded, and waits for
// its ack.
func (p *Partition) probe(ctx context.Context, rec Recorder) (uint64, error) {
	type fate struct {
		seq uint64
		err error
	}
	got := make(chan fate, 1)
	err := rec.Append(&journey.Entry{Version: journey.EntryVersion, Partition: p.cfg.Number,
		Input:     journey.Input{Kind: journey.InputTick, Time: p.cfg.Clock()},
		Judgement: journey.Judgement{Fault: "not folded: the log was being tried"},
	}, func(seq uint64, err error) { got <- fate{seq, err} })
	if err != nil {
		return 0, err
	}
	select {
	case f := <-got:
		return f.seq, f.err
	case <-ctx.Done():
		return 0, fmt.Errorf("try the log: %w", ctx.Err())
	}
}

// settled waits until the ack of every append has been called.
func (p *Partition) settled(ctx context.Context) error {
	for p.inFlight.Load() > 0 {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waiting for acknowledgements: %w", ctx.Err())
		}
	}
	return nil
}

func (p *Partition) drainShed() {
	for {
		r, ok := p.take()
		if !ok {
			return
		}
		p.shed.add(ShedJournal, 1)
		if r.unread != nil {
			p.discard(r.unread)
		}
		if r.reply != nil {
			r.reply <- reply{err: ErrUnavailable}
		}
	}
}

// take gives what is queued next, if anything is.
func (p *Partition) take() (r request, ok bool) {
	select {
	case r = <-p.sync:
		return r, true
	default:
	}
	select {
	case r = <-p.rest:
		return r, true
	default:
	}
	select {
	case r = <-p.async:
		return r, true
	default:
		return r, false
	}
}

// finish folds what is queued, flushes and stores a snapshot.
func (p *Partition) finish() {
	p.up.Store(false)
	ctx := p.grace()
	defer p.hangUp()
	for {
		last := p.entering.Load() == 0 // then the lanes hold all there will be
		if r, ok := p.take(); ok {
			p.admit(r)
		} else if last {
			p.copies.flush()
			break
		} else {
			runtime.Gosched()
		}
	}
	if !p.alive {
		return
	}
	err := p.rec.Flush(ctx)
	_ = p.rec.Close()
	if err == nil {
		err = p.settled(ctx)
	}
	select {
	case err = <-p.failed: // the state holds what the log does not
	default:
	}
	if err != nil {
		p.cfg.Logger.Warn("flush on stop", "partition", p.cfg.Number, "error", err)
		return
	}
	p.saving <- struct{}{} // a background snapshot ends first; running is over, so it does soon
	if seq := p.acked.Load(); seq > p.saved.Load() {
		if err := p.log.Save(seq, p.state.Snapshot); err != nil {
			p.cfg.Logger.Warn("snapshot on stop", "partition", p.cfg.Number, "error", err)
		}
	}
}

// maybeSnapshot starts a background snapshot when enough was appended since the
// last. A replica folds the journal instead of copying the live state: folding
// is a pure function, so the replica ends equal, and the writer never stalls.
func (p *Partition) maybeSnapshot() {
	to := p.acked.Load()
	if to < p.lastSnap+p.cfg.SnapshotEvery {
		return
	}
	select {
	case p.saving <- struct{}{}:
	default:
		return
	}
	p.lastSnap = to
	go func() {
		defer func() { <-p.saving }()
		if err := p.replicate(); err != nil && p.running.Err() == nil {
			p.cfg.Logger.Warn("snapshot", "partition", p.cfg.Number, "error", err)
		}
	}()
}

func (p *Partition) replicate() error {
	ctx, cancel := context.WithTimeout(p.running, 10*time.Minute)
	defer cancel()
	state, snap, last, err := p.refold(ctx)
	if err != nil || last <= snap {
		return err
	}
	if err := p.log.Save(last, state.Snapshot); err != nil {
		return err
	}
	p.saved.Store(last)
	return nil
}
