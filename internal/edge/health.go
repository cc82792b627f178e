package edge

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Health is the target of the probes of a DNS service or a CDN: one path,
// answered by the Server itself, of listed hosts or to listed addresses only. All
// others who ask for that path get what the origin has there.
type Health struct {
	Path  string         // "": there is none
	Hosts []string       // names and addresses asked for; "*.managed.example" stands for every site's managed name
	From  []netip.Prefix // or who asks
}

// probed answers a probe of the health target, and tells whether it was one: 200
// while traffic may come, 503 while it had better take another way. Nobody is
// asked and nothing recorded.
func (e *exchange) probed(t *table, v *visitor) bool {
	h := &t.health
	if h.Path == "" || e.req.Method != http.MethodGet && e.req.Method != http.MethodHead {
		return false
	}
	if path, _, _ := strings.Cut(e.req.OriginForm(), "?"); path != h.Path {
		return false
	}
	client, _ := clientOf(v.peer.Addr(), e.req, t.trusted)
	name, listed := h.host(e.req.Host)
	if !listed && !isTrusted(client, h.From) {
		return false
	}
	e.s.counters.probes.Add(1)
	status := http.StatusOK
	if e.s.unwell.Load() || e.s.bypass.Load() || t.aside(name) {
		status = http.StatusServiceUnavailable
	}
	e.own(status, []wire.Field{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"}},
		[]byte(http.StatusText(status)+"\n"))
	return true
}

// host tells whether a host is listed, and whose it is: below a managed domain
// the site's own name stands before it.
func (h *Health) host(host string) (name string, listed bool) {
	for _, l := range h.Hosts {
		if l == host {
			return host, true
		}
		if suffix, wild := strings.CutPrefix(l, "*"); wild {
			if name, ok := strings.CutSuffix(host, suffix); ok && name != "" {
				return name, true
			}
		}
	}
	return host, false
}

// aside tells whether a bypass is wanted of the site with that name or, where
// there is none, of all sites: an address that several share is not taken away
// from the others for the sake of one.
func (t *table) aside(name string) bool {
	if st := t.index.Find(name); st != nil {
		return st.InForce() == site.Bypass
	}
	for _, st := range t.list {
		if st.InForce() != site.Bypass {
			return false
		}
	}
	return true
}

// SetUnwell lets the health target answer 503, or no longer: before a stop, so
// that probes see it while everything is still served.
func (s *Server) SetUnwell(on bool) { s.unwell.Store(on) }
