package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/throughline/throughline/internal/journey"
)

const (
	readAhead      = 1024 // records decoded ahead of the caller
	fetchAhead     = 512  // messages asked of the store at once
	fetchBytes     = 2 * MaxEntry
	consumerResets = 5 // then the store is taken for broken
	stint          = 8 // entries decoded before others are given way: some 50 µs
)

// Reader opens a partition for reading after the sequence given. Sequences may
// have gaps where entries were deleted. It answers ErrAhead when the partition
// ends before that sequence.
func (j *Journal) Reader(ctx context.Context, partition int, after uint64) (Reader, error) {
	return j.reader(ctx, partition, after, Decode)
}

// Judgements is a Reader whose records may come without their observation.
func (j *Journal) Judgements(ctx context.Context, partition int, after uint64) (Reader, error) {
	return j.reader(ctx, partition, after, decodeJudgement)
}

type decoder func([]byte) (journey.Entry, error)

// considerate decodes like another, and gives way now and then. It is for one
// goroutine.
func (j *Journal) considerate(decode decoder) decoder {
	n := 0
	return func(data []byte) (journey.Entry, error) {
		if n++; n%stint == 0 {
			j.cfg.GiveWay()
		}
		return decode(data)
	}
}

func (j *Journal) reader(ctx context.Context, partition int, after uint64, decode decoder) (Reader, error) {
	eng, err := j.engine()
	if err != nil {
		return nil, err
	}
	s, err := j.stream(ctx, eng, partition)
	if err != nil {
		return nil, err
	}
	at, err := end(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("journal: partition %d: %w", partition, err)
	}
	if after > at.last {
		return nil, fmt.Errorf("%w: partition %d ends at %d, asked for what follows %d", ErrAhead, partition, at.last, after)
	}
	return &reader{j: j, eng: eng, partition: partition, stream: s, tail: j.tail(partition), next: after + 1,
		decoder: decode, gone: make(chan struct{})}, nil
}

// reader takes what was just appended from the tail and everything else from the
// store. Only the caller's goroutine touches next and stored.
type reader struct {
	j         *Journal
	eng       *engine
	partition int
	stream    jetstream.Stream
	tail      *tail
	decoder   decoder
	next      uint64
	stored    *stored // nil while the tail has it all
	gone      chan struct{}
	once      sync.Once
}

// Next implements Reader.
func (r *reader) Next(ctx context.Context) (Record, error) {
	out, err := r.Batch(ctx, 1)
	if err != nil {
		return Record{}, err
	}
	return out[0], nil
}

