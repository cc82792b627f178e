package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// at decides at one phase only.
func at(p wire.Phase, d wire.Decision) func(*wire.Exchange, wire.Phase) wire.Decision {
	return func(_ *wire.Exchange, q wire.Phase) wire.Decision {
		if p == q {
			return d
		}
		return wire.Decision{}
	}
}

func TestPhasesAreAskedInOrderAndOnce(t *testing.T) {
	echo := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Origin", "yes")
		_, _ = w.Write(append([]byte("got "), b...))
	})
	dead := rawOrigin(t, func(net.Conn, *bufio.Reader) {})
	teapot := &wire.Answer{Status: 418, Fields: []wire.Field{{Name: "X-Why", Value: "tea"}}, Body: []byte("tea")}
	for _, c := range []struct {
		name, origin string
		decide       func(*wire.Exchange, wire.Phase) wire.Decision
		body         string
		phases       string
		status       int
		reply        string
	}{
		{"nothing wanted", echo, nil, "abc", "head response end", 200, "got abc"},
		{"both copied", echo, at(1, wire.Decision{Request: wire.BodyCopy, Response: wire.BodyCopy}), "abc",
			"head body response response-body end", 200, "got abc"},
		{"both held", echo, at(1, wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold}), "abc",
			"head body response response-body end", 200, "got abc"},
		{"held without a body", echo, at(1, wire.Decision{Request: wire.BodyHold}), "", "head body response end", 200, "got "},
		{"answered at the head", echo, at(1, wire.Decision{Answer: teapot}), "abc", "head response end", 418, "tea"},
		{"answered at the body", echo, func(_ *wire.Exchange, p wire.Phase) wire.Decision {
			switch p {
			case wire.PhaseRequestHead:
				return wire.Decision{Request: wire.BodyHold}
			case wire.PhaseRequestBody:
				return wire.Decision{Answer: teapot}
			}
			return wire.Decision{}
		}, "abc", "head body response end", 418, "tea"},
		{"answered at the response", echo, at(3, wire.Decision{Answer: teapot}), "abc", "head response end", 418, "tea"},
		{"response wanted late", echo, at(3, wire.Decision{Response: wire.BodyHold}), "abc", "head response response-body end", 200, "got abc"},
		{"response replaced", echo, func(_ *wire.Exchange, p wire.Phase) wire.Decision {
			switch p {
			case wire.PhaseRequestHead:
				return wire.Decision{Response: wire.BodyHold}
			case wire.PhaseResponseBody:
				return wire.Decision{Replace: []byte("something else"), Edits: []wire.Edit{{Name: "X-Origin"}}}
			}
			return wire.Decision{}
		}, "abc", "head response response-body end", 200, "something else"},
		{"answered at the response body", echo, func(_ *wire.Exchange, p wire.Phase) wire.Decision {
			switch p {
			case wire.PhaseRequestHead:
				return wire.Decision{Response: wire.BodyHold}
			case wire.PhaseResponseBody:
				return wire.Decision{Answer: teapot}
			}
			return wire.Decision{}
		}, "abc", "head response response-body end", 418, "tea"},
		{"origin hangs up", dead, at(1, wire.Decision{Request: wire.BodyCopy, Response: wire.BodyCopy}), "", "head end", 502, "Bad Gateway\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := newRecorder(c.decide)
			s := start(t, c.origin, rec, nil)
			r, _ := http.NewRequest("POST", s.url+"/x", strings.NewReader(c.body))
			resp, body := do(t, r)
			x, asked := rec.one(t)
			if asked != c.phases {
				t.Errorf("asked %q, want %q", asked, c.phases)
			}
			if resp.StatusCode != c.status || body != c.reply || resp.ContentLength != int64(len(c.reply)) {
				t.Errorf("got %d %q (length %d)", resp.StatusCode, body, resp.ContentLength)
			}
			if x.Response.Status != c.status || x.RespTime < x.Start {
				t.Errorf("the exchange says status %d, start %d, response %d", x.Response.Status, x.Start, x.RespTime)
			}
			if x.Answered != (c.status == 418) {
				t.Errorf("answered %v", x.Answered)
			}
			if strings.Contains(c.phases, " body") && string(x.ReqBody.Bytes) != c.body {
				t.Errorf("request body %q", x.ReqBody.Bytes)
			}
		})
	}
}

