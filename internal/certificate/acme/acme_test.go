package acme

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/certificate"
	"github.com/throughline/throughline/internal/certificate/acmetest"
)

// rig is a Manager behind two listeners, as the edge has them, and an authority
// that knocks at them.
type rig struct {
	*Manager
	cfg       Config
	authority *acmetest.Authority
	names     *acmetest.Names
	plain     net.Listener
	secure    net.Listener
	now       sync.RWMutex
	deaf      bool // the plain listener knows of no challenge
}

func (r *rig) manager() *Manager {
	r.now.RLock()
	defer r.now.RUnlock()
	return r.Manager
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func port(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// start runs a rig; change adjusts its configuration.
func start(t *testing.T, lasting time.Duration, change func(*Config, *rig)) *rig {
	t.Helper()
	r := &rig{names: acmetest.StartNames(t, "acme.managed.example"), plain: listen(t), secure: listen(t)}
	r.authority = acmetest.Start(t, r.names, port(r.plain), port(r.secure), lasting)
	r.cfg = Config{Dir: filepath.Join(t.TempDir(), "certificates"), Directory: r.authority.Directory, Email: "ops@shop.example",
		Roots: r.authority.Server, Names: []string{"www.shop.example"}, Logger: slog.New(slog.NewTextHandler(testLog{t}, nil))}
	if change != nil {
		change(&r.cfg, r)
	}
	r.run(t)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		host, _, _ := strings.Cut(q.Host, ":")
		text, ok := r.manager().Answer(host, q.URL.Path)
		for _, other := range [][2]string{{host, q.URL.Path + "x"}, {host, "/.well-known/acme-challenge/"}, {"other.shop.example", q.URL.Path}} {
			if text, ok := r.manager().Answer(other[0], other[1]); ok {
				t.Errorf("%v is answered with %q while another challenge is open", other, text)
			}
		}
		if !ok || r.deaf {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, text)
	})}
	go func() { _ = srv.Serve(r.plain) }()
	t.Cleanup(func() { _ = srv.Close() })
	go r.shake()
	if err := r.Start(r.plain.Addr(), r.secure.Addr()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) run(t *testing.T) {
	t.Helper()
	m, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	r.now.Lock()
	r.Manager = m
	r.now.Unlock()
}

// shake ends TLS.
func (r *rig) shake() {
	for {
		c, err := r.secure.Accept()
		if err != nil {
			return
		}
		go func() {
			set := certificate.NewSet(nil, nil)
			set.Issued = r.manager()
			_ = tls.Server(c, set.TLS()).Handshake()
			_ = c.Close()
		}()
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	defer func() { _ = recover() }() // the test may be over
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// shown is the certificate that a client verifies for a name, nil if it does not.
func (r *rig) shown(name string) *x509.Certificate {
	c, err := tls.Dial("tcp", r.secure.Addr().String(), &tls.Config{RootCAs: r.authority.Roots, ServerName: name})
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0]
}

// Each way to show that a name is ours ends in a certificate that clients verify,
// with an ECDSA key, in files that nobody else may read.
func TestCertificatesAreObtained(t *testing.T) {
	for _, way := range []string{HTTP01, TLSALPN01, DNS01} {
		t.Run(way, func(t *testing.T) {
			r := start(t, 24*time.Hour, func(c *Config, r *rig) {
				c.Challenge = way
				if way == DNS01 {
					c.Names = append(c.Names, "*.shop.example", "shop.example")
					c.DNS = &DNS{Zone: "acme.managed.example", Server: r.names.Addr, KeyName: acmetest.KeyName, Secret: acmetest.KeySecret, Algorithm: "hmac-sha256"}
					for _, name := range c.Names[:2] {
						r.names.Add(t, Delegated(name)+". 60 IN CNAME "+c.DNS.Target(name)+".")
					}
				}
			})
			eventually(t, "no name waits", func() bool { return r.Stats().Waiting == 0 })
			cert := r.shown("www.shop.example")
			if cert == nil || cert.PublicKeyAlgorithm != x509.ECDSA {
				t.Fatalf("%+v", cert)
			}
			if way == DNS01 {
				if r.Certificate("any.shop.example") == nil || r.Certificate("any.other.example") != nil {
					t.Error("a wildcard is for the names right below it")
				}
				if c := r.shown("any.shop.example"); c == nil || c.DNSNames[0] != "*.shop.example" {
					t.Errorf("below the wildcard: %+v", c)
				}
				if r.names.Updates() < 6 {
					t.Errorf("%d updates for three names", r.names.Updates())
				}
				eventually(t, "the zone is clean again", func() bool { return len(r.names.Left()) == 0 })
			}
			if s := r.Stats(); s.Obtained != int64(len(r.cfg.Names)) || s.Failed != 0 || !s.Next.After(time.Now()) {
				t.Errorf("%+v", s)
			}
			if c, err := tls.Dial("tcp", r.secure.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "www.shop.example", NextProtos: []string{"acme-tls/1"}}); err == nil {
				_ = c.Close()
				t.Error("the challenge's protocol is spoken with everybody")
			}
			if _, ok := r.Answer("www.shop.example", "/.well-known/acme-challenge/x"); ok {
				t.Error("a challenge that nobody opened was answered")
			}
			private(t, r.cfg.Dir)
		})
	}
}

