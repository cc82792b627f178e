package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// identified runs a Server with TLS that gives IDs in its tickets.
func identified(t *testing.T, origin string, change func(*Config)) (*rig, *recorder) {
	t.Helper()
	tickets, err := fingerprint.NewTickets("", nil)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(nil)
	cert, key := certificate(t, t.TempDir(), "shop.example")
	return start(t, origin, rec, func(c *Config) {
		c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key
		c.Fingerprint.Tickets = tickets
		if change != nil {
			change(c)
		}
	}), rec
}

// person is a client with a memory for sessions of its own. It sends what is set
// before each connection.
func person(t *testing.T, proto string, header string) (*http.Transport, *net.Dialer) {
	t.Helper()
	d := &net.Dialer{}
	transport := &http.Transport{ForceAttemptHTTP2: proto == "h2", TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example",
		NextProtos: []string{proto}, ClientSessionCache: tls.NewLRUClientSessionCache(4)},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, addr)
			if err == nil && header != "" {
				_, err = io.WriteString(c, header)
			}
			return c, err
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport, d
}

// TestConnectionsAndTicketsTellVisitorsApart: the same connection, one that resumes
// from another address, and a fresh one.
func TestConnectionsAndTicketsTellVisitorsApart(t *testing.T) {
	for _, proto := range []string{"h2", "http/1.1"} {
		for _, max := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s, rec := identified(t, fixed(t, 10), nil)
			me, from := person(t, proto, "")
			me.TLSClientConfig.MaxVersion = max
			ask := func(by *http.Transport) wire.Conn {
				fields(t, "https://"+s.addr+"/", by)
				x, _ := rec.one(t)
				return x.Conn
			}
			first, same := ask(me), ask(me)
			if len(first.ID) != 24 || same.ID != first.ID || len(first.Ticket) != 32 || same.Ticket != first.Ticket || first.Resumed || same.Resumed {
				t.Errorf("%s %x: one connection is %+v and %+v", proto, max, first, same)
			}
			if first.Memory == nil || same.Memory != first.Memory {
				t.Errorf("%s: its memory is not its own", proto)
			}
			me.CloseIdleConnections()
			from.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7)}
			back := ask(me)
			if back.Client.String() != "127.0.0.7" || back.ID == first.ID || back.ID == "" || back.Ticket != first.Ticket || !back.Resumed || back.Memory == first.Memory {
				t.Errorf("%s %x: resumed it is %+v, and was %+v", proto, max, back, first)
			}
			other, _ := person(t, proto, "")
			if fresh := ask(other); fresh.ID == first.ID || fresh.ID == back.ID || fresh.Ticket == first.Ticket || fresh.Resumed {
				t.Errorf("%s %x: somebody else is %+v, and I was %+v", proto, max, fresh, first)
			}
		}
	}
}

