// Package inventory says what a deployment collects: of each site, Spec and Event
// type every Element, where it comes from, in what form it is kept, where and for
// how long, and what is sent anywhere. It is read off the compiled policy and the
// catalogue, so that it can't say other than what happens.
package inventory

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
)

// Config is what an inventory is made of.
type Config struct {
	Policy   *policy.Snapshot
	Sites    []*site.Site
	Enriched []string      // elements that enrichment adds to every Event
	Data     []Data        // what it adds them from
	Journal  time.Duration // how long the journal keeps entries
	Bound    string        // at which size it lets go of them earlier
	Events   time.Duration // how long the warehouse keeps Events
	Learning []string      // sites on which shapes of requests are learnt
	Keys     Connections   // which of them tell visitors apart
	Made     time.Time
}

// Connections says what of connections tells visitors apart.
type Connections struct {
	TLS     bool // TLS ends here, and a connection is one visitor's
	Tickets bool // the ID in its session ticket as well
}

// Data is a data file of enrichment.
type Data struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// Inventory is the answer.
type Inventory struct {
	Made       string     `json:"made"`
	Revision   string     `json:"policy_revision"`
	Sites      []Site     `json:"sites"`
	Specs      []Spec     `json:"specs"`
	Always     []Fact     `json:"every_event"`
	Enrichment Enrichment `json:"enrichment"`
	Keys       []Key      `json:"session_keys"`
	Rules      []Rule     `json:"rules"`
	Sends      []Send     `json:"sends"`
	Places     []Place    `json:"places"`
}

// Site is a site that is watched.
type Site struct {
	Name     string   `json:"name"`
	Hosts    []string `json:"hosts"`
	Mode     string   `json:"mode"`
	Learning bool     `json:"discovery"` // of shapes, never of values
}

// Spec is a kind of request of which something is collected.
type Spec struct {
	Name       string    `json:"name"`
	Key        string    `json:"key"`
	Type       string    `json:"event_type"`
	Sites      []string  `json:"sites"`
	Requests   string    `json:"requests"` // which it names
	Processing string    `json:"processing"`
	File       string    `json:"file"`
	Line       int       `json:"line"`
	Elements   []Element `json:"elements"`
}

// Element is one value that is collected.
type Element struct {
	ID          string `json:"element"`
	Name        string `json:"name"`
	Source      string `json:"source"`            // as the policy writes it
	Of          string `json:"of"`                // request, response, connection, or the element that it is made from
	Derived     bool   `json:"derived,omitempty"` // no source of its own
	Kind        string `json:"kind"`
	Sensitivity string `json:"sensitivity"`
	Entity      bool   `json:"entity"` // people and things are linked by it
	Form        string `json:"form"`
	Where       string `json:"where"`
	For         string `json:"for"`
}

// Fact is what every Event carries besides.
type Fact struct {
	What  string `json:"what"`
	Field string `json:"field"`
	Form  string `json:"form"`
	Where string `json:"where"`
}

// Enrichment is what is added from data on this machine. Nobody is asked.
type Enrichment struct {
	Elements []Element `json:"elements"`
	Data     []Data    `json:"data"`
}

// Key is something of a request that tells visitors apart.
type Key struct {
	Kind  string `json:"kind"` // one of journey.KeyKinds
	What  string `json:"what"`
	From  string `json:"from"` // requests, responses or connections
	Form  string `json:"form"`
	Where string `json:"where"`
}

// Rule is what is concluded from what is collected.
type Rule struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Kind     string   `json:"kind"` // label or signature
	Mode     string   `json:"mode"`
	Elements []string `json:"elements"` // whose history it looks at
}

// Send is something that leaves for somebody else.
type Send struct {
	Workflow string   `json:"workflow"`
	Action   string   `json:"action"`
	To       string   `json:"to"`
	What     []string `json:"what"`
	Mode     string   `json:"mode"`
}

// Place is where data rests, or does not.
type Place struct {
	Name  string `json:"place"`
	Holds string `json:"holds"`
	For   string `json:"for"`
}

// Forms in which values are kept.
const (
	Plain  = "plain"
	Masked = "plain, card numbers in it masked"
	Hashed = "keyed hash only"
)

