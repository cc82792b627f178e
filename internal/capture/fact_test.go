package capture

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

func TestFactsOfTheConnection(t *testing.T) {
	chrome := []wire.Field{{Name: "Host", Value: "shop.example"}, {Name: "User-Agent", Value: "Mozilla/5.0 (X11) Chrome/156.0.0.0"}, {Name: "Accept", Value: "text/html"}}
	shown := &wire.Shown{JA3: "de350869b8c85de67a350c8d186f11e6", JA4: "t13d1516h2_8daaf6152771_e5627efa2ab1", TLS: "s13_0123456789abcdef",
		H2: "1:65536;2:0|15663105|0|m,a,s,p", SYN: "4:64:64240:1460:7:mss,sok,ts,nop,ws:df,id+"}
	spec := &policy.Spec{Request: []policy.Mapping{
		{Source: policy.SourceTLS, Name: "ja3", Element: "tls_ja3"}, {Source: policy.SourceTLS, Name: "ja4", Element: "tls_fingerprint"},
		{Source: policy.SourceTLS, Name: "hash", Element: "tls_hash"}, {Source: policy.SourceH2, Name: "print", Element: "http2_fingerprint"},
		{Source: policy.SourceConn, Name: "syn", Element: "tcp_signature"}, {Source: policy.SourceClient, Name: "order", Element: "header_order"},
		{Source: policy.SourceClient, Name: "profile", Element: "client_profile"}, {Source: policy.SourceClient, Name: "doubt", Element: "client_doubt"},
	}}
	plan := NewPlan(spec)
	read := func(conn wire.Conn, proto string) map[string]string {
		conn.Client = netip.MustParseAddr("192.0.2.9")
		x := &wire.Exchange{Conn: conn, Request: wire.Head{Method: "GET", Proto: proto, Fields: chrome}}
		out := map[string]string{}
		for _, e := range capturer(t).Request(plan, x) {
			if e.Invalid != "" {
				t.Errorf("%s is invalid: %s", e.ID, e.Invalid)
			}
			out[e.ID] = e.Value
		}
		return out
	}
	got := read(wire.Conn{TLS: true, Shown: shown}, "HTTP/1.1")
	for id, want := range map[string]string{"tls_ja3": shown.JA3, "tls_fingerprint": shown.JA4, "tls_hash": shown.TLS, "http2_fingerprint": shown.H2,
		"tcp_signature": shown.SYN, "client_doubt": "user agent says Chromium, TLS goes without GREASE"} {
		if got[id] != want {
			t.Errorf("%s is %q, want %q", id, got[id], want)
		}
	}
	if !strings.HasPrefix(got["header_order"], "h1n03_") || len(got["client_profile"]) != 12 {
		t.Errorf("%v", got)
	}
	// What HTTP/2 and a proxy hide is not there.
	if got := read(wire.Conn{TLS: true, Shown: shown}, "HTTP/2.0"); got["header_order"] != "" || got["client_profile"] == "" || got["tls_hash"] == "" {
		t.Errorf("%v", got)
	}
	got = read(wire.Conn{TLS: true, Proxied: true, Shown: &wire.Shown{JA4: shown.JA4}}, "HTTP/1.1")
	if got["tls_fingerprint"] != shown.JA4 || got["header_order"] != "" || got["tls_hash"] != "" || got["client_doubt"] != "" {
		t.Errorf("behind a proxy %v", got)
	}
	got = read(wire.Conn{}, "HTTP/1.1")
	for _, id := range []string{"tls_ja3", "tls_fingerprint", "tls_hash", "http2_fingerprint", "tcp_signature", "client_doubt"} {
		if v, there := got[id]; there {
			t.Errorf("in the clear %s is %q", id, v)
		}
	}
}
