package engine

import (
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// withoutVerdict is the route's failure policy.
func (n *note) withoutVerdict(x *wire.Exchange) wire.Decision {
	if !n.failsClosed() {
		return wire.Decision{}
	}
	n.taken = append(n.taken, journey.Action{Name: "failure_policy", Type: journey.ActionBlock, Time: x.Start,
		Enforced: true, Reason: "no verdict in time on a route that fails closed"})
	return wire.Decision{Answer: unavailable(n.site)}
}

// afterPanic is the failure policy then. Where the panic came before the Spec was
// known, it is that of the strictest Spec that the request may have been meant for.
func (e *Engine) afterPanic(x *wire.Exchange, p wire.Phase) (d wire.Decision) {
	n, _ := x.Note.(*note)
	held := p == wire.PhaseResponseBody && n != nil && n.hold && !n.done
	if p > wire.PhaseRequestBody && !held {
		return d // nothing of it waits for us
	}
	if n != nil && n.plan != nil {
		if n.active && p == wire.PhaseRequestHead {
			d.Edits = n.rules.tags
		}
		if n.sync && n.failsClosed() {
			d.Answer = unavailable(n.site)
		}
		return d
	}
	r, s := e.policy.Load(), e.sites.Load().byName[x.Site]
	if n != nil {
		r, s = n.rules, n.site
	}
	if r == nil || s == nil || x.Mode != string(site.Active) {
		return d
	}
	if p == wire.PhaseRequestHead {
		d.Edits = r.tags
	}
	if r.index.May(&x.Request, func(spec *policy.Spec) bool {
		return spec.Sync && !spec.PassThrough && failsClosed(s, spec)
	}) {
		d.Answer = unavailable(s)
	}
	return d
}

// failsClosed tells whether a missing verdict stops the exchange. Only in active
// mode anything may.
func (n *note) failsClosed() bool { return n.active && failsClosed(n.site, n.spec) }

func failsClosed(s *site.Site, spec *policy.Spec) bool {
	if spec.Failure != "" {
		return site.Failure(spec.Failure) == site.FailClosed
	}
	return s.Failure == site.FailClosed
}

// unavailable is the answer of a route that fails closed. It says nothing of us.
func unavailable(s *site.Site) *wire.Answer {
	page := s.Pages[503]
	if page == nil {
		page = &site.Page{ContentType: "text/plain; charset=utf-8", Body: []byte("Service Unavailable\n")}
	}
	return &wire.Answer{Status: 503, Fields: []wire.Field{
		{Name: "Content-Type", Value: page.ContentType},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "Retry-After", Value: "5"},
	}, Body: page.Body}
}
