package edge

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/throughline/throughline/internal/wire"
)

// buffers for relaying bodies.
var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// respond relays the response: head first, then the body as it comes.
func (e *exchange) respond(resp *http.Response) {
	body := io.Reader(resp.Body)
	var copied *tee
	if e.ask {
		switch e.want.Response {
		case wire.BodyHold:
			var ok bool
			if body, ok = e.holdResponse(resp); !ok {
				return
			}
		case wire.BodyCopy:
			copied = newTee(resp.Body, e.want.Limit)
			body = copied
			defer copied.publish(&e.x.RespBody)
		}
	}
	h := e.w.Header()
	removeHopByHop(resp.Header)
	// Nothing is added: what the origin did not send stays away.
	h["Date"], h["Content-Type"] = nil, nil
	for k, v := range resp.Header {
		h[k] = v
	}
	for k := range resp.Trailer {
		h.Add("Trailer", k)
	}
	e.w.WriteHeader(resp.StatusCode)
	if len(resp.Trailer) > 0 || resp.ContentLength < 0 {
		_ = http.NewResponseController(e.w).Flush() // the head goes before the body comes
	}
	if !e.stream(body) {
		if copied != nil {
			copied.publish(&e.x.RespBody)
		}
		panic(http.ErrAbortHandler) // the client must see that the body is cut off
	}
	for k, v := range resp.Trailer {
		for _, one := range v {
			h.Add(http.TrailerPrefix+k, one)
		}
	}
}

// stream copies and flushes each piece at once. It answers false when the origin
// broke off.
func (e *exchange) stream(body io.Reader) bool {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	rc := http.NewResponseController(e.w)
	for {
		n, err := body.Read(*b)
		if n > 0 {
			if _, werr := e.w.Write((*b)[:n]); werr != nil {
				e.s.counters.clientGone.Add(1)
				e.x.Err = "client gone"
				return true
			}
			_ = rc.Flush()
		}
		if err == io.EOF {
			return true
		}
		if err != nil {
			if e.r.Context().Err() != nil {
				e.s.counters.clientGone.Add(1)
				e.x.Err = "client gone"
				return true
			}
			e.s.counters.originError(e.site.Name, "cut off")
			e.x.Err = "origin cut off"
			return false
		}
	}
}

// holdResponse keeps the response body back, bounded, and asks about it.
func (e *exchange) holdResponse(resp *http.Response) (io.Reader, bool) {
	held, rest, err := hold(resp.Body, e.want.Limit)
	if err != nil {
		e.originFailed(err)
		return nil, false
	}
	e.x.RespBody = held
	d := e.decide(wire.PhaseResponseBody)
	switch {
	case d.Answer != nil:
		e.answer(d.Answer)
		return nil, false
	case d.Replace != nil && !held.Truncated:
		edit(resp.Header, d.Edits)
		resp.Header["Content-Length"] = []string{strconv.Itoa(len(d.Replace))}
		resp.ContentLength, resp.Trailer = int64(len(d.Replace)), nil
		return bytes.NewReader(d.Replace), true
	}
	edit(resp.Header, d.Edits)
	return rest, true
}

// upgrade relays a connection that has switched protocols, both ways, until
// either side ends it.
func (e *exchange) upgrade(resp *http.Response) {
	back, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		e.s.counters.originError(e.site.Name, "failed")
		plain(e.w, http.StatusBadGateway)
		return
	}
	conn, rw, err := http.NewResponseController(e.w).Hijack()
	if err != nil { // HTTP/2 has no upgrade
		plain(e.w, http.StatusBadGateway)
		return
	}
	defer e.s.track(conn)()
	defer func() { _ = conn.Close() }()
	defer func() { _ = back.Close() }()
	if err := writeSwitch(rw.Writer, resp); err != nil {
		return
	}
	ended := make(chan struct{}, 2)
	pipe := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		ended <- struct{}{}
	}
	go pipe(back, rw.Reader) // what the client sent early is in the reader
	go pipe(conn, back)
	<-ended
}

func writeSwitch(w *bufio.Writer, resp *http.Response) error {
	_, _ = w.WriteString("HTTP/1.1 " + strings.TrimSpace(resp.Status) + "\r\n")
	for _, f := range fields(resp.Header) {
		_, _ = w.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	_, _ = w.WriteString("\r\n")
	return w.Flush()
}
