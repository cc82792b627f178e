package edge

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// download is a response's body on its way to the visitor.
type download struct {
	framing framing
	left    int64
	chunks  wire.Chunks
	framed  bool // the front is given it as framed
	limit   int  // of the copy; 0: none is kept
	copy    []byte
	over    bool // more than limit has passed
	ended   bool
	extra   bool  // more came than the framing allows
	broken  error // the visitor does not take it
}

type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// framingOf is RFC 9112 6.3.
func framingOf(method string, m *wire.Message) (framing, int64) {
	switch {
	case method == http.MethodHead, m.Status == http.StatusNoContent, m.Status == http.StatusNotModified:
		return noBody, 0
	case m.Chunked:
		return byChunks, 0
	case m.Length == 0:
		return noBody, 0
	case m.Length > 0:
		return byLength, m.Length
	}
	return byClose, 0
}

func (d *download) begin(method string, m *wire.Message, limit int) {
	*d = download{limit: limit, chunks: wire.Chunks{Response: true}}
	d.framing, d.left = framingOf(method, m)
	d.ended = d.framing == noBody
}

// scan follows the framing through b and hands each piece of data to the copy
// and to data, which may be nil. What follows the end is marked as extra.
func (d *download) scan(b []byte, data func([]byte)) (n int, err error) {
	switch d.framing {
	case byLength:
		n = int(min(int64(len(b)), d.left))
		d.left -= int64(n)
		d.ended = d.left == 0
		d.piece(b[:n], data)
	case byClose:
		n = len(b)
		d.piece(b, data)
	case byChunks:
		for n < len(b) && !d.ended {
			k, p, done, err := d.chunks.Next(b[n:])
			n += k
			d.piece(p, data)
			d.ended = done
			if err != nil {
				return n, err
			}
		}
	}
	d.extra = d.extra || n < len(b)
	return n, nil
}

func (d *download) piece(p []byte, data func([]byte)) {
	if len(p) == 0 {
		return
	}
	if d.limit > 0 {
		room := d.limit - len(d.copy)
		d.copy = append(d.copy, p[:min(room, len(p))]...)
		d.over = d.over || len(p) > room
	}
	if data != nil {
		data(p)
	}
}

func (d *download) publish(to *wire.Body) {
	*to = wire.Body{Bytes: d.copy[:len(d.copy):len(d.copy)], Truncated: d.over, Seen: d.ended || d.over}
}

// respond relays the response: its head, then the body as it comes. head is the
// length of the head in the connection's buffer, which stays as it is, since the
// head is looked into up to the exchange's end.
func (e *exchange) respond(head int) error {
	e.down.begin(e.req.Method, &e.resp, wanted(e.want.Response, e.want.Limit))
	e.down.chunks.Keep = e.wantsTrailers()
	first := e.conn.In.Bytes()[head:]
	if e.ask && e.want.Response == wire.BodyHold {
		held, answered, err := e.holdResponse(first)
		if err != nil || answered {
			return err
		}
		first = held
		atEnd := e.down.ended && e.down.framing == byClose
		e.down.begin(e.req.Method, &e.resp, 0)
		e.atEnd = atEnd
	}
	e.rw = wire.Rewrite{Edits: e.edits, Drop: never}
	e.last = e.last || e.down.framing == byClose || e.up.open() || e.s.draining.Load()
	e.begun = true
	e.down.framed = e.f.begin(&e.resp, &e.rw, e.last)
	e.down.chunks.Keep = !e.down.framed || e.wantsTrailers()
	e.finish(e.pour(first))
	return nil
}

func (e *exchange) wantsTrailers() bool {
	return e.ask && (e.want.Trailers || e.want.Response != wire.BodyNone)
}

// pour passes on what has come of the body and then reads on to its end. It
// answers the origin's failure.
func (e *exchange) pour(first []byte) error {
	d := &e.down
	err := e.pass(first)
	d.ended = d.ended || e.atEnd
	if err != nil || d.ended || d.broken != nil {
		return err
	}
	if d.broken = e.f.flush(); d.broken != nil {
		return nil
	}
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	// Of a body whose end is unknown, an event stream for instance, the next piece
	// may be long in coming: it is the visitor's leaving that is looked out for.
	e.conn.DueRead(0)
	e.f.watch()
	defer e.f.unwatch()
	for !d.ended && d.broken == nil {
		p := *b
		if d.framing == byLength {
			e.conn.DueRead(e.s.cfg.StallTimeout)
			p = p[:min(d.left, int64(len(p)))] // what follows is not read: it stays behind to be noticed
		}
		n, err := e.conn.Read(p)
		if n > 0 {
			if err := e.pass(p[:n]); err != nil {
				return err
			}
			if d.broken == nil {
				d.broken = e.f.flush()
			}
		}
		if err == io.EOF && d.framing == byClose {
			d.ended = true
			return nil
		}
		if err != nil && !d.ended {
			return err
		}
	}
	return nil
}

