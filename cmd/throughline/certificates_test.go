package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/certificate/acmetest"
	"github.com/throughline/throughline/internal/probe"
)

// ca is an authority in files.
type ca struct {
	t    *testing.T
	dir  string
	file string // its root
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T) *ca {
	t.Helper()
	c := &ca{t: t, dir: t.TempDir()}
	tmpl := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	c.cert, c.key = c.sign("ca", tmpl, time.Hour)
	c.file = filepath.Join(c.dir, "ca.pem")
	return c
}

// issue writes name.pem and name-key.pem for hosts.
func (c *ca) issue(name string, lasting time.Duration, hosts ...string) (cert, key string) {
	c.t.Helper()
	c.sign(name, &x509.Certificate{DNSNames: hosts}, lasting)
	return filepath.Join(c.dir, name+".pem"), filepath.Join(c.dir, name+"-key.pem")
}

func (c *ca) sign(name string, tmpl *x509.Certificate, lasting time.Duration) (*x509.Certificate, *ecdsa.PrivateKey) {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	tmpl.SerialNumber, tmpl.Subject.CommonName = big.NewInt(time.Now().UnixNano()), name
	tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(lasting)
	parent, by := c.cert, c.key
	if parent == nil {
		parent, by = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, by)
	if err != nil {
		c.t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		c.t.Fatal(err)
	}
	write(c.t, filepath.Join(c.dir, name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(c.t, filepath.Join(c.dir, name+"-key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return cert, key
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// verified is the certificate that a client verifies, nil if it does not.
func verified(addr, name string, roots *x509.CertPool) *x509.Certificate {
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, ServerName: name})
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0]
}

// TestACertificateIsObtained by each challenge from a real authority, serves the
// site, and is there again after a restart without another being asked for.
func TestACertificateIsObtained(t *testing.T) {
	for _, way := range []string{"http-01", "tls-alpn-01", "dns-01"} {
		t.Run(way, func(t *testing.T) {
			s := newServer(t, shopOrigin(t).URL)
			plain, secure, admin := freeAddress(t), freeAddress(t), freeAddress(t)
			names := acmetest.StartNames(t, "acme.managed.example")
			authority := acmetest.Start(t, names, portOf(t, plain), portOf(t, secure), 24*time.Hour)
			dns := ""
			if way == "dns-01" {
				write(t, filepath.Join(s.dir, "secret"), acmetest.KeySecret+"\n")
				dns = fmt.Sprintf(", dns: {zone: acme.managed.example, server: %q, key_name: %q, secret_file: secret, wait: 0s}", names.Addr, acmetest.KeyName)
				names.Add(t, "_acme-challenge.www.shop.example. 60 IN CNAME www.shop.example.acme.managed.example.")
			}
			write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: %q\nadmin: %q\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\n"+
				"tls: {listen: %q, acme: {directory: %q, email: ops@shop.example, ca: %q, challenge: %s%s}}\n"+
				"sites: [{name: shop, hosts: [www.shop.example], origin: %q}]\n",
				plain, admin, secure, authority.Directory, authority.ServerRoots, way, dns, shopOrigin(t).URL))
			s.start(t)
			eventually(t, "a client verifies the certificate", func() bool { return verified(secure, "www.shop.example", authority.Roots) != nil })
			first := verified(secure, "www.shop.example", authority.Roots)
			eventually(t, "it is counted", func() bool {
				text := metrics(t, admin)
				return strings.Contains(text, `throughline_certificates_total{outcome="obtained"} 1`) &&
					strings.Contains(text, `throughline_certificates_total{outcome="failed"} 0`) &&
					strings.Contains(text, "throughline_certificates_waiting 0")
			})
			if info, err := os.Stat(filepath.Join(s.data, "certificates")); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v %v", info, err)
			}
			orders := authority.Orders()
			s.signal(t, syscall.SIGTERM)
			s.start(t)
			if again := verified(secure, "www.shop.example", authority.Roots); again == nil || !again.Equal(first) {
				t.Error("another certificate after the restart")
			}
			if n := authority.Orders(); n != orders || orders == 0 {
				t.Errorf("%d orders before the restart, %d after", orders, n)
			}
			if way != "dns-01" { // a site that comes while it runs gets its certificate too
				config := filepath.Join(s.dir, "throughline.yaml")
				text, err := os.ReadFile(config)
				if err != nil {
					t.Fatal(err)
				}
				write(t, config, strings.Replace(string(text), "hosts: [www.shop.example]", "hosts: [www.shop.example, api.shop.example]", 1))
				if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the new host's certificate is verified", func() bool { return verified(secure, "api.shop.example", authority.Roots) != nil })
			}
			s.signal(t, syscall.SIGTERM)
		})
	}
}

