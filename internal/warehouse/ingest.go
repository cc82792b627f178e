package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

// Source is the journal as ingest reads it.
type Source interface {
	Judgements(ctx context.Context, partition int, after uint64) (journal.Reader, error)
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
	// Unwatched is how long the first entry of a batch waits while nobody has
	// asked (see Fresh) or Watched for some seconds; BatchWait and BatchEvery then
	// say nothing. 0: they always do.
	Unwatched time.Duration
	// Watched says that somebody follows what is applied; may be nil.
	Watched func() bool
	// Arrived is when the journal had acknowledged an entry; the zero time where that
	// is not known. It may be nil.
	Arrived func(seq uint64) time.Time
	Retry   time.Duration // 100 ms after the first failure, doubled up to 5 s
	Logger  *slog.Logger
	// OnApplied is told what has just become searchable; it must not block.
	OnApplied func(Applied)
}

// Applied is a batch that the store has taken.
type Applied struct {
	Events   []journey.Event
	Sessions []journey.Session
	// Ready runs parallel to Events: from when on whoever asked would have found
	// each. Where a batch waited for somebody to ask, that is before it was applied.
	Ready []time.Time
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
	cost     time.Duration // of applying the last batch; only Run's goroutine asks
	usual    int           // entries of a batch, somewhat more than of the last; only Run's goroutine asks

	began   atomic.Int64  // when the last batch was complete, nanoseconds
	asked   atomic.Int64  // when somebody last asked
	hurry   chan struct{} // takes a token when somebody waits for what is there
	mu      sync.Mutex
	applied chan struct{}   // closed after the next batch, or failure
	over    context.Context // has ended: asks a Reader for what is there
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
	over, end := context.WithCancel(context.Background())
	end()
	return &Ingest{source: source, store: store, opts: opts, hurry: make(chan struct{}, 1), applied: make(chan struct{}), over: over}
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
	defer i.tell()
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
	reader, err := i.source.Judgements(ctx, i.opts.Partition, at)
	if errors.Is(err, journal.ErrAhead) {
		if err := i.source.Advance(ctx, i.opts.Partition, at); err != nil {
			return false, err
		}
		reader, err = i.source.Judgements(ctx, i.opts.Partition, at)
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
		records, found, waited, err := i.collect(ctx, reader)
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
		i.tell()
		if i.opts.OnApplied != nil && len(batch.Events)+len(batch.Sessions) > 0 {
			i.opts.OnApplied(Applied{Events: batch.Events, Sessions: batch.Sessions, Ready: i.ready(found, waited, batch.Sequences)})
		}
	}
}

// tell wakes those who wait in Fresh.
func (i *Ingest) tell() {
	i.mu.Lock()
	defer i.mu.Unlock()
	close(i.applied)
	i.applied = make(chan struct{})
}

func (i *Ingest) told() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.applied
}

const (
	watchFor  = 3 * time.Second        // after a question others are likely
	freshWait = 500 * time.Millisecond // then a question is answered from what there is
)

// Fresh is to be called before the store is asked: what the journal had
// BatchEvery ago is in the store when it returns, unless the store or the
// journal is in trouble. So batches can be large while nobody looks.
func (i *Ingest) Fresh(ctx context.Context) {
	now := time.Now()
	i.asked.Store(now.UnixNano())
	if now.UnixNano()-i.began.Load() < int64(i.opts.BatchEvery) || i.lastErr.Load() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, freshWait)
	defer cancel()
	last, err := i.source.Last(ctx, i.opts.Partition)
	if err != nil {
		return // Stats says so
	}
	for {
		told := i.told()
		if i.position.Load() >= last || i.lastErr.Load() != nil {
			return
		}
		i.Hurry()
		select {
		case <-told:
		case <-ctx.Done():
			return
		}
	}
}

// Hurry has what is there applied now, as somebody begins to follow what is applied.
func (i *Ingest) Hurry() {
	select {
	case i.hurry <- struct{}{}:
	default:
	}
}

// watched tells whether somebody is likely to look at what is applied.
func (i *Ingest) watched() bool {
	return i.opts.Unwatched <= 0 || time.Now().UnixNano()-i.asked.Load() < int64(watchFor) ||
		i.opts.Watched != nil && i.opts.Watched()
}

// share is what applying may take of the time.
const share = 30

// distance keeps batches apart.
func (i *Ingest) distance() time.Duration {
	return min(max(i.opts.BatchEvery, share*i.cost), 3*i.opts.BatchEvery)
}

