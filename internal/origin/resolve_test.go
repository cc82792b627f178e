package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/throughline/throughline/internal/site"
)

// names is a DNS server whose answers a test changes, and its resolver.
type names struct {
	mu       sync.Mutex
	known    map[string][]string
	asked    int
	resolver net.Resolver
}

func startNames(t *testing.T) *names {
	t.Helper()
	n := &names{known: map[string][]string{}}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(n.answer)}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.ActivateAndServe() }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	n.resolver = net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	return n
}

func (n *names) answer(w dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(q)
	list, ok := n.known[q.Question[0].Name]
	if !ok {
		m.Rcode = dns.RcodeNameError
	}
	for _, a := range list {
		kind := "A"
		if strings.Contains(a, ":") {
			kind = "AAAA"
		}
		if dns.TypeToString[q.Question[0].Qtype] == kind {
			rr, _ := dns.NewRR(q.Question[0].Name + " 1 IN " + kind + " " + a)
			m.Answer = append(m.Answer, rr)
		}
	}
	n.asked++
	_ = w.WriteMsg(m)
}

func (n *names) set(host string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.known, host+".")
	if len(addrs) > 0 {
		n.known[host+"."] = addrs
	}
}

func (n *names) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *names) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return n.resolver.LookupNetIP(ctx, "ip", host+".")
}

// hostsOn listens on one port of several loopback addresses, whose requests are
// answered with the address.
func hostsOn(t *testing.T, addrs ...string) (port string) {
	t.Helper()
	port = "0"
	for _, a := range addrs {
		ln, err := net.Listen("tcp", net.JoinHostPort(a, port))
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(ln.Addr().String())
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, a) })}
		go func() { _ = srv.Serve(ln) }()
		t.Cleanup(func() { _ = srv.Close() })
	}
	return port
}

// named is a pool over a name.
func named(t *testing.T, n *names, port string, o Options) (*Pool, *clock) {
	t.Helper()
	c := &clock{}
	c.at.Store(1_000_000)
	o.Now, o.Lookup = c.now, n.lookup
	return opened(t, &site.Site{Origin: "http://shop.example:" + port}, o).Pool(""), c
}

// settled waits for the resolution that a request has begun.
func settled(p *Pool) {
	p.mu.Lock()
	l := p.asking
	p.mu.Unlock()
	if l != nil {
		<-l.done
	}
}

// All addresses of a name are used, evenly, and are asked for once in a while.
func TestAllAddressesOfANameAreUsed(t *testing.T) {
	n := startNames(t)
	port := hostsOn(t, "127.0.0.2", "127.0.0.3", "127.0.0.4")
	n.set("shop.example", "127.0.0.2", "127.0.0.3", "127.0.0.4")
	p, _ := named(t, n, port, Options{})
	spread(t, p, 1)
	once := n.questions()
	got := spread(t, p, 600)
	for _, a := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		if got[a] < 140 || got[a] > 260 {
			t.Errorf("%s got %d of 600", a, got[a])
		}
	}
	if q := n.questions(); q != once {
		t.Errorf("asked %d times more", q-once)
	}
	if s := fmt.Sprint(p.Addrs()); s != "[shop.example:"+port+"]" {
		t.Error(s)
	}
}

// A change is followed: new addresses are used, connections to old ones closed,
// and those that stay keep theirs.
func TestAChangeOfAddressesIsFollowed(t *testing.T) {
	n := startNames(t)
	port := hostsOn(t, "127.0.0.2", "127.0.0.3", "127.0.0.4")
	n.set("shop.example", "127.0.0.2", "127.0.0.3")
	p, c := named(t, n, port, Options{})
	spread(t, p, 50)
	stays := p.list()[1]
	n.set("shop.example", "127.0.0.3", "127.0.0.4")
	if got := spread(t, p, 50); got["127.0.0.4"] > 0 {
		t.Errorf("asked before it was time: %v", got)
	}
	old := p.list()[0]
	c.forward(11 * time.Second)
	spread(t, p, 1)
	settled(p)
	if got := spread(t, p, 100); got["127.0.0.2"] > 0 || got["127.0.0.3"] < 20 || got["127.0.0.4"] < 20 {
		t.Errorf("%v", got)
	}
	if p.list()[0] != stays || len(old.idle) != 0 || !old.closed {
		t.Errorf("%v stays, %d idle connections to the old", p.list()[0] == stays, len(old.idle))
	}
}

