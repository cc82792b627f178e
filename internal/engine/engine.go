package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/action"
	"github.com/throughline/throughline/internal/capture"
	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Config is what an Engine is made of.
type Config struct {
	Sites    []*site.Site
	Judges   map[int]Judge // by partition number
	Capture  *capture.Capturer
	Enrich   *enrich.Enricher
	Shed     *Shed
	Clock    func() int64 // Unix micros
	Logger   *slog.Logger
	Decision func(time.Duration) // told how long each sync verdict took; may be nil
	Learn    Learner             // shown what no Spec names, on sites that ask for it; may be nil
}

// Engine is the edge's Decider. Safe for concurrent use; an exchange's note is
// only touched by that exchange's goroutine.
type Engine struct {
	cfg   Config
	sites atomic.Pointer[sites]

	mu     sync.Mutex // one switch of policy or sites at a time
	policy atomic.Pointer[rules]
	known  sync.Map // revision to *policy.Snapshot: the two newest

	matched  atomic.Int64
	panics   atomic.Int64
	missed   atomic.Int64
	enforced counts
}

// rules is a policy revision as the request path uses it.
type rules struct {
	snap  *policy.Snapshot
	index *capture.Index
	match func(*wire.Head) capture.Found // the index's
	tags  []wire.Edit                    // remove the headers by which the policy tags; never changed
}

func newRules(snap *policy.Snapshot) *rules {
	r := &rules{snap: snap, index: capture.NewIndex(snap.Specs)}
	r.match = r.index.Match
	for _, a := range snap.Actions {
		if a.Type == journey.ActionTag {
			r.tags = append(r.tags, wire.Edit{Name: a.Header})
		}
	}
	slices.SortFunc(r.tags, func(a, b wire.Edit) int { return strings.Compare(a.Name, b.Name) })
	r.tags = slices.Clip(slices.CompactFunc(r.tags, func(a, b wire.Edit) bool { return strings.EqualFold(a.Name, b.Name) }))
	return r
}

// note is what the engine remembers of a matched exchange between phases.
type note struct {
	rules   *rules
	spec    *policy.Spec
	plan    *capture.Plan // of spec; nil while only the body can tell which it is
	site    *site.Site
	judge   Judge
	reqBody bool
	resBody bool
	ends    bool // what comes behind the response's body is looked at
	sync    bool // a verdict is asked before the origin is
	active  bool // and enforced
	hold    bool // and another verdict is asked before the response leaves
	opened  bool // the request was observed on its own
	folded  bool // and all that was observed so far is folded: there was a verdict
	done    bool // the Event is complete, or was shed
	taken   []journey.Action
	context []journey.Element // of the request, by which values of the response are read
}

// New returns an Engine without a policy: it relays everything until SetPolicy.
func New(cfg Config) *Engine {
	cfg.Capture.Share(cfg.Enrich.Agents())
	e := &Engine{cfg: cfg}
	e.sites.Store(newSites(cfg.Sites, cfg.Judges))
	if e.cfg.Logger == nil {
		e.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return e
}

// SetPolicy puts a compiled revision in force: first in every partition, which
// journals it, then for matching.
func (e *Engine) SetPolicy(ctx context.Context, snap *policy.Snapshot) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known.Store(snap.Revision, snap)
	if err := setPolicy(ctx, e.sites.Load().judges, snap); err != nil {
		return err
	}
	old := e.policy.Swap(newRules(snap))
	e.known.Range(func(k, _ any) bool {
		if k != snap.Revision && (old == nil || k != old.snap.Revision) {
			e.known.Delete(k)
		}
		return true
	})
	return nil
}

// Policy returns the revision in force, nil before the first.
func (e *Engine) Policy() *policy.Snapshot {
	if r := e.policy.Load(); r != nil {
		return r.snap
	}
	return nil
}

// Decide implements the edge's Decider.
func (e *Engine) Decide(x *wire.Exchange, p wire.Phase) (d wire.Decision) {
	defer func() {
		if v := recover(); v != nil {
			e.panicked(p, v)
			d = e.afterPanic(x, p)
			x.Note = nil
		}
	}()
	if p == wire.PhaseRequestHead {
		return e.requestHead(x)
	}
	n, ok := x.Note.(*note)
	if !ok {
		if p == wire.PhaseEnd && x.Note == any(unnamed{}) {
			e.cfg.Learn.Learn(x)
		}
		return wire.Decision{}
	}
	if n.plan == nil && p == wire.PhaseResponseHead && !x.ReqBody.Seen {
		return wire.Decision{} // the origin answers before it has everything
	}
	if !e.resolve(x, n) {
		return wire.Decision{}
	}
	switch p {
	case wire.PhaseRequestBody:
		if n.sync && !n.opened {
			return e.judgeRequest(x, n)
		}
	case wire.PhaseResponseHead:
		e.responseHead(x, n)
	case wire.PhaseResponseBody:
		if n.hold && n.opened && !n.done {
			return e.judgeResponse(x, n)
		}
	case wire.PhaseEnd:
		e.end(x, n)
	}
	return wire.Decision{}
}

