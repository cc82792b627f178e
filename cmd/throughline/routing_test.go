package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/hub"
)

// TestRoutingFromTheConfiguration spreads over the addresses of an origin, leaves
// out the dead one, and takes a listed balancer's word for whom it speaks.
func TestRoutingFromTheConfiguration(t *testing.T) {
	alive := shopOrigin(t)
	s := newServer(t, alive.URL)
	admin, dead := freeAddress(t), freeAddress(t)
	write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\nproxy_protocol: [127.0.0.1]\nadmin: %q\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\n"+
		"sites: [{name: shop, hosts: [\"*\"], origin: \"http://shop.example\", addresses: [%q, %q], failover: {fails: 2, pause: 1h}}]\n",
		admin, alive.Listener.Addr(), dead))
	s.start(t)
	ask := func(header string) string {
		t.Helper()
		c, err := net.Dial("tcp", strings.TrimPrefix(s.site, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, header+"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(c)
		return string(got)
	}
	if got := ask(""); got != "" {
		t.Errorf("without a header: %q", got)
	}
	// One that has idle connections is asked on them: each request opens its own
	// only where there is none, so the dead one is found in time.
	eventually(t, "the dead address is left out", func() bool {
		if got := ask("PROXY TCP4 198.51.100.7 10.0.0.1 1 2\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("%q", got)
		}
		return strings.Contains(metrics(t, admin), "throughline_origin_addresses_down 1\n")
	})
	text := metrics(t, admin)
	for _, want := range []string{`throughline_refused_total{reason="proxy_header"} 1`, "throughline_first_packets_missing_total 0\n", fmt.Sprintf(`throughline_origin_address_failures_total{address=%q} 2`, dead),
		fmt.Sprintf(`throughline_origin_address_responses_total{address=%q} `, alive.Listener.Addr())} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	var st hub.Status
	s.get(t, "/api/v1/status", &st)
	ends := st.Sites[0].Endpoints
	if len(ends) != 2 || !ends[0].Up || ends[0].Responses == 0 || ends[1].Up || ends[1].Failures != 2 || !strings.Contains(ends[1].Error, "refused") {
		t.Errorf("%+v", ends)
	}
}

// TestFaultsOfRouting are all told at once.
func TestFaultsOfRouting(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "throughline.yaml")
	write(t, file, `proxy_protocol: [balancer]
tls: {listen: ":8443", proxy_protocol: [10.0.0.0/33]}
sites:
  - name: shop
    hosts: ["*"]
    origin: http://shop.example
    addresses: ["10.0.0.1:0", "http://b"]
    health: {path: healthz, host: "a b", status: 99, interval: 1s, timeout: 2s, server_name: "a:1"}
    failover: {fails: -1, pause: soon, slow_start: -1s}
  - name: other
    hosts: [other.example]
    origin: http://other.example
    failover: {}
`)
	out, err := tool(t, "", "serve", "--config", file, "--check")
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"proxy_protocol[0]", "tls.proxy_protocol[0]", "sites[0].addresses[0]", "sites[0].addresses[1]", "sites[0].health.path",
		"sites[0].health.host", "sites[0].health.status", "sites[0].health.timeout", "sites[0].health.server_name",
		"sites[0].failover.fails", "sites[0].failover.pause", "sites[0].failover.slow_start", "sites[1].failover"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not told in\n%s", want, out)
		}
	}
}
