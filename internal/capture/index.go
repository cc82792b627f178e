package capture

import (
	"math"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Index finds the most specific Spec of a request. It is immutable and built once
// for a policy revision, as a tree of decisions: path segments, then host, method,
// and one exact header or query value; only what is left is tried one by one.
type Index struct {
	root  *node
	first *firsts
	plans []*Plan // most specific first
}

// node is a place in the tree of paths.
type node struct {
	literal map[string]*node
	open    *node  // {name} or *
	end     *hosts // Specs whose path ends here
	rest    *hosts // Specs that take whatever follows
}

type hosts struct {
	exact map[string]*methods
	below map[string]*methods // by what follows the * of *.shop.example
	any   *methods
}

type methods struct {
	named map[string]*leaf
	any   *leaf
}

// leaf holds the Specs of one path, host and method.
type leaf struct {
	plain   []ranked // in order
	keyed   []keyed
	graphql *operations
}

// keyed holds Specs that ask for an exact value of one header or query parameter.
type keyed struct {
	header bool
	name   string
	values map[string][]ranked
}

// operations holds Specs with a GraphQL condition by what it names.
type operations struct {
	first       int // the lowest rank of them
	wants       Wants
	byHash      map[string][]ranked
	byOperation map[string][]ranked
	byField     map[string][]ranked
	byType      []ranked
}

// ranked is a Spec with its place in the order of specificity.
type ranked struct {
	rank int
	plan *Plan
}

// NewIndex takes Specs in order of specificity.
func NewIndex(specs []*policy.Spec) *Index {
	x := &Index{root: &node{}, plans: make([]*Plan, len(specs))}
	for i, s := range specs {
		p := NewPlan(s)
		x.plans[i] = p
		at, open := x.root, len(s.Match.Path) == 0
		for _, seg := range p.path {
			switch {
			case seg.Rest:
				open = true
			case seg.Literal != "":
				if at.literal == nil {
					at.literal = map[string]*node{}
				}
				if at.literal[seg.Literal] == nil {
					at.literal[seg.Literal] = &node{}
				}
				at = at.literal[seg.Literal]
			default:
				if at.open == nil {
					at.open = &node{}
				}
				at = at.open
			}
		}
		list := &at.end
		if open {
			list = &at.rest
		}
		if *list == nil {
			*list = &hosts{}
		}
		(*list).add(ranked{i, p})
	}
	x.first = newFirsts(x.root)
	return x
}

func (h *hosts) add(r ranked) {
	in := func(m *map[string]*methods, key string) {
		if *m == nil {
			*m = map[string]*methods{}
		}
		if (*m)[key] == nil {
			(*m)[key] = &methods{}
		}
		(*m)[key].add(r)
	}
	for _, name := range r.plan.Spec.Match.Hosts {
		if suffix, wild := strings.CutPrefix(name, "*."); wild {
			in(&h.below, suffix)
		} else {
			in(&h.exact, name)
		}
	}
	if len(r.plan.Spec.Match.Hosts) == 0 {
		if h.any == nil {
			h.any = &methods{}
		}
		h.any.add(r)
	}
}

func (m *methods) add(r ranked) {
	for _, name := range r.plan.Spec.Match.Methods {
		if m.named == nil {
			m.named = map[string]*leaf{}
		}
		if m.named[name] == nil {
			m.named[name] = &leaf{}
		}
		m.named[name].add(r)
	}
	if len(r.plan.Spec.Match.Methods) == 0 {
		if m.any == nil {
			m.any = &leaf{}
		}
		m.any.add(r)
	}
}

func (l *leaf) add(r ranked) {
	if r.plan.Spec.Match.GraphQL != nil {
		if l.graphql == nil {
			l.graphql = &operations{first: math.MaxInt}
		}
		l.graphql.add(r)
		return
	}
	for _, c := range r.plan.query {
		if c.want != "*" {
			l.key(false, c, r)
			return
		}
	}
	for _, c := range r.plan.headers {
		if c.want != "*" {
			l.key(true, c, r)
			return
		}
	}
	l.plain = append(l.plain, r)
}

func (l *leaf) key(header bool, c condition, r ranked) {
	for i := range l.keyed {
		if k := &l.keyed[i]; k.header == header && (k.name == c.name || header && strings.EqualFold(k.name, c.name)) {
			k.values[c.want] = append(k.values[c.want], r)
			return
		}
	}
	l.keyed = append(l.keyed, keyed{header, c.name, map[string][]ranked{c.want: {r}}})
}

func (o *operations) add(r ranked) {
	o.first = min(o.first, r.rank)
	o.wants.Add(r.plan)
	in := func(m *map[string][]ranked, keys []string) {
		if *m == nil {
			*m = map[string][]ranked{}
		}
		for _, k := range keys {
			(*m)[k] = append((*m)[k], r)
		}
	}
	switch g := r.plan.Spec.Match.GraphQL; {
	case len(g.Hashes) > 0:
		in(&o.byHash, g.Hashes)
	case len(g.Operations) > 0:
		in(&o.byOperation, g.Operations)
	case len(g.Fields) > 0:
		in(&o.byField, g.Fields)
	default:
		o.byType = append(o.byType, r)
	}
}

// Wants is what the exchange must be asked for before its Spec is known: the most
// that any of the Specs in question asks for.
type Wants struct {
	Sync     bool // one of them is
	Response bool // one of them reads the response body
	Trailers bool // one of them looks at what is behind it
	Refuse   bool // one refuses bodies that are too long
	MaxBody  int
}

// Add takes what another Spec in question asks for.
func (w *Wants) Add(p *Plan) {
	_, response := p.Needs()
	w.with(Wants{p.Spec.Sync, response, p.trailers, p.Spec.Sync && p.Spec.Oversize == "refuse", p.Spec.MaxBody})
}

func (w *Wants) with(o Wants) {
	w.Sync, w.Response, w.Trailers, w.Refuse = w.Sync || o.Sync, w.Response || o.Response, w.Trailers || o.Trailers, w.Refuse || o.Refuse
	w.MaxBody = max(w.MaxBody, o.MaxBody)
}

// Found is what a request's head decides.
type Found struct {
	// Plan is the most specific Spec that the head decides, nil if none does.
	Plan *Plan
	// Open says that more specific ones may match: their GraphQL operation stands
	// in the body. Once that is there, Resolve tells.
	Open  bool
	Wants Wants // of the Open ones
}

// Match finds what a head decides. It allocates nothing unless the path or a
// query is spelt oddly.
func (x *Index) Match(head *wire.Head) Found {
	path, query := resource(head)
	s := search{head: head, query: query, open: math.MaxInt}
	s.host = host(head.Host)
	s.paths(x.root, strings.TrimSuffix(strings.TrimPrefix(canonical(path), "/"), "/"))
	found := Found{Plan: s.best.plan, Open: s.open < math.MaxInt && (s.best.plan == nil || s.open < s.best.rank)}
	if found.Open {
		found.Wants = s.wants
	}
	return found
}

// search is one request on its way through the tree.
type search struct {
	head        *wire.Head
	host, query string
	best        ranked
	open        int // the lowest rank of those that a body decides
	wants       Wants
	known       bool // ops is what the body says
	ops         []operation
}

func (s *search) paths(n *node, rest string) {
	if n.rest != nil {
		s.hosts(n.rest)
	}
	if rest == "" {
		if n.end != nil {
			s.hosts(n.end)
		}
		return
	}
	part, after, _ := strings.Cut(rest, "/")
	if c := n.literal[part]; c != nil {
		s.paths(c, after)
	}
	if n.open != nil {
		s.paths(n.open, after)
	}
}

func (s *search) hosts(h *hosts) {
	if m := h.exact[s.host]; m != nil {
		s.methods(m)
	}
	for rest := s.host; h.below != nil; {
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			break
		}
		if rest = rest[i+1:]; i > 0 || len(rest)+1 < len(s.host) {
			if m := h.below[rest]; m != nil {
				s.methods(m)
			}
		}
	}
	if h.any != nil {
		s.methods(h.any)
	}
}

