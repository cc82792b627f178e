//go:build linux

package edge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

const getRequest = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"

// aboard is a visitor who rides, over whose lane an origin's connection is at hand.
func aboard(t *testing.T, s *rig) *client {
	t.Helper()
	c := dial(t, s.addr)
	for range 2 { // the first has a connection to the origin opened
		c.send(getRequest)
		if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 200 ") || c.bytes(2) != "ok" {
			t.Fatalf("%q", head)
		}
	}
	eventually(t, "everybody rides", func() bool { return s.lanes.riding.Load() == s.Counters().Connections })
	return c
}

// simple answers "ok" to all, but for what the paths say.
func simple(t *testing.T) string {
	return serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			w.Header().Set("Content-Length", "200000")
			_, _ = io.WriteString(w, strings.Repeat("x", 200000))
			return
		case "/slow":
			select {
			case <-time.After(1200 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		case "/never":
			<-r.Context().Done()
			return
		case "/cut":
			panic(http.ErrAbortHandler)
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "ok"+string(body))
	})
}

func TestRestingConnectionsRide(t *testing.T) {
	s := start(t, simple(t), &careless{}, nil)
	c := aboard(t, s)
	before := s.lanes.alighted.Load()
	for range 20 {
		c.send(getRequest)
		if c.head(); c.bytes(2) != "ok" {
			t.Fatal("no answer")
		}
		c.send(getRequest + getRequest + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
		for _, want := range []string{"ok", "ok", "okhi"} {
			if c.head(); c.bytes(len(want)) != want {
				t.Fatalf("want %s", want)
			}
		}
	}
	if n := s.lanes.alighted.Load() - before; n != 0 {
		t.Errorf("alighted %d times", n)
	}
	if k := s.Counters(); k.Requests != 82 || k.Active != 0 || k.PerSite["shop"].Requests != 82 {
		t.Errorf("%+v", k)
	}
	_ = c.Close()
	eventually(t, "the visitor's end is noticed", func() bool { return s.Counters().Connections == 0 && s.lanes.riding.Load() == 0 })
}

// Whoever is more than a lane can take alights, is served, and boards again.
func TestWhoAlights(t *testing.T) {
	s := start(t, simple(t), &careless{}, func(c *Config) { c.HeadTimeout = 400 * time.Millisecond })
	for name, c := range map[string]struct {
		pieces []string
		want   string // of the answer, the beginning
		ends   bool   // the connection ends with it
	}{
		"a late body":      {[]string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", "body"}, "HTTP/1.1 200 OK", false},
		"chunks":           {[]string{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"}, "HTTP/1.1 200 OK", false},
		"a head in pieces": {[]string{"GET / HT", "TP/1.1\r\nHost: ", "a\r\n\r\n"}, "HTTP/1.1 200 OK", false},
		"a slow head":      {[]string{"GET / HT"}, "HTTP/1.1 408 ", true},
		"no HTTP":          {[]string{"nonsense\r\n\r\n"}, "HTTP/1.1 400 ", true},
		"the last":         {[]string{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"}, "HTTP/1.1 200 OK", true},
		"HTTP/1.0":         {[]string{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"}, "HTTP/1.0 200 OK", false},
		"a large answer":   {[]string{"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"}, "HTTP/1.1 200 OK", false},
		"a slow one":       {[]string{"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"}, "HTTP/1.1 200 OK", false},
		"none":             {[]string{"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n"}, "HTTP/1.1 502 ", false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := aboard(t, s)
			before := s.lanes.alighted.Load()
			for i, piece := range c.pieces {
				if i > 0 {
					time.Sleep(50 * time.Millisecond)
				}
				conn.send(piece)
			}
			resp, err := http.ReadResponse(conn.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if got := resp.Proto + " " + resp.Status; err != nil || !strings.HasPrefix(got, c.want) {
				t.Errorf("%q %v", got, err)
			}
			if resp.StatusCode == 200 && !strings.HasPrefix(string(body), "ok") && len(body) != 200000 {
				t.Errorf("%d bytes", len(body))
			}
			if s.lanes.alighted.Load() == before {
				t.Error("it was served in the lane")
			}
			if c.ends {
				if _, err := conn.r.ReadByte(); err != io.EOF {
					t.Errorf("the connection goes on: %v", err)
				}
				return
			}
			eventually(t, "it rides again", func() bool { return s.lanes.riding.Load() == s.Counters().Connections })
			conn.send(getRequest)
			if conn.head(); conn.bytes(2) != "ok" {
				t.Error("not served again")
			}
			_ = conn.Close()
		})
	}
	eventually(t, "nobody is left", func() bool { k := s.Counters(); return k.Connections == 0 && k.Active == 0 })
	if k := s.Counters(); k.Faults != 0 || k.SlowHeads != 1 || k.Malformed != 1 || k.OriginErrors["reset"] != 1 {
		t.Errorf("%+v", k)
	}
}

// An exchange that the origin is slow with has its time, and its visitor's end is
// noticed, as it would be without lanes.
func TestRidersAreWatched(t *testing.T) {
	s := start(t, simple(t), &careless{}, func(c *Config) { c.Origin.HeaderTimeout = shortest })
	c := aboard(t, s)
	c.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 504 ") {
		t.Errorf("%q", head)
	}
	s = start(t, simple(t), &careless{}, nil)
	c = aboard(t, s)
	c.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "the exchange is under way", func() bool { return s.Counters().Active == 1 })
	_ = c.Close()
	eventually(t, "its visitor has left", func() bool { k := s.Counters(); return k.ClientGone == 1 && k.Active == 0 && k.Connections == 0 })
}

func TestRidersAtRestHaveTheirTime(t *testing.T) {
	s := start(t, simple(t), &careless{}, func(c *Config) { c.IdleTimeout = 300 * time.Millisecond })
	c := aboard(t, s)
	begun := time.Now()
	if _, err := c.r.ReadByte(); err != io.EOF {
		t.Errorf("%v", err)
	}
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("ended after %v", took)
	}
	eventually(t, "it is counted", func() bool { return s.Counters().Connections == 0 })
}

// What an origin sends when nobody has asked reaches nobody, and ends the connection.
func TestWhatComesUnaskedEndsAHire(t *testing.T) {
	poison := make(chan struct{})
	var mu sync.Mutex
	conns, ended := 0, 0
	addr := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		mu.Lock()
		conns++
		first := conns == 1
		mu.Unlock()
		if first {
			go func() {
				<-poison
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
			}()
		}
		for {
			if _, err := readHead(r); err != nil {
				mu.Lock()
				ended++
				mu.Unlock()
				return
			}
			_, _ = io.WriteString(c, ok)
		}
	})
	s := start(t, addr, &careless{}, nil)
	c := aboard(t, s)
	close(poison)
	eventually(t, "the connection ends", func() bool { mu.Lock(); defer mu.Unlock(); return ended == 1 })
	for range 3 {
		c.send(getRequest)
		if c.head(); c.bytes(2) != "ok" {
			t.Fatal("poisoned")
		}
	}
}

// A visitor whose POST meets a connection that the origin has just ended does not hear
// of it: nothing was sent.
func TestHiresAreLookedAtForWhatMustNotBeSentTwice(t *testing.T) {
	var mu sync.Mutex
	got := 0
	addr := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for range 2 { // and then it ends
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.HasPrefix(head, "POST") {
				mu.Lock()
				got++
				mu.Unlock()
			}
			_, _ = io.WriteString(c, ok)
		}
	})
	s := start(t, addr, &careless{}, nil)
	c := dial(t, s.addr)
	for range 30 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 200") || c.bytes(2) != "ok" {
			t.Fatalf("%q", head)
		}
		time.Sleep(5 * time.Millisecond) // the end has come
	}
	mu.Lock()
	defer mu.Unlock()
	if got != 30 {
		t.Errorf("the origin got %d of 30", got)
	}
}