// A name that can't be resolved any more costs nothing: what was known is used.
func TestALostNameKeepsItsAddresses(t *testing.T) {
	n := startNames(t)
	port := hostsOn(t, "127.0.0.2")
	n.set("shop.example", "127.0.0.2")
	changes := make(chan string, 10)
	p, c := named(t, n, port, Options{Changed: func(addr string, up bool, why string) { changes <- fmt.Sprint(addr, up, why != "") }})
	spread(t, p, 3)
	n.set("shop.example")
	for range 3 {
		c.forward(11 * time.Second)
		spread(t, p, 3)
		settled(p)
	}
	n.set("shop.example", "127.0.0.2")
	c.forward(2 * time.Second)
	spread(t, p, 1)
	settled(p)
	close(changes)
	told := ""
	for s := range changes {
		told += s + ";"
	}
	if told != "shop.examplefalse true;shop.exampletrue false;" {
		t.Error(told)
	}
}

// While nothing is known requests fail with what the resolver said, which is not
// asked by each of them.
func TestANameThatNeverWas(t *testing.T) {
	n := startNames(t)
	p, c := named(t, n, "1", Options{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := p.Get(context.Background())
			var lost *net.DNSError
			if !errors.As(err, &lost) || !lost.IsNotFound {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if s := p.Endpoints(); len(s) != 1 || s[0].Up || !strings.Contains(s[0].Error, "no such host") {
		t.Errorf("%+v", s)
	}
	before := n.questions()
	if before > 8 {
		t.Errorf("asked %d times", before)
	}
	port := hostsOn(t, "127.0.0.2")
	p.names[0].port = port
	n.set("shop.example", "127.0.0.2")
	if _, err := p.Get(context.Background()); err == nil || n.questions() != before {
		t.Errorf("asked again at once: %v", err)
	}
	c.forward(2 * time.Second)
	spread(t, p, 1)
}

// Where a machine has no way to one kind of address the other is used alone.
func TestBothKindsOfAddress(t *testing.T) {
	n := startNames(t)
	port := hostsOn(t, "127.0.0.2")
	n.set("shop.example", "127.0.0.2", "2001:db8::1")
	p, _ := named(t, n, port, Options{})
	if got := spread(t, p, 20); got["127.0.0.2"] != 20 {
		t.Errorf("%v", got)
	}
	if want := map[bool]int{true: 2, false: 1}[routed(netip.MustParseAddr("2001:db8::1"))]; len(p.list()) != want {
		t.Errorf("%d addresses in use, want %d", len(p.list()), want)
	}
}

// A pool with checks knows its addresses, and their health, before anybody asks.
func TestChecksFollowNames(t *testing.T) {
	n := startNames(t)
	port := hostsOn(t, "127.0.0.2", "127.0.0.3")
	n.set("shop.example", "127.0.0.2")
	p := opened(t, &site.Site{Origin: "http://shop.example:" + port, Health: &site.Health{Path: "/", Status: 200,
		Interval: 20 * time.Millisecond, Timeout: 20 * time.Millisecond}}, Options{Lookup: n.lookup, ResolveEvery: 10 * time.Millisecond}).Pool("")
	until := func(what string, ok func() bool) {
		t.Helper()
		for range 1000 {
			if ok() {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatal("never: " + what)
	}
	until("it is resolved", func() bool { return len(p.list()) == 1 })
	n.set("shop.example", "127.0.0.3", "127.0.0.4")
	until("one that nobody listens on is found", func() bool {
		s := p.Endpoints()
		return len(s) == 2 && s[0].Up && !s[1].Up
	})
	if got := spread(t, p, 50); got["127.0.0.3"] != 50 || p.Endpoints()[1].Failures != 0 {
		t.Errorf("%v %+v", got, p.Endpoints())
	}
}
