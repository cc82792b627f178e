package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// exchange is one request on its way through the Server.
type exchange struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	site *site.Site
	pool *origin.Pool
	peer netip.Addr
	ask  bool // a bypassed exchange asks nobody
	x    wire.Exchange

	believed bool // the peer is a trusted proxy
	want     wire.Decision
	edits    []wire.Edit // to the request head
	reqTee   *tee
}

// ServeHTTP relays one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.counters.requests.Add(1)
	s.counters.active.Add(1)
	defer s.counters.active.Add(-1)
	host := hostOnly(r.Host)
	st := site.Find(s.cfg.Sites, host)
	if st == nil || r.Method == http.MethodConnect {
		s.counters.refused.Add(1)
		status := http.StatusMisdirectedRequest
		if st != nil {
			status = http.StatusMethodNotAllowed
		}
		plain(w, status)
		return
	}
	s.counters.per[st.Name].requests.Add(1)
	peer := peerOf(r)
	e := &exchange{s: s, w: w, r: r, site: st, pool: s.pools[st], peer: peer.Addr()}
	e.ask = st.Mode != site.Bypass && !st.Switch.Bypassed() && !s.bypass.Load()
	client, believed := clientOf(peer.Addr(), r.Header, s.cfg.TrustedProxies)
	e.believed = believed
	if !e.ask {
		s.counters.bypassed.Add(1)
		e.relay()
		return
	}
	e.x = wire.Exchange{ID: s.nextID.Add(1), Site: st.Name, Mode: string(st.Mode), Start: s.cfg.Clock(),
		Conn: wire.Conn{Peer: peer, Client: client}, Request: requestHead(r, host)}
	if r.TLS != nil {
		e.x.Conn.TLS, e.x.Conn.SNI, e.x.Conn.ALPN = true, r.TLS.ServerName, r.TLS.NegotiatedProtocol
	}
	defer e.end()
	if e.request() {
		e.relay()
	}
}

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

// requestHead copies a head. net/http has lost order and case, so fields are in
// order of their names; the own data plane brings them as they came.
func requestHead(r *http.Request, host string) wire.Head {
	return wire.Head{Method: r.Method, Target: r.RequestURI, Host: host, Proto: r.Proto, Fields: fields(r.Header)}
}

func fields(h http.Header) []wire.Field {
	names := make([]string, 0, len(h))
	for n := range h {
		names = append(names, n)
	}
	slices.Sort(names)
	out := make([]wire.Field, 0, len(h)+4)
	for _, n := range names {
		for _, v := range h[n] {
			out = append(out, wire.Field{Name: n, Value: v})
		}
	}
	return out
}

// decide asks the Decider. Its panic costs its answer, never the exchange.
func (e *exchange) decide(p wire.Phase) (d wire.Decision) {
	defer func() {
		if v := recover(); v != nil {
			e.s.counters.panics.Add(1)
			e.s.cfg.Logger.Error("decider panicked", "panic", fmt.Sprint(v))
			d = wire.Decision{}
		}
	}()
	return e.s.decider.Decide(&e.x, p)
}

// request asks at the request head and, when the body is held, at its end. It
// tells whether the origin is to be asked.
func (e *exchange) request() (goOn bool) {
	d := e.decide(wire.PhaseRequestHead)
	e.want, e.edits = d, d.Edits
	if d.Answer != nil {
		e.answer(d.Answer)
		return false
	}
	switch {
	case d.Request == wire.BodyHold && e.r.Body != nil && e.r.Body != http.NoBody:
		return e.held(d)
	case d.Request == wire.BodyHold:
		e.x.ReqBody.Seen = true
		return e.afterBody()
	case d.Request == wire.BodyCopy && e.r.Body != nil && e.r.Body != http.NoBody:
		e.reqTee = newTee(e.r.Body, d.Limit)
		e.r.Body = e.reqTee
	default:
		e.x.ReqBody.Seen = true
	}
	return true
}

func (e *exchange) held(d wire.Decision) bool {
	rc := http.NewResponseController(e.w)
	_ = rc.SetReadDeadline(time.Now().Add(e.s.cfg.HoldTimeout))
	body, rest, err := hold(e.r.Body, d.Limit)
	_ = rc.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.x.Err = "request body too slow"
		plain(e.w, http.StatusRequestTimeout)
		return false
	case err != nil:
		e.s.counters.clientGone.Add(1)
		e.x.Err = "client gone"
		plain(e.w, http.StatusBadRequest)
		return false
	}
	e.x.ReqBody = body
	if body.Truncated {
		e.s.counters.oversize.Add(1)
		if d.Refuse {
			e.x.Err = "request body over its bound"
			plain(e.w, http.StatusRequestEntityTooLarge)
			return false
		}
	}
	e.r.Body = readCloser{rest, e.r.Body}
	return e.afterBody()
}

func (e *exchange) afterBody() bool {
	d := e.decide(wire.PhaseRequestBody)
	e.edits = append(e.edits, d.Edits...)
	if d.Response != wire.BodyNone {
		e.want.Response = d.Response
	}
	if d.Answer != nil {
		e.answer(d.Answer)
		return false
	}
	return true
}

