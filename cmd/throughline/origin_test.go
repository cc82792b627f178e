package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnOriginWithItsOwnAuthority is reached only when its roots are named, and
// by the name it is to show.
func TestAnOriginWithItsOwnAuthority(t *testing.T) {
	o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.ServerName+" "+r.Host)
	}))
	o.StartTLS()
	t.Cleanup(o.Close)
	s := newServer(t, o.URL)
	config := filepath.Join(s.dir, "throughline.yaml")
	write(t, filepath.Join(s.dir, "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.Certificate().Raw})))
	for tls, want := range map[string]string{
		"":                           "502",
		", origin_tls: {ca: ca.pem}": "200  shop.example",
		", origin_tls: {ca: ca.pem, server_name: example.com}":       "200 example.com shop.example",
		", origin_tls: {ca: ca.pem, server_name: elsewhere.example}": "502",
	} {
		write(t, config, fmt.Sprintf("listen: 127.0.0.1:0\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\n"+
			"sites: [{name: shop, hosts: [\"*\"], origin: %q%s}]\n", o.URL, tls))
		s.start(t)
		req, _ := http.NewRequest(http.MethodGet, s.site+"/", nil)
		req.Host = "shop.example"
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := fmt.Sprint(resp.StatusCode, " ", string(body)); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", tls, got, want)
		}
		s.signal(t, 15)
	}
}

// TestLimitsAreKept closes what comes beyond the number of connections allowed,
// and says so in the metrics.
func TestLimitsAreKept(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	admin := freeAddress(t)
	write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\nadmin: %q\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\n"+
		"limits: {connections: 1, head: 4KiB}\nsites: [{name: shop, hosts: [\"*\"], origin: %q}]\n", admin, shopOrigin(t).URL))
	s.start(t)
	addr := strings.TrimPrefix(s.site, "http://")
	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	if _, err := io.WriteString(first, "GET / HTTP/1.1\r\nHost: a\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first connection is counted", func() bool { return strings.Contains(metrics(t, admin), "throughline_connections 1\n") })
	second, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(second); !strings.HasPrefix(string(got), "HTTP/1.1 503 ") {
		t.Errorf("the second got %q", got)
	}
	if _, err := io.WriteString(first, "X: "+strings.Repeat("x", 5000)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(first); !strings.HasPrefix(string(got), "HTTP/1.1 431 ") {
		t.Errorf("the first got %q", got)
	}
	text := metrics(t, admin)
	for _, want := range []string{`throughline_refused_total{reason="over_limit"} 1`, `throughline_refused_total{reason="malformed"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func metrics(t *testing.T, admin string) string {
	t.Helper()
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return "" // not up yet
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}
