package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// stream is one stream of a visitor's HTTP/2 connection, which net/http speaks:
// its request is written as an HTTP/1.1 head and parsed as strictly as one, so
// that what must not stand in such a head can't reach an origin through here. It
// is a front to the exchange it runs.
type stream struct {
	s  *Server
	w  http.ResponseWriter
	rc *http.ResponseController
	r  *http.Request
	ex exchange

	chunked bool // the body is given as chunks, since its length is unknown
	eof     bool
	over    bool // cut
}

// ServeHTTP takes one request of HTTP/2.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := &stream{s: s, w: w, rc: http.NewResponseController(w), r: r}
	t.ex.s, t.ex.f, t.ex.req = s, t, &t.ex.asking
	err := t.parse(t.head(), wire.Limits{Bytes: s.cfg.MaxHead, Fields: maxFields + 2})
	if err == nil {
		err = t.ambiguous()
	}
	if err != nil {
		t.refuse(err)
		return
	}
	g := guestOf(r)
	defer g.parted(s, r)
	stop := context.AfterFunc(r.Context(), func() {
		if s.cut.Err() != nil {
			t.ex.abort(cutOff)
		} else {
			t.ex.abort(clientLeft)
		}
	})
	defer stop()
	t.ex.serve(g.visitor(r))
	if t.over {
		panic(http.ErrAbortHandler) // the stream is reset
	}
}

// parse reads what head wrote. All of it must be the head: a line end that got into a
// field would make another request of what is behind it.
func (t *stream) parse(text []byte, lim wire.Limits) error {
	n, err := t.ex.req.ParseRequest(text, lim)
	if err == nil && n != len(text) {
		err = errBeyond
	}
	return err
}

// refuse answers what is no request. Nobody else hears of it.
func (t *stream) refuse(err error) {
	t.s.counters.malformed.Add(1)
	t.s.cfg.Logger.Debug("request refused", "peer", t.r.RemoteAddr, "error", err.Error())
	status := http.StatusBadRequest
	var f wire.Fault
	if errors.As(err, &f) {
		status = f.Status()
	}
	h := t.w.Header()
	h["Date"] = nil
	p := t.ex.page(status)
	h["Content-Type"] = []string{p.ContentType}
	t.w.WriteHeader(status)
	_, _ = t.w.Write(p.Body)
}

// head writes the request as HTTP/1.1 has it.
func (t *stream) head() []byte {
	r := t.r
	b := make([]byte, 0, 1024)
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, r.RequestURI...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, r.Host...)
	b = append(b, "\r\n"...)
	names := make([]string, 0, len(r.Header))
	for k := range r.Header {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		switch k {
		case "Content-Length", "Transfer-Encoding", "Connection", "Host":
			continue
		}
		for _, v := range r.Header[k] {
			b = append(b, strings.ToLower(k)...)
			b = append(b, ": "...)
			b = append(b, v...)
			b = append(b, "\r\n"...)
		}
	}
	switch {
	case r.ContentLength > 0 || r.Header["Content-Length"] != nil:
		b = append(b, "content-length: "...)
		b = strconv.AppendInt(b, r.ContentLength, 10)
		b = append(b, "\r\n"...)
	case r.ContentLength < 0:
		t.chunked = true
		for k := range r.Trailer {
			b = append(b, "trailer: "...)
			b = append(b, strings.ToLower(k)...)
			b = append(b, "\r\n"...)
		}
		b = append(b, "transfer-encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...)
}

func (t *stream) context() context.Context { return t.r.Context() }

// chunkRoom is what a chunk's size and line ends take at most.
const chunkRoom = 16

func (t *stream) read(p []byte) (int, error) {
	if !t.chunked {
		return t.r.Body.Read(p)
	}
	if t.eof {
		return copy(p, t.lastChunk()), io.EOF
	}
	n, err := t.r.Body.Read(p[chunkRoom : len(p)-2])
	if err == io.EOF {
		t.eof, err = true, nil
	}
	if n == 0 {
		if t.eof {
			return copy(p, t.lastChunk()), nil
		}
		return 0, err
	}
	size := strconv.AppendInt(make([]byte, 0, chunkRoom), int64(n), 16)
	size = append(size, "\r\n"...)
	k := copy(p, size)
	k += copy(p[k:], p[chunkRoom:chunkRoom+n])
	return k + copy(p[k:], "\r\n"), err
}

// lastChunk ends the body, with the trailers there are by now.
func (t *stream) lastChunk() []byte {
	b := []byte("0\r\n")
	for k, list := range t.r.Trailer {
		for _, v := range list {
			b = wire.AppendField(b, strings.ToLower(k), v)
		}
	}
	return append(b, "\r\n"...)
}

func (t *stream) unread([]byte) {}

func (t *stream) dueRead(after time.Duration) {
	at := time.Time{}
	if after > 0 {
		at = time.Now().Add(after)
	}
	_ = t.rc.SetReadDeadline(at)
}

func (t *stream) watch()   {} // the request's context tells
func (t *stream) unwatch() {}

func (t *stream) interim(m *wire.Message) error {
	if m.Status == http.StatusContinue {
		return nil // net/http sends it when the body is read
	}
	h := t.w.Header()
	clear(h)
	for i, f := range m.Fields {
		if !m.Kind(i).HopByHop() {
			h.Add(f.Name, f.Value)
		}
	}
	t.w.WriteHeader(m.Status)
	clear(h)
	return nil
}

// begin sends the head: nothing but what is given, for net/http would add a date
// and guess the content type.
func (t *stream) begin(m *wire.Message, r *wire.Rewrite, _ bool) (framed bool) {
	h := t.w.Header()
	clear(h)
	h["Date"], h["Content-Type"] = nil, nil
	if m.Length < 0 {
		h["Content-Length"] = nil // net/http would count an empty body's
	}
	text := m.Append(nil, r)
	var out wire.Message
	if _, err := out.ParseResponse(text, wire.Limits{Bytes: len(text), Fields: len(m.Fields) + len(r.Edits) + 2}); err != nil {
		t.over = true
		return false
	}
	for i, f := range out.Fields {
		if k := out.Kind(i); !k.HopByHop() || k == wire.Trailer {
			h.Add(f.Name, f.Value)
		}
	}
	t.w.WriteHeader(m.Status)
	return false
}

func (t *stream) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	return t.within(func() error {
		_, err := t.w.Write(p)
		if err == http.ErrBodyNotAllowed {
			return nil
		}
		return err
	})
}

func (t *stream) flush() error { return t.within(t.rc.Flush) }

// within bounds a wait for the visitor. No deadline stands in between: the
// origin may be quiet, and one that passes would reset the stream.
func (t *stream) within(send func() error) error {
	_ = t.rc.SetWriteDeadline(time.Now().Add(t.s.cfg.StallTimeout))
	err := send()
	_ = t.rc.SetWriteDeadline(time.Time{})
	return err
}

func (t *stream) finish(trailers []byte) error {
	h := t.w.Header()
	for _, f := range wire.TrailerFields(trailers) {
		h.Add(http.TrailerPrefix+f.Name, f.Value)
	}
	t.stop()
	return nil
}

func (t *stream) cut() {
	t.over = true
	t.stop()
}

// stop reads no more of the request: what is behind it on the connection does not
// depend on that, and the response ends only when nobody reads any more.
func (t *stream) stop() { _ = t.r.Body.Close() }
