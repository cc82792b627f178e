package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/wire"
)

// script is an origin that answers each request head with the same bytes.
func script(t *testing.T, answer string) (url string, heads chan string) {
	heads = make(chan string, 100)
	return rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			heads <- h
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}), heads
}

func TestNothingIsAdded(t *testing.T) {
	for name, c := range map[string]struct{ request, toOrigin, answer, toClient string }{
		"bare": {
			"GET /a?b HTTP/1.1\r\nHost: Shop.Example:80\r\n\r\n",
			"GET /a?b HTTP/1.1\r\nHost: Shop.Example:80\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: Shop.Example:80\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html"},
		"what stands there stays": {
			"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nUser-Agent: \r\nX-B: 2\r\nX-B: 1\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nUser-Agent: \r\nX-B: 2\r\nX-B: 1\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nDate: never\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nzz",
			"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nDate: never\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nzz"},
		"order, case and spacing stay": {
			"GET / HTTP/1.1\r\nz-last:first \r\nHOST:\ta\r\nCookie: b=2;a=1\r\naccept:  */*\r\nConnection: keep-alive\r\n\r\n",
			"GET / HTTP/1.1\r\nz-last:first \r\nHOST:\ta\r\nCookie: b=2;a=1\r\naccept:  */*\r\nConnection: keep-alive\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 Fine  \r\nsErVeR:x\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\ncontent-length:0\r\nA: 1\r\n\r\n",
			"HTTP/1.1 200 Fine  \r\nsErVeR:x\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\ncontent-length:0\r\nA: 1\r\n\r\n"},
		"hop-by-hop goes": {
			"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Secret, keep-alive\r\nx-secret: 1\r\nKeep-Alive: 5\r\nTE: trailers, deflate\r\nProxy-Authorization: x\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		"HEAD keeps its length": {
			"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "",
			"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"},
		"HEAD without a length": {
			"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "", "HTTP/1.1 200 OK\r\nEtag: x\r\n\r\n", "HTTP/1.1 200 OK\r\nEtag: x\r\n\r\n"},
		"204": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"},
		"304": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n"},
		"a redirect is the client's": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "",
			"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://elsewhere/\r\n\r\n", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://elsewhere/\r\n\r\n"},
		"an interim response": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "",
			"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		"trailers": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "",
			"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nab\r\n0\r\nX-Sum: 7\r\nX-More: 8\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nab\r\n0\r\nX-Sum: 7\r\nX-More: 8\r\n\r\n"},
		"an odd target": {"GET /a%2Fb/../c;d=%7e?x=%zz&&=|^ HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /a%2Fb/../c;d=%7e?x=%zz&&=|^ HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		"two slashes": {"GET //evil.example/%41?q? HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET //evil.example/%41?q? HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		"a question mark with nothing": {"OPTIONS /? HTTP/1.1\r\nHost: a\r\n\r\n",
			"OPTIONS /? HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		"the server as a whole": {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			origin, heads := script(t, c.answer)
			s := start(t, origin, newRecorder(nil), nil)
			conn := dial(t, s.addr)
			for range 2 { // the connection serves again
				conn.send(c.request)
				if got := conn.bytes(len(c.toClient)); got != c.toClient {
					t.Fatalf("the client got\n%q, want\n%q", got, c.toClient)
				}
				if got := <-heads; c.toOrigin != "" && got != c.toOrigin {
					t.Fatalf("the origin got\n%q, want\n%q", got, c.toOrigin)
				}
			}
			conn.send("BROKEN\r\n\r\n")
			if rest := conn.rest(); !strings.HasPrefix(rest, "HTTP/1.1 400 ") {
				t.Fatalf("after the response came %q", rest)
			}
		})
	}
}

// A rule must see the path that the origin sees, however the target is written.
func TestAnAbsoluteTargetHidesNoPath(t *testing.T) {
	origin, heads := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	rec := newRecorder(nil)
	s := start(t, origin, rec, nil)
	for target, want := range map[string]string{
		"http://shop.example/login?a=1": "/login?a=1", "http://shop.example": "/", "http://shop.example?q": "/?q", "HTTP://Shop.Example/x//y": "/x//y",
	} {
		c := dial(t, s.addr)
		c.send("GET " + target + " HTTP/1.1\r\nHost: shop.example\r\n\r\n")
		c.head()
		x, _ := rec.one(t)
		line, _, _ := strings.Cut(<-heads, "\r\n")
		if x.Request.Target != want || line != "GET "+want+" HTTP/1.1" || x.Request.Host != "shop.example" {
			t.Errorf("%s: asked about %q at %q, the origin got %q", target, x.Request.Target, x.Request.Host, line)
		}
	}
}

