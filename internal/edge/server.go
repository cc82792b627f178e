package edge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	certs "github.com/throughline/throughline/internal/certificate"
	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Decider is asked at each phase of an exchange. It must not keep x.
type Decider interface {
	Decide(x *wire.Exchange, p wire.Phase) wire.Decision
}

// Listener is one address to listen on: with TLS when it has a certificate, from
// files or in a configuration of the caller's own.
type Listener struct {
	Addr              string
	CertFile, KeyFile string // read again when they change
	TLS               *tls.Config
	Socket            net.Listener // listens already; nil: on Addr
	// Announced are the peers that begin each connection with a header of the PROXY
	// protocol; none else is listened to about whom it speaks for.
	Announced []netip.Prefix
}

// Config is what a Server is made of. Zero limits take the defaults given.
type Config struct {
	Listeners      []Listener
	Sites          []*site.Site
	TrustedProxies []netip.Prefix
	Origin         origin.Options
	Clock          func() int64 // Unix micros
	Logger         *slog.Logger
	HeadTimeout    time.Duration // a request head must be complete; 10 s
	HoldTimeout    time.Duration // a held body is let go; 10 s
	StallTimeout   time.Duration // a body moves on, either way; 5 min
	IdleTimeout    time.Duration // between requests; 75 s
	// RequestTimeout bounds a whole exchange up to an upgrade; 0: it is unbounded,
	// since downloads and event streams may last.
	RequestTimeout time.Duration
	MaxHead        int // bytes; 64 KiB
	MaxConns       int // visitors' connections; 32,768
	// NoLanes has each connection keep its goroutine, also while it rests.
	NoLanes bool
	// ManagedDomain is what workers append to a site's host; spec-internal.com.
	ManagedDomain string
	Health        Health
	Pages         site.Pages // for those who ask for no site, and where a site has none
	// Challenge answers an authority that asks, in the clear, whether a host is ours
	// (ACME HTTP-01). It is asked for nothing but paths below challengePath; nil: no
	// authority asks.
	Challenge   func(host, path string) (text string, ok bool)
	Fingerprint Fingerprint
}

// last bounds how long Shutdown waits for exchanges that it has cut off.
const last = 5 * time.Second

// Server relays visitors to the origins. Safe for concurrent use.
type Server struct {
	cfg         Config
	decider     Decider
	indifferent Indifferent // the decider, if it can say so
	table       atomic.Pointer[table]
	sweeper     *wire.Sweeper
	counters    counters
	identities  *identities
	neighbours  *fingerprint.Neighbours
	began       time.Time // by which neighbours count
	bypass      atomic.Bool
	unwell      atomic.Bool // the health target says so
	winding     atomic.Bool // a connection's next response is its last
	goodbyes    atomic.Int64
	draining    atomic.Bool // connections end with the exchange they are in
	cut         context.Context
	cutOff      context.CancelFunc
	streams     *handoff
	lanes       lanes
	h2          *http.Server

	changing  sync.Mutex // one Reconfigure at a time
	accepting sync.WaitGroup

	mu        sync.Mutex
	started   bool
	closing   bool
	listeners []net.Listener
	visits    map[*visit]struct{}
	running   sync.WaitGroup // listeners and visits
}

// New checks the configuration; Start begins to listen.
func New(cfg Config, d Decider) (*Server, error) {
	def := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	def(&cfg.HeadTimeout, 10*time.Second)
	def(&cfg.HoldTimeout, 10*time.Second)
	def(&cfg.StallTimeout, 5*time.Minute)
	def(&cfg.IdleTimeout, 75*time.Second)
	if cfg.Origin.StallTimeout == 0 {
		cfg.Origin.StallTimeout = cfg.StallTimeout
	}
	if cfg.MaxHead == 0 {
		cfg.MaxHead = 64 << 10
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 32_768
	}
	if cfg.Clock == nil {
		cfg.Clock = func() int64 { return time.Now().UnixMicro() }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := check(&cfg, d); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, decider: d, sweeper: wire.NewSweeper(), visits: map[*visit]struct{}{}, streams: newHandoff(), neighbours: fingerprint.NewNeighbours(), began: time.Now()}
	s.indifferent, _ = d.(Indifferent)
	s.lanes.init(s)
	s.cut, s.cutOff = context.WithCancel(context.Background())
	t, err := s.newTable(&cfg, nil)
	if err != nil {
		return nil, err
	}
	s.table.Store(t)
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("seed exchange numbers: %w", err)
	}
	s.counters.lastID.Store(binary.BigEndian.Uint64(seed[:]))
	if s.identities, err = newIdentities(); err != nil {
		return nil, fmt.Errorf("seed connection identities: %w", err)
	}
	return s, nil
}

