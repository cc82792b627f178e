package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// place is a shop that is reached by TLS in two ways, at two addresses with the same
// port and name: through us, and straight at its origin.
type place struct {
	t               *testing.T
	s               *rig
	cert, key       string
	port            string
	direct, through atomic.Int64
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t}
	p.cert, p.key = certificate(t, t.TempDir(), "shop.example")
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-For") == "" {
			p.direct.Add(1)
		} else {
			p.through.Add(1)
		}
	})
	var ours net.Listener
	for range 50 { // until a port is free at both
		if ours, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		_, p.port, _ = net.SplitHostPort(ours.Addr().String())
		own, err := net.Listen("tcp", "127.0.0.2:"+p.port)
		if err != nil {
			_ = ours.Close()
			continue
		}
		o := httptest.NewUnstartedServer(handler)
		_ = o.Listener.Close()
		o.Listener, o.TLS = own, &tls.Config{Certificates: []tls.Certificate{pair}}
		o.StartTLS()
		t.Cleanup(o.Close)
		break
	}
	p.serve(ours)
	return p
}

// serve runs us on the first address.
func (p *place) serve(ln net.Listener) {
	p.s = start(p.t, "https://127.0.0.2:"+p.port, nobody{}, func(c *Config) {
		c.Listeners = []Listener{{Socket: ln, CertFile: p.cert, KeyFile: p.key}}
		c.Origin.TLS = &tls.Config{InsecureSkipVerify: true}
		c.Sites[0].Hosts = []string{"shop.example"}
		c.Health = Health{Path: "/up", Hosts: []string{"probe.example"}}
	})
}

// steps switch traffic away in every way there is, and back. visit makes a visitor's
// request, which must always be served.
func (p *place) steps(visit func() error) {
	t := p.t
	t.Helper()
	settled := func(step string, direct bool) {
		t.Helper()
		mine, others := &p.through, &p.direct
		if direct {
			mine, others = others, mine
		}
		eventually(t, step, func() bool { // the probe has noticed, and the old answer is forgotten
			before := others.Load()
			for range 3 {
				if err := visit(); err != nil {
					t.Fatalf("%s: a visitor was not served: %v", step, err)
				}
			}
			return others.Load() == before
		})
		n, m := mine.Load(), others.Load()
		for range 10 {
			if err := visit(); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
		}
		if mine.Load() != n+10 || others.Load() != m {
			t.Errorf("%s: %d of 10 took the way, %d the other", step, mine.Load()-n, others.Load()-m)
		}
	}
	settled("at first through us", false)
	p.s.site.Switch.SetMode("bypass")
	settled("a bypassed site is gone to directly", true)
	p.s.site.Switch.SetMode("")
	settled("and through us again", false)
	p.s.SetUnwell(true)
	settled("before a stop, directly", true)
	// Nobody comes any more: now it may stop.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	settled("without us, directly", true)
	ln, err := net.Listen("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		t.Fatal(err)
	}
	p.serve(ln)
	settled("when we are back, through us", false)
}

// TestFailoverByDNS is a DNS service with health checks: its answer for the shop's name
// is our address while our health target says 200, and else the origin's.
func TestFailoverByDNS(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ours := atomic.Bool{}
	probe := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "probe.example"}}}
	look := func() {
		req, _ := http.NewRequest("GET", "https://127.0.0.1:"+p.port+"/up", nil)
		req.Host = "probe.example"
		resp, err := probe.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		ours.Store(err == nil && resp.StatusCode == http.StatusOK)
	}
	look()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				look()
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	names := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if len(q.Question) == 1 && q.Question[0].Qtype == dns.TypeA && q.Question[0].Name == "shop.example." {
			a := "127.0.0.2"
			if ours.Load() {
				a = "127.0.0.1"
			}
			rr, _ := dns.NewRR("shop.example. 0 IN A " + a)
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = names.ActivateAndServe() }()
	t.Cleanup(func() { _ = names.Shutdown() })
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
	visitor := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Resolver: resolver}).DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	p.steps(func() error {
		resp, err := visitor.Get("https://shop.example:" + p.port + "/page")
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	})
}

// TestFailoverByHTTPS is a CDN or balancer (HAProxy) before us, that asks our health
// target by HTTPS and knows the origin for a way around us.
func TestFailoverByHTTPS(t *testing.T) {
	t.Parallel()
	needPeer(t, "haproxy")
	p := newPlace(t)
	dir, addr := t.TempDir(), freeAddr(t)
	conf := "defaults\n mode http\n timeout client 10s\n timeout server 10s\n timeout connect 2s\n retries 3\n option redispatch 1\n retry-on all-retryable-errors\n" +
		"listen l\n bind " + addr + "\n option httpchk\n http-check send meth GET uri /up ver HTTP/1.1 hdr Host probe.example\n http-check expect status 200\n" +
		" default-server ssl verify none sni str(shop.example) check-sni shop.example inter 50ms fastinter 50ms fall 1 rise 1\n" +
		" server us 127.0.0.1:" + p.port + " check\n server origin 127.0.0.2:" + p.port + " backup\n"
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	peer(t, addr, dir, "haproxy", "-f", "haproxy.cfg")
	p.steps(func() error {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(c, "GET /page HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"); err != nil {
			return err
		}
		got, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 ") {
			return fmt.Errorf("%q %w", got, err)
		}
		return nil
	})
}
