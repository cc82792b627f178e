package origin

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/throughline/throughline/internal/wire"
)

// stream is one request and its response on a mux. What comes is kept as
// HTTP/1.1 has it until it is read, up to the stream's window. All of it is under
// the mux's mu.
type stream struct {
	m      *mux
	id     uint32
	method string

	buf          []byte // what came and was not read yet, from r on
	r            int
	rcond, wcond sync.Cond
	owed         int // bytes of data that came and were not credited
	window       int64
	blocked      bool // somebody waits on wcond

	answered bool // the head that counts has come
	noBody   bool // none may follow
	chunked  bool // the body is given as chunks
	left     int64
	inEnd    bool // the response is whole
	outEnd   bool // the request is
	detached bool // nobody reads any more; only its end is awaited
	paused   bool
	err      error // ends reading, when buf is empty
	werr     error // ends writing
}

// begin opens a stream with the head of a request. Under mu; the promise of
// reserve is used up.
func (m *mux) begin(req *wire.Message, scheme string, end bool) (*stream, error) {
	m.reserved--
	if m.leaving || m.broken != nil {
		m.settle()
		return nil, errRefused
	}
	s := &stream{m: m, id: m.next, method: strings.Clone(req.Method), window: m.initial, left: -1, outEnd: end}
	s.rcond.L, s.wcond.L = &m.mu, &m.mu
	m.next += 2
	m.streams[s.id] = s
	m.block.Reset()
	m.encode(req, scheme)
	m.writeBlock(s.id, end)
	m.ping(time.Now())
	m.send()
	return s, nil
}

// writeBlock sends the header block that was encoded.
func (m *mux) writeBlock(id uint32, end bool) {
	b := m.block.Bytes()
	for first := true; first || len(b) > 0; first = false {
		n := min(len(b), m.frame)
		if first {
			_ = m.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b[:n], EndStream: end, EndHeaders: n == len(b)})
		} else {
			_ = m.fr.WriteContinuation(id, n == len(b), b[:n])
		}
		b = b[n:]
	}
}

// encode writes a request's head as HTTP/2 has it: in its order, nothing added.
func (m *mux) encode(req *wire.Message, scheme string) {
	m.field(":method", req.Method, false)
	m.field(":scheme", scheme, false)
	for i := range req.Fields {
		if req.Kind(i) == wire.Host {
			m.field(":authority", req.Fields[i].Value, false)
		}
	}
	m.field(":path", req.Target, false)
	for i, f := range req.Fields {
		switch k := req.Kind(i); {
		case k == wire.Host:
		case k == wire.TE:
			if strings.EqualFold(f.Value, "trailers") {
				m.field("te", "trailers", false)
			}
		case k == wire.Trailer:
			m.field("trailer", f.Value, false)
		case k.HopByHop():
		default:
			name := strings.ToLower(f.Name)
			m.field(name, f.Value, name == "cookie" || name == "authorization")
		}
	}
}

// field encodes one; a sensitive one enters no table.
func (m *mux) field(name, value string, sensitive bool) {
	_ = m.enc.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: sensitive})
}

// send sends a piece of the request's body, as the origin takes it.
func (s *stream) send(p []byte, end bool) error {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	var stall *time.Timer
	stalled := false
	for {
		if s.werr != nil {
			return s.werr
		}
		if len(p) == 0 && !end {
			break
		}
		room := min(s.window, m.window, int64(m.frame), int64(outRoom-len(m.out)))
		if len(p) > 0 && room <= 0 {
			if stalled {
				s.reset(http2.ErrCodeCancel, os.ErrDeadlineExceeded)
				return s.werr
			}
			if stall == nil {
				stall = time.AfterFunc(m.o.StallTimeout, func() {
					m.mu.Lock()
					defer m.mu.Unlock()
					stalled = true
					s.wcond.Signal()
				})
				defer stall.Stop()
			}
			s.blocked = true
			s.wcond.Wait()
			s.blocked = false
			continue
		}
		n := int(min(int64(len(p)), room))
		_ = m.fr.WriteData(s.id, end && n == len(p), p[:n])
		s.window -= int64(n)
		m.window -= int64(n)
		m.futile = 0
		p = p[n:]
		m.send()
		if stall != nil {
			stall.Reset(m.o.StallTimeout)
			stalled = false
		}
		if len(p) == 0 {
			break
		}
	}
	if end {
		s.ended()
	}
	return nil
}