// A panic in a lane costs its exchange, and nobody else's.
func TestAPanicInALane(t *testing.T) {
	s := start(t, simple(t), &careless{}, nil)
	one, other := aboard(t, s), aboard(t, s)
	table := s.table.Swap(nil)
	one.send(getRequest)
	if _, err := one.r.ReadByte(); err == nil {
		t.Error("an answer, from nowhere")
	}
	s.table.Store(table)
	other.send(getRequest)
	if other.head(); other.bytes(2) != "ok" {
		t.Error("the other is not served")
	}
	_ = other.Close()
	eventually(t, "all is counted", func() bool {
		k := s.Counters()
		return k.Faults == 1 && k.Active == 0 && k.Connections == 0 && s.lanes.riding.Load() == 0
	})
}

func TestShutdownWithRiders(t *testing.T) {
	s := start(t, simple(t), &careless{}, nil)
	atRest, under, cut := aboard(t, s), aboard(t, s), aboard(t, s)
	under.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	cut.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "two are under way", func() bool { return s.Counters().Active == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	if _, err := atRest.r.ReadByte(); err != io.EOF {
		t.Errorf("at rest: %v", err)
	}
	if head := under.head(); !strings.HasPrefix(head, "HTTP/1.1 200 ") || under.bytes(2) != "ok" {
		t.Errorf("under way: %q", head)
	}
	if err := <-done; err == nil {
		t.Error("the exchange that never ends has ended")
	}
	if k := s.Counters(); k.Active != 0 || k.Connections != 0 || s.lanes.riding.Load() != 0 {
		t.Errorf("%+v", k)
	}
}

// What is put in force is so for riders too, and a pool that is not used any more keeps
// no connections.
func TestRidersSeeWhatIsInForce(t *testing.T) {
	s := start(t, simple(t), &careless{}, nil)
	c := aboard(t, s)
	pool := s.table.Load().only.pools.Pool("")
	if n := pool.Idle(); n != 1 {
		t.Errorf("%d connections at rest, want 1", n)
	}
	other := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "new") })
	cfg := s.cfg
	cfg.Sites = []*site.Site{{Name: "shop", Hosts: []string{"*"}, Origin: other, Mode: site.Active, Failure: site.FailOpen, Switch: &site.Switch{}}}
	if err := s.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	c.send(getRequest)
	if c.head(); c.bytes(3) != "new" {
		t.Error("the old origin was asked")
	}
	eventually(t, "the old one is let go", func() bool { return pool.Idle() == 0 })
	cfg.Sites[0].Switch.SetMode(site.Maintenance)
	c.send(getRequest)
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("%q", head)
	}
}

