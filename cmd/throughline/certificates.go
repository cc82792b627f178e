package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/certificate/acme"
)

// TLSConfig adds a TLS listener. Its certificate is shown to who asks for no name
// that has another.
type TLSConfig struct {
	Listen string      `yaml:"listen"`
	Cert   string      `yaml:"cert"`
	Key    string      `yaml:"key"`
	ACME   *ACMEConfig `yaml:"acme"`
	// ProxyProtocol lists who begins connections with a header of it.
	ProxyProtocol []string `yaml:"proxy_protocol"`
}

// ACMEConfig says from whom certificates are obtained for the hosts of sites that
// bring none.
type ACMEConfig struct {
	Directory string     `yaml:"directory"`
	Email     string     `yaml:"email"`
	CA        string     `yaml:"ca"`
	Challenge string     `yaml:"challenge"`
	DNS       *DNSConfig `yaml:"dns"`
}

// DNSConfig is the zone that challenges are delegated to.
type DNSConfig struct {
	Zone       string `yaml:"zone"`
	Server     string `yaml:"server"`
	KeyName    string `yaml:"key_name"`
	SecretFile string `yaml:"secret_file"`
	Algorithm  string `yaml:"algorithm"`
	Wait       string `yaml:"wait"`
}

// certificates is what the configuration says of them, converted.
type certificates struct {
	acme *acme.Config // without folder and log; nil: none are obtained
}

// resolveCertificates makes paths relative to the file's folder.
func (c *Config) resolveCertificates(base string) {
	for i := range c.Sites {
		st := &c.Sites[i]
		st.Cert, st.Key = relativeTo(base, st.Cert), relativeTo(base, st.Key)
	}
	if c.TLS == nil {
		return
	}
	c.TLS.Cert, c.TLS.Key = relativeTo(base, c.TLS.Cert), relativeTo(base, c.TLS.Key)
	if a := c.TLS.ACME; a != nil {
		a.CA = relativeTo(base, a.CA)
		if a.DNS != nil {
			a.DNS.SecretFile = relativeTo(base, a.DNS.SecretFile)
		}
	}
}

func (c Config) checkCertificates(bad func(field, wrong, right string)) certificates {
	own := false
	for i, st := range c.Sites {
		field := fmt.Sprintf("sites[%d]", i)
		own = own || st.Cert != ""
		checkPair(field, st.Cert, st.Key, bad)
		if st.Cert != "" && c.TLS == nil {
			bad(field+".cert", "does nothing without a TLS listener", "tls.listen, or leave it out")
		}
	}
	t := c.TLS
	if t == nil {
		return certificates{}
	}
	checkPair("tls", t.Cert, t.Key, bad)
	if t.Cert == "" && t.ACME == nil && !own {
		bad("tls", "there is no certificate", "cert and key: PEM files, acme, or cert and key of a site")
	}
	if t.ACME == nil {
		return certificates{}
	}
	return certificates{acme: c.checkACME(t.ACME, bad)}
}

func checkPair(field, cert, key string, bad func(field, wrong, right string)) {
	if (cert == "") != (key == "") {
		bad(field, "a certificate or key is missing", "cert and key: PEM files")
		return
	}
	if cert == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		bad(field+".cert", "does not load: "+err.Error(), "a PEM certificate with its chain, and in key its private key")
	}
}

func (c Config) checkACME(a *ACMEConfig, bad func(field, wrong, right string)) *acme.Config {
	out := &acme.Config{Directory: a.Directory, Email: a.Email, Challenge: a.Challenge}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		bad("tls.acme.directory", fmt.Sprintf("%q is no directory of an authority", a.Directory), "an https URL, or leave it out for Let's Encrypt")
	}
	if a.Email != "" && (strings.Count(a.Email, "@") != 1 || strings.ContainsAny(a.Email, " ,:<>")) {
		bad("tls.acme.email", fmt.Sprintf("%q is no address", a.Email), "e.g. ops@example.com")
	}
	if a.CA != "" {
		out.Roots = readRoots("tls.acme.ca", a.CA, bad)
	}
	switch a.Challenge {
	case "", acme.HTTP01, acme.TLSALPN01, acme.DNS01:
	default:
		bad("tls.acme.challenge", fmt.Sprintf("%q is no challenge", a.Challenge), "http-01, tls-alpn-01, dns-01, or leave it out for the first that works")
	}
	switch {
	case a.DNS != nil && a.Challenge != "" && a.Challenge != acme.DNS01:
		bad("tls.acme.dns", "is for dns-01 alone", "challenge: dns-01, or leave it out")
	case a.DNS != nil:
		out.DNS = a.DNS.check(bad)
	case a.Challenge == acme.DNS01:
		bad("tls.acme.challenge", "dns-01 needs a zone to write to", "dns: {zone, server, key_name, secret_file}")
	}
	out.Names = c.acmeNames(a, bad)
	return out
}

