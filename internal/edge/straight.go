package edge

import (
	"net/http"
	"strings"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Indifferent is a Decider that can tell from a request's head alone that it will
// want nothing of the exchange. It is then asked nothing about it, at no phase. It
// must not keep h.
type Indifferent interface {
	Indifferent(site, mode string, h *wire.Head) bool
}

// straight relays what most exchanges are: a request whose body has come with its
// head, that nobody asks about, answered whole at once. It does nothing that serve
// would do otherwise; what it leaves out is what such an exchange has no use for. An
// answer that turns out not to be so simple goes the common way from there. It tells
// whether it has taken the exchange; else nothing has been done yet.
func (v *visit) straight() (taken bool) {
	e := v.ex
	e.ready()
	if !e.isPlain(&v.who) {
		v.smooth = 0
		return false
	}
	e.setOut()
	v.follow(false)
	return true
}

// setOut counts an exchange that takes the straight way.
func (e *exchange) setOut() {
	e.blank = false
	c := &e.s.counters
	c.active.Add(1)
	c.requests.Add(1)
	e.count.requests.Add(1)
}

// follow takes an exchange that has set out to its end. sent says that it comes from a
// lane, which has sent the request, and early how that went.
func (v *visit) follow(sent bool) {
	e := v.ex
	defer v.s.counters.active.Add(-1)
	defer v.survive()
	v.sock.Watch()
	if sent {
		e.early.await(e)
	} else {
		e.early.err = e.begin(&v.who, e.ahead[:e.used])
	}
	if e.early.err == nil {
		if whole := e.whole(e.conn.In.Bytes()); whole != nil {
			v.sock.Unwatch()
			e.conn.Answered()
			v.deliver(whole)
			return
		}
	}
	v.smooth = 0
	e.req.Restore()
	e.early.made = true
	e.goOn(&v.who)
}

// deliver ends an exchange with the whole of its answer.
func (v *visit) deliver(whole []byte) {
	e := v.ex
	if err := v.send(whole); err != nil {
		e.gone()
		e.cut()
		e.settle()
		return
	}
	v.smooth = min(v.smooth+1, boardAtLast)
	e.reusable = true
	e.settle()
	e.wipe()
}

// survive is deferred: a panic on the straight way costs the exchange it is in.
func (v *visit) survive() {
	if p := recover(); p != nil {
		v.s.fault(p)
		v.ex.cut()
		v.ex.settle()
	}
}

// wipe takes away what an exchange leaves behind that went straight to its end, which
// is all that isPlain, begin and whole have set but what they set anew each time: far
// less than reset looks after. So it is blank for the next one.
func (e *exchange) wipe() {
	e.site, e.way, e.count, e.pools, e.pool = nil, nil, nil, nil, nil
	e.target, e.mode, e.reusable, e.early.sent = "", "", false, false
	e.blank = true
}

// lay lets go of an exchange that was wiped, and never worn. What it has of views into
// buffers, which are others' by now, is never looked at again.
func (e *exchange) lay() {
	e.s, e.f, e.req, e.ahead = nil, nil, nil, nil
	if cap(e.out) > maxKept {
		e.out = nil
	}
}

// goOn is the rest of serve for a request that was sent. Whatever has been put in
// force meanwhile is for the next one.
func (e *exchange) goOn(v *visitor) {
	e.worn = true
	e.up.begin(e.req, e.ahead)
	defer e.leave()
	defer e.end()
	_ = e.up.first() // all of it is there
	e.relay(v)
}

// early is a request that straight has sent, and how that went.
type early struct {
	made, sent bool
	err        error
	rest       []byte // what a lane could not send at once
}

// await waits for the beginning of the answer to a request that a lane has sent.
func (o *early) await(e *exchange) {
	rest := o.rest
	o.rest = nil
	if o.err == nil && len(rest) > 0 {
		_, o.err = e.conn.Write(rest)
	}
	if o.err == nil && e.conn.In.Len() == 0 {
		o.err = e.conn.Fill()
	}
}

// notStraight are fields that mean something for the connection they come over.
var notStraight = never | wire.Of(wire.TE, wire.Upgrade, wire.KeepAlive, wire.Nominated)

// isPlain tells whether the request can take the straight way, and finds where it
// goes.
func (e *exchange) isPlain(v *visitor) bool {
	s, m := e.s, e.req
	if s.indifferent == nil || s.cfg.RequestTimeout > 0 || e.last || m.Minor == 0 || m.Target[0] != '/' ||
		m.Chunked || m.Continue || m.HasAny(notStraight) || m.Length > min(int64(len(e.ahead)), maxInline) || v.h2 {
		return false
	}
	t := s.table.Load()
	if t.health.Path != "" && strings.HasPrefix(m.Target, t.health.Path) || s.cfg.Challenge != nil && strings.HasPrefix(m.Target, challengePath) {
		return false
	}
	st, _ := t.find(m.Host)
	if st == nil {
		return false
	}
	r := t.route(st)
	mode := st.InForce()
	if !r.straight || m.Method == http.MethodConnect || mode != site.Active && mode != site.PassThrough || s.bypass.Load() ||
		isTrusted(v.peer.Addr().Unmap(), t.trusted) || !e.indifferent(st.Name, string(mode)) {
		return false
	}
	e.site, e.way, e.count, e.pools, e.pool = st, r, r.count, r.pools, r.pools.Pool("")
	e.target, e.mode = m.Target, mode
	e.used = max(0, int(m.Length))
	return true
}

// indifferent asks the Decider whether it wants to be asked. One that panics does.
func (e *exchange) indifferent(site, mode string) (yes bool) {
	defer func() {
		if recover() != nil { // it will do so again where that is dealt with
			yes = false
		}
	}()
	return e.s.indifferent.Indifferent(site, mode, &e.req.Head)
}

// roomSize is what the head and the body of most answers that are whole at once fit
// into.
const roomSize = 16 << 10

// begin sends the request, once, and reads the beginning of the answer.
func (e *exchange) begin(v *visitor, body []byte) error {
	request := e.asIs(v, body)
	c, err := e.pool.Get(e.f.context())
	if err != nil {
		return err
	}
	e.adopt(c)
	if e.room == nil {
		e.room = make([]byte, roomSize)
	}
	c.In.Lend(e.room)
	c.DueRead(e.pool.HeaderTimeout())
	e.early.sent, err = c.Exchange(request)
	return err
}

// asIs is the request as it leaves, which holds as long as what has come.
func (e *exchange) asIs(v *visitor, body []byte) []byte {
	var r wire.Rewrite
	e.rewrite(v, &r)
	if len(e.ahead) == 0 { // behind the head there is nothing that the buffer holds
		if request := e.req.Extend(&r); request != nil {
			return request
		}
	}
	e.out = append(e.req.Append(e.out[:0], &r), body...)
	return e.out
}

// whole is the response in b, when all of it is there and nothing else, and it leaves
// as it came; nil for every other.
func (e *exchange) whole(b []byte) []byte {
	m := &e.resp
	n, err := m.ParseResponse(b, e.pool.Limits())
	if err != nil || n == 0 || m.Status < 200 || m.Minor == 0 || m.Close || m.HasAny(notStraight) || e.s.draining.Load() {
		return nil
	}
	d := &e.down
	d.begin(e.req.Method, m, 0)
	k, err := d.scan(b[n:], nil)
	if err != nil || !d.ended || d.extra || d.framing == byClose || e.aborted.Load() != 0 {
		return nil
	}
	return b[:n+k]
}