const (
	everywhere = "journal, warehouse, Hub; logs and metrics never"
	inside     = "journal, judge; warehouse, Hub, logs and metrics never"
)

// New takes stock.
func New(c Config) Inventory {
	out := Inventory{Made: c.Made.UTC().Format(time.RFC3339), Revision: c.Policy.Revision, Sites: sites(c), Always: facts(),
		Keys: keys(c), Rules: rules(c.Policy), Sends: sends(c.Policy), Places: places(c)}
	for _, s := range c.Policy.Specs {
		out.Specs = append(out.Specs, spec(c, s))
	}
	slices.SortStableFunc(out.Specs, func(a, b Spec) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	out.Enrichment = Enrichment{Elements: enriched(c), Data: append([]Data{}, c.Data...)}
	return out
}

func sites(c Config) []Site {
	out := []Site{}
	for _, s := range c.Sites {
		out = append(out, Site{Name: s.Name, Hosts: s.Hosts, Mode: string(s.Mode), Learning: slices.Contains(c.Learning, s.Name)})
	}
	return out
}

func spec(c Config, s *policy.Spec) Spec {
	out := Spec{Name: s.Name, Key: s.Key, Type: string(s.Type), Sites: sitesOf(c.Sites, s), Requests: requests(&s.Match),
		Processing: "async", File: s.Pos.File, Line: s.Pos.Line, Elements: []Element{}}
	if s.Sync {
		out.Processing = "sync"
	}
	l := list{c: c, known: s.Elements}
	l.add("ip", "the connection, or who a trusted proxy says it speaks for", "connection")
	for i := range s.Request {
		l.add(s.Request[i].Element, s.Request[i].Text, "request")
	}
	l.addresses()
	for i := range s.Response {
		l.add(s.Response[i].Element, s.Response[i].Text, "response")
	}
	out.Elements = append(out.Elements, l.out...)
	return out
}

// list collects the Elements of a Spec.
type list struct {
	c     Config
	known *element.Set
	out   []Element
}

func (l *list) add(id, source, of string) {
	d, ok := l.known.Lookup(id)
	if !ok {
		return
	}
	l.out = append(l.out, row(l.c, d, source, of, false))
	for _, part := range d.PartIDs() {
		if p, ok := l.known.Lookup(part); ok {
			l.derive(p, "made from "+d.ID, d.ID)
		}
	}
}

// derive adds what has no source of its own, once.
func (l *list) derive(d element.Def, source, of string) {
	if !slices.ContainsFunc(l.out, func(e Element) bool { return e.ID == d.ID && e.Source == source }) {
		l.out = append(l.out, row(l.c, d, source, of, true))
	}
}

// addresses adds those that are made of their parts, where a street is among them.
func (l *list) addresses() {
	for _, g := range element.AddressGroups() {
		d, known := l.known.Lookup(g + "_address")
		if known && slices.ContainsFunc(l.out, func(e Element) bool { return e.ID == g+"_street" }) {
			l.derive(d, "made from "+g+"_street and what else of the address is there", g+"_street")
		}
	}
}

func row(c Config, d element.Def, source, of string, derived bool) Element {
	return Element{ID: d.ID, Name: d.Name, Source: source, Of: of, Derived: derived, Kind: string(d.Kind),
		Sensitivity: string(d.Sensitivity), Entity: d.Entity, Form: form(d), Where: everywhere, For: kept(c)}
}

func form(d element.Def) string {
	switch d.Storage() {
	case element.Hashed:
		return Hashed
	case element.Masked:
		return Masked
	}
	return Plain
}

func kept(c Config) string {
	return "journal " + span(c.Journal) + ", warehouse " + span(c.Events)
}

func enriched(c Config) []Element {
	out := []Element{}
	for _, id := range c.Enriched {
		if d, ok := c.Policy.Elements.Lookup(id); ok {
			out = append(out, row(c, d, "enrichment", "address or user agent", true))
		}
	}
	return out
}

// sitesOf names the sites whose requests a Spec can meet.
func sitesOf(all []*site.Site, s *policy.Spec) []string {
	out := []string{}
	for _, st := range all {
		if len(s.Match.Hosts) == 0 || slices.ContainsFunc(s.Match.Hosts, func(h string) bool {
			return slices.ContainsFunc(st.Hosts, func(o string) bool { return meet(h, o) })
		}) {
			out = append(out, st.Name)
		}
	}
	return out
}

// meet tells whether some host fits both patterns.
func meet(a, b string) bool {
	switch {
	case a == b, a == "*", b == "*":
		return true
	case strings.HasPrefix(a, "*.") && strings.HasPrefix(b, "*."):
		return strings.HasSuffix(a[1:], b[1:]) || strings.HasSuffix(b[1:], a[1:])
	case strings.HasPrefix(a, "*."):
		return strings.HasSuffix(b, a[1:])
	case strings.HasPrefix(b, "*."):
		return strings.HasSuffix(a, b[1:])
	}
	return false
}

// requests says in words which requests a Spec names.
func requests(m *policy.Match) string {
	var parts []string
	if len(m.Methods) > 0 {
		parts = append(parts, strings.Join(m.Methods, " or "))
	} else {
		parts = append(parts, "any method")
	}
	path := ""
	for _, s := range m.Path {
		switch {
		case s.Rest:
			path += "/**"
		case s.Any:
			path += "/*"
		case s.Name != "":
			path += "/{" + s.Name + "}"
		default:
			path += "/" + s.Literal
		}
	}
	if path == "" {
		path = "/"
	}
	parts = append(parts, path)
	if len(m.Hosts) > 0 {
		parts = append(parts, "at "+strings.Join(m.Hosts, " or "))
	}
	if len(m.ContentTypes) > 0 {
		parts = append(parts, "of type "+strings.Join(m.ContentTypes, " or "))
	}
	parts = append(parts, conditions("header", m.Headers)...)
	parts = append(parts, conditions("parameter", m.Query)...)
	if m.Accepts != "" {
		parts = append(parts, "asking for "+m.Accepts)
	}
	if m.GRPC != "" {
		parts = append(parts, "by gRPC, "+m.GRPC)
	}
	if g := m.GraphQL; g != nil {
		parts = append(parts, "by GraphQL, "+strings.Join(slices.Concat(g.Types, g.Operations, g.Fields, g.Hashes), " or "))
	}
	return strings.Join(parts, " ")
}

// conditions says which headers or parameters a request must have.
func conditions(what string, of map[string]string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if v := of[name]; v != "*" {
			name += ": " + v
		}
		out = append(out, "with "+what+" "+name)
	}
	return out
}

