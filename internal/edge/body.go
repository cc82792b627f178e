package edge

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

const defaultLimit = 64 << 10

// errAbandoned is what the transport reads from a request body once the exchange
// is over.
var errAbandoned = errors.New("edge: the exchange is over")

// body is a message body on its way through: it can be held back, up to a bound
// of bytes and time, and copied, up to the same bound of bytes, while it streams.
//
// The transport reads a request body in a goroutine of its own, which may outlive
// its round trip; hence the lock.
type body struct {
	src   io.ReadCloser
	limit int // of the copy; 0: none is kept
	stall stall

	mu        sync.Mutex
	wake      *sync.Cond // when the pump has read something or ended; nil without a pump
	copy      []byte     // what has passed, up to limit
	over      bool       // more than limit has passed
	eof       bool
	err       error  // why it ended early
	held      []byte // read but not yet passed on: while held, and first when let go
	pumping   bool   // the pump owns src
	letGo     bool   // the pump ends after the read it is in
	abandoned bool
}

// stall arms a deadline on every read, but moves it only now and then, since
// each move costs.
type stall struct {
	after time.Duration // 0: never
	set   func(time.Time) error
	armed time.Time
}

func (s *stall) arm() {
	if s.after <= 0 || s.set == nil {
		return
	}
	if now := time.Now(); now.Sub(s.armed) > s.after/4 {
		s.armed = now
		_ = s.set(now.Add(s.after)) // where deadlines aren't to be had, there is none
	}
}

func (s *stall) disarm() {
	if !s.armed.IsZero() {
		s.armed = time.Time{}
		_ = s.set(time.Time{})
	}
}

// wanted bounds what is kept of a body by what a Decision asks.
func wanted(w wire.BodyWant, limit int) int {
	switch {
	case w == wire.BodyNone:
		return 0
	case limit <= 0:
		return defaultLimit
	}
	return limit
}

// Read implements io.Reader for whom the body is passed on to.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	for b.pumping && len(b.held) == 0 && !b.abandoned {
		b.wake.Wait()
	}
	switch {
	case b.abandoned:
		b.mu.Unlock()
		return 0, errAbandoned
	case len(b.held) > 0:
		n := copy(p, b.held)
		if b.held = b.held[n:]; len(b.held) > 0 || b.pumping || b.err != nil || !b.eof {
			b.mu.Unlock()
			return n, nil
		}
		b.held = nil
		b.mu.Unlock()
		return n, io.EOF
	case b.eof:
		b.mu.Unlock()
		return 0, io.EOF
	case b.err != nil:
		defer b.mu.Unlock()
		return 0, b.err
	}
	b.mu.Unlock()
	n, err := b.read(p)
	b.mu.Lock()
	b.note(p[:n], err)
	b.mu.Unlock()
	return n, err
}

// read reads from the source; one goroutine at a time does.
func (b *body) read(p []byte) (int, error) {
	b.stall.arm()
	n, err := b.src.Read(p)
	if err != nil {
		b.stall.disarm()
	}
	return n, err
}

// note keeps the copy and the end, under the lock.
func (b *body) note(p []byte, err error) {
	if b.limit > 0 {
		room := b.limit - len(b.copy)
		b.copy = append(b.copy, p[:min(room, len(p))]...)
		b.over = b.over || len(p) > room
	}
	switch {
	case err == io.EOF:
		b.eof = true
	case err != nil:
		b.err = err
	}
}

// Close implements io.Closer. The owner of the source closes that itself.
func (b *body) Close() error { return nil }

// abandon ends all reading by others; a read that is under way ends with its
// source.
func (b *body) abandon() {
	b.mu.Lock()
	b.abandoned = true
	if b.wake != nil {
		b.letGo = true
		b.wake.Broadcast()
	}
	b.mu.Unlock()
}

// finished tells whether the body has been read to its end.
func (b *body) finished() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.eof
}

// failure is why the body ended early, nil if it did not.
func (b *body) failure() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// publish gives what has passed so far. The bytes given are never written again.
func (b *body) publish(to *wire.Body) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*to = wire.Body{Bytes: b.copy[:len(b.copy):len(b.copy)], Truncated: b.over, Seen: b.eof || b.over}
}

// hold reads the body until it has ended, is longer than the limit, or the time
// is up. What was read comes first when the body is then passed on, so that none
// of it is lost whatever the reason. A body that is not whole is truncated.
func (b *body) hold(limit time.Duration) (to wire.Body, slow bool, err error) {
	b.wake = sync.NewCond(&b.mu)
	b.pumping = true
	ended := make(chan struct{})
	go b.pump(ended)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letGo = true
	slow = b.pumping
	if b.err != nil {
		err = b.err
	}
	return wire.Body{Bytes: b.copy[:len(b.copy):len(b.copy)], Truncated: b.over || slow, Seen: true}, slow, err
}

// pump reads ahead while the body is held. It runs apart, since a read can't be
// called off without losing its place.
func (b *body) pump(ended chan<- struct{}) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := b.read(*buf)
		b.mu.Lock()
		b.held = append(b.held, (*buf)[:n]...)
		b.note((*buf)[:n], err)
		stop := err != nil || b.over || b.letGo
		if stop {
			b.pumping = false
			close(ended)
		}
		b.wake.Broadcast()
		b.mu.Unlock()
		if stop {
			return
		}
	}
}

// buffers for relaying bodies.
var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// requestBody wraps a request's body, nil if it has none.
func requestBody(r *http.Request, rc *http.ResponseController, after time.Duration) *body {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	return &body{src: r.Body, stall: stall{after: after, set: rc.SetReadDeadline}}
}

// busy tells whether somebody may be reading from the source just now.
func (b *body) busy() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pumping
}
