package edge

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// exchange is one request on its way through the Server. Its methods run in the
// handler's goroutine.
type exchange struct {
	s        *Server
	w        http.ResponseWriter
	rc       *http.ResponseController
	r        *http.Request
	site     *site.Site
	pools    *origin.Set
	pool     *origin.Pool
	target   string // in origin form
	peer     netip.Addr
	believed bool // the peer is a trusted proxy
	ask      bool // a bypassed exchange asks nobody
	asked    wire.Phase
	x        wire.Exchange

	want   wire.Decision // what is wanted of bodies, over all phases
	edits  []wire.Edit   // to the request head
	body   *body         // of the request, nil without one
	duplex bool          // response and request body may overlap
	doomed bool          // the connection is not used again
}

// ServeHTTP takes one request from its head to its end.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.counters.active.Add(1)
	defer s.counters.active.Add(-1)
	if s.closed.Load() {
		panic(http.ErrAbortHandler) // it came while the last connections were closed
	}
	s.counters.requests.Add(1)
	host := hostOnly(r.Host)
	st := s.index.Find(host)
	e := &exchange{s: s, w: w, rc: http.NewResponseController(w), r: r, site: st}
	e.body = requestBody(r, e.rc, s.cfg.StallTimeout)
	defer e.leave()
	if st == nil || r.Method == http.MethodConnect {
		s.counters.refused.Add(1)
		status := http.StatusMisdirectedRequest
		if st != nil {
			status = http.StatusMethodNotAllowed
		}
		e.plain(status)
		return
	}
	e.route(host)
	defer e.end()
	if e.request() {
		e.relay()
	}
}

// route fills in what is known at the head.
func (e *exchange) route(host string) {
	s, r, st := e.s, e.r, e.site
	s.counters.per[st.Name].requests.Add(1)
	e.pools = s.pools[st]
	e.pool = e.pools.Pool("")
	e.target = originForm(r)
	peer := peerOf(r)
	e.peer = peer.Addr()
	client, believed := clientOf(peer.Addr(), r.Header, s.cfg.TrustedProxies)
	e.believed = believed
	e.ask = st.Mode != site.Bypass && !st.Switch.Bypassed() && !s.bypass.Load()
	if !e.ask {
		s.counters.bypassed.Add(1)
		return
	}
	e.x = wire.Exchange{ID: s.nextID.Add(1), Site: st.Name, Mode: string(st.Mode), Start: s.cfg.Clock(),
		Conn: wire.Conn{Peer: peer, Client: client},
		// net/http has lost the order and case of the fields: they are in order
		// of their names. The own data plane brings them as they came.
		Request: wire.Head{Method: r.Method, Target: e.target, Host: host, Proto: r.Proto, Fields: fields(r)}}
	if r.TLS != nil {
		e.x.Conn.TLS, e.x.Conn.SNI, e.x.Conn.ALPN = true, r.TLS.ServerName, r.TLS.NegotiatedProtocol
	}
}

// hostOnly is the host without port, in lower case, an IPv6 address without its
// brackets.
func hostOnly(h string) string {
	if host, _, err := net.SplitHostPort(h); err == nil {
		h = host
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(h, "[]"), "."))
}

func peerOf(r *http.Request) netip.AddrPort {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// originForm is the target as the origin gets it: as it was written, except that
// the absolute form, which an origin reads like its path, becomes that path. A
// rule must see what the origin sees.
func originForm(r *http.Request) string {
	raw := r.RequestURI
	if strings.HasPrefix(raw, "/") || raw == "*" {
		return raw
	}
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		switch i := strings.IndexAny(rest, "/?"); {
		case i < 0 && r.Method == http.MethodOptions:
			return "*"
		case i < 0:
			return "/"
		case rest[i] == '?':
			return "/" + rest[i:]
		default:
			return rest[i:]
		}
	}
	return r.URL.RequestURI()
}

func fields(r *http.Request) []wire.Field { return sorted(r.Header, "Host", r.Host) }

