package edge

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// exchange is one request on its way through the Server. It is used again for
// the next request of its connection. Its methods run in one goroutine, but for
// abort.
type exchange struct {
	s *Server
	f front
	// req is the request's head; ahead what has come of its body with it.
	req    *wire.Message
	asking wire.Message // what req points at
	ahead  []byte

	site     *site.Site
	mode     site.Mode // in force when it began
	way      *route
	pools    *origin.Set
	count    *siteCount
	pool     *origin.Pool
	target   string // in origin form
	believed bool   // the peer is a trusted proxy
	ask      bool   // a bypassed exchange asks nobody
	asked    wire.Phase
	x        wire.Exchange

	want  wire.Decision // what is wanted of bodies, over all phases
	edits []wire.Edit   // to the request head
	up    upload
	resp  wire.Message
	down  download
	begun bool // the response has begun to leave
	last  bool // the visitor's connection is not used again
	used  int  // of ahead, by the body
	atEnd bool // a held response that ends with its connection has ended

	reusable bool  // the origin's connection is used again
	early    early // what the straight way has begun

	out  []byte // the request as it leaves
	room []byte // what the straight way reads an answer into
	// Of an HTTP/1.1 front: what is gathered to leave in one write, a head that
	// leaves as it came with the body behind it, and what came behind a body that
	// the pump read.
	reply, raw, later []byte
	add               []byte       // the lines we add to a head
	rw                wire.Rewrite // of the response's head

	shown   wire.Shown // what a proxy tells
	blank   bool       // nothing is left of an exchange before, but for views of what has come
	worn    bool       // the common way has used it since it was forgotten
	errand  errand
	cleaned *cleaned // nil until a worker sent something

	aborted atomic.Int32 // why it is called off; 0: it is not
	mu      sync.Mutex
	conn    *origin.Conn // in use, under mu for abort's sake
	turn    uint64       // grows with each reset, so with each use that may set a timer; changed under mu
}

// Why an exchange is called off.
const (
	clientLeft = iota + 1
	cutOff
	timeIsUp
)

// visitor is what the front knows of the connection.
type visitor struct {
	peer  netip.AddrPort
	tls   *handshake // nil in the clear
	shown *wire.Shown
	alone *alone // nil in the clear, and behind a balancer
	h2    bool   // it speaks HTTP/2
	// relayed says that the TLS here is a balancer's, which ended the visitor's.
	relayed bool
}

// alone is what stands for the visitor, as long as nobody else uses the connection.
type alone struct {
	id, ticket string
	resumed    bool
	opened     *fingerprint.Neighbour // nil but over HTTP/2 with a ticket of ours
	beside     string                 // the ticket of the connection opened beside it or the one before it
	memory     *wire.Memory           // never nil
}

// handshake is what TLS told of a connection.
type handshake struct{ sni, alpn string }

// serve takes one request from its head to its end.
func (e *exchange) serve(v *visitor) {
	e.s.counters.active.Add(1)
	defer e.s.counters.active.Add(-1)
	e.ready()
	e.blank, e.worn = false, true
	e.s.counters.requests.Add(1)
	t := e.s.table.Load()
	st, name := t.find(e.req.Host)
	e.up.begin(e.req, e.ahead)
	defer e.leave()
	if e.probed(t, v) || v.tls == nil && e.challenged() {
		return
	}
	if st == nil || e.req.Method == http.MethodConnect {
		e.s.counters.refused.Add(1)
		status := http.StatusMisdirectedRequest
		if e.req.Method == http.MethodConnect && st != nil {
			status = http.StatusMethodNotAllowed
		}
		e.plain(status)
		return
	}
	if st.Worker != nil || st.Sidechain != nil {
		if status := e.meet(t, st, name); status != 0 {
			e.plain(status)
			return
		}
	}
	e.route(t, st, v)
	defer e.end()
	if d := e.s.cfg.RequestTimeout; d > 0 {
		turn := e.turn
		defer time.AfterFunc(d, func() { e.abortTurn(turn, timeIsUp) }).Stop()
	}
	switch {
	case e.mode == site.Maintenance:
		e.closed()
	case e.mode == site.Mirror, e.mode == site.Bypass && st.Mode == site.Mirror:
		e.mirrored()
	case e.request():
		e.relay(v)
	}
}

// ready makes sure that nothing is left of an exchange before. That everybody is
// being cut off is for this one too.
func (e *exchange) ready() {
	if !e.blank || e.aborted.Load() != 0 {
		e.reset()
		e.blank = true
		if e.s.cut.Err() != nil {
			e.abort(cutOff)
		}
	}
}