// rules lists what is concluded, and from whose history.
func rules(p *policy.Snapshot) []Rule {
	out := []Rule{}
	for _, l := range p.Labels {
		out = append(out, Rule{ID: l.ID, Title: l.Title, Kind: "label", Mode: string(l.Rollout.Mode), Elements: subjects(l)})
	}
	for _, g := range p.Signatures {
		out = append(out, Rule{ID: g.ID, Title: g.Title, Kind: "signature", Mode: string(g.Rollout.Mode), Elements: []string{}})
	}
	return out
}

// sends lists what workflows give to others.
func sends(p *policy.Snapshot) []Send {
	out := []Send{}
	for _, w := range p.Workflows {
		for _, name := range w.Do {
			a := p.Actions[name]
			if a == nil {
				continue
			}
			s := Send{Workflow: w.Name, Action: a.Name, Mode: string(w.Rollout.Mode), What: []string{}}
			switch a.Type {
			case journey.ActionTag:
				s.To, s.What = "the origin, in the header "+a.Header, placeholders(a.Value)
			case journey.ActionRedirect:
				s.To, s.What = "the visitor, to "+a.Location, []string{"nothing of what is collected"}
			default:
				s.To, s.What = "the visitor", []string{"nothing of what is collected"}
			}
			out = append(out, s)
		}
	}
	return out
}

// placeholders are what a tag's value is filled with.
func placeholders(value string) []string {
	out := []string{}
	for rest := value; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			break
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok {
			break
		}
		out, rest = append(out, name), tail
	}
	if len(out) == 0 {
		out = append(out, "a fixed text")
	}
	return out
}