// sorted lists a header by name, with one field more when that has a value:
// net/http keeps the Host apart.
func sorted(h http.Header, name, value string) []wire.Field {
	names := make([]string, 0, len(h)+1)
	n := 0
	for k, v := range h {
		names = append(names, k)
		n += len(v)
	}
	out := make([]wire.Field, 0, n+1)
	if value != "" {
		out = append(out, wire.Field{Name: name, Value: value})
	}
	slices.Sort(names)
	for _, k := range names {
		for _, v := range h[k] {
			out = append(out, wire.Field{Name: k, Value: v})
		}
	}
	return out
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
				d.Answer = unavailable()
			}
		}
	}()
	d = e.s.decider.Decide(&e.x, p)
	// What one phase wants, a later one can widen but not take back.
	e.want.Request = max(e.want.Request, d.Request)
	e.want.Response = max(e.want.Response, d.Response)
	if d.Limit > 0 {
		e.want.Limit = d.Limit
	}
	e.want.Refuse = e.want.Refuse || d.Refuse
	return d
}

func unavailable() *wire.Answer {
	return &wire.Answer{Status: http.StatusServiceUnavailable, Fields: []wire.Field{
		{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"},
	}, Body: []byte(http.StatusText(http.StatusServiceUnavailable) + "\n")}
}

// request asks at the request head and, when the body is held, at its end. It
// tells whether the origin is to be asked.
func (e *exchange) request() (goOn bool) {
	if !e.ask {
		return true
	}
	if !e.take(e.decide(wire.PhaseRequestHead)) {
		return false
	}
	if e.body == nil {
		e.x.ReqBody.Seen = true
	} else {
		e.body.limit = wanted(e.want.Request, e.want.Limit)
	}
	if e.want.Request != wire.BodyHold {
		return true
	}
	return e.held() && e.take(e.decide(wire.PhaseRequestBody))
}

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
	if e.body == nil {
		return true
	}
	held, slow, err := e.body.hold(e.s.cfg.HoldTimeout)
	e.x.ReqBody = held
	switch {
	case err != nil:
		e.clientFailed(err)
		return false
	case slow:
		e.s.counters.slow.Add(1)
		if e.want.Refuse {
			e.x.Err = "request body too slow"
			e.plain(http.StatusRequestTimeout)
			return false
		}
	case held.Truncated:
		e.s.counters.oversize.Add(1)
		if e.want.Refuse {
			e.x.Err = "request body over its bound"
			e.plain(http.StatusRequestEntityTooLarge)
			return false
		}
	}
	return true
}

// context is the exchange's: it ends with the visitor, with the Server, or when
// the time for requests is up.
func (e *exchange) context() (context.Context, func()) {
	ctx, stop := context.WithCancel(e.r.Context())
	undo := context.AfterFunc(e.s.cut, stop)
	stopTimer := func() {}
	if d := e.s.cfg.RequestTimeout; d > 0 {
		ctx, stopTimer = context.WithTimeout(ctx, d)
	}
	return ctx, func() { undo(); stopTimer(); stop() }
}

// end asks for the last time, whatever happened before, a panic included.
func (e *exchange) end() {
	if v := recover(); v != nil {
		defer panic(http.ErrAbortHandler)
		e.doomed = true
		if v != http.ErrAbortHandler {
			e.s.counters.faults.Add(1)
			e.s.cfg.Logger.Error("exchange broke", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			e.x.Err = "fault"
		}
	}
	if !e.ask {
		return
	}
	e.publish()
	e.decide(wire.PhaseEnd)
}

// leave makes sure that nobody waits for the rest of a request body once the
// exchange is over. net/http reads on for a while, to close without a reset; on
// a connection that is not used again, so that what still comes can't be taken
// for a request, that while is bounded here.
func (e *exchange) leave() {
	if e.body == nil {
		return
	}
	e.body.abandon()
	if c := connOf(e.r.Context()); c != nil && e.doomed && e.r.ProtoMajor == 1 && !e.body.finished() {
		time.AfterFunc(linger, c.closeRead)
	}
}
