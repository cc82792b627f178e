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
}

// linger is how long what a visitor still sends is thrown away after the
// exchange is over, so that the answer is not lost to a reset.
const linger = 2 * time.Second

// last bounds how long Shutdown waits for exchanges that it has cut off.
const last = 5 * time.Second

// Server relays visitors to the origins. Safe for concurrent use.
type Server struct {
	cfg      Config
	decider  Decider
	index    *site.Index
	pools    map[*site.Site]*origin.Set
	counters counters
	nextID   atomic.Uint64
	bypass   atomic.Bool
	closed   atomic.Bool // no exchange may begin any more
	cut      context.Context
	cutOff   context.CancelFunc

	mu       sync.Mutex
	started  bool
	closing  bool
	servers  []*http.Server
	addrs    []net.Addr
	upgraded map[net.Conn]struct{}
	running  sync.WaitGroup // listeners
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
	s := &Server{cfg: cfg, decider: d, index: site.NewIndex(cfg.Sites), pools: map[*site.Site]*origin.Set{},
		upgraded: map[net.Conn]struct{}{}}
	s.cut, s.cutOff = context.WithCancel(context.Background())
	for _, st := range cfg.Sites {
		p, err := origin.Open(st, cfg.Origin)
		if err != nil {
			return nil, err
		}
		s.pools[st] = p
	}
	s.counters.sites(cfg.Sites)
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("seed exchange numbers: %w", err)
	}
	s.nextID.Store(binary.BigEndian.Uint64(seed[:]))
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
	if err := site.Validate(cfg.Sites); err != nil {
		return err
	}
	for _, st := range cfg.Sites {
		if st.Mode == site.Mirror {
			// Relaying mirrored requests would do everything twice at the origin.
			return fmt.Errorf("site %s: mirror mode needs a worker in front, which this edge does not speak with", st.Name)
		}
	}
	return nil
}

// Start opens every listener and returns; on an error none stays open.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.closing {
		return errors.New("edge: started before")
	}
	var open []net.Listener
	fail := func(err error) error {
		for _, o := range open {
			_ = o.Close()
		}
		s.servers, s.addrs = nil, nil
		return err
	}
	for _, l := range s.cfg.Listeners {
		conf, err := s.tlsConfig(l)
		if err != nil {
			return fail(fmt.Errorf("listen on %s: %w", l.Addr, err))
		}
		ln, err := net.Listen("tcp", l.Addr)
		if err != nil {
			return fail(err)
		}
		open = append(open, ln)
		s.servers = append(s.servers, &http.Server{
			Handler: s, TLSConfig: conf, ConnContext: withConn,
			ReadHeaderTimeout: s.cfg.HeadTimeout, IdleTimeout: s.cfg.IdleTimeout, MaxHeaderBytes: s.cfg.MaxHead,
			ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
			// Requests like OPTIONS * belong to the origin too.
			DisableGeneralOptionsHandler: true,
		})
		s.addrs = append(s.addrs, ln.Addr())
	}
	for i, ln := range open {
		s.running.Go(func() { s.serve(s.servers[i], listener{ln, s}) })
	}
	s.started = true
	return nil
}

func (s *Server) serve(srv *http.Server, ln net.Listener) {
	var err error
	if srv.TLSConfig != nil {
		err = srv.ServeTLS(ln, "", "")
	} else {
		err = srv.Serve(ln)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.cfg.Logger.Error("listener ended", "listen", ln.Addr().String(), "error", err.Error())
	}
}

// tlsConfig is a listener's, nil without TLS.
func (s *Server) tlsConfig(l Listener) (*tls.Config, error) {
	switch {
	case l.CertFile != "":
		certs, err := loadCertificates(l.CertFile, l.KeyFile, s.cfg.Logger)
		if err != nil {
			return nil, err
		}
		return certs.config(), nil
	case l.TLS != nil:
		conf := l.TLS.Clone()
		if conf.NextProtos == nil {
			conf.NextProtos = []string{"h2", "http/1.1"}
		}
		return conf, nil
	}
	return nil, nil
}

// Addrs returns the addresses listened on, in the order of the configuration.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]net.Addr(nil), s.addrs...)
}

// SetBypass turns the bypass of all sites on or off, from the next request on.
func (s *Server) SetBypass(on bool) { s.bypass.Store(on) }

// Shutdown closes the listeners, lets running exchanges finish until ctx ends,
// then cuts off what is left, upgraded connections last. When it returns, every
// exchange has ended and the Decider has been told, unless the error says that
// some hang.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	servers := append([]*http.Server(nil), s.servers...)
	s.mu.Unlock()
	errs := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, srv := range servers {
		wg.Go(func() {
			if errs[i] = srv.Shutdown(ctx); errs[i] != nil {
				s.cutOff()
				_ = srv.Close()
			}
		})
	}
	wg.Wait()
	s.cutOff()
	s.mu.Lock()
	for c := range s.upgraded {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	s.closed.Store(true)
	errs = append(errs, s.settle())
	for _, p := range s.pools {
		p.Close()
	}
	return errors.Join(errs...)
}

// settle waits until the last exchange has told its end.
func (s *Server) settle() error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(last)
	for s.counters.active.Load() > 0 {
		if time.Now().After(end) {
			return fmt.Errorf("edge: %d exchanges hang", s.counters.active.Load())
		}
		<-tick.C
	}
	return nil
}

// track keeps an upgraded connection for Shutdown.
func (s *Server) track(c net.Conn) (forget func()) {
	s.mu.Lock()
	s.upgraded[c] = struct{}{}
	if s.closing && s.cut.Err() != nil {
		_ = c.Close()
	}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		delete(s.upgraded, c)
		s.mu.Unlock()
	}
}
