package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/throughline/throughline/internal/policy"
)

type node = map[string]any

func schema(t *testing.T) node {
	t.Helper()
	var s node
	if err := json.Unmarshal(policy.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaFile holds the copy that editors read.
func TestSchemaFile(t *testing.T) {
	if !bytes.Equal(policy.Schema(), policy.Schema()) {
		t.Fatal("not the same twice")
	}
	golden(t, "../../docs/policy.schema.json", string(policy.Schema()))
}

// TestSchemaKnowsWhatTheCompilerKnows asks the compiler for the fields of every
// object by giving it one it can't know, and compares them with the schema's.
func TestSchemaKnowsWhatTheCompilerKnows(t *testing.T) {
	kind := func(k, typ string) node {
		for _, d := range schema(t)["oneOf"].([]any) {
			p := d.(node)["properties"].(node)
			if p["kind"].(node)["const"] == k && (typ == "" || p["type"].(node)["const"] == typ) {
				return d.(node)
			}
		}
		t.Fatalf("the schema has no kind %s %s", k, typ)
		return nil
	}
	under := func(n node, path ...any) node {
		var at any = n
		for _, p := range path {
			switch p := p.(type) {
			case string:
				at = at.(node)[p]
			case int:
				at = at.([]any)[p]
			}
		}
		return at.(node)
	}
	spec, label := kind("spec", ""), kind("label", "")
	target := func(side string) node {
		sources := under(spec, "properties", side, "patternProperties")
		return under(sources[slices.Collect(maps.Keys(sources))[0]].(node), "anyOf", 0, "anyOf", 1)
	}
	objects := map[string]node{ // a document with a field zzqq in the object, and its schema
		"kind: spec\nzzqq: 1":                           spec,
		"kind: spec\nmatch: {zzqq: 1}":                  under(spec, "properties", "match"),
		"kind: spec\nmatch: {graphql: {zzqq: 1}}":       under(spec, "properties", "match", "properties", "graphql"),
		"kind: spec\noutcome: {zzqq: 1}":                under(spec, "properties", "outcome", "anyOf", 0),
		"kind: spec\nrequest: {query.q: {zzqq: 1}}":     target("request"),
		"kind: spec\nresponse: {header.q: [{zzqq: 1}]}": target("response"),
		"kind: label\nzzqq: 1":                          label,
		"kind: label\nmode: {zzqq: 1}":                  under(label, "properties", "mode", "anyOf", 1),
		"kind: signature\nzzqq: 1":                      kind("signature", ""),
		"kind: workflow\nzzqq: 1":                       kind("workflow", ""),
		"kind: workflow\ntrigger: {zzqq: 1}":            under(kind("workflow", ""), "properties", "trigger"),
		"kind: action\ntype: block\nzzqq: 1":            kind("action", "block"),
		"kind: action\ntype: redirect\nzzqq: 1":         kind("action", "redirect"),
		"kind: action\ntype: tag\nzzqq: 1":              kind("action", "tag"),
		"kind: list\nzzqq: 1":                           kind("list", ""),
		"kind: rating\nzzqq: 1":                         kind("rating", ""),
		"kind: session\nzzqq: 1":                        kind("session", ""),
	}
	for text, want := range objects {
		_, list := policy.Compile(map[string]string{"a.yaml": text})
		var known, missing []string
		for _, f := range list {
			if !strings.Contains(f.Field, "zzqq") && f.Wrong == "is missing" {
				missing = append(missing, f.Field[strings.LastIndexByte(f.Field, '.')+1:])
			}
			if strings.HasSuffix(f.Field, "zzqq") && f.Wrong == "is no field here" {
				_, names, _ := strings.Cut(f.Right, "known: ")
				known = strings.Split(names, ", ")
			}
		}
		if got := slices.Sorted(maps.Keys(want["properties"].(node))); !slices.Equal(got, known) {
			t.Errorf("%q\ncompiler knows %v\nschema knows   %v", text, known, got)
		}
		for _, r := range want["required"].([]any) {
			if !slices.Contains(missing, r.(string)) && !strings.Contains(text, r.(string)+": ") {
				t.Errorf("%q: the schema requires %s, the compiler does not", text, r)
			}
		}
	}
	// And one by one: the compiler takes every field of the schema.
	for _, d := range schema(t)["oneOf"].([]any) {
		p := d.(node)["properties"].(node)
		for name := range p {
			text := fmt.Sprintf("kind: %s\n", p["kind"].(node)["const"])
			if typ, ok := p["type"].(node); ok && typ["const"] != nil {
				text += fmt.Sprintf("type: %s\n", typ["const"])
			}
			if !strings.Contains(text, name+": ") {
				text += name + ":\n"
			}
			_, list := policy.Compile(map[string]string{"a.yaml": text})
			for _, f := range list {
				if f.Wrong == "is no field here" {
					t.Errorf("%q: %v", text, f)
				}
			}
		}
	}
}

// TestSchemaTakesGoodPolicies validates every good policy of the project.
func TestSchemaTakesGoodPolicies(t *testing.T) {
	texts := map[string]string{"every field": read(t, "testdata/every_field.yaml"), "starter": policy.Starter()["starter.yaml"]}
	files, err := filepath.Glob("../../examples/shop/policy/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no example", err)
	}
	more, err := filepath.Glob("../../examples/applications/*/policy/*.yaml")
	if err != nil || len(more) < 12 {
		t.Fatal("no applications", err)
	}
	files = append(files, more...)
	for _, f := range files {
		texts[f] = read(t, f)
	}
	for i, fence := range fences(t) {
		texts[fmt.Sprintf("docs fence %d", i+1)] = fence
	}
	root, n := schema(t), 0
	for name, text := range texts {
		for doc := range values(t, text) {
			n++
			if why := invalid(root, doc); why != "" {
				t.Errorf("%s: %v: %s", name, doc, why)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d documents", n)
	}
}

// TestSchemaRefusesSlips holds that editors underline what matters.
func TestSchemaRefusesSlips(t *testing.T) {
	root := schema(t)
	for _, text := range []string{
		"kind: spce", "kind: list\nname: a", "kind: list\nname: A B\nvalues: []", "kind: list\nname: a\nvalues: []\nextra: 1",
		"kind: spec\nname: a\ntype: login\nmatch: {path: /a}",
		"kind: spec\nname: a\ntype: search\nmatch: {}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: a}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a, method: []}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\nrequest: {status: response_status}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\nrequest: {query.q: serch}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\noutcome: {is: success, status: 4xx}",
		"kind: spec\nname: a\ntype: search\nmatch: {graphql: {type: mutate}}", "kind: spec\nname: a\ntype: search\nmatch: {grpc: a.B}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\nrequest: {form.a | jsn $.b: email}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\nrequest: {file.a.content: message}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\nrequest: {form.a: {element: email, status: 200}}",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\noutcome: {is: success, json: {ok: 1}}",
		"kind: action\nname: a\ntype: redirect\nlocation: //evil.example", "kind: action\nname: a\ntype: block\nlocation: /a",
		"kind: action\nname: a\ntype: tag\nheader: X-A\nvalue: \"a\\r\\nb\"",
		"kind: action\nname: a\ntype: block\nstatus: 204", "kind: action\nname: a\ntype: block\nstatus: 302", "kind: action\nname: a\ntype: block\nstatus: 600",
		"kind: action\nname: a\ntype: redirect\nlocation: https://ann@help.example/", "kind: action\nname: a\ntype: redirect\nlocation: /a b",
		"kind: action\nname: a\ntype: redirect\nlocation: /\\evil.example", "kind: action\nname: a\ntype: redirect\nlocation: https:///a",
		"kind: signature\nid: a\ntitle: A\nrating: malicious", "kind: signature\nid: a\ntitle: A\nrating: malicious\nall: x\nat_least: 2",
		"kind: workflow\nname: a\ntrigger: {}\ndo: b", "kind: session\ntimeout: 30 minutes", "kind: rating\nsuspicious: 0",
		"kind: spec\nname: a\ntype: search\nmatch: {path: /a}\nrequest: {query.q: session_id}",
		"kind: element\nid: tag\nname: Tag\nis: entity\nvalue: identifier\nsensitivity: public\nexample: a",
		"kind: element\nid: custom_tag\nname: Tag\nis: entity\nvalue: address\nsensitivity: public\nexample: a",
	} {
		for doc := range values(t, text) {
			if invalid(root, doc) == "" {
				t.Errorf("the schema takes %q", text)
			}
		}
	}
}

// values reads a file's documents as JSON values.
func values(t *testing.T, text string) func(func(any) bool) {
	t.Helper()
	return func(yield func(any) bool) {
		for _, part := range strings.Split("\n"+text, "\n---\n") {
			raw, err := yaml.YAMLToJSON([]byte(part))
			var doc any
			if err == nil {
				err = json.Unmarshal(raw, &doc)
			}
			if err != nil {
				t.Fatalf("%v in:\n%s", err, part)
			}
			if doc != nil && !yield(doc) {
				return
			}
		}
	}
}

// invalid checks a value against the keywords that the schema uses and says what
// is wrong, or fails on a keyword it does not know.
func invalid(s node, v any) string {
	for key, want := range s {
		if why := violates(key, want, s, v); why != "" {
			return why
		}
	}
	return ""
}

func violates(key string, want any, s node, v any) string {
	object, isObject := v.(node)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	list, isList := v.([]any)
	bad := func(cond bool) string {
		if cond {
			return fmt.Sprintf("%v breaks %s %v", v, key, want)
		}
		return ""
	}
	matching := func() (n int, why []string) {
		for _, one := range want.([]any) {
			w := invalid(one.(node), v)
			if w == "" {
				n++
			}
			why = append(why, w)
		}
		return n, why
	}
	switch key {
	case "$schema", "$defs", "title", "description":
		return ""
	case "$ref":
		var whole node
		if err := json.Unmarshal(policy.Schema(), &whole); err != nil {
			return err.Error()
		}
		return invalid(whole["$defs"].(node)[strings.TrimPrefix(want.(string), "#/$defs/")].(node), v)
	case "const":
		return bad(v != want)
	case "enum":
		return bad(!slices.Contains(want.([]any), v))
	case "type":
		kinds, ok := want.([]any)
		if !ok {
			kinds = []any{want}
		}
		_, isBool := v.(bool)
		return bad(!slices.ContainsFunc(kinds, func(k any) bool {
			switch k {
			case "object":
				return isObject
			case "array":
				return isList
			case "string":
				return isText
			case "number":
				return isNumber
			case "integer":
				return isNumber && number == float64(int64(number))
			}
			return k == "boolean" && isBool
		}))
	case "minimum":
		return bad(isNumber && number < want.(float64))
	case "maximum":
		return bad(isNumber && number > want.(float64))
	case "minLength":
		return bad(isText && utf8.RuneCountInString(text) < int(want.(float64)))
	case "maxLength":
		return bad(isText && utf8.RuneCountInString(text) > int(want.(float64)))
	case "pattern":
		return bad(isText && !pattern(want.(string)).MatchString(text))
	case "minItems":
		return bad(isList && len(list) < int(want.(float64)))
	case "minProperties":
		return bad(isObject && len(object) < int(want.(float64)))
	case "maxProperties":
		return bad(isObject && len(object) > int(want.(float64)))
	case "items":
		for _, item := range list {
			if why := invalid(want.(node), item); why != "" {
				return why
			}
		}
	case "required":
		for _, name := range want.([]any) {
			if _, here := object[name.(string)]; isObject && !here {
				return fmt.Sprintf("%s is missing", name)
			}
		}
	case "dependentRequired":
		for name, needs := range want.(node) {
			if _, here := object[name]; here {
				if why := violates("required", needs, s, v); why != "" {
					return why
				}
			}
		}
	case "properties":
		for name, is := range want.(node) {
			if field, here := object[name]; here {
				if why := invalid(is.(node), field); why != "" {
					return name + ": " + why
				}
			}
		}
	case "patternProperties":
		for name, field := range object {
			for p, is := range want.(node) {
				if pattern(p).MatchString(name) {
					if why := invalid(is.(node), field); why != "" {
						return name + ": " + why
					}
				}
			}
		}
	case "additionalProperties":
		for name, field := range object {
			known, _ := s["properties"].(node)
			patterns, _ := s["patternProperties"].(node)
			_, here := known[name]
			for p := range patterns {
				here = here || pattern(p).MatchString(name)
			}
			if here {
				continue
			}
			if is, ok := want.(node); ok {
				return invalid(is, field)
			}
			return name + " is no field"
		}
	case "anyOf":
		if n, why := matching(); n == 0 {
			return strings.Join(why, " | ")
		}
	case "oneOf":
		if n, why := matching(); n != 1 {
			return fmt.Sprintf("%d of oneOf: %s", n, strings.Join(why, " | "))
		}
	default:
		return "keyword " + key + " is unknown to the test"
	}
	return ""
}

// pattern reads a JSON Schema pattern; Go spells \uXXXX otherwise.
func pattern(p string) *regexp.Regexp {
	return regexp.MustCompile(regexp.MustCompile(`\\u([0-9A-F]{4})`).ReplaceAllString(p, `\x{$1}`))
}
