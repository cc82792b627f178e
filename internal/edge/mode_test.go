package edge

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

const mirrorControl = "no-store, private, max-age=0, no-cache"

// A mirrored request is seen whole and ends here: no origin hears of it, and what
// ends it is not taken for a response.
func TestMirrorEndsRequests(t *testing.T) {
	var asked atomic.Int64
	origin := serveOrigin(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	rec := newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
		if p == wire.PhaseRequestHead && x.Mode == "mirror" {
			return wire.Decision{Request: wire.BodyCopy, Response: wire.BodyCopy, Limit: 8,
				Answer: &wire.Answer{Status: 403}, Reroute: "elsewhere"}
		}
		return wire.Decision{}
	})
	s := start(t, origin, rec, func(c *Config) { c.Sites[0].Mode = site.Mirror })
	for body, truncated := range map[string]bool{"user=ann": false, "user=ann&password=x": true} {
		c := dial(t, s.addr)
		c.send("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
		if h := c.head(); h != "HTTP/1.1 200 OK\r\nCache-Control: "+mirrorControl+"\r\nContent-Length: 0\r\n\r\n" {
			t.Errorf("answered %q", h)
		}
		x, phases := rec.one(t)
		if phases != "head body end" || x.Mode != "mirror" || string(x.ReqBody.Bytes) != "user=ann" || x.ReqBody.Truncated != truncated || !x.ReqBody.Seen {
			t.Errorf("%s: %+v", phases, x)
		}
		if x.Response.Status != 0 || x.RespTime != 0 || x.Answered || x.Err != "" {
			t.Errorf("our own end was taken for a response: %+v", x)
		}
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") // the connection goes on
		if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 200 OK\r\n") {
			t.Errorf("then %q", h)
		}
		rec.one(t)
	}
	// Even a bypass may not do twice what the request it copies does.
	s.site.Switch.SetMode(site.Bypass)
	if r, _ := get(t, s.url, nil); r.StatusCode != 200 || r.Header.Get("Cache-Control") != mirrorControl {
		t.Errorf("bypassed: %d %v", r.StatusCode, r.Header)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the origin was asked %d times", n)
	}
	s.site.Switch.SetMode(site.PassThrough) // who says so explicitly gets a relay
	if get(t, s.url, nil); asked.Load() != 1 {
		t.Error("the switched mode is not in force")
	}
}

// A mode switched while a connection is open holds from its next request on.
func TestMaintenanceAndBack(t *testing.T) {
	rec := newRecorder(nil)
	s := start(t, serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "shop") }), rec, func(c *Config) {
		c.Sites[0].Upkeep = &site.Page{ContentType: "text/html; charset=utf-8", Body: []byte("<h1>Back soon</h1>")}
		c.Sites[0].Retry = 10 * time.Minute
	})
	c := dial(t, s.addr)
	ask := func(want string) {
		t.Helper()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		r, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		if got := r.Status + " " + string(b); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if r.StatusCode == 503 {
			h := r.Header
			if len(h) != 4 || h.Get("Retry-After") != "600" || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Length") != "18" {
				t.Errorf("header %v", h)
			}
		}
	}
	ask("200 OK shop")
	rec.one(t)
	s.site.Switch.SetMode(site.Maintenance)
	ask("503 Service Unavailable <h1>Back soon</h1>")
	s.site.Switch.SetMode("")
	ask("200 OK shop")
	if x, _ := rec.one(t); x.Mode != "active" {
		t.Errorf("mode %q", x.Mode)
	}
	if len(rec.end) != 0 || s.Counters().PerSite["shop"].Requests != 3 {
		t.Error("maintenance was recorded or not counted")
	}
}

// Each answer of our own can be a page of the site's; none has more fields than
// the page needs.
func TestOwnPages(t *testing.T) {
	dead := rawOrigin(t, func(net.Conn, *bufio.Reader) {})
	page := func(text string) *site.Page { return &site.Page{ContentType: "text/html", Body: []byte(text)} }
	s := start(t, dead, newRecorder(nil), func(c *Config) {
		c.Sites[0].Hosts = []string{"shop"}
		c.Sites[0].Pages = site.Pages{502: page("shop 502"), 400: page("shop 400")}
		c.Pages = site.Pages{502: page("any 502"), 421: page("any 421"), 431: page("any 431")}
		c.MaxHead = 4096
	})
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: shop\r\n\r\n":                                         "502 Bad Gateway shop 502",
		"GET / HTTP/1.1\r\nHost: other\r\n\r\n":                                        "421 Misdirected Request any 421",
		"GET / HTTP/1.1\r\nHost: shop\r\nA: " + strings.Repeat("a", 5000) + "\r\n\r\n": "431 Request Header Fields Too Large any 431",
		"nonsense\r\n\r\n": "400 Bad Request Bad Request\n",
		"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n": "400 Bad Request shop 400",
	} {
		c := dial(t, s.addr)
		c.send(request)
		r, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		if got := r.Status + " " + string(b); got != want {
			t.Errorf("%.30q: got %q, want %q", request, got, want)
		}
		for name := range r.Header {
			switch name {
			case "Content-Type", "Content-Length", "Connection":
			default:
				t.Errorf("%.30q: a field of ours: %s", request, name)
			}
		}
	}
}

