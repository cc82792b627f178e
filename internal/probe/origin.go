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
	"strings"
	"time"
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
	if t.CertFile != "" {
		own, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{own}
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

// target is the origin as it is reached: its hosts and how they are verified.
type target struct {
	url   *url.URL
	addrs []string
	conf  *tls.Config // nil: in the clear
}

func (p Plan) origin() (*target, Result) {
	u, err := url.Parse(p.Site.Origin)
	if err != nil {
		return nil, failed("a URL in origin", "%v", err)
	}
	conf, err := p.originConfig(u)
	if err != nil {
		return nil, failed("readable files in origin_tls", "%v", err)
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[u.Scheme == "https"]
	}
	t := &target{url: u, conf: conf}
	for _, a := range p.Site.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			a = net.JoinHostPort(strings.Trim(a, "[]"), port)
		}
		t.addrs = append(t.addrs, a)
	}
	if len(t.addrs) == 0 {
		t.addrs = []string{net.JoinHostPort(u.Hostname(), port)}
	}
	return t, ok("")
}

// originTLS checks that each host of the origin shows what we verify it by.
func (p Plan) originTLS(ctx context.Context) Result {
	t, r := p.origin()
	if !r.OK {
		return r
	}
	if t.conf == nil {
		return ok("%s is asked in the clear", t.url.Host)
	}
	var first time.Time
	for _, addr := range t.addrs {
		c, err := (&tls.Dialer{Config: t.conf}).DialContext(ctx, "tcp", addr)
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
		if end := c.(*tls.Conn).ConnectionState().PeerCertificates[0].NotAfter; first.IsZero() || end.Before(first) {
			first = end
		}
		_ = c.Close()
	}
	return ok("%s shows a certificate for %s, until %s", strings.Join(t.addrs, ", "), t.conf.ServerName, first.UTC().Format(time.DateOnly))
}

// originHealth asks each host of the origin what its health is known by, else for
// the front page.
func (p Plan) originHealth(ctx context.Context) Result {
	t, r := p.origin()
	if !r.OK {
		return r
	}
	path, host, status := "/", p.Host, 0
	if p.Site.OriginHost != "" {
		host = p.Site.OriginHost
	}
	want := "an origin that answers with a status below 500"
	if h := p.Site.Health; h != nil {
		path, host, status = h.Path, t.url.Host, h.Status
		if h.Host != "" {
			host = h.Host
		}
		want = fmt.Sprintf("an origin that answers with %d, as health says", status)
	}
	var found string
	for _, addr := range t.addrs {
		got, err := t.ask(ctx, addr, host, path)
		if err != nil {
			return failed(want, "%s: %v", addr, err)
		}
		found = fmt.Sprintf("GET %s answers %d %s", path, got, http.StatusText(got))
		if status != 0 && got != status || status == 0 && got >= 500 {
			return failed(want, "%s: %s", addr, found)
		}
	}
	return ok("%s", found)
}

// ask sends a request to one host, as the edge does: past any proxy.
func (t *target) ask(ctx context.Context, addr, host, path string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url.Scheme+"://"+t.url.Host+path, nil)
	if err != nil {
		return 0, err
	}
	req.Host = host
	transport := &http.Transport{TLSClientConfig: t.conf, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, resp.Body.Close()
}
