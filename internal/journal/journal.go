// Package journal is the durable ordered stream of judged inputs: one stream
// per partition, in the order the judge saw them. The engine's recorder writes
// it, recovery and the warehouse's ingest read it. An Event counts as accepted
// when its entry has been acknowledged here. Built on NATS JetStream, embedded
// with file storage by default.
//
// It promises: an acknowledged entry survives the death of the process, and
// power loss up to the sync interval; entries are numbered without duplicates, and
// without gaps but for what was lost (several share a message of the store, whose
// own numbers nobody outside sees: pack.go); nothing is deleted that the newest two
// snapshots or the warehouse still need (see trim.go), so that a full journal
// refuses with ErrFull; a writer that was replaced can't write (ErrDeposed). Two
// processes must not open one folder: the caller holds a lock on it.
package journal

import (
	"context"
	"errors"

	"github.com/throughline/throughline/internal/journey"
)

// ErrDeposed is returned by Append when somebody else has written the
// partition since: the writer must reload from snapshot and journal.
var ErrDeposed = errors.New("journal: another writer has appended to the partition")

// ErrFull is returned by Append when the journal has reached its bound.
var ErrFull = errors.New("journal: full")

// ErrBusy is returned by Append when the bound of unacknowledged entries is
// reached. The entry was not appended, the Writer stays good: append it again
// later, or shed it.
var ErrBusy = errors.New("journal: too many entries in flight")

// ErrTooLarge is returned by Append for an entry beyond MaxEntry. The entry was
// not appended, the Writer stays good.
var ErrTooLarge = errors.New("journal: entry too large")

// ErrClosed is returned by everything once the Journal, or the Writer or Reader
// asked, was closed.
var ErrClosed = errors.New("journal: closed")

// ErrAhead is returned by Reader and Advance when the caller stands further
// than the partition goes: the journal lost its end to a power failure, or is
// an older copy. Advance mends it.
var ErrAhead = errors.New("journal: ends before the position asked for")

// Record is an entry with its place in the partition's stream.
type Record struct {
	Sequence uint64 // 1, 2, 3... within the partition
	Entry    journey.Entry
}

// Writer appends to one partition. It pipelines: Append returns at once and
// ack is called exactly once, later and in order, from another goroutine, with
// the sequence given or an error. After the first error every later Append of
// this Writer fails at once with it; the owner opens a new one after reloading.
// An entry whose ack failed may still be in the journal: its fate is unknown
// until the partition is read again. Append keeps nothing of e.
type Writer interface {
	Append(e *journey.Entry, ack func(seq uint64, err error)) error
	// Send gives the store what has gathered, as when nothing more is to come soon.
	Send()
	// Flush waits until every Append so far was acknowledged or failed.
	Flush(ctx context.Context) error
	Close() error
}

// Reader reads one partition in order.
type Reader interface {
	// Next blocks until a record after the last one is there or ctx ends.
	Next(ctx context.Context) (Record, error)
	// Batch returns up to max records without waiting longer than ctx for the
	// first of them.
	Batch(ctx context.Context, max int) ([]Record, error)
	Close() error
}