// TestTrafficDoesNotWaitForACertificate: while the authority can't be reached the
// plain listener relays and the default certificate is shown.
func TestTrafficDoesNotWaitForACertificate(t *testing.T) {
	authority := newCA(t)
	cert, key := authority.issue("default", time.Hour, "www.shop.example")
	s := newServer(t, shopOrigin(t).URL)
	secure, admin := freeAddress(t), freeAddress(t)
	write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\nadmin: %q\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\n"+
		"tls: {listen: %q, cert: %q, key: %q, acme: {directory: \"https://%s/dir\"}}\nsites: [{name: shop, hosts: [www.shop.example], origin: %q}]\n",
		admin, secure, cert, key, freeAddress(t), shopOrigin(t).URL))
	s.start(t)
	roots := x509.NewCertPool()
	roots.AddCert(authority.cert)
	if verified(secure, "www.shop.example", roots) == nil {
		t.Error("the default certificate is not shown meanwhile")
	}
	eventually(t, "the failure is counted and logged", func() bool {
		return strings.Contains(metrics(t, admin), `throughline_certificates_total{outcome="failed"} 1`) &&
			strings.Contains(s.log.String(), "no certificate was issued")
	})
	s.signal(t, syscall.SIGTERM)
}

// TestStagingWithCurl is what docs/certificates.md tells to do before cut-over:
// the name is led to Throughline on this machine alone.
func TestStagingWithCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("the staging test needs curl on this machine")
	}
	authority := newCA(t)
	dCert, dKey := authority.issue("default", time.Hour, "fallback.example")
	sCert, sKey := authority.issue("shop", time.Hour, "www.shop.example")
	s := newServer(t, shopOrigin(t).URL)
	clear, secure := freeAddress(t), freeAddress(t)
	write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: %q\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\n"+
		"tls: {listen: %q, cert: %q, key: %q}\nsites:\n  - {name: shop, hosts: [www.shop.example], origin: %q, cert: %q, key: %q}\n"+
		"  - {name: blog, hosts: [fallback.example], origin: %q}\n", clear, secure, dCert, dKey, shopOrigin(t).URL, sCert, sKey, shopOrigin(t).URL))
	s.start(t)
	ask := func(args ...string) (string, error) {
		out, err := exec.Command(curl, append([]string{"--silent", "--show-error", "--noproxy", "*", "--max-time", "20"}, args...)...).CombinedOutput()
		return string(out), err
	}
	resolve := func(host, port string) string { return host + ":" + port + ":127.0.0.1" }
	port, plain := strconv.Itoa(portOf(t, secure)), strconv.Itoa(portOf(t, clear))
	for _, host := range []string{"www.shop.example", "fallback.example"} {
		for _, version := range []string{"--http1.1", "--http2"} {
			out, err := ask(version, "--cacert", authority.file, "--resolve", resolve(host, port), "--write-out", " %{http_version}", "https://"+host+":"+port+"/")
			if want := map[string]string{"--http1.1": "hello 1.1", "--http2": "hello 2"}[version]; err != nil || out != want {
				t.Errorf("%s %s: %q %v", host, version, out, err)
			}
		}
		if out, err := ask("--resolve", resolve(host, plain), "http://"+host+":"+plain+"/"); err != nil || out != "hello" {
			t.Errorf("%s in the clear: %q %v", host, out, err)
		}
	}
	// A name of no site is shown the default, which is not its own.
	if out, err := ask("--cacert", authority.file, "--resolve", resolve("other.example", port), "https://other.example:"+port+"/"); err == nil {
		t.Errorf("a name of no site: %q", out)
	}
	old := verified(secure, "www.shop.example", pool(authority))
	authority.issue("shop", time.Hour, "www.shop.example")
	eventually(t, "the site's new certificate is shown", func() bool {
		c := verified(secure, "www.shop.example", pool(authority))
		return c != nil && !c.Equal(old)
	})
	s.signal(t, syscall.SIGTERM)
}