// Batch implements Reader.
func (r *reader) Batch(ctx context.Context, most int) ([]Record, error) {
	for {
		select {
		case <-r.gone:
			return nil, fmt.Errorf("journal: read: %w", ErrClosed)
		case <-r.eng.dead:
			return nil, fmt.Errorf("journal: read: the store was stopped: %w", ErrClosed)
		default:
		}
		entries, grown := r.tail.take(r, r.next, most)
		if entries == nil && grown == nil {
			return r.fromStore(ctx, most)
		}
		if r.stored != nil {
			r.stored.stop()
			r.stored = nil
		}
		if entries != nil {
			return r.decode(entries)
		}
		select {
		case <-grown:
		case <-r.gone:
		case <-r.eng.dead:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// decode makes records of entries that follow one another.
func (r *reader) decode(entries [][]byte) ([]Record, error) {
	out := make([]Record, len(entries))
	decode := r.j.considerate(r.decoder)
	for i, data := range entries {
		e, err := decode(data)
		if err != nil {
			return nil, fmt.Errorf("journal: entry %d: %w", r.next+uint64(i), err)
		}
		out[i] = Record{Sequence: r.next + uint64(i), Entry: e}
	}
	r.next += uint64(len(out))
	return out, nil
}

// fromStore waits for what the store has next.
func (r *reader) fromStore(ctx context.Context, most int) ([]Record, error) {
	if r.stored == nil {
		msgs, err := r.j.consumeEntry(ctx, r.stream, r.next)
		if err != nil {
			return nil, fmt.Errorf("journal: read partition %d: %w", r.partition, err)
		}
		r.stored = openStored(msgs, r.next, r.j.considerate(r.decoder), r.gone, r.eng.dead)
	}
	out, err := r.stored.batch(ctx, most)
	if n := len(out); n > 0 {
		r.next = out[n-1].Sequence + 1
	}
	return out, err
}

// Close implements Reader.
func (r *reader) Close() error {
	r.once.Do(func() {
		close(r.gone)
		r.tail.forget(r)
	})
	return nil
}

func (r *reader) closed() bool {
	select {
	case <-r.gone:
		return true
	default:
		return false
	}
}

// consumeEntry reads from the message on that holds an entry, or the next after it.
func (j *Journal) consumeEntry(ctx context.Context, s jetstream.Stream, number uint64) (jetstream.MessagesContext, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	info, err := s.Info(ctx)
	if err != nil {
		return nil, err
	}
	seq, err := find(ctx, s, info.State, number)
	if err != nil {
		return nil, err
	}
	return j.consume(ctx, s, max(seq, 1))
}

// consume starts an ephemeral, ordered, unacknowledged consumer. Message 1 stands
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

// stored hands out what pump decodes ahead of what the store delivers. After out
// was closed, err says why.
type stored struct {
	out  chan Record
	err  error
	over chan struct{}
	once sync.Once
}

// openStored reads entries from next on until one of the channels given is closed,
// or stop.
func openStored(msgs jetstream.MessagesContext, next uint64, decode decoder, gone, dead <-chan struct{}) *stored {
	s := &stored{out: make(chan Record, readAhead), over: make(chan struct{})}
	go s.pump(msgs, next, decode, gone)
	go func() {
		select {
		case <-s.over:
		case <-gone:
		case <-dead:
		}
		msgs.Stop() // ends pump
	}()
	return s
}

func (s *stored) stop() { s.once.Do(func() { close(s.over) }) }

func (s *stored) pump(msgs jetstream.MessagesContext, next uint64, decode decoder, gone <-chan struct{}) {
	defer close(s.out)
	begun := false
	for {
		m, err := nextMessage(msgs)
		if err != nil {
			s.err = fmt.Errorf("journal: read: %w", err)
			return
		}
		if m.first < next {
			if begun {
				s.err = fmt.Errorf("journal: read: message %d begins with entry %d, after entry %d: did an older throughline write to the folder?", m.seq, m.first, next-1)
				return
			}
			m.entries = m.entries[min(next-m.first, uint64(len(m.entries))):] // next is in the middle
			m.first = next
		}
		begun, next = true, m.first
		for _, data := range m.entries {
			e, err := decode(data)
			if err != nil {
				s.err = fmt.Errorf("journal: entry %d: %w", next, err)
				return
			}
			select {
			case s.out <- Record{Sequence: next, Entry: e}:
			case <-gone:
				s.err = ErrClosed
				return
			case <-s.over:
				s.err = ErrClosed
				return
			}
			next++
		}
	}
}

// message is one of the store's with the entries in it.
type message struct {
	seq     uint64
	first   uint64 // number of entries[0]
	entries [][]byte
	newest  bool // there was none behind it when it was sent
}

func nextMessage(msgs jetstream.MessagesContext, opts ...jetstream.NextOpt) (message, error) {
	m, err := msgs.Next(opts...)
	if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
		err = ErrClosed
	}
	if err != nil {
		return message{}, err
	}
	meta, err := m.Metadata()
	if err != nil {
		return message{}, err
	}
	first, entries, err := unpack(meta.Sequence.Stream, m.Data())
	return message{seq: meta.Sequence.Stream, first: first, entries: entries, newest: meta.NumPending == 0}, err
}

// batch returns up to most records, waiting for the first.
func (s *stored) batch(ctx context.Context, most int) ([]Record, error) {
	var first Record
	ok := false
	select { // what is there comes before what has ended
	case first, ok = <-s.out:
	default:
		select {
		case first, ok = <-s.out:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if !ok {
		return nil, s.err
	}
	out := append(make([]Record, 0, min(most, len(s.out)+1)), first)
	for len(out) < most {
		select {
		case rec, ok := <-s.out:
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
