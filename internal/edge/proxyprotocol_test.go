package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// binaryHeader builds a header of version 2 from its parts.
func binaryHeader(version, family byte, rest string) string {
	b := append([]byte(nil), proxySignature...)
	b = append(b, version, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rest)))
	return string(b) + rest
}

const (
	four = "\xc6\x33\x64\x07\x0a\x00\x00\x01\x30\x39\x01\xbb" // 198.51.100.7:12345 to 10.0.0.1:443
	six  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x30\x39\x01\xbb"
	noop = "\x04\x00\x02xx"
)

func TestProxyHeaders(t *testing.T) {
	const none = "invalid AddrPort"
	for name, c := range map[string]struct{ header, want string }{
		"4":                   {"PROXY TCP4 198.51.100.7 10.0.0.1 12345 443\r\n", "198.51.100.7:12345"},
		"6":                   {"PROXY TCP6 2001:db8::7 2001:db8::1 12345 443\r\n", "[2001:db8::7]:12345"},
		"4 in 6":              {"PROXY TCP6 ::ffff:198.51.100.7 ::1 1 2\r\n", "198.51.100.7:1"},
		"unknown":             {"PROXY UNKNOWN\r\n", none},
		"unknown, longest":    {"PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", none},
		"binary 4":            {binaryHeader(0x21, 0x11, four), "198.51.100.7:12345"},
		"binary 6":            {binaryHeader(0x21, 0x21, six), "[2001:db8::7]:12345"},
		"binary with extras":  {binaryHeader(0x21, 0x11, four+noop+"\x03\x00\x04\x01\x02\x03\x04"), "198.51.100.7:12345"},
		"local":               {binaryHeader(0x20, 0x00, ""), none},
		"local with anything": {binaryHeader(0x20, 0x11, four+"??"), none},
		"binary, none known":  {binaryHeader(0x21, 0x00, noop), none},
		"Unix socket":         {binaryHeader(0x21, 0x31, strings.Repeat("\x00", 216)+noop), none},
	} {
		const after = "\x16\x03\x01 what follows"
		r := strings.NewReader(c.header + after)
		got, err := readProxyHeader(iotest.OneByteReader(r))
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v %v, want %s", name, got, err, c.want)
		}
		if rest, _ := io.ReadAll(r); string(rest) != after {
			t.Errorf("%s: it leaves %q", name, rest)
		}
	}
}