// Indifferent implements edge.Indifferent: nobody asks about a request that no
// Spec can name, unless its site learns from such.
func (e *Engine) Indifferent(name, mode string, h *wire.Head) bool {
	r, at := e.policy.Load(), e.sites.Load()
	if r == nil || mode == string(site.Bypass) || !at.learn && r.index.Strange(h) {
		return true
	}
	s := at.byName[name]
	if s == nil {
		return true
	}
	if s.Discovery && e.cfg.Learn != nil {
		return false
	}
	found := r.match(h)
	return found.Plan == nil && !found.Open
}

func (e *Engine) requestHead(x *wire.Exchange) wire.Decision {
	r := e.policy.Load()
	at := e.sites.Load()
	s := at.byName[x.Site]
	if r == nil || s == nil || x.Mode == string(site.Bypass) {
		return wire.Decision{}
	}
	found := r.match(&x.Request)
	if found.Open && (x.Request.Method == "GET" || x.Request.Method == "HEAD") { // all is in the URL
		found = capture.Found{Plan: e.cfg.Capture.Resolve(r.index, &x.Request, &wire.Body{})}
	}
	if found.Plan == nil && !found.Open {
		if s.Discovery && e.cfg.Learn != nil {
			return e.discover(x)
		}
		return wire.Decision{}
	}
	n := &note{rules: r, site: s, judge: at.judges[s.Partition]}
	x.Note = n
	if found.Open {
		return n.await(x, found)
	}
	e.take(x, n, found.Plan)
	d := wire.Decision{Limit: n.spec.MaxBody, Trailers: n.ends, Refuse: n.active && n.spec.Oversize == "refuse"}
	if n.active {
		d.Edits = r.tags // what a visitor sends under these names is not our word
	}
	if n.resBody {
		d.Response = wire.BodyCopy
	}
	if n.hold {
		d.Response = wire.BodyHold
	}
	switch {
	case n.reqBody && n.sync:
		d.Request = wire.BodyHold
		return d
	case n.reqBody:
		d.Request = wire.BodyCopy
		return d
	case n.sync:
		v := e.judgeRequest(x, n)
		v.Response, v.Limit, v.Trailers = d.Response, d.Limit, d.Trailers
		v.Edits = append(d.Edits, v.Edits...)
		return v
	}
	return d
}

// take makes an exchange an Event of a Spec.
func (e *Engine) take(x *wire.Exchange, n *note, p *capture.Plan) {
	e.matched.Add(1)
	x.Activities++
	n.plan, n.spec = p, p.Spec
	n.sync = n.spec.Sync && x.Mode != string(site.Mirror)
	n.active = n.sync && x.Mode == string(site.Active) && !n.spec.PassThrough
	n.hold = n.sync && n.spec.HoldResponse
	n.reqBody, n.resBody = p.Needs()
	n.ends = p.Trailers()
}

// await asks for the bodies that the most demanding Spec in question asks for: which
// it is, the request's body tells.
func (n *note) await(x *wire.Exchange, found capture.Found) wire.Decision {
	w := found.Wants
	if found.Plan != nil {
		w.Add(found.Plan)
	}
	d := wire.Decision{Limit: w.MaxBody, Trailers: w.Trailers, Request: wire.BodyCopy}
	if w.Sync && x.Mode != string(site.Mirror) {
		d.Request = wire.BodyHold
	}
	if w.Sync && x.Mode == string(site.Active) {
		d.Refuse, d.Edits = w.Refuse, n.rules.tags
	}
	if w.Response {
		d.Response = wire.BodyCopy
	}
	return d
}

// resolve finds the Spec of an exchange that awaited its body. Without one the
// exchange goes on as any other.
func (e *Engine) resolve(x *wire.Exchange, n *note) (found bool) {
	if n.plan == nil {
		p := e.cfg.Capture.Resolve(n.rules.index, &x.Request, &x.ReqBody)
		if p == nil {
			x.Note = nil
			return false
		}
		e.take(x, n, p)
	}
	return true
}

// judgeRequest asks for the verdict of a sync route, within its deadline.
func (e *Engine) judgeRequest(x *wire.Exchange, n *note) wire.Decision {
	obs := e.observeRequest(x, n)
	obs.Phase = journey.PhaseRequest
	n.opened = true
	v, err := e.ask(n, obs)
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			n.done = true // nothing was opened that a response could complete
		}
		return n.withoutVerdict(x)
	}
	d := e.act(x, n, &v)
	if n.hold { // which Spec it is, may be known only now
		d.Response = wire.BodyHold
	}
	return d
}

