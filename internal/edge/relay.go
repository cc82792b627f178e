package edge

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/wire"
)

// errSilent says that the origin ended the connection without an answer.
var errSilent = errors.New("edge: the origin closed the connection without an answer")

// relay sends the request to the origin and the response back.
func (e *exchange) relay(v *visitor) {
	e.f.watch()
	err := e.send(v)
	if err == nil {
		err = e.response()
	}
	e.f.unwatch()
	if err != nil {
		e.originFailed(err)
	}
}

// send sends the request and reads the beginning of the answer. A pooled
// connection that turns out to have ended is replaced: at no risk when nothing
// was sent, and once when a repetition does no harm (RFC 9110 9.2.2).
func (e *exchange) send(v *visitor) error {
	body, whole := e.up.ready()
	e.out = e.head(v, e.out[:0])
	inline := whole && len(body) <= maxInline
	if inline {
		e.out = append(e.out, body...)
	}
	for repeated := false; ; {
		sent, err := e.try(body, whole, inline)
		c := e.conn
		if err == nil || c == nil {
			return err
		}
		if e.aborted.Load() != 0 || e.up.failure() != nil {
			return err
		}
		if err != wire.ErrStale && err != wire.ErrPoisoned && (!c.Used() || timedOut(err)) {
			c.Failed(err)
		}
		if c.Used() && inline && c.In.Len() == 0 && (!sent || idempotent(e.req.Method) && !repeated && !timedOut(err)) {
			repeated = repeated || sent
			e.release().Close()
			if sent && e.signs() { // a signature may be good for one use
				e.out = append(e.head(v, e.out[:0]), body...)
			}
			continue
		}
		if !sent && (err == wire.ErrStale || err == wire.ErrPoisoned) { // a body that streams waits for a good connection
			e.release().Close()
			continue
		}
		return err
	}
}

// try sends the request on a connection of its own, unless straight has done so.
func (e *exchange) try(body []byte, whole, inline bool) (sent bool, err error) {
	if done := e.early; done.made {
		e.early = early{}
		return done.sent, done.err
	}
	get := e.pool.Get
	if e.req.Upgrades && !isHTTP2(e.req.Get("Upgrade")) {
		get = e.pool.GetHTTP1
	}
	c, err := get(e.f.context())
	if err != nil {
		return false, err
	}
	e.adopt(c)
	if !inline {
		return e.stream(c, body, whole)
	}
	c.DueRead(e.pool.HeaderTimeout())
	return c.Exchange(e.out)
}

// maxInline is the longest body that leaves in one write with its head.
const maxInline = 64 << 10

// stream sends the head and what there is of the body, and lets the pump send
// the rest while the answer is awaited.
func (e *exchange) stream(c *origin.Conn, body []byte, whole bool) (sent bool, err error) {
	if err := c.Fresh(); err != nil {
		return false, err
	}
	if _, err := c.Write(e.out); err != nil {
		return true, err
	}
	if len(body) > 0 {
		if _, err := c.Write(body); err != nil {
			return true, err
		}
	}
	if whole {
		c.DueRead(e.pool.HeaderTimeout())
	} else {
		e.up.pass(e, c)
	}
	return true, c.Fill()
}

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodTrace:
		return true
	}
	return false
}

// never go on: they are between two proxies.
var never = wire.Of(wire.ProxyConnection, wire.ProxyAuth)

// head appends the request's head as the origin gets it: what belongs to the
// visitor's connection is left out, his address put in, all else as it came.
func (e *exchange) head(v *visitor, dst []byte) []byte {
	var r wire.Rewrite
	e.rewrite(v, &r)
	return e.req.Append(dst, &r)
}

