package origin

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
)

func call(t *testing.T, p *Pool, path string) (*http.Response, string, error) {
	t.Helper()
	u := p.Base()
	u.Path = path
	resp, err := p.RoundTrip(&http.Request{Method: "GET", URL: &u, Host: "visitor.example", Header: http.Header{}})
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b), nil
}

func opened(t *testing.T, s *site.Site, o Options) *Set {
	t.Helper()
	set, err := Open(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	return set
}

// https starts an origin whose certificate is for example.com and 127.0.0.1; it
// answers the SNI it got and the Host.
func https(t *testing.T) (url, caFile string) {
	t.Helper()
	o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.ServerName+" "+r.Host)
	}))
	o.StartTLS()
	t.Cleanup(o.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.Certificate().Raw})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return o.URL, caFile
}

func TestTLSIsVerifiedUnlessTold(t *testing.T) {
	origin, ca := https(t)
	s := &site.Site{Name: "a", Origin: origin}
	var cert *tls.CertificateVerificationError
	if _, _, err := call(t, opened(t, s, Options{}).Pool(""), "/"); !errors.As(err, &cert) {
		t.Errorf("an unknown authority: %v", err)
	}
	s.TLS = &site.OriginTLS{CAFile: ca}
	if _, body, err := call(t, opened(t, s, Options{}).Pool(""), "/"); err != nil || body != " visitor.example" {
		t.Errorf("own CA: %q %v", body, err)
	}
	// Destination routing: the name asked for is apart from address and Host.
	s.TLS.ServerName = "example.com"
	if _, body, err := call(t, opened(t, s, Options{}).Pool(""), "/"); err != nil || body != "example.com visitor.example" {
		t.Errorf("own server name: %q %v", body, err)
	}
	s.TLS.ServerName = "other.example"
	if _, _, err := call(t, opened(t, s, Options{}).Pool(""), "/"); !errors.As(err, &cert) {
		t.Errorf("a name that the certificate has not: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]*site.Site{
		"want http://":       {Origin: "shop:80"},
		`origin ""`:          {Origin: "http://a", Origins: map[string]string{"b": ""}},
		"no such file":       {Origin: "https://a", TLS: &site.OriginTLS{CAFile: "/does/not/exist"}},
		"no PEM certificate": {Origin: "https://a", TLS: &site.OriginTLS{CAFile: empty}},
	} {
		if _, err := Open(s, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestPoolsByName(t *testing.T) {
	a := opened(t, &site.Site{Origin: "http://a/", Origins: map[string]string{"b": "http://b:81"}}, Options{})
	own, b := a.Pool("").Base(), a.Pool("b").Base()
	if own != (url.URL{Scheme: "http", Host: "a"}) || b != (url.URL{Scheme: "http", Host: "b:81"}) || a.Pool("c") != nil {
		t.Errorf("%v %v %v", own, b, a.Pool("c"))
	}
}

func TestConnectionsAreReusedAndRedirectsPassedOn(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // no environment steers us
	var conns atomic.Int32
	o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if enc := r.Header["Accept-Encoding"]; enc != nil {
			t.Errorf("asked for %q", enc)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(302)
	}))
	o.Listener = counting{o.Listener, &conns}
	o.Start()
	t.Cleanup(o.Close)
	p := opened(t, &site.Site{Origin: o.URL}, Options{}).Pool("")
	for range 5 {
		resp, _, err := call(t, p, "/x")
		if err != nil || resp.StatusCode != 302 || resp.Header.Get("Location") != "/elsewhere" {
			t.Fatalf("%v %v", resp, err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 5 requests", n)
	}
}

func TestAnOriginThatNeverAnswers(t *testing.T) {
	hang := make(chan struct{})
	o := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(o.Close)
	t.Cleanup(func() { close(hang) })
	_, _, err := call(t, opened(t, &site.Site{Origin: o.URL}, Options{HeaderTimeout: 20 * time.Millisecond}).Pool(""), "/")
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("%v", err)
	}
}

// counting counts the connections accepted.
type counting struct {
	net.Listener
	n *atomic.Int32
}

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}
