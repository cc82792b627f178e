package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throughline/throughline/internal/journey"
)

// maxInFlightBytes bounds the unacknowledged bytes of one Writer.
const maxInFlightBytes = 64 << 20

// Writer opens a partition for appending after the entry expectedLast, which
// must be its newest. ErrDeposed says that the partition goes further. Each message
// names the sequence and, after the Writer's first, the very message that it
// expects to follow, so that of two writers only one can go on. (The sequence
// alone is no fence: after the other's first message, the second of a pipeline
// that was sent before would fit again.) When the partition ends earlier, as after
// a power loss, it is advanced first.
func (j *Journal) Writer(ctx context.Context, partition int, expectedLast uint64) (Writer, error) {
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
	if at.last > expectedLast {
		return nil, fmt.Errorf("%w: partition %d goes to %d, expected %d", ErrDeposed, partition, at.last, expectedLast)
	}
	w, err := j.newWriter(eng, partition, at)
	if err != nil {
		return nil, err
	}
	if at.last < expectedLast {
		if err := w.fill(ctx, expectedLast-at.last); err != nil {
			_ = w.Close()
			return nil, err
		}
	}
	return w, nil
}

// Advance makes a partition go on after seq when it ends earlier, as after a
// power loss that cost the journal its newest entries but not those who had
// read them: the lost sequences are taken by entries marked as faulted, which
// every reader skips. To be called before the partition's Writer is opened.
func (j *Journal) Advance(ctx context.Context, partition int, seq uint64) error {
	last, err := j.Last(ctx, partition)
	if err != nil || last >= seq {
		return err
	}
	j.cfg.Logger.Warn("journal ends before what has been read of it; lost entries are marked",
		"partition", partition, "last", last, "read", seq)
	w, err := j.Writer(ctx, partition, seq)
	if err != nil {
		return fmt.Errorf("advance partition %d to %d: %w", partition, seq, err)
	}
	return w.Close()
}

// maxFill bounds what Advance mends: far more than a sync interval can hold.
const maxFill = 10_000_000

func (w *writer) fill(ctx context.Context, n uint64) error {
	if n > maxFill {
		return fmt.Errorf("%w: partition %d by %d entries, which no power loss explains: was the journal's folder replaced?", ErrAhead, w.partition, n)
	}
	e := journey.Entry{Version: journey.EntryVersion, Partition: w.partition,
		Input: journey.Input{Kind: journey.InputTick}, Judgement: journey.Judgement{Fault: "lost by the journal"}}
	data, err := Encode(&e)
	if err != nil {
		return err
	}
	for range n {
		if err := w.insist(ctx, data); err != nil {
			return err
		}
	}
	return w.Flush(ctx)
}

// insist appends an encoded entry, and waits where Append answers ErrBusy.
func (w *writer) insist(ctx context.Context, data []byte) error {
	err := w.append(data, func(uint64, error) {})
	if errors.Is(err, ErrBusy) {
		if err = w.Flush(ctx); err == nil {
			err = w.append(data, func(uint64, error) {})
		}
	}
	return err
}

// skipTo gives the next entry a number further on.
func (w *writer) skipTo(number uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if number < w.next {
		return fmt.Errorf("entry %d comes after entry %d", number, w.next-1)
	}
	if number > w.next {
		w.sendLocked()
		w.next = number
	}
	return nil
}

// writer appends over a connection of its own, which closes with it: what was
// not sent then never will be. It speaks to the store itself, since the client's
// own way of publishing takes as much as storing does. Entries go to it as one
// message with those that follow soon (Config.Gather), since the way there and back
// wakes eight goroutines, and the store takes as much for a message whatever it
// holds. Invariants, under mu: next is the number of the next entry; unsent and acks
// hold the newest entries, pending the unsettled packs before them in order.
type writer struct {
	j         *Journal
	eng       *engine
	partition int
	nc        *nats.Conn
	inbox     string         // answers come to it with the message's sequence appended
	said      chan *nats.Msg // has room for an answer to each message in flight
	pending   chan *pack
	gone      chan struct{} // closed by Close
	epoch     string        // names this writer's messages
	tail      *tail

	// What is settle's.
	answers  answers
	accepted string // how the store begins when it accepts
	good     bool   // an entry was acknowledged
	late     *time.Timer

	mu      sync.Mutex
	next    uint64
	seq     uint64   // of the message sent next
	message nats.Msg // being sent, its memory used again
	prev    string   // ID of the message sent last; "" before the first of this writer
	err     error    // the first failure; never unset
	closed  bool
	unsent  []byte // a pack that is not sealed; empty when acks is
	acks    []func(uint64, error)
	due     *time.Timer // sends; runs while unsent holds anything
	count   int         // entries in flight
	bytes   int64       // of them
	settled uint64      // appends settled so far
	total   uint64      // appends so far
	waiting []flush
}