func (s *search) methods(m *methods) {
	if l := m.named[s.head.Method]; l != nil {
		s.leaf(l)
	}
	if m.any != nil {
		s.leaf(m.any)
	}
}

func (s *search) leaf(l *leaf) {
	s.list(l.plain)
	for i := range l.keyed {
		k := &l.keyed[i]
		if !k.header {
			for rest := s.query; rest != ""; {
				var pair string
				pair, rest, _ = strings.Cut(rest, "&")
				if f := pairValue(pair, k.name, maxValue); f.ok {
					s.list(k.values[f.text])
				}
			}
			continue
		}
		for j := range s.head.Fields {
			if f := &s.head.Fields[j]; strings.EqualFold(f.Name, k.name) {
				s.list(k.values[f.Value])
			}
		}
	}
	if g := l.graphql; g != nil {
		if s.known {
			s.operations(g)
		} else {
			s.open = min(s.open, g.first)
			s.wants.with(g.wants)
		}
	}
}

// list tries Specs in order until one holds or none can be better.
func (s *search) list(all []ranked) {
	for _, r := range all {
		if s.best.plan != nil && r.rank >= s.best.rank {
			return
		}
		if r.plan.holds(s.head, s.query) {
			s.best = r
			return
		}
	}
}

func (s *search) operations(g *operations) {
	for i := range s.ops {
		op := &s.ops[i]
		s.listOf(g.byHash[op.hash], op)
		s.listOf(g.byOperation[op.name], op)
		s.listOf(g.byType, op)
		for _, f := range op.fields {
			s.listOf(g.byField[f], op)
		}
	}
}

func (s *search) listOf(all []ranked, op *operation) {
	for _, r := range all {
		if s.best.plan != nil && r.rank >= s.best.rank {
			return
		}
		if op.is(r.plan.Spec.Match.GraphQL) && r.plan.holds(s.head, s.query) {
			s.best = r
			return
		}
	}
}

// Resolve finds the most specific Spec of a request whose body is there, as much
// of it as is read. It is asked only when Match leaves it open.
func (c *Capturer) Resolve(x *Index, head *wire.Head, body *wire.Body) *Plan {
	path, query := resource(head)
	s := search{head: head, query: query, host: host(head.Host), known: true}
	s.ops = c.operations(head, query, body)
	s.paths(x.root, strings.TrimSuffix(strings.TrimPrefix(canonical(path), "/"), "/"))
	return s.best.plan
}

// May tells whether a request may be meant for one of the Specs that which names,
// going by what is plain: path, host, method. It is asked when finding the Spec
// has panicked, so one that can't even be asked may be.
func (x *Index) May(head *wire.Head, which func(*policy.Spec) bool) bool {
	return slices.ContainsFunc(x.plans, func(p *Plan) bool { return which(p.Spec) && p.may(head) })
}

func (p *Plan) may(head *wire.Head) (may bool) {
	defer func() {
		if recover() != nil {
			may = true
		}
	}()
	m := &p.Spec.Match
	path, _ := resource(head)
	return (len(m.Methods) == 0 || slices.Contains(m.Methods, head.Method)) &&
		(len(m.Hosts) == 0 || matchHost(m.Hosts, host(head.Host))) &&
		(len(m.Path) == 0 || matchPath(p.path, canonical(path)))
}