// private fails when others may read what is kept.
func private(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(p)
		if err != nil || strings.Contains(p, "locks") && !d.IsDir() {
			return nil // gone again; a lock says nothing
		}
		if n++; info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", p, info.Mode())
		}
		return nil
	})
	if err != nil || n < 5 {
		t.Errorf("%d files, %v", n, err)
	}
}

// The second way is taken when the first does not work, and that is no failure.
func TestOneWayStandsInForTheOther(t *testing.T) {
	r := start(t, 24*time.Hour, func(_ *Config, r *rig) { r.deaf = true })
	eventually(t, "no name waits", func() bool { return r.Stats().Waiting == 0 })
	if s := r.Stats(); s.Failed != 0 || r.shown("www.shop.example") == nil {
		t.Errorf("%+v", s)
	}
}

// What was obtained is there again after a restart, before anybody is asked.
func TestARestartAsksForNothing(t *testing.T) {
	r := start(t, 24*time.Hour, nil)
	eventually(t, "no name waits", func() bool { return r.Stats().Waiting == 0 })
	first, asked := r.shown("www.shop.example"), r.authority.Orders()
	if asked == 0 {
		t.Fatal("orders are not counted")
	}
	r.Close()
	r.run(t)
	if r.Stats().Waiting != 0 {
		t.Fatal("the certificate was forgotten")
	}
	if err := r.Start(r.plain.Addr(), r.secure.Addr()); err != nil {
		t.Fatal(err)
	}
	if again := r.shown("www.shop.example"); again == nil || !again.Equal(first) {
		t.Error("another certificate is shown")
	}
	if n := r.authority.Orders(); n != asked {
		t.Errorf("%d orders more", n-asked)
	}
}

// A certificate that nears its end is replaced, and shown without a restart.
func TestCertificatesAreRenewed(t *testing.T) {
	r := start(t, time.Hour, func(c *Config, _ *rig) { c.checkEvery, c.early = 100*time.Millisecond, 0.999999 })
	eventually(t, "no name waits", func() bool { return r.Stats().Waiting == 0 })
	first := r.shown("www.shop.example")
	eventually(t, "it is renewed", func() bool { return r.Stats().Renewed > 0 })
	eventually(t, "the new one is shown", func() bool {
		c := r.shown("www.shop.example")
		return c != nil && c.SerialNumber.Cmp(first.SerialNumber) != 0
	})
}

// A name that can't be shown to be ours is counted, and costs the others nothing.
func TestFailuresAreCounted(t *testing.T) {
	r := start(t, 24*time.Hour, func(c *Config, r *rig) {
		c.Names = append(c.Names, "www.nowhere")
	})
	eventually(t, "a failure and a certificate", func() bool { s := r.Stats(); return s.Failed > 0 && s.Obtained == 1 })
	if s := r.Stats(); s.Waiting != 1 || r.shown("www.shop.example") == nil {
		t.Errorf("%+v", s)
	}
}

// Whoever asks for names of no site makes nobody ask for certificates.
func TestNoNameIsTakenUpByAsking(t *testing.T) {
	r := start(t, 24*time.Hour, nil)
	eventually(t, "no name waits", func() bool { return r.Stats().Waiting == 0 })
	before := r.authority.Orders()
	for i := range 50 {
		_ = r.shown(fmt.Sprintf("made-up-%d.example", i))
	}
	if n := r.authority.Orders(); n != before || r.Certificate("made-up-1.example") != nil {
		t.Errorf("%d orders for made-up names", n-before)
	}
}

func TestNothingToDo(t *testing.T) {
	if _, err := New(Config{Dir: t.TempDir()}); err == nil {
		t.Error("no names")
	}
	m, err := New(Config{Dir: t.TempDir(), Names: []string{"a.example"}, Challenge: TLSALPN01})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Start(&net.TCPAddr{}, nil); err == nil {
		t.Error("no listener for the challenge")
	}
}

// Names come and go with the sites: a new one gets a certificate, one that is gone
// is shown no more, and comes back without anybody being asked.
func TestNamesChange(t *testing.T) {
	r := start(t, 24*time.Hour, nil)
	eventually(t, "no name waits", func() bool { return r.Stats().Waiting == 0 })
	if err := r.SetNames([]string{"api.shop.example"}); err != nil {
		t.Fatal(err)
	}
	if r.Certificate("www.shop.example") != nil {
		t.Error("the name that is gone is still shown")
	}
	if len(r.cache.AllMatchingCertificates("www.shop.example")) > 0 {
		t.Error("the name that is gone would still be renewed")
	}
	eventually(t, "the new name is shown", func() bool { return r.shown("api.shop.example") != nil })
	asked := r.authority.Orders()
	if err := r.SetNames([]string{"api.shop.example", "www.shop.example"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are shown", func() bool { return r.shown("www.shop.example") != nil && r.shown("api.shop.example") != nil })
	if n := r.authority.Orders(); n != asked {
		t.Errorf("%d orders for what was there", n-asked)
	}
}
