package policy

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/throughline/throughline/internal/expr"
)

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// String renders file:line:col: field: what is wrong; what would be right.
func (f Fault) String() string {
	if f.Field == "" {
		return fmt.Sprintf("%s: %s; %s", f.Pos, f.Wrong, f.Right)
	}
	return fmt.Sprintf("%s: %s: %s; %s", f.Pos, f.Field, f.Wrong, f.Right)
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
	keys    []string
	vals    map[string]value
	taken   map[string]bool
	missing []lack
}

// lack is a field that must be there and is not. It is said at the end, since a
// misspelt field explains it already.
type lack struct{ key, right string }

// The YAML parser's time grows with the square of what nests, so that is bounded
// before it sees the text; a policy needs six levels.
const (
	maxDepth = 40   // brackets open at once
	maxMarks = 1000 // of - ? : & ! in one line, each of which may nest
)

// documents splits a file into its documents.
func documents(file, text string, f *faults) []mapping {
	text = strings.TrimPrefix(text, "\ufeff")
	switch line, deep := nesting(text); {
	case len(text) > maxFile:
		f.add(Pos{file, 1, 1}, "", fmt.Sprintf("has %d bytes", len(text)), "at most 1 MiB; split it")
		return nil
	case !utf8.ValidString(text):
		f.add(Pos{file, 1 + strings.Count(text[:invalidAt(text)], "\n"), 1}, "", "is not UTF-8", "save the file as UTF-8")
		return nil
	case deep:
		f.add(Pos{file, line, 1}, "", "nests too deep", fmt.Sprintf("at most %d brackets open at once, and %d of - ? : & ! in a line", maxDepth, maxMarks))
		return nil
	}
	parsed, fault := parse(file, text)
	if fault != nil {
		f.add(fault.Pos, "", fault.Wrong, fault.Right)
		return nil
	}
	var out []mapping
	for _, d := range parsed.Docs {
		switch d.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode, *ast.DirectiveNode:
			continue
		}
		if m, ok := (value{node: d.Body, pos: place(file, d.Body), f: f}).mapping("fields, the first of them kind: spec, label or another"); ok {
			out = append(out, m)
		}
	}
	return out
}

// parse answers a fault also for what the YAML parser itself stumbles over.
func parse(file, text string) (parsed *ast.File, fault *Fault) {
	defer func() {
		if v := recover(); v != nil {
			parsed, fault = nil, &Fault{Pos: Pos{file, 1, 1}, Wrong: fmt.Sprintf("not YAML: %v", v), Right: "well-formed YAML"}
		}
	}()
	parsed, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, col, what := yamlError(err)
		return nil, &Fault{Pos: Pos{file, line, col}, Wrong: "not YAML: " + what, Right: mend(what)}
	}
	return parsed, nil
}

// nesting finds the line that may nest too deep. It does not know texts from
// structure, and its bounds leave room for that.
func nesting(text string) (line int, deep bool) {
	line = 1
	brackets, marks := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '\n':
			line++
			marks = 0
		case '[', '{':
			brackets++
		case ']', '}':
			brackets = max(0, brackets-1)
		case '-', '?', '&', '!', ':':
			if i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\t' {
				marks++
			}
		}
		if brackets > maxDepth || marks > maxMarks {
			return line, true
		}
	}
	return line, false
}

func invalidAt(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return i
		}
	}
	return 0
}

// mend says how the usual slips of YAML are put right.
func mend(what string) string {
	switch {
	case strings.Contains(what, "'\t'"):
		return "spaces, never tabs, before a field"
	case strings.Contains(what, "end token"), strings.Contains(what, "must be specified"), strings.Contains(what, "flow map"):
		return `a closing bracket or comma; quotes around a text with brackets, e.g. "/orders/{id}"`
	case strings.Contains(what, "mapping value is not allowed"):
		return "field: value on a line of its own, indented like its neighbours; quotes around a text that holds a colon"
	case strings.Contains(what, "end character"), strings.Contains(what, "quoted"):
		return "a closing quote"
	case strings.Contains(what, "indentation"), strings.Contains(what, "non-map"):
		return "the same indentation for fields that belong together"
	}
	return "well-formed YAML, field: value; quotes around a text of special characters"
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
			continue
		}
		field := key
		if v.field != "" {
			field = v.field + "." + key
		}
		if _, twice := m.vals[key]; twice {
			m.f.add(pos, clip(field), "stands here twice", "keep one of them")
			continue
		}
		m.keys = append(m.keys, key)
		m.vals[key] = value{node: kv.Value, pos: pos, field: clip(field), f: v.f}
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
		m.missing = append(m.missing, lack{key, right})
		return value{}, false
	}
	return m.get(key)
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
	m.lacks(meant)
}

// lacks reports the missing fields, but for those meant by another.
func (m *mapping) lacks(meant map[string]bool) {
	for _, l := range m.missing {
		if meant[l.key] {
			continue
		}
		field := l.key
		if m.field != "" {
			field = m.field + "." + l.key
		}
		m.f.add(m.pos, field, "is missing", l.right)
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
	case *ast.NullNode:
		v.bad("is empty", "write one text or number")
		return "", false
	}
	if !v.indirect() {
		v.bad("is not a single text", "write one text or number; quotes around a text that begins with a bracket")
	}
	return "", false
}

func (v value) integer(low, high int) (int, bool) {
	right := fmt.Sprintf("write a number from %d to %d", low, high)
	if n, ok := v.node.(*ast.IntegerNode); ok {
		i, err := strconv.Atoi(n.GetToken().Value)
		if err == nil && i >= low && i <= high {
			return i, true
		}
		if err == nil {
			v.bad(fmt.Sprintf("%d is out of range", i), right)
			return 0, false
		}
	}
	if s, ok := v.node.(*ast.StringNode); ok {
		if _, err := strconv.Atoi(s.Value); err == nil {
			right += ", without quotes"
		}
	}
	v.bad("is no whole number", right)
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
func (v value) oneOf(words ...string) (string, bool) {
	s, ok := v.text()
	if !ok || slices.Contains(words, s) {
		return s, ok
	}
	right := "one of " + strings.Join(words, ", ")
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
