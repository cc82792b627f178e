package edge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// TestMain fails when the tests leave goroutines behind: each exchange must
// clean up after itself, however it ended.
func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	var left []string
	for range 100 {
		if left = running(); len(left) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if len(left) > 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines left behind:\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// running lists the goroutines that relay or serve.
func running() (left []string) {
	buf := make([]byte, 4<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if (strings.Contains(g, "internal/edge.") || strings.Contains(g, "net/http.")) && !strings.Contains(g, "edge.TestMain") {
			left = append(left, g)
		}
	}
	return left
}

// recorder is a Decider that remembers what it was asked.
type recorder struct {
	decide func(x *wire.Exchange, p wire.Phase) wire.Decision

	mu    sync.Mutex
	seen  map[uint64][]wire.Phase
	ended []wire.Exchange // as they were at PhaseEnd
	end   chan struct{}   // one per PhaseEnd
}

func newRecorder(decide func(x *wire.Exchange, p wire.Phase) wire.Decision) *recorder {
	return &recorder{decide: decide, seen: map[uint64][]wire.Phase{}, end: make(chan struct{}, 1000)}
}

func (r *recorder) Decide(x *wire.Exchange, p wire.Phase) wire.Decision {
	r.mu.Lock()
	r.seen[x.ID] = append(r.seen[x.ID], p)
	if p == wire.PhaseEnd {
		c := *x
		c.Request, c.Response = kept(x.Request), kept(x.Response)
		c.SpecID = strings.Clone(x.SpecID)
		if x.Conn.Shown != nil { // lent, too
			shown := *x.Conn.Shown
			shown.JA3, shown.JA4 = strings.Clone(shown.JA3), strings.Clone(shown.JA4)
			c.Conn.Shown = &shown
		}
		c.ReqBody.Bytes = append([]byte(nil), x.ReqBody.Bytes...)
		c.RespBody.Bytes = append([]byte(nil), x.RespBody.Bytes...)
		r.ended = append(r.ended, c)
		r.end <- struct{}{}
	}
	r.mu.Unlock()
	if r.decide == nil {
		return wire.Decision{}
	}
	return r.decide(x, p)
}

// kept copies a head, which is only lent.
func kept(h wire.Head) wire.Head {
	h.Method, h.Target, h.Host, h.Reason, h.Proto = strings.Clone(h.Method), strings.Clone(h.Target), strings.Clone(h.Host), strings.Clone(h.Reason), strings.Clone(h.Proto)
	fields := h.Fields
	h.Fields = nil
	for _, f := range fields {
		h.Fields = append(h.Fields, wire.Field{Name: strings.Clone(f.Name), Value: strings.Clone(f.Value)})
	}
	return h
}

// one waits for an exchange to end and returns it with the phases asked.
func (r *recorder) one(t *testing.T) (wire.Exchange, string) {
	t.Helper()
	select {
	case <-r.end:
	case <-time.After(20 * time.Second):
		t.Fatal("no exchange ended")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.ended[0]
	r.ended = r.ended[1:]
	return x, phases(r.seen[x.ID])
}

func phases(list []wire.Phase) string {
	names := []string{"?", "head", "body", "response", "response-body", "end"}
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = names[p]
	}
	return strings.Join(out, " ")
}

// rig is a Server in front of one origin.
type rig struct {
	*Server
	site *site.Site
	addr string
	url  string
}

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// start runs a Server for a test; change adjusts its configuration.
func start(t testing.TB, origin string, d Decider, change func(*Config)) *rig {
	t.Helper()
	st := &site.Site{Name: "shop", Hosts: []string{"*"}, Origin: origin, Mode: site.Active, Failure: site.FailOpen, Switch: &site.Switch{}}
	cfg := Config{Listeners: []Listener{{Addr: "127.0.0.1:0"}}, Sites: []*site.Site{st}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	s.lanes.eager = true
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	addr := s.Addrs()[0].String()
	return &rig{Server: s, site: cfg.Sites[0], addr: addr, url: "http://" + addr}
}

// serveOrigin is an HTTP origin.
func serveOrigin(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	o := httptest.NewServer(h)
	t.Cleanup(o.Close)
	return o.URL
}

// rawOrigin accepts connections and hands each to fn.
func rawOrigin(t *testing.T, fn func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				fn(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return "http://" + ln.Addr().String()
}

// readHead reads a message head as it stands on the wire.
func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String(), err
		}
	}
}

// client is a raw connection to the Server.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { _ = c.Close() })
	return &client{t: t, Conn: c, r: bufio.NewReader(c)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) head() string {
	c.t.Helper()
	h, err := readHead(c.r)
	if err != nil {
		c.t.Fatalf("read head: %v after %q", err, h)
	}
	return h
}

func (c *client) bytes(n int) string {
	c.t.Helper()
	b := make([]byte, n)
	if m, err := io.ReadFull(c.r, b); err != nil {
		c.t.Fatalf("want %d bytes: %v after %q", n, err, b[:m])
	}
	return string(b)
}

// rest reads until the Server ends the connection.
func (c *client) rest() string {
	b, _ := io.ReadAll(c.r) // a reset ends it as well
	return string(b)
}

func get(t *testing.T, url string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("body: %v after %q", err, body)
	}
	return resp, string(body)
}

// eventually waits for something that has no event of its own.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}
