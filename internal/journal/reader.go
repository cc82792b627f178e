package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	readAhead      = 1024 // records decoded ahead of the caller
	fetchAhead     = 512  // messages asked of the store at once
	fetchBytes     = 2 * MaxEntry
	consumerResets = 5 // then the store is taken for broken
)

// Reader opens a partition for reading after the sequence given. Sequences may
// have gaps where entries were deleted. It answers ErrAhead when the partition
// ends before that sequence.
func (j *Journal) Reader(ctx context.Context, partition int, after uint64) (Reader, error) {
	eng, err := j.engine()
	if err != nil {
		return nil, err
	}
	s, err := j.stream(ctx, eng, partition)
	if err != nil {
		return nil, err
	}
	if last := s.CachedInfo().State.LastSeq; after > last {
		return nil, fmt.Errorf("%w: partition %d ends at %d, asked for what follows %d", ErrAhead, partition, last, after)
	}
	msgs, err := j.consume(ctx, s, after+1)
	if err != nil {
		return nil, fmt.Errorf("journal: read partition %d: %w", partition, err)
	}
	r := &reader{out: make(chan Record, readAhead), gone: make(chan struct{})}
	go r.pump(msgs)
	go func() {
		select {
		case <-r.gone:
		case <-eng.dead:
		}
		msgs.Stop() // ends pump
	}()
	return r, nil
}

// consume starts an ephemeral, ordered, unacknowledged consumer. from 1 stands
// for the oldest there is.
func (j *Journal) consume(ctx context.Context, s jetstream.Stream, from uint64) (jetstream.MessagesContext, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, MaxResetAttempts: consumerResets})
	if err != nil {
		return nil, err
	}
	return c.Messages(jetstream.PullMaxMessagesWithBytesLimit(fetchAhead, fetchBytes))
}

// reader hands out what pump decodes ahead. After out was closed, err says why.
type reader struct {
	out  chan Record
	err  error
	gone chan struct{}
	once sync.Once
}

func (r *reader) pump(msgs jetstream.MessagesContext) {
	defer close(r.out)
	for {
		m, err := msgs.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			err = ErrClosed
		}
		if err != nil {
			r.err = fmt.Errorf("journal: read: %w", err)
			return
		}
		meta, err := m.Metadata()
		if err != nil {
			r.err = fmt.Errorf("journal: read: %w", err)
			return
		}
		e, err := Decode(m.Data())
		if err != nil {
			r.err = fmt.Errorf("journal: entry %d: %w", meta.Sequence.Stream, err)
			return
		}
		select {
		case r.out <- Record{Sequence: meta.Sequence.Stream, Entry: e}:
		case <-r.gone:
			r.err = ErrClosed
			return
		}
	}
}

// Next implements Reader.
func (r *reader) Next(ctx context.Context) (Record, error) {
	select {
	case rec, ok := <-r.out:
		if !ok {
			return Record{}, r.err
		}
		return rec, nil
	case <-ctx.Done():
		return Record{}, ctx.Err()
	}
}

// Batch implements Reader.
func (r *reader) Batch(ctx context.Context, most int) ([]Record, error) {
	first, err := r.Next(ctx)
	if err != nil {
		return nil, err
	}
	out := append(make([]Record, 0, min(most, len(r.out)+1)), first)
	for len(out) < most {
		select {
		case rec, ok := <-r.out:
			if !ok {
				return out, nil // the error comes with the next call
			}
			out = append(out, rec)
		default:
			return out, nil
		}
	}
	return out, nil
}

// Close implements Reader.
func (r *reader) Close() error {
	r.once.Do(func() { close(r.gone) })
	return nil
}
