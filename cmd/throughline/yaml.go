package main

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// fault is one thing wrong with a file, at its place.
type fault struct {
	file                string
	line, col           int
	field, wrong, right string
}

func (f fault) String() string {
	place := f.file
	if f.line > 0 {
		place = fmt.Sprintf("%s:%d:%d", f.file, f.line, f.col)
	}
	if f.field != "" {
		place += ": " + f.field
	}
	return fmt.Sprintf("%s: %s; want %s", place, f.wrong, f.right)
}

// faultsError joins faults into one error, a line each.
func faultsError(faults []fault) error {
	if len(faults) == 0 {
		return nil
	}
	sort.SliceStable(faults, func(i, j int) bool { return faults[i].line < faults[j].line })
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = f.String()
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

// document remembers where each field of a YAML file stands.
type document struct {
	file string
	at   map[string][2]int
}

func (d document) fault(field, wrong, right string) fault {
	f := fault{file: d.file, field: field, wrong: wrong, right: right}
	for path := field; ; {
		if p, ok := d.at[path]; ok {
			f.line, f.col = p[0], p[1]
			return f
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			f.line, f.col = 1, 1
			return f
		}
		path = path[:cut]
	}
}

// readYAML decodes strictly into out, a pointer to a struct with yaml tags. All
// unknown fields and wrong shapes are reported at once.
func readYAML(file string, text []byte, out any) (document, []fault) {
	doc := document{file: file, at: map[string][2]int{}}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return doc, []fault{{file: file, wrong: strings.SplitN(err.Error(), "\n", 2)[0], right: "well-formed YAML"}}
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return doc, []fault{{file: file, line: 1, col: 1, wrong: fmt.Sprintf("%d documents", len(parsed.Docs)), right: "exactly one"}}
	}
	faults := doc.walk(parsed.Docs[0].Body, reflect.TypeOf(out).Elem(), "")
	if len(faults) > 0 {
		return doc, faults
	}
	if err := yaml.NodeToValue(parsed.Docs[0].Body, out, yaml.Strict()); err != nil {
		return doc, []fault{{file: file, wrong: strings.SplitN(err.Error(), "\n", 2)[0], right: "the shape docs/configuration.md shows"}}
	}
	return doc, nil
}

func (d document) walk(n ast.Node, t reflect.Type, path string) []fault {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pos := n.GetToken().Position
	if path != "" {
		d.at[path] = [2]int{pos.Line, pos.Column}
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.walkStruct(n, t, path)
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			return []fault{d.fault(path, "is not a list", "[a, b] or lines that begin with -")}
		}
		var faults []fault
		for i, v := range seq.Values {
			faults = append(faults, d.walk(v, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return faults
	default:
		if _, ok := n.(ast.ScalarNode); !ok {
			return []fault{d.fault(path, "is not a single value", "one text or number; quotes around a text that holds a colon")}
		}
		return nil
	}
}

func (d document) walkStruct(n ast.Node, t reflect.Type, path string) []fault {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		return []fault{d.fault(path, "is not a set of fields", "field: value lines")}
	}
	fields := map[string]reflect.Type{}
	var known []string
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		fields[tag] = t.Field(i).Type
		known = append(known, tag)
	}
	var faults []fault
	for _, v := range values {
		key := v.Key.GetToken().Value
		sub := key
		if path != "" {
			sub = path + "." + key
		}
		pos := v.Key.GetToken().Position
		d.at[sub] = [2]int{pos.Line, pos.Column}
		ft, ok := fields[key]
		if !ok {
			faults = append(faults, d.fault(sub, "is no known field", "one of "+strings.Join(known, ", ")))
			continue
		}
		faults = append(faults, d.walk(v.Value, ft, sub)...)
	}
	return faults
}