// TestWhoMayBeSeveralIsNobody: where a connection may be several visitors', it is no
// key, nor is its ticket.
func TestWhoMayBeSeveralIsNobody(t *testing.T) {
	const ended = "\x20\x00\x05\x01\x00\x00\x00\x00"    // PP2_TYPE_SSL: the visitor came with TLS
	const notEnded = "\x20\x00\x05\x00\x00\x00\x00\x00" // he did not
	announced := func(c *Config) { c.Listeners[0].Announced = loopback() }
	trusted := func(c *Config) { c.TrustedProxies = loopback() }
	for _, c := range []struct {
		what, before   string
		set            []string
		change         func(*Config)
		id, ticket     bool
		client, worker string
	}{
		{what: "alone", id: true, ticket: true},
		{what: "behind PROXY protocol 1", before: "PROXY TCP4 198.51.100.7 10.0.0.1 12345 443\r\n", change: announced, id: true, ticket: true, client: "198.51.100.7"},
		{what: "behind PROXY protocol 2", before: binaryHeader(0x21, 0x11, four+noop), change: announced, id: true, ticket: true, client: "198.51.100.7"},
		{what: "in the clear to the balancer", before: binaryHeader(0x21, 0x11, four+notEnded), change: announced, id: true, ticket: true, client: "198.51.100.7"},
		{what: "TLS ends at the balancer", before: binaryHeader(0x21, 0x11, four+noop+ended), change: announced, client: "198.51.100.7"},
		{what: "behind a trusted proxy", set: []string{"X-Forwarded-For", "192.0.2.7"}, change: trusted, client: "192.0.2.7"},
		{what: "behind a trusted proxy that tells nothing", change: trusted},
		{what: "behind one announced", before: "PROXY TCP4 198.51.100.7 10.0.0.1 12345 443\r\n", set: []string{"X-Forwarded-For", "192.0.2.7"},
			change: func(c *Config) {
				announced(c)
				c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
			}, client: "192.0.2.7"},
		{what: "X-Forwarded-For of nobody we know", set: []string{"X-Forwarded-For", "192.0.2.7"}},
		{what: "Forwarded", set: []string{"Forwarded", "for=192.0.2.7"}},
		{what: "Via", set: []string{"Via", "1.1 gate"}},
		{what: "a worker", set: []string{"X-Spec-Customer-Authorization", "0123456789abcdef"}, change: func(c *Config) {
			c.Sites[0].Worker = &site.Worker{Keys: []site.KeyDigest{site.DigestKey("0123456789abcdef")}}
		}},
		{what: "a mirror's copies", change: func(c *Config) { c.Sites[0].Mode = site.Mirror }},
		{what: "the site's connections are shared", change: func(c *Config) { c.Sites[0].SharedConnections = true }, ticket: true},
		{what: "the site's tickets are shared", change: func(c *Config) { c.Sites[0].SharedTickets = true }, id: true},
		{what: "connections are switched off", change: func(c *Config) { c.Fingerprint.NoConnections = true }, ticket: true},
		{what: "tickets are", change: func(c *Config) { c.Fingerprint.Tickets = nil }, id: true},
	} {
		s, rec := identified(t, fixed(t, 10), c.change)
		for _, proto := range []string{"h2", "http/1.1"} {
			me, _ := person(t, proto, c.before)
			for i := range 2 {
				fields(t, "https://"+s.addr+"/", me, c.set...)
				me.CloseIdleConnections()
				x, _ := rec.one(t)
				got := x.Conn
				if (got.ID != "") != c.id || (got.Ticket != "") != c.ticket || got.Resumed != (c.ticket && i > 0) {
					t.Errorf("%s, %s, %d: %+v", c.what, proto, i, got)
				}
				if c.client != "" && got.Client.String() != c.client {
					t.Errorf("%s: of %s", c.what, got.Client)
				}
				if shown := got.Shown; strings.HasPrefix(c.what, "TLS ends") && *shown != (wire.Shown{}) {
					t.Errorf("%s: %+v is the balancer's", c.what, shown)
				}
				if got.Proxied && got.Memory != nil {
					t.Errorf("%s: it has a memory, which may be several visitors'", c.what)
				}
			}
		}
	}
	rec := newRecorder(nil)
	s := start(t, fixed(t, 10), rec, nil)
	fields(t, "http://"+s.addr+"/", http.DefaultTransport)
	if x, _ := rec.one(t); x.Conn.ID != "" || x.Conn.Ticket != "" || x.Conn.Memory != nil {
		t.Errorf("in the clear: %+v", x.Conn)
	}
}

// TestIdentitiesOfProcesses has two servers, as two processes would be.
func TestIdentitiesOfProcesses(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		ids, err := newIdentities()
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if id := ids.next(); seen[id] {
				t.Fatalf("%x is given twice", id)
			} else {
				seen[id] = true
			}
		}
	}
}

// TestCurlResumes over HTTP/1.1, where each request has a connection of its own. It
// takes no tickets in TLS 1.2 (SSL_OP_NO_TICKET), so that only its connections tell.
func TestCurlResumes(t *testing.T) {
	path := program(t, true, "curl")
	s, rec := identified(t, fixed(t, 10), func(c *Config) { c.IdleTimeout = 50 * time.Millisecond })
	url := "https://" + s.addr + "/"
	ids := map[string]bool{}
	for _, version := range []string{"1.2", "1.3"} {
		runProgram(t, path, "-sk", "--noproxy", "*", "--http1.1", "--tls-max", version, "--rate", "2/s", "-o", os.DevNull, "-o", os.DevNull, "-o", os.DevNull, url, url, url)
		for i := range 3 {
			x, _ := rec.one(t)
			got := x.Conn
			if ids[got.ID] || got.ID == "" {
				t.Errorf("TLS %s, request %d: connection %x", version, i, got.ID)
			}
			if version == "1.2" {
				if got.Ticket != "" || got.Resumed {
					t.Errorf("a ticket that curl did not ask for: %+v", got)
				}
			} else if len(got.Ticket) != 32 || got.Resumed != (i > 0) || i > 0 != ids[got.Ticket] {
				t.Errorf("TLS %s, request %d: %+v", version, i, got)
			}
			ids[got.ID], ids[got.Ticket] = true, true
		}
	}
}

// idlePage lets its connections grow old each time before it asks for more. The first
// time it may still use one that the browser opened ahead.
const idlePage = `<!doctype html><title>shop</title><link rel="icon" href="data:,"><body><script>
function ask(n) {
  for (const end = Date.now() + 1000; Date.now() < end;);
  const i = new Image();
  if (n < 3) i.onload = i.onerror = () => ask(n + 1);
  i.src = "/" + n + ".png";
  document.body.append(i);
}
ask(1);
</script>`

