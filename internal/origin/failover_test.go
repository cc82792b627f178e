package origin

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// A site's own failover is kept, and an outage is told once, however often its
// time out is over and it fails again.
func TestFailoverOfASite(t *testing.T) {
	c := &clock{}
	c.at.Store(1_000_000)
	var told []bool
	p := opened(t, &site.Site{Origin: "http://a", Addresses: []string{"192.0.2.1", "192.0.2.2"},
		Failover: &site.Failover{Fails: 2, Pause: time.Minute}}, Options{Now: c.now,
		Changed: func(_ string, up bool, _ string) { told = append(told, up) }}).Pool("")
	e := p.list()[0]
	e.failed(errors.New("slow"))
	if !p.Endpoints()[0].Up {
		t.Fatal("one failure took it out")
	}
	for range 5 {
		e.failed(errors.New("slow"))
		e.failed(errors.New("slow"))
		c.forward(50 * time.Second)
		if p.Endpoints()[0].Up {
			t.Fatal("it is back before a minute is over")
		}
		c.forward(time.Hour)
	}
	e.answered()
	if !slices.Equal(told, []bool{false, true}) {
		t.Errorf("told %v", told)
	}
	for range 100 { // no slow start: every draw is good
		if !e.ready(c.at.Load()) {
			t.Fatal("it warms up")
		}
	}
}

// Checks ask for a name of their own, which the certificate must have.
func TestChecksHaveAServerNameOfTheirOwn(t *testing.T) {
	asked := make(chan string, 1000)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked <- r.TLS.ServerName + " " + r.Host }))
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	put(t, ca, "CERTIFICATE", s.Certificate().Raw)
	opened(t, &site.Site{Origin: s.URL, TLS: &site.OriginTLS{CAFile: ca}, Health: &site.Health{Path: "/", Host: "up.example", ServerName: "example.com",
		Status: 200, Interval: time.Second, Timeout: time.Second}}, Options{})
	select {
	case got := <-asked:
		if got != "example.com up.example" {
			t.Error(got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody asked")
	}
}

// A client certificate that was renewed is shown with the next connection.
func TestARenewedClientCertificateIsShown(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, caFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem"), filepath.Join(dir, "ca.pem")
	clientPair(t, "one.example", certFile, keyFile)
	o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].DNSNames[0])
	}))
	o.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	o.StartTLS()
	t.Cleanup(o.Close)
	put(t, caFile, "CERTIFICATE", o.Certificate().Raw)
	p := opened(t, &site.Site{Origin: o.URL, TLS: &site.OriginTLS{CAFile: caFile, CertFile: certFile, KeyFile: keyFile}}, Options{}).Pool("")
	for _, name := range []string{"one.example", "two.example"} {
		clientPair(t, name, certFile, keyFile)
		for { // a pooled connection shows what it began with
			c := p.list()[0].take()
			if c == nil {
				break
			}
			c.Close()
		}
		if _, _, body, err := call(t, p, "/"); err != nil || body != name {
			t.Errorf("%q %v, want %s", body, err, name)
		}
	}
}

// Taking a pooled connection and giving it back costs no memory, whatever there
// is to choose from.
func TestAPooledConnectionCostsNoMemory(t *testing.T) {
	n := startNames(t)
	port := hostsOn(t, "127.0.0.2", "127.0.0.3")
	n.set("shop.example", "127.0.0.2", "127.0.0.3")
	p, _ := named(t, n, port, Options{})
	var conns []*Conn
	for range 20 {
		c, err := p.Get(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		c.Put()
	}
	if got := testing.AllocsPerRun(500, func() {
		c, err := p.Get(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c.Put()
	}); got > 0 {
		t.Errorf("%v allocations", got)
	}
}