func pool(c *ca) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(c.cert)
	return roots
}

// TestSiteCheck looks at a site that is right, and at the same with everything
// wrong that can be.
func TestSiteCheck(t *testing.T) {
	authority := newCA(t)
	cert, key := authority.issue("shop", time.Hour, "www.shop.example")
	s := newServer(t, shopOrigin(t).URL)
	secure, config := freeAddress(t), filepath.Join(s.dir, "throughline.yaml")
	names := acmetest.StartNames(t, "acme.managed.example")
	names.Add(t, "www.shop.example. 60 IN CNAME www.shop.example.edge.managed.example.")
	names.Add(t, "www.shop.example.edge.managed.example. 60 IN A 127.0.0.1")
	names.Add(t, "_acme-challenge.api.shop.example. 60 IN CNAME elsewhere.example.")
	names.Add(t, "api.shop.example. 60 IN CNAME old-host.example.")
	write(t, config, fmt.Sprintf("listen: 127.0.0.1:0\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\nmanaged_domain: edge.managed.example\n"+
		"tls: {listen: %q, acme: {directory: \"https://%s/dir\", dns: {zone: acme.managed.example, server: %q}}}\nsites:\n"+
		"  - {name: shop, hosts: [www.shop.example], origin: %q, cert: %q, key: %q}\n  - {name: api, hosts: [api.shop.example], origin: \"https://%s\"}\n",
		secure, freeAddress(t), names.Addr, shopOrigin(t).URL, cert, key, strings.TrimPrefix(shopOrigin(t).URL, "http://")))
	s.start(t)
	check := func(host string, more ...string) (string, error) {
		return tool(t, "", append([]string{"site", "check", host, "--config", config, "--resolver", names.Addr, "--connect", secure, "--ca", authority.file}, more...)...)
	}
	out, err := check("www.shop.example")
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"  www.shop.example. CNAME www.shop.example.edge.managed.example.\n", "cname           ok ", "certificate     ok ", "origin-tls      ok ", "origin-health   ok      GET / answers 200"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out, err = check("api.shop.example", "--json")
	var exit *exec.ExitError
	if e, is := err.(*exec.ExitError); is {
		exit = e
	}
	if exit == nil || exit.ExitCode() != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	var got siteReport
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if want := (probe.Record{Name: "_acme-challenge.api.shop.example", Type: "CNAME", Value: "api.shop.example.acme.managed.example"}); got.OK || len(got.Records) != 2 || got.Records[1] != want {
		t.Errorf("%+v", got.Records)
	}
	found := ""
	for _, c := range got.Checks {
		found += fmt.Sprintln(c.Check, c.OK, c.Found, "|", c.Want)
	}
	for _, want := range []string{"cname false api.shop.example leads to old-host.example | CNAME api.shop.example.edge.managed.example.",
		"acme-challenge false _acme-challenge.api.shop.example leads to elsewhere.example | CNAME api.shop.example.acme.managed.example.",
		"certificate false it is for www.shop.example | a certificate for api.shop.example", "origin-tls false", "origin-health false"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is missing in\n%s", want, found)
		}
	}
	for _, host := range []string{"other.example", "https://www.shop.example", "*.shop.example"} {
		if out, err := check(host); err == nil || !strings.Contains(out, "want") {
			t.Errorf("%s: %v %s", host, err, out)
		}
	}
	s.signal(t, syscall.SIGTERM)
}

