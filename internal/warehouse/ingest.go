package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

// Source is the journal as ingest reads it.
type Source interface {
	Reader(ctx context.Context, partition int, after uint64) (journal.Reader, error)
	Last(ctx context.Context, partition int) (uint64, error)
	// Advance makes a partition that lost its end go on after seq.
	Advance(ctx context.Context, partition int, seq uint64) error
	// Consumed says that entries up to seq are no more needed here.
	Consumed(partition int, seq uint64)
}

// IngestOptions bound an Ingest. Zero values take the defaults given.
type IngestOptions struct {
	Partition   int
	BatchEvents int           // 2,000
	BatchWait   time.Duration // 100 ms from the first entry of a batch
	// BatchEvery is the least time between batches that are not full, since each
	// has its price whatever its size; 200 ms. It grows, up to three times, while
	// applying takes more than a thirtieth of it. After a pause an Event waits
	// for BatchWait alone.
	BatchEvery time.Duration
	Retry      time.Duration // 100 ms after the first failure, doubled up to 5 s
	Logger     *slog.Logger
	// OnApplied is told what has just become searchable; it must not block.
	OnApplied func(events []journey.Event, sessions []journey.Session, at time.Time)
}

// Ingest carries one partition from the journal to the store. Whatever fails is
// tried again for ever: the journal keeps all until it is applied.
type Ingest struct {
	source Source
	store  Store
	opts   IngestOptions

	position atomic.Uint64
	events   atomic.Int64
	batches  atomic.Int64
	faulted  atomic.Int64
	errors   atomic.Int64
	lastErr  atomic.Pointer[string]
	refused  bool          // the store refused the last batch; only Run's goroutine asks
	began    time.Time     // when the last batch was complete; only Run's goroutine asks
	cost     time.Duration // of applying it
}

