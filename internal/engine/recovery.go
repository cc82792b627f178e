package engine

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
)

// recover loads the newest snapshot, folds every entry after it and opens the
// recorder behind the last one.
func (p *Partition) recover(ctx context.Context) error {
	state, seq, err := loadState(p.log, p.cfg.Number)
	if err != nil {
		return err
	}
	p.lastSnap = seq
	last, err := p.log.Replay(ctx, seq, func(_ uint64, e *journey.Entry) error {
		refold(state, e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	last = max(last, seq)
	rec, err := p.log.Recorder(ctx, last)
	if err != nil {
		return fmt.Errorf("open log for writing: %w", err)
	}
	p.state, p.rec = state, rec
	p.failed = make(chan error, 1)
	p.acked.Store(last)
	s := state.Live()
	p.stats.Store(&s)
	p.noteRevision()
	p.lastErr.Store(nil)
	p.alive = true
	p.up.Store(true)
	return nil
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

// refold applies a journalled entry. An input that faulted then is skipped now.
func refold(state *judge.State, e *journey.Entry) {
	if e.Judgement.Fault != "" {
		return
	}
	defer func() { _ = recover() }()
	state.Fold(&e.Input)
}

// rebuild runs after a failed append: what the state holds may not be in the
// log, so the state is thrown away and rebuilt. Until that works nothing is
// accepted and the queues are emptied, counted, so that no caller waits.
func (p *Partition) rebuild(cause error) {
	p.up.Store(false)
	p.alive = false
	p.resets.Add(1)
	text := cause.Error()
	p.lastErr.Store(&text)
	p.cfg.Logger.Warn("journal refused an entry, rebuilding the partition", "partition", p.cfg.Number, "error", text)
	_ = p.rec.Close()
	for {
		p.drainShed()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		err := p.waitSlots(ctx)
		if err == nil {
			err = p.recover(ctx)
		}
		if err == nil {
			p.up.Store(false) // until the log has really accepted something
			err = p.probe(ctx)
		}
		cancel()
		if err == nil {
			p.cfg.Logger.Info("partition rebuilt", "partition", p.cfg.Number, "sequence", p.acked.Load())
			return
		}
		p.up.Store(false)
		p.alive = false
		text := err.Error()
		p.lastErr.Store(&text)
		select {
		case <-time.After(p.cfg.Retry):
		case <-p.stop:
			return
		}
	}
}

// probe appends a tick and waits for its ack, so that the partition is only
// taken for up when the log really accepts.
func (p *Partition) probe(ctx context.Context) error {
	e := &journey.Entry{Version: journey.EntryVersion, Partition: p.cfg.Number,
		Input: journey.Input{Kind: journey.InputTick, Time: p.cfg.Clock()}}
	e.Judgement = p.foldSafely(&e.Input)
	got := make(chan error, 1)
	err := p.rec.Append(e, func(seq uint64, err error) {
		if err == nil {
			p.acked.Store(seq)
		}
		got <- err
	})
	if err == nil {
		select {
		case err = <-got:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		_ = p.rec.Close()
		return err
	}
	p.lastErr.Store(nil)
	p.up.Store(true)
	return nil
}

// waitSlots waits until every ack of the closed recorder has been called.
func (p *Partition) waitSlots(ctx context.Context) error {
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
		var r request
		select {
		case r = <-p.sync:
		case r = <-p.async:
		default:
			return
		}
		p.shed.add(ShedJournal, 1)
		if r.reply != nil {
			r.reply <- reply{err: ErrUnavailable}
		}
	}
}

// finish folds what is queued, flushes and stores a snapshot.
func (p *Partition) finish() {
	p.up.Store(false)
	if !p.alive {
		p.drainShed()
		return
	}
	for more := true; more; {
		select {
		case r := <-p.sync:
			p.judge(r)
		case r := <-p.async:
			p.judge(r)
		default:
			more = false
		}
	}
	if !p.alive {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.rec.Flush(ctx); err != nil {
		p.cfg.Logger.Warn("flush on stop", "partition", p.cfg.Number, "error", err)
		_ = p.rec.Close()
		return
	}
	_ = p.waitSlots(ctx)
	_ = p.rec.Close()
	p.saving <- struct{}{} // a background snapshot finishes first
	if seq := p.acked.Load(); seq > p.lastSnap {
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
		if err := replicate(p.log, p.cfg.Number); err != nil {
			p.cfg.Logger.Warn("snapshot", "partition", p.cfg.Number, "error", err)
		}
	}()
}

func replicate(log Log, partition int) error {
	state, seq, err := loadState(log, partition)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	last, err := log.Replay(ctx, seq, func(_ uint64, e *journey.Entry) error {
		refold(state, e)
		return nil
	})
	if err != nil || last <= seq {
		return err
	}
	return log.Save(last, func(w io.Writer) error { return state.Snapshot(w) })
}