// TestChromiumResumes in two profiles that are alike in all else.
func TestChromiumResumes(t *testing.T) {
	t.Parallel()
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprint(w, idlePage)
		}
	})
	s, rec := identified(t, origin, func(c *Config) { c.IdleTimeout = 100 * time.Millisecond })
	whose := map[string]int{} // tickets, by the profile
	hash := ""
	for profile := 1; profile <= 2; profile++ {
		path, args := chromium(t)
		runProgram(t, path, append(args, "--ignore-certificate-errors", "--dump-dom", "https://"+s.addr+"/")...)
		connections, resumed := map[string]bool{}, 0
		for i := range 4 {
			x, _ := rec.one(t)
			got := x.Conn
			known := whose[got.Ticket]
			if got.ID == "" || got.Ticket == "" || known != 0 && known != profile || got.Resumed && known != profile {
				t.Errorf("profile %d, request %d: %+v, its ticket is that of %d", profile, i, got, known)
			}
			if got.Resumed {
				resumed++
			}
			if hash == "" {
				hash = got.Shown.TLS
			}
			if got.Shown.TLS != hash {
				t.Errorf("profile %d: TLS is %s, and was %s", profile, got.Shown.TLS, hash)
			}
			whose[got.Ticket], connections[got.ID] = profile, true
		}
		if resumed == 0 || len(connections) < 2 {
			t.Errorf("profile %d: %d connections, %d requests over resumed ones", profile, len(connections), resumed)
		}
	}
}

// TestHAProxyBetween hands TLS through, or ends it and says so.
func TestHAProxyBetween(t *testing.T) {
	needPeer(t, "haproxy")
	for _, ends := range []bool{false, true} {
		s, rec := identified(t, fixed(t, 10), func(c *Config) { c.Listeners[0].Announced = loopback() })
		dir, addr := t.TempDir(), freeAddr(t)
		bind, to := addr, "send-proxy-v2"
		if ends {
			cert, key := certificate(t, dir, "shop.example")
			var both []byte
			for _, f := range []string{cert, key} {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				both = append(both, text...)
			}
			if err := os.WriteFile(filepath.Join(dir, "both.pem"), both, 0o600); err != nil {
				t.Fatal(err)
			}
			bind, to = addr+" ssl crt both.pem", "ssl verify none send-proxy-v2-ssl"
		}
		conf := "defaults\n mode tcp\n timeout client 10s\n timeout server 10s\n timeout connect 5s\nlisten l\n bind " + bind + "\n server o " + s.addr + " " + to + "\n"
		if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		peer(t, addr, dir, "haproxy", "-f", "haproxy.cfg")
		tickets := map[string]bool{}
		for who := range 2 {
			me, from := person(t, "http/1.1", "")
			from.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(70+who))}
			for i := range 2 {
				fields(t, "https://"+addr+"/", me)
				me.CloseIdleConnections()
				x, _ := rec.one(t)
				got := x.Conn
				if !strings.HasPrefix(got.Client.String(), "127.0.0.7") || (got.ID == "") != ends || (got.Ticket == "") != ends || got.Resumed != (!ends && i > 0) {
					t.Errorf("TLS ends at HAProxy: %v, visitor %d, connection %d: %+v", ends, who, i, got)
				}
				tickets[got.Ticket] = true
			}
		}
		if want := map[bool]int{false: 2, true: 1}[ends]; len(tickets) != want {
			t.Errorf("TLS ends at HAProxy: %v: %d tickets", ends, len(tickets))
		}
	}
}

// told is a cache that says when a ticket has come.
type told struct {
	tls.ClientSessionCache
	came chan struct{}
}

func (c told) Put(key string, s *tls.ClientSessionState) {
	c.ClientSessionCache.Put(key, s)
	if s != nil {
		select {
		case c.came <- struct{}{}:
		default:
		}
	}
}

// TestBrowserThatOpensTwo: over real connections, one that is never asked over gives
// the ticket that its client comes back with.
func TestBrowserThatOpensTwo(t *testing.T) {
	s, rec := identified(t, fixed(t, 10), nil)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	secure := func(conn net.Conn, cache tls.ClientSessionCache) *tls.Conn {
		c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", NextProtos: []string{"h2"}, ClientSessionCache: cache})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ask := func(c *tls.Conn) wire.Conn {
		by := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
		defer by.CloseIdleConnections()
		fields(t, "https://"+s.addr+"/", by)
		x, _ := rec.one(t)
		return x.Conn
	}
	for try := 1; ; try++ {
		idle := told{tls.NewLRUClientSessionCache(4), make(chan struct{}, 1)}
		a, b := dial(), dial()
		used, unused := secure(a, tls.NewLRUClientSessionCache(4)), secure(b, idle)
		go func() {
			var b [1]byte
			_, _ = unused.Read(b[:]) // takes the ticket
		}()
		<-idle.came
		first := ask(used)
		if first.Ticket == "" || first.Resumed || first.Beside != "" {
			t.Fatalf("the first is %+v", first)
		}
		_ = unused.Close()
		for s.Counters().Connections > 0 {
			time.Sleep(time.Millisecond)
		}
		back := ask(secure(dial(), idle))
		if back.Beside == "" && try < 10 {
			continue // a machine as busy as that took them too far apart
		}
		if !back.Resumed || back.Ticket == first.Ticket || back.Beside != first.Ticket {
			t.Fatalf("back it is %+v, and was %+v", back, first)
		}
		if again := ask(secure(dial(), idle)); !again.Resumed || again.Ticket != back.Ticket || again.Beside != "" {
			t.Fatalf("once more it is %+v", again)
		}
		return
	}
}