func TestTheExchangeIsFilled(t *testing.T) {
	origin, _ := script(t, "HTTP/1.1 299 Very Fine\r\nContent-Length: 0\r\nX-B: 1\r\nX-A: 2\r\n\r\n")
	rec := newRecorder(nil)
	s := start(t, origin, rec, func(c *Config) { c.TrustedProxies = loopback(); c.Clock = func() int64 { return 42 } })
	c := dial(t, s.addr)
	c.send("GET /p?q HTTP/1.1\r\nHost: SHOP.example.:8080\r\nX-Forwarded-For: 198.51.100.7\r\nb: 2\r\nA: 1\r\n\r\n")
	c.head()
	x, _ := rec.one(t)
	if x.Site != "shop" || x.Mode != "active" || x.Start != 42 || x.RespTime != 42 || x.ID == 0 {
		t.Errorf("%+v", x)
	}
	if x.Conn.Client.String() != "198.51.100.7" || x.Conn.Peer.String() != c.LocalAddr().String() || x.Conn.TLS {
		t.Errorf("%+v", x.Conn)
	}
	want := []wire.Field{{Name: "Host", Value: "SHOP.example.:8080"}, {Name: "X-Forwarded-For", Value: "198.51.100.7"}, {Name: "b", Value: "2"}, {Name: "A", Value: "1"}}
	if r := x.Request; r.Method != "GET" || r.Target != "/p?q" || r.Host != "shop.example" || r.Proto != "HTTP/1.1" || fmt.Sprint(r.Fields) != fmt.Sprint(want) {
		t.Errorf("%+v", r)
	}
	if r := x.Response; r.Status != 299 || r.Reason != "Very Fine" || r.Fields[2] != (wire.Field{Name: "X-A", Value: "2"}) {
		t.Errorf("%+v", r)
	}
}

func TestUnknownHosts(t *testing.T) {
	origin, _ := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	rec := newRecorder(nil)
	s := start(t, origin, rec, func(c *Config) { c.Sites[0].Hosts = []string{"shop.example", "*.shop.example"} })
	for host, want := range map[string]int{"shop.example": 200, "WWW.Shop.Example:81": 200, "example": 421, "": 421} {
		resp, body := get(t, s.url, func(r *http.Request) { r.Host = host })
		if resp.StatusCode != want || want == 421 && body != "Misdirected Request\n" {
			t.Errorf("%q: %d %q", host, resp.StatusCode, body)
		}
	}
	c := dial(t, s.addr)
	c.send("CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n")
	if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 405 ") {
		t.Errorf("CONNECT: %q", h)
	}
	rec.one(t)
	rec.one(t)
	if n := s.Counters(); n.Refused != 3 || len(rec.seen) != 2 {
		t.Errorf("%d refused, asked about %d", n.Refused, len(rec.seen))
	}
}

// Each event reaches the client while the stream stays open.
func TestEventsArriveOneByOne(t *testing.T) {
	next := make(chan string)
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		for e := range next {
			_, _ = io.WriteString(w, "data: "+e+"\n\n")
			_ = rc.Flush()
		}
	})
	rec := newRecorder(at(1, wire.Decision{Response: wire.BodyCopy, Limit: 12}))
	s := start(t, origin, rec, nil)
	resp, err := http.Get(s.url) // the head arrives before any event
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	r := bufio.NewReader(resp.Body)
	for _, e := range []string{"one", "two", "three"} {
		next <- e
		if line, err := r.ReadString('\n'); err != nil || line != "data: "+e+"\n" {
			t.Fatalf("%q %v", line, err)
		}
		_, _ = r.ReadString('\n')
	}
	close(next)
	if x, _ := rec.one(t); string(x.RespBody.Bytes) != "data: one\n\nd" || !x.RespBody.Truncated {
		t.Errorf("kept %q", x.RespBody.Bytes)
	}
}

// Each piece of an upload reaches the origin while the client still sends, and
// the origin may answer in between.
func TestUploadsStreamBothWays(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, "echo "+line)
			_ = rc.Flush()
		}
	})
	s := start(t, origin, newRecorder(at(1, wire.Decision{Request: wire.BodyCopy, Response: wire.BodyCopy})), nil)
	pr, pw := io.Pipe()
	req, _ := http.NewRequest("POST", s.url, pr)
	go func() { _, _ = io.WriteString(pw, "0\n") }()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	r := bufio.NewReader(resp.Body)
	for i := range 5 {
		if line, err := r.ReadString('\n'); err != nil || line != fmt.Sprintf("echo %d\n", i) {
			t.Fatalf("%q %v", line, err)
		}
		_, _ = fmt.Fprintf(pw, "%d\n", i+1)
	}
	_ = pw.Close()
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "echo 5\n" {
		t.Fatalf("%q %v", rest, err)
	}
}

// zeros is a body of a length that no memory should have to hold.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

