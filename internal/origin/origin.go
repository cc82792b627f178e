// Package origin holds the connections to the web origins: one pool per site,
// with deadlines, verified TLS and no redirects, compression or environment
// proxies of its own. The edge sends through it.
package origin

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// Options tune a pool. Zero values take the defaults given.
type Options struct {
	DialTimeout   time.Duration // 5 s
	HeaderTimeout time.Duration // 60 s from the request's end to the response head
	IdleTimeout   time.Duration // 60 s
	MaxIdle       int           // 256 connections
	// TLS overrides verification: own roots, a client certificate, or a
	// ServerName set apart from the host (destination routing).
	TLS *tls.Config
}

// Pool is the pooled connections of one site's origin. Safe for concurrent use.
type Pool struct {
	Base      *url.URL // scheme and host
	transport *http.Transport
}

// New opens a pool; it connects with the first request.
func New(s *site.Site, o Options) (*Pool, error) {
	base, err := url.Parse(s.Origin)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("site %s: origin %q: want http://host:port or https://host", s.Name, s.Origin)
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.DialTimeout, 5*time.Second)
	def(&o.HeaderTimeout, time.Minute)
	def(&o.IdleTimeout, time.Minute)
	if o.MaxIdle == 0 {
		o.MaxIdle = 256
	}
	d := &net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}
	return &Pool{Base: base, transport: &http.Transport{
		Proxy: nil, DialContext: d.DialContext, TLSClientConfig: o.TLS,
		TLSHandshakeTimeout: o.DialTimeout, ResponseHeaderTimeout: o.HeaderTimeout, ExpectContinueTimeout: 2 * time.Second,
		IdleConnTimeout: o.IdleTimeout, MaxIdleConns: o.MaxIdle, MaxIdleConnsPerHost: o.MaxIdle,
		DisableCompression: true, MaxResponseHeaderBytes: 256 << 10,
		WriteBufferSize: 32 << 10, ReadBufferSize: 32 << 10,
		// HTTP/1.1 only: an upgrade needs it, and the own data plane brings h2.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}, nil
}

// RoundTrip sends one request and returns the response head with a streaming
// body.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) { return p.transport.RoundTrip(r) }

// Close closes idle connections.
func (p *Pool) Close() { p.transport.CloseIdleConnections() }
