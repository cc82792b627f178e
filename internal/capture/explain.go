package capture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// maxNear is how many Specs that nearly match are told of.
const maxNear = 10

// Explanation is why a Spec matches a request, or why it nearly does.
type Explanation struct {
	Spec *policy.Spec
	// Holds are the conditions that hold, Fails those that do not.
	Holds, Fails []string
	// First is why the Spec is tried before the next one that matches too.
	First string
}

// Explain tells which Specs match a request, in their order, the first of which
// becomes its Event; and which only one condition keeps from it.
func (c *Capturer) Explain(x *Index, head *wire.Head, body *wire.Body) (matching, near []Explanation) {
	path, query := resource(head)
	q := question{head: head, path: canonical(path), query: query}
	for _, p := range x.plans {
		if p.Spec.Match.GraphQL != nil {
			q.ops = c.operations(head, query, body)
			break
		}
	}
	for _, p := range x.plans {
		e, alike := q.explain(p)
		switch {
		case len(e.Fails) == 0:
			matching = append(matching, e)
		case len(e.Fails) == 1 && alike && len(e.Holds)+len(p.path) > 0 && len(near) < maxNear:
			near = append(near, e)
		}
	}
	for i := range matching[:max(0, len(matching)-1)] {
		matching[i].First, _ = policy.Precedes(matching[i].Spec, matching[i+1].Spec)
	}
	return matching, near
}

type question struct {
	head        *wire.Head
	path, query string
	ops         []operation
}

// explain goes through a Spec's conditions. alike tells that its path holds, or is
// so like the request's that it may be a slip.
func (q *question) explain(p *Plan) (e Explanation, alike bool) {
	e.Spec = p.Spec
	m := &p.Spec.Match
	say := func(ok bool, holds, fails string) {
		if ok {
			e.Holds = append(e.Holds, holds)
		} else {
			e.Fails = append(e.Fails, fails)
		}
	}
	alike = true
	if len(m.Path) > 0 {
		pattern := m.Pattern()
		ok := matchPath(p.path, q.path)
		alike = ok || nearPath(p.path, q.path)
		say(ok, fmt.Sprintf("path %s fits %s", q.path, pattern), fmt.Sprintf("path: %s does not fit %s", q.path, pattern))
	}
	if len(m.Hosts) > 0 {
		want := strings.Join(m.Hosts, " or ")
		say(matchHost(m.Hosts, q.head.Host), "host "+q.head.Host+" is "+want, "host: "+or(q.head.Host, "none")+" is not "+want)
	}
	if len(m.Methods) > 0 {
		want := strings.Join(m.Methods, " or ")
		say(slices.Contains(m.Methods, q.head.Method), "method is "+q.head.Method, "method: "+q.head.Method+" is not "+want)
	}
	kind := or(media(q.head.Get("Content-Type")), "none")
	if len(m.ContentTypes) > 0 {
		say(anyMedia(q.head, m.ContentTypes), "content_type is "+kind, "content_type: "+kind+" is not "+strings.Join(m.ContentTypes, " or "))
	}
	if m.GRPC != "" {
		say(isGRPC(q.head), "content type "+kind+" is gRPC", "grpc: content type "+kind+" is not application/grpc or application/grpc-web")
	}
	if m.Accepts != "" {
		say(anyAccepts(q.head, m.Accepts), "accept names "+m.Accepts, "accept: "+or(q.head.Get("Accept"), "none")+" does not name "+m.Accepts)
	}
	for _, h := range p.headers {
		say(hasField(q.head, h.name, h.want), "header "+h.name+" is "+wanted(h.want), "header."+h.name+": is not "+wanted(h.want))
	}
	for _, h := range p.query {
		say(hasParameter(q.query, h.name, h.want), "query "+h.name+" is "+wanted(h.want), "query."+h.name+": is not "+wanted(h.want))
	}
	if m.GraphQL != nil {
		holds := slices.ContainsFunc(q.ops, func(o operation) bool { return o.is(m.GraphQL) })
		say(holds, "graphql operation is "+q.operations(), "graphql: "+or(q.operations(), "no operation")+" is not the one asked for")
	}
	return e, alike
}

func wanted(s string) string {
	if s == "*" {
		return "there"
	}
	return fmt.Sprintf("%q", s)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// operations says what a request asks for.
func (q *question) operations() string {
	var out []string
	for i := range q.ops {
		o := &q.ops[i]
		said := []string{o.kind, o.name, "{" + strings.Join(o.fields, " ") + "}"}
		out = append(out, strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" || s == "{}" }), " "))
		if i == 4 {
			break
		}
	}
	return strings.Join(out, ", ")
}

// nearPath tells of a path that differs in letter case alone, or in one segment of
// at least two.
func nearPath(pattern []policy.Segment, path string) bool {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if len(segments) != len(pattern) {
		return false
	}
	differ, other := 0, 0
	for i, s := range pattern {
		switch {
		case s.Rest || s.Literal == "" || s.Literal == segments[i]:
		case strings.EqualFold(s.Literal, segments[i]):
			differ++
		default:
			differ++
			other++
		}
	}
	return other == 0 || differ == 1 && len(pattern) > 1
}
