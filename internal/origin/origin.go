// Package origin holds the connections to the web origins: a pool for each
// origin of a site, with deadlines, verified TLS and no redirects, compression
// or environment proxies of its own. The edge takes a connection for each
// exchange and puts it back when the response ended as it should.
package origin

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Options tune a pool. Zero values take the defaults given.
type Options struct {
	DialTimeout   time.Duration // 5 s, and the same again for a TLS handshake
	HeaderTimeout time.Duration // 60 s from the request's end to the response head
	StallTimeout  time.Duration // 5 min without the origin taking more of a request
	IdleTimeout   time.Duration // 60 s
	MaxIdle       int           // 256 connections
	MaxHead       int64         // 256 KiB of response head
	// TLS is the ground on which a site's own settings stand, a client
	// certificate for instance; nil: system roots.
	TLS *tls.Config
}

func (o *Options) defaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.DialTimeout, 5*time.Second)
	def(&o.HeaderTimeout, time.Minute)
	def(&o.StallTimeout, 5*time.Minute)
	def(&o.IdleTimeout, time.Minute)
	if o.MaxIdle == 0 {
		o.MaxIdle = 256
	}
	if o.MaxHead == 0 {
		o.MaxHead = 256 << 10
	}
}

// Set is the pools of one site.
type Set struct {
	own   *Pool
	named map[string]*Pool
}

// Open makes the pools of a site; they connect with their first request. The
// sweeper keeps their connections' deadlines.
func Open(s *site.Site, o Options, w *wire.Sweeper) (*Set, error) {
	o.defaults()
	conf, err := tlsConfig(s.TLS, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	set := &Set{named: map[string]*Pool{}}
	if set.own, err = open(s.Origin, conf, o, w); err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	for name, origin := range s.Origins {
		if set.named[name], err = open(origin, conf, o, w); err != nil {
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

// Close closes idle connections; those in use are closed when they are put back.
func (s *Set) Close() {
	s.own.close()
	for _, p := range s.named {
		p.close()
	}
}

// tlsConfig adds a site's settings to what all sites have. Verification is never
// switched off here.
func tlsConfig(t *site.OriginTLS, base *tls.Config) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		conf = base.Clone()
	}
	if conf.ClientSessionCache == nil {
		conf.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	}
	conf.NextProtos = []string{"http/1.1"}
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

func open(origin string, conf *tls.Config, o Options, w *wire.Sweeper) (*Pool, error) {
	base, err := url.Parse(origin)
	if err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("origin %q: want http://host:port or https://host", origin)
	}
	p := &Pool{o: o, sweeper: w}
	port := base.Port()
	if base.Scheme == "https" {
		p.tls = conf.Clone()
		if p.tls.ServerName == "" {
			p.tls.ServerName = base.Hostname()
		}
		if port == "" {
			port = "443"
		}
	} else if port == "" {
		port = "80"
	}
	p.addr = net.JoinHostPort(strings.Trim(base.Hostname(), "[]"), port)
	return p, nil
}
