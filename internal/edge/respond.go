package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// prompt is the length from which on a response's head goes out before its body
// has come; a shorter one leaves with its body in one packet.
const prompt = 32 << 10

// respond relays the response: head first, then the body as it comes.
func (e *exchange) respond(ctx context.Context, resp *http.Response) {
	from := &body{src: resp.Body, limit: wanted(e.want.Response, e.want.Limit)}
	defer from.abandon()
	source := io.Reader(from)
	switch {
	case !e.ask || e.want.Response == wire.BodyNone:
		source = resp.Body
	case e.want.Response == wire.BodyHold:
		var ok bool
		if source, ok = e.holdResponse(ctx, resp, from); !ok {
			return
		}
	}
	e.head(resp.StatusCode, resp.Header)
	trailers := make([]string, 0, len(resp.Trailer))
	for k := range resp.Trailer {
		trailers = append(trailers, k)
	}
	slices.Sort(trailers)
	h := e.w.Header()
	for _, k := range trailers {
		h.Add("Trailer", k)
	}
	e.w.WriteHeader(resp.StatusCode)
	if resp.Body != http.NoBody && (resp.ContentLength < 0 || resp.ContentLength > prompt || len(trailers) > 0) {
		_ = e.rc.Flush() // an error shows with the first write
	}
	whole := e.stream(ctx, source)
	if e.ask && e.want.Response == wire.BodyCopy {
		from.publish(&e.x.RespBody)
		e.decide(wire.PhaseResponseBody) // nothing can be changed any more
	}
	if !whole {
		panic(http.ErrAbortHandler) // the client must see that the body is cut off
	}
	for k, v := range resp.Trailer {
		for _, one := range v {
			h.Add(http.TrailerPrefix+k, one)
		}
	}
}

// head fills in a response head: nothing but what is given, for net/http would
// add a date and guess the content type.
func (e *exchange) head(status int, fields http.Header) {
	h := e.w.Header()
	clear(h)
	h["Date"], h["Content-Type"] = nil, nil
	for k, v := range fields {
		h[k] = v
	}
	// A response that overtakes its request's body is the connection's last: what
	// of the body comes later must not be taken for the next request.
	if e.r.ProtoMajor == 1 && status != http.StatusSwitchingProtocols && !e.body.finished() && (e.duplex || e.body.busy()) {
		h["Connection"] = []string{"close"}
		e.doomed = true
	}
}

// stream copies and flushes each piece at once. It answers false when the body
// was broken off.
func (e *exchange) stream(ctx context.Context, source io.Reader) (whole bool) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	slow := stall{after: e.s.cfg.StallTimeout, set: e.rc.SetWriteDeadline}
	for {
		n, err := source.Read(*b)
		if n > 0 {
			slow.arm()
			_, werr := e.w.Write((*b)[:n])
			if werr == nil && err == nil {
				werr = e.rc.Flush()
			}
			if werr != nil && !errors.Is(werr, http.ErrBodyNotAllowed) {
				e.gone()
				return false
			}
		}
		switch {
		case err == io.EOF:
			return true
		case err == nil:
		case e.r.Context().Err() != nil:
			e.gone()
			return false
		case ctx.Err() != nil:
			e.x.Err = "cut off by us"
			return false
		default:
			e.s.counters.originError(e.site.Name, "cut off")
			e.x.Err = "origin cut off"
			return false
		}
	}
}

func (e *exchange) gone() {
	e.s.counters.clientGone.Add(1)
	e.x.Err = "client gone"
}

// holdResponse keeps the response body back, bounded in bytes and time, and asks
// about it. Only a body that is whole can be replaced: of another one the
// Decider has seen but a part.
func (e *exchange) holdResponse(ctx context.Context, resp *http.Response, from *body) (io.Reader, bool) {
	held, slow, err := from.hold(e.s.cfg.HoldTimeout)
	if err != nil {
		e.originFailed(ctx, err)
		return nil, false
	}
	if slow {
		e.s.counters.slow.Add(1)
	} else if held.Truncated {
		e.s.counters.oversize.Add(1)
	}
	e.x.RespBody = held
	d := e.decide(wire.PhaseResponseBody)
	if d.Answer != nil {
		e.answer(d.Answer)
		return nil, false
	}
	edit(resp.Header, d.Edits)
	if d.Replace != nil && !held.Truncated && hasBody(e.r.Method, resp.StatusCode) {
		resp.Header["Content-Length"] = []string{strconv.Itoa(len(d.Replace))}
		resp.ContentLength, resp.Trailer = int64(len(d.Replace)), nil
		return bytes.NewReader(d.Replace), true
	}
	return from, true
}

func hasBody(method string, status int) bool {
	return method != http.MethodHead && status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// answer responds in the origin's place, with exactly the fields given.
func (e *exchange) answer(a *wire.Answer) {
	e.s.counters.answered.Add(1)
	e.x.Answered = true
	h := make(http.Header, len(a.Fields)+1)
	for _, f := range a.Fields {
		h.Add(f.Name, f.Value)
	}
	e.own(a.Status, h, a.Fields, a.Body)
}

// plain answers a bare status that says nothing of us.
func (e *exchange) plain(status int) {
	f := wire.Field{Name: "Content-Type", Value: "text/plain; charset=utf-8"}
	e.own(status, http.Header{f.Name: {f.Value}}, []wire.Field{f}, []byte(http.StatusText(status)+"\n"))
}

// own sends a response made here. The Decider hears of it at the response head
// if it made it, and else at the end.
func (e *exchange) own(status int, h http.Header, list []wire.Field, content []byte) {
	if e.ask {
		e.publish()
		e.x.RespTime = e.s.cfg.Clock()
		e.x.Response = wire.Head{Status: status, Reason: http.StatusText(status), Proto: e.r.Proto, Fields: list}
		e.x.RespBody = wire.Body{Bytes: content, Seen: true}
		if e.x.Answered {
			e.decide(wire.PhaseResponseHead) // what it decides of its own answer has no effect
		}
	}
	delete(h, "Transfer-Encoding")
	delete(h, "Content-Length")
	if hasBody("", status) {
		h["Content-Length"] = []string{strconv.Itoa(len(content))}
	}
	e.head(status, h)
	if !e.body.finished() {
		// net/http throws the rest of a short body away first, to keep the
		// connection; this long and no longer.
		_ = e.rc.SetReadDeadline(time.Now().Add(linger))
	}
	e.w.WriteHeader(status)
	if hasBody(e.r.Method, status) {
		_, _ = e.w.Write(content) // the client may be gone
	}
}