func TestBodiesAreBounded(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strconv.FormatInt(n, 10)+strings.Repeat("r", 5000))
	})
	for _, want := range []wire.BodyWant{wire.BodyCopy, wire.BodyHold} {
		rec := newRecorder(at(1, wire.Decision{Request: want, Response: want, Limit: 1000}))
		s := start(t, origin, rec, nil)
		r, _ := http.NewRequest("POST", s.url, strings.NewReader(strings.Repeat("q", 300_000)))
		_, body := do(t, r)
		x, asked := rec.one(t)
		if asked != "head body response response-body end" || len(body) != 5006 || !strings.HasPrefix(body, "300000r") {
			t.Errorf("want %d: asked %q, body of %d bytes", want, asked, len(body))
		}
		for name, b := range map[string]wire.Body{"request": x.ReqBody, "response": x.RespBody} {
			if len(b.Bytes) != 1000 || cap(b.Bytes) > 4096 || !b.Truncated || !b.Seen {
				t.Errorf("want %d: %s body of %d bytes, truncated %v, seen %v", want, name, len(b.Bytes), b.Truncated, b.Seen)
			}
		}
	}
}

func TestABodyOfExactlyTheBoundIsWhole(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	for _, want := range []wire.BodyWant{wire.BodyCopy, wire.BodyHold} {
		rec := newRecorder(at(1, wire.Decision{Request: want, Response: want, Limit: 1000, Refuse: true}))
		s := start(t, origin, rec, nil)
		r, _ := http.NewRequest("POST", s.url, strings.NewReader(strings.Repeat("q", 1000)))
		if resp, _ := do(t, r); resp.StatusCode != 200 {
			t.Errorf("want %d: %d", want, resp.StatusCode)
		}
		if x, _ := rec.one(t); x.ReqBody.Truncated || x.RespBody.Truncated || !x.ReqBody.Seen || !x.RespBody.Seen {
			t.Errorf("want %d: %+v %+v", want, x.ReqBody.Truncated, x.RespBody.Truncated)
		}
	}
}

func TestOversizeIsRefusedOnRequest(t *testing.T) {
	asked := 0
	origin := serveOrigin(t, func(http.ResponseWriter, *http.Request) { asked++ })
	rec := newRecorder(at(1, wire.Decision{Request: wire.BodyHold, Limit: 10, Refuse: true}))
	s := start(t, origin, rec, nil)
	r, _ := http.NewRequest("POST", s.url, strings.NewReader("eleven bytes"))
	resp, _ := do(t, r)
	x, list := rec.one(t)
	if resp.StatusCode != 413 || asked != 0 || list != "head end" || x.Response.Status != 413 || s.Counters().Oversize != 1 {
		t.Fatalf("%d, origin asked %d times, phases %q, says %d", resp.StatusCode, asked, list, x.Response.Status)
	}
}

