package edge

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/throughline/throughline/internal/wire"
)

// relay sends the request to the origin and the response back.
func (e *exchange) relay() {
	if e.body != nil {
		e.duplex = e.rc.EnableFullDuplex() == nil // HTTP/2 is so by nature, and says so with an error
	}
	ctx, cancel := e.context()
	defer cancel()
	early := &early{w: e.w}
	resp, err := e.pool.RoundTrip(e.outgoing(httptrace.WithClientTrace(ctx, early.trace())))
	early.stop()
	if err != nil {
		e.originFailed(ctx, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	removed := upgradeType(resp.Header)
	removeHopByHop(resp.Header)
	if e.ask && !e.response(resp) {
		return
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		e.upgrade(resp, removed)
		return
	}
	e.respond(ctx, resp)
}

// response asks about the response head. It tells whether the origin's response
// is to be relayed.
func (e *exchange) response(resp *http.Response) (goOn bool) {
	e.publish()
	e.x.RespTime = e.s.cfg.Clock()
	e.x.Response = wire.Head{Status: resp.StatusCode, Reason: strings.TrimPrefix(resp.Status, strconv.Itoa(resp.StatusCode)+" "),
		Proto: resp.Proto, Fields: sorted(resp.Header, "", "")}
	if e.want.Request == wire.BodyCopy {
		// The request has left: its edits come too late, an answer does not.
		if d := e.decide(wire.PhaseRequestBody); d.Answer != nil {
			e.answer(d.Answer)
			return false
		}
	}
	if e.want.Response == wire.BodyNone {
		e.x.RespBody.Seen = true
	}
	d := e.decide(wire.PhaseResponseHead)
	if d.Answer != nil {
		e.answer(d.Answer)
		return false
	}
	edit(resp.Header, d.Edits)
	return true
}

// publish gives the Decider what is known of the request body by now.
func (e *exchange) publish() {
	if e.body != nil && e.want.Request == wire.BodyCopy {
		e.body.publish(&e.x.ReqBody)
	}
}

// outgoing builds the request for the origin: hop-by-hop fields out, the
// visitor's address in, everything else as it came.
func (e *exchange) outgoing(ctx context.Context) *http.Request {
	r := e.r
	out := &http.Request{Method: r.Method, URL: e.url(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.Header.Clone(), ContentLength: r.ContentLength, Host: r.Host}
	if e.body != nil {
		out.Body = e.body
	}
	if r.ContentLength < 0 {
		// Trailers are known once the body has been read, some of them announced.
		out.Trailer = http.Header{}
		for k := range r.Trailer {
			out.Trailer[k] = nil
		}
		if e.body != nil {
			out.Body = trailing{e.body, r, out.Trailer}
		}
	}
	upgrade := upgradeType(r.Header)
	removeHopByHop(out.Header)
	if upgrade != "" && !isHTTP2(upgrade) {
		out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{upgrade}
	}
	if e.want.Request == wire.BodyHold {
		delete(out.Header, "Expect") // it was met when the body was read
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // else net/http names itself
	}
	forward(out.Header, r, e.peer, e.believed)
	edit(out.Header, e.edits)
	return out.WithContext(ctx)
}

// url keeps the target as it was written.
func (e *exchange) url() *url.URL {
	u := e.pool.Base()
	if strings.HasPrefix(e.target, "//") {
		// Opaque would be taken for a host here.
		u.Path, u.RawPath, u.RawQuery, u.ForceQuery = e.r.URL.Path, e.r.URL.RawPath, e.r.URL.RawQuery, e.r.URL.ForceQuery
		return &u
	}
	path, query, has := strings.Cut(e.target, "?")
	u.Opaque, u.RawQuery, u.ForceQuery = path, query, has && query == ""
	return &u
}

// trailing passes a request's trailers on when its body has ended.
type trailing struct {
	*body
	from *http.Request
	to   http.Header
}

func (t trailing) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	if err != nil && t.finished() {
		for k, v := range t.from.Trailer {
			t.to[k] = v
		}
	}
	return n, err
}

// early relays interim responses (1xx). The transport tells of them in its own
// goroutine, if need be after the round trip has ended.
type early struct {
	mu   sync.Mutex
	w    http.ResponseWriter
	over bool
}

func (i *early) stop() {
	i.mu.Lock()
	i.over = true
	i.mu.Unlock()
}

func (i *early) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		i.mu.Lock()
		defer i.mu.Unlock()
		// 100 goes out when the transport begins to read the body.
		if i.over || code == http.StatusContinue || code == http.StatusSwitchingProtocols {
			return nil
		}
		to := i.w.Header()
		for k, v := range h {
			to[k] = v
		}
		removeHopByHop(to)
		i.w.WriteHeader(code)
		clear(to)
		return nil
	}}
}

// upgradeType is the protocol a message asks to switch to, "" if none.
func upgradeType(h http.Header) string {
	for _, v := range h["Connection"] {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), "upgrade") {
				return h.Get("Upgrade")
			}
		}
	}
	return ""
}

// isHTTP2 tells of a switch to HTTP/2 in the clear. It is not passed on: what
// followed would be requests that nobody sees. A client then stays with HTTP/1.1.
func isHTTP2(upgrade string) bool {
	for t := range strings.SplitSeq(upgrade, ",") {
		name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(t)), "/")
		if name == "h2c" || name == "h2" || name == "http" {
			return true
		}
	}
	return false
}

// removeHopByHop drops what belongs to one connection only (RFC 9110 7.6.1).
func removeHopByHop(h http.Header) {
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
	trailers := false
	for _, v := range h["Te"] {
		for t := range strings.SplitSeq(v, ",") {
			trailers = trailers || strings.EqualFold(strings.TrimSpace(t), "trailers")
		}
	}
	for _, name := range []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate",
		"Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
	if trailers {
		h["Te"] = []string{"trailers"}
	}
}

// edit changes a header as a Decider asked.
func edit(h http.Header, edits []wire.Edit) {
	for _, d := range edits {
		h.Del(d.Name)
		if d.Value != "" {
			h.Set(d.Name, d.Value)
		}
	}
}