// rewrite says into an empty r what changes in the request's head.
func (e *exchange) rewrite(v *visitor, r *wire.Rewrite) {
	m := e.req
	r.Target, r.Edits, r.Drop = e.target, e.edits, never
	e.add = e.add[:0]
	if m.Has(wire.Connection) || m.Has(wire.TE) || m.Has(wire.Upgrade) || m.Has(wire.KeepAlive) {
		e.hops(r)
	}
	if e.want.Request == wire.BodyHold || v.h2 {
		r.Drop |= wire.Of(wire.Expect) // it was met when the body was read
	}
	e.forwarded(v, r)
	if e.site.OriginHost != "" {
		r.Drop |= wire.Of(wire.Host)
		e.add = wire.AppendField(e.add, "Host", e.site.OriginHost)
	}
	if e.signs() {
		e.sign(r)
	}
	r.Add = e.add
}

// hops decides about the fields of one connection only (RFC 9110 7.6.1). What a
// browser sends, keep-alive and no more, goes on untouched.
func (e *exchange) hops(r *wire.Rewrite) {
	m := e.req
	trailers := false
	for i := range m.Fields {
		if m.Kind(i) == wire.TE {
			trailers = trailers || hasToken(m.Fields[i].Value, "trailers")
		}
	}
	upgrade := ""
	if m.Upgrades && m.Minor == 1 {
		upgrade = m.Get("Upgrade")
	}
	if upgrade != "" && isHTTP2(upgrade) {
		upgrade = ""
	}
	r.Drop |= wire.Of(wire.TE, wire.Nominated, wire.Upgrade)
	if trailers {
		e.add = append(e.add, "TE: trailers\r\n"...)
	}
	switch {
	case upgrade != "" && !m.Has(wire.Nominated) && !m.Close && !m.Has(wire.TE):
		r.Drop &^= wire.Of(wire.Upgrade)
	case upgrade != "":
		r.Drop |= wire.Of(wire.Connection, wire.KeepAlive)
		e.add = append(e.add, "Connection: Upgrade\r\n"...)
		e.add = wire.AppendField(e.add, "Upgrade", upgrade)
	case m.Close, m.Upgrades, m.Has(wire.Nominated), m.Has(wire.TE), m.Has(wire.KeepAlive):
		r.Drop |= wire.Of(wire.Connection, wire.KeepAlive)
	}
}

// hasToken looks for a word in a list.
func hasToken(list, word string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), word) {
			return true
		}
	}
	return false
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

// maxInterim bounds the 1xx responses before the one that counts.
const maxInterim = 32

var errTooMany = errors.New("edge: too many interim responses")

// response reads the response's head and relays it. An error says that the
// origin gave none.
func (e *exchange) response() error {
	c := e.conn
	m := &e.resp
	for interim := 0; ; {
		n, err := m.ParseResponse(c.In.Bytes(), e.pool.Limits())
		if err != nil {
			return err
		}
		if n == 0 {
			if err := c.Fill(); err != nil {
				return silent(err)
			}
			continue
		}
		if m.Status >= 200 || m.Status == http.StatusSwitchingProtocols {
			c.Answered()
			e.up.answered()
			return e.received(n)
		}
		if interim++; interim > maxInterim {
			return errTooMany
		}
		// 100 is for those who wait for it.
		if (m.Status != http.StatusContinue || e.req.Continue && e.want.Request != wire.BodyHold) && e.req.Minor == 1 {
			if e.f.interim(m) != nil {
				e.abort(clientLeft)
			}
		}
		c.In.Take(n)
	}
}

// silent names the end of a connection that should have brought a response.
func silent(err error) error {
	if err == io.EOF {
		return errSilent
	}
	return err
}

// received asks about the response head of n bytes and relays what follows.
func (e *exchange) received(n int) error {
	e.f.unwatch()
	e.edits = e.edits[:0]
	if e.ask && !e.judged() {
		return nil
	}
	if e.resp.Status == http.StatusSwitchingProtocols {
		return e.upgrade(n)
	}
	return e.respond(n)
}

// judged asks about the response head. It tells whether the origin's response is
// to be relayed.
func (e *exchange) judged() (goOn bool) {
	e.x.RespTime = e.s.cfg.Clock()
	e.x.Response = e.resp.Head
	if e.want.Request == wire.BodyCopy {
		e.up.publish(&e.x.ReqBody)
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
	e.edits = e.mark(append(e.edits, d.Edits...))
	return true
}
