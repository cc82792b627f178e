package edge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// careless is a Decider that says of everything that it wants nothing of it, and
// counts how often it is asked all the same.
type careless struct{ asked atomic.Int64 }

func (c *careless) Decide(_ *wire.Exchange, p wire.Phase) wire.Decision {
	if p == wire.PhaseRequestHead {
		c.asked.Add(1)
	}
	return wire.Decision{}
}

func (c *careless) Indifferent(string, string, *wire.Head) bool { return true }

// attentive is asked about everything.
type attentive struct{ careless }

func (*attentive) Indifferent(string, string, *wire.Head) bool { return false }

// seen is what came of a conversation: what the origin read, connection by
// connection, and what the visitor did.
type seen struct{ origin, visitor, counts string }

// overheard sends what a visitor says, piece by piece, through a Server with the
// Decider to an origin that answers the nth request it reads by the nth script: its
// pieces, of which "|" ends the connection and "~" waits.
func overheard(t *testing.T, d Decider, visitor []string, origin [][]string, change func(*Config)) seen {
	t.Helper()
	var mu sync.Mutex
	var read strings.Builder
	var next, conns int
	addr := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		mu.Lock()
		conns++
		me := conns
		mu.Unlock()
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			body := ""
			if _, n, ok := strings.Cut(head, "Content-Length: "); ok {
				var size int
				_, _ = fmt.Sscan(n, &size)
				b := make([]byte, size)
				_, _ = io.ReadFull(r, b)
				body = string(b)
			}
			mu.Lock()
			fmt.Fprintf(&read, "<%d> %s%s\n", me, head, body)
			script := []string{"HTTP/1.1 500 None\r\nContent-Length: 0\r\n\r\n"}
			if next < len(origin) {
				script = origin[next]
			}
			next++
			mu.Unlock()
			for _, piece := range script {
				switch piece {
				case "|":
					return
				case "~":
					time.Sleep(30 * time.Millisecond)
				default:
					_, _ = io.WriteString(c, piece)
				}
			}
		}
	})
	s := start(t, addr, d, change)
	c := dial(t, s.addr)
	for _, piece := range visitor {
		if piece == "~" {
			time.Sleep(60 * time.Millisecond)
			continue
		}
		c.send(piece)
	}
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	got := c.rest()
	eventually(t, "no exchange is active", func() bool { return s.Counters().Active == 0 })
	k := s.Counters()
	mu.Lock()
	defer mu.Unlock()
	return seen{read.String(), got, fmt.Sprint(k.Requests, k.ClientGone, k.Refused, k.Malformed, k.Faults, k.OriginErrors, k.PerSite["shop"])}
}

const ok = "HTTP/1.1 200 OK\r\nServer: shop\r\nContent-Length: 2\r\n\r\nok"

// connection is which one to the origin a request came over.
var connection = regexp.MustCompile(`(?m)^<\d+>`)