func TestABigUploadTakesLittleMemory(t *testing.T) {
	const size = 200 << 20
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	})
	for _, want := range []wire.BodyWant{wire.BodyCopy, wire.BodyHold} {
		rec := newRecorder(at(1, wire.Decision{Request: want, Response: want, Limit: 1 << 10}))
		s := start(t, origin, rec, nil)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		req, _ := http.NewRequest("POST", s.url, &zeros{size})
		req.ContentLength = size
		_, body := do(t, req)
		runtime.ReadMemStats(&after)
		if body != fmt.Sprint(size) {
			t.Errorf("the origin got %s bytes", body)
		}
		// All that was ever allocated, freed or not, by all three sides.
		if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
			t.Errorf("want %d: %d KB allocated for one exchange", want, got>>10)
		}
		if x, _ := rec.one(t); len(x.ReqBody.Bytes) != 1<<10 || !x.ReqBody.Truncated {
			t.Errorf("kept %d bytes", len(x.ReqBody.Bytes))
		}
	}
}

func TestRequestTrailersAreForwarded(t *testing.T) {
	trailer := make(chan http.Header, 1)
	origin := serveOrigin(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		trailer <- r.Trailer
	})
	for _, want := range []wire.BodyWant{wire.BodyNone, wire.BodyHold} {
		s := start(t, origin, newRecorder(at(1, wire.Decision{Request: want})), nil)
		c := dial(t, s.addr)
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\nX-More: 8\r\n\r\n")
		c.head()
		if got := <-trailer; got.Get("X-Sum") != "7" || got.Get("X-More") != "8" {
			t.Errorf("want %d: %v", want, got)
		}
	}
}

func TestContinue(t *testing.T) {
	accept := true
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if !accept {
			w.WriteHeader(403)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})
	for _, want := range []wire.BodyWant{wire.BodyNone, wire.BodyHold} {
		accept = true
		s := start(t, origin, newRecorder(at(1, wire.Decision{Request: want})), nil)
		c := dial(t, s.addr)
		c.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
		if h := c.head(); h != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("%q", h)
		}
		c.send("abc")
		if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 200 ") || c.bytes(3) != "abc" {
			t.Fatalf("%q", h)
		}
	}
	// An origin that says no is heard before the body is sent.
	accept = false
	s := start(t, origin, newRecorder(nil), nil)
	c := dial(t, s.addr)
	c.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 403 ") {
		t.Fatalf("%q", h)
	}
}

// An origin may answer before it has the whole body. The client gets the answer
// though it is still sending, and what it sends later is no request.
func TestAnEarlyResponse(t *testing.T) {
	origin := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")
			_, _ = io.Copy(io.Discard, r)
		}
	})
	rec := newRecorder(at(1, wire.Decision{Request: wire.BodyCopy}))
	s := start(t, origin, rec, nil)
	c := dial(t, s.addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\nhalf")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 401 || string(body) != "no" || err != nil || !resp.Close {
		t.Fatalf("%d %q %v, close %v", resp.StatusCode, body, err, resp.Close)
	}
	if x, asked := rec.one(t); string(x.ReqBody.Bytes) != "half" || x.ReqBody.Seen || asked != "head body response end" {
		t.Errorf("kept %q of the body, seen %v, asked %q", x.ReqBody.Bytes, x.ReqBody.Seen, asked)
	}
	c.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" + strings.Repeat("x", 400))
	if rest := c.rest(); rest != "" || s.Counters().Requests != 1 {
		t.Errorf("%d requests, then %q", s.Counters().Requests, rest)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	conns := make(chan struct{}, 100)
	origin := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		conns <- struct{}{}
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			_, _ = r.Discard(3)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	s := start(t, origin, newRecorder(at(1, wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold})), nil)
	reused := 0
	for range 20 {
		req, _ := http.NewRequest("POST", s.url, strings.NewReader("abc"))
		req = req.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			if i.Reused {
				reused++
			}
		}}))
		do(t, req)
	}
	if len(conns) != 1 || reused != 19 || s.Counters().Connections != 1 {
		t.Errorf("%d connections to the origin, %d times reused, %d open", len(conns), reused, s.Counters().Connections)
	}
}

// A refused upload costs the client's connection only if it is long.
func TestAnAnswerKeepsTheConnection(t *testing.T) {
	s := start(t, "http://127.0.0.1:1", newRecorder(at(1, wire.Decision{Answer: &wire.Answer{Status: 403}})), nil)
	c := dial(t, s.addr)
	for range 3 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
		if h := c.head(); h != "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" {
			t.Fatalf("%q", h)
		}
	}
}

func TestInterimResponsesOverHTTP2AreRelayed(t *testing.T) {
	origin, _ := script(t, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	s, transport := startTLS(t, origin, newRecorder(nil))
	var hint string
	req, _ := http.NewRequest("GET", "https://"+s.addr, nil)
	req = req.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error { hint = fmt.Sprint(code, h["Link"]); return nil }}))
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if hint != "103 [</a>]" || resp.ProtoMajor != 2 || resp.Header["Date"] != nil {
		t.Errorf("%s %v", hint, resp)
	}
}

func TestMemoryOfAStreamIsGivenBack(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 1<<20)
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(big) })
	s := start(t, origin, newRecorder(nil), nil)
	for range 3 {
		if _, body := get(t, s.url, nil); body != string(big) {
			t.Fatal("the body changed")
		}
	}
	eventually(t, "idle", func() bool { return s.Counters().Active == 0 })
}