// collect waits for a first entry, then takes what comes until the batch is full
// or its time is over. It tells whether the batch waited for somebody to ask.
func (i *Ingest) collect(ctx context.Context, r journal.Reader) (out []journal.Record, found finds, waited bool, err error) {
	out, err = r.Batch(ctx, i.opts.BatchEvents)
	if err != nil {
		return nil, nil, false, err
	}
	defer func() {
		i.began.Store(time.Now().UnixNano())
		i.usual = len(out) + len(out)/8
	}()
	out = slices.Grow(out, max(0, i.usual-len(out)))
	first := time.Now()
	found, waited = finds{{out[0].Sequence, first}}, !i.watched()
	look := time.NewTimer(0)
	defer look.Stop()
	events, hurry := count(out), false
	// Entries may hold no Event or several; both are bounded.
	for events < i.opts.BatchEvents && len(out) < 4*i.opts.BatchEvents && !hurry {
		left := time.Until(i.due(first))
		if left <= 0 {
			break
		}
		look.Reset(min(left, lookEvery))
		select {
		case <-look.C:
		case <-i.hurry:
			hurry = true
		case <-ctx.Done():
			return out, found, waited, nil
		}
		more, err := r.Batch(i.over, i.opts.BatchEvents-events)
		if len(more) > 0 {
			found = append(found, find{more[0].Sequence, time.Now()})
			out = append(out, more...)
			events += count(more)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			break // it comes again
		}
	}
	return out, found, waited, nil
}

// lookEvery is how often entries are taken while a batch waits. They are not taken
// one by one, since each time has its price: to wake, and to have what decodes them
// in the caches again.
const lookEvery = 500 * time.Millisecond

// due is when a batch is applied whose first entry came when given.
func (i *Ingest) due(first time.Time) time.Time {
	if !i.watched() {
		return first.Add(i.opts.Unwatched)
	}
	end := first.Add(i.opts.BatchWait)
	if next := time.Unix(0, i.began.Load()).Add(i.distance()); next.After(end) {
		end = next
	}
	return end
}

// find is when entries from a sequence on were found in the journal.
type find struct {
	from uint64
	at   time.Time
}

type finds []find

// ready is when each of the sequences, which rise, was in the store or, of a batch
// that waited for somebody to ask, could have been.
func (i *Ingest) ready(found finds, waited bool, sequences []uint64) []time.Time {
	now := time.Now()
	out := make([]time.Time, len(sequences))
	at := 0
	for n, seq := range sequences {
		out[n] = now
		if !waited {
			continue
		}
		for at+1 < len(found) && found[at+1].from <= seq {
			at++
		}
		could := found[at].at
		if i.opts.Arrived != nil {
			if came := i.opts.Arrived(seq); !came.IsZero() && came.Before(could) {
				could = came
			}
		}
		if could = could.Add(i.cost); could.Before(now) {
			out[n] = could
		}
	}
	return out
}

func count(records []journal.Record) (n int) {
	for i := range records {
		n += len(records[i].Entry.Judgement.Events)
	}
	return n
}

// fold makes a batch of records: every Event, change and link, and each Session's
// last state.
// Faulted entries hold nothing that happened.
func fold(records []journal.Record) (b Batch, faulted int64) {
	place := map[journey.ID]int{}
	n := count(records)
	b.Events, b.Sequences = make([]journey.Event, 0, n), make([]uint64, 0, n)
	for i := range records {
		r := &records[i]
		if r.Entry.Judgement.Fault != "" {
			faulted++
			continue
		}
		for k := range r.Entry.Judgement.Events {
			b.Events = append(b.Events, r.Entry.Judgement.Events[k])
			b.Sequences = append(b.Sequences, r.Sequence)
		}
		for _, c := range r.Entry.Judgement.SpecChanges {
			if p, ok := place[c.From]; ok && c.Kind == journey.SpecSplit && b.Sessions[p].SpecID != c.From {
				b.Sessions[p].SpecID = c.Into // as the Store does with those of batches before
			}
		}
		for _, s := range r.Entry.Judgement.Sessions {
			if p, ok := place[s.ID]; ok {
				b.Sessions[p] = s
				continue
			}
			place[s.ID] = len(b.Sessions)
			b.Sessions = append(b.Sessions, s)
		}
		for _, c := range r.Entry.Judgement.SpecChanges {
			b.Changes = append(b.Changes, Change{c, r.Sequence})
		}
		b.Links = append(b.Links, r.Entry.Judgement.Links...)
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