// ended says that the request is whole.
func (s *stream) ended() {
	s.outEnd, s.werr = true, io.ErrClosedPipe
	if s.inEnd {
		s.m.remove(s)
	}
}

// sendTrailers ends the request with the lines given.
func (s *stream) sendTrailers(lines []byte) error {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.werr != nil {
		return s.werr
	}
	m.block.Reset()
	for line := range bytes.SplitSeq(lines, []byte("\r\n")) {
		name, value, ok := strings.Cut(string(line), ":")
		if k := wire.KindOf(name); ok && !k.HopByHop() && k != wire.ContentLength && k != wire.Host {
			m.field(strings.ToLower(name), strings.Trim(value, " \t"), false)
		}
	}
	if m.block.Len() == 0 {
		_ = m.fr.WriteData(s.id, true, nil)
	} else {
		m.writeBlock(s.id, true)
	}
	m.send()
	s.ended()
	return nil
}

// head takes a response's head, or an interim one.
func (s *stream) head(f *http2.MetaHeadersFrame) {
	status, err := strconv.Atoi(f.PseudoValue("status"))
	if err != nil || len(f.PseudoFields()) != 1 || status < 100 || status > 999 || len(f.PseudoValue("status")) != 3 || status == http.StatusSwitchingProtocols {
		s.reset(http2.ErrCodeProtocol, errStatus)
		return
	}
	length, announced := int64(-1), false
	for _, h := range f.RegularFields() {
		switch k := wire.KindOf(h.Name); {
		case k == wire.Trailer:
			announced = true
		case k.HopByHop() && k != wire.ProxyAuth:
			s.reset(http2.ErrCodeProtocol, errHop)
			return
		case k == wire.ContentLength:
			n, err := strconv.ParseUint(h.Value, 10, 62)
			if err != nil || length >= 0 {
				s.reset(http2.ErrCodeProtocol, errLength)
				return
			}
			length = int64(n) //nolint:gosec // 62 bits
		case h.Name == "content-type":
			announced = announced || strings.HasPrefix(h.Value, "application/grpc")
		}
	}
	if status < 200 {
		if f.StreamEnded() || s.unread() > streamWindow {
			s.reset(http2.ErrCodeProtocol, errStatus)
			return
		}
		s.line(status)
		s.fields(f.RegularFields(), false)
		s.buf = append(s.buf, '\r', '\n')
		s.rcond.Signal()
		return
	}
	s.answered = true
	s.noBody = s.method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
	// A length leaves no room for trailers in HTTP/1.1.
	s.chunked = !s.noBody && (length < 0 || announced)
	if !s.noBody {
		s.left = length
	}
	if f.StreamEnded() && s.left > 0 {
		s.reset(http2.ErrCodeProtocol, errShort)
		return
	}
	s.line(status)
	s.fields(f.RegularFields(), s.chunked)
	if s.chunked {
		s.buf = append(s.buf, "transfer-encoding: chunked\r\n"...)
	}
	s.buf = append(s.buf, '\r', '\n')
	if f.StreamEnded() {
		s.end(nil)
	}
	s.rcond.Signal()
}

func (s *stream) line(status int) {
	s.buf = append(s.buf, "HTTP/1.1 "...)
	s.buf = strconv.AppendInt(s.buf, int64(status), 10)
	s.buf = append(s.buf, ' ')
	s.buf = append(s.buf, http.StatusText(status)...)
	s.buf = append(s.buf, '\r', '\n')
}

func (s *stream) fields(list []hpack.HeaderField, withoutLength bool) {
	for _, h := range list {
		if !withoutLength || wire.KindOf(h.Name) != wire.ContentLength {
			s.buf = wire.AppendField(s.buf, h.Name, h.Value)
		}
	}
}

// trailers takes what ends a response.
func (s *stream) trailers(f *http2.MetaHeadersFrame) {
	if !f.StreamEnded() || len(f.PseudoFields()) > 0 {
		s.reset(http2.ErrCodeProtocol, errAfterEnd)
		return
	}
	s.end(f.RegularFields())
}

// end takes the response's end.
func (s *stream) end(trailers []hpack.HeaderField) {
	if s.left > 0 {
		s.reset(http2.ErrCodeProtocol, errShort)
		return
	}
	s.inEnd = true
	if s.chunked && !s.detached {
		s.buf = append(s.buf, "0\r\n"...)
		for _, h := range trailers {
			if k := wire.KindOf(h.Name); !k.HopByHop() && k != wire.ContentLength {
				s.buf = wire.AppendField(s.buf, h.Name, h.Value)
			}
		}
		s.buf = append(s.buf, '\r', '\n')
	}
	if s.outEnd {
		s.m.remove(s)
	}
	s.rcond.Signal()
}

