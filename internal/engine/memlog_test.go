package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

var (
	errFull   = errors.New("log: full")
	errClosed = errors.New("log: closed")
)

// fate is what a scripted log does with an entry: an error may or may not leave
// the entry stored, as when an answer is lost on its way.
type fate struct {
	err    error
	stored bool
}

// memLog is a Log in memory that does what a test's script says. It keeps what a
// real one would: bytes.
type memLog struct {
	mu       sync.Mutex
	wake     *sync.Cond
	entries  [][]byte
	snap     []byte
	snapSeq  uint64
	saves    []uint64
	openings int

	held      bool                           // acks wait
	refuse    func(e *journey.Entry) error   // Append fails
	settle    func(e *journey.Entry) fate    // its ack fails
	open      func() error                   // Recorder fails
	silent    bool                           // Flush only waits
	load      func() error                   // Load fails
	onSave    func(seq uint64, bytes []byte) // sees snapshots
	replaying func()                         // called as a replay begins
	prompt    bool                           // appending waits for its ack
}

func newMemLog() *memLog {
	l := &memLog{}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// set changes the script under way.
func (l *memLog) set(f func(*memLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
	l.wake.Broadcast()
}

// crash is the log as a process would find it that started after a kill.
func (l *memLog) crash() *memLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newMemLog()
	c.entries = append(c.entries, l.entries...)
	c.snap, c.snapSeq = l.snap, l.snapSeq
	return c
}

// all decodes what is logged.
func (l *memLog) all(t testing.TB) []journey.Entry {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]journey.Entry, len(l.entries))
	for i, b := range l.entries {
		if err := json.Unmarshal(b, &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func (l *memLog) snapshot() (uint64, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.snapSeq, l.snap
}

func (l *memLog) Load() (uint64, io.ReadCloser, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.load != nil {
		if err := l.load(); err != nil {
			return 0, nil, false, err
		}
	}
	if l.snap == nil {
		return 0, nil, false, nil
	}
	return l.snapSeq, io.NopCloser(bytes.NewReader(l.snap)), true, nil
}

func (l *memLog) Replay(ctx context.Context, after uint64, fn func(uint64, *journey.Entry) error) (uint64, error) {
	l.mu.Lock()
	entries, begun := l.entries, l.replaying
	l.mu.Unlock()
	if begun != nil {
		begun()
	}
	for after < uint64(len(entries)) {
		var e journey.Entry
		if err := json.Unmarshal(entries[after], &e); err != nil {
			return after, err
		}
		after++
		if err := fn(after, &e); err != nil {
			return after, err
		}
		if ctx.Err() != nil {
			return after, ctx.Err()
		}
	}
	return after, nil
}

func (l *memLog) Save(seq uint64, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq > l.snapSeq {
		l.snap, l.snapSeq = b.Bytes(), seq
	}
	l.saves = append(l.saves, seq)
	if l.onSave != nil {
		l.onSave(seq, b.Bytes())
	}
	return nil
}

func (l *memLog) Recorder(_ context.Context, last uint64) (Recorder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != nil {
		if err := l.open(); err != nil {
			return nil, err
		}
	}
	if last != uint64(len(l.entries)) {
		return nil, errors.New("log: another writer has appended")
	}
	l.openings++
	r := &memRecorder{l: l}
	go r.run()
	return r, nil
}

type memRecorder struct {
	l       *memLog
	pending []memAppend
	busy    bool // an ack is being called
	err     error
	closed  bool
}

type memAppend struct {
	e   *journey.Entry
	b   []byte
	ack func(uint64, error)
}

func (r *memRecorder) Append(e *journey.Entry, ack func(uint64, error)) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	var kept journey.Entry
	if err := json.Unmarshal(b, &kept); err != nil {
		return err
	}
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if r.l.refuse != nil {
		if err := r.l.refuse(&kept); err != nil {
			return err // as for an entry that is too large: the recorder stays good
		}
	}
	r.pending = append(r.pending, memAppend{&kept, b, ack})
	r.l.wake.Broadcast()
	for r.l.prompt && (len(r.pending) > 0 || r.busy) {
		r.l.wake.Wait()
	}
	return nil
}

func (r *memRecorder) run() {
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for (len(r.pending) == 0 || l.held) && !r.closed {
			l.wake.Wait()
		}
		if len(r.pending) == 0 {
			return
		}
		p := r.pending[0]
		r.pending = r.pending[1:]
		f := fate{stored: true}
		switch {
		case r.err != nil:
			f = fate{err: r.err}
		case l.settle != nil:
			f = l.settle(p.e)
		}
		if f.stored {
			l.entries = append(l.entries, p.b)
		}
		seq := uint64(len(l.entries))
		if f.err != nil {
			seq = 0
			if r.err == nil {
				r.err = f.err
			}
		}
		r.busy = true
		l.mu.Unlock()
		p.ack(seq, f.err)
		l.mu.Lock()
		r.busy = false
		l.wake.Broadcast()
	}
}

func (r *memRecorder) Send() {}

func (r *memRecorder) Flush(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { r.l.set(func(*memLog) {}) })()
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	for len(r.pending) > 0 || r.busy {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.l.wake.Wait()
	}
	if r.l.silent {
		return nil
	}
	return r.err
}

func (r *memRecorder) Close() error {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	r.closed = true
	if r.err == nil {
		r.err = errClosed
	}
	r.l.wake.Broadcast()
	return nil
}
