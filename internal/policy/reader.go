package policy

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/throughline/throughline/internal/expr"
)

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// String renders file:line:col: field: what is wrong; what would be right.
func (f Fault) String() string {
	if f.Field == "" {
		return oneLine(fmt.Sprintf("%s: %s; %s", f.Pos, f.Wrong, f.Right))
	}
	return oneLine(fmt.Sprintf("%s: %s: %s; %s", f.Pos, f.Field, f.Wrong, f.Right))
}

// oneLine writes out what would break a line or steer a terminal: the names of
// files and fields are anyone's.
func oneLine(s string) string {
	visible := func(r rune) bool { return unicode.IsGraphic(r) && r != '\u2028' && r != '\u2029' }
	if !strings.ContainsFunc(s, func(r rune) bool { return !visible(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if visible(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// maxFaults bounds what one Compile says.
const maxFaults = 1000

// faults collects everything that is wrong, so that it is said at once.
type faults struct{ list []Fault }

func (f *faults) full() bool { return len(f.list) >= maxFaults }

func (f *faults) add(pos Pos, field, wrong, right string) {
	if f.full() {
		return
	}
	f.list = append(f.list, Fault{Pos: pos, Field: field, Wrong: wrong, Right: right})
}

func (f *faults) sorted() []Fault {
	sort.SliceStable(f.list, func(i, j int) bool {
		a, b := f.list[i].Pos, f.list[j].Pos
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	return f.list
}

// value is one YAML value with its place and the path of fields to it.
type value struct {
	node  ast.Node
	pos   Pos
	field string
	f     *faults
}

func (v value) bad(wrong, right string) { v.f.add(v.pos, v.field, wrong, right) }

// mapping is a YAML mapping whose fields are taken one by one; what is left at
// the end is unknown.
type mapping struct {
	value
	keys   []string
	vals   map[string]value
	taken  map[string]bool
	lacks  []lack
	opaque bool // holds fields that can't be read, so that none is missing for sure
}

// lack is what is wrong because fields are not there. It is said at the end,
// since a misspelt field explains it already.
type lack struct {
	keys         []string
	at           value
	wrong, right string
}

// place is where a node begins; of fields on lines of their own, the first.
func place(file string, n ast.Node) Pos {
	t := n.GetToken()
	switch m := n.(type) {
	case *ast.MappingValueNode:
		t = m.Key.GetToken()
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			t = m.Values[0].Key.GetToken()
		}
	}
	p := Pos{File: file, Line: 1, Col: 1}
	if t != nil && t.Position != nil {
		p.Line, p.Col = t.Position.Line, t.Position.Column
	}
	return p
}

// indirect tells whether a node is written with YAML's anchors, aliases or tags,
// which a policy does without: what is read is what is written.
func (v value) indirect() bool {
	switch v.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		v.bad("is a YAML anchor, alias or tag", "write the value itself; quotes around a text that begins with &, * or !")
		return true
	}
	return false
}

func (v value) mapping(right string) (mapping, bool) {
	var values []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		if !v.indirect() {
			v.bad("is not a set of fields", right)
		}
		return mapping{}, false
	}
	m := mapping{value: v, vals: map[string]value{}, taken: map[string]bool{}}
	for _, kv := range values {
		pos := place(v.pos.File, kv.Key)
		var key string
		switch k := kv.Key.(type) {
		case *ast.StringNode:
			key = k.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			key = k.GetToken().Value
		default:
			m.f.add(pos, v.field, "has a field without a plain name", "write field: value lines, without anchors, tags or <<")
			m.opaque = true
			continue
		}
		field := within(v.field, key)
		if _, twice := m.vals[key]; twice {
			m.f.add(pos, field, "stands here twice", "keep one of them")
			continue
		}
		m.keys = append(m.keys, key)
		m.vals[key] = value{node: kv.Value, pos: pos, field: field, f: v.f}
	}
	return m, true
}

// get takes a field; ok is false when it is absent or holds nothing readable.
func (m *mapping) get(key string) (value, bool) {
	m.taken[key] = true
	v, ok := m.vals[key]
	if !ok || v.indirect() {
		return v, false
	}
	if _, null := v.node.(*ast.NullNode); null || v.node == nil {
		v.bad("is empty", "give it a value or leave it out")
		return v, false
	}
	return v, true
}

// need takes a field that must be there.
func (m *mapping) need(key, right string) (value, bool) {
	if _, ok := m.vals[key]; !ok {
		m.taken[key] = true
		at := m.value
		at.field = within(m.field, key)
		m.lack(at, "is missing", right, key)
		return value{}, false
	}
	return m.get(key)
}

// lack notes what is wrong unless a field that is misspelt is one of keys.
func (m *mapping) lack(at value, wrong, right string, keys ...string) {
	m.lacks = append(m.lacks, lack{keys, at, wrong, right})
}

// within is the path of a field.
func within(path, key string) string {
	if path == "" {
		return clip(key)
	}
	return clip(path + "." + key)
}

// done reports the fields nobody took, and those that are missing unless one of
// the former is meant to be them.
func (m *mapping) done() {
	known := make([]string, 0, len(m.taken))
	for k := range m.taken {
		known = append(known, k)
	}
	sort.Strings(known)
	meant := map[string]bool{}
	for _, k := range m.keys {
		if m.taken[k] {
			continue
		}
		var free []string // a field that stands here already is not meant
		for _, w := range known {
			if _, here := m.vals[w]; !here && !meant[w] {
				free = append(free, w)
			}
		}
		right := "known: " + strings.Join(known, ", ")
		if n, ok := near(k, free); ok {
			meant[n] = true
			right = "did you mean " + n + "? " + right
		}
		m.vals[k].bad("is no field here", right)
	}
	for _, l := range m.lacks {
		if !m.opaque && !slices.ContainsFunc(l.keys, func(k string) bool { return meant[k] }) {
			l.at.bad(l.wrong, l.right)
		}
	}
}

// kindless says that a document has no kind, or what was meant to be it.
func (m *mapping) kindless() {
	if m.opaque {
		return
	}
	for _, k := range m.keys {
		if _, ok := near(k, []string{"kind"}); ok {
			m.vals[k].bad("is no field here", "did you mean kind?")
			return
		}
	}
	m.bad("has no kind", "kind: spec, label, signature, workflow, action, list, rating, session or element")
}

// text reads a scalar as text: quoted or plain, numbers and booleans included.
func (v value) text() (string, bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		if t := n.GetToken(); t.Type == token.StringType && strings.Contains(strings.TrimSpace(t.Origin), "\t") {
			v.bad("holds a tab", "spaces, or quotes around the text") // the library would drop it
			return "", false
		}
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		v.bad("is empty", "write one text or number")
		return "", false
	}
	if !v.indirect() {
		v.bad("is not a single text", "write one text or number; quotes around a text that begins with a bracket")
	}
	return "", false
}

// scalar tells whether text reads the value without a fault.
func (v value) scalar() bool {
	switch v.node.(type) {
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return true
	}
	return false
}

func (v value) integer(low, high int) (int, bool) {
	return v.integerOf(low, high, fmt.Sprintf("write a number from %d to %d", low, high))
}

func (v value) integerOf(low, high int, right string) (int, bool) {
	if n, ok := v.node.(*ast.IntegerNode); ok {
		i, ok := number(n.GetToken().Value)
		switch {
		case !ok: // YAML's octal 010, 0x8, 0b1, 1_000
			v.bad(quote(n.GetToken().Value)+" is not plainly written", right+", without leading zeros or underscores")
		case i < low || i > high:
			v.bad(fmt.Sprintf("%d is out of range", i), right)
		default:
			return i, true
		}
		return 0, false
	}
	if s, ok := v.node.(*ast.StringNode); ok {
		if _, err := strconv.Atoi(s.Value); err == nil {
			right += ", without quotes"
		}
	}
	v.bad("is no whole number", right)
	return 0, false
}

// number reads a whole number that means the same to everyone: YAML takes 010
// for eight.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	digits := strings.TrimLeft(s, "+-")
	return n, err == nil && (digits == "0" || digits[0] != '0')
}

func (v value) boolean() bool {
	if n, ok := v.node.(*ast.BoolNode); ok {
		return n.Value
	}
	v.bad("is not true or false", "write true or false")
	return false
}

// list reads a sequence, or a single value as a list of one.
func (v value) list() []value {
	seq, ok := v.node.(*ast.SequenceNode)
	if !ok {
		return []value{v}
	}
	out := make([]value, 0, len(seq.Values))
	for i, n := range seq.Values {
		out = append(out, value{node: n, pos: place(v.pos.File, n), field: fmt.Sprintf("%s[%d]", v.field, i), f: v.f})
	}
	return out
}

// items reads a list that must hold something: an empty condition would mean
// the opposite of what it looks like.
func (v value) items(right string) []value {
	out := v.list()
	if len(out) == 0 {
		v.bad("is an empty list", right)
	}
	return out
}

// oneOf reads a text of a closed set.
func (v value) oneOf(words ...string) (string, bool) { return v.oneOfOr("", words...) }

// oneOfOr is oneOf where something that is no text may stand too.
func (v value) oneOfOr(other string, words ...string) (string, bool) {
	s, ok := v.text()
	if !ok || slices.Contains(words, s) {
		return s, ok
	}
	right := "one of " + strings.Join(words, ", ")
	if other != "" {
		right += " or " + other
	}
	if n, ok := near(s, words); ok {
		right = "did you mean " + n + "? " + right
	}
	v.bad(quote(s)+" is not known", right)
	return "", false
}

// near finds the word most like the one written, if one is alike.
func near(word string, words []string) (string, bool) {
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return w, true
		}
	}
	if len(word) < 3 { // anything is alike
		return "", false
	}
	return expr.Nearest(word, words)
}

// quote shows a text in a message, cut when it is long.
func quote(s string) string { return strconv.Quote(clip(s)) }

func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func isMapping(v value) bool {
	switch v.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}
