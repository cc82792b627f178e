package edge

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/wire"
)

func TestClientOf(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.9/32")}
	type h = http.Header
	for _, c := range []struct {
		name, peer string
		header     h
		client     string
		believed   bool
	}{
		{"nothing said", "10.0.0.1", h{}, "10.0.0.1", true},
		{"untrusted peer", "203.0.113.5", h{"X-Forwarded-For": {"198.51.100.1"}, "Forwarded": {"for=198.51.100.2"}}, "203.0.113.5", false},
		{"one hop", "10.0.0.1", h{"X-Forwarded-For": {"198.51.100.1"}}, "198.51.100.1", true},
		{"forged on the left", "10.0.0.1", h{"X-Forwarded-For": {"6.6.6.6, 198.51.100.1"}}, "198.51.100.1", true},
		{"trusted ones skipped", "10.0.0.1", h{"X-Forwarded-For": {"6.6.6.6, 198.51.100.1, 10.1.1.1, 192.0.2.9"}}, "198.51.100.1", true},
		{"all trusted", "10.0.0.1", h{"X-Forwarded-For": {"10.0.0.3, 10.0.0.2"}}, "10.0.0.3", true},
		{"lines in order", "10.0.0.1", h{"X-Forwarded-For": {"6.6.6.6", "198.51.100.1 ,10.0.0.2"}}, "198.51.100.1", true},
		{"malformed stops", "10.0.0.1", h{"X-Forwarded-For": {"198.51.100.1, unknown, 10.0.0.2"}}, "10.0.0.2", true},
		{"malformed at once", "10.0.0.1", h{"X-Forwarded-For": {"198.51.100.1, "}}, "10.0.0.1", true},
		{"no octal", "10.0.0.1", h{"X-Forwarded-For": {"198.51.100.01"}}, "10.0.0.1", true},
		{"with a port", "10.0.0.1", h{"X-Forwarded-For": {"198.51.100.1:4711"}}, "198.51.100.1", true},
		{"IPv6", "fd00::1", h{"X-Forwarded-For": {"2001:db8::7"}}, "2001:db8::7", true},
		{"IPv6 in brackets", "10.0.0.1", h{"X-Forwarded-For": {"[2001:db8::7]:80"}}, "2001:db8::7", true},
		{"IPv6 without a port", "10.0.0.1", h{"X-Forwarded-For": {"[2001:db8::7]"}}, "2001:db8::7", true},
		{"IPv4 in IPv6", "::ffff:10.0.0.1", h{"X-Forwarded-For": {"198.51.100.1, ::ffff:10.0.0.7"}}, "198.51.100.1", true},
		{"a zone is not kept", "10.0.0.1", h{"X-Forwarded-For": {"fe80::1%eth0"}}, "fe80::1", true},
		{"Forwarded", "10.0.0.1", h{"Forwarded": {"for=6.6.6.6, for=198.51.100.1;proto=https;by=10.0.0.1"}}, "198.51.100.1", true},
		{"Forwarded IPv6", "10.0.0.1", h{"Forwarded": {`proto=http; For="[2001:db8:cafe::17]:4711"`}}, "2001:db8:cafe::17", true},
		{"Forwarded quoted", "10.0.0.1", h{"Forwarded": {`for="198.51.100.1:80"`}}, "198.51.100.1", true},
		{"Forwarded escaped", "10.0.0.1", h{"Forwarded": {`for="198.51.\100.1"`}}, "198.51.100.1", true},
		{"Forwarded hidden", "10.0.0.1", h{"Forwarded": {"for=198.51.100.1, for=_hidden"}}, "10.0.0.1", true},
		{"Forwarded lines", "10.0.0.1", h{"Forwarded": {"for=6.6.6.6", "for=198.51.100.1", "for=10.0.0.2"}}, "198.51.100.1", true},
		{"Forwarded without for", "10.0.0.1", h{"Forwarded": {"for=198.51.100.1, proto=https"}}, "10.0.0.1", true},
		{"Forwarded twice for", "10.0.0.1", h{"Forwarded": {"for=198.51.100.1;for=198.51.100.2"}}, "10.0.0.1", true},
		{"a comma in quotes", "10.0.0.1", h{"Forwarded": {`for=198.51.100.1;x="a, for=6.6.6.6"`}}, "198.51.100.1", true},
		{"an open quote swallows nothing", "10.0.0.1", h{"Forwarded": {`for=6.6.6.6, x="`, "for=198.51.100.1"}}, "198.51.100.1", true},
		{"both: X-Forwarded-For counts", "10.0.0.1", h{"X-Forwarded-For": {"198.51.100.1"}, "Forwarded": {"for=6.6.6.6"}}, "198.51.100.1", true},
	} {
		var lines []string
		for _, name := range []string{"X-Forwarded-For", "Forwarded"} {
			for _, v := range c.header[name] {
				lines = append(lines, name+": "+v)
			}
		}
		got, believed := clientOf(netip.MustParseAddr(c.peer), parsed(t, lines...), trusted)
		if got.String() != c.client || believed != c.believed {
			t.Errorf("%s: %v, believed %v; want %s, %v", c.name, got, believed, c.client, c.believed)
		}
	}
}

