package edge

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// framer speaks HTTP/2 frame by frame, so that a test can send what no library
// would, and read nothing.
type framer struct {
	*http2.Framer
	*tls.Conn          // nil in the clear
	link      net.Conn // what is below
	heads     strings.Builder
	enc       *hpack.Encoder
}

func newFramer(c net.Conn, r io.Reader) *framer {
	f := &framer{Framer: http2.NewFramer(c, r), link: c}
	f.enc = hpack.NewEncoder(&f.heads)
	return f
}

// until reads frames until one is of the kind wanted.
func (f *framer) until(want http2.FrameType) error {
	for {
		if fr, err := f.ReadFrame(); err != nil || fr.Header().Type == want {
			return err
		}
	}
}

func dialHTTP2(t *testing.T, s *rig) *framer {
	t.Helper()
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.(*net.TCPConn).SetReadBuffer(4 << 10)
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", NextProtos: []string{"h2"}})
	t.Cleanup(func() { _ = raw.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := newFramer(c, c)
	f.Conn = c
	if err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteWindowUpdate(0, 1<<30); err != nil {
		t.Fatal(err)
	}
	return f
}

// ask sends a request without a body on a stream.
func (f *framer) ask(t *testing.T, stream uint32, method, path string) {
	t.Helper()
	f.heads.Reset()
	for _, h := range [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "shop.example"}, {":path", path}} {
		_ = f.enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte(f.heads.String()), EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
}

// next reads frames until one of a stream is of the kind wanted, or resets it.
func (f *framer) next(t *testing.T, want http2.FrameType) http2.Frame {
	t.Helper()
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if k := fr.Header().Type; k == want || k == http2.FrameRSTStream || k == http2.FrameGoAway {
			return fr
		}
	}
}

// decider remembers nothing, so that it may be asked without end.
type decider func(*wire.Exchange, wire.Phase) wire.Decision

func (d decider) Decide(x *wire.Exchange, p wire.Phase) wire.Decision { return d(x, p) }

// An event stream may be quiet for longer than a body may stall: what is waited
// for is the origin, not the visitor.
func TestAQuietStreamIsNoStall(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(150 * time.Millisecond)
		}
	})
	for _, proto := range []string{"h2", "http/1.1"} {
		cert, key := certificate(t, t.TempDir(), "shop.example")
		rec := newRecorder(nil)
		s := start(t, origin, rec, func(c *Config) {
			c.Listeners[0].CertFile, c.Listeners[0].KeyFile, c.StallTimeout = cert, key, 50*time.Millisecond
		})
		transport := &http.Transport{ForceAttemptHTTP2: proto == "h2",
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", NextProtos: []string{proto}}}
		t.Cleanup(transport.CloseIdleConnections)
		req, _ := http.NewRequest("GET", "https://"+s.addr+"/", nil)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != "data: 0\n\ndata: 1\n\ndata: 2\n\n" {
			t.Errorf("%s: %q %v", proto, body, err)
		}
		if x, _ := rec.one(t); x.Err != "" {
			t.Errorf("%s: %q", proto, x.Err)
		}
	}
}

// Who never reads keeps neither an exchange nor a connection, whatever it asks.
func TestAVisitorThatNeverReads(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	// A connection whose last stream was reset while there was still room in the
	// kernel's buffers is idle, and ends as such.
	stall := func(c *Config) { c.StallTimeout, c.IdleTimeout = 100*time.Millisecond, 500*time.Millisecond }
	t.Run("answers", func(t *testing.T) {
		big := &wire.Answer{Status: 403, Body: make([]byte, 3<<10)} // stays in net/http's buffer until the handler is over
		s := start(t, origin, decider(at(1, wire.Decision{Answer: big})), stall)
		c := dial(t, s.addr)
		_ = c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_ = c.SetWriteDeadline(time.Now().Add(20 * time.Second))
		go func() {
			all := strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1000)
			for {
				if _, err := io.WriteString(c, all); err != nil {
					return
				}
			}
		}()
		eventually(t, "the first is answered", func() bool { return s.Counters().Answered > 0 })
		eventually(t, "the connection is closed", func() bool { return s.Counters().Connections == 0 })
	})
	t.Run("HTTP/2", func(t *testing.T) {
		cert, key := certificate(t, t.TempDir(), "shop.example")
		rec := newRecorder(nil)
		s := start(t, origin, rec, func(c *Config) { stall(c); c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key })
		f := dialHTTP2(t, s)
		f.ask(t, 1, "GET", "/")
		if x, _ := rec.one(t); x.Err != "client gone" {
			t.Errorf("%q", x.Err)
		}
		eventually(t, "the connection is closed", func() bool { return s.Counters().Connections == 0 })
	})
}

// What HTTP/2 can say in a method or a path must not become another request line
// at the origin.
func TestNoRequestLineIsForged(t *testing.T) {
	origin, heads := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	rec := newRecorder(nil)
	s, _ := startTLS(t, origin, rec)
	f := dialHTTP2(t, s)
	for i, line := range [][2]string{{"GET", "/open HTTP/1.1 /x"}, {"GET /admin HTTP/1.1", "/x"}, {"GET", "/a b"}} {
		f.ask(t, uint32(2*i+1), line[0], line[1])
		fr := f.next(t, http2.FrameHeaders)
		if h, ok := fr.(*http2.HeadersFrame); ok {
			status := ""
			d := hpack.NewDecoder(4096, func(h hpack.HeaderField) {
				if h.Name == ":status" {
					status = h.Value
				}
			})
			_, _ = d.Write(h.HeaderBlockFragment())
			if status != "400" {
				t.Errorf("%q: %s", line, status)
			}
		}
	}
	select {
	case h := <-heads:
		t.Errorf("the origin got %q", h)
	default:
	}
	if len(rec.seen) != 0 {
		t.Errorf("asked about %d requests that can't be relayed", len(rec.seen))
	}
}

