package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// h2cOrigin is net/http's server that speaks HTTP/2 in the clear, and HTTP/1.1.
func h2cOrigin(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	o := httptest.NewUnstartedServer(h)
	o.Config.Protocols = new(http.Protocols)
	o.Config.Protocols.SetHTTP1(true)
	o.Config.Protocols.SetUnencryptedHTTP2(true)
	o.Start()
	t.Cleanup(o.Close)
	return o.URL
}

// pairing is a Server between a visitor's protocol and an origin's.
type pairing struct {
	*rig
	name, url string
	transport *http.Transport
}

// pairings are all of them.
func pairings(t *testing.T, d func() Decider, h http.HandlerFunc) (list []pairing) {
	t.Helper()
	origins := map[site.Protocol]string{site.HTTP1: serveOrigin(t, h), site.HTTP2: h2cOrigin(t, h)}
	for _, visitor := range []string{"http/1.1", "h2"} {
		for _, origin := range []site.Protocol{site.HTTP1, site.HTTP2} {
			cert, key := certificate(t, t.TempDir(), "shop.example")
			s := start(t, origins[origin], d(), func(c *Config) {
				c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key
				c.Sites[0].OriginProtocol = origin
			})
			tr := &http.Transport{ForceAttemptHTTP2: visitor == "h2", DisableCompression: true,
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{visitor}}}
			t.Cleanup(tr.CloseIdleConnections)
			list = append(list, pairing{s, fmt.Sprintf("%s to %s", visitor, origin), "https://" + s.addr, tr})
		}
	}
	return list
}

func (p *pairing) do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := p.transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// variety answers as the path asks.
func variety(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Date"], h["Content-Type"] = nil, nil
	h.Set("X-Version", r.Proto)
	for _, name := range []string{"User-Agent", "Accept-Encoding", "Content-Type", "Te", "Trailer", "Cookie"} {
		if v := r.Header[name]; v != nil {
			h.Set("X-Got-"+name, strings.Join(v, "|"))
		}
	}
	switch r.URL.Path {
	case "/echo":
		b, _ := io.ReadAll(r.Body)
		h.Set("X-Length", fmt.Sprint(r.ContentLength))
		h.Set("X-Trail", r.Trailer.Get("X-End"))
		_, _ = w.Write(b)
	case "/trailers":
		h.Set("Trailer", "X-Told")
		_, _ = io.WriteString(w, "body")
		_ = http.NewResponseController(w).Flush()
		h.Set("X-Told", "1")
		h.Set(http.TrailerPrefix+"X-Untold", "2")
	case "/204":
		w.WriteHeader(204)
	case "/304":
		h.Set("Etag", `"x"`)
		w.WriteHeader(304)
	case "/empty":
		w.WriteHeader(302)
	case "/sized":
		h.Set("Content-Length", "5")
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, "sized")
		}
	case "/hints":
		h.Set("Link", "</a.css>")
		w.WriteHeader(103)
		h.Del("Link")
		_, _ = io.WriteString(w, "ok")
	case "/early":
		if r.ProtoMajor == 1 { // its server would wait for the rest of the request otherwise
			_ = http.NewResponseController(w).EnableFullDuplex()
		}
		h.Set("Content-Length", "2")
		w.WriteHeader(413)
		_, _ = io.WriteString(w, "no")
	case "/reset":
		h.Set("Content-Length", "100")
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestEveryProtocolToEveryOther(t *testing.T) {
	for _, p := range pairings(t, func() Decider { return newRecorder(nil) }, variety) {
		t.Run(p.name, func(t *testing.T) {
			version := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[p.site.OriginProtocol == site.HTTP2]
			ask := func(method, path string, body io.Reader) *http.Request {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				t.Cleanup(cancel)
				r, _ := http.NewRequestWithContext(ctx, method, p.url+path, body)
				r.Header["User-Agent"] = []string{""} // net/http then sends none
				return r
			}
			resp, body := p.do(t, ask("POST", "/echo", strings.NewReader("with a length")))
			if body != "with a length" || resp.Header.Get("X-Length") != "13" || resp.Header.Get("X-Version") != version {
				t.Errorf("length: %q %v", body, resp.Header)
			}
			for name := range resp.Header {
				switch name {
				case "X-Length", "X-Version", "X-Trail", "Content-Length":
				default:
					t.Errorf("%s: %q stands in the answer", name, resp.Header[name])
				}
			}
			r := ask("POST", "/echo", io.MultiReader(strings.NewReader("in "), strings.NewReader("pieces")))
			r.Trailer = http.Header{"X-End": {"end"}}
			r.Header.Set("Cookie", "a=1; b=2")
			resp, body = p.do(t, r)
			if body != "in pieces" || resp.Header.Get("X-Length") != "-1" || resp.Header.Get("X-Trail") != "end" || resp.Header.Get("X-Got-Cookie") != "a=1; b=2" {
				t.Errorf("pieces: %q %v", body, resp.Header)
			}
			r = ask("GET", "/trailers", nil)
			r.Header.Set("Te", "trailers")
			resp, body = p.do(t, r)
			if body != "body" || resp.Trailer.Get("X-Told") != "1" || resp.Trailer.Get("X-Untold") != "2" || resp.Header.Get("X-Got-Te") != "trailers" {
				t.Errorf("trailers: %q %v %v", body, resp.Trailer, resp.Header)
			}
			for path, want := range map[string]int{"/204": 204, "/304": 304, "/empty": 302} {
				resp, body = p.do(t, ask("GET", path, nil))
				if resp.StatusCode != want || body != "" || resp.Header.Get("X-Version") != version {
					t.Errorf("%s: %d %q", path, resp.StatusCode, body)
				}
			}
			if resp, body = p.do(t, ask("HEAD", "/sized", nil)); resp.ContentLength != 5 || body != "" {
				t.Errorf("HEAD: %d %q", resp.ContentLength, body)
			}
			if resp, body = p.do(t, ask("GET", "/sized", nil)); resp.ContentLength != 5 || body != "sized" {
				t.Errorf("sized: %d %q", resp.ContentLength, body)
			}
			hint := ""
			r = ask("GET", "/hints", nil)
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hint = fmt.Sprint(code, h["Link"])
				return nil
			}}))
			if _, body = p.do(t, r); body != "ok" || hint != "103 [</a.css>]" {
				t.Errorf("hints: %q %q", body, hint)
			}
			// Answered while the request is still on its way.
			in, out := io.Pipe()
			go func() { _, _ = out.Write([]byte("begun")) }()
			if resp, body = p.do(t, ask("POST", "/early", in)); resp.StatusCode != 413 || body != "no" {
				t.Errorf("early: %d %q", resp.StatusCode, body)
			}
			_ = out.Close()
			resp, err := p.transport.RoundTrip(ask("GET", "/reset", nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil {
				t.Error("a body that was cut off looks whole")
			}
			eventually(t, "idle", func() bool { return p.Counters().Active == 0 })
		})
	}
}

