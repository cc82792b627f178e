// Package origin holds the connections to the web origins: a pool for each
// origin of a site, with deadlines, verified TLS and no redirects, compression
// or environment proxies of its own. The edge takes a connection for each
// exchange and puts it back when the response ended as it should.
package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
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
	// Of an origin with several hosts.
	MaxFails    int           // failures in a row that take a host out; 3
	FailTimeout time.Duration // for how long at first; 5 s, doubled up to 32 times
	SlowStart   time.Duration // until a host that recovered has its whole share; 30 s
	// Changed is told when a host goes down or comes up; it must not wait.
	Changed func(addr string, up bool, why string)
	// Lookup finds all addresses of a host; nil: by the system's resolver.
	Lookup       func(ctx context.Context, host string) ([]netip.Addr, error)
	ResolveEvery time.Duration    // how long an answer is good for; 10 s
	Now          func() time.Time // nil: the clock
	Rand         func(n int) int  // nil: random; a number below n
	// TLS is the ground on which a site's own settings stand, a client
	// certificate for instance; nil: system roots.
	TLS *tls.Config
	// Of HTTP/2: after what silence a connection in use is asked for a sign of
	// life, and how long that may take.
	PingAfter   time.Duration // 15 s
	PingTimeout time.Duration // 10 s
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
	def(&o.FailTimeout, 5*time.Second)
	def(&o.SlowStart, 30*time.Second)
	def(&o.PingAfter, 15*time.Second)
	def(&o.PingTimeout, 10*time.Second)
	def(&o.ResolveEvery, 10*time.Second)
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.MaxFails == 0 {
		o.MaxFails = 3
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = random
	}
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
	if f := s.Failover; f != nil {
		o.MaxFails, o.FailTimeout, o.SlowStart = f.Fails, f.Pause, f.SlowStart
		if f.SlowStart == 0 {
			o.SlowStart = -1 // zero would be the default
		}
	}
	o.defaults()
	conf, err := tlsConfig(s.TLS, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	set := &Set{named: map[string]*Pool{}}
	if set.own, err = open(s.Origin, s.Addresses, s.Health, s.OriginProtocol, conf, o, w); err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	for name, origin := range s.Origins {
		p, err := open(origin, nil, nil, s.OriginProtocol, conf, o, w)
		if err != nil {
			set.Close()
			return nil, fmt.Errorf("site %s: %w", s.Name, err)
		}
		set.named[name] = p
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
	if t.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		conf.ClientSessionCache = nil // a resumed session would go on under the certificate it began with
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile) // it may have been renewed
			return &c, err
		}
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

// open makes the pool of an origin, whose hosts are the addresses given, or else
// the one in its URL.
func open(origin string, addresses []string, health *site.Health, proto site.Protocol, conf *tls.Config, o Options, w *wire.Sweeper) (*Pool, error) {
	base, err := url.Parse(origin)
	if err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("origin %q: want http://host:port or https://host", origin)
	}
	p := &Pool{o: o, sweeper: w, protocol: proto}
	port := base.Port()
	if base.Scheme == "https" {
		p.tls = conf.Clone()
		if p.tls.ServerName == "" {
			p.tls.ServerName = base.Hostname()
		}
		if port == "" {
			port = "443"
		}
	} else {
		if port == "" {
			port = "80"
		}
		if proto == site.AutoProtocol { // in the clear nothing is negotiated
			p.protocol = site.HTTP1
		}
	}
	if len(addresses) == 0 {
		addresses = []string{base.Hostname()}
	}
	p.running, p.stop = context.WithCancel(context.Background())
	if p.asks = p.tls; health != nil {
		h := *health
		if h.Host == "" {
			h.Host = base.Host
		}
		p.health = &h
		if h.ServerName != "" && p.tls != nil {
			p.asks = p.tls.Clone()
			p.asks.ServerName = h.ServerName
		}
	}
	for _, a := range addresses {
		a = withPort(a, port)
		p.addrs = append(p.addrs, a)
		host, port, _ := net.SplitHostPort(a)
		if _, err := netip.ParseAddr(host); err == nil {
			p.fixed = append(p.fixed, a)
		} else {
			p.names = append(p.names, &name{host: host, port: port})
		}
	}
	p.ends.Store(&[]*Endpoint{})
	if len(p.names) == 0 {
		p.put(p.fixed)
	} else if p.health != nil {
		p.background.Go(func() { p.follow(p.running) })
	}
	return p, nil
}

// withPort adds the origin's port to an address without one.
func withPort(addr, port string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), port)
}
