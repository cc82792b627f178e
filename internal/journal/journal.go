// Package journal is the durable ordered stream of judged inputs: one stream
// per partition, in the order the judge saw them. The engine's recorder writes
// it, recovery and the warehouse's ingest read it. An Event counts as accepted
// when its entry has been acknowledged here. Built on NATS JetStream, embedded
// with file storage by default.
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

// Record is an entry with its place in the partition's stream.
type Record struct {
	Sequence uint64 // 1, 2, 3... within the partition
	Entry    journey.Entry
}

// Writer appends to one partition. It pipelines: Append returns at once and
// ack is called exactly once, later and in order, from another goroutine, with
// the sequence given or an error. After the first error every later Append of
// this Writer fails; the owner opens a new one after reloading.
type Writer interface {
	Append(e *journey.Entry, ack func(seq uint64, err error)) error
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