func (e *exchange) reset() {
	e.site, e.way, e.pools, e.pool, e.count = nil, nil, nil, nil, nil
	e.ask, e.believed, e.begun, e.atEnd, e.reusable, e.asked, e.used = false, false, false, false, false, 0, 0
	e.mode, e.want, e.edits = "", wire.Decision{}, e.edits[:0]
	e.x = wire.Exchange{}
	e.errand, e.early = errand{}, early{}
	e.mu.Lock()
	e.turn++
	e.aborted.Store(0)
	e.mu.Unlock()
}

// maxKept is the largest buffer that is kept for the next exchange.
const maxKept = 32 << 10

// forget drops everything of the exchange but buffers of a common size.
func (e *exchange) forget() {
	e.reset()
	e.asking.Forget()
	e.resp.Forget()
	e.s, e.f, e.req, e.ahead, e.target, e.down, e.rw = nil, nil, nil, nil, "", download{}, wire.Rewrite{}
	e.raw, e.shown = nil, wire.Shown{}
	e.cleaned.forget()
	e.blank, e.worn = true, false
	for _, b := range []*[]byte{&e.out, &e.add, &e.reply, &e.later} {
		if *b = (*b)[:0]; cap(*b) > maxKept {
			*b = nil
		}
	}
}

// route fills in what is known at the head.
func (e *exchange) route(t *table, st *site.Site, v *visitor) {
	s := e.s
	e.site = st
	r := t.route(st)
	e.way, e.count, e.pools = r, r.count, r.pools
	e.count.requests.Add(1)
	e.pool = e.pools.Pool(e.errand.to)
	e.target = e.req.OriginForm()
	peer := v.peer.Addr()
	var client netip.Addr
	client, e.believed = clientOf(peer, e.req, t.trusted)
	e.mode = st.InForce()
	switch {
	case e.mode == site.Maintenance:
		return
	case e.mode == site.Bypass, s.bypass.Load():
		s.counters.bypassed.Add(1)
		return
	}
	e.ask = true
	e.x.ID, e.x.Site, e.x.Mode, e.x.Start = s.counters.lastID.Add(1), st.Name, string(e.mode), s.cfg.Clock()
	e.x.Conn = wire.Conn{Peer: v.peer, Client: client, Worker: e.errand.far, Shown: v.shown}
	if v.tls != nil {
		e.x.Conn.TLS, e.x.Conn.SNI, e.x.Conn.ALPN = true, v.tls.sni, v.tls.alpn
	}
	switch a := v.alone; {
	case e.believed || e.errand.far:
		e.x.Conn.Proxied, e.x.Conn.Shown = true, e.told()
	case a == nil, e.mode == site.Mirror, e.passedOn():
	default:
		e.x.Conn.Memory = a.memory
		if !st.SharedConnections {
			e.x.Conn.ID = a.id
		}
		if !st.SharedTickets {
			e.x.Conn.Ticket, e.x.Conn.Resumed, e.x.Conn.Beside = a.ticket, a.resumed, a.beside
		}
	}
	e.x.SpecID = e.errand.id
	e.x.Request = e.req.Head
	e.x.Request.Target = e.target
	if v.h2 {
		e.x.Request.Proto = "HTTP/2.0"
	}
}