func check(cfg *Config, d Decider) error {
	if d == nil {
		return errors.New("edge: no decider")
	}
	if len(cfg.Listeners) == 0 {
		return errors.New("edge: no address to listen on")
	}
	for _, l := range cfg.Listeners {
		if (l.CertFile == "") != (l.KeyFile == "") {
			return fmt.Errorf("listen on %s: want certificate and key, or neither", l.Addr)
		}
		if l.CertFile != "" && l.TLS != nil {
			return fmt.Errorf("listen on %s: want certificate files or a TLS configuration, not both", l.Addr)
		}
	}
	return checkSites(cfg)
}

// Start opens every listener and returns; on an error none stays open.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.closing {
		return errors.New("edge: started before")
	}
	var confs []*tls.Config
	fail := func(err error) error {
		for _, o := range s.listeners {
			_ = o.Close()
		}
		s.listeners = nil
		return err
	}
	for _, l := range s.cfg.Listeners {
		conf, err := s.tlsConfig(l)
		if err != nil {
			return fail(fmt.Errorf("listen on %s: %w", l.Addr, err))
		}
		ln := l.Socket
		if ln == nil {
			var how net.ListenConfig
			if s.cfg.Fingerprint.SYN {
				how.SetMultipathTCP(false) // which keeps no first packet
			}
			if ln, err = how.Listen(s.cut, "tcp", l.Addr); err != nil {
				return fail(err)
			}
		}
		if s.cfg.Fingerprint.SYN {
			s.keepSYN(ln)
		}
		s.listeners, confs = append(s.listeners, ln), append(confs, conf)
	}
	for i, ln := range s.listeners {
		s.accepting.Add(1)
		s.running.Go(func() {
			defer s.accepting.Done()
			s.accept(ln, confs[i], s.cfg.Listeners[i].Announced)
		})
	}
	s.h2 = &http.Server{
		Handler: s, Protocols: new(http.Protocols),
		ReadHeaderTimeout: s.cfg.HeadTimeout, IdleTimeout: s.cfg.IdleTimeout,
		// As net/http counts, each field takes 32 bytes more than it has. What is
		// within ours it must not answer itself, in its own words.
		MaxHeaderBytes: 2*s.cfg.MaxHead + 32*maxFields,
		ConnContext:    welcome,
		ErrorLog:       slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
		// Requests like OPTIONS * belong to the origin too.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{WriteByteTimeout: s.cfg.StallTimeout, MaxReadFrameSize: 16 << 10, CountError: s.counters.http2Error},
	}
	s.h2.Protocols.SetUnencryptedHTTP2(true) // the TLS below it is done
	s.running.Go(func() { _ = s.h2.Serve(s.streams) })
	s.started = true
	return nil
}

// tlsConfig is a listener's, nil without TLS.
func (s *Server) tlsConfig(l Listener) (*tls.Config, error) {
	switch {
	case l.CertFile != "":
		pair, err := certs.Load(l.CertFile, l.KeyFile, s.cfg.Logger)
		if err != nil {
			return nil, err
		}
		set := certs.NewSet(nil, nil)
		set.Default = pair
		return set.TLS(), nil
	case l.TLS != nil:
		conf := l.TLS.Clone()
		if conf.NextProtos == nil {
			conf.NextProtos = certs.Protocols()
		}
		return conf, nil
	}
	return nil, nil
}

// Addrs returns the addresses listened on, in the order of the configuration.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]net.Addr, len(s.listeners))
	for i, ln := range s.listeners {
		out[i] = ln.Addr()
	}
	return out
}

// Endpoints are the hosts of a site's origin; nil for a site there is not.
func (s *Server) Endpoints(name string) []origin.EndpointState {
	for st, r := range s.table.Load().routes {
		if st.Name == name {
			return r.pools.Pool("").Endpoints()
		}
	}
	return nil
}

// SetBypass turns the bypass of all sites on or off, from the next request on.
func (s *Server) SetBypass(on bool) { s.bypass.Store(on) }