// The straight way must not be told from the other, by the visitor, by the origin
// or by what is counted.
func TestStraightIsAsServe(t *testing.T) {
	get := func(path string, fields ...string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: shop.test\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
	}
	for name, c := range map[string]struct {
		visitor  []string
		origin   [][]string
		straight int // how many of the requests nobody is asked about
	}{
		"one":                {[]string{get("/")}, [][]string{{ok}}, 1},
		"several":            {[]string{get("/1"), "~", get("/2"), "~", get("/3")}, [][]string{{ok}, {ok}, {ok}}, 3},
		"pipelined":          {[]string{get("/1") + get("/2") + "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get("/4")}, [][]string{{ok}, {ok}, {ok}, {ok}}, 4},
		"as it was written":  {[]string{"GET /a?b=%20c HTTP/1.1\r\nhOST:shop.test:80\r\nX-Odd:   two  \r\nForwarded: for=1.2.3.4\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n\r\n"}, [][]string{{ok}}, 1},
		"keep-alive":         {[]string{get("/", "Connection: keep-alive")}, [][]string{{ok}}, 1},
		"the last":           {[]string{get("/", "Connection: close")}, [][]string{{ok}}, 0},
		"a body":             {[]string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"}, [][]string{{ok}}, 1},
		"an empty body":      {[]string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"}, [][]string{{ok}}, 1},
		"a late body":        {[]string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", "~", "llo"}, [][]string{{ok}}, 0},
		"an expected body":   {[]string{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhe"}, [][]string{{ok}}, 0},
		"HTTP/1.0":           {[]string{"GET / HTTP/1.0\r\n\r\n"}, [][]string{{ok}}, 0},
		"an absolute target": {[]string{"GET http://shop.test/x HTTP/1.1\r\nHost: shop.test\r\n\r\n"}, [][]string{{ok}}, 0},
		"OPTIONS *":          {[]string{"OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n\r\n"}, [][]string{{ok}}, 0},
		"fields of a hop":    {[]string{get("/", "TE: trailers"), "~", get("/", "Connection: x-mine", "X-Mine: 1"), "~", get("/", "Proxy-Connection: close"), "~", get("/", "Keep-Alive: 5")}, [][]string{{ok}, {ok}, {ok}, {ok}}, 0},
		"CONNECT":            {[]string{"CONNECT /x HTTP/1.1\r\nHost: shop.test\r\n\r\n"}, nil, 0},
		"HEAD":               {[]string{"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "~", get("/")}, [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"}, {ok}}, 2},
		"204 and 304":        {[]string{get("/"), "~", get("/")}, [][]string{{"HTTP/1.1 204 No Content\r\n\r\n"}, {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"}}, 2},
		"chunks at once":     {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n"}, {ok}}, 2},
		// A response that is not whole at once is gone on with: nobody asks about it
		// then either.
		"chunks in pieces":                 {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "~", "0\r\n\r\n"}, {ok}}, 2},
		"straight behind one that was not": {[]string{get("/1") + get("/2")}, [][]string{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "~", "0\r\n\r\n"}, {ok}}, 2},
		"a head in pieces":                 {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.1 20", "~", "0 OK\r\nContent-Length: 2\r\n\r\n", "~", "ok"}, {ok}}, 2},
		"a long body":                      {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)}, {ok}}, 2},
		"until close":                      {[]string{get("/1")}, [][]string{{"HTTP/1.1 200 OK\r\n\r\nok", "|"}}, 1},
		"interim responses":                {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "~", ok}, {ok}}, 2},
		"old origin":                       {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "|"}, {ok}}, 2},
		"origin closes":                    {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "|"}, {ok}}, 2},
		"origin's hop":                     {[]string{get("/1"), "~", get("/2")}, [][]string{{"HTTP/1.1 200 OK\r\nConnection: x-a\r\nX-A: 1\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok"}, {ok}}, 2},
		"more than was asked":              {[]string{get("/1"), "~", get("/2")}, [][]string{{ok + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"}, {ok}}, 2},
		"more, and later":                  {[]string{get("/1"), "~", "~", get("/2")}, [][]string{{ok, "~", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"}, {ok}}, 2},
		"closed while idle":                {[]string{get("/1"), "~", get("/2")}, [][]string{{ok, "|"}, {ok}}, 2},
		"closed when asked":                {[]string{get("/1"), "~", get("/2")}, [][]string{{ok}, {"|"}, {ok}}, 2},
		"POST and closed":                  {[]string{get("/1"), "~", "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"}, [][]string{{ok}, {"|"}, {ok}}, 2},
		"no answer at all":                 {[]string{get("/1"), "~", get("/2")}, [][]string{{"|"}, {ok}}, 2},
		"no HTTP":                          {[]string{get("/1")}, [][]string{{"SSH-2.0-OpenSSH\r\n\r\n", "|"}}, 1},
		"an ambiguous answer":              {[]string{get("/1")}, [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", "|"}}, 1},
		"cut off in its body":              {[]string{get("/1")}, [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", "|"}}, 1},
		"an upgrade not asked":             {[]string{get("/1")}, [][]string{{"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "|"}}, 1},
		"no HTTP from visitor":             {[]string{get("/1"), "~", "nonsense\r\n\r\n"}, [][]string{{ok}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c1, c2, c3 := &careless{}, &attentive{}, &careless{}
			straight := overheard(t, c1, c.visitor, c.origin, func(cfg *Config) { cfg.NoLanes = true })
			served := overheard(t, c2, c.visitor, c.origin, nil)
			if straight != served {
				t.Errorf("straight:\n%q\n%q\n%s\nserved:\n%q\n%q\n%s", straight.origin, straight.visitor, straight.counts, served.origin, served.visitor, served.counts)
			}
			if n := int(c2.asked.Load() - c1.asked.Load()); n != c.straight {
				t.Errorf("%d requests were not asked about, want %d", n, c.straight)
			}
			// In a lane it is the same, but that it has connections to the origin of its own.
			// The first request is there for a connection to be at hand for the others.
			visitor := append([]string{get("/first"), "~"}, c.visitor...)
			origin := append([][]string{{ok}}, c.origin...)
			served = overheard(t, &attentive{}, visitor, origin, nil)
			riding := overheard(t, c3, visitor, origin, nil)
			for _, o := range []*seen{&served, &riding} {
				o.origin = connection.ReplaceAllString(o.origin, "<>")
			}
			if riding != served {
				t.Errorf("riding:\n%q\n%q\n%s\nserved:\n%q\n%q\n%s", riding.origin, riding.visitor, riding.counts, served.origin, served.visitor, served.counts)
			}
			if n := c3.asked.Load(); n != c1.asked.Load() {
				t.Errorf("in a lane, %d requests were asked about, want %d", n, c1.asked.Load())
			}
		})
	}
}

// Sites, modes and settings that the straight way knows nothing of keep off it.
func TestStraightIsForPlainSites(t *testing.T) {
	ask := []string{"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"}
	for name, c := range map[string]struct {
		change func(*Config)
		asked  int64
	}{
		"plain":                  {nil, 0},
		"passed through":         {func(c *Config) { c.Sites[0].Mode = site.PassThrough }, 0},
		"a whole request's time": {func(c *Config) { c.RequestTimeout = time.Minute }, 1},
		"behind a proxy":         {func(c *Config) { c.TrustedProxies = loopback() }, 1},
		"a health target":        {func(c *Config) { c.Health = Health{Path: "/", Hosts: []string{"else.test"}} }, 1},
		"an authority may ask": {func(c *Config) {
			c.Challenge = func(string, string) (string, bool) { return "", false }
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := &careless{}
			if got := overheard(t, d, ask, [][]string{{ok}}, c.change); got.visitor != ok || d.asked.Load() != c.asked {
				t.Errorf("asked %d times, want %d; %q", d.asked.Load(), c.asked, got.visitor)
			}
		})
	}
}

// startled is a Decider that panics when it is asked whether it cares.
type startled struct{ careless }

func (*startled) Indifferent(string, string, *wire.Head) bool { panic("startled") }

func TestStraightAfterPanic(t *testing.T) {
	d := &startled{}
	if got := overheard(t, d, []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, [][]string{{ok}}, nil); got.visitor != ok || d.asked.Load() != 1 {
		t.Errorf("asked %d times; %q", d.asked.Load(), got.visitor)
	}
}

// A visitor who leaves while the origin thinks is noticed on the straight way too.
func TestStraightVisitorLeaves(t *testing.T) {
	left := make(chan struct{})
	addr := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = r.ReadByte() // until we give up
		close(left)
	})
	s := start(t, addr, &careless{}, nil)
	c := dial(t, s.addr)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "the exchange is under way", func() bool { return s.Counters().Active == 1 })
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("the origin was never let go")
	}
	eventually(t, "it is counted", func() bool { k := s.Counters(); return k.ClientGone == 1 && k.Active == 0 && k.Requests == 1 })
}

// What is put in force while a request is under way is for the next one, also where
// the answer takes the exchange off the straight way.
func TestStraightEndsInWhatItBeganIn(t *testing.T) {
	for name, change := range map[string]func(*rig) error{
		"maintenance": func(s *rig) error { s.site.Switch.SetMode(site.Maintenance); return nil },
		"mirror":      func(s *rig) error { s.site.Switch.SetMode(site.Mirror); return nil },
		"bypass":      func(s *rig) error { s.SetBypass(true); return nil },
		"no such site": func(s *rig) error {
			cfg := s.cfg
			cfg.Sites = []*site.Site{{Name: "else", Hosts: []string{"else.test"}, Origin: s.site.Origin, Mode: site.Active, Failure: site.FailOpen, Switch: &site.Switch{}}}
			return s.Reconfigure(cfg)
		},
	} {
		for _, d := range []Decider{&careless{}, &attentive{}} {
			t.Run(fmt.Sprintf("%s %T", name, d), func(t *testing.T) {
				got, goOn, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
				addr := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
					defer close(left)
					if _, err := readHead(r); err != nil {
						return
					}
					close(got)
					<-goOn
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
					time.Sleep(30 * time.Millisecond)
					_, _ = io.WriteString(c, "ok")
					_, _ = r.ReadByte() // until we let go
				})
				s := start(t, addr, d, nil)
				c := dial(t, s.addr)
				c.send("POST /pay HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n\r\n")
				<-got
				if err := change(s); err != nil {
					t.Fatal(err)
				}
				close(goOn)
				if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 200 ") || c.bytes(2) != "ok" {
					t.Errorf("%q", head)
				}
				_ = c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if err := s.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				select {
				case <-left:
				case <-ctx.Done():
					t.Error("the origin's connection stays open")
				}
			})
		}
	}
}

// An exchange whose head completes when everybody has been cut off is cut off too,
// whatever was left of the one before it.
func TestACutOffIsForWhatBeginsAfterIt(t *testing.T) {
	s, err := New(Config{Listeners: []Listener{{Addr: "127.0.0.1:0"}},
		Sites: []*site.Site{{Name: "shop", Hosts: []string{"*"}, Origin: "http://127.0.0.1:1", Mode: site.Active, Failure: site.FailOpen, Switch: &site.Switch{}}}}, &careless{})
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []int32{0, clientLeft, cutOff} {
		e := &exchange{s: s}
		e.abort(before)
		if e.ready(); e.aborted.Load() != 0 {
			t.Errorf("aborted %d before: %d stays", before, e.aborted.Load())
		}
	}
	s.cutOff()
	for _, blank := range []bool{false, true} {
		e := &exchange{s: s, blank: blank}
		e.abort(cutOff)
		if e.ready(); e.aborted.Load() != cutOff {
			t.Errorf("blank %v: cut off, and goes on (%d)", blank, e.aborted.Load())
		}
	}
}
