package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/throughline/throughline/internal/wire"
)

// visit is a visitor's connection that speaks HTTP/1.1: one request after the
// other, in one goroutine. It is a front to the exchange it runs, which it has
// only while there is something to do: an idle connection holds no buffers.
type visit struct {
	s    *Server
	sock *wire.Socket // nil while it rides in a lane; changed under mu
	tls  *tls.Conn    // nil in the clear
	who  visitor
	in   wire.Input
	mu   sync.Mutex
	ex   *exchange   // nil while idle; changed under mu, for abort's sake
	busy atomic.Bool // an exchange runs, or a head has begun to come
	came int64       // in milliseconds, by the Sweeper's clock
	used atomic.Bool // it has served an exchange
	// upgraded says that the connection has switched protocols.
	upgraded atomic.Bool

	smooth   int8 // how many exchanges in a row went straight to their end, as far as it counts
	need     int8 // how many have to before it boards a lane, if that is more than boardAfter
	boarding bool // it has come to rest, and may ride in a lane

	begun   bool // a head has begun to come, and has its time
	parting bool // the last request has been served
	known   int  // length of the head that Turn left to serve
	broken  bool // no more can be written
}

// exchanges are those that nobody is in.
var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// serve takes requests until the connection ends, or boards a lane.
func (v *visit) serve() (boarded bool) {
	v.in.Bound = v.s.cfg.MaxHead
	v.begun = true
	v.sock.DueRead(v.s.cfg.HeadTimeout)
	return v.goOn()
}

// goOn is serve for a connection that has been served.
func (v *visit) goOn() (boarded bool) {
	defer func() {
		if !boarded {
			v.rest()
		}
	}()
	for {
		n, ok := v.head()
		switch {
		case !ok && v.boarding:
			v.boarding = false
			if v.board() {
				return true
			}
			v.smooth = 0
		case !ok:
			return false
		case v.parting, !v.next(n):
			v.partWays()
			return false
		}
	}
}

// Turn implements wire.Turner: it serves what has come, up to a request that has
// more to come or turns the connection into something else, which serve does.
func (v *visit) Turn() (goOn bool) {
	for v.in.Len() > 0 {
		v.wake()
		m := v.ex.req
		n, err := m.ParseRequest(v.in.Bytes(), v.limits())
		if err != nil || n == 0 {
			return false // head says so again
		}
		if m.Chunked || m.Upgrades || m.Length > int64(v.in.Len()-n) {
			v.known = n
			return false
		}
		if !v.next(n) {
			v.parting = true
			return false
		}
	}
	v.rest()
	return !v.s.draining.Load() && !v.mayBoard()
}

// Gone implements wire.Owner.
func (v *visit) Gone() { v.callOff(clientLeft) }

// Closed implements wire.Owner.
func (v *visit) Closed() { v.s.counters.connections.Add(-1) }

// wake makes an exchange ready.
func (v *visit) wake() {
	if v.ex != nil {
		return
	}
	e := exchanges.Get().(*exchange)
	e.s, e.f, e.req = v.s, v, &e.asking
	v.mu.Lock()
	v.ex = e
	v.mu.Unlock()
	v.busy.Store(true)
}

// rest gives the exchange back.
func (v *visit) rest() {
	v.busy.Store(false)
	e := v.ex
	if e == nil {
		return
	}
	v.mu.Lock()
	v.ex = nil
	v.mu.Unlock()
	if e.blank && !e.worn && e.aborted.Load() == 0 {
		e.lay()
	} else {
		e.forget()
	}
	exchanges.Put(e)
}

// callOff calls the exchange off, if there is one. Safe to call from any
// goroutine.
func (v *visit) callOff(why int32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ex != nil {
		v.ex.abort(why)
	}
}

// next serves the request whose head of n bytes has come. It tells whether the
// connection serves another.
func (v *visit) next(n int) (goOn bool) {
	e := v.ex
	e.ahead = v.in.Bytes()[n:]
	e.last = e.req.Close || e.req.Minor == 0 && !e.req.KeepAlive || v.s.winding.Load() || v.s.draining.Load()
	v.sock.DueRead(0)
	if !v.straight() {
		e.serve(&v.who)
	}
	return v.after(n)
}

