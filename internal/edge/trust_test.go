package edge

import (
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
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
		got, believed := clientOf(netip.MustParseAddr(c.peer), c.header, trusted)
		if got.String() != c.client || believed != c.believed {
			t.Errorf("%s: %v, believed %v; want %s, %v", c.name, got, believed, c.client, c.believed)
		}
	}
}

func TestForward(t *testing.T) {
	type h = http.Header
	for _, c := range []struct {
		name     string
		peer     string
		believed bool
		in, want h
	}{
		{"a visitor", "203.0.113.5", false, h{},
			h{"X-Forwarded-For": {"203.0.113.5"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"shop.example:80"}}},
		{"a liar", "203.0.113.5", false, h{"X-Forwarded-For": {"1.1.1.1"}, "Forwarded": {"for=1.1.1.1"}, "X-Forwarded-Proto": {"https"},
			"X-Forwarded-Host": {"evil"}, "X-Forwarded-Port": {"1"}},
			h{"X-Forwarded-For": {"203.0.113.5"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"shop.example:80"}}},
		{"a proxy", "10.0.0.1", true, h{"X-Forwarded-For": {"1.1.1.1", "2.2.2.2"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"a"}, "X-Forwarded-Port": {"443"}},
			h{"X-Forwarded-For": {"1.1.1.1, 2.2.2.2, 10.0.0.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"a"}, "X-Forwarded-Port": {"443"}}},
		{"a proxy that speaks Forwarded", "fd00::1", true, h{"Forwarded": {`for=unknown, for="[2001:db8::7]:1", for=10.0.0.2`}},
			h{"X-Forwarded-For": {"2001:db8::7, 10.0.0.2, fd00::1"}, "Forwarded": {`for=unknown, for="[2001:db8::7]:1", for=10.0.0.2, for="[fd00::1]"`},
				"X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"shop.example:80"}}},
	} {
		out := c.in.Clone()
		forward(out, &http.Request{Header: c.in, Host: "shop.example:80"}, netip.MustParseAddr(c.peer), c.believed)
		if !reflect.DeepEqual(out, c.want) {
			t.Errorf("%s:\n got %v\nwant %v", c.name, out, c.want)
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
	f.Fuzz(func(t *testing.T, s string) {
		if n, commas := len(forwardedFor(s)), strings.Count(s, ","); n < 1 || n > commas+1 {
			t.Fatalf("%d elements, %d commas", n, commas)
		}
		client, _ := clientOf(netip.MustParseAddr("10.0.0.1"), http.Header{"Forwarded": {s}}, trusted)
		if !client.IsValid() || client.Is4In6() || client.Zone() != "" {
			t.Fatalf("client %v", client)
		}
		h := http.Header{"Forwarded": {s}}
		forward(h, &http.Request{Header: http.Header{"Forwarded": {s}}, Host: "a"}, netip.MustParseAddr("10.0.0.1"), true)
		for hop := range strings.SplitSeq(h.Get("X-Forwarded-For"), ", ") {
			if _, err := netip.ParseAddr(hop); err != nil {
				t.Fatalf("told the origin %q", h.Get("X-Forwarded-For"))
			}
		}
		if strings.Contains(s, `"`) {
			return // an open quote may pair up with one that follows
		}
		if client, _ := clientOf(netip.MustParseAddr("10.0.0.1"), http.Header{"Forwarded": {s, "for=198.51.100.1"}}, trusted); client.String() != "198.51.100.1" {
			t.Fatalf("%q hides the visitor: %v", s, client)
		}
	})
}
