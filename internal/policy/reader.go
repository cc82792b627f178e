package policy

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// String renders file:line:col: field: what is wrong; what would be right.
func (f Fault) String() string {
	if f.Field == "" {
		return fmt.Sprintf("%s: %s; %s", f.Pos, f.Wrong, f.Right)
	}
	return fmt.Sprintf("%s: %s: %s; %s", f.Pos, f.Field, f.Wrong, f.Right)
}

// faults collects everything that is wrong, so that it is said at once.
type faults struct{ list []Fault }

func (f *faults) add(pos Pos, field, wrong, right string) {
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
	keys  []string
	vals  map[string]value
	taken map[string]bool
}

// documents splits a file into its documents.
func documents(file, text string, f *faults) []mapping {
	parsed, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		line, col, what := yamlError(err)
		f.add(Pos{file, line, col}, "", "not YAML: "+what, "well-formed YAML")
		return nil
	}
	var out []mapping
	for _, d := range parsed.Docs {
		if d.Body == nil {
			continue
		}
		if _, empty := d.Body.(*ast.NullNode); empty {
			continue
		}
		if _, note := d.Body.(*ast.CommentGroupNode); note {
			continue
		}
		v := value{node: d.Body, pos: place(file, d.Body), f: f}
		if m, ok := v.mapping(); ok {
			out = append(out, m)
		}
	}
	return out
}

func yamlError(err error) (line, col int, what string) {
	line, col = 1, 1
	what, _, _ = strings.Cut(err.Error(), "\n")
	if rest, ok := strings.CutPrefix(what, "["); ok {
		if at, msg, ok := strings.Cut(rest, "] "); ok {
			if l, c, ok := strings.Cut(at, ":"); ok {
				if n, err := strconv.Atoi(l); err == nil {
					line = n
				}
				if n, err := strconv.Atoi(c); err == nil {
					col = n
				}
			}
			what = msg
		}
	}
	return line, col, what
}

func place(file string, n ast.Node) Pos {
	p := Pos{File: file, Line: 1, Col: 1}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Col = t.Position.Line, t.Position.Column
	}
	return p
}

func (v value) mapping() (mapping, bool) {
	var values []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		v.bad("is not a set of fields", "write field: value lines")
		return mapping{}, false
	}
	m := mapping{value: v, vals: map[string]value{}, taken: map[string]bool{}}
	for _, kv := range values {
		key := kv.Key.GetToken().Value
		field := key
		if v.field != "" {
			field = v.field + "." + key
		}
		pos := place(v.pos.File, kv.Key)
		if _, twice := m.vals[key]; twice {
			v.f.add(pos, field, "stands here twice", "keep one of them")
			continue
		}
		m.keys = append(m.keys, key)
		m.vals[key] = value{node: kv.Value, pos: pos, field: field, f: v.f}
	}
	return m, true
}

// get takes a field; ok is false when it is absent or null.
func (m *mapping) get(key string) (value, bool) {
	m.taken[key] = true
	v, ok := m.vals[key]
	if ok {
		if _, null := v.node.(*ast.NullNode); null {
			v.bad("is empty", "give it a value or leave it out")
			return v, false
		}
	}
	return v, ok
}

// need takes a field that must be there.
func (m *mapping) need(key, right string) (value, bool) {
	if _, ok := m.vals[key]; !ok {
		m.taken[key] = true
		field := key
		if m.field != "" {
			field = m.field + "." + key
		}
		m.f.add(m.pos, field, "is missing", right)
		return value{}, false
	}
	return m.get(key)
}

// done reports the fields nobody took.
func (m *mapping) done() {
	var known []string
	for k := range m.taken {
		known = append(known, k)
	}
	sort.Strings(known)
	for _, k := range m.keys {
		if !m.taken[k] {
			m.vals[k].bad("is no field here", "did you mean "+nearest(k, known)+"? known: "+strings.Join(known, ", "))
		}
	}
}

// text reads a scalar as text: quoted or plain, numbers and booleans included.
func (v value) text() (string, bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	v.bad("is not a single text", "write one text or number")
	return "", false
}

func (v value) integer(low, high int) (int, bool) {
	if n, ok := v.node.(*ast.IntegerNode); ok {
		if i, err := strconv.Atoi(n.GetToken().Value); err == nil && i >= low && i <= high {
			return i, true
		}
	}
	v.bad("is no whole number in range", fmt.Sprintf("write a number from %d to %d", low, high))
	return 0, false
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

func (v value) texts() []string {
	var out []string
	for _, item := range v.list() {
		if s, ok := item.text(); ok {
			out = append(out, s)
		}
	}
	return out
}

// oneOf reads a text of a closed set.
func (v value) oneOf(words ...string) (string, bool) {
	s, ok := v.text()
	if !ok {
		return "", false
	}
	for _, w := range words {
		if w == s {
			return s, true
		}
	}
	v.bad(fmt.Sprintf("%q is not known", s), "did you mean "+nearest(s, words)+"? one of "+strings.Join(words, ", "))
	return "", false
}

func nearest(word string, words []string) string {
	best, dist := "", 1<<30
	for _, w := range words {
		if d := distance(word, w); d < dist {
			best, dist = w, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			prev, row[j] = row[j], min(row[j]+1, row[j-1]+1, prev+cost)
		}
	}
	return row[len(b)]
}

func isMapping(v value) bool {
	switch v.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}