// The health target answers only where it is listed, is never forwarded and never
// recorded.
func TestHealthTarget(t *testing.T) {
	rec := newRecorder(nil)
	s := start(t, serveOrigin(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }), rec, func(c *Config) {
		c.Sites[0].Hosts = []string{"shop.example"}
		c.Sites = append(c.Sites, &site.Site{Name: "blog", Hosts: []string{"blog.example"}, Origin: c.Sites[0].Origin,
			Mode: site.PassThrough, Failure: site.FailOpen, Switch: &site.Switch{}})
		c.TrustedProxies = loopback()
		c.Health = Health{Path: "/healthz", Hosts: []string{"203.0.113.7", "*.managed.example"}, From: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
	})
	ask := func(method, host, path, from string) int {
		t.Helper()
		r, _ := http.NewRequest(method, s.url+path, nil)
		r.Host = host
		if from != "" {
			r.Header.Set("X-Forwarded-For", from)
		}
		resp, body := do(t, r)
		if (resp.StatusCode == 200 || resp.StatusCode == 503) && (resp.Header.Get("Cache-Control") != "no-store" || method == "GET" && body != http.StatusText(resp.StatusCode)+"\n" || len(resp.Header) != 3) {
			t.Errorf("%v %q", resp.Header, body)
		}
		return resp.StatusCode
	}
	want := func(status int, method, host, path, from string) {
		t.Helper()
		if got := ask(method, host, path, from); got != status {
			t.Errorf("%s %s%s from %q: %d, want %d", method, host, path, from, got, status)
		}
	}
	want(200, "GET", "203.0.113.7", "/healthz", "")
	want(200, "HEAD", "shop.example.managed.example", "/healthz?x=1", "")
	want(200, "GET", "shop.example", "/healthz", "198.51.100.9")
	if len(rec.end) != 0 {
		t.Fatal("a probe was recorded")
	}
	want(404, "GET", "shop.example", "/healthz", "")
	want(404, "GET", "shop.example", "/healthz", "192.0.2.1")
	want(404, "POST", "shop.example", "/healthz", "198.51.100.9")
	want(404, "GET", "shop.example", "/healthz/deep", "198.51.100.9")
	want(421, "GET", "shop.example.managed.example", "/", "")

	s.site.Switch.SetMode(site.Bypass) // wanted for one of two sites
	want(503, "GET", "shop.example.managed.example", "/healthz", "")
	want(200, "GET", "blog.example.managed.example", "/healthz", "")
	want(200, "GET", "203.0.113.7", "/healthz", "")
	s.cfg.Sites[1].Switch.SetMode(site.Bypass)
	want(503, "GET", "203.0.113.7", "/healthz", "")
	s.site.Switch.SetMode("")
	want(200, "GET", "203.0.113.7", "/healthz", "")
	s.SetUnwell(true)
	want(503, "GET", "203.0.113.7", "/healthz", "")
	s.SetUnwell(false)
	s.SetBypass(true)
	want(503, "GET", "blog.example.managed.example", "/healthz", "")
}

// TestFailover is DNS or a CDN with a health check: it sends visitors straight to
// the origin while the target says 503, and back.
func TestFailover(t *testing.T) {
	var direct, through atomic.Int64
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-For") == "" {
			direct.Add(1)
		} else {
			through.Add(1)
		}
	})
	s := start(t, origin, newRecorder(nil), func(c *Config) {
		c.Health = Health{Path: "/up", Hosts: []string{"127.0.0.1"}}
	})
	resolve := func() string { // what a resolver answers after its probe
		if r, _ := get(t, s.url+"/up", nil); r.StatusCode == 200 {
			return s.url
		}
		return origin
	}
	visit := func() {
		t.Helper()
		if r, _ := get(t, resolve()+"/page", nil); r.StatusCode != 200 {
			t.Fatalf("a visitor got %d", r.StatusCode)
		}
	}
	for i, step := range []struct {
		turn            func()
		direct, through int64
	}{
		{func() {}, 0, 1},
		{func() { s.site.Switch.SetMode(site.Bypass) }, 1, 1},
		{func() { s.site.Switch.SetMode("") }, 1, 2},
		{func() { s.SetUnwell(true) }, 2, 2},
		{func() { s.SetUnwell(false) }, 2, 3},
	} {
		if step.turn(); true {
			visit()
		}
		if direct.Load() != step.direct || through.Load() != step.through {
			t.Fatalf("step %d: %d direct, %d through us", i, direct.Load(), through.Load())
		}
	}
}