// pattern is a body that costs no memory.
type pattern struct{ left int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), p.left)
	for i := range b[:n] {
		b[i] = byte((p.left - int64(i)) % 251)
	}
	p.left -= n
	return int(n), nil
}

// TestMuchBothWays sends a large body up and down, at constant memory.
func TestMuchBothWays(t *testing.T) {
	const size = 64 << 20
	want := sha256.New()
	_, _ = io.Copy(want, &pattern{size})
	for _, p := range pairings(t, func() Decider { return newRecorder(nil) }, func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		if _, err := io.Copy(h, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Sum", fmt.Sprintf("%x", h.Sum(nil)))
		_, _ = io.Copy(w, &pattern{size})
	}) {
		runtime.GC()
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		var most atomic.Uint64
		done := make(chan struct{})
		go func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
					runtime.ReadMemStats(&now)
					most.Store(max(most.Load(), now.HeapInuse))
				}
			}
		}()
		r, _ := http.NewRequest("POST", p.url, &pattern{size})
		resp, err := p.transport.RoundTrip(r)
		if err != nil {
			t.Fatal(p.name, err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, resp.Body)
		_ = resp.Body.Close()
		close(done)
		if err != nil || !bytes.Equal(sum.Sum(nil), want.Sum(nil)) || resp.Header.Get("X-Sum") != fmt.Sprintf("%x", want.Sum(nil)) {
			t.Errorf("%s: %v, a body came otherwise than it went", p.name, err)
		}
		if m := most.Load(); m > before.HeapInuse+size/2 {
			t.Errorf("%s: %d MB in use, %d before", p.name, m>>20, before.HeapInuse>>20)
		}
	}
}

// TestSlowVisitorsHoldTheOriginBack: what nobody reads is not fetched.
func TestSlowVisitorsHoldTheOriginBack(t *testing.T) {
	var sent atomic.Int64
	stopped := make(chan struct{})
	origin := h2cOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(stopped)
		b := make([]byte, 32<<10)
		for {
			n, err := w.Write(b)
			if sent.Add(int64(n)); err != nil || r.Context().Err() != nil {
				return
			}
		}
	})
	s := start(t, origin, newRecorder(nil), func(c *Config) { c.Sites[0].OriginProtocol = site.HTTP2 })
	c := dial(t, s.addr)
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	c.head()
	last := int64(-1)
	eventually(t, "it comes to rest", func() bool {
		time.Sleep(100 * time.Millisecond)
		now := sent.Load()
		defer func() { last = now }()
		return now > 0 && now == last
	})
	if n := sent.Load(); n > 16<<20 {
		t.Errorf("%d bytes were fetched for a visitor who reads nothing", n)
	}
	_ = c.Close()
	<-stopped // the origin learns that he left
}

