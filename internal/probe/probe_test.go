package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/throughline/throughline/internal/site"
)

// server answers from a zone file, and follows no alias: each question has only
// its own records.
func server(t *testing.T, zone string) string {
	t.Helper()
	var records []dns.RR
	z := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		records = append(records, rr)
	}
	if err := z.Err(); err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg)
		a.SetReply(q)
		if strings.HasPrefix(q.Question[0].Name, "broken.") {
			a.Rcode = dns.RcodeServerFailure
		}
		for _, rr := range records {
			if strings.EqualFold(rr.Header().Name, q.Question[0].Name) && rr.Header().Rrtype == q.Question[0].Qtype {
				a.Answer = append(a.Answer, rr)
			}
		}
		_ = w.WriteMsg(a)
	})}
	var up, ended sync.WaitGroup
	up.Add(1)
	s.NotifyStartedFunc = up.Done
	ended.Go(func() { _ = s.ActivateAndServe() })
	up.Wait()
	t.Cleanup(func() { _ = s.Shutdown(); ended.Wait() })
	return pc.LocalAddr().String()
}

const zone = `
www.shop.example.             60 IN CNAME www.shop.example.edge.example.
www.shop.example.             60 IN A     192.0.2.1
old.shop.example.             60 IN CNAME cdn.example.
cdn.example.                  60 IN A     192.0.2.9
chained.shop.example.         60 IN CNAME cdn2.example.
cdn2.example.                 60 IN CNAME any.edge.example.
chained.shop.example.         60 IN A     192.0.2.1
lost.shop.example.            60 IN CNAME lost.edge.example.
shop.example.                 60 IN A     192.0.2.1
other.example.                60 IN A     192.0.2.9
edge.example.                 60 IN A     192.0.2.1
edge.example.                 60 IN A     192.0.2.2
loop.example.                 60 IN CNAME loop.example.
fakeedge.example.             60 IN CNAME notedge.example.
fakeedge.example.             60 IN A     192.0.2.9
notedge.example.              60 IN A     192.0.2.9
_acme-challenge.shop.example. 60 IN CNAME shop.example.acme.example.
_acme-challenge.old.example.  60 IN CNAME else.example.
`