func TestProxyHeadersThatAreNone(t *testing.T) {
	for name, header := range map[string]string{
		"a request":           "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"a TLS hello":         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00",
		"cut short":           "PROXY TCP4 1.",
		"lower case":          "proxy TCP4 198.51.100.7 10.0.0.1 1 2\r\n",
		"two spaces":          "PROXY  TCP4 198.51.100.7 10.0.0.1 1 2\r\n",
		"a space at the end":  "PROXY TCP4 198.51.100.7 10.0.0.1 1 2 \r\n",
		"too few":             "PROXY TCP4 198.51.100.7 10.0.0.1 1\r\n",
		"other family":        "PROXY UDP4 198.51.100.7 10.0.0.1 1 2\r\n",
		"unknown what":        "PROXY UNKNOWNS\r\n",
		"6 in 4":              "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
		"4 in 6":              "PROXY TCP6 198.51.100.7 10.0.0.1 1 2\r\n",
		"a zone":              "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
		"a name":              "PROXY TCP4 a.example 10.0.0.1 1 2\r\n",
		"bad destination":     "PROXY TCP4 198.51.100.7 10.0.0 1 2\r\n",
		"port too high":       "PROXY TCP4 198.51.100.7 10.0.0.1 65536 2\r\n",
		"port with a zero":    "PROXY TCP4 198.51.100.7 10.0.0.1 01 2\r\n",
		"port with a sign":    "PROXY TCP4 198.51.100.7 10.0.0.1 +1 2\r\n",
		"bare line feed":      "PROXY TCP4 198.51.100.7 10.0.0.1 1 2\n",
		"too long":            "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n",
		"version 1 in binary": binaryHeader(0x11, 0x11, four),
		"command":             binaryHeader(0x22, 0x11, four),
		"family":              binaryHeader(0x21, 0x41, four),
		"datagrams":           binaryHeader(0x21, 0x12, four),
		"short 4":             binaryHeader(0x21, 0x11, four[:11]),
		"short 6":             binaryHeader(0x21, 0x21, six[:35]),
		"short Unix":          binaryHeader(0x21, 0x31, four),
		"extras cut":          binaryHeader(0x21, 0x11, four+"\x04\x00"),
		"extras past the end": binaryHeader(0x21, 0x11, four+"\x04\x00\x03xx"),
		"too large":           binaryHeader(0x20, 0x00, strings.Repeat("\x00", maxProxyBinary+1)),
		"less than it says":   binaryHeader(0x21, 0x11, four)[:20],
		"only a beginning":    string(proxySignature),
	} {
		if got, err := readProxyHeader(strings.NewReader(header)); !errors.Is(err, errProxyHeader) || got.IsValid() {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if _, err := readProxyHeader(strings.NewReader("")); err != io.EOF {
		t.Errorf("nothing: %v", err)
	}
}

// What is read is never more than a header may be, and never more than one.
func FuzzProxyHeader(f *testing.F) {
	for _, s := range []string{"PROXY TCP4 198.51.100.7 10.0.0.1 12345 443\r\n", "PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "PROXY UNKNOWN x\r\n",
		binaryHeader(0x21, 0x11, four+noop), binaryHeader(0x21, 0x21, six), binaryHeader(0x20, 0, ""), "GET / HTTP/1.1\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		source, err := readProxyHeader(r)
		read := b[:len(b)-r.Len()]
		if len(read) > 16+maxProxyBinary {
			t.Fatalf("%d bytes read", len(read))
		}
		if err != nil {
			if source.IsValid() {
				t.Fatalf("%v beside %v", source, err)
			}
			return
		}
		if source.IsValid() && (source.Addr().Is4In6() || source.Addr().Zone() != "") {
			t.Fatalf("an odd address: %v", source)
		}
		again := bytes.NewReader(read)
		if other, err := readProxyHeader(again); err != nil || other != source || again.Len() != 0 {
			t.Fatalf("the header alone reads as %v, %v", other, err)
		}
		if read[0] == 'P' && !bytes.HasSuffix(read, []byte("\r\n")) {
			t.Fatalf("a line without an end: %q", read)
		}
	})
}

// announced lets loopback announce whom it speaks for, and answers what the
// origin is told of the visitor.
func announced(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-For"))
	})
	return start(t, origin, newRecorder(nil), func(c *Config) {
		c.Listeners[0].Announced = loopback()
		if change != nil {
			change(c)
		}
	})
}

const plainRequest = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\nConnection: close\r\n\r\n"

func TestAnnouncedPeers(t *testing.T) {
	s := announced(t, nil)
	for _, c := range []struct{ header, want string }{
		{"PROXY TCP4 198.51.100.7 10.0.0.1 12345 443\r\n", "198.51.100.7"},
		{binaryHeader(0x21, 0x21, six+noop), "2001:db8::7"},
		{binaryHeader(0x20, 0, ""), "127.0.0.1"},
		{"PROXY UNKNOWN\r\n", "127.0.0.1"},
	} {
		conn := dial(t, s.addr)
		conn.send(c.header + plainRequest)
		if got := conn.rest(); !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.HasSuffix(got, "\r\n\r\n"+c.want) {
			t.Errorf("%q: %q, want %s", c.header, got, c.want)
		}
	}
	if n := s.Counters().ProxyHeaders; n != 0 {
		t.Errorf("%d refused", n)
	}
	for i, header := range []string{"", "PROXY TCP4 a b 1 2\r\n", binaryHeader(0x23, 0x11, four)} {
		conn := dial(t, s.addr)
		conn.send(header + plainRequest)
		if got := conn.rest(); got != "" {
			t.Errorf("%q: answered %q", header, got)
		}
		if n := s.Counters().ProxyHeaders; n != int64(i+1) {
			t.Errorf("%q: %d counted", header, n)
		}
	}
	_ = dial(t, s.addr).Close() // only looks whether we listen
	eventually(t, "it is gone", func() bool { return s.Counters().Connections == 0 })
	if n := s.Counters().ProxyHeaders; n != 3 {
		t.Errorf("a look is counted: %d", n)
	}
}