func TestWebSocketBesideHTTP2(t *testing.T) {
	echo := websocket.Server{Handler: func(ws *websocket.Conn) { _, _ = io.Copy(ws, ws) }}
	origin := h2cOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "websocket" {
			echo.ServeHTTP(w, r)
			return
		}
		_, _ = io.WriteString(w, r.Proto)
	})
	s := start(t, origin, newRecorder(nil), func(c *Config) { c.Sites[0].OriginProtocol = site.HTTP2 })
	ws, err := websocket.Dial("ws://"+s.addr+"/chat", "", "http://shop.example")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.Close() }()
	got := make([]byte, 5)
	if _, err := io.WriteString(ws, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(ws, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q %v", got, err)
	}
	if _, body := get(t, s.url, nil); body != "HTTP/2.0" {
		t.Errorf("others go by %q", body)
	}
}

// TestAutoFollowsTheOrigin speaks what TLS negotiates.
func TestAutoFollowsTheOrigin(t *testing.T) {
	for _, want := range []string{"HTTP/1.1", "HTTP/2.0"} {
		o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
		o.EnableHTTP2 = want == "HTTP/2.0"
		o.StartTLS()
		t.Cleanup(o.Close)
		for proto, status := range map[site.Protocol]int{site.AutoProtocol: 200, site.HTTP2: map[string]int{"HTTP/2.0": 200, "HTTP/1.1": 502}[want]} {
			s := start(t, o.URL, newRecorder(nil), func(c *Config) {
				c.Sites[0].OriginProtocol = proto
				c.Origin.TLS = &tls.Config{RootCAs: o.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
			})
			for range 3 {
				resp, body := get(t, s.url, nil)
				if resp.StatusCode != status || status == 200 && body != want {
					t.Errorf("%s, %s: %d %q", want, proto, resp.StatusCode, body)
				}
			}
		}
	}
}

// TestCaptureOfHTTP2 shows the Decider bodies, and lets it replace one.
func TestCaptureOfHTTP2(t *testing.T) {
	var last *recorder
	decide := func() Decider {
		last = newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
			switch p {
			case wire.PhaseRequestHead:
				return wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold, Edits: []wire.Edit{{Name: "Cookie", Value: "put=in"}}}
			case wire.PhaseResponseBody:
				if string(x.RespBody.Bytes) == "secret" {
					return wire.Decision{Replace: []byte("replaced")}
				}
			}
			return wire.Decision{}
		})
		return last
	}
	for _, p := range pairings(t, decide, variety) {
		for body, want := range map[string]string{"plain": "plain", "secret": "replaced"} {
			r, _ := http.NewRequest("POST", p.url+"/echo", io.MultiReader(strings.NewReader(body)))
			resp, got := p.do(t, r)
			if got != want || resp.Header.Get("X-Got-Cookie") != "put=in" {
				t.Errorf("%s: %q, %v", p.name, got, resp.Header)
			}
		}
	}
}

// nodeOrigin is node's HTTP/2 in the clear.
const nodeOrigin = `
const http2 = require('http2');
const s = http2.createServer();
s.on('stream', (st, h) => {
  if (h[':path'] === '/only') { st.respond({':status': 404, 'x-node': '1'}, {endStream: true}); return; }
  let n = 0;
  st.on('data', d => n += d.length);
  st.on('end', () => {
    st.additionalHeaders({':status': 103, link: '</n>'});
    st.respond({':status': 200, 'x-names': Object.keys(h).join(' ')}, {waitForTrailers: true});
    st.on('wantTrailers', () => st.sendTrailers({'x-n': String(n)}));
    st.end('y'.repeat(n));
  });
});
s.listen(0, '127.0.0.1', () => console.log(s.address().port));
process.stdin.on('end', () => process.exit()).resume();
`

func TestNode(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	cmd := exec.Command("node", "-e", nodeOrigin)
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	var port int
	if _, err := fmt.Fscan(out, &port); err != nil {
		t.Fatal(err)
	}
	s := start(t, fmt.Sprintf("http://127.0.0.1:%d", port), newRecorder(nil), func(c *Config) { c.Sites[0].OriginProtocol = site.HTTP2 })
	for _, n := range []int64{0, 7, 3 << 20} {
		c := dial(t, s.addr)
		c.send(fmt.Sprintf("POST /x HTTP/1.1\r\nHost: a\r\nX-B: 1\r\nx-a: 2\r\nContent-Length: %d\r\n\r\n", n))
		go func() { _, _ = io.Copy(c, &pattern{n}) }()
		if h := c.head(); h != "HTTP/1.1 103 Early Hints\r\nlink: </n>\r\n\r\n" {
			t.Fatalf("%q", h)
		}
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || int64(len(b)) != n || resp.Trailer.Get("X-N") != fmt.Sprint(n) {
			t.Errorf("%v, %d bytes, %v", err, len(b), resp.Trailer)
		}
		if names := resp.Header.Get("X-Names"); !strings.HasPrefix(names, ":method :scheme :authority :path x-b x-a content-length x-forwarded-for") {
			t.Errorf("%q", names)
		}
	}
	if resp, body := get(t, s.url+"/only", nil); resp.StatusCode != 404 || body != "" || resp.Header.Get("X-Node") != "1" {
		t.Errorf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
}