// pack is a message that was given to the store, or would have been.
type pack struct {
	seq   uint64 // expected
	first uint64 // number of its first entry
	data  []byte
	acks  []func(uint64, error)
	sent  time.Time
}

// weight is what its entries have in bytes.
func (p *pack) weight() int64 { return weight(len(p.data), len(p.acks)) }

func weight(size, entries int) int64 { return int64(size - packHead - entries*packLength) }

// What gathers: past either bound of the first two it is sent at once. An entry
// that would make a pack larger than the third begins one of its own.
const (
	gatherEntries = 64
	gatherBytes   = 64 << 10
	packBytes     = 1 << 20
)

type flush struct {
	upTo uint64
	done chan struct{}
}

// newWriter makes one that goes on after the span given.
func (j *Journal) newWriter(eng *engine, partition int, after span) (*writer, error) {
	nc, err := eng.connect()
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	w := &writer{j: j, eng: eng, partition: partition, nc: nc, next: after.last + 1, seq: after.seq + 1, epoch: rand.Text() + ".", tail: j.tail(partition),
		inbox: nats.NewInbox() + ".", said: make(chan *nats.Msg, j.cfg.MaxInFlight), answers: answers{}, accepted: answerHead(partition),
		pending: make(chan *pack, j.cfg.MaxInFlight), gone: make(chan struct{})}
	w.due = time.AfterFunc(time.Hour, w.Send)
	w.due.Stop()
	w.late = time.NewTimer(time.Hour)
	w.late.Stop()
	if _, err = nc.ChanSubscribe(w.inbox+"*", w.said); err == nil {
		err = nc.Flush()
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("journal: %w", err)
	}
	w.tail.follow(w, eng, w.next)
	go w.settle()
	return w, nil
}

// Append implements Writer.
func (w *writer) Append(e *journey.Entry, ack func(uint64, error)) error {
	data, err := encode(takeBuffer(), e)
	if err != nil {
		return err
	}
	defer giveBuffer(data)
	return w.append(data, ack)
}

// append keeps nothing of data.
func (w *writer) append(data []byte, ack func(uint64, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return ErrClosed
	case w.err != nil:
		return w.err
	case w.count == cap(w.pending), w.bytes > 0 && w.bytes+int64(len(data)) > maxInFlightBytes:
		return ErrBusy
	}
	if len(w.acks) > 0 && len(w.unsent)+len(data) > packBytes {
		w.sendLocked()
	}
	w.unsent, w.acks = addPacked(w.unsent, data), append(w.acks, ack)
	w.next++
	w.total++
	w.count++
	w.bytes += int64(len(data))
	w.j.inFlight.Add(1)
	switch n := len(w.acks); {
	case n >= min(gatherEntries, (cap(w.pending)+3)/4) || weight(len(w.unsent), n) >= gatherBytes:
		w.sendLocked()
	case n == 1:
		w.due.Reset(w.j.cfg.Gather)
	}
	return nil // what became of it, its ack tells
}

// Send implements Writer.
func (w *writer) Send() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sendLocked()
}

// sendLocked gives the store what has gathered. After a failure it is given
// nothing more: what was taken fails in its turn.
func (w *writer) sendLocked() {
	w.due.Stop()
	n := len(w.acks)
	if n == 0 {
		return
	}
	p := &pack{seq: w.seq, first: w.next - uint64(n), acks: w.acks, sent: time.Now()}
	sealPack(w.unsent, p.first, n)
	p.data = bytes.Clone(w.unsent) // just as much memory as it takes, since the tail keeps it
	if w.err == nil {
		if err := w.nc.PublishMsg(w.envelope(p)); err != nil {
			w.failLocked(fmt.Errorf("journal: append: %w", err))
		}
	}
	w.pending <- p // has room: there are not more packs than entries
	w.seq++
	w.message.Data = nil
	w.acks = make([]func(uint64, error), 0, n)
	if w.unsent = w.unsent[:0]; cap(w.unsent) > 2*packBytes {
		w.unsent = nil
	}
}