// TestWhereANameLeads: by an alias, also over others, or by the same addresses.
func TestWhereANameLeads(t *testing.T) {
	n := &names{server(t, zone)}
	for host, want := range map[string]string{
		"www.shop.example":     "true leads to www.shop.example.edge.example (192.0.2.1)",
		"chained.shop.example": "true leads to any.edge.example",
		"shop.example":         "true has addresses of edge.example",
		"old.shop.example":     "false leads to cdn.example",
		"lost.shop.example":    "false leads to lost.edge.example, which has no address",
		"other.example":        "false is at 192.0.2.9, without a CNAME",
		"none.example":         "false does not exist",
		"loop.example":         "false more than 8 aliases",
		"fakeedge.example":     "false leads to notedge.example",
		"broken.example":       "false name server " + n.server + " answers SERVFAIL",
	} {
		r := Plan{Host: host, Managed: "edge.example"}.alias(t.Context(), n)
		if got := fmt.Sprint(r.OK, " ", strings.TrimPrefix(r.Found, host+" ")); !strings.HasPrefix(got, want) || r.OK != (r.Want == "") {
			t.Errorf("%s: %s (want %q); not %s", host, got, r.Want, want)
		}
	}
	if r := (Plan{Host: "other.example"}).alias(t.Context(), n); !r.OK || !strings.Contains(r.Found, "not known") {
		t.Errorf("%+v", r)
	}
	for name, want := range map[string]bool{"shop.example": true, "old.example": false, "none.example": false, "broken": false} {
		p := Plan{Host: name, Delegated: "_acme-challenge." + name, Challenge: name + ".acme.example"}
		if name == "broken" {
			p.Delegated = "broken.example"
		}
		if r := p.delegation(t.Context(), n); r.OK != want || !want && r.Want != "CNAME "+p.Challenge+"." {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// made is a certificate and its key.
type made struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func issue(t *testing.T, by *made, name string, from, until time.Time) *made {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until}
	if strings.Contains(name, ".") {
		tmpl.DNSNames = []string{name}
	} else {
		tmpl.IsCA, tmpl.BasicConstraintsValid = true, true
	}
	if by == nil {
		by = &made{tmpl, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &made{cert, key}
}

// TestWhatIsWrongWithACertificate is told apart.
func TestWhatIsWrongWithACertificate(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	root := issue(t, nil, "root", now.Add(-day), now.Add(1000*day))
	middle := issue(t, root, "middle", now.Add(-day), now.Add(1000*day))
	leaf := func(from, until time.Duration) *x509.Certificate {
		return issue(t, middle, "www.shop.example", now.Add(from), now.Add(until)).cert
	}
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	for want, c := range map[string]struct {
		host  string
		chain []*x509.Certificate
	}{
		"ok for www.shop.example by middle, until":             {"www.shop.example", []*x509.Certificate{leaf(-day, 80*day), middle.cert}},
		"failed it is for www.shop.example; a certificate for": {"shop.example", []*x509.Certificate{leaf(-day, 80*day), middle.cert}},
		"failed it ended":  {"www.shop.example", []*x509.Certificate{leaf(-9*day, -day), middle.cert}},
		"failed it begins": {"www.shop.example", []*x509.Certificate{leaf(day, 9*day), middle.cert}},
		"failed it ends " + now.Add(5*day).UTC().Format(time.DateOnly):                                          {"www.shop.example", []*x509.Certificate{leaf(-80*day, 5*day), middle.cert}},
		"failed it is not trusted: x509: certificate signed by unknown authority; the authority's intermediate": {"www.shop.example", []*x509.Certificate{leaf(-day, 80*day)}},
		"failed it is not trusted: x509: certificate signed by unknown authority; a certificate of an": {"www.shop.example",
			[]*x509.Certificate{issue(t, nil, "www.shop.example", now.Add(-day), now.Add(80*day)).cert}},
	} {
		r := judge(c.chain, c.host, roots, now)
		got := "ok " + r.Found
		if !r.OK {
			got = "failed " + r.Found + "; " + r.Want
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestTheOrigin is verified as the edge verifies it, and asked for the host.
func TestTheOrigin(t *testing.T) {
	status := http.StatusOK
	o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "www.shop.example" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(status)
	}))
	root := issue(t, nil, "root", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	own := issue(t, root, "origin.shop.example", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	o.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{own.cert.Raw}, PrivateKey: own.key}}}
	o.StartTLS()
	t.Cleanup(o.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := func(origin string, conf *site.OriginTLS) Plan {
		return Plan{Host: "www.shop.example", Site: &site.Site{Origin: origin, TLS: conf}}
	}
	for want, p := range map[string]Plan{
		"true  shows a certificate for origin.shop.example": plan(o.URL, &site.OriginTLS{CAFile: ca, ServerName: "origin.shop.example"}),
		"false origin_tls.server_name":                      plan(o.URL, &site.OriginTLS{CAFile: ca, ServerName: "x.example"}),
		"false origin_tls.ca":                               plan(o.URL, &site.OriginTLS{ServerName: "origin.shop.example"}),
		"false readable files in origin_tls":                plan(o.URL, &site.OriginTLS{CAFile: "/none"}),
		"false an origin that speaks TLS":                   plan("https://127.0.0.1:1", nil),
		"true  is asked in the clear":                       plan("http://127.0.0.1:1", nil),
	} {
		r := p.originTLS(t.Context())
		if got := fmt.Sprint(r.OK, " ", r.Want, strings.TrimPrefix(r.Found, strings.TrimPrefix(strings.TrimPrefix(p.Site.Origin, "https://"), "http://"))); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", want, got)
		}
	}
	good := plan(o.URL, &site.OriginTLS{CAFile: ca, ServerName: "origin.shop.example"})
	for code, want := range map[int]bool{200: true, 302: true, 404: true, 500: false, 503: false} {
		if status = code; good.originHealth(t.Context()).OK != want {
			t.Errorf("%d: %+v", code, good.originHealth(t.Context()))
		}
	}
	// What health and addresses say counts, each address for itself.
	status = http.StatusOK
	good.Site.Addresses = []string{strings.TrimPrefix(o.URL, "https://"), "127.0.0.1:1"}
	if tls, health := good.originTLS(t.Context()), good.originHealth(t.Context()); tls.OK || health.OK || !strings.HasPrefix(health.Found, "127.0.0.1:1:") {
		t.Errorf("%+v %+v", tls, health)
	}
	good.Site.Addresses, good.Site.Origin = good.Site.Addresses[:1], "https://origin.shop.example"
	good.Site.Health = &site.Health{Path: "/healthz", Host: "www.shop.example", Status: 204}
	if r := good.originHealth(t.Context()); r.OK || r.Want != "an origin that answers with 204, as health says" {
		t.Errorf("%+v", r)
	}
	status = 204
	if r := good.originHealth(t.Context()); !r.OK || r.Found != "GET /healthz answers 204 No Content" {
		t.Errorf("%+v", r)
	}
	good.Site.Health, good.Site.OriginHost = nil, "inner.shop.example"
	if r := good.originHealth(t.Context()); r.OK || !strings.Contains(r.Found, "answers 502") { // another Host than it takes
		t.Errorf("%+v", r)
	}
	if r := plan("http://127.0.0.1:1", nil).originHealth(t.Context()); r.OK || !strings.Contains(r.Found, "refused") {
		t.Errorf("%+v", r)
	}
}
