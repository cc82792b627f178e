package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// block encodes fields given as "name value".
func (f *framer) block(fields ...string) []byte {
	f.heads.Reset()
	for _, h := range fields {
		name, value, _ := strings.Cut(h, " ")
		_ = f.enc.WriteField(hpack.HeaderField{Name: name, Value: value})
	}
	return []byte(f.heads.String())
}

func (f *framer) getBlock(path string) []byte {
	return f.block(":method GET", ":scheme https", ":authority shop.example", ":path "+path)
}

// over waits for the connection's end, and reads meanwhile what comes.
func (f *framer) over(t *testing.T) {
	t.Helper()
	for {
		if _, err := f.ReadFrame(); err != nil {
			if os.IsTimeout(err) {
				t.Fatal("the connection goes on")
			}
			return
		}
	}
}

// A visitor of HTTP/2 floods us. His connection ends, the metrics say why, and
// whoever else comes is served meanwhile and afterwards, with nothing left over.
func TestFloodsOfHTTP2(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			select {
			case <-r.Context().Done():
			case <-hang:
			}
		}
		_, _ = io.WriteString(w, "fine")
	})
	t.Cleanup(func() { close(hang) })
	for _, c := range []struct {
		name  string
		kind  string // of the metric; "": net/http ends it without a word
		flood func(t *testing.T, f *framer)
	}{
		{"asks and resets", "rapid_reset", func(_ *testing.T, f *framer) {
			go func() { _, _ = io.Copy(io.Discard, f.Conn) }()
			for id := uint32(1); ; id += 2 { // not faster than its streams are begun: net/http bounds that by itself
				if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.getBlock("/hang"), EndStream: true, EndHeaders: true}) != nil {
					return
				}
				time.Sleep(100 * time.Microsecond)
				if f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
					return
				}
			}
		}},
		{"asks and resets at once", "conn_ENHANCE_YOUR_CALM_too_many_early_resets|rapid_reset", func(_ *testing.T, f *framer) {
			go func() { _, _ = io.Copy(io.Discard, f.Conn) }()
			for id := uint32(1); ; id += 2 {
				if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.getBlock("/hang"), EndStream: true, EndHeaders: true}) != nil ||
					f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
					return
				}
			}
		}},
		{"never ends a head", "", func(_ *testing.T, f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.getBlock("/"), EndStream: true})
			n := 0
			for f.WriteContinuation(1, false, f.block("x "+strings.Repeat("y", 10_000))) == nil {
				if n += 10_000; n > 256<<20 {
					panic("256 MB of a head were taken")
				}
			}
		}},
		{"never ends a head and is silent", "", func(t *testing.T, f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.getBlock("/"), EndStream: true})
			f.over(t)
		}},
		{"never asks", "", func(t *testing.T, f *framer) { f.over(t) }},
		{"pings and does not read", "", func(_ *testing.T, f *framer) {
			for f.WritePing(false, [8]byte{1}) == nil {
			}
		}},
		{"sets and does not read", "", func(_ *testing.T, f *framer) {
			// The acknowledgements are made into one while they can't leave: it costs
			// time, of which the others keep enough, and no memory.
			for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
				if f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535}) != nil {
					return
				}
			}
		}},
		{"opens more streams than it may", "", func(t *testing.T, f *framer) {
			refused := 0
			for id := uint32(1); id < 2*400; id += 2 {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.getBlock("/hang"), EndStream: true, EndHeaders: true})
			}
			for refused < 150 {
				fr := f.next(t, http2.FrameRSTStream)
				if _, ok := fr.(*http2.RSTStreamFrame); !ok {
					t.Fatalf("%v", fr)
				}
				refused++
			}
		}},
		{"sends a body that nobody takes", "stream_FLOW_CONTROL_ERROR_flow_on_data_length", func(t *testing.T, f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(":method POST", ":scheme https", ":authority shop.example", ":path /hang"), EndHeaders: true})
			go func() { _, _ = io.Copy(io.Discard, f.Conn) }()
			// Far beyond the window: a connection without a stream that lives is idle.
			for end := time.Now().Add(20 * time.Second); f.WriteData(1, false, make([]byte, 16<<10)) == nil; {
				if time.Now().After(end) {
					t.Error("it is taken without end")
					return
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cert, key := certificate(t, t.TempDir(), "shop.example")
			s := start(t, origin, nobody{}, func(cfg *Config) {
				cfg.Listeners[0].CertFile, cfg.Listeners[0].KeyFile = cert, key
				cfg.StallTimeout, cfg.IdleTimeout = 500*time.Millisecond, time.Second
			})
			transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example"}}
			ask := func() {
				req, _ := http.NewRequest("GET", "https://"+s.addr+"/other", nil)
				resp, err := transport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != 200 || string(body) != "fine" {
					t.Errorf("somebody else got %d %q", resp.StatusCode, body)
				}
			}
			f := dialHTTP2(t, s)
			ended := make(chan struct{})
			go func() { defer close(ended); c.flood(t, f) }()
			most, both := int64(0), false
			for going := true; going; {
				select {
				case <-ended:
					going = false
				case <-time.After(10 * time.Millisecond):
				}
				ask()
				now := s.Counters()
				most = max(most, now.Active)
				if both = both || now.Connections == 2; both && now.Connections == 1 {
					_ = f.NetConn().Close() // it is over for us; who does not read may not hear of it
				}
			}
			_ = f.NetConn().Close()
			transport.CloseIdleConnections()
			eventually(t, "nothing is left", func() bool { c := s.Counters(); return c.Active == 0 && c.Connections == 0 })
			if most > 252 {
				t.Errorf("%d exchanges ran at once", most)
			}
			got := s.Counters()
			n := int64(0)
			for k := range strings.SplitSeq(c.kind, "|") {
				n += got.HTTP2Errors[k]
			}
			if c.kind != "" && (n < 1 || n > int64(strings.Count(c.kind, "|")+1)) || got.Faults != 0 { // each kind once at most
				t.Errorf("%+v", got)
			}
		})
	}
}