// envelope is the message that carries a pack, good until the next.
func (w *writer) envelope(p *pack) *nats.Msg {
	number := strconv.FormatUint(p.seq, 36)
	id := w.epoch + number
	m := &w.message
	if m.Header == nil {
		m.Subject, m.Header = subject(w.partition), nats.Header{}
	}
	m.Reply, m.Data = w.inbox+number, p.data
	set := func(name, value string) {
		if have := m.Header[name]; have != nil {
			have[0] = value
			return
		}
		m.Header[name] = []string{value}
	}
	set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(p.seq-1, 10))
	set(jetstream.MsgIDHeader, id)
	if w.prev != "" {
		set(jetstream.ExpectedLastMsgIDHeader, w.prev)
	}
	w.prev = id
	return m
}

// settle calls the acks in order until the writer is closed and all are called.
func (w *writer) settle() {
	for {
		select {
		case p := <-w.pending:
			w.finish(p)
		case <-w.gone:
			for {
				select {
				case p := <-w.pending:
					w.finish(p)
				default:
					return
				}
			}
		}
	}
}

func (w *writer) finish(p *pack) {
	err := w.wait(p)
	if err != nil {
		w.mu.Lock()
		w.failLocked(err)
		w.mu.Unlock()
		for _, ack := range p.acks {
			ack(0, err)
		}
	} else {
		if !w.good {
			w.good = true
			w.j.note(nil)
		}
		if _, entries, err := unpack(p.seq, p.data); err == nil { // as what was just packed is
			w.tail.push(w, p.first, entries)
		}
		for i, ack := range p.acks {
			ack(p.first+uint64(i), nil)
		}
	}
	n := len(p.acks)
	w.j.inFlight.Add(int64(-n))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count -= n
	w.bytes -= p.weight()
	w.settled += uint64(n)
	for len(w.waiting) > 0 && w.waiting[0].upTo <= w.settled {
		close(w.waiting[0].done)
		w.waiting = w.waiting[1:]
	}
}

// wait returns what became of a pack. After a failure the rest has failed too,
// whatever the store says: they must not count while one before them doesn't.
func (w *writer) wait(p *pack) error {
	w.mu.Lock()
	failed := w.err
	w.mu.Unlock()
	if failed != nil {
		return fmt.Errorf("an earlier append failed: %w", failed)
	}
	w.late.Reset(time.Until(p.sent.Add(w.j.cfg.AckTimeout)))
	defer w.late.Stop()
	for {
		if a, ok := w.answers.of(p.seq); ok {
			if a.err != nil {
				return w.refused(a.err)
			}
			return w.confirm(p, a.seq)
		}
		select { // what is known comes before what has ended
		case m := <-w.said:
			w.answers.take(m, len(w.inbox), w.accepted)
			continue
		default:
		}
		select {
		case m := <-w.said:
			w.answers.take(m, len(w.inbox), w.accepted)
		case <-w.late.C:
			return w.refused(fmt.Errorf("no answer in %s", w.j.cfg.AckTimeout))
		case <-w.eng.dead:
			return fmt.Errorf("the store was stopped: %w", ErrClosed)
		case <-w.gone:
			return ErrClosed
		}
	}
}

func (w *writer) confirm(p *pack, seq uint64) error {
	if seq != p.seq {
		return fmt.Errorf("%w: message got sequence %d instead of %d", ErrDeposed, seq, p.seq)
	}
	return nil
}

func (w *writer) refused(err error) error {
	err = appendError(err)
	switch {
	case errors.Is(err, ErrDeposed):
	case errors.Is(err, ErrFull):
		w.j.note(err)
		select {
		case w.j.kick <- struct{}{}:
		default:
		}
	default:
		// No answer, or one that no healthy store gives: it swallows what its
		// disk refused, and stays so until it is started anew.
		w.j.breakdown(w.eng, err)
	}
	return err
}

func (w *writer) failLocked(err error) {
	if w.err == nil {
		w.err = err
		w.tail.leave(w)
	}
}

// Flush implements Writer. It returns the first failure if there was one.
func (w *writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	if w.settled == w.total {
		defer w.mu.Unlock()
		return w.err
	}
	w.sendLocked()
	f := flush{upTo: w.total, done: make(chan struct{})}
	w.waiting = append(w.waiting, f)
	w.mu.Unlock()
	select {
	case <-f.done:
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.err
	case <-ctx.Done():
		return fmt.Errorf("journal: flush: %w", ctx.Err())
	}
}

// Close implements Writer. What is unacknowledged fails with ErrClosed; Flush
// first to wait for it.
func (w *writer) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	w.failLocked(ErrClosed)
	w.sendLocked() // to nobody: it fails with the rest
	w.mu.Unlock()
	close(w.gone)
	w.nc.Close()
	return nil
}

// settleTime bounds how long a control request to the store may take.
const settleTime = 10 * time.Second
