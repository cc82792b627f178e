package policy

import (
	"regexp"
	"slices"
)

// names are what documents call themselves, per kind. It also knows what may be
// a name, so that a document that can't be read is one fault and not one more
// for each document that refers to it.
type names struct {
	defined  map[string]map[string]Pos // by kind
	likely   map[string]bool           // of whatever kind: names in what could not be read
	nameless map[string]bool           // kinds of which a document has no readable name
	lost     bool                      // something may define anything
}

func newNames() *names {
	return &names{defined: map[string]map[string]Pos{}, likely: map[string]bool{}, nameless: map[string]bool{}}
}

// define adds a name, unless it is there: then it answers where.
func (n *names) define(kind, name string, at Pos) (first Pos, twice bool) {
	if first, twice = n.defined[kind][name]; twice {
		return first, true
	}
	if n.defined[kind] == nil {
		n.defined[kind] = map[string]Pos{}
	}
	n.defined[kind][name] = at
	return at, false
}

// has tells whether a name is defined, or may be.
func (n *names) has(kind, name string) bool {
	_, ok := n.defined[kind][name]
	return ok || n.likely[name] || n.open(kind)
}

// open tells whether any name of the kind may be defined.
func (n *names) open(kind string) bool { return n.lost || n.nameless[kind] }

// known lists the names defined for a kind, sorted.
func (n *names) known(kind string) []string { return sortedKeys(n.defined[kind]) }

// uncertain lists the names that may be of any kind, sorted.
func (n *names) uncertain() []string { return sortedKeys(n.likely) }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var namesInText = regexp.MustCompile(`\b(?:id|name)["']?\s*:\s*["']?([a-z0-9_-]{1,64})`)

// maybe takes the names out of a file that can't be parsed.
func (n *names) maybe(text string) {
	if len(text) > maxFile { // not looked at
		n.lost = true
		return
	}
	for _, m := range namesInText.FindAllStringSubmatch(text, -1) {
		n.likely[m[1]] = true
	}
}

// unclear takes the name out of a document whose kind is not known.
func (n *names) unclear(m mapping) {
	found := false
	for _, key := range []string{"id", "name"} {
		if v, ok := m.vals[key]; ok && v.scalar() {
			s, _ := v.text()
			n.likely[s], found = true, true
		}
	}
	n.lost = n.lost || !found
}