// pass gives bytes of the body to the visitor.
func (e *exchange) pass(b []byte) error {
	d := &e.down
	if d.framed {
		n, err := d.scan(b, nil)
		if n > 0 && d.broken == nil {
			d.broken = e.f.write(b[:n])
		}
		return err
	}
	_, err := d.scan(b, func(p []byte) {
		if d.broken == nil {
			d.broken = e.f.write(p)
		}
	})
	return err
}

// finish ends the response and decides about both connections.
func (e *exchange) finish(failed error) {
	d := &e.down
	if failed == nil && d.broken == nil {
		d.broken = e.f.finish(d.chunks.Trailers)
	}
	if d.ended && e.wantsTrailers() {
		e.x.RespTrailers = wire.TrailerFields(d.chunks.Trailers)
	}
	if e.ask && e.want.Response == wire.BodyCopy {
		d.publish(&e.x.RespBody)
		e.decide(wire.PhaseResponseBody) // nothing can be changed any more
	}
	switch {
	case e.aborted.Load() == clientLeft, d.broken != nil:
		e.gone()
		e.cut()
	case failed != nil && e.aborted.Load() != 0:
		e.x.Err = "cut off by us"
		e.cut()
	case failed != nil:
		e.s.counters.originError(e.count, "cut off")
		e.x.Err = "origin cut off"
		e.cut()
	default:
		e.reusable = !d.extra && d.framing != byClose && !e.resp.Close && (e.resp.Minor == 1 || e.resp.KeepAlive) && e.up.sent()
	}
}

func (e *exchange) gone() {
	e.s.counters.clientGone.Add(1)
	e.x.Err = "client gone"
}

// holdResponse keeps the response body back, bounded in bytes and time, and asks
// about it. It returns the body so far, as framed. Only a body that is whole can
// be replaced: of another one the Decider has seen but a part.
func (e *exchange) holdResponse(first []byte) (held []byte, answered bool, err error) {
	d := &e.down
	n, err := d.scan(first, nil)
	if err != nil {
		return nil, false, err
	}
	extra := d.extra
	held, slow := first[:n], false
	if !d.ended && !d.over {
		if held, slow, err = e.readAhead(held); err != nil {
			return nil, false, err
		}
	}
	d.publish(&e.x.RespBody)
	if d.ended {
		e.x.RespTrailers = wire.TrailerFields(d.chunks.Trailers)
	}
	e.x.RespBody.Seen = true
	e.x.RespBody.Truncated = e.x.RespBody.Truncated || slow
	switch {
	case slow:
		e.s.counters.slow.Add(1)
	case d.over:
		e.s.counters.oversize.Add(1)
	}
	whole := d.ended && !d.over
	dec := e.decide(wire.PhaseResponseBody)
	if dec.Answer != nil {
		e.answer(dec.Answer)
		return nil, true, nil
	}
	e.edits = append(e.edits, dec.Edits...)
	if dec.Replace != nil && whole && hasBody(e.req.Method, e.resp.Status) {
		e.reusable = !extra && d.framing != byClose && !e.resp.Close && (e.resp.Minor == 1 || e.resp.KeepAlive) && e.up.sent()
		e.replace(dec.Replace)
		return nil, true, nil
	}
	return held, false, nil
}

// readAhead reads until the body has ended, is too long, or the time is up.
func (e *exchange) readAhead(first []byte) (held []byte, slow bool, err error) {
	d, c := &e.down, e.conn
	held = append(make([]byte, 0, max(4096, 2*len(first))), first...)
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	c.DueRead(0)
	c.PauseAt(time.Now().Add(e.s.cfg.HoldTimeout))
	defer c.PauseAt(time.Time{})
	for !d.ended && !d.over {
		p := *b
		if d.framing == byLength && d.left < int64(len(p)) {
			p = p[:d.left]
		}
		n, err := e.conn.Read(p)
		k, bad := d.scan(p[:n], nil)
		held = append(held, p[:k]...)
		switch {
		case bad != nil:
			return nil, false, bad
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && !c.Late():
			return held, true, nil
		case err == io.EOF && d.framing == byClose:
			d.ended = true
		default:
			return nil, false, silent(err)
		}
	}
	return held, false, nil
}

func hasBody(method string, status int) bool {
	return method != http.MethodHead && status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
