package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

// partitionLog is one partition of the journal as the engine wants it.
type partitionLog struct {
	j       *journal.Journal
	n       int
	arrived *arrivals
}

func (l partitionLog) Load() (uint64, io.ReadCloser, bool, error) { return l.j.LoadSnapshot(l.n) }

func (l partitionLog) Save(seq uint64, write func(io.Writer) error) error {
	return l.j.SaveSnapshot(l.n, seq, write)
}

func (l partitionLog) Recorder(ctx context.Context, last uint64) (engine.Recorder, error) {
	w, err := l.j.Writer(ctx, l.n, last)
	if err != nil {
		return nil, err
	}
	return recorder{w, l.arrived}, nil
}

// recorder says in the engine's words what became of an entry.
type recorder struct {
	journal.Writer
	arrived *arrivals
}

func (r recorder) Append(e *journey.Entry, ack func(uint64, error)) error {
	err := r.Writer.Append(e, func(seq uint64, err error) {
		if err == nil {
			r.arrived.note(seq)
		}
		ack(seq, err)
	})
	switch {
	case errors.Is(err, journal.ErrBusy):
		return fmt.Errorf("%w: %w", engine.ErrLogBusy, err)
	case errors.Is(err, journal.ErrTooLarge):
		return fmt.Errorf("%w: %w", engine.ErrTooLarge, err)
	}
	return err
}

func (l partitionLog) Replay(ctx context.Context, after uint64, fn func(uint64, *journey.Entry) error) (uint64, error) {
	last, err := l.j.Last(ctx, l.n)
	if err != nil || last <= after {
		return max(last, after), err
	}
	return l.replayTo(ctx, after, last, fn)
}

// replayTo reads what follows a sequence, up to one that is there.
func (l partitionLog) replayTo(ctx context.Context, after, last uint64, fn func(uint64, *journey.Entry) error) (uint64, error) {
	r, err := l.j.Reader(ctx, l.n, after)
	if err != nil {
		return after, err
	}
	defer func() { _ = r.Close() }()
	for after < last {
		batch, err := r.Batch(ctx, 1000)
		if err != nil {
			return after, err
		}
		for i := range batch {
			after = batch[i].Sequence
			if err := fn(after, &batch[i].Entry); err != nil {
				return after, err
			}
		}
	}
	return after, nil
}