// acmeNames are the hosts that a certificate is obtained for. Those that can't be
// had are faults where nothing else would be shown for them.
func (c Config) acmeNames(a *ACMEConfig, bad func(field, wrong, right string)) (out []string) {
	for i, st := range c.Sites {
		if st.Cert != "" {
			continue
		}
		for j, h := range st.Hosts {
			field := fmt.Sprintf("sites[%d].hosts[%d]", i, j)
			h = strings.ToLower(h)
			wild := strings.HasPrefix(h, "*")
			switch {
			case wild && a.DNS != nil && h != "*", !wild && hostName(h):
				if a.DNS != nil && len(strings.TrimPrefix(h, "*."))+1+len(a.DNS.Zone) > 253 {
					bad(field, fmt.Sprintf("%q makes a name too long for DNS below %s", h, a.DNS.Zone), "a shorter zone, or cert and key of the site's own")
				}
				out = append(out, h)
			case c.TLS.Cert != "":
			case wild && h != "*":
				bad(field, fmt.Sprintf("no certificate can be obtained for %q by this challenge", h), "tls.acme.dns, or cert and key of the site or of tls")
			}
		}
	}
	if len(out) == 0 {
		bad("tls.acme", "no site has a host to obtain a certificate for", "a site with exact host names and without cert")
	}
	return out
}

func (d *DNSConfig) check(bad func(field, wrong, right string)) *acme.DNS {
	out := &acme.DNS{Zone: strings.TrimSuffix(strings.ToLower(d.Zone), "."), Server: d.Server, KeyName: d.KeyName, Algorithm: d.Algorithm, Wait: 10 * time.Second}
	if !hostName(out.Zone) {
		bad("tls.acme.dns.zone", fmt.Sprintf("%q is no zone", d.Zone), "a zone that may be written to, e.g. acme.example.net")
	}
	if _, _, err := net.SplitHostPort(d.Server); err != nil {
		bad("tls.acme.dns.server", fmt.Sprintf("%q is no address", d.Server), "host:port of the zone's primary, e.g. 192.0.2.53:53")
	}
	if (d.KeyName == "") != (d.SecretFile == "") {
		bad("tls.acme.dns", "only one of key_name and secret_file is set", "both, or neither where the server knows us by address")
	}
	if d.SecretFile != "" {
		text, err := os.ReadFile(d.SecretFile)
		out.Secret = strings.TrimSpace(string(text))
		if _, e := base64.StdEncoding.DecodeString(out.Secret); err != nil || e != nil || out.Secret == "" {
			bad("tls.acme.dns.secret_file", "holds no secret that can be read", "a file with the TSIG key's secret in base64")
		}
	}
	algorithms := []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"}
	if out.Algorithm == "" {
		out.Algorithm = algorithms[0]
	} else if !slices.Contains(algorithms, out.Algorithm) {
		bad("tls.acme.dns.algorithm", fmt.Sprintf("%q is no algorithm", d.Algorithm), strings.Join(algorithms, ", "))
	}
	if d.Wait != "" {
		out.Wait = checkDuration("tls.acme.dns.wait", d.Wait, 0, bad)
	}
	return out
}

func readRoots(field, path string, bad func(field, wrong, right string)) *x509.CertPool {
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		bad(field, fmt.Sprintf("%q holds no certificate that can be read", path), "a file of PEM certificates")
	}
	return pool
}

// hostName tells whether a name may stand in a certificate: no address, no star.
func hostName(h string) bool {
	if _, err := netip.ParseAddr(h); err == nil || h == "" || len(h) > 253 {
		return false
	}
	for label := range strings.SplitSeq(h, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}