// A body that trickles must not hold the exchange for ever, nor be lost: once
// the time is up it streams on, judged by what came.
func TestASlowHeldBodyStreamsOn(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		rec := newRecorder(at(1, wire.Decision{Request: wire.BodyHold}))
		s := start(t, serveOrigin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }), rec,
			func(c *Config) { c.HoldTimeout = 30 * time.Millisecond })
		judged := make(chan wire.Body, 1)
		rec.decide = func(x *wire.Exchange, p wire.Phase) wire.Decision {
			if p == wire.PhaseRequestBody {
				judged <- x.ReqBody
			}
			return at(1, wire.Decision{Request: wire.BodyHold})(x, p)
		}
		c := dial(t, s.addr)
		if chunked {
			c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
		} else {
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
		}
		if b := <-judged; string(b.Bytes) != "abc" || !b.Truncated {
			t.Fatalf("judged %q, truncated %v", b.Bytes, b.Truncated)
		}
		if chunked {
			c.send("3\r\ndef\r\n0\r\n\r\n")
		} else {
			c.send("def")
		}
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != "abcdef" {
			t.Errorf("chunked %v: the origin got %q", chunked, body)
		}
		if _, list := rec.one(t); list != "head body response end" {
			t.Errorf("asked %q", list)
		}
	}
}

func TestASlowHeldBodyIsRefusedOnRequest(t *testing.T) {
	rec := newRecorder(at(1, wire.Decision{Request: wire.BodyHold, Refuse: true}))
	s := start(t, "http://127.0.0.1:1", rec, func(c *Config) { c.HoldTimeout = 30 * time.Millisecond })
	c := dial(t, s.addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
	if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 408 ") || !strings.Contains(h, "Connection: close\r\n") {
		t.Fatalf("got %q", h)
	}
	if x, list := rec.one(t); list != "head end" || x.Response.Status != 408 {
		t.Fatalf("asked %q, status %d", list, x.Response.Status)
	}
	// What is left of the body is not taken for a request.
	_, _ = io.WriteString(c, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	c.rest()
	if n := s.Counters().Requests; n != 1 {
		t.Fatalf("%d requests", n)
	}
}

// An endless response that is held by mistake is let go.
func TestASlowHeldResponseStreamsOn(t *testing.T) {
	more := make(chan struct{})
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "data: 2\n\n")
	})
	rec := newRecorder(at(1, wire.Decision{Response: wire.BodyHold}))
	s := start(t, origin, rec, func(c *Config) { c.HoldTimeout = 30 * time.Millisecond })
	resp, err := http.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "data: 1\n\n" {
		t.Fatalf("%q %v", b, err)
	}
	close(more)
	rest, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(rest) != "data: 2\n\n" {
		t.Fatalf("then %q", rest)
	}
	if x, list := rec.one(t); list != "head response response-body end" || !x.RespBody.Truncated {
		t.Fatalf("asked %q, %+v", list, x.RespBody)
	}
}

func TestEdits(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Server"] = []string{"shop", "again"}
		_, _ = fmt.Fprint(w, r.Header["X-Risk"], r.Header["X-Gone"])
	})
	rec := newRecorder(func(_ *wire.Exchange, p wire.Phase) wire.Decision {
		switch p {
		case wire.PhaseRequestHead:
			return wire.Decision{Request: wire.BodyHold, Edits: []wire.Edit{{Name: "x-risk", Value: "low"}, {Name: "X-GONE"}}}
		case wire.PhaseRequestBody:
			return wire.Decision{Edits: []wire.Edit{{Name: "X-Risk", Value: "high"}}}
		case wire.PhaseResponseHead:
			return wire.Decision{Edits: []wire.Edit{{Name: "server"}, {Name: "X-New", Value: "1"}}}
		}
		return wire.Decision{}
	})
	s := start(t, origin, rec, nil)
	resp, body := get(t, s.url, func(r *http.Request) { r.Header["X-Risk"], r.Header["X-Gone"] = []string{"forged"}, []string{"x"} })
	if body != "[high] []" || len(resp.Header["Server"]) != 0 || resp.Header.Get("X-New") != "1" {
		t.Fatalf("%q %v", body, resp.Header)
	}
}

