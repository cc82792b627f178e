package origin

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"errors"
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

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// call makes one exchange the way the edge does.
func call(t *testing.T, p *Pool, path string) (status int, head, body string, err error) {
	t.Helper()
	c, err := p.Get(t.Context())
	if err != nil {
		return 0, "", "", err
	}
	c.DueRead(p.HeaderTimeout())
	if _, err := c.Exchange([]byte("GET " + path + " HTTP/1.1\r\nHost: visitor.example\r\n\r\n")); err != nil {
		c.Close()
		return 0, "", "", err
	}
	var m wire.Message
	for {
		n, err := m.ParseResponse(c.In.Bytes(), p.Limits())
		if err != nil {
			c.Close()
			return 0, "", "", err
		}
		if n > 0 && c.In.Len() >= n+int(m.Length) {
			status, head, body = m.Status, string(m.Raw), string(c.In.Bytes()[n:n+int(m.Length)])
			c.In.Take(n + int(m.Length))
			c.Answered()
			c.Put()
			return status, head, body, nil
		}
		if err := c.Fill(); err != nil {
			c.Close()
			return 0, "", "", err
		}
	}
}

func opened(t *testing.T, s *site.Site, o Options) *Set {
	t.Helper()
	set, err := Open(s, o, wire.NewSweeper())
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
	if _, _, _, err := call(t, opened(t, s, Options{}).Pool(""), "/"); !errors.As(err, &cert) {
		t.Errorf("an unknown authority: %v", err)
	}
	s.TLS = &site.OriginTLS{CAFile: ca}
	if _, _, body, err := call(t, opened(t, s, Options{}).Pool(""), "/"); err != nil || body != " visitor.example" {
		t.Errorf("own CA: %q %v", body, err)
	}
	// Destination routing: the name asked for is apart from address and Host.
	s.TLS.ServerName = "example.com"
	if _, _, body, err := call(t, opened(t, s, Options{}).Pool(""), "/"); err != nil || body != "example.com visitor.example" {
		t.Errorf("own server name: %q %v", body, err)
	}
	s.TLS.ServerName = "other.example"
	if _, _, _, err := call(t, opened(t, s, Options{}).Pool(""), "/"); !errors.As(err, &cert) {
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
		if _, err := Open(s, Options{}, wire.NewSweeper()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestPoolsByName(t *testing.T) {
	a := opened(t, &site.Site{Origin: "http://a/", Addresses: []string{"10.0.0.1", "b:81", "::1", "[::1]:82"},
		Origins: map[string]string{"b": "https://b", "c": "http://[::1]:81"}}, Options{})
	if got := fmt.Sprint(a.Pool("").Addrs(), a.Pool("b").Addrs(), a.Pool("c").Addrs()); got != "[10.0.0.1:80 b:81 [::1]:80 [::1]:82] [b:443] [[::1]:81]" || a.Pool("d") != nil {
		t.Errorf("%s %v", got, a.Pool("d"))
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
		status, head, _, err := call(t, p, "/x")
		if err != nil || status != 302 || !strings.Contains(head, "\r\nLocation: /elsewhere\r\n") {
			t.Fatalf("%d %q %v", status, head, err)
		}
	}
	if n := conns.Load(); n != 1 || p.Idle() != 1 {
		t.Errorf("%d connections for 5 requests, %d idle", n, p.Idle())
	}
}

func TestAnOriginThatNeverAnswers(t *testing.T) {
	hang := make(chan struct{})
	o := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(o.Close)
	t.Cleanup(func() { close(hang) })
	_, _, _, err := call(t, opened(t, &site.Site{Origin: o.URL}, Options{HeaderTimeout: 20 * time.Millisecond}).Pool(""), "/")
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v", err)
	}
}

// answering is an origin that answers each head it reads with the same bytes,
// and says what else it does then.
func answering(t *testing.T, answer string, then func(c net.Conn)) *Pool {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				for {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, answer)
					if then != nil {
						then(c)
					}
				}
			}()
		}
	}()
	return opened(t, &site.Site{Origin: "http://" + ln.Addr().String()}, Options{IdleTimeout: 50 * time.Millisecond}).Pool("")
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// A connection that ended or spoke while it was idle is noticed before anything
// is sent on it.
func TestIdleConnectionsAreLookedAt(t *testing.T) {
	for want, then := range map[error]func(net.Conn){
		wire.ErrStale:    func(c net.Conn) { _ = c.Close() },
		wire.ErrPoisoned: func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: for nobody\r\n\r\n") },
	} {
		done := make(chan struct{}, 10)
		p := answering(t, ok, func(c net.Conn) {
			time.Sleep(5 * time.Millisecond) // apart from the answer
			then(c)
			done <- struct{}{}
		})
		if _, _, _, err := call(t, p, "/"); err != nil {
			t.Fatal(err)
		}
		<-done
		c, err := p.Get(t.Context())
		if err != nil || !c.Used() {
			t.Fatalf("%v, used %v", err, c.Used())
		}
		for err = nil; err == nil; { // what was done arrives in its time
			err = c.Fresh()
		}
		if sent, exchange := c.Exchange([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != want || exchange != want || sent {
			t.Errorf("fresh: %v, exchange: %v, sent %v; want %v", err, exchange, sent, want)
		}
		c.Close()
	}
}

// Bytes behind a response make a connection unfit for another.
func TestLeftoversCloseTheConnection(t *testing.T) {
	p := answering(t, ok+"more", nil)
	if _, _, _, err := call(t, p, "/"); err != nil {
		t.Fatal(err)
	}
	if n := p.Idle(); n != 0 {
		t.Errorf("%d idle", n)
	}
}

func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	p := answering(t, ok, nil)
	if _, _, _, err := call(t, p, "/"); err != nil || p.Idle() != 1 {
		t.Fatalf("%v, %d idle", err, p.Idle())
	}
	for range 1000 {
		if p.Idle() == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("it stays for ever")
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
