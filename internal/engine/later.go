package engine

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Bounds of what waits to be read. Past either, an exchange is read while it lasts.
const (
	maxUnread   = 256      // exchanges of a partition
	unreadBytes = 32 << 10 // of each: heads and bodies
	unreadBody  = 2 << 10  // of a body
)

// gatherer is a Judge that takes an exchange which nobody waits for before it is
// read, and has it read when it comes to be folded: reading many one after the other
// costs a fraction of reading each where it comes, among much else, and the response
// need not wait for it. It is false when there is no room, and what was handed over
// is then the caller's again.
type gatherer interface {
	gather(u *unread, mirrored bool) bool
}

// unread is a whole exchange to be read later: as much of it as reading needs, on
// memory of its own.
type unread struct {
	e      *Engine
	n      note
	x      wire.Exchange
	shown  wire.Shown
	text   []byte
	fields []wire.Field
}

var unreads = sync.Pool{New: func() any { return new(unread) }}

// gather hands an exchange over. What may teach session keys is read at once, since
// those are to be known before the response's first byte leaves; so is what is
// signed, since of two uses of a signature the first counts; and what is large, or may
// grow when it is unpacked: what a verdict finds gathered before it is read first, and
// no visitor may make that long.
func (e *Engine) gather(x *wire.Exchange, n *note) bool {
	g, ok := n.judge.(gatherer)
	if !ok || n.opened || n.sync || n.plan.Teaches(n.rules.snap, x) || x.Request.Get("Signature-Input") != "" ||
		n.reqBody && isLong(&x.Request, &x.ReqBody) || n.resBody && isLong(&x.Response, &x.RespBody) {
		return false
	}
	size, fields := sizeOf(x, n)
	if size > unreadBytes {
		return false
	}
	u, _ := unreads.Get().(*unread)
	u.keep(e, x, n, size, fields)
	if !g.gather(u, x.Mode == string(site.Mirror)) {
		u.free()
		return false
	}
	return true
}

// isLong tells whether reading a body may take long.
func isLong(h *wire.Head, b *wire.Body) bool {
	return len(b.Bytes) > unreadBody || len(b.Bytes) > 0 && h.Get("Content-Encoding") != ""
}

// sizeOf is how much text reading an exchange may need, and how many fields.
func sizeOf(x *wire.Exchange, n *note) (text, fields int) {
	count := func(all []wire.Field) {
		for i := range all {
			text += len(all[i].Name) + len(all[i].Value)
		}
		fields += len(all)
	}
	for _, h := range [...]*wire.Head{&x.Request, &x.Response} {
		text += len(h.Method) + len(h.Target) + len(h.Host) + len(h.Reason) + len(h.Proto)
		count(h.Fields)
	}
	count(x.RespTrailers)
	c := &x.Conn
	text += len(c.SNI) + len(c.ALPN) + len(c.ID) + len(c.Ticket) + len(c.Beside)
	if s := c.Shown; s != nil {
		text += len(s.JA3) + len(s.JA4) + len(s.TLS) + len(s.H2) + len(s.SYN)
	}
	if n.reqBody {
		text += len(x.ReqBody.Bytes)
	}
	if n.resBody {
		text += len(x.RespBody.Bytes)
	}
	return text, fields
}

// keep copies what reading needs: the exchange is only lent.
func (u *unread) keep(e *Engine, x *wire.Exchange, n *note, size, fields int) {
	if cap(u.text) < size {
		u.text = make([]byte, 0, size+size/4)
	}
	if cap(u.fields) < fields {
		u.fields = make([]wire.Field, 0, fields+8)
	}
	u.e, u.n = e, *n
	u.x = wire.Exchange{ID: x.ID, Site: x.Site, Mode: x.Mode, Conn: x.Conn, Start: x.Start, RespTime: x.RespTime, Answered: x.Answered,
		Request: u.head(&x.Request), Response: u.head(&x.Response), RespTrailers: u.list(x.RespTrailers),
		ReqBody: u.body(&x.ReqBody, n.reqBody), RespBody: u.body(&x.RespBody, n.resBody)}
	c := &u.x.Conn
	c.SNI, c.ALPN, c.ID = u.string(c.SNI), u.string(c.ALPN), u.string(c.ID)
	c.Ticket, c.Beside = u.string(c.Ticket), u.string(c.Beside)
	if s := c.Shown; s != nil {
		u.shown = wire.Shown{JA3: u.string(s.JA3), JA4: u.string(s.JA4), TLS: u.string(s.TLS), Grease: s.Grease, H2: u.string(s.H2), SYN: u.string(s.SYN)}
		c.Shown = &u.shown
	}
}

func (u *unread) head(h *wire.Head) wire.Head {
	return wire.Head{Method: u.string(h.Method), Target: u.string(h.Target), Host: u.string(h.Host), Status: h.Status,
		Reason: u.string(h.Reason), Proto: u.string(h.Proto), Fields: u.list(h.Fields)}
}

func (u *unread) list(all []wire.Field) []wire.Field {
	from := len(u.fields)
	for i := range all {
		u.fields = append(u.fields, wire.Field{Name: u.string(all[i].Name), Value: u.string(all[i].Value)})
	}
	return u.fields[from:len(u.fields):len(u.fields)]
}

func (u *unread) body(b *wire.Body, read bool) wire.Body {
	out := wire.Body{Truncated: b.Truncated, Seen: b.Seen}
	if read && len(b.Bytes) > 0 {
		from := len(u.text)
		u.text = append(u.text, b.Bytes...)
		out.Bytes = u.text[from:len(u.text):len(u.text)]
	}
	return out
}

// string copies a text. Like the exchange's own it is a view of a buffer that is
// used again, so that whoever keeps some of it copies it.
func (u *unread) string(s string) string {
	if s == "" {
		return ""
	}
	from := len(u.text)
	u.text = append(u.text, s...)
	return unsafe.String(&u.text[from], len(s))
}

// read makes the observation, nil when that panicked, which is counted then as it is
// within an exchange.
func (u *unread) read() (obs *journey.Observation) {
	defer u.free()
	defer func() {
		if v := recover(); v != nil {
			u.e.panicked(wire.PhaseEnd, v)
			obs = nil
		}
	}()
	obs, _ = u.e.whole(&u.x, &u.n)
	return obs
}

// free lets the memory be used again.
func (u *unread) free() {
	clear(u.fields)
	u.e, u.n, u.x, u.shown, u.text, u.fields = nil, note{}, wire.Exchange{}, wire.Shown{}, u.text[:0], u.fields[:0]
	unreads.Put(u)
}

// panicked counts and tells of a panic.
func (e *Engine) panicked(p wire.Phase, v any) {
	e.panics.Add(1)
	e.cfg.Shed.add(ShedCapture, 1)
	e.cfg.Logger.Error("decider panicked", "phase", int(p), "panic", fmt.Sprint(v))
}