// Passengers are spread anew when there are to be more lanes, or fewer.
// gate is a Decider that holds whoever asks it whether it cares, once it is shut.
type gate struct {
	careless
	shut     atomic.Bool
	in, goOn chan struct{}
}

func (g *gate) Indifferent(string, string, *wire.Head) bool {
	if g.shut.CompareAndSwap(true, false) {
		g.in <- struct{}{}
		<-g.goOn
	}
	return true
}

// What an origin sends unasked reaches nobody either when it comes while the lane is
// busy with others, and has not heard of it.
func TestHiresAreLookedAtBeforeUse(t *testing.T) {
	conns := make(chan net.Conn, 10)
	addr := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		conns <- c
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, ok)
		}
	})
	g := &gate{in: make(chan struct{}), goOn: make(chan struct{})}
	c := aboard(t, start(t, addr, g, nil))
	g.shut.Store(true)
	c.send(getRequest)
	<-g.in
	_, _ = io.WriteString(<-conns, "HTTP/1.1 200 OK\r\nServer: shop\r\nContent-Length: 2\r\n\r\nXX")
	time.Sleep(20 * time.Millisecond)
	close(g.goOn)
	if c.head(); c.bytes(2) != "ok" {
		t.Error("poisoned")
	}
}

// An origin may serve no more connections at once than there are: one at rest in a lane
// is there for who does not ride, too.
func TestHiresAreHandedBack(t *testing.T) {
	var one sync.Mutex
	addr := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		one.Lock()
		defer one.Unlock()
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, ok)
		}
	})
	s := start(t, addr, &careless{}, nil)
	c := aboard(t, s)
	for range 3 {
		c.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")
		if c.head(); c.bytes(2) != "ok" {
			t.Fatal("not served")
		}
		eventually(t, "it rides again", func() bool { return s.lanes.riding.Load() == 1 })
		c.send(getRequest)
		if c.head(); c.bytes(2) != "ok" {
			t.Fatal("not served in the lane")
		}
	}
	pool := s.table.Load().only.pools.Pool("")
	if n := pool.Idle(); n != 1 {
		t.Errorf("%d at rest, want 1", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if n := pool.Idle(); n != 0 {
		t.Errorf("%d at rest after everything has ended", n)
	}
}

// More connections than an origin may have at rest do not rest in lanes either, nor for
// longer than they may.
func TestHiresRestWithinBounds(t *testing.T) {
	s := start(t, simple(t), &careless{}, func(c *Config) { c.Origin.MaxIdle, c.Origin.IdleTimeout = 2, 600*time.Millisecond })
	pool := s.table.Load().only.pools.Pool("")
	var all []*client
	for range 6 {
		all = append(all, aboard(t, s))
	}
	for range 3 {
		for _, c := range all {
			c.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + getRequest)
		}
		for _, c := range all {
			for range 2 {
				if c.head(); c.bytes(2) != "ok" {
					t.Fatal("no answer")
				}
			}
		}
		if n := pool.Idle(); n > 2 {
			t.Errorf("%d at rest, want at most 2", n)
		}
	}
	eventually(t, "none rests any more", func() bool { return pool.Idle() == 0 })
}