// decide asks the Decider, each phase once. Its panic costs its answer, never
// the exchange; before the origin was asked, a site that fails closed refuses.
func (e *exchange) decide(p wire.Phase) (d wire.Decision) {
	if !e.ask || p <= e.asked {
		return wire.Decision{}
	}
	e.asked = p
	defer func() {
		if v := recover(); v != nil {
			e.s.counters.panics.Add(1)
			e.s.cfg.Logger.Error("decider panicked", "phase", int(p), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			d = wire.Decision{}
			if e.site.Failure == site.FailClosed && p <= wire.PhaseRequestBody && e.x.RespTime == 0 {
				d.Answer = e.unavailable()
			}
		}
	}()
	d = e.s.decider.Decide(&e.x, p)
	if d.Answer != nil && (d.Answer.Status < 200 || d.Answer.Status > 999) {
		panic(fmt.Sprintf("answered with status %d", d.Answer.Status)) // no answer at all
	}
	// What one phase wants, a later one can widen but not take back.
	e.want.Request = max(e.want.Request, d.Request)
	e.want.Response = max(e.want.Response, d.Response)
	if d.Limit > 0 {
		e.want.Limit = d.Limit
	}
	e.want.Refuse = e.want.Refuse || d.Refuse
	e.want.Trailers = e.want.Trailers || d.Trailers
	return d
}

func (e *exchange) unavailable() *wire.Answer {
	p := e.page(http.StatusServiceUnavailable)
	return &wire.Answer{Status: http.StatusServiceUnavailable, Fields: []wire.Field{
		{Name: "Content-Type", Value: p.ContentType}, {Name: "Cache-Control", Value: "no-store"},
	}, Body: p.Body}
}

// request asks at the request head and, when the body is held, at its end. It
// tells whether the origin is to be asked.
func (e *exchange) request() (goOn bool) {
	if e.ask {
		if !e.take(e.decide(wire.PhaseRequestHead)) {
			return false
		}
		e.up.limit = wanted(e.want.Request, e.want.Limit)
	}
	if err := e.up.first(); err != nil {
		e.uploadFailed(err)
		return false
	}
	if e.want.Request != wire.BodyHold {
		return true
	}
	return e.held() && e.take(e.decide(wire.PhaseRequestBody))
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

const defaultLimit = 64 << 10

// take follows a decision made before the origin is asked.
func (e *exchange) take(d wire.Decision) (goOn bool) {
	if d.Answer != nil {
		e.answer(d.Answer)
		return false
	}
	e.edits = append(e.edits, d.Edits...)
	if d.Reroute != "" {
		if p := e.pools.Pool(d.Reroute); p != nil {
			e.pool = p
		} else {
			e.s.counters.badReroutes.Add(1)
			e.s.cfg.Logger.Warn("no such origin, the site's own is asked", "site", e.site.Name, "origin", d.Reroute)
		}
	}
	return true
}

// held keeps the request body back until it is whole, too long or too slow.
func (e *exchange) held() (goOn bool) {
	if e.req.Continue && e.up.open() {
		if err := e.f.interim(&goAhead); err != nil {
			e.uploadFailed(err)
			return false
		}
	}
	slow, err := e.up.hold(e)
	e.up.publish(&e.x.ReqBody)
	e.x.ReqBody.Truncated = e.x.ReqBody.Truncated || slow
	e.x.ReqBody.Seen = true
	switch {
	case err != nil:
		e.uploadFailed(err)
		return false
	case slow:
		e.s.counters.slow.Add(1)
		if e.want.Refuse {
			e.x.Err = "request body too slow"
			e.plain(http.StatusRequestTimeout)
			return false
		}
	case e.x.ReqBody.Truncated:
		e.s.counters.oversize.Add(1)
		if e.want.Refuse {
			e.x.Err = "request body over its bound"
			e.plain(http.StatusRequestEntityTooLarge)
			return false
		}
	}
	return true
}

// goAhead is the interim response that a client waits for when the origin is not
// to be asked yet.
var goAhead = func() (m wire.Message) {
	_, _ = m.ParseResponse([]byte("HTTP/1.1 100 Continue\r\n\r\n"), wire.DefaultLimits)
	return m
}()

// abort calls the exchange off: whoever waits for the origin wakes up. Safe to
// call from any goroutine while the exchange lasts.
func (e *exchange) abort(why int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.aborted.CompareAndSwap(0, why) && e.conn != nil {
		e.conn.Abort()
	}
}

// abortTurn is abort for a timer, which may come when the exchange is another.
func (e *exchange) abortTurn(turn uint64, why int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.turn == turn && e.aborted.CompareAndSwap(0, why) && e.conn != nil {
		e.conn.Abort()
	}
}

// adopt and release say which connection abort is to wake.
func (e *exchange) adopt(c *origin.Conn) {
	e.mu.Lock()
	e.conn = c
	e.mu.Unlock()
	if e.aborted.Load() != 0 {
		c.Abort()
	}
}

func (e *exchange) release() *origin.Conn {
	e.mu.Lock()
	c := e.conn
	e.conn = nil
	e.mu.Unlock()
	return c
}

// end asks for the last time, whatever happened before, a panic included.
func (e *exchange) end() {
	if v := recover(); v != nil {
		e.s.fault(v)
		e.x.Err = "fault"
		e.cut()
	}
	if e.ask {
		if e.want.Request == wire.BodyCopy {
			e.up.publish(&e.x.ReqBody)
		} else if !e.up.present {
			e.x.ReqBody.Seen = true
		}
		e.decide(wire.PhaseEnd)
	}
	e.settle()
}

// settle gives the origin's connection back, or ends it. It comes last, since the
// response's head lies in its buffer.
func (e *exchange) settle() {
	switch c := e.release(); {
	case c == nil:
	case e.reusable:
		c.In.Take(c.In.Len())
		c.Put()
	default:
		c.Close()
	}
}

// fault counts a panic of our own, which costs what it happened in and no more.
func (s *Server) fault(v any) {
	s.counters.faults.Add(1)
	s.cfg.Logger.Error("exchange broke", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}

// cut ends the response where it is, so that nobody takes it for whole.
func (e *exchange) cut() {
	e.last = true
	e.f.cut()
}

// linger is how long what a visitor still sends is thrown away after the
// exchange is over, so that the answer is not lost to a reset.
const linger = 2 * time.Second

// leave makes sure that nobody reads the request body any more once the exchange
// is over.
func (e *exchange) leave() {
	if e.up.first() != nil {
		e.last = true
	}
	if e.up.open() {
		e.up.drain(e)
	}
	e.used = e.up.used()
	e.up.end()
	if m := e.errand.raw; m != nil {
		e.req, e.errand = m, errand{}
	}
}
