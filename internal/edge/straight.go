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
		return false
	}
	e.blank = false
	c := &v.s.counters
	c.active.Add(1)
	defer c.active.Add(-1)
	c.requests.Add(1)
	e.count.requests.Add(1)
	defer func() {
		if p := recover(); p != nil {
			v.s.fault(p)
			e.cut()
			e.settle()
		}
	}()
	v.sock.Watch()
	body := e.ahead[:e.used]
	if e.early.err = e.begin(&v.who, body); e.early.err == nil {
		if whole := e.whole(); whole != nil {
			v.sock.Unwatch()
			e.conn.Answered()
			if err := v.send(whole); err != nil {
				e.gone()
				e.cut()
				e.settle()
			} else {
				e.reusable = true
				e.settle()
				e.wipe()
			}
			return true
		}
	}
	e.req.Restore()
	e.early.made = true
	e.goOn(&v.who)
	return true
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
	var r wire.Rewrite
	e.rewrite(v, &r)
	request := []byte(nil)
	if len(e.ahead) == 0 { // behind the head there is nothing that the buffer holds
		request = e.req.Extend(&r)
	}
	if request == nil {
		e.out = append(e.req.Append(e.out[:0], &r), body...)
		request = e.out
	}
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

// whole is the response, when all of it is there and nothing else, and it leaves
// as it came; nil for every other.
func (e *exchange) whole() []byte {
	b, m := e.conn.In.Bytes(), &e.resp
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
