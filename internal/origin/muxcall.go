package origin

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/throughline/throughline/internal/wire"
)

// muxCall is one exchange with an origin that speaks HTTP/2, as the HTTP/1.1 that a
// Conn speaks: what is written is read as a head and a framed body, what is read
// is written as such. A request that the origin says it did not process, since it
// is going or too busy, is made again on another connection.
//
// Locks: sending before mu before the mux's.
type muxCall struct {
	pool  *Pool
	alone bool // the connection is for this call only
	late  atomic.Bool

	mu      sync.Mutex
	end     *Endpoint
	m       *mux    // promised a stream, until there is one
	s       *stream // nil until the head is sent
	aborted bool
	give    context.CancelFunc // gives up a move
	due     alarm
	pause   alarm

	sending sync.Mutex // of what follows
	head    bool       // the head was sent
	req     wire.Message
	left    int64 // of a body with a length
	chunks  wire.Chunks
	again   []byte // what was written, to be written again
	long    bool   // it was more than is kept
	tries   int
}

// Bounds of making a request again.
const (
	maxAgain = 64 << 10
	maxMoves = 3
)

var errPartHead = errors.New("origin: a request's head must be written whole")

func (c *muxCall) host() *Endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Write sends more of the request. It waits while the origin takes no more.
func (c *muxCall) Write(p []byte) (int, error) {
	c.sending.Lock()
	defer c.sending.Unlock()
	if !c.long {
		if c.long = len(c.again)+len(p) > maxAgain; c.long {
			c.again = nil
		} else {
			c.again = append(c.again, p...)
		}
	}
	err := c.translate(p)
	for err == errRefused {
		err = c.move()
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// translate sends what was written as HTTP/2 has it.
func (c *muxCall) translate(p []byte) error {
	if !c.head {
		n, err := c.begin(p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	if len(p) == 0 {
		return nil
	}
	if !c.req.Chunked {
		p = p[:min(int64(len(p)), c.left)]
		c.left -= int64(len(p))
		return c.s.send(p, c.left == 0)
	}
	var piece []byte // one behind, since the last may be the end
	for len(p) > 0 {
		n, data, done, err := c.chunks.Next(p)
		if err != nil {
			return err
		}
		p = p[n:]
		switch {
		case done && len(c.chunks.Trailers) > 0:
			if err := c.s.send(piece, false); err != nil {
				return err
			}
			return c.s.sendTrailers(c.chunks.Trailers)
		case done:
			return c.s.send(piece, true)
		case len(data) > 0:
			if err := c.s.send(piece, false); err != nil {
				return err
			}
			piece = data
		}
	}
	return c.s.send(piece, false)
}

// begin opens the stream with the head, and answers its length.
func (c *muxCall) begin(p []byte) (int, error) {
	n, err := c.req.ParseRequest(p, wire.Limits{Bytes: len(p), Fields: 2000})
	if err != nil || n == 0 {
		return 0, errors.Join(errPartHead, err)
	}
	c.left, c.chunks = c.req.Length, wire.Chunks{Keep: true}
	scheme := "http"
	if c.pool.tls != nil {
		scheme = "https"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		return 0, net.ErrClosed
	}
	m := c.m
	c.m = nil
	m.mu.Lock()
	defer m.mu.Unlock()
	c.s, err = m.begin(&c.req, scheme, !c.req.Chunked && c.req.Length <= 0)
	if err != nil {
		return 0, err
	}
	c.head = true
	if c.aborted {
		c.s.reset(http2.ErrCodeCancel, net.ErrClosed)
	}
	return n, nil
}

// move makes the request again elsewhere. Under sending.
func (c *muxCall) move() error {
	c.tries++
	if c.long || c.alone || c.tries > maxMoves {
		return &ResetError{"REFUSED_STREAM"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*c.pool.o.DialTimeout)
	defer cancel()
	c.mu.Lock()
	c.give = cancel
	aborted := c.aborted
	c.mu.Unlock()
	if aborted {
		return net.ErrClosed
	}
	other, err := c.pool.Get(ctx)
	if err != nil {
		return err
	}
	if other.h2 == nil {
		other.Put()
		return &ResetError{"REFUSED_STREAM"}
	}
	c.mu.Lock()
	c.end, c.m, c.s = other.h2.end, other.h2.m, nil
	if c.aborted {
		c.m.release()
		c.m = nil
	}
	c.mu.Unlock()
	c.head = false
	return c.translate(c.again)
}

// stream is the one in use.
func (c *muxCall) stream() *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s
}

// Read reads the response.
func (c *muxCall) Read(p []byte) (int, error) {
	for {
		s := c.stream()
		if s == nil {
			return 0, net.ErrClosed
		}
		n, err := s.read(p)
		if err != errRefused {
			return n, err
		}
		c.sending.Lock()
		err = nil
		if c.stream() == s {
			for err = errRefused; err == errRefused; {
				err = c.move()
			}
		}
		c.sending.Unlock()
		if err != nil {
			return 0, err
		}
	}
}

// closeWrite has no meaning: a request ends with its framing.
func (c *muxCall) closeWrite() error { return errors.ErrUnsupported }

// abort resets the stream: the origin learns that nobody waits for it.
func (c *muxCall) abort() { c.stop(net.ErrClosed) }

func (c *muxCall) stop(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	if c.give != nil {
		c.give()
	}
	if s := c.s; s != nil {
		s.m.mu.Lock()
		defer s.m.mu.Unlock()
		if !s.inEnd || !s.outEnd {
			s.reset(http2.ErrCodeCancel, why)
		}
	}
}

// put ends an exchange that used up its response; close any other.
func (c *muxCall) put() {
	if s := c.stream(); s != nil && !c.alone {
		s.detach()
	}
	c.settle()
}

func (c *muxCall) close() {
	c.abort()
	c.settle()
}

func (c *muxCall) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due.stop()
	c.pause.stop()
	m := c.m
	if m != nil {
		m.release()
		c.m = nil
	}
	if c.s != nil {
		m = c.s.m
	}
	if c.alone && m != nil {
		m.abandon(net.ErrClosed)
	}
}

// alarm is a time that can be moved.
type alarm struct {
	timer *time.Timer
	at    time.Time // zero: never
}

func (a *alarm) set(at time.Time, ring func()) {
	a.at = at
	switch {
	case at.IsZero():
		a.stop()
	case a.timer == nil:
		a.timer = time.AfterFunc(time.Until(at), ring)
	default:
		a.timer.Reset(time.Until(at))
	}
}

func (a *alarm) stop() {
	a.at = time.Time{}
	if a.timer != nil {
		a.timer.Stop()
	}
}

// rings tells whether the time has come: an alarm may ring just as it is moved.
func (a *alarm) rings() bool { return !a.at.IsZero() && !time.Now().Before(a.at) }

func (c *muxCall) dueRead(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Time{}
	if after > 0 {
		at = time.Now().Add(after)
	}
	c.due.set(at, func() {
		c.mu.Lock()
		over := c.due.rings()
		c.mu.Unlock()
		if over {
			c.late.Store(true)
			c.stop(os.ErrDeadlineExceeded)
		}
	})
}

func (c *muxCall) pauseAt(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause.set(at, c.paused)
	if at.IsZero() || time.Now().Before(at) {
		c.setPaused(false)
	}
}

func (c *muxCall) paused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pause.rings() {
		c.setPaused(true)
	}
}

// setPaused lets reads fail, or not. Under mu.
func (c *muxCall) setPaused(on bool) {
	if c.s == nil {
		return
	}
	c.s.m.mu.Lock()
	defer c.s.m.mu.Unlock()
	c.s.paused = on
	c.s.rcond.Broadcast()
}