// after is what is left to do of a request whose head of n bytes has come, once it has
// been served.
func (v *visit) after(n int) (goOn bool) {
	e := v.ex
	if !v.used.Load() {
		v.used.Store(true)
	}
	v.in.Take(n + e.used)
	if e.last || v.broken {
		return false
	}
	if len(v.ex.later) > 0 {
		v.in.Put(v.ex.later)
		v.ex.later = v.ex.later[:0]
	}
	v.begun = false
	v.sock.DueRead(v.s.cfg.IdleTimeout)
	return true
}

func (v *visit) limits() wire.Limits { return wire.Limits{Bytes: v.s.cfg.MaxHead, Fields: maxFields} }

// head reads a request's head. It answers false when there is none, and then has
// said why to whom it may concern.
func (v *visit) head() (n int, ok bool) {
	for {
		switch {
		case v.parting:
			return 0, true
		case v.known > 0:
			n, v.known = v.known, 0
			return n, true
		case v.in.Len() > 0:
			v.wake()
			n, err := v.ex.req.ParseRequest(v.in.Bytes(), v.limits())
			if err != nil {
				v.refuse(err)
				return 0, false
			}
			if n > 0 {
				return n, true
			}
			if !v.begun {
				v.begun = true
				v.sock.DueRead(v.s.cfg.HeadTimeout)
			}
		default:
			v.rest()
			if v.used.Load() && v.s.draining.Load() && v.sock.Quiet() == nil {
				return 0, false
			}
			if v.mayBoard() {
				v.boarding = true
				return 0, false
			}
		}
		if err := v.fill(); err != nil {
			if v.in.Len() > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				v.s.counters.slowHeads.Add(1)
				v.sendAway(http.StatusRequestTimeout)
			}
			return 0, false
		}
	}
}

// maxFields bounds a request's fields.
const maxFields = 200

func (v *visit) fill() error {
	if v.tls != nil {
		return v.in.Fill(v.tls)
	}
	if v.in.Len() == 0 {
		return v.sock.ReadTurns(&v.in, v)
	}
	return v.in.Fill(v.sock)
}

// refuse answers a head that is no request. Nobody else hears of it.
func (v *visit) refuse(err error) {
	v.s.counters.malformed.Add(1)
	status := http.StatusBadRequest
	var f wire.Fault
	if errors.As(err, &f) {
		status = f.Status()
	}
	v.s.cfg.Logger.Debug("request refused", "peer", v.who.peer.String(), "error", err.Error())
	v.sendAway(status)
}

// sendAway answers what never became a request.
func (v *visit) sendAway(status int) {
	e := v.ex
	e.req.Forget()
	e.req.Method, e.req.Minor = http.MethodGet, 1
	e.ready()
	e.blank, e.worn = false, true
	e.up.begin(e.req, nil)
	e.last = true
	e.plain(status)
	e.up.end()
	v.partWays()
}

// partWays ends a connection so that what was sent last is not lost to a reset:
// our half first, then the visitor's, for a while.
func (v *visit) partWays() {
	if v.broken || v.closeWrite() != nil {
		return
	}
	v.sock.DueRead(linger)
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	for left := maxDrain; left > 0; {
		n, err := v.sock.Read(*b)
		if err != nil {
			return
		}
		left -= n
	}
}

// abort ends what is going on; safe to call from any goroutine.
func (v *visit) abort() {
	v.callOff(cutOff)
	if sock := v.socket(); sock != nil {
		sock.Abort()
	}
}

// socket is the connection's, nil while it rides in a lane. Safe to call from any
// goroutine.
func (v *visit) socket() *wire.Socket {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sock
}

// The front's methods.

func (v *visit) context() context.Context { return v.s.cut }

func (v *visit) read(p []byte) (int, error) {
	if v.tls != nil {
		return v.tls.Read(p)
	}
	return v.sock.Read(p)
}

func (v *visit) unread(p []byte) { v.ex.later = append(v.ex.later, p...) }

