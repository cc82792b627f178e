package edge

import (
	"context"
	"crypto/rand"
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

// Listener is one address to listen on, with TLS when it has a certificate.
type Listener struct {
	Addr              string
	CertFile, KeyFile string
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
	HoldTimeout    time.Duration // a held body must be complete; 10 s
	IdleTimeout    time.Duration // between requests; 75 s
	MaxHead        int           // bytes; 64 KiB
}

// Server relays visitors to the origins. Safe for concurrent use.
type Server struct {
	cfg      Config
	decider  Decider
	pools    map[*site.Site]*origin.Pool
	counters counters
	nextID   atomic.Uint64
	bypass   atomic.Bool

	mu       sync.Mutex
	servers  []*http.Server
	addrs    []net.Addr
	upgraded map[net.Conn]struct{}
	running  sync.WaitGroup
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
	def(&cfg.IdleTimeout, 75*time.Second)
	if cfg.MaxHead == 0 {
		cfg.MaxHead = 64 << 10
	}
	if cfg.Clock == nil {
		cfg.Clock = func() int64 { return time.Now().UnixMicro() }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, decider: d, pools: map[*site.Site]*origin.Pool{}, upgraded: map[net.Conn]struct{}{}}
	for _, st := range cfg.Sites {
		p, err := origin.New(st, cfg.Origin)
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

// Start opens every listener and returns; on an error none stays open.
func (s *Server) Start() error {
	var open []net.Listener
	for _, l := range s.cfg.Listeners {
		ln, err := net.Listen("tcp", l.Addr)
		if err != nil {
			for _, o := range open {
				_ = o.Close()
			}
			return err
		}
		open = append(open, ln)
	}
	for i, l := range s.cfg.Listeners {
		srv := &http.Server{
			Handler: s, ReadHeaderTimeout: s.cfg.HeadTimeout, IdleTimeout: s.cfg.IdleTimeout, MaxHeaderBytes: s.cfg.MaxHead,
			ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
			// Requests like OPTIONS * belong to the origin too.
			DisableGeneralOptionsHandler: true,
		}
		serve := func() error { return srv.Serve(open[i]) }
		if l.CertFile != "" {
			certs, err := loadCertificates(l.CertFile, l.KeyFile, s.cfg.Logger)
			if err != nil {
				for _, o := range open {
					_ = o.Close()
				}
				return err
			}
			srv.TLSConfig = certs.config()
			serve = func() error { return srv.ServeTLS(open[i], "", "") }
		}
		s.mu.Lock()
		s.servers = append(s.servers, srv)
		s.addrs = append(s.addrs, open[i].Addr())
		s.mu.Unlock()
		s.running.Go(func() {
			if err := serve(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				s.cfg.Logger.Error("listener ended", "listen", l.Addr, "error", err.Error())
			}
		})
	}
	return nil
}

// Addrs returns the addresses listened on, in the order of the configuration.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]net.Addr(nil), s.addrs...)
}

// SetBypass turns the bypass of all sites on or off, from the next request on.
func (s *Server) SetBypass(on bool) { s.bypass.Store(on) }

// Shutdown closes the listeners, lets running exchanges finish until ctx ends
// and then closes what is left, upgraded connections last.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	servers := append([]*http.Server(nil), s.servers...)
	s.mu.Unlock()
	errs := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, srv := range servers {
		wg.Go(func() {
			if errs[i] = srv.Shutdown(ctx); errs[i] != nil {
				_ = srv.Close()
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	for c := range s.upgraded {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	for _, p := range s.pools {
		p.Close()
	}
	return errors.Join(errs...)
}

// track keeps an upgraded connection for Shutdown.
func (s *Server) track(c net.Conn) (forget func()) {
	s.mu.Lock()
	s.upgraded[c] = struct{}{}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		delete(s.upgraded, c)
		s.mu.Unlock()
	}
}
