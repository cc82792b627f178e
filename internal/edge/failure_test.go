package edge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

func TestOriginsThatFail(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang) // before the origin waits for its connections
	for _, c := range []struct {
		name, origin string
		status       int
		kind         string
	}{
		{"refused", "http://127.0.0.1:1", 502, "refused"},
		{"unknown name", "http://nowhere.invalid", 502, "unknown"},
		{"hangs up", rawOrigin(t, func(_ net.Conn, r *bufio.Reader) { _, _ = readHead(r) }), 502, "reset"},
		{"resets", rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
			_, _ = readHead(r)
			_ = c.(*net.TCPConn).SetLinger(0)
		}), 502, "reset"},
		{"speaks something else", rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
			_, _ = readHead(r)
			_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n\r\n")
		}), 502, "broken"},
		{"never answers", rawOrigin(t, func(_ net.Conn, r *bufio.Reader) { _, _ = readHead(r); <-hang }), 504, "timeout"},
		{"no TLS", "https" + strings.TrimPrefix(rawOrigin(t, func(c net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad\r\n\r\n") }), "http"), 502, "tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := newRecorder(nil)
			s := start(t, c.origin, rec, func(cfg *Config) { cfg.Origin.HeaderTimeout = 100 * time.Millisecond })
			conn := dial(t, s.addr)
			conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			text := http.StatusText(c.status) + "\n"
			want := fmt.Sprintf("HTTP/1.1 %d %sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
				c.status, strings.Replace(text, "\n", "\r\n", 1), len(text), text)
			if got := conn.bytes(len(want)); got != want {
				t.Errorf("got\n%q, want\n%q", got, want)
			}
			x, asked := rec.one(t)
			if x.Err != "origin "+c.kind || asked != "head end" || x.Response.Status != c.status || x.Answered {
				t.Errorf("%q, asked %q, status %d", x.Err, asked, x.Response.Status)
			}
			if n := s.Counters(); n.OriginErrors[c.kind] != 1 || n.PerSite["shop"].OriginErrors != 1 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// A body that the origin breaks off must not look whole to the client.
func TestAnOriginThatBreaksOff(t *testing.T) {
	for _, c := range []struct {
		head string
		want wire.BodyWant
	}{
		{"Content-Length: 100\r\n", wire.BodyNone}, {"Transfer-Encoding: chunked\r\n", wire.BodyCopy},
		{"Content-Length: 100000\r\n", wire.BodyCopy},
	} {
		origin := rawOrigin(t, func(conn net.Conn, r *bufio.Reader) {
			_, _ = readHead(r)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+c.head+"\r\n5\r\nfirst\r\n")
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, r)
		})
		rec := newRecorder(at(1, wire.Decision{Response: c.want}))
		s := start(t, origin, rec, nil)
		resp, err := http.Get(s.url)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err == nil {
				t.Errorf("%q: the client thinks that %q is all", c.head, body)
			}
		}
		x, asked := rec.one(t)
		if x.Err != "origin cut off" || !strings.HasSuffix(asked, " end") || x.RespBody.Seen && c.want != wire.BodyNone {
			t.Errorf("%q: %q, asked %q", c.head, x.Err, asked)
		}
		if c.want == wire.BodyCopy && !strings.Contains(string(x.RespBody.Bytes), "first") {
			t.Errorf("%q: kept %q", c.head, x.RespBody.Bytes)
		}
	}
}

func TestAnOriginThatBreaksOffWhileHeld(t *testing.T) {
	origin := rawOrigin(t, func(conn net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
	})
	rec := newRecorder(at(1, wire.Decision{Response: wire.BodyHold}))
	s := start(t, origin, rec, nil)
	if resp, _ := get(t, s.url, nil); resp.StatusCode != 502 {
		t.Errorf("%d", resp.StatusCode)
	}
	if x, asked := rec.one(t); asked != "head response end" || x.Response.Status != 502 {
		t.Errorf("asked %q, status %d", asked, x.Response.Status)
	}
}

func TestClientsThatVanish(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 1)
	release := make(chan struct{})
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case "/wait":
			reached <- struct{}{}
			select {
			case <-r.Context().Done(): // the origin hears of it
			case <-release:
				t.Error("the origin was not told")
			}
		default:
			_, _ = io.Copy(io.Discard, r.Body)
		}
	})
	defer close(release)
	for _, c := range []struct {
		name, send string
		want       wire.BodyWant
		phases     string
	}{
		{"while waiting", "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", wire.BodyNone, "head end"},
		{"while sending", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc", wire.BodyNone, "head end"},
		{"while sending, copied", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", wire.BodyCopy, "head end"},
		{"while held", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc", wire.BodyHold, "head end"},
		{"while receiving", "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n", wire.BodyCopy, "head body response response-body end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := newRecorder(at(1, wire.Decision{Request: c.want, Response: c.want}))
			s := start(t, origin, rec, nil)
			conn := dial(t, s.addr)
			conn.send(c.send)
			switch c.name {
			case "while waiting":
				<-reached
			case "while receiving":
				conn.bytes(1 << 17)
			default:
				eventually(t, "the exchange begins", func() bool { return s.Counters().Active == 1 })
			}
			_ = conn.Close()
			x, asked := rec.one(t)
			if x.Err != "client gone" || asked != c.phases {
				t.Errorf("%q, asked %q", x.Err, asked)
			}
			if n := s.Counters(); n.ClientGone != 1 || len(n.OriginErrors) != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// A client that goes quiet in the middle of its upload is not waited for.
func TestAStalledUpload(t *testing.T) {
	origin := serveOrigin(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	rec := newRecorder(nil)
	s := start(t, origin, rec, func(c *Config) { c.StallTimeout = 50 * time.Millisecond })
	c := dial(t, s.addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 408 ") || !strings.Contains(h, "Connection: close\r\n") {
		t.Fatalf("%q", h)
	}
	if x, _ := rec.one(t); x.Err != "request body too slow" {
		t.Errorf("%q", x.Err)
	}
}

// One that does not read is not waited for either.
func TestAStalledDownload(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	rec := newRecorder(nil)
	s := start(t, origin, rec, func(c *Config) { c.StallTimeout = 50 * time.Millisecond })
	c := dial(t, s.addr)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if x, _ := rec.one(t); x.Err != "client gone" {
		t.Errorf("%q", x.Err)
	}
}

// A stall bounds a pause, not a body: one that keeps moving may take long, and a
// response may take its time after the request has been read.
func TestASlowUploadThatMovesIsServed(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		time.Sleep(300 * time.Millisecond)
		_, _ = fmt.Fprint(w, n)
	})
	s := start(t, origin, newRecorder(nil), func(c *Config) { c.StallTimeout = 200 * time.Millisecond })
	c := dial(t, s.addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n")
	for range 20 {
		c.send("x")
		time.Sleep(20 * time.Millisecond)
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); string(b) != "20" {
		t.Errorf("%d %q", resp.StatusCode, b)
	}
}

func TestRequestTimeout(t *testing.T) {
	origin := serveOrigin(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := start(t, origin, newRecorder(nil), func(c *Config) { c.RequestTimeout = 30 * time.Millisecond })
	if resp, _ := get(t, s.url, nil); resp.StatusCode != 504 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	origin, _ := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	s := start(t, origin, newRecorder(nil), func(c *Config) {
		c.MaxConns, c.MaxHead, c.HeadTimeout = 2, 4096, 100*time.Millisecond
	})
	slow, big := dial(t, s.addr), dial(t, s.addr)
	eventually(t, "two connections", func() bool { return s.Counters().Connections == 2 })
	if over := dial(t, s.addr); !strings.HasPrefix(over.rest(), "HTTP/1.1 503 ") || s.Counters().OverLimit != 1 {
		t.Errorf("%d over the limit", s.Counters().OverLimit)
	}
	_, _ = io.WriteString(big, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 9000)+"\r\n\r\n")
	if got := big.rest(); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("%q", got)
	}
	slow.send("GET / HTTP/1.1\r\nHo")
	slow.rest() // ends by itself
	eventually(t, "none left", func() bool { return s.Counters().Connections == 0 })
	if n := s.Counters().Requests; n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestShutdownDrains(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	rec := newRecorder(nil)
	s := start(t, origin, rec, nil)
	body := make(chan string, 1)
	go func() {
		resp, err := http.Get(s.url)
		if err != nil {
			body <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		body <- string(b)
	}()
	<-begun
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	eventually(t, "new connections refused", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case err := <-ended:
		t.Fatalf("Shutdown did not wait: %v", err)
	default:
	}
	close(finish)
	if got := <-body; got != "done" {
		t.Errorf("the client got %q", got)
	}
	if err := <-ended; err != nil || len(rec.ended) != 1 {
		t.Errorf("%v, %d ended", err, len(rec.ended))
	}
}

// When the time is up, what still runs is cut off, and told its end.
func TestShutdownCutsOff(t *testing.T) {
	begun := make(chan struct{}, 3)
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			_ = http.NewResponseController(w).Flush()
		}
		begun <- struct{}{}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	rec := newRecorder(nil)
	s := start(t, origin, rec, nil)
	for _, send := range []string{"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /send HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"} {
		dial(t, s.addr).send(send)
		<-begun
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("no word of what was cut off")
	}
	if n := s.Counters(); len(rec.ended) != 3 || n.Active != 0 || n.Connections != 0 {
		t.Errorf("%d ended, %d active, %d connections", len(rec.ended), n.Active, n.Connections)
	}
}

func TestNewRefuses(t *testing.T) {
	good := func() Config { return start(t, "http://127.0.0.1:1", newRecorder(nil), nil).cfg }
	for want, spoil := range map[string]func(*Config){
		"no address":          func(c *Config) { c.Listeners = nil },
		"certificate and key": func(c *Config) { c.Listeners[0].CertFile = "a" },
		"origin \"\"":         func(c *Config) { c.Sites[0].Origin = "" },
	} {
		c := good()
		spoil(&c)
		if _, err := New(c, newRecorder(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := New(good(), nil); err == nil {
		t.Error("no decider is needed")
	}
}

func TestStartLeavesNothingOpenOnError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := start(t, "http://127.0.0.1:1", newRecorder(nil), nil).cfg
	cfg.Listeners = []Listener{{Addr: "127.0.0.1:0"}, {Addr: taken.Addr().String()}}
	s, err := New(cfg, newRecorder(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || len(s.Addrs()) != 0 {
		t.Errorf("%v, listening on %v", err, s.Addrs())
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// A client that neither ends its upload nor hangs up after an early response
// does not keep its connection.
func TestAnUnfinishedUploadIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	origin := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, r)
		}
	})
	s := start(t, origin, newRecorder(nil), nil)
	c := dial(t, s.addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\nhalf")
	if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 401 ") {
		t.Fatalf("%q", h)
	}
	eventually(t, "the connection is closed", func() bool { return s.Counters().Connections == 0 })
}