// Sites change while a response is on its way: it ends as it began, the next
// request of the same connection finds the new sites.
func TestReconfigure(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	one := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			_, _ = io.WriteString(w, "be")
			_ = http.NewResponseController(w).Flush()
			close(begun)
			<-end
			_, _ = io.WriteString(w, "gun")
			return
		}
		_, _ = io.WriteString(w, "one")
	})
	two := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "two") })
	s := start(t, one, newRecorder(nil), func(c *Config) { c.Sites[0].Hosts = []string{"a", "b"} })
	c := dial(t, s.addr)
	read := func() string {
		t.Helper()
		r, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		return string(b)
	}
	ask := func(host, path string) { c.send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n") }
	ask("a", "/")
	read()
	before := s.table.Load().routes[s.site].pools
	ask("a", "/slow")
	<-begun
	a := &site.Site{Name: "shop", Hosts: []string{"a"}, Origin: two, Mode: site.Active, Failure: site.FailOpen, Switch: s.site.Switch}
	b := &site.Site{Name: "new", Hosts: []string{"c"}, Origin: one, Mode: site.Active, Failure: site.FailOpen, Switch: &site.Switch{}}
	if err := s.Reconfigure(Config{Sites: []*site.Site{a, b}}); err != nil {
		t.Fatal(err)
	}
	close(end)
	if got := read(); got != "begun" {
		t.Errorf("the running response became %q", got)
	}
	for host, want := range map[string]string{"a": "two", "b": "Misdirected Request\n", "c": "one"} {
		if ask(host, "/"); true {
			if got := read(); got != want {
				t.Errorf("%s: %q, want %q", host, got, want)
			}
		}
	}
	eventually(t, "the old pool is empty", func() bool { return before.Pool("").Idle() == 0 })
	if n := s.Counters().PerSite["shop"].Requests; n != 3 {
		t.Errorf("the count began anew: %d", n)
	}

	// What is refused changes nothing, what stays keeps its connections.
	kept := s.table.Load()
	bad := *a
	bad.Origin = "ftp://x"
	if s.Reconfigure(Config{Sites: []*site.Site{&bad}}) == nil || s.table.Load() != kept {
		t.Error("a faulty site was put in force")
	}
	same := *a
	same.Hosts, same.Deadline = []string{"a", "d"}, time.Second
	if err := s.Reconfigure(Config{Sites: []*site.Site{&same}}); err != nil || s.table.Load().routes[&same].pools != kept.routes[a].pools {
		t.Errorf("%v, or the pools of a site that stayed were closed", err)
	}
}

// Two servers share a socket, as two processes do in a hand-over: every request on
// kept and new connections is answered while the first leaves.
func TestHandOver(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	old := start(t, origin, newRecorder(nil), func(c *Config) { c.Listeners = []Listener{{Socket: ln}} })
	silent := dial(t, old.addr) // taken, but has not said anything yet
	eventually(t, "the connection is taken", func() bool { return old.Counters().Connections == 1 })

	stop := make(chan struct{})
	failed := make(chan error, 100)
	var served atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		workers := make(chan struct{}, 8)
		for i := range 8 {
			go func() {
				defer func() { workers <- struct{}{} }()
				tr := &http.Transport{DisableKeepAlives: i%2 == 0}
				defer tr.CloseIdleConnections()
				for {
					select {
					case <-stop:
						return
					default:
					}
					// A body that can't be sent twice: the client tries nothing again.
					r, _ := http.NewRequest("POST", old.url, io.NopCloser(strings.NewReader("x")))
					resp, err := tr.RoundTrip(r)
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
					if err != nil {
						failed <- err
						return
					}
					served.Add(1)
				}
			}()
		}
		for range 8 {
			<-workers
		}
	}()
	eventually(t, "traffic flows", func() bool { return served.Load() > 200 })
	old.WindDown()
	n := served.Load()
	eventually(t, "traffic flows on", func() bool { return served.Load() > n+200 })
	if err := closeSoon(old, func() { silent.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }); err != nil {
		t.Error(err)
	}
	if h := silent.head(); !strings.HasPrefix(h, "HTTP/1.1 200 OK\r\n") || !strings.Contains(h, "Connection: close\r\n") {
		t.Errorf("who had not spoken yet got %q", h)
	}
	start(t, origin, newRecorder(nil), func(c *Config) { c.Listeners = []Listener{{Socket: other}} })
	n = served.Load()
	eventually(t, "the next one serves", func() bool { return served.Load() > n+200 })
	close(stop)
	<-done
	select {
	case err := <-failed:
		t.Errorf("a request failed: %v", err)
	default:
	}
}

func closeSoon(r *rig, meanwhile func()) error {
	done := make(chan error, 1)
	go func() { done <- r.StopAccepting(context.Background()) }()
	meanwhile()
	return <-done
}