// Nothing that a Decider gives can add a line to a head, or cost the exchange.
func TestEditsAndAnswersCannotSplit(t *testing.T) {
	evil := []wire.Edit{{Name: "X-A", Value: "a\r\nX-Forged: 1\r\n\r\nbody"}, {Name: "X B\r\nX-Forged", Value: "1"},
		{Name: "X-Null", Value: "a\x00b"}, {Name: "Content-Length", Value: "3"}, {Name: "Transfer-Encoding", Value: "chunked"},
		{Name: "X-Fine", Value: "yes"}}
	for _, ask := range []string{"", "Connection: Upgrade\r\nUpgrade: other\r\n"} {
		got := make(chan string, 1)
		origin := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
			h, err := readHead(r)
			if err != nil {
				return
			}
			got <- h
			if ask != "" {
				_, _ = io.WriteString(c, "HTTP/1.1 101 Now\rX-Forged: 1\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
		})
		s := start(t, origin, newRecorder(func(_ *wire.Exchange, p wire.Phase) wire.Decision {
			if p == wire.PhaseRequestHead || p == wire.PhaseResponseHead {
				return wire.Decision{Edits: evil}
			}
			return wire.Decision{}
		}), nil)
		c := dial(t, s.addr)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n" + ask + "\r\n")
		toClient, toOrigin := c.head(), <-got
		if ask != "" { // a reason with a line end is none
			if !strings.HasPrefix(toClient, "HTTP/1.1 502 ") {
				t.Errorf("%q", toClient)
			}
			toClient = toOrigin
		}
		for who, h := range map[string]string{"the client": toClient, "the origin": toOrigin} {
			if strings.Contains(h, "\nX-Forged") || strings.Contains(h, "\rX-Forged") || strings.Contains(h, "\x00") || !strings.Contains(h, "X-Fine: yes\r\n") {
				t.Errorf("%s got %q", who, h)
			}
		}
		if ask == "" && c.bytes(5) != "whole" {
			t.Error("the length was changed")
		}
	}
	s := start(t, "http://127.0.0.1:1", newRecorder(at(1, wire.Decision{Answer: &wire.Answer{Status: 403, Body: []byte("no"),
		Fields: []wire.Field{{Name: "X-A", Value: "a\r\nX-Forged: 1"}, {Name: "X B\r\nX-Forged", Value: "1"}, {Name: "content-length", Value: "0"}}}})), nil)
	c := dial(t, s.addr)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if h := c.head(); strings.Contains(h, "\nX-Forged") || !strings.HasPrefix(h, "HTTP/1.1 403 ") || c.bytes(2) != "no" {
		t.Errorf("%q", h)
	}
}

// An answer without a proper status is none: the failure policy holds.
func TestAnAnswerWithoutAProperStatus(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	for _, status := range []int{0, 101, 100, 1000, -1} {
		for policy, want := range map[site.Failure]int{site.FailOpen: 200, site.FailClosed: 503} {
			s := start(t, origin, newRecorder(at(1, wire.Decision{Answer: &wire.Answer{Status: status}})), func(c *Config) { c.Sites[0].Failure = policy })
			c := dial(t, s.addr)
			c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if got := c.rest(); !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", want)) || s.Counters().DeciderPanics != 1 {
				t.Errorf("status %d, fail %s: %q", status, policy, got)
			}
		}
	}
}

// A switch of protocols before the request has ended would leave two readers on
// one connection.
func TestNoSwitchBeforeTheRequestHasEnded(t *testing.T) {
	origin := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
			_, _ = io.Copy(io.Discard, r)
		}
	})
	rec := newRecorder(nil)
	s := start(t, origin, rec, nil)
	c := dial(t, s.addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\nContent-Length: 100\r\n\r\nhalf")
	if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 502 ") {
		t.Errorf("%q", h)
	}
	if x, _ := rec.one(t); x.Err != "origin broken" {
		t.Errorf("%q", x.Err)
	}
}

// Interim responses that come at once do not get into each other's way.
func TestContinueAndEarlyHintsAtOnce(t *testing.T) {
	origin := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", 2))
			if strings.HasPrefix(h, "POST") {
				_, _ = r.Discard(4)
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	s := start(t, origin, newRecorder(nil), nil)
	c := dial(t, s.addr)
	for range 30 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
		if h := c.head(); h != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("%q", h)
		}
		c.send("body")
		for {
			h := c.head()
			if strings.HasPrefix(h, "HTTP/1.1 200 ") {
				break
			}
			if h == "HTTP/1.1 100 Continue\r\n\r\n" {
				continue // said twice by the origin
			}
			if h != "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" {
				t.Fatalf("%q", h)
			}
		}
	}
	old := dial(t, s.addr) // HTTP/1.0 knows no interim responses
	old.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	if h := old.head(); !strings.HasPrefix(h, "HTTP/1.1 200 ") {
		t.Errorf("%q", h)
	}
}