func (v *visit) dueRead(after time.Duration) { v.sock.DueRead(after) }

func (v *visit) watch() {
	if v.ex.up.open() {
		return // the pump reads, and sees it
	}
	v.sock.Watch()
}

func (v *visit) unwatch() { v.sock.Unwatch() }

func (v *visit) interim(m *wire.Message) error {
	v.ex.reply = m.Append(v.ex.reply[:0], &wire.Rewrite{Drop: interimHops})
	return v.flush()
}

// interimHops may not stand in a 1xx, which frames nothing.
var interimHops = wire.Of(wire.Connection, wire.KeepAlive, wire.TransferEncoding, wire.ContentLength, wire.Nominated, wire.ProxyConnection)

// begin gathers the head. The connection's own fields pass when they say what is
// true: a visitor can't tell that it is not the origin who says it.
func (v *visit) begin(m *wire.Message, r *wire.Rewrite, last bool) (framed bool) {
	framed = true
	if v.ex.req.Minor == 0 && m.Chunked {
		framed, last = false, true
		v.ex.last = true
		r.Drop |= wire.Of(wire.TransferEncoding, wire.Trailer)
	}
	switch {
	case m.Status == http.StatusSwitchingProtocols:
	case last && !m.Close:
		r.Drop |= hops
		r.Add = append(r.Add[:len(r.Add):len(r.Add)], "Connection: close\r\n"...)
	case last:
		r.Drop |= hops &^ wire.Of(wire.Connection)
	case m.Close, m.Has(wire.Nominated), m.Has(wire.Upgrade), m.Has(wire.TE), v.ex.req.Minor == 0 && !m.KeepAlive:
		r.Drop |= hops
		if v.ex.req.Minor == 0 {
			r.Add = append(r.Add, "Connection: keep-alive\r\n"...)
		}
	}
	if m.Unchanged(r) {
		v.ex.raw = m.Raw
	} else {
		v.ex.reply = m.Append(v.ex.reply[:0], r)
	}
	return framed
}

// hops belong to the origin's connection.
var hops = wire.Of(wire.Connection, wire.KeepAlive, wire.Nominated, wire.Upgrade, wire.TE)

// gather is up to what length a piece leaves in one write with what is before it.
const gather = 32 << 10

func (v *visit) write(p []byte) error {
	if v.ex.raw != nil {
		if n := len(v.ex.raw); len(p) > 0 && cap(v.ex.raw) >= n+len(p) && unsafe.SliceData(v.ex.raw[n:n+1]) == unsafe.SliceData(p) {
			v.ex.raw = v.ex.raw[:n+len(p)] // it stands behind its head already
			return nil
		}
		v.ex.reply = append(v.ex.reply[:0], v.ex.raw...)
		v.ex.raw = nil
	}
	if len(v.ex.reply)+len(p) <= gather {
		v.ex.reply = append(v.ex.reply, p...)
		return nil
	}
	if err := v.flush(); err != nil {
		return err
	}
	return v.send(p)
}

func (v *visit) flush() error {
	p := v.ex.reply
	if v.ex.raw != nil {
		p, v.ex.raw = v.ex.raw, nil
	}
	v.ex.reply = v.ex.reply[:0]
	if len(p) == 0 {
		return nil
	}
	return v.send(p)
}

func (v *visit) send(p []byte) error {
	if v.broken {
		return net.ErrClosed
	}
	var err error
	if v.tls != nil {
		_, err = v.tls.Write(p)
	} else {
		_, err = v.sock.Write(p)
	}
	if err != nil {
		v.broken = true
	}
	return err
}

func (v *visit) finish([]byte) error { return v.flush() }

// cut resets the connection, so that a body that ends with it isn't taken for
// whole.
func (v *visit) cut() {
	_ = v.flush()
	v.broken = true
	_ = v.sock.SetLinger(0)
	v.sock.Abort()
}

func (v *visit) closeWrite() error {
	if v.tls != nil {
		return v.tls.CloseWrite()
	}
	return v.sock.CloseWrite()
}

func (v *visit) early() []byte {
	v.upgraded.Store(true)
	return v.ex.ahead
}
