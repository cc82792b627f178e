package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

// realLog is a partition of a real journal.
type realLog struct{ j *journal.Journal }

func (l realLog) Load() (uint64, io.ReadCloser, bool, error) { return l.j.LoadSnapshot(0) }

func (l realLog) Save(seq uint64, write func(io.Writer) error) error {
	return l.j.SaveSnapshot(0, seq, write)
}

func (l realLog) Recorder(ctx context.Context, last uint64) (Recorder, error) {
	w, err := l.j.Writer(ctx, 0, last)
	if err != nil {
		return nil, err
	}
	return realRecorder{w}, nil
}

type realRecorder struct{ journal.Writer }

func (r realRecorder) Append(e *journey.Entry, ack func(uint64, error)) error {
	err := r.Writer.Append(e, ack)
	switch {
	case errors.Is(err, journal.ErrBusy):
		return fmt.Errorf("%w: %w", ErrLogBusy, err)
	case errors.Is(err, journal.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}

func (l realLog) Replay(ctx context.Context, after uint64, fn func(uint64, *journey.Entry) error) (uint64, error) {
	last, err := l.j.Last(ctx, 0)
	if err != nil || last <= after {
		return max(last, after), err
	}
	r, err := l.j.Reader(ctx, 0, after)
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

func openJournal(t *testing.T, cfg journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// TestTheJournalBringsTheStateBack restarts journal and partition.
func TestTheJournalBringsTheStateBack(t *testing.T) {
	dir := t.TempDir()
	all := traffic(7, 200)
	whole := newMemLog()
	p := start(t, PartitionConfig{}, whole, &Shed{})
	feed(t, p, all[:150])
	feed(t, p, all[150:])
	stop(t, p)
	_, want := whole.snapshot()

	j := openJournal(t, journal.Config{Dir: dir})
	p = start(t, PartitionConfig{SnapshotEvery: 30}, realLog{j}, &Shed{})
	feed(t, p, all[:150])
	p.cancel() // no orderly stop of the journal: it is closed under the partition
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	stop(t, p)

	j = openJournal(t, journal.Config{Dir: dir})
	p = start(t, PartitionConfig{SnapshotEvery: 30}, realLog{j}, &Shed{})
	feed(t, p, all[150:])
	stop(t, p)
	_, r, ok, err := j.LoadSnapshot(0)
	if err != nil || !ok {
		t.Fatalf("no snapshot: %v", err)
	}
	got, err := io.ReadAll(r)
	_ = r.Close()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the states differ: %v\n%s", err, firstDifference(got, want))
	}
}

// TestAFullJournal fills the journal to its bound, and makes room.
func TestAFullJournal(t *testing.T) {
	j := openJournal(t, journal.Config{Dir: t.TempDir(), MaxBytes: 400 << 10, MaxAge: time.Nanosecond, TrimEvery: 10 * time.Millisecond})
	shed := &Shed{}
	p := start(t, PartitionConfig{SnapshotEvery: 20}, realLog{j}, shed)
	sent, recorded := 0, map[uint64]bool{}
	for x := uint64(0); p.Stats().Up; x++ {
		if x > 5000 {
			t.Fatal("it never gets full")
		}
		sent++
		_ = p.Observe(attempt(x), true)
		if x%16 == 0 {
			eventually(t, "taken", func() bool { return len(p.sync) == 0 })
		}
	}
	for x := range uint64(10) {
		sent++
		if _, err := p.Submit(t.Context(), asked(100_000+x)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("while full: %v", err)
		}
	}
	l := realLog{j}
	record := func(_ uint64, e *journey.Entry) error {
		if o := e.Input.Observation; o != nil && e.Judgement.Fault == "" {
			if recorded[o.Exchange] {
				t.Errorf("exchange %d is recorded twice", o.Exchange)
			}
			recorded[o.Exchange] = true
		}
		return nil
	}
	last, err := l.Replay(t.Context(), 0, record)
	if err != nil {
		t.Fatal(err)
	}
	// The one the judge had in hand when the journal filled waits until there is room.
	if n := sent - len(recorded) - total(shed); n != 0 && n != 1 {
		t.Fatalf("%d recorded and %d shed of %d", len(recorded), total(shed), sent)
	}
	j.Consumed(0, last) // the warehouse has caught up
	eventually(t, "room again", func() bool { j.Consumed(0, p.acked.Load()); return p.Stats().Up })
	if v, err := p.Submit(t.Context(), asked(200_000)); err != nil || v.EventID == 0 {
		t.Fatalf("afterwards: %v", err)
	}
	sent++
	stop(t, p)
	if _, err := l.Replay(t.Context(), last, record); err != nil {
		t.Fatal(err)
	}
	if len(recorded)+total(shed) != sent {
		t.Fatalf("in the end %d recorded and %d shed of %d", len(recorded), total(shed), sent)
	}
}