// data takes a piece of the response's body.
func (s *stream) data(f *http2.DataFrame) {
	p := f.Data()
	switch {
	case !s.answered, s.inEnd, s.noBody && len(p) > 0, s.detached && len(p) > 0, s.left >= 0 && int64(len(p)) > s.left:
		s.reset(http2.ErrCodeProtocol, errAfterEnd)
		return
	}
	if s.owed += int(f.Length); s.owed > streamWindow {
		s.reset(http2.ErrCodeFlowControl, errAfterEnd)
		return
	}
	if s.left >= 0 {
		s.left -= int64(len(p))
	}
	if len(p) > 0 {
		s.compact()
		if s.chunked {
			s.buf = strconv.AppendInt(s.buf, int64(len(p)), 16)
			s.buf = append(s.buf, '\r', '\n')
		}
		s.buf = append(s.buf, p...)
		if s.chunked {
			s.buf = append(s.buf, '\r', '\n')
		}
	}
	if f.StreamEnded() {
		s.end(nil)
	} else if len(p) == 0 {
		s.credit() // padding alone
	}
	s.rcond.Signal()
}

func (s *stream) unread() int { return len(s.buf) - s.r }

// compact makes room at the end of buf of what was read.
func (s *stream) compact() {
	if s.r > 0 && s.r >= len(s.buf)/2 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.r:])]
		s.r = 0
	}
}

// credit lets the origin send as much as was read.
func (s *stream) credit() {
	// What is unread is at least as long as its data, so no more is credited.
	if n := s.owed - s.unread(); n >= streamWindow/4 && !s.inEnd && s.err == nil {
		s.owed -= n
		_ = s.m.fr.WriteWindowUpdate(s.id, uint32(n)) //nolint:gosec // below the window
		s.m.send()
	}
}

// read waits for more of the response.
func (s *stream) read(p []byte) (int, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	for {
		switch {
		case s.unread() > 0:
			n := copy(p, s.buf[s.r:])
			if s.r += n; s.r == len(s.buf) {
				s.buf, s.r = s.buf[:0], 0
			}
			s.credit()
			return n, nil
		case s.inEnd:
			return 0, io.EOF
		case s.err != nil:
			return 0, s.err
		case s.paused:
			return 0, os.ErrDeadlineExceeded
		}
		s.rcond.Wait()
	}
}

// wasReset takes the origin's reset. One behind a response that is whole says
// that the rest of the request is not wanted.
func (s *stream) wasReset(code http2.ErrCode) {
	switch {
	case s.inEnd:
		s.werr = &ResetError{code.String()}
	case code == http2.ErrCodeRefusedStream && !s.answered:
		s.refuse()
	default:
		s.over(&ResetError{code.String()})
	}
	s.wcond.Signal()
	s.m.remove(s)
}

// refuse says that the origin has not processed the request.
func (s *stream) refuse() {
	if s.answered || s.unread() > 0 {
		s.over(&ResetError{"GOAWAY"})
		return
	}
	s.over(errRefused)
}

// over ends a stream from the origin's side.
func (s *stream) over(err error) {
	if s.err == nil {
		s.err = err
	}
	s.werr = s.err
	s.rcond.Broadcast()
	s.wcond.Broadcast()
}

// reset ends a stream from our side, and what came of it is forgotten.
func (s *stream) reset(code http2.ErrCode, err error) {
	if s.m.streams[s.id] == s {
		_ = s.m.fr.WriteRSTStream(s.id, code)
		s.m.send()
		s.m.remove(s)
	}
	if s.err == nil && !s.inEnd {
		s.buf, s.r = nil, 0
	}
	s.over(err)
}

// detach lets a stream end by itself whose response was as long as it said, and
// whose end is still to come.
func (s *stream) detach() {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.inEnd && s.outEnd || s.err != nil {
		return
	}
	if !s.outEnd || s.inEnd || s.unread() > 0 {
		s.reset(http2.ErrCodeCancel, net.ErrClosed)
		return
	}
	s.detached = true
	time.AfterFunc(detachedFor, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.streams[s.id] == s {
			s.reset(http2.ErrCodeCancel, net.ErrClosed)
		}
	})
}

const detachedFor = 5 * time.Second
