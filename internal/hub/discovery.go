package hub

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

func (h *Hub) learnt() Learnt {
	l := Learnt{}
	if h.Discovery != nil {
		l = h.Discovery.Learnt()
	}
	l.Sites, l.Proposals = list(l.Sites), list(l.Proposals)
	for i := range l.Proposals {
		p := &l.Proposals[i]
		p.TypeName, p.Fields = typeName(journey.EventType(p.Type)), list(p.Fields)
		if p.Statuses == nil {
			p.Statuses = map[string]int64{}
		}
		for k := range p.Fields {
			f := &p.Fields[k]
			if f.Kinds == nil {
				f.Kinds = map[string]int64{}
			}
			if f.Element != "" {
				f.Name = h.catalogue().of(f.Element).Name
			}
		}
	}
	return l
}

func (h *Hub) getDiscovery(context.Context, *empty) (*answer[Learnt], error) {
	return &answer[Learnt]{h.learnt()}, nil
}

// acceptProposals makes a policy file of proposals and compiles it with the policy
// in force, so that what is wrong is known before the file is put there.
func (h *Hub) acceptProposals(ctx context.Context, in *bodyOf[AcceptProposals]) (*answer[ProposedFile], error) {
	known := map[string]*Proposal{}
	all := h.learnt().Proposals
	for i := range all {
		known[all[i].ID] = &all[i]
	}
	var names, texts []string
	var wrong auth.Faults
	for i, id := range in.Body.IDs {
		p := known[id]
		if p == nil {
			wrong = append(wrong, auth.Fault{Field: fmt.Sprintf("ids[%d]", i), Message: "no such proposal; it may have been forgotten since"})
			continue
		}
		names = append(names, p.Name)
		texts = append(texts, fmt.Sprintf("# %s: %s\n%s", p.Site, p.Says, p.YAML))
	}
	if len(wrong) > 0 {
		return nil, h.failed(ctx, "body", wrong)
	}
	files := maps.Clone(h.Policy().Files)
	if files == nil {
		files = map[string]string{}
	}
	f := ProposedFile{File: "proposed.yaml", YAML: strings.Join(texts, "---\n"), Faults: []string{}}
	for n := 2; files[f.File] != ""; n++ {
		f.File = fmt.Sprintf("proposed-%d.yaml", n)
	}
	files[f.File] = f.YAML
	_, faults := policy.Compile(files)
	for _, fault := range faults {
		f.Faults = append(f.Faults, fault.String())
	}
	if err := h.Auth.Record(ctx, callerOf(ctx).by(), "discovery.accept", f.File, strings.Join(names, ", ")); err != nil {
		return nil, h.failed(ctx, "", err)
	}
	return &answer[ProposedFile]{f}, nil
}

func (h *Hub) forgetDiscovery(ctx context.Context, _ *empty) (*empty, error) {
	if h.Discovery == nil {
		return nil, huma.Error404NotFound("nothing was ever learnt")
	}
	shapes := h.Discovery.Learnt().Shapes
	if err := h.Discovery.Forget(); err != nil {
		return nil, h.failed(ctx, "", err)
	}
	if err := h.Auth.Record(ctx, callerOf(ctx).by(), "discovery.forget", "", fmt.Sprintf("%d shapes", shapes)); err != nil {
		return nil, h.failed(ctx, "", err)
	}
	return nil, nil
}
