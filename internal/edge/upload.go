package edge

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/wire"
)

// buffers for relaying bodies.
var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// upload is a request's body on its way to the origin, framed as it came. What
// came with the head is passed on with it. The rest is read by a goroutine of
// its own, the pump, since an origin may answer before it has everything; most
// bodies need none. A body can be held back, up to a bound of bytes and time, and
// copied, up to the same bound of bytes, while it passes.
//
// Invariants: until the pump runs only the exchange's goroutine touches it; from
// then on what follows mu is under mu, and framing is the pump's.
type upload struct {
	present bool
	ahead   []byte // framed bytes that came with the head
	limit   int    // of the copy; 0: none is kept

	scanned bool // ahead has been looked at
	chunked bool
	left    int64
	chunks  wire.Chunks

	mu     sync.Mutex
	wake   sync.Cond
	copy   []byte
	over   bool   // more than limit has passed
	ended  bool   // the body is whole
	err    error  // why it ended early: the visitor's fault
	refuse bool   // the origin takes no more
	held   []byte // framed bytes kept back
	to     *origin.Conn
	letGo  bool // what was held has been taken: the rest goes behind it
	idle   bool // nobody wants the rest: it is thrown away
	pump   chan struct{}
	late   bool // the response has begun: the body's end no longer starts its time
}

// errFraming says that the body is not framed as HTTP asks.
type errFraming struct{ error }

// begin looks at what the head says.
func (u *upload) begin(m *wire.Message, ahead []byte) {
	u.present = m.Chunked || m.Length > 0
	u.chunked, u.left, u.ahead = m.Chunked, m.Length, ahead
	u.ended = !u.present
}

// open tells whether more of the body is to come.
func (u *upload) open() bool {
	if u.pump == nil {
		return !u.ended && u.err == nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.ended && u.err == nil
}

// first takes what came with the head, once.
func (u *upload) first() error {
	if u.scanned {
		return u.failure() // the pump may run by now
	}
	u.scanned = true
	if !u.present {
		u.ahead = u.ahead[:0]
		return nil
	}
	n, err := u.scan(u.ahead)
	u.ahead, u.err = u.ahead[:n], err
	return err
}

// used is how many of the bytes that came with the head belong to the body.
func (u *upload) used() int { return len(u.ahead) }

// scan follows the framing through b, and keeps the copy. It returns how much of
// b belongs to the body. Under mu, or before the pump runs.
func (u *upload) scan(b []byte) (n int, err error) {
	if !u.chunked {
		n = int(min(int64(len(b)), u.left))
		u.left -= int64(n)
		u.keep(b[:n])
		u.ended = u.left == 0
		return n, nil
	}
	for n < len(b) && !u.ended {
		k, data, done, err := u.chunks.Next(b[n:])
		n += k
		u.keep(data)
		u.ended = done
		if err != nil {
			return n, errFraming{err}
		}
	}
	return n, nil
}

func (u *upload) keep(data []byte) {
	if u.limit > 0 && len(data) > 0 {
		room := u.limit - len(u.copy)
		u.copy = append(u.copy, data[:min(room, len(data))]...)
		u.over = u.over || len(data) > room
	}
}

// publish gives what has passed so far. The bytes given are never written again.
func (u *upload) publish(to *wire.Body) {
	u.mu.Lock()
	defer u.mu.Unlock()
	*to = wire.Body{Bytes: u.copy[:len(u.copy):len(u.copy)], Truncated: u.over, Seen: u.ended || u.over}
}

// start runs the pump; dest may still be unknown.
func (u *upload) start(e *exchange, dest *origin.Conn) {
	u.wake.L = &u.mu
	u.to = dest
	u.pump = make(chan struct{})
	go u.run(e)
}

func (u *upload) run(e *exchange) {
	defer close(u.pump)
	defer func() {
		if v := recover(); v != nil {
			e.s.fault(v)
			u.broke(errBroken)
		}
	}()
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	for {
		p := *b
		if !u.chunked && u.left < int64(len(p)) {
			p = p[:u.left] // what follows is the next request
		}
		if u.wanted() {
			e.f.dueRead(e.s.cfg.StallTimeout)
		}
		n, err := e.f.read(p)
		if !u.took(e, p[:n], err) {
			return
		}
	}
}

// errBroken stands for a fault of our own.
var errBroken = errors.New("edge: the body could not be relayed")

// broke ends a body that can't go on; who waits for it or for the origin wakes.
func (u *upload) broke(err error) {
	u.mu.Lock()
	u.err = err
	to := u.to
	u.mu.Unlock()
	if to != nil {
		to.Abort()
	}
	u.wake.Broadcast()
}

// wanted tells whether the body still goes somewhere. What is thrown away has
// its time bounded as a whole.
func (u *upload) wanted() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.idle
}

