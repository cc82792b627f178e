package edge

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/signature"
	"github.com/throughline/throughline/internal/site"
)

// table is what of a Config can change while the Server runs. It is replaced as
// a whole; an exchange goes to its end with the one it began with.
type table struct {
	index   *site.Index
	routes  map[*site.Site]*route
	only    *route // where there is one site
	list    []*site.Site
	trusted []netip.Prefix
	health  Health
	pages   site.Pages
	managed string // domain that workers append; "": no site has a worker
}

// route is where a site's requests go and are counted.
type route struct {
	pools *origin.Set
	count *siteCount
	// straight says that an exchange nobody asks about has no more to it than the
	// origin's answer.
	straight bool

	forwards map[string]string // the origins as a worker names them
	signer   *signature.Signer // of a sidechain, nil without
}

// Reconfigure puts other sites, trusted proxies, pages and another health target
// in force, whole or not at all. Connections stay; the rest of cfg is not looked
// at. A site that stays as it was keeps its connections to the origin, the pools
// of the others are closed, and what is in use of them when its exchange ends.
func (s *Server) Reconfigure(cfg Config) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := checkSites(&cfg); err != nil {
		return err
	}
	old := s.table.Load()
	now, err := s.newTable(&cfg, old)
	if err != nil {
		return err
	}
	s.table.Store(now)
	kept := map[*origin.Set]bool{}
	for _, r := range now.routes {
		kept[r.pools] = true
	}
	for _, r := range old.routes {
		if !kept[r.pools] {
			r.pools.Close()
		}
	}
	return nil
}

// newTable opens what old does not have.
func (s *Server) newTable(cfg *Config, old *table) (*table, error) {
	t := &table{index: site.NewIndex(cfg.Sites), routes: map[*site.Site]*route{}, list: cfg.Sites,
		trusted: cfg.TrustedProxies, health: cfg.Health, pages: cfg.Pages}
	var opened []*origin.Set
	fail := func(err error) (*table, error) {
		for _, p := range opened {
			p.Close()
		}
		return nil, err
	}
	for _, st := range cfg.Sites {
		r := &route{pools: old.same(st), count: s.counters.site(st.Name)}
		if st.Worker != nil {
			if t.managed = strings.ToLower(strings.TrimSuffix(cfg.ManagedDomain, ".")); t.managed == "" {
				t.managed = site.DefaultManagedDomain
			}
			r.forwards = forwardsOf(st)
		}
		if st.Sidechain != nil {
			signer, err := newSigner(st.Sidechain)
			if err != nil {
				return fail(fmt.Errorf("site %s: %w", st.Name, err))
			}
			r.signer = signer
		}
		if r.pools == nil {
			o := s.cfg.Origin
			o.Changed = func(addr string, up bool, why string) {
				s.cfg.Logger.Warn("origin address changed its state", "site", st.Name, "address", addr, "up", up, "error", why)
			}
			p, err := origin.Open(st, o, s.sweeper)
			if err != nil {
				return fail(err)
			}
			r.pools, opened = p, append(opened, p)
		}
		r.straight = st.Worker == nil && st.Sidechain == nil && r.pools.Pool("").HTTP1()
		t.routes[st], t.only = r, r
	}
	if len(t.routes) != 1 {
		t.only = nil
	}
	return t, nil
}

// route is a site's.
func (t *table) route(st *site.Site) *route {
	if t.only != nil {
		return t.only
	}
	return t.routes[st]
}

// same finds the pools of a site that reaches its origins the same way. Files
// may have changed under their names: who names some is opened anew.
func (t *table) same(st *site.Site) *origin.Set {
	if t == nil || st.TLS != nil {
		return nil
	}
	for _, o := range t.list {
		if o.Name == st.Name && sameOrigins(*o, *st) {
			return t.routes[o].pools
		}
	}
	return nil
}

// sameOrigins compares all of two sites but what is not about their origins, so
// that what is added to a Site counts.
func sameOrigins(a, b site.Site) bool {
	for _, s := range []*site.Site{&a, &b} {
		s.Hosts, s.Mode, s.Failure, s.Deadline, s.Switch = nil, "", "", 0, nil
		s.Pages, s.Upkeep, s.Retry, s.Worker, s.Sidechain = nil, nil, 0, nil, nil
	}
	return reflect.DeepEqual(a, b)
}

// checkSites checks what can change at run time.
func checkSites(cfg *Config) error {
	if err := site.Validate(cfg.Sites); err != nil {
		return err
	}
	return cfg.Health.check()
}

func (h *Health) check() error {
	if h.Path == "" {
		if len(h.Hosts) > 0 || len(h.From) > 0 {
			return errors.New("health target: it has hosts or addresses, but no path")
		}
		return nil
	}
	if h.Path[0] != '/' {
		return fmt.Errorf("health target: path %q: want it to begin with /", h.Path)
	}
	if len(h.Hosts) == 0 && len(h.From) == 0 {
		return errors.New("health target: want hosts or addresses that it answers; else it would take a path from every site")
	}
	return nil
}
