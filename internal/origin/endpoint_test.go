package origin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	randv2 "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// clock is one that a test moves.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.at.Load()) }
func (c *clock) forward(d time.Duration) { c.at.Add(d.Milliseconds()) }

// hosts is a pool over n hosts that each say their name, with a clock and a
// chance that are the test's.
func hosts(t *testing.T, n int, o Options) (*Pool, []*httptest.Server, *clock) {
	t.Helper()
	c := &clock{}
	c.at.Store(1_000_000)
	chance := randv2.New(randv2.NewPCG(1, 2))
	var mu sync.Mutex
	o.Now = c.now
	o.Rand = func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return chance.IntN(n)
	}
	var list []*httptest.Server
	var addrs []string
	for i := range n {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, string(rune('a'+i)))
		}))
		t.Cleanup(s.Close)
		list, addrs = append(list, s), append(addrs, s.Listener.Addr().String())
	}
	return opened(t, &site.Site{Origin: "http://shop.example", Addresses: addrs}, o).Pool(""), list, c
}

// spread asks n times and counts who answered.
func spread(t *testing.T, p *Pool, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		_, _, body, err := call(t, p, "/")
		if err != nil {
			t.Fatal(err)
		}
		got[body]++
	}
	return got
}

func TestRequestsAreSpreadEvenly(t *testing.T) {
	p, _, _ := hosts(t, 4, Options{})
	got := spread(t, p, 800)
	for _, name := range []string{"a", "b", "c", "d"} {
		if n := got[name]; n < 160 || n > 240 {
			t.Errorf("%s got %d of 800", name, n)
		}
	}
}

// A host that can't be connected to costs no request, is left out after some
// failures, and comes back little by little.
func TestADeadHostIsLeftOutAndComesBack(t *testing.T) {
	changes := make(chan string, 10)
	p, list, c := hosts(t, 2, Options{SlowStart: 10 * time.Second, Changed: func(_ string, up bool, _ string) {
		changes <- map[bool]string{true: "up", false: "down"}[up]
	}})
	addr := list[0].Listener.Addr().String()
	list[0].Close()
	if got := spread(t, p, 100); got["b"] != 100 {
		t.Fatalf("%v", got)
	}
	if s := p.Endpoints()[0]; s.Up || s.Failures < 3 || !strings.Contains(s.Error, "refused") || <-changes != "down" {
		t.Errorf("%+v", s)
	}
	failures := p.Endpoints()[0].Failures
	spread(t, p, 100)
	if n := p.Endpoints()[0].Failures; n != failures {
		t.Errorf("it was tried %d times while it was out", n-failures)
	}

	ln, err := net.Listen("tcp", addr) // it is back
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{Handler: list[0].Config.Handler}
	go func() { _ = back.Serve(ln) }()
	t.Cleanup(func() { _ = back.Close() })
	c.forward(10 * time.Second) // its time out is over
	for range 200 {
		spread(t, p, 1)
		if p.Endpoints()[0].Responses > 0 {
			break
		}
	}
	select {
	case got := <-changes:
		if got != "up" {
			t.Errorf("it went %s", got)
		}
	default:
		t.Fatal("it did not come back")
	}
	c.forward(time.Second) // a tenth of its slow start
	if got := spread(t, p, 400); got["a"] == 0 || got["a"] > 80 {
		t.Errorf("it warms up: %v", got)
	}
	c.forward(10 * time.Second)
	if got := spread(t, p, 400); got["a"] < 160 {
		t.Errorf("it has its share again: %v", got)
	}
}

func TestWhenNoneIsWellAllAreTried(t *testing.T) {
	p, list, _ := hosts(t, 2, Options{})
	for _, e := range p.list() {
		for range 3 {
			e.failed(errors.New("slow"))
		}
	}
	if s := p.Endpoints(); s[0].Up || s[1].Up {
		t.Fatalf("%+v", s)
	}
	if got := spread(t, p, 20); got["a"]+got["b"] != 20 {
		t.Errorf("%v", got)
	}
	_ = list
}

// Each time out is longer than the one before, up to a bound.
func TestTimesOutGrow(t *testing.T) {
	p, _, c := hosts(t, 2, Options{FailTimeout: time.Second})
	e := p.list()[0]
	last := time.Duration(0)
	for i := range 10 {
		for range 3 {
			e.failed(errors.New("slow"))
		}
		out := time.Duration(e.downUntil.Load()-c.at.Load()) * time.Millisecond
		if i < 6 && out < last*3/2 || out > 40*time.Second {
			t.Errorf("time out %d is %v after %v", i, out, last)
		}
		last = out
	}
}

func TestActiveChecks(t *testing.T) {
	var well atomic.Bool
	var asked atomic.Value
	well.Store(true)
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			asked.Store(r.Host)
			if !well.Load() {
				w.WriteHeader(503)
			}
			return
		}
		_, _ = io.WriteString(w, "a")
	}))
	t.Cleanup(sick.Close)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "b") }))
	t.Cleanup(other.Close)
	p := opened(t, &site.Site{Origin: "http://shop.example", Addresses: []string{sick.Listener.Addr().String(), other.Listener.Addr().String()},
		Health: &site.Health{Path: "/healthz", Status: 200, Interval: 20 * time.Millisecond, Timeout: 20 * time.Millisecond}}, Options{SlowStart: time.Nanosecond}).Pool("")
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
	until("it is asked", func() bool { return asked.Load() == "shop.example" })
	well.Store(false)
	until("it goes out", func() bool { return !p.Endpoints()[0].Up })
	if s := p.Endpoints()[0]; s.Error != "health answers 503, want 200" {
		t.Errorf("%+v", s)
	}
	if got := spread(t, p, 50); got["b"] != 50 {
		t.Errorf("%v", got)
	}
	well.Store(true)
	until("it comes back", func() bool { return p.Endpoints()[0].Up && spread(t, p, 1)["a"] == 1 })
}

// An origin that asks for a certificate gets ours.
func TestClientCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, caFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem"), filepath.Join(dir, "ca.pem")
	trusted := x509.NewCertPool()
	trusted.AddCert(clientPair(t, "us.example", certFile, keyFile))
	o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].DNSNames[0])
	}))
	o.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted}
	o.StartTLS()
	t.Cleanup(o.Close)
	put(t, caFile, "CERTIFICATE", o.Certificate().Raw)
	s := &site.Site{Origin: o.URL, TLS: &site.OriginTLS{CAFile: caFile}}
	if _, _, _, err := call(t, opened(t, s, Options{}).Pool(""), "/"); err == nil {
		t.Error("taken without a certificate")
	}
	s.TLS.CertFile, s.TLS.KeyFile = certFile, keyFile
	if _, _, body, err := call(t, opened(t, s, Options{}).Pool(""), "/"); err != nil || body != "us.example" {
		t.Errorf("%q %v", body, err)
	}
	s.TLS.KeyFile = caFile
	if _, err := Open(s, Options{}, wire.NewSweeper()); err == nil || !strings.Contains(err.Error(), "client certificate") {
		t.Errorf("a key that is none: %v", err)
	}
}

// clientPair writes a certificate that signs itself, and its key.
func clientPair(t *testing.T, name, certFile, keyFile string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, certFile, "CERTIFICATE", der)
	put(t, keyFile, "EC PRIVATE KEY", raw)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func put(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