// TestFaultsOfCertificates are all told at once.
func TestFaultsOfCertificates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.yaml")
	for text, wants := range map[string][]string{
		"tls:\n  listen: \":8443\"\n  cert: a.pem\n  acme: {directory: \"http://x\", email: nobody, ca: none.pem, challenge: mail}\nsites:\n  - {name: a, hosts: [a.example], origin: 'http://x', cert: only.pem}\n": {
			"bad.yaml:2:9: tls: a certificate or key is missing", "tls.acme.directory", "tls.acme.email", "tls.acme.ca", "tls.acme.challenge: \"mail\"", "sites[0]: a certificate or key is missing"},
		"tls: {listen: \":8443\", acme: {}}\nsites:\n  - {name: a, hosts: ['*.a.example', '*'], origin: 'http://x'}\n":                                                                  {"sites[0].hosts[0]: no certificate can be obtained", "tls.acme: no site has a host"},
		"tls: {listen: \":8443\"}\nsites:\n  - {name: a, hosts: [a.example], origin: 'http://x'}\n":                                                                                     {"tls: there is no certificate"},
		"managed_domain: 'a b'\nsites:\n  - {name: a, hosts: [a.example], origin: 'http://x', cert: a.pem, key: k.pem}\n":                                                               {"managed_domain:", "sites[0].cert: does not load", "sites[0].cert: does nothing without a TLS listener"},
		"tls: {listen: \":8443\", acme: {challenge: http-01, dns: {}}}\nsites:\n  - {name: a, hosts: [a.example], origin: 'http://x'}\n":                                                {"tls.acme.dns: is for dns-01 alone"},
		"tls: {listen: \":8443\", acme: {dns: {server: x, key_name: k, algorithm: md5, wait: soon}}}\nsites:\n  - {name: a, hosts: [a.example], origin: 'http://x'}\n":                  {"tls.acme.dns.zone", "tls.acme.dns.server", "tls.acme.dns: only one of", "tls.acme.dns.algorithm", "tls.acme.dns.wait"},
		"tls: {listen: \":8443\", acme: {challenge: dns-01}}\nsites:\n  - {name: a, hosts: [a.example], origin: 'http://x'}\n":                                                          {"tls.acme.challenge: dns-01 needs a zone"},
		"tls: {listen: \":8443\", acme: {dns: {zone: z.example, server: 'x:53', key_name: k, secret_file: bad.yaml}}}\nsites:\n  - {name: a, hosts: [a.example], origin: 'http://x'}\n": {"tls.acme.dns.secret_file"},
	} {
		write(t, path, text)
		out, err := tool(t, "", "serve", "--config", path, "--check")
		if err == nil {
			t.Errorf("taken: %s", text)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in\n%s", want, out)
			}
		}
	}
}

// What the template says of certificates is taken once the signs before it are
// off, but for the files that are not there.
func TestTheTemplateOfCertificates(t *testing.T) {
	dir := t.TempDir()
	mustTool(t, "", "init", "--origin", "http://127.0.0.1:3000", "--dir", dir)
	path := filepath.Join(dir, "throughline.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from, to := strings.Index(string(text), "# tls:"), strings.Index(string(text), "\nsites:")
	if from < 0 || to < from {
		t.Fatalf("no commented tls in\n%s", text)
	}
	block := ""
	for line := range strings.Lines(string(text[from:to])) {
		line = strings.TrimPrefix(line, "# ")
		if inner, ok := strings.CutPrefix(line, "    # "); ok {
			line = "    " + inner
		}
		block += line
	}
	write(t, path, string(text[:from])+strings.Replace(block, "challenge: http-01", "challenge: dns-01", 1)+strings.Replace(string(text[to:]), `hosts: ["*"]`, "hosts: [www.example.com]", 1))
	out, err := tool(t, "", "serve", "--config", path, "--check")
	if n := strings.Count(out, "; want "); err == nil || n != 3 || !strings.Contains(out, "tls.cert: does not load") || !strings.Contains(out, "tls.acme.ca:") || !strings.Contains(out, "secret_file:") {
		t.Errorf("%v, %d faults\n%s", err, n, out)
	}
}