// NewIngest prepares the ingest of one partition; Run does it.
func NewIngest(source Source, store Store, opts IngestOptions) *Ingest {
	if opts.BatchEvents <= 0 {
		opts.BatchEvents = 2000
	}
	if opts.BatchWait <= 0 {
		opts.BatchWait = 100 * time.Millisecond
	}
	if opts.BatchEvery <= 0 {
		opts.BatchEvery = 200 * time.Millisecond
	}
	if opts.Retry <= 0 {
		opts.Retry = 100 * time.Millisecond
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Ingest{source: source, store: store, opts: opts}
}

// Run applies entries until ctx ends, and then returns ctx's error.
func (i *Ingest) Run(ctx context.Context) error {
	wait := i.opts.Retry
	for {
		progress, err := i.follow(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if progress {
			wait = i.opts.Retry
		}
		i.fail(err)
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxRetry)
	}
}

const maxRetry = 5 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (i *Ingest) fail(err error) {
	i.errors.Add(1)
	text := err.Error()
	if old := i.lastErr.Swap(&text); old == nil || *old != text {
		i.opts.Logger.Warn("ingest", "partition", i.opts.Partition, "error", text)
	}
}

// follow reads from the store's position on until something fails. progress
// tells that it applied at least one batch.
func (i *Ingest) follow(ctx context.Context) (progress bool, err error) {
	at, err := i.store.Position(ctx, i.opts.Partition)
	if err != nil {
		return false, fmt.Errorf("position: %w", err)
	}
	i.position.Store(at)
	reader, err := i.source.Reader(ctx, i.opts.Partition, at)
	if errors.Is(err, journal.ErrAhead) {
		if err := i.source.Advance(ctx, i.opts.Partition, at); err != nil {
			return false, err
		}
		reader, err = i.source.Reader(ctx, i.opts.Partition, at)
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = reader.Close() }()
	i.source.Consumed(i.opts.Partition, at)
	if !i.refused {
		i.lastErr.Store(nil) // it was the journal's trouble, and is over
	}
	for {
		records, err := i.collect(ctx, reader)
		if err != nil {
			return progress, fmt.Errorf("read journal: %w", err)
		}
		if first := records[0].Sequence; first > at+1 {
			i.opts.Logger.Warn("the journal has a gap", "partition", i.opts.Partition, "after", at, "next", first)
		}
		to := records[len(records)-1].Sequence
		batch, faulted := fold(records)
		start := time.Now()
		if err := i.store.Apply(ctx, i.opts.Partition, at+1, to, batch); err != nil {
			i.refused = true
			return progress, err
		}
		i.refused, i.cost = false, time.Since(start)
		at, progress = to, true
		i.position.Store(to)
		i.batches.Add(1)
		i.events.Add(int64(len(batch.Events)))
		i.faulted.Add(faulted)
		i.lastErr.Store(nil)
		i.source.Consumed(i.opts.Partition, to)
		if i.opts.OnApplied != nil && len(batch.Events)+len(batch.Sessions) > 0 {
			i.opts.OnApplied(batch.Events, batch.Sessions, time.Now())
		}
	}
}

// share is what applying may take of the time.
const share = 30

// distance keeps batches apart.
func (i *Ingest) distance() time.Duration {
	return min(max(i.opts.BatchEvery, share*i.cost), 3*i.opts.BatchEvery)
}

// collect waits for a first entry, then takes what comes until the batch is
// full or its time is over.
func (i *Ingest) collect(ctx context.Context, r journal.Reader) ([]journal.Record, error) {
	out, err := r.Batch(ctx, i.opts.BatchEvents)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(i.opts.BatchWait)
	if next := i.began.Add(i.distance()); next.After(end) {
		end = next
	}
	defer func() { i.began = time.Now() }()
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	events := count(out)
	// Entries may hold no Event or several; both are bounded.
	for events < i.opts.BatchEvents && len(out) < 4*i.opts.BatchEvents {
		more, err := r.Batch(ctx, i.opts.BatchEvents-events)
		if err != nil {
			return out, nil // time is over; another error comes again
		}
		out = append(out, more...)
		events += count(more)
	}
	return out, nil
}

func count(records []journal.Record) (n int) {
	for i := range records {
		n += len(records[i].Entry.Judgement.Events)
	}
	return n
}

// fold makes a batch of records: every Event, and each Session's last state.
// Faulted entries hold nothing that happened.
func fold(records []journal.Record) (b Batch, faulted int64) {
	place := map[journey.ID]int{}
	for i := range records {
		r := &records[i]
		if r.Entry.Judgement.Fault != "" {
			faulted++
			continue
		}
		for _, e := range r.Entry.Judgement.Events {
			b.Events = append(b.Events, e)
			b.Sequences = append(b.Sequences, r.Sequence)
		}
		for _, s := range r.Entry.Judgement.Sessions {
			if p, ok := place[s.ID]; ok {
				b.Sessions[p] = s
				continue
			}
			place[s.ID] = len(b.Sessions)
			b.Sessions = append(b.Sessions, s)
		}
	}
	return b, faulted
}

// IngestStats is how an Ingest is doing.
type IngestStats struct {
	Position  uint64 // last sequence applied
	Lag       uint64 // entries not yet applied
	Events    int64  // applied since the start
	Batches   int64
	Faulted   int64 // entries skipped
	Errors    int64
	LastError string // "" when the last try went well
}

// Stats may be called at any time.
func (i *Ingest) Stats(ctx context.Context) IngestStats {
	s := IngestStats{Position: i.position.Load(), Events: i.events.Load(), Batches: i.batches.Load(),
		Faulted: i.faulted.Load(), Errors: i.errors.Load()}
	if text := i.lastErr.Load(); text != nil {
		s.LastError = *text
	}
	last, err := i.source.Last(ctx, i.opts.Partition)
	if err != nil && s.LastError == "" {
		s.LastError = err.Error()
	}
	if last > s.Position {
		s.Lag = last - s.Position
	}
	return s
}
