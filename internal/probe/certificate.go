package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"
)

// certificate checks what is shown for the host: names, expiry, chain, told apart
// since each is put right in another place.
func (p Plan) certificate(ctx context.Context, n *names) Result {
	addr := p.Connect
	if addr == "" {
		addr = net.JoinHostPort(p.Host, "443")
	}
	c, err := dial(ctx, n, addr)
	if err != nil {
		return failed("a TLS listener that can be reached there", "%s: %v", addr, err)
	}
	defer func() { _ = c.Close() }()
	tc := tls.Client(c, &tls.Config{ServerName: p.Host, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}) //nolint:gosec // judged below
	if err := tc.HandshakeContext(ctx); err != nil {
		return failed("a certificate for "+p.Host, "%s: handshake: %v", addr, err)
	}
	return judge(tc.ConnectionState().PeerCertificates, p.Host, p.Roots, time.Now())
}

func judge(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) Result {
	leaf := chain[0]
	until := leaf.NotAfter.UTC().Format(time.DateOnly)
	if err := leaf.VerifyHostname(host); err != nil {
		return failed("a certificate for "+host, "it is for %s", strings.Join(leaf.DNSNames, ", "))
	}
	switch left := leaf.NotAfter.Sub(now); {
	case left <= 0:
		return failed("a certificate that is renewed in time", "it ended %s", until)
	case now.Before(leaf.NotBefore):
		return failed("a certificate that holds now", "it begins %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	case left < leaf.NotAfter.Sub(leaf.NotBefore)/6:
		return failed("a certificate that is renewed in time: see the log for why it is not", "it ends %s, in %s", until, days(left))
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now}); err != nil {
		want := "a certificate of an authority that browsers trust, with its chain (--ca for one of your own)"
		if len(chain) == 1 && leaf.Issuer.String() != leaf.Subject.String() {
			want = "the authority's intermediate certificates behind it, in the same file"
		}
		return failed(want, "it is not trusted: %v", err)
	}
	return ok("for %s by %s, until %s", strings.Join(leaf.DNSNames, ", "), leaf.Issuer.CommonName, until)
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