// Who resets now and then, as browsers do, keeps his connection.
func TestResetsNowAndThen(t *testing.T) {
	var begun atomic.Int64
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if begun.Add(1); r.URL.Path == "/hang" {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "fine")
	})
	s, transport := startTLS(t, origin, nobody{})
	for i := range 2 * maxResets {
		path := []string{"/", "/hang"}[i%2]
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://"+s.addr+path, nil)
		if path == "/hang" {
			n := begun.Load()
			go func() {
				for begun.Load() == n && ctx.Err() == nil {
					time.Sleep(100 * time.Microsecond)
				}
				cancel()
			}()
		}
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		cancel()
		if path == "/" && err != nil {
			t.Fatal(err)
		}
	}
	c := s.Counters()
	if c.Connections != 1 || len(c.HTTP2Errors) != 0 {
		t.Errorf("%+v", c)
	}
	eventually(t, "who left is counted", func() bool { return s.Counters().ClientGone == maxResets })
}

// A visitor whose window stays shut, or who stops in the midst of his body, is not
// waited for, though his connection lives and answers pings.
func TestAStreamThatStalls(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(make([]byte, 1<<20))
	})
	cert, key := certificate(t, t.TempDir(), "shop.example")
	rec := newRecorder(nil)
	s := start(t, origin, rec, func(c *Config) {
		c.Listeners[0].CertFile, c.Listeners[0].KeyFile, c.StallTimeout = cert, key, 300*time.Millisecond
	})
	f := dialHTTP2(t, s)
	_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	f.ask(t, 1, "GET", "/")
	if fr, ok := f.next(t, http2.FrameRSTStream).(*http2.RSTStreamFrame); !ok || fr.StreamID != 1 {
		t.Errorf("%v", fr)
	}
	if x, _ := rec.one(t); x.Err != "client gone" {
		t.Errorf("%q", x.Err)
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: f.block(":method POST", ":scheme https", ":authority shop.example", ":path /"), EndHeaders: true})
	_ = f.WriteData(3, false, []byte("half"))
	fr, ok := f.next(t, http2.FrameHeaders).(*http2.HeadersFrame)
	if !ok || fr.StreamID != 3 {
		t.Fatalf("%v", fr)
	}
	if x, _ := rec.one(t); x.Err != "request body too slow" || x.Response.Status != 408 {
		t.Errorf("%q %d", x.Err, x.Response.Status)
	}
	_ = f.WritePing(false, [8]byte{7})
	if fr := f.next(t, http2.FramePing); fr.Header().Type == http2.FrameGoAway {
		t.Errorf("the connection ended: %v", fr)
	}
}

// What TLS says of a connection holds, whatever scheme a visitor puts into a request.
func TestASchemeOfTheVisitors(t *testing.T) {
	origin, heads := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	rec := newRecorder(nil)
	cert, key := certificate(t, t.TempDir(), "shop.example")
	asked := atomic.Bool{}
	s := start(t, origin, rec, func(c *Config) {
		c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key
		c.Challenge = func(string, string) (string, bool) { asked.Store(true); return "proof", true }
	})
	f := dialHTTP2(t, s)
	for i, scheme := range []string{"https", "http"} {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), EndStream: true, EndHeaders: true,
			BlockFragment: f.block(":method GET", ":scheme "+scheme, ":authority shop.example", ":path "+challengePath+"x")})
		if h := <-heads; !strings.Contains(h, "X-Forwarded-Proto: https\r\n") {
			t.Errorf("%s: the origin got %q", scheme, h)
		}
		x, _ := rec.one(t)
		if !x.Conn.TLS || x.Conn.SNI != "shop.example" || x.Conn.ALPN != "h2" || !x.Conn.Peer.IsValid() || x.Conn.Peer.Port() == 0 {
			t.Errorf("%s: %+v", scheme, x.Conn)
		}
	}
	if asked.Load() {
		t.Error("an authority was seen where there is TLS")
	}
}

// A head that is too large gets the same page whichever protocol it comes by, and
// nothing of net/http's.
func TestLargeHeadsOfHTTP2(t *testing.T) {
	s, transport := startTLS(t, "http://127.0.0.1:1", nobody{})
	for name, fill := range map[string]func(http.Header){
		"long": func(h http.Header) { h.Set("X-Long", strings.Repeat("x", 70<<10)) },
		"many": func(h http.Header) {
			for i := range 230 {
				h.Set(fmt.Sprintf("X-%d", i), "y")
			}
		},
	} {
		req, _ := http.NewRequest("GET", "https://"+s.addr+"/", nil)
		fill(req.Header)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(name, err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 431 || string(body) != "Request Header Fields Too Large\n" || len(resp.Header) != 2 || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %q %v", name, resp.StatusCode, body, resp.Header)
		}
	}
	if n := s.Counters().Malformed; n != 2 {
		t.Errorf("%d counted", n)
	}
}
