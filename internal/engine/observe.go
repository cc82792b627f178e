package engine

import (
	"hash/fnv"
	"slices"
	"strings"
	"sync"

	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/signature"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// base is what every observation of an exchange says.
func (e *Engine) base(x *wire.Exchange, n *note) *journey.Observation {
	return &journey.Observation{
		Exchange: x.ID, Time: x.Start, Site: x.Site,
		Spec: n.spec.Key, Name: n.spec.Name, Type: n.spec.Type, Sync: n.sync,
	}
}

// whole observes an exchange at once.
func (e *Engine) whole(x *wire.Exchange, n *note) (o *journey.Observation, taught bool) {
	o = e.observeRequest(x, n)
	o.Phase = journey.PhaseComplete
	taught = e.observeResponse(x, n, o)
	o.Enforced = n.taken
	return o, taught
}

// observeRequest extracts and enriches the request side.
func (e *Engine) observeRequest(x *wire.Exchange, n *note) *journey.Observation {
	o := e.base(x, n)
	o.Method = strings.Clone(x.Request.Method) // the exchange is only lent
	o.IP = x.Conn.Client.String()
	agent := x.Request.Get("User-Agent")
	o.Agent = agentHash(agent)
	o.Device = e.cfg.Capture.Device(x)
	o.Multiplexed = x.Conn.TLS && !x.Conn.Proxied && x.Conn.ALPN == "h2"
	o.Beside = e.cfg.Capture.Beside(x)
	o.Keys, o.Learned = e.cfg.Capture.Visitor(n.rules.snap, n.plan, x)
	o.Elements = e.cfg.Capture.Request(n.plan, x)
	n.context = n.plan.Context(o.Elements)
	o.Truncated = n.reqBody && x.ReqBody.Truncated
	room, _ := rooms.Get().(*room)
	visit := enrich.Visit{Time: x.Start, IP: x.Conn.Client, Agent: agent, Mapped: o.Elements, Room: room[:0]}
	if x.Request.Get("Signature-Input") != "" {
		visit.Request = func() *signature.Request { return signable(x) }
	}
	short, added := e.cfg.Enrich.Describe(visit)
	o.UserAgent, o.Elements = short, merge(o.Elements, added)
	clear(room[:])
	rooms.Put(room)
	return o
}

// room is where enrichment lies until it is merged, used again.
type room [24]journey.Element

var rooms = sync.Pool{New: func() any { return new(room) }}

// signable is the request as a program that signs it saw it.
func signable(x *wire.Exchange) *signature.Request {
	host := x.Request.Get("Host")
	if host == "" {
		host = x.Request.Host
	}
	r := &signature.Request{Method: x.Request.Method, Authority: signature.Authority(host, x.Conn.TLS), Target: x.Request.Target,
		Scheme: "http", Fields: make([]signature.Field, len(x.Request.Fields))}
	if x.Conn.TLS {
		r.Scheme = "https"
	}
	for i, f := range x.Request.Fields {
		r.Fields[i] = signature.Field(f)
	}
	return r
}

// ofResponse is for how many elements of the response there is room at once.
const ofResponse = 3

// merge adds enrichment that no mapping has given already.
func merge(mapped, added []journey.Element) []journey.Element {
	n := len(mapped)
	mapped = slices.Grow(mapped, len(added)+ofResponse)
next:
	for _, a := range added {
		for i := range n {
			if mapped[i].ID == a.ID {
				continue next
			}
		}
		mapped = append(mapped, a)
	}
	return mapped
}

// observeResponse adds the response side. It tells whether that taught a session key.
func (e *Engine) observeResponse(x *wire.Exchange, n *note, o *journey.Observation) (taught bool) {
	o.Status = x.Response.Status
	if x.RespTime > 0 {
		o.Duration = x.RespTime - x.Start
	}
	if x.Mode != string(site.Mirror) { // which sees no responses
		o.Outcome = e.cfg.Capture.Outcome(n.plan, x)
	}
	if !x.Answered {
		learned := e.cfg.Capture.Learned(n.rules.snap, x)
		learned = append(learned, e.cfg.Capture.ResponseTokens(n.plan, x)...)
		o.Learned, taught = append(o.Learned, learned...), len(learned) > 0
	}
	answered := e.cfg.Capture.Response(n.plan, x, n.context)
	o.Elements = append(o.Elements, answered...)
	o.Elements = derived(o.Elements, answered, e.cfg.Enrich.Derive(x.Start, answered))
	o.Truncated = o.Truncated || n.resBody && x.RespBody.Truncated
	return taught
}

// derived adds what is known of a response's values, unless the response or the
// request has said it.
func derived(all, answered, added []journey.Element) []journey.Element {
	for _, a := range added {
		if !slices.ContainsFunc(answered, func(el journey.Element) bool { return el.ID == a.ID }) &&
			!slices.ContainsFunc(all, func(el journey.Element) bool { return el.ID == a.ID && el.Value == a.Value }) {
			all = append(all, a)
		}
	}
	return all
}

// agentHash tells browsers apart for weak joins; it is not a secret.
func agentHash(agent string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.TrimSpace(agent)))
	return h.Sum64()
}