// parsed is a request with the fields given, in order.
func parsed(t testing.TB, fields ...string) *wire.Message {
	t.Helper()
	text := "GET / HTTP/1.1\r\nHost: shop.example:80\r\n"
	for _, f := range fields {
		text += f + "\r\n"
	}
	var m wire.Message
	if n, err := m.ParseRequest([]byte(text+"\r\n"), wire.DefaultLimits); err != nil || n == 0 {
		t.Skip("no request") // a fuzzed value
	}
	return &m
}

func forwardedLines(m *wire.Message, peer string, believed bool) string {
	e := exchange{req: m, believed: believed}
	r := wire.Rewrite{}
	e.forwarded(&visitor{peer: netip.AddrPortFrom(netip.MustParseAddr(peer), 1)}, &r)
	r.Add = e.add
	out := string(m.Append(nil, &r))
	_, out, _ = strings.Cut(out, "Host: shop.example:80\r\n")
	return strings.TrimSuffix(out, "\r\n")
}

func TestForwarded(t *testing.T) {
	own := "X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-Host: shop.example:80\r\nX-Forwarded-Proto: http\r\n"
	for _, c := range []struct {
		name     string
		peer     string
		believed bool
		in       []string
		want     string
	}{
		{"a visitor", "203.0.113.5", false, []string{"Accept: a"}, "Accept: a\r\n" + own},
		{"a liar", "203.0.113.5", false, []string{"X-Forwarded-For: 1.1.1.1", "Forwarded: for=1.1.1.1", "X-Forwarded-Proto: https",
			"X-Forwarded-Host: evil", "X-Forwarded-Port: 1"}, own},
		{"a proxy", "10.0.0.1", true, []string{"X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 2.2.2.2", "X-Forwarded-Proto: https", "X-Forwarded-Host: a", "X-Forwarded-Port: 443"},
			"X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\nX-Forwarded-Port: 443\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.1\r\n"},
		{"a proxy that speaks Forwarded", "fd00::1", true, []string{`Forwarded: for=unknown, for="[2001:db8::7]:1", for=10.0.0.2`},
			"X-Forwarded-For: 2001:db8::7, 10.0.0.2, fd00::1\r\n" + `Forwarded: for=unknown, for="[2001:db8::7]:1", for=10.0.0.2, for="[fd00::1]"` +
				"\r\nX-Forwarded-Host: shop.example:80\r\nX-Forwarded-Proto: http\r\n"},
	} {
		if got := forwardedLines(parsed(t, c.in...), c.peer, c.believed); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// What one proxy adds at the right is what is found there, whatever stands left
// of it; and one more untrusted hop at the right decides.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "for=1.1.1.1", `for="[::1]:80";proto=http, for=_x`, `for="`, `x="\`, `for="\"", for=2.2.2.2`, ",;,", `"a"b"c`} {
		f.Add(s)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	proxy := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, s string) {
		if n, commas := len(forwardedFor(s)), strings.Count(s, ","); n < 1 || n > commas+1 {
			t.Fatalf("%d elements, %d commas", n, commas)
		}
		m := parsed(t, "Forwarded: "+s)
		client, _ := clientOf(proxy, m, trusted)
		if !client.IsValid() || client.Is4In6() || client.Zone() != "" {
			t.Fatalf("client %v", client)
		}
		_, chain, _ := strings.Cut(forwardedLines(m, "10.0.0.1", true), "X-Forwarded-For: ")
		chain, _, _ = strings.Cut(chain, "\r\n")
		for hop := range strings.SplitSeq(chain, ", ") {
			if _, err := netip.ParseAddr(hop); err != nil {
				t.Fatalf("told the origin %q", chain)
			}
		}
		if strings.Contains(s, `"`) {
			return // an open quote may pair up with one that follows
		}
		if client, _ := clientOf(proxy, parsed(t, "Forwarded: "+s, "Forwarded: for=198.51.100.1"), trusted); client.String() != "198.51.100.1" {
			t.Fatalf("%q hides the visitor: %v", s, client)
		}
	})
}
