package edge

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/wire"
)

func fields(t *testing.T, url string, rt http.RoundTripper, set ...string) {
	t.Helper()
	req, _ := http.NewRequest("GET", url, nil)
	req.Host = "shop.example"
	for i := 0; i < len(set); i += 2 {
		req.Header.Set(set[i], set[i+1])
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func TestConnectionsShowTheirPrints(t *testing.T) {
	hash := ""
	for _, proto := range []string{"h2", "http/1.1"} {
		rec := newRecorder(nil)
		s, transport := startTLS(t, fixed(t, 10), rec)
		transport.TLSClientConfig.NextProtos = []string{proto}
		transport.ForceAttemptHTTP2 = proto == "h2"
		var first *wire.Shown
		for range 3 {
			fields(t, "https://"+s.addr+"/", transport)
			x, _ := rec.one(t)
			got := x.Conn.Shown
			if got == nil || !fingerprint.IsJA3(got.JA3) || !fingerprint.IsJA4(got.JA4) || got.JA4[8:10] != "h"+proto[1:2] && proto == "h2" || got.TLS == "" || got.SYN != "" || x.Conn.Ticket != "" {
				t.Fatalf("%s: %+v", proto, got)
			}
			if first == nil {
				first = got
			} else if *first != *got {
				t.Errorf("%s: a later request of the connection has %+v, the first had %+v", proto, got, first)
			}
		}
		if is := strings.HasSuffix(first.H2, "|a,m,p,s"); is != (proto == "h2") {
			t.Errorf("%s: HTTP/2 is %q", proto, first.H2)
		}
		if hash != "" && first.TLS != hash {
			t.Errorf("%s: the hash is %s, and over HTTP/2 %s", proto, first.TLS, hash)
		}
		hash = first.TLS
	}
}

func TestConnectionsInTheClearShowNothing(t *testing.T) {
	rec := newRecorder(nil)
	s := start(t, fixed(t, 10), rec, nil)
	fields(t, "http://"+s.addr+"/", http.DefaultTransport)
	if x, _ := rec.one(t); x.Conn.Shown != nil {
		t.Errorf("%+v", x.Conn.Shown)
	}
}

const (
	someJA3 = "de350869b8c85de67a350c8d186f11e6"
	someJA4 = "t13d1516h2_8daaf6152771_e5627efa2ab1"
)

// Behind a proxy the connection shows the proxy; what that tells takes its place.
func TestTrustedProxiesTellOfTheVisitor(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []string
		want *wire.Shown
	}{
		{"both", []string{"CloudFront-Viewer-JA3-Fingerprint", someJA3, "CloudFront-Viewer-JA4-Fingerprint", someJA4}, &wire.Shown{JA3: someJA3, JA4: someJA4}},
		{"one", []string{"cloudfront-viewer-ja4-fingerprint", someJA4}, &wire.Shown{JA4: someJA4}},
		{"neither", nil, nil},
		{"no prints", []string{"CloudFront-Viewer-JA3-Fingerprint", "mine", "CloudFront-Viewer-JA4-Fingerprint", someJA4 + "x"}, nil},
	} {
		rec := newRecorder(nil)
		cert, key := certificate(t, t.TempDir(), "shop.example")
		s := start(t, fixed(t, 10), rec, func(conf *Config) {
			conf.Listeners[0].CertFile, conf.Listeners[0].KeyFile = cert, key
			conf.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			conf.Fingerprint.JA3, conf.Fingerprint.JA4 = "CloudFront-Viewer-JA3-Fingerprint", "CloudFront-Viewer-JA4-Fingerprint"
		})
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		fields(t, "https://"+s.addr+"/", transport, append(c.set, "X-Forwarded-For", "192.0.2.7")...)
		transport.CloseIdleConnections()
		x, _ := rec.one(t)
		if got := x.Conn.Shown; (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A visitor can't tell of himself, and a field that is not configured tells nothing.
func TestVisitorsDoNotTellOfThemselves(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		rec := newRecorder(nil)
		s := start(t, fixed(t, 10), rec, func(conf *Config) {
			if trusted {
				conf.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			} else {
				conf.Fingerprint.JA4 = "CloudFront-Viewer-JA4-Fingerprint"
			}
		})
		fields(t, "http://"+s.addr+"/", http.DefaultTransport, "CloudFront-Viewer-JA4-Fingerprint", someJA4)
		if x, _ := rec.one(t); x.Conn.Shown != nil {
			t.Errorf("trusted %v: %+v", trusted, x.Conn.Shown)
		}
	}
}

func TestTicketIDsOverResumption(t *testing.T) {
	tickets, err := fingerprint.NewTickets("", nil)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(nil)
	cert, key := certificate(t, t.TempDir(), "shop.example")
	s := start(t, fixed(t, 10), rec, func(conf *Config) {
		conf.Listeners[0].CertFile, conf.Listeners[0].KeyFile = cert, key
		conf.Fingerprint.Tickets = tickets
	})
	ids := map[string]bool{}
	for range 2 {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", ClientSessionCache: tls.NewLRUClientSessionCache(4)}}
		var first *wire.Conn
		for i := range 3 {
			fields(t, "https://"+s.addr+"/", transport)
			transport.CloseIdleConnections()
			x, _ := rec.one(t)
			got := &x.Conn
			if first == nil {
				first = got
			}
			if len(got.Ticket) != 32 || got.Ticket != first.Ticket || got.Shown.TLS != first.Shown.TLS || got.Resumed != (i > 0) {
				t.Errorf("%+v, and was %+v", got, first)
			}
		}
		ids[first.Ticket] = true
	}
	if len(ids) != 2 {
		t.Errorf("two clients have %d IDs", len(ids))
	}
}

func TestFirstPackets(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("first packets are kept on Linux only")
	}
	for _, announced := range []bool{false, true} {
		rec := newRecorder(nil)
		s := start(t, fixed(t, 10), rec, func(conf *Config) {
			conf.Fingerprint.SYN = true
			if announced {
				conf.Listeners[0].Announced = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			}
		})
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		head := "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
		if announced {
			head = "PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n" + head
		}
		_, _ = io.WriteString(c, head)
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
		x, _ := rec.one(t)
		switch got := x.Conn.Shown; {
		case announced && got != nil:
			t.Errorf("the balancer's packet counts as the visitor's: %+v", got)
		case !announced && (got == nil || !strings.HasPrefix(got.SYN, "4:64:")):
			t.Errorf("%+v", got)
		}
	}
}

// A first packet that the system has not kept is missed, and counted.
func TestFirstPacketsThatAreMissing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", ln.Addr().String()) // before anybody asked for its packet
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	rec := newRecorder(nil)
	s := start(t, fixed(t, 10), rec, func(conf *Config) {
		conf.Fingerprint.SYN = true
		conf.Listeners[0].Socket = ln
	})
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
	if got, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(got, []byte("HTTP/1.1 200 ")) {
		t.Errorf("%q, %v", got, err)
	}
	if x, _ := rec.one(t); x.Conn.Shown != nil {
		t.Errorf("%+v", x.Conn.Shown)
	}
	if n := s.Counters().NoSYN; n != 1 {
		t.Errorf("%d counted", n)
	}
}

// A client that can speak HTTP/2 only over a cipher that it must not be spoken over
// is told so.
func TestHTTP2OverAnOldCipher(t *testing.T) {
	s, _ := startTLS(t, "http://127.0.0.1:1", nobody{})
	c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	got, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasSuffix(got, []byte(inadequate)) {
		t.Errorf("%q, %v", got, err)
	}
}
