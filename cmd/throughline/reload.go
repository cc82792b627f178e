package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/edge"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/hub"
	"github.com/throughline/throughline/internal/site"
)

// routing is what of the settings the edge takes at run time.
func (s *settings) routing() edge.Config {
	return edge.Config{Sites: s.sites, TrustedProxies: s.trusted, Health: s.health, Pages: s.pages, ManagedDomain: s.ManagedDomain}
}

// reload reads the configuration again and puts sites, pages, trusted proxies and
// health target in force, all or nothing. Connections stay.
func (a *app) reload(ctx context.Context) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if a.set.again == nil {
		return nil
	}
	set, err := a.set.again()
	if err != nil {
		return err
	}
	for _, f := range a.set.fixed(&set) {
		a.log.Warn("a change takes a restart; `throughline restart` drops nothing", "field", f)
	}
	old := a.sites()
	for _, st := range set.sites {
		for _, o := range old {
			if o.Name == st.Name {
				st.Switch = o.Switch
			}
		}
	}
	if err := assignPartitions(a.set.Data, set.sites); err != nil {
		return err
	}
	if err := a.restoreSwitches(ctx, set.sites); err != nil {
		return err
	}
	judges, err := a.judges(ctx, set.sites)
	if err != nil {
		return err
	}
	own, err := set.ownPairs(a.log)
	if err != nil {
		return err
	}
	// Between the two switches the engine knows the sites of both.
	if err := a.engine.SetSites(ctx, append(slices.Clone(old), set.sites...), judges); err != nil {
		return err
	}
	if err := a.edge.Reconfigure(set.routing()); err != nil {
		return fmt.Errorf("%w; the sites stay as they were", joinErrors(err, a.engine.SetSites(ctx, old, judges)))
	}
	a.current.Store(&set.sites)
	a.changeCertificates(&set, own)
	a.geo.Load(set.enrich)
	return a.engine.SetSites(ctx, set.sites, judges)
}

func joinErrors(a, b error) error {
	if b == nil {
		return a
	}
	return fmt.Errorf("%w; %w", a, b)
}

// fixed names what differs and can't change while the process runs.
func (s *settings) fixed(o *settings) (fields []string) {
	for name, differs := range map[string]bool{
		"listen": s.Listen != o.Listen, "tls": !reflect.DeepEqual(s.TLS, o.TLS), "hub": !reflect.DeepEqual(s.Hub, o.Hub),
		"admin": s.Admin != o.Admin, "data": s.Data != o.Data, "policy": s.Policy != o.Policy, "hash_key": s.HashKey != o.HashKey,
		"region": s.Region != o.Region, "limits": s.Limits != o.Limits, "journal": s.Journal != o.Journal,
		"retention": s.Retention != o.Retention, "log": s.Log != o.Log, "drain": s.Drain != o.Drain, "linger": s.Linger != o.Linger,
		"health.notice": s.notice != o.notice, "scheduling": s.Scheduling != o.Scheduling, "lanes": s.Lanes != o.Lanes, "proxy_protocol": !slices.Equal(s.announced, o.announced),
	} {
		if differs {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return fields
}

// judges starts the partitions that sites need and have not got. That of a site
// that is gone stays until the process ends: its last exchanges still use it.
func (a *app) judges(ctx context.Context, sites []*site.Site) (map[int]engine.Judge, error) {
	judges := map[int]engine.Judge{}
	for _, p := range a.partitions() {
		judges[p.Stats().Number] = p
	}
	for _, s := range sites {
		if judges[s.Partition] != nil {
			continue
		}
		p, err := a.startPartition(ctx, s.Partition)
		if err != nil {
			return nil, err
		}
		judges[s.Partition] = p
		a.follow(p)
	}
	return judges, nil
}

// stampOf changes when a file does; "" says that there is none.
func stampOf(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	return info.ModTime().String() + fmt.Sprint(info.Size())
}

// reloadOn reads the configuration again when told so, and when its file changes:
// from what was read at the start, however long that took.
func (a *app) reloadOn(ctx context.Context, hup <-chan os.Signal) {
	a.background.Go(func() {
		seen := a.set.stamp
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			told := false
			select {
			case <-ctx.Done():
				return
			case <-hup:
				told = true
			case <-tick.C:
			}
			now := stampOf(a.set.file)
			if !told && (a.set.file == "" || now == seen || now == "") {
				continue
			}
			seen = now
			if err := a.reload(ctx); err != nil {
				a.log.Error("configuration refused, the running one stays", "error", err.Error())
			} else {
				a.log.Info("configuration in force", "sites", len(a.sites()))
			}
			if !told {
				continue
			}
			if err := a.loadPolicy(ctx); err != nil {
				a.log.Error("policy refused, the running one stays", "error", err.Error())
			}
		}
	})
}

// SetMode implements hub.Commands.
func (a *app) SetMode(_ context.Context, name string, m site.Mode) (site.Mode, error) {
	for _, s := range a.sites() {
		if s.Name == name {
			s.Switch.SetMode(m)
			return s.InForce(), nil
		}
	}
	return "", hub.ErrNoSite
}

// restoreSwitches sets modes as they were switched before.
func (a *app) restoreSwitches(ctx context.Context, sites []*site.Site) error {
	kept, err := a.control.Settings(ctx, hub.ModeSetting)
	if err != nil {
		return fmt.Errorf("restore modes: %w", err)
	}
	before, err := a.control.Settings(ctx, oldBypass)
	if err != nil {
		return fmt.Errorf("restore modes: %w", err)
	}
	for _, s := range sites {
		switch m, known := kept[hub.ModeSetting+s.Name]; {
		case known && site.Mode(m).Known():
			s.Switch.SetMode(site.Mode(m))
		case !known && before[oldBypass+s.Name] == "on":
			s.Switch.SetMode(site.Bypass)
		}
	}
	return nil
}

// oldBypass is where a bypass was kept before there were other modes to switch.
const oldBypass = "bypass."