// A visitor who sends without end and does not read gets all of it, in order.
func TestASlowReaderAlights(t *testing.T) {
	const n = 400
	body := strings.Repeat("y", 15000)
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Path)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = io.WriteString(w, body)
	})
	s := start(t, origin, &careless{}, nil)
	c := dial(t, s.addr)
	ask := func(i int) { _, _ = fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i) }
	answer := func(i int) {
		if head := c.head(); !strings.Contains(head, fmt.Sprintf("X-Path: /%d\r\n", i)) || c.bytes(len(body)) != body {
			t.Fatalf("%d: %q", i, head)
		}
	}
	for i := range 2 {
		ask(i)
		answer(i)
	}
	eventually(t, "it rides", func() bool { return s.lanes.riding.Load() == 1 })
	go func() {
		for i := 2; i < n; i++ {
			ask(i)
		}
	}()
	time.Sleep(300 * time.Millisecond)
	for i := 2; i < n; i++ {
		answer(i)
	}
	eventually(t, "nothing is under way", func() bool { return s.Counters().Active == 0 })
	if k := s.Counters(); k.Requests != n || k.ClientGone != 0 {
		t.Errorf("%+v", k)
	}
}

// Lanes pay where many requests come, and passengers alight where few do.
// Who alights again and again waits for longer each time, unless he has ridden for long.
// A passenger whose request has been read is busy from then on: a Server that stops
// would take it for one at rest, and end it.
func TestAPassengerThatAlightsIsBusy(t *testing.T) {
	s := start(t, simple(t), &careless{}, nil)
	c := aboard(t, s)
	s.lanes.mu.Lock()
	ln := s.lanes.list[0]
	s.lanes.mu.Unlock()
	in, done := make(chan struct{}), make(chan struct{})
	if err := ln.post(func() {
		defer close(done)
		s.lanes.eager = false // so that it is to alight
		close(in)
		p := ln.all[0]
		for p.v.in.Len() == 0 && !p.left { // until the request has come
			p.Ready()
		}
		if !p.left || !p.v.busy.Load() {
			t.Errorf("left %v, busy %v", p.left, p.v.busy.Load())
		}
	}); err != nil {
		t.Fatal(err)
	}
	<-in
	c.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-done
	if c.head(); c.bytes(2) != "ok" {
		t.Error("not served")
	}
}

// What a passenger has of time and rides goes with it from lane to lane.
