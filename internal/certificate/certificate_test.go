package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// files makes a self-signed pair of files for a name.
func files(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func pair(t *testing.T, name string) *Pair {
	t.Helper()
	cert, key := files(t, t.TempDir(), name)
	p, err := Load(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serve ends TLS by a configuration, sending a byte on each connection.
func serve(t *testing.T, conf *tls.Config) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = ln.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = c.Write([]byte("x")); _, _ = io.Copy(io.Discard, c); _ = c.Close() }()
		}
	}()
	return ln.Addr().String()
}

// ask shakes hands and returns what was agreed.
func ask(addr string, conf *tls.Config) (tls.ConnectionState, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer func() { _ = c.Close() }()
	conf.InsecureSkipVerify = true
	tc := tls.Client(c, conf)
	_, err = tc.Read(make([]byte, 1)) // a ticket comes with it
	return tc.ConnectionState(), err
}

func shown(t *testing.T, addr, name string) string {
	t.Helper()
	s, err := ask(addr, &tls.Config{ServerName: name})
	if err != nil {
		return err.Error()
	}
	return s.PeerCertificates[0].DNSNames[0]
}

// issued stands for an authority's certificates.
type issued map[string]*tls.Certificate

func (i issued) Certificate(name string) *tls.Certificate { return i[name] }
func (i issued) Challenge(hello *tls.ClientHelloInfo) *tls.Certificate {
	return i["challenge "+hello.ServerName]
}

// TestEachNameHasItsCertificate: a site's own, one that was issued, and else the
// default.
func TestEachNameHasItsCertificate(t *testing.T) {
	shop := &site.Site{Name: "shop", Hosts: []string{"shop.example", "*.shop.example"}}
	blog := &site.Site{Name: "blog", Hosts: []string{"blog.example"}}
	rest := &site.Site{Name: "rest", Hosts: []string{"*"}}
	set := NewSet([]*site.Site{rest, blog, shop}, map[*site.Site]*Pair{shop: pair(t, "own"), rest: pair(t, "rest")})
	set.Issued = issued{"blog.example": pair(t, "issued").Get(), "challenge blog.example": pair(t, "challenge").Get()}
	set.Default = pair(t, "default")
	addr := serve(t, set.TLS())
	for name, want := range map[string]string{"shop.example": "own", "WWW.Shop.example": "own", "blog.example": "issued", "other.example": "rest", "": "default"} {
		if got := shown(t, addr, name); got != want {
			t.Errorf("%q is shown %q, want %q", name, got, want)
		}
	}
	set.SetSites([]*site.Site{rest, blog}, map[*site.Site]*Pair{rest: pair(t, "rest, anew")})
	if got := shown(t, addr, "shop.example"); got != "rest, anew" {
		t.Errorf("a site that is gone is shown %q", got)
	}
	set.SetSites([]*site.Site{blog, shop}, map[*site.Site]*Pair{shop: pair(t, "own")})
	for protos, want := range map[string]string{"h2": "h2", "http/1.1": "http/1.1", "h2 http/1.1": "h2", "acme-tls/1": "acme-tls/1"} {
		s, err := ask(addr, &tls.Config{ServerName: "blog.example", NextProtos: strings.Fields(protos)})
		if err != nil || s.NegotiatedProtocol != want {
			t.Errorf("%s: %q %v", protos, s.NegotiatedProtocol, err)
		}
		if is := s.PeerCertificates; len(is) > 0 && (is[0].DNSNames[0] == "challenge") != (want == "acme-tls/1") {
			t.Errorf("%s: %v", protos, is[0].DNSNames)
		}
	}
	if _, err := ask(addr, &tls.Config{ServerName: "shop.example", NextProtos: []string{"acme-tls/1"}}); err == nil {
		t.Error("the challenge's protocol is spoken though nobody asked for it")
	}
	if _, err := ask(addr, &tls.Config{ServerName: "shop.example", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if n := set.Missing(); n != 0 {
		t.Errorf("%d handshakes without a certificate", n)
	}
}

// Without a default the first certificate there is stands in, and without any the
// handshake fails and is counted.
func TestWithoutADefault(t *testing.T) {
	shop := &site.Site{Name: "shop", Hosts: []string{"shop.example"}}
	own := NewSet([]*site.Site{shop}, map[*site.Site]*Pair{shop: pair(t, "own")})
	if got := shown(t, serve(t, own.TLS()), "other.example"); got != "own" {
		t.Error(got)
	}
	any := NewSet(nil, nil)
	any.Issued = issued{"": pair(t, "any").Get()}
	if got := shown(t, serve(t, any.TLS()), "other.example"); got != "any" {
		t.Error(got)
	}
	none := NewSet(nil, nil)
	if got := shown(t, serve(t, none.TLS()), "shop.example"); !strings.Contains(got, "remote error") || none.Missing() != 1 {
		t.Error(got, none.Missing())
	}
}

// TestSessionsAreResumed by tickets, in both versions, also once the certificate
// has been replaced.
func TestSessionsAreResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		dir := t.TempDir()
		p, err := Load(first(files(t, dir, "shop.example")), filepath.Join(dir, "key.pem"), nil)
		if err != nil {
			t.Fatal(err)
		}
		set := NewSet(nil, nil)
		set.Default = p
		addr := serve(t, set.TLS())
		conf := &tls.Config{ServerName: "shop.example", MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		for i := range 3 {
			s, err := ask(addr, conf)
			if err != nil || s.DidResume != (i > 0) || s.Version != version {
				t.Errorf("%x visit %d: resumed %t, %x, %v", version, i, s.DidResume, s.Version, err)
			}
			files(t, dir, "shop.example")
			p.checked = time.Time{}
		}
	}
}

func first(a, _ string) string { return a }

func TestAPairIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := files(t, dir, "old")
	var log strings.Builder
	p, err := Load(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	old := p.Get()
	files(t, dir, "new")
	p.checked = time.Time{}
	now := p.Get()
	if now == old || now.Leaf.DNSNames[0] != "new" {
		t.Errorf("%v is shown", now.Leaf.DNSNames)
	}
	if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.checked = time.Time{}
	if p.Get() != now || !strings.Contains(log.String(), "the old one stays") {
		t.Errorf("log: %s", log.String())
	}
	if _, err := Load(cert, key, nil); err == nil {
		t.Error("it loads from the start")
	}
}