// took deals with what was read. It tells whether to go on.
func (u *upload) took(e *exchange, p []byte, err error) (goOn bool) {
	u.mu.Lock()
	n, framing := u.scan(p)
	if framing != nil {
		err = framing
	}
	if n < len(p) && framing == nil {
		e.f.unread(p[n:])
	}
	if err != nil && !u.ended {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		u.err = err
	}
	failed, ended := u.err != nil, u.ended
	for u.to == nil && !u.idle && !failed { // held back
		u.held = append(u.held, p[:n]...)
		p, n = nil, 0
		u.wake.Broadcast()
		if !u.letGo && (ended || !u.over) {
			break
		}
		u.wake.Wait() // no more is read until it is known where to
	}
	to, idle, refuse := u.to, u.idle, u.refuse
	rest := u.held
	if to != nil || idle {
		u.held = nil
	}
	u.mu.Unlock()
	switch {
	case failed:
		if to != nil {
			to.Abort() // who waits for the origin's answer learns it from err
		}
		u.wake.Broadcast()
		return false
	case idle || refuse || to == nil:
	default:
		if err := u.send(to, rest, p[:n]); err != nil {
			u.mu.Lock()
			u.refuse = true // the origin may have answered all the same
			u.mu.Unlock()
		}
	}
	if ended {
		u.mu.Lock()
		if to != nil && !u.late {
			to.DueRead(e.pool.HeaderTimeout())
		}
		u.mu.Unlock()
		u.wake.Broadcast()
	}
	return !ended
}

func (u *upload) send(to *origin.Conn, parts ...[]byte) error {
	for _, p := range parts {
		if len(p) == 0 {
			continue
		}
		if _, err := to.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// hold reads the body until it has ended, is longer than the limit, or the time
// is up. What was read is passed on first when it is let go.
func (u *upload) hold(e *exchange) (slow bool, err error) {
	if !u.open() || u.over {
		return false, nil
	}
	u.held = append(u.held[:0], u.ahead...)
	u.start(e, nil)
	timer := time.AfterFunc(e.s.cfg.HoldTimeout, func() {
		u.mu.Lock()
		slow = true
		u.wake.Broadcast()
		u.mu.Unlock()
	})
	defer timer.Stop()
	u.mu.Lock()
	defer u.mu.Unlock()
	for !u.ended && !u.over && !slow && u.err == nil && e.aborted.Load() == 0 {
		u.wake.Wait()
	}
	return slow && !u.ended && !u.over, u.err
}

// ready gives the bytes that leave with the head, and tells whether they are all.
// The pump waits until pass.
func (u *upload) ready() (p []byte, whole bool) {
	if u.pump == nil {
		return u.ahead, u.ended
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	p, u.held = u.held, nil
	u.letGo = !u.ended
	return p, u.ended
}

// pass lets the rest of the body go to the origin, behind what ready gave.
func (u *upload) pass(e *exchange, c *origin.Conn) {
	if u.pump == nil {
		u.start(e, c)
		return
	}
	u.mu.Lock()
	u.to = c
	u.wake.Broadcast()
	u.mu.Unlock()
}

// answered says that the response has begun.
func (u *upload) answered() {
	u.mu.Lock()
	u.late = true
	u.mu.Unlock()
}

// sent tells whether all of the body has reached the origin, and nobody writes to
// it any more.
func (u *upload) sent() bool {
	if u.pump == nil {
		return u.ended
	}
	select {
	case <-u.pump:
		return u.ended && u.err == nil && !u.refuse
	default:
		return false
	}
}

// failure is why the body ended early, nil if it did not.
func (u *upload) failure() error {
	if u.pump == nil {
		return u.err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// maxDrain is how much of a body that nobody wants is read to keep a connection.
const maxDrain = 256 << 10

// short tells whether the rest of the body is so short that reading it is cheaper
// than a new connection. A client that waits for 100 may never send it.
func (u *upload) short(e *exchange) bool {
	return u.pump == nil && !u.chunked && u.left <= maxDrain && !e.req.Continue
}

// drain throws the rest of the body away, for a while, and waits for the pump.
// The connection serves on only if that was promised.
func (u *upload) drain(e *exchange) {
	e.f.dueRead(linger)
	if u.pump == nil {
		u.idle = true
		u.start(e, nil)
	} else {
		u.mu.Lock()
		u.idle = true
		u.wake.Broadcast()
		u.mu.Unlock()
		e.f.dueRead(linger) // the pump may have set another just before
	}
	<-u.pump
	if u.failure() != nil {
		e.last = true
	}
}

// end frees what the body held.
func (u *upload) end() {
	if u.pump != nil {
		<-u.pump
	}
	*u = upload{copy: nil, held: nil}
}

// isFraming tells a body that is wrong from one that ended early.
func isFraming(err error) bool {
	var f errFraming
	return errors.As(err, &f)
}
