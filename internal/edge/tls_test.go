package edge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// certificate makes a self-signed pair of files for a name.
func certificate(t testing.TB, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
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

// startTLS runs a Server with a certificate, and a client that speaks HTTP/2.
func startTLS(t *testing.T, origin string, d Decider) (*rig, *http.Transport) {
	t.Helper()
	cert, key := certificate(t, t.TempDir(), "shop.example")
	s := start(t, origin, d, func(c *Config) { c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key })
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example"}}
	t.Cleanup(transport.CloseIdleConnections)
	return s, transport
}

func TestTLS(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"], w.Header()["Content-Type"] = nil, nil
		w.Header().Set("X-Proto", r.Header.Get("X-Forwarded-Proto"))
		_, _ = io.Copy(w, r.Body)
	})
	for _, proto := range []string{"h2", "http/1.1"} {
		rec := newRecorder(at(1, wire.Decision{Request: wire.BodyCopy, Response: wire.BodyHold}))
		s, transport := startTLS(t, origin, rec)
		transport.TLSClientConfig.NextProtos = []string{proto}
		transport.ForceAttemptHTTP2 = proto == "h2"
		req, _ := http.NewRequest("POST", "https://"+s.addr+"/x?y", strings.NewReader("<html>"))
		req.Host = "Shop.example"
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "<html>" || resp.Header.Get("X-Proto") != "https" || resp.Header["Date"] != nil || resp.Header["Content-Type"] != nil {
			t.Errorf("%s: %q %v", proto, body, resp.Header)
		}
		x, asked := rec.one(t)
		if asked != "head body response response-body end" || string(x.ReqBody.Bytes) != "<html>" {
			t.Errorf("%s: asked %q about %q", proto, asked, x.ReqBody.Bytes)
		}
		if x.Conn.ALPN != proto || !x.Conn.TLS || x.Conn.SNI != "shop.example" || x.Request.Host != "shop.example" || x.Request.Target != "/x?y" {
			t.Errorf("%s: %+v %+v", proto, x.Conn, x.Request)
		}
	}
}

// An answer over HTTP/2 that leaves a body unread costs the stream, not the
// connection.
func TestAnswersOverHTTP2(t *testing.T) {
	s, transport := startTLS(t, "http://127.0.0.1:1", newRecorder(at(1, wire.Decision{Answer: &wire.Answer{Status: 403, Body: []byte("no")}})))
	for range 3 {
		req, _ := http.NewRequest("POST", "https://"+s.addr, &zeros{1 << 20})
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 403 || string(body) != "no" || resp.ProtoMajor != 2 {
			t.Fatalf("%v %q", resp, body)
		}
	}
	if n := s.Counters().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func served(t *testing.T, s *rig) string {
	t.Helper()
	c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificate(t, dir, "old")
	s := start(t, "http://127.0.0.1:1", newRecorder(nil), func(c *Config) { c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key })
	if got := served(t, s); got != "old" {
		t.Fatal(got)
	}
	certificate(t, dir, "new")
	eventually(t, "the new certificate", func() bool { return served(t, s) == "new" })
}

func TestOwnTLSConfiguration(t *testing.T) {
	cert, key := certificate(t, t.TempDir(), "mine")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "http://127.0.0.1:1", newRecorder(nil), func(c *Config) { c.Listeners[0].TLS = &tls.Config{Certificates: []tls.Certificate{pair}} })
	if got := served(t, s); got != "mine" {
		t.Error(got)
	}
}

// An authority that asks for an open challenge is answered before any site; what
// else is asked below its path is the site's own, and so is all that comes by TLS.
func TestAnAuthorityIsAnswered(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "origin") })
	challenge := func(host, path string) (string, bool) {
		return "proof", host == "shop.example" && path == challengePath+"token"
	}
	cert, key := certificate(t, t.TempDir(), "shop.example")
	rec := newRecorder(nil)
	s := start(t, origin, rec, func(c *Config) {
		c.Challenge = challenge
		c.Listeners = append(c.Listeners, Listener{Addr: "127.0.0.1:0", CertFile: cert, KeyFile: key})
		c.Sites[0].Hosts = []string{"shop.example", "blog.example"}
	})
	ask := func(method, base, host, path string) string {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: host}}}
		req, _ := http.NewRequest(method, base+path, nil)
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return string(body)
	}
	plain, secure := "http://"+s.Addrs()[0].String(), "https://"+s.Addrs()[1].String()
	for want, got := range map[string]string{
		"proof":    ask("GET", plain, "shop.example", challengePath+"token"),
		"origin 1": ask("GET", plain, "shop.example", challengePath+"other") + " 1",
		"origin 2": ask("GET", plain, "blog.example", challengePath+"token") + " 2",
		"origin 3": ask("POST", plain, "shop.example", challengePath+"token") + " 3",
		"origin 4": ask("GET", secure, "shop.example", challengePath+"token") + " 4",
		"origin 5": ask("GET", plain, "shop.example", "/") + " 5",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.seen) != 5 {
		t.Errorf("the Decider saw %d exchanges, want 5: an authority is no visitor", len(rec.seen))
	}
}