// The address that is announced is the peer of the chain: trusted like any other.
func TestAnAnnouncedPeerMayBeATrustedProxy(t *testing.T) {
	s := announced(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} })
	for header, want := range map[string]string{
		"PROXY TCP4 198.51.100.7 10.0.0.1 12345 443\r\n": "192.0.2.9, 198.51.100.7",
		"PROXY TCP4 203.0.113.7 10.0.0.1 12345 443\r\n":  "203.0.113.7",
	} {
		conn := dial(t, s.addr)
		conn.send(header + plainRequest)
		if got := conn.rest(); !strings.HasSuffix(got, "\r\n\r\n"+want) {
			t.Errorf("%q: %q, want %s", header, got, want)
		}
	}
}

// Nobody else is listened to: his header is a request that is none.
func TestWhoIsNotListedAnnouncesNobody(t *testing.T) {
	s := announced(t, func(c *Config) { c.Listeners[0].Announced = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	conn := dial(t, s.addr)
	conn.send("PROXY TCP4 198.51.100.7 10.0.0.1 12345 443\r\n" + plainRequest)
	if got := conn.rest(); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("%q", got)
	}
	conn = dial(t, s.addr)
	conn.send(plainRequest)
	if got := conn.rest(); !strings.HasSuffix(got, "\r\n\r\n127.0.0.1") {
		t.Errorf("%q", got)
	}
	if n := s.Counters().ProxyHeaders; n != 0 {
		t.Errorf("%d counted", n)
	}
}

// A header that does not come to its end costs a connection for no longer than a
// head may take.
func TestASlowProxyHeaderIsCutOff(t *testing.T) {
	s := announced(t, func(c *Config) { c.HeadTimeout = 100 * time.Millisecond })
	for _, header := range []string{"PROXY TCP4 198.51", string(proxySignature) + "\x21\x11\x01\x00", ""} {
		conn := dial(t, s.addr)
		conn.send(header)
		if got := conn.rest(); got != "" {
			t.Errorf("%q: %q", header, got)
		}
	}
	if n := s.Counters().ProxyHeaders; n < 2 {
		t.Errorf("%d counted", n)
	}
}

func TestAnnouncedBeforeTLS(t *testing.T) {
	cert, key := certificate(t, t.TempDir(), "shop.example")
	s := announced(t, func(c *Config) { c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key })
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example"},
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				conn, err := d.DialContext(ctx, "tcp", s.addr)
				if err == nil {
					_, err = io.WriteString(conn, binaryHeader(0x21, 0x11, four+noop))
				}
				return conn, err
			}}
		resp, err := transport.RoundTrip(request(t, "https://"+s.addr+"/"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if string(body) != "198.51.100.7" || (resp.ProtoMajor == 2) != h2 {
			t.Errorf("%s: %q", resp.Proto, body)
		}
	}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestHAProxyAnnouncesVisitors has HAProxy as the sender, with both versions; its
// own checks say that they are its own.
func TestHAProxyAnnouncesVisitors(t *testing.T) {
	needPeer(t, "haproxy")
	for _, version := range []string{"send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c"} {
		s := announced(t, nil)
		dir, addr := t.TempDir(), freeAddr(t)
		conf := "defaults\n mode tcp\n timeout client 10s\n timeout server 10s\n timeout connect 5s\n" +
			"listen l\n bind " + addr + "\n unique-id-format %Ts\n option httpchk GET /check\n source 127.0.0.1\n" +
			" server o " + s.addr + " check inter 50ms " + version + " check-send-proxy\n"
		if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		peer(t, addr, dir, "haproxy", "-f", "haproxy.cfg")
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
		conn, err := d.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(conn, plainRequest); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !strings.HasSuffix(string(got), "\r\n\r\n127.0.0.77") {
			t.Errorf("%s: %q", version, got)
		}
		eventually(t, "checks come through", func() bool { return s.Counters().Requests > 3 })
		if n := s.Counters().ProxyHeaders; n != 0 {
			t.Errorf("%s: %d headers refused", version, n)
		}
	}
}
