package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/recognition"
	"github.com/throughline/throughline/internal/site"
)

// ErrNoSite is what Commands answers for a site that isn't configured.
var ErrNoSite = errors.New("no such site")

// Commands changes what runs.
type Commands interface {
	// SetMode puts a mode in force for a site from the next request on; "" gives
	// the configured one back. It answers the mode now in force.
	SetMode(ctx context.Context, name string, m site.Mode) (site.Mode, error)
}

// Discovery is what was learnt of requests that no Spec names.
type Discovery interface {
	// Learnt answers what is known now.
	Learnt() Learnt
	// Forget begins anew.
	Forget() error
}

// LiveItem is an Event that became visible, and its Session as it is now.
type LiveItem struct {
	Event   journey.Event
	Session journey.Session
}

// Live is where Events are heard of as they become visible.
type Live interface {
	// Subscribe answers a bounded stream that is closed when ctx ends or the
	// source does, and a count of what a slow reader has missed so far.
	Subscribe(ctx context.Context) (items <-chan LiveItem, dropped func() int64)
}

// Recognition answers how well visitors are recognised, at once and as far as it
// is known; what is not it finds out meanwhile.
type Recognition interface {
	Ask(q recognition.Question) (recognition.Answer, error)
}

// ModeSetting is the settings key, followed by the site's name, under which a
// switched mode outlives a restart; Configured stands for none.
const (
	ModeSetting = "mode."
	Configured  = "configured"
)

// Config is what a Hub needs.
type Config struct {
	Insight  *insight.Service
	Auth     *auth.Service
	Settings control.Settings
	Live     Live
	Commands Commands
	// Recognition measures how well visitors are recognised.
	Recognition Recognition
	// Discovery may be nil: then nothing was ever learnt.
	Discovery Discovery
	Status    func(ctx context.Context) Status
	Policy    func() Policy
	// Elements are those of the policy in force; the catalogue alone if nil.
	Elements func() *element.Set
	// SessionTimeout is the inactivity after which a Session is no longer live.
	SessionTimeout func() time.Duration
	// Assets is the built web app with index.html at its root.
	Assets fs.FS
	// Secure says that browsers reach the Hub by https, directly or through a proxy.
	Secure bool
	// Hosts are the names, beside loopback's and plain addresses, by which the
	// Hub may be asked for: "hub.example.com" or "*.example.com".
	Hosts []string
	// ClientIP answers where a request came from; the TCP peer if nil.
	ClientIP func(*http.Request) netip.Addr
	Logger   *slog.Logger // slog.Default() if nil
	Version  string
	Clock    func() time.Time // time.Now if nil
}

// Hub is the Hub's HTTP handler. Safe for concurrent use.
type Hub struct {
	Config
	handler   http.Handler
	elements  atomic.Pointer[elements]
	streams   streams
	heartbeat time.Duration
	requests  atomic.Uint64
}

// New builds a Hub. It serves until CloseStreams and has nothing to close itself.
func New(c Config) (*Hub, error) {
	switch {
	case c.Insight == nil, c.Auth == nil, c.Settings == nil, c.Live == nil, c.Commands == nil, c.Recognition == nil,
		c.Status == nil, c.Policy == nil, c.SessionTimeout == nil, c.Assets == nil:
		return nil, errors.New("hub: everything but Discovery, Elements, Secure, Hosts, ClientIP, Logger, Version and Clock must be given")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.ClientIP == nil {
		c.ClientIP = peer
	}
	h := &Hub{Config: c, heartbeat: 15 * time.Second}
	h.streams.init()
	mux, _, err := h.mux()
	if err != nil {
		return nil, err
	}
	h.handler = h.guard(mux)
	return h, nil
}

// ServeHTTP answers one request.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handler.ServeHTTP(w, r) }

// CloseStreams ends all live streams, which never end by themselves, so that a
// server can shut down.
func (h *Hub) CloseStreams() { h.streams.close() }

// recorder remembers every pattern, so that a test can hold them against the
// permission table.
type recorder struct {
	*http.ServeMux
	patterns []string
}

func (m *recorder) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.HandleFunc(pattern, f)
}

func (h *Hub) mux() (http.Handler, []string, error) {
	m := &recorder{ServeMux: http.NewServeMux()}
	api := humago.New(m, apiConfig("1"))
	api.UseMiddleware(h.admit(api))
	h.register(api)
	doc, err := describe(api)
	if err != nil {
		return nil, nil, err
	}
	m.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(doc) // the client may be gone
	})
	m.HandleFunc("/api/", m.noSuchRoute)
	app, err := newApp(h.Assets)
	if err != nil {
		return nil, nil, fmt.Errorf("hub: %w", err)
	}
	m.HandleFunc("/", app.serve)
	return m, m.patterns, nil
}

// noSuchRoute tells a wrong method from a wrong path.
func (m *recorder) noSuchRoute(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := m.Handler(other); pattern != "/api/" {
			w.Header().Add("Allow", method)
		}
	}
	if w.Header().Get("Allow") != "" {
		problem(w, http.StatusMethodNotAllowed, "this route doesn't take "+r.Method)
		return
	}
	problem(w, http.StatusNotFound, "no such route; GET /api/openapi.json lists them")
}

func peer(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}
