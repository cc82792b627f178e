package engine

import (
	"context"
	"fmt"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
)

// sites are the sites and who judges for them. They are replaced as a whole.
type sites struct {
	byName map[string]*site.Site
	judges map[int]Judge // by partition number
	learn  bool          // one of them learns from what no Spec names
}

func newSites(list []*site.Site, judges map[int]Judge) *sites {
	s := &sites{byName: map[string]*site.Site{}, judges: judges}
	for _, st := range list {
		s.byName[st.Name] = st
		s.learn = s.learn || st.Discovery
	}
	return s
}

// SetSites puts other sites in force, from the next request on. A judge that is
// new is given the policy in force first.
func (e *Engine) SetSites(ctx context.Context, list []*site.Site, judges map[int]Judge) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.policy.Load(); r != nil {
		if err := setPolicy(ctx, judges, r.snap); err != nil {
			return err
		}
	}
	e.sites.Store(newSites(list, judges))
	return nil
}

// setPolicy tells the judges that don't have a revision yet.
func setPolicy(ctx context.Context, judges map[int]Judge, snap *policy.Snapshot) error {
	for n, j := range judges {
		p, ok := j.(interface {
			SetPolicy(context.Context, map[string]string) error
			Stats() PartitionStats
		})
		if !ok || p.Stats().Revision == snap.Revision {
			continue
		}
		if err := p.SetPolicy(ctx, snap.Bundle); err != nil {
			return fmt.Errorf("partition %d: policy %s: %w", n, snap.Revision, err)
		}
	}
	return nil
}