// relay sends the request to the origin and the response back.
func (e *exchange) relay() {
	resp, err := e.roundTrip()
	if err != nil {
		e.originFailed(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if e.ask {
		e.publish()
		e.x.RespTime = e.s.cfg.Clock()
		e.x.Response = wire.Head{Status: resp.StatusCode, Reason: strings.TrimPrefix(resp.Status, strconv.Itoa(resp.StatusCode)+" "),
			Proto: resp.Proto, Fields: fields(resp.Header)}
		if e.want.Response == wire.BodyNone {
			e.x.RespBody.Seen = true
		}
		d := e.decide(wire.PhaseResponseHead)
		if d.Answer != nil {
			e.answer(d.Answer)
			return
		}
		edit(resp.Header, d.Edits)
		if d.Response != wire.BodyNone {
			e.want.Response = d.Response
		}
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		e.upgrade(resp)
		return
	}
	e.respond(resp)
}

// roundTrip builds the request for the origin: hop-by-hop fields out, the
// visitor's address in, everything else as it came.
func (e *exchange) roundTrip() (*http.Response, error) {
	r := e.r
	out := &http.Request{Method: r.Method, URL: target(r, e.pool.Base), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.Header.Clone(), Body: r.Body, ContentLength: r.ContentLength, Host: r.Host, Trailer: r.Trailer}
	if r.ContentLength == 0 && r.Body == http.NoBody {
		out.Body = nil
	}
	upgrade := upgradeType(r.Header)
	removeHopByHop(out.Header)
	if upgrade != "" {
		out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{upgrade}
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // else net/http names itself
	}
	forward(out.Header, r, e.peer, e.believed)
	edit(out.Header, e.edits)
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusContinue || code == http.StatusSwitchingProtocols {
			return nil
		}
		to := e.w.Header()
		for k, v := range h {
			to[k] = v
		}
		e.w.WriteHeader(code)
		for k := range h {
			delete(to, k)
		}
		return nil
	}}
	return e.pool.RoundTrip(out.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
}

// target keeps the request target as it was written.
func target(r *http.Request, base *url.URL) *url.URL {
	u := &url.URL{Scheme: base.Scheme, Host: base.Host}
	raw := r.RequestURI
	if strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//") || raw == "*" {
		path, query, has := strings.Cut(raw, "?")
		u.Opaque, u.RawQuery, u.ForceQuery = path, query, has && query == ""
		return u
	}
	u.Path, u.RawPath, u.RawQuery, u.ForceQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.URL.ForceQuery
	return u
}

func upgradeType(h http.Header) string {
	for _, v := range h["Connection"] {
		for _, t := range strings.Split(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), "upgrade") {
				return h.Get("Upgrade")
			}
		}
	}
	return ""
}

// removeHopByHop drops what belongs to one connection only (RFC 9110 7.6.1).
func removeHopByHop(h http.Header) {
	for _, v := range h["Connection"] {
		for _, name := range strings.Split(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
	te := h.Get("Te")
	for _, name := range []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate",
		"Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
	if strings.Contains(strings.ToLower(te), "trailers") {
		h["Te"] = []string{"trailers"}
	}
}

func edit(h http.Header, edits []wire.Edit) {
	for _, d := range edits {
		h.Del(d.Name)
		if d.Value != "" {
			h.Set(d.Name, d.Value)
		}
	}
}

// originFailed answers for an origin that did not, and names the kind.
func (e *exchange) originFailed(err error) {
	status, kind := http.StatusBadGateway, "failed"
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	switch {
	case e.r.Context().Err() != nil:
		e.s.counters.clientGone.Add(1)
		e.x.Err = "client gone"
		return
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		status, kind = http.StatusGatewayTimeout, "timeout"
	case errors.As(err, &cert):
		kind = "certificate"
	case errors.As(err, &op) && op.Op == "dial":
		kind = "refused"
	}
	e.s.counters.originError(e.site.Name, kind)
	e.x.Err = "origin " + kind
	e.s.cfg.Logger.Debug("origin failed", "site", e.site.Name, "kind", kind, "error", err.Error())
	if e.ask {
		e.publish()
	}
	plain(e.w, status)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// plain answers a bare status that says nothing of us.
func plain(w http.ResponseWriter, status int) {
	body := http.StatusText(status) + "\n"
	h := w.Header()
	h["Date"] = nil
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may be gone
}

// answer responds in the origin's place, with exactly the fields given.
func (e *exchange) answer(a *wire.Answer) {
	e.s.counters.answered.Add(1)
	e.x.Answered = true
	e.publish()
	e.x.RespTime = e.s.cfg.Clock()
	e.x.Response = wire.Head{Status: a.Status, Proto: "HTTP/1.1", Fields: a.Fields}
	e.x.RespBody = wire.Body{Bytes: a.Body, Seen: true}
	e.decide(wire.PhaseResponseHead)
	h := e.w.Header()
	h["Date"], h["Content-Type"] = nil, nil
	for _, f := range a.Fields {
		name := http.CanonicalHeaderKey(f.Name)
		h[name] = append(h[name], f.Value)
	}
	h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	e.w.WriteHeader(a.Status)
	_, _ = e.w.Write(a.Body) // the client may be gone
}

// publish gives the Decider what is known of a streaming request body.
func (e *exchange) publish() {
	if e.reqTee != nil {
		e.reqTee.publish(&e.x.ReqBody)
	}
}

// end asks for the last time, whatever happened before, a panic included.
func (e *exchange) end() {
	e.publish()
	e.decide(wire.PhaseEnd)
}