// judgeResponse asks again, for the response that is kept back. The request has left:
// what would be said to the origin can't be any more.
func (e *Engine) judgeResponse(x *wire.Exchange, n *note) wire.Decision {
	obs := e.base(x, n)
	obs.Phase, obs.Time = journey.PhaseHeld, x.RespTime
	_ = e.observeResponse(x, n, obs)
	obs.Learned = nil // who is not given the response has learned nothing from it
	var d wire.Decision
	if v, err := e.ask(n, obs); err != nil {
		d = n.withoutVerdict(x)
	} else {
		v.Actions = slices.DeleteFunc(slices.Clone(v.Actions), func(a journey.Action) bool {
			if a.Type == journey.ActionTag {
				a.EventID, a.Reason = v.EventID, "the request had left"
				n.taken = append(n.taken, a)
			}
			return a.Type == journey.ActionTag
		})
		d = e.act(x, n, &v)
	}
	if d.Answer == nil { // its keys are learned before its first byte leaves
		e.complete(x, n)
	}
	return d
}

// ask waits for a verdict, within the site's deadline.
func (e *Engine) ask(n *note, obs *journey.Observation) (journey.Verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), n.site.Deadline)
	defer cancel()
	start := time.Now()
	v, err := n.judge.Submit(ctx, obs)
	n.folded = err == nil
	if e.cfg.Decision != nil {
		e.cfg.Decision(time.Since(start))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		e.missed.Add(1) // it is queued and will be recorded
	}
	return v, err
}

// act makes a verdict real.
func (e *Engine) act(x *wire.Exchange, n *note, v *journey.Verdict) wire.Decision {
	snap := n.rules.snap
	if v.Revision != snap.Revision {
		if s, ok := e.known.Load(v.Revision); ok {
			snap = s.(*policy.Snapshot)
		}
	}
	d, taken := action.Decide(snap, v, n.active, whyNot(x, n))
	n.taken = append(n.taken, taken...)
	for _, a := range taken {
		if a.Enforced {
			e.enforced.add(a.Name)
		}
	}
	return d
}

// responseHead learns session keys before the response's first byte leaves, and
// completes the Event when no body is still needed.
func (e *Engine) responseHead(x *wire.Exchange, n *note) {
	if n.done {
		return
	}
	complete := !n.resBody && !n.hold && (!n.ends || n.plan.Told(&x.Response)) && (n.opened || !n.reqBody || x.ReqBody.Seen)
	if complete {
		e.complete(x, n)
		return
	}
	if n.opened {
		return
	}
	learned := e.cfg.Capture.Learned(n.rules.snap, x)
	if len(learned) == 0 {
		return
	}
	obs := e.observeRequest(x, n)
	obs.Phase, obs.Learned = journey.PhaseRequest, append(obs.Learned, learned...)
	n.opened = true
	if n.judge.Observe(obs, true) != nil {
		n.done = true
	}
}

func (e *Engine) end(x *wire.Exchange, n *note) {
	if !n.done {
		e.complete(x, n)
	}
}

// complete observes the response, alone or together with the request. Whoever judges
// counts what is shed.
func (e *Engine) complete(x *wire.Exchange, n *note) {
	n.done = true
	switch {
	case n.opened:
		obs := e.base(x, n)
		obs.Phase, obs.Time = journey.PhaseResponse, x.RespTime
		if obs.Time == 0 {
			obs.Time = e.cfg.Clock()
		}
		taught := e.observeResponse(x, n, obs)
		obs.Enforced = n.taken
		_ = n.judge.Observe(obs, !n.folded || taught)
	case e.gather(x, n):
	case x.Mode == string(site.Mirror):
		obs, _ := e.whole(x, n)
		_ = n.judge.Mirror(obs)
	default:
		obs, taught := e.whole(x, n)
		_ = n.judge.Observe(obs, taught)
	}
}

// whyNot is why a verdict is not enforced.
func whyNot(x *wire.Exchange, n *note) string {
	if x.Mode == string(site.Active) && n.spec.PassThrough {
		return "the Spec is in pass-through mode"
	}
	return "the site is in " + x.Mode + " mode"
}

// Stats counts what the engine did since it started.
type Stats struct {
	Matched, Panics, Missed int64
	Enforced                map[string]int64 // by action name
}

// Stats may be called at any time.
func (e *Engine) Stats() Stats {
	return Stats{Matched: e.matched.Load(), Panics: e.panics.Load(), Missed: e.missed.Load(), Enforced: e.enforced.all()}
}

// counts is a small concurrent map of counters; its keys come from the policy.
type counts struct {
	mu sync.Mutex
	m  map[string]int64
}

func (c *counts) add(k string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]int64{}
	}
	c.m[k]++
}

func (c *counts) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int64, len(c.m))
	for k, v := range c.m {
		out[k] = v
	}
	return out
}