func TestAnswerHasExactlyItsFields(t *testing.T) {
	rec := newRecorder(at(1, wire.Decision{Answer: &wire.Answer{Status: 403, Body: []byte("<b>no"),
		Fields: []wire.Field{{Name: "Set-Cookie", Value: "a=1"}, {Name: "Set-Cookie", Value: "b=2"}}}}))
	s := start(t, "http://127.0.0.1:1", rec, nil)
	for range 2 { // the connection stays usable
		c := dial(t, s.addr)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if h := c.head(); h != "HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 5\r\n\r\n" {
			t.Fatalf("%q", h)
		}
		if b := c.bytes(5); b != "<b>no" {
			t.Fatalf("%q", b)
		}
		c.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 403 ") || !strings.Contains(h, "Content-Length: 5\r\n") || c.rest() != "" {
			t.Fatalf("%q", h)
		}
	}
	if n := s.Counters(); n.Answered != 4 || n.PerSite["shop"].Requests != 4 {
		t.Fatalf("%+v", n)
	}
}

func TestReroute(t *testing.T) {
	main := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "main") })
	trap := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "trap") })
	to := ""
	rec := newRecorder(func(_ *wire.Exchange, p wire.Phase) wire.Decision {
		if p == wire.PhaseRequestHead {
			return wire.Decision{Reroute: to}
		}
		return wire.Decision{}
	})
	s := start(t, main, rec, func(c *Config) { c.Sites[0].Origins = map[string]string{"honeypot": trap} })
	for _, c := range []struct{ to, want string }{{"honeypot", "trap"}, {"", "main"}, {"unheard-of", "main"}} {
		to = c.to
		if _, body := get(t, s.url, nil); body != c.want {
			t.Errorf("%q goes to %s", c.to, body)
		}
	}
	if n := s.Counters().BadReroutes; n != 1 {
		t.Errorf("%d reroutes to nowhere counted", n)
	}
}

func TestAPanickingDeciderHarmsNobody(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	for p := wire.PhaseRequestHead; p <= wire.PhaseEnd; p++ {
		for _, policy := range []site.Failure{site.FailOpen, site.FailClosed} {
			rec := newRecorder(func(_ *wire.Exchange, q wire.Phase) wire.Decision {
				if p == q {
					panic("rule broke")
				}
				if q == wire.PhaseRequestHead {
					return wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold}
				}
				return wire.Decision{}
			})
			s := start(t, origin, rec, func(c *Config) { c.Sites[0].Failure = policy })
			want := 200
			if policy == site.FailClosed && p <= wire.PhaseRequestBody {
				want = 503
			}
			r, _ := http.NewRequest("POST", s.url, strings.NewReader("x"))
			resp, body := do(t, r)
			if resp.StatusCode != want || want == 200 && body != "fine" {
				t.Errorf("phase %d, fail %s: %d %q", p, policy, resp.StatusCode, body)
			}
			if _, list := rec.one(t); strings.Count(list, "end") != 1 || !strings.HasSuffix(list, "end") {
				t.Errorf("phase %d: asked %q", p, list)
			}
			if p == wire.PhaseResponseBody && s.Counters().DeciderPanics != 1 {
				t.Errorf("phase %d: %d panics counted", p, s.Counters().DeciderPanics)
			}
		}
	}
}

func TestBypassAsksNobody(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	rec := newRecorder(at(1, wire.Decision{Answer: &wire.Answer{Status: 403}}))
	s := start(t, origin, rec, nil)
	expect := func(status int) {
		t.Helper()
		if resp, _ := get(t, s.url, nil); resp.StatusCode != status {
			t.Fatalf("got %d, want %d", resp.StatusCode, status)
		}
	}
	expect(403)
	s.site.Switch.SetMode(site.Bypass)
	expect(200)
	s.site.Switch.SetMode("")
	expect(403)
	s.SetBypass(true)
	expect(200)
	s.SetBypass(false)
	expect(403)
	for range 3 {
		rec.one(t)
	}
	if len(rec.seen) != 3 || s.Counters().Bypassed != 2 {
		t.Fatalf("asked about %d exchanges, %d bypassed", len(rec.seen), s.Counters().Bypassed)
	}
}
