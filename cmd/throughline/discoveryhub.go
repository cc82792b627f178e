package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/capture"
	"github.com/throughline/throughline/internal/discovery"
	"github.com/throughline/throughline/internal/hub"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Learnt answers the Hub's page of discovery.
func (a *app) Learnt() hub.Learnt {
	stats := a.learner.Stats()
	out := hub.Learnt{Shapes: stats.Shapes, Waiting: stats.Waiting, Visitors: discovery.Visitors, Missed: stats.Missed}
	sites := map[string]*site.Site{}
	for _, s := range *a.current.Load() {
		sites[s.Name] = s
		out.Sites = append(out.Sites, hub.LearningSite{Name: s.Name, Learning: s.Discovery})
	}
	index := a.specIndex()
	for _, p := range discovery.Propose(a.learner.Shapes("")) {
		out.Proposals = append(out.Proposals, hub.Proposal{ID: p.ID, Site: p.Site, Name: p.Name, Type: string(p.Type), Says: p.Says,
			Method: p.Shape.Method, Path: p.Shape.Path, ContentType: p.Shape.Type, Count: p.Count, Statuses: p.Shape.Statuses,
			Fields: proposedFields(&p), YAML: p.YAML, NamedBy: namedBy(index, sites[p.Site], p.Shape)})
	}
	slices.SortStableFunc(out.Proposals, func(x, y hub.Proposal) int {
		return cmp.Or(cmp.Compare(named(x), named(y)), cmp.Compare(y.Count, x.Count))
	})
	return out
}

func named(p hub.Proposal) int {
	if p.NamedBy != "" {
		return 1
	}
	return 0
}

// Forget forgets all, on disk too.
func (a *app) Forget() error {
	a.learner.Clear()
	return a.learner.Save(a.path(discoveryFile))
}

func proposedFields(p *discovery.Proposal) []hub.ProposedField {
	to := map[string]string{}
	for _, m := range p.Maps {
		to[m.Source] = m.Element
	}
	out := make([]hub.ProposedField, 0, len(p.Shape.Fields))
	for _, f := range p.Shape.Fields {
		source := discovery.SourceOf(f)
		out = append(out, hub.ProposedField{Source: source, Kinds: f.Kinds, Element: to[source], Secret: slices.Contains(p.LeftOut, source)})
	}
	return out
}

func (a *app) specIndex() *capture.Index {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	if a.policy.snap == nil {
		return capture.NewIndex(nil)
	}
	return capture.NewIndex(a.policy.snap.Specs)
}

// namedBy is the Spec in force that takes such requests by now, if there is one: it
// is put to it as a request of that kind.
func namedBy(index *capture.Index, s *site.Site, shape *discovery.Shape) string {
	head := &wire.Head{Method: shape.Method, Target: sample(shape.Path), Proto: "HTTP/1.1"}
	if s != nil && len(s.Hosts) > 0 {
		head.Host = strings.Replace(s.Hosts[0], "*", "x", 1)
	}
	if shape.Type != "" {
		head.Fields = []wire.Field{{Name: "Content-Type", Value: shape.Type}}
	}
	if found := index.Match(head); found.Plan != nil {
		return found.Plan.Spec.Name
	}
	return ""
}

// sample is a path that fits a template.
func sample(template string) string {
	parts := strings.Split(template, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "x1"
		}
	}
	return strings.Join(parts, "/")
}
