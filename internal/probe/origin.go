package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
)

// originConfig is how the origin is verified, nil in the clear.
func (p Plan) originConfig(u *url.URL) (*tls.Config, error) {
	if u.Scheme != "https" {
		return nil, nil
	}
	conf := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	t := p.Site.TLS
	if t == nil {
		return conf, nil
	}
	if t.ServerName != "" {
		conf.ServerName = t.ServerName
	}
	if t.CAFile == "" {
		return conf, nil
	}
	text, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, err
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificates", t.CAFile)
	}
	return conf, nil
}

// originTLS checks that the origin shows what we verify it by.
func (p Plan) originTLS(ctx context.Context) Result {
	u, err := url.Parse(p.Site.Origin)
	if err != nil {
		return failed("a URL in origin", "%v", err)
	}
	conf, err := p.originConfig(u)
	if err != nil {
		return failed("a readable origin_tls.ca", "%v", err)
	}
	if conf == nil {
		return ok("%s is asked in the clear", u.Host)
	}
	addr := u.Host
	if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), "443")
	}
	c, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", addr)
	var wrongName x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &wrongName):
		return failed("origin_tls.server_name: a name in the origin's certificate", "%s: %v", addr, err)
	case errors.As(err, &unknown):
		return failed("origin_tls.ca: the roots of the origin's authority", "%s: %v", addr, err)
	case err != nil:
		return failed("an origin that speaks TLS there", "%s: %v", addr, err)
	}
	defer func() { _ = c.Close() }()
	leaf := c.(*tls.Conn).ConnectionState().PeerCertificates[0]
	return ok("%s shows a certificate for %s, until %s", addr, conf.ServerName, leaf.NotAfter.UTC().Format("2006-01-02"))
}

// originHealth asks the origin for the host's front page.
func (p Plan) originHealth(ctx context.Context) Result {
	const want = "an origin that answers with a status below 500"
	u, err := url.Parse(p.Site.Origin)
	if err != nil {
		return failed("a URL in origin", "%v", err)
	}
	conf, err := p.originConfig(u)
	if err != nil {
		return failed("a readable origin_tls.ca", "%v", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return failed("a URL in origin", "%v", err)
	}
	req.Host = p.Host
	transport := &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true} // no proxy: as the edge asks
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return failed(want, "%s: %v", u.Host, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	if resp.StatusCode >= 500 {
		return failed(want, "GET / answers %s", resp.Status)
	}
	return ok("GET / answers %s", resp.Status)
}
