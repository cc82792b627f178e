package capture

import (
	"maps"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Plan is a Spec made ready: what it looks for is sorted by where it stands, so
// that each part of an exchange is read once. Immutable; made once per revision.
type Plan struct {
	Spec     *policy.Spec
	ip       *element.Def
	path     []policy.Segment // in canonical form
	headers  []condition
	query    []condition
	request  side
	response side
	outcome  []verdict
	trailers bool     // of the response are looked at
	lends    []string // elements of the request by which values of the response are read
	// Where tokens stand that tell visitors apart.
	requestTokens, responseTokens side
}

// condition is a name with the exact value it must have, or "*".
type condition struct{ name, want string }

// side is what is read of one direction. A slot is the place of a mapping in maps.
type side struct {
	maps      []policy.Mapping
	defs      []*element.Def // by slot
	steps     [][]step       // by slot
	context   [][]string     // by slot: the elements by which its value is read, of those that the Spec maps
	waits     []bool         // by slot: it is read last, by its context
	late      []int          // the slots that wait
	addresses []string       // groups of which a part is mapped
	trees     []*jsonNode    // by slot: of GraphQL variables and arguments
	json      *jsonNode
	ndjson    *jsonNode
	form      map[string][]int // slots by name
	query     map[string][]int
	parts     map[string][]int // of a multipart body, fields and files
	xml       []xmlTarget
	html      htmlTargets
	proto     *protoNode
	graphql   bool
	grpc      bool // how its call ended is asked for
	trailers  bool // fields behind the body are
	body      bool // any of them reads the body
}

// verdict is an outcome rule made ready.
type verdict struct {
	*policy.OutcomeRule
	headers  []condition
	trailers []condition
	web      bool // they may stand in the body, as those of gRPC-web
	json     *jsonNode
	xml      []xmlTarget
}

// NewPlan makes a Spec ready.
func NewPlan(s *policy.Spec) *Plan {
	p := &Plan{Spec: s, path: compilePath(s.Match.Path), headers: conditions(s.Match.Headers), query: conditions(s.Match.Query)}
	p.ip = definition(s.Elements, "ip")
	p.request, p.response = newSide(s, s.Request), newSide(s, s.Response)
	p.requestTokens, p.responseTokens = newSide(s, s.RequestTokens), newSide(s, s.ResponseTokens)
	given := p.request.gives(nil)
	p.request.readBy(given)
	p.response.readBy(p.response.gives(given))
	p.lends = p.response.contexts(given)
	for i := range s.Outcome {
		r := &s.Outcome[i]
		v := verdict{OutcomeRule: r, headers: conditions(r.Headers), trailers: conditions(r.Trailers), web: s.Match.GRPC != ""}
		for k, j := range r.JSON {
			v.json = v.json.add(j.Path, k)
		}
		v.json.finish()
		for k, j := range r.XML {
			v.xml = append(v.xml, xmlTarget{j.Path, k})
		}
		p.trailers = p.trailers || v.trailers != nil || len(r.GRPC) > 0
		p.outcome = append(p.outcome, v)
	}
	p.trailers = p.trailers || p.response.trailers || s.Match.GRPC != "" // whose outcome they tell
	return p
}

func conditions(m map[string]string) []condition {
	var out []condition
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, condition{name, m[name]})
	}
	return out
}

// definition is an element of a policy, nil when there is none of that name.
func definition(set *element.Set, id string) *element.Def {
	return set.Find(id)
}

func newSide(spec *policy.Spec, all []policy.Mapping) side {
	set, web := spec.Elements, spec.Match.GRPC != ""
	s := side{maps: all, defs: make([]*element.Def, len(all)), steps: make([][]step, len(all)), trees: make([]*jsonNode, len(all))}
	name := func(in *map[string][]int, name string, slot int) {
		if *in == nil {
			*in = map[string][]int{}
		}
		(*in)[name] = append((*in)[name], slot)
	}
	for i := range all {
		m := &all[i]
		s.defs[i], s.steps[i] = definition(set, m.Element), compileSteps(m.Steps)
		switch m.Source {
		case policy.SourceJSON:
			s.json = s.json.add(m.Path, i)
		case policy.SourceNDJSON: // every line is an item
			s.ndjson = s.ndjson.add(append([]string{"[*]"}, m.Path...), i)
		case policy.SourceForm:
			name(&s.form, m.Name, i)
		case policy.SourceQuery:
			name(&s.query, m.Name, i)
		case policy.SourceMultipart, policy.SourceFile:
			name(&s.parts, m.Name, i)
		case policy.SourceXML:
			s.xml = append(s.xml, xmlTarget{m.Path, i})
		case policy.SourceHTML:
			s.html.add(m.Part, m.Name, i)
		case policy.SourceProtobuf:
			s.proto = s.proto.add(m.Path, i)
		case policy.SourceGraphQL:
			s.graphql = true
			if len(m.Path) > 0 {
				s.trees[i] = s.trees[i].add(m.Path, 0)
				s.trees[i].finish()
			}
		case policy.SourceGRPC:
			s.grpc = s.grpc || m.Name == "status" || m.Name == "message"
			s.trailers = s.trailers || s.grpc
		case policy.SourceTrailer:
			s.grpc, s.trailers = s.grpc || web, true // those of gRPC-web stand in its body
		}
	}
	for _, group := range element.AddressGroups() {
		if slices.ContainsFunc(all, func(m policy.Mapping) bool { return strings.HasPrefix(m.Element, group+"_") }) {
			s.addresses = append(s.addresses, group)
		}
	}
	s.json.finish()
	s.ndjson.finish()
	s.body = s.json != nil || s.ndjson != nil || s.form != nil || s.parts != nil || s.xml != nil || s.html.any || s.proto != nil || s.graphql || s.grpc
	return s
}

// Needs tells which bodies a Plan reads.
func (p *Plan) Needs() (request, response bool) {
	response = p.response.body || p.responseTokens.body
	for i := range p.outcome {
		response = response || p.outcome[i].readsBody()
	}
	return p.request.body || p.requestTokens.body, response
}

// Trailers tells whether a Plan looks at the fields behind a response's body.
func (p *Plan) Trailers() bool { return p.trailers }

// Told tells whether a response's head says all that trailers would: a call of gRPC
// that ends with it.
func (p *Plan) Told(response *wire.Head) bool {
	return !p.trailers || p.Spec.Match.GRPC != "" && response.Get("grpc-status") != ""
}

func (v *verdict) readsBody() bool {
	return v.BodyHas != "" || v.json != nil || v.xml != nil || len(v.GRPC) > 0 || v.web && v.trailers != nil
}

// host returns a host name as it is compared: the root's dot names the same.
func host(s string) string { return strings.TrimSuffix(s, ".") }
