// Package origin holds the connections to the web origins: a pool for each
// origin of a site, with deadlines, verified TLS and no redirects, compression
// or environment proxies of its own. The edge sends through it.
package origin

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// Options tune a pool. Zero values take the defaults given.
type Options struct {
	DialTimeout   time.Duration // 5 s, and the same again for a TLS handshake
	HeaderTimeout time.Duration // 60 s from the request's end to the response head
	IdleTimeout   time.Duration // 60 s
	MaxIdle       int           // 256 connections
	MaxHead       int64         // 256 KiB of response head
	// TLS is the ground on which a site's own settings stand, a client
	// certificate for instance; nil: system roots.
	TLS *tls.Config
}

// Pool is the pooled connections of one origin. Safe for concurrent use.
type Pool struct {
	base      *url.URL // scheme and host
	transport *http.Transport
}

// Set is the pools of one site.
type Set struct {
	own   *Pool
	named map[string]*Pool
}

// Open makes the pools of a site; they connect with their first request.
func Open(s *site.Site, o Options) (*Set, error) {
	conf, err := tlsConfig(s.TLS, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	set := &Set{named: map[string]*Pool{}}
	if set.own, err = open(s.Origin, conf, o); err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	for name, origin := range s.Origins {
		if set.named[name], err = open(origin, conf, o); err != nil {
			return nil, fmt.Errorf("site %s: %w", s.Name, err)
		}
	}
	return set, nil
}

// Pool returns the pool of an origin by its name, "" for the site's own, and nil
// where there is none of that name.
func (s *Set) Pool(name string) *Pool {
	if name == "" {
		return s.own
	}
	return s.named[name]
}

// Close closes idle connections.
func (s *Set) Close() {
	s.own.transport.CloseIdleConnections()
	for _, p := range s.named {
		p.transport.CloseIdleConnections()
	}
}

// tlsConfig adds a site's settings to what all sites have. Verification is never
// switched off here.
func tlsConfig(t *site.OriginTLS, base *tls.Config) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		conf = base.Clone()
	}
	if t == nil {
		return conf, nil
	}
	if t.ServerName != "" {
		conf.ServerName = t.ServerName
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile) //nolint:gosec // the operator's own file
		if err != nil {
			return nil, fmt.Errorf("origin CA: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("origin CA: %s holds no PEM certificate", t.CAFile)
		}
	}
	return conf, nil
}

func open(origin string, conf *tls.Config, o Options) (*Pool, error) {
	base, err := url.Parse(origin)
	if err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("origin %q: want http://host:port or https://host", origin)
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
	if o.MaxHead == 0 {
		o.MaxHead = 256 << 10
	}
	d := &net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}
	return &Pool{base: &url.URL{Scheme: base.Scheme, Host: base.Host}, transport: &http.Transport{
		Proxy: nil, DialContext: d.DialContext, TLSClientConfig: conf,
		TLSHandshakeTimeout: o.DialTimeout, ResponseHeaderTimeout: o.HeaderTimeout,
		// An origin that ignores Expect gets the body after this long.
		ExpectContinueTimeout: 2 * time.Second,
		IdleConnTimeout:       o.IdleTimeout, MaxIdleConns: o.MaxIdle, MaxIdleConnsPerHost: o.MaxIdle,
		// Connections in use are not bounded here: a bound would queue visitors
		// unseen behind event streams and WebSockets. The edge bounds the visitors.
		MaxConnsPerHost:    0,
		DisableCompression: true, MaxResponseHeaderBytes: o.MaxHead,
		WriteBufferSize: 32 << 10, ReadBufferSize: 32 << 10,
		// HTTP/1.1 only: an upgrade needs it, and the own data plane brings h2.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}, nil
}

// Base returns a copy of the origin's URL: scheme and host.
func (p *Pool) Base() url.URL { return *p.base }

// RoundTrip sends one request and returns the response head with a streaming
// body. Redirects are the visitor's to follow.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) { return p.transport.RoundTrip(r) }
