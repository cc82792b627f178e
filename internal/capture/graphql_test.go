package capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/wire"
)

func ops(t *testing.T, target, kind, body string) string {
	t.Helper()
	h := head("POST", target, "Content-Type", kind)
	_, query := resource(h)
	var out []string
	for _, o := range capturer(t).operations(h, query, &wire.Body{Bytes: []byte(body)}) {
		var args []string
		for _, a := range o.arguments {
			args = append(args, string(a))
		}
		out = append(out, fmt.Sprintf("%s %s [%s] %s", o.kind, o.name, strings.Join(o.fields, " "), strings.Join(args, " ")))
	}
	return strings.Join(out, "; ")
}

// TestOperations reads what servers read, however it is written.
func TestOperations(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, c := range [][4]string{
		{"/g", "application/json", `{"query": "{ a b: c { d } }"}`, "query  [a c] "},
		{"/g", "application/json", `{"query": "query Q($x: Int = 3) @d(a: 1) { a(x: $x) }", "operationName": "Q"}`, `query Q [a] {"x":3}`},
		{"/g", "application/json", `{"query": "mutation M($i: In!) { signIn(input: $i) { id } }", "variables": {"i": {"email": "a@b"}}}`, `mutation M [signIn] {"input":{"email": "a@b"}}`},
		{"/g", "application/json", `{"query": "mutation { x: signIn(input: {email: \"a\\u0040b\", tags: [1, RED, true, null, -2.5e3], n: $none}) }"}`,
			`mutation  [signIn] {"input":{"email":"a\u0040b","tags":[1,"RED",true,null,-2.5e3],"n":null}}`},
		{"/g", "application/json", `{"query": "{ ...F } fragment F on Query @x { a ... on Query { b ...G } ... { c } } fragment G on Query { d ...F }"}`, "query  [a b c d] "},
		{"/g", "application/json", `{"query": "query A { a } query B { b }"}`, "query A [a] ; query B [b] "},
		{"/g", "application/json", `{"query": "query A { a } query B { b }", "operationName": "B"}`, "query B [b] "},
		{"/g", "application/json", `{"query": "query A { a }", "operationName": "C"}`, " C [] "},
		{"/g", "application/json", `[{"query": "{ a }"}, {"query": "{ b }"}, 7]`, "query  [a] ; query  [b] "},
		{"/g", "application/json", `{"query": "# { x }\n{ a(s: \"# } \\\" {\", t: \"\"\"b } \\\"\"\" {\"\"\") , b }"}`, `query  [a b] {"s":"# } \" {","t":"b } \"\"\" {"}`},
		{"/g", "application/json", `{"query": "{ a(s: \"x\\u{1F600}y\") }"}`, `query  [a] {"s":"x😀y"}`},
		{"/g", "application/json", `{"operationName": "P", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "AB"}}}`, " P [] "},
		{"/g", "application/json", `{"query": "{ a }", "query": "{ b }"}`, "query  [b] "},
		{"/g", "application/graphql", `{ a }`, "query  [a] "},
		{"/g", form, `query=%7B+a%28x%3A%24v%29+%7D&variables=%7B%22v%22%3A1%7D`, `query  [a] {"x":1}`},
		{"/g", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=operations\r\n\r\n{\"query\": \"mutation U { upload }\"}\r\n--b--", "mutation U [upload] "},
		{"/g?query=%7Ba%7D", "application/json", `{"query": "{ b }"}`, "query  [a] ; query  [b] "},
		{"/g", "application/json", `{"query": "{ a", "variables": {`, "query  [a] "},
		{"/g", "application/json", `{"query": "subscription S @live { s }"}`, "subscription S [s] "},
		{"/g", "application/json", `not json`, ""}, {"/g", "application/json", ``, ""}, {"/g", "application/json", `{"query": ""}`, ""}, {"/g", "application/json", `{"query": "}}}((\"\"\""}`, "  [] "},
	} {
		if got := ops(t, c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s %s %s\n got %q\nwant %q", c[0], c[1], c[2], got, c[3])
		}
	}
}

const graphqlSpecs = `
kind: spec
name: Field
type: other
match: {path: /g, graphql: {type: mutation, field: [signIn, login]}}
request: {graphql.arguments.input.email: message, graphql.variables.i.email: sku}
---
kind: spec
name: Operation
type: other
match: {path: /g, graphql: {operation: SignIn}}
---
kind: spec
name: Hash
type: other
match: {path: /g, graphql: {hash: 72d6d81ea5d2bd3a8b1e6d8ff2f0a1b6d9d94c7b0c4f9d4f0c5c3d8c1c8c4b1a}}
---
kind: spec
name: Endpoint
type: other
match: {path: /g, method: POST}
`

func TestGraphQLSpecs(t *testing.T) {
	c, x := capturer(t), NewIndex(compile(t, graphqlSpecs).Specs)
	for _, q := range [][3]string{
		{`{"query": "mutation SignIn { signIn { id } }"}`, "Operation", ""},
		{`{"query": "mutation Other($i: I) { x: signIn(input: $i) { id } }", "variables": {"i": {"email": "a"}}}`, "Field", "a"},
		{`{"query": "query Other { signIn { id } }"}`, "Endpoint", ""},
		{`{"operationName": "X", "extensions": {"persistedQuery": {"sha256Hash": "72D6D81EA5D2BD3A8B1E6D8FF2F0A1B6D9D94C7B0C4F9D4F0C5C3D8C1C8C4B1A"}}}`, "Hash", ""},
		{`[{"query": "{ a }"}, {"query": "mutation { login(input: {email: \"b\"}) }"}]`, "Field", "b"},
		{``, "Endpoint", ""},
	} {
		h := head("POST", "/g", "Content-Type", "application/json")
		found := x.Match(h)
		if !found.Open || name(found.Plan) != "Endpoint" {
			t.Fatalf("%+v", found)
		}
		plan := c.Resolve(x, h, &wire.Body{Bytes: []byte(q[0])})
		if name(plan) != q[1] {
			t.Errorf("%s: %s, want %s", q[0], name(plan), q[1])
			continue
		}
		if got := texts(c.Request(plan, exchange(h, q[0])), "message"); got != q[2] {
			t.Errorf("%s: %q, want %q", q[0], got, q[2])
		}
	}
	// Encodings hide nothing.
	h := head("POST", "/g", "Content-Encoding", "gzip")
	if p := c.Resolve(x, h, &wire.Body{Bytes: zip(t, `{"query": "mutation { signIn }"}`)}); name(p) != "Field" {
		t.Errorf("compressed: %s", name(p))
	}
	// Elsewhere nothing waits.
	if f := x.Match(head("POST", "/other")); f.Open || f.Plan != nil {
		t.Errorf("%+v", f)
	}
}

// TestGraphQLIsRead bounded: what one asks for many times is not written many times.
func TestGraphQLIsReadBounded(t *testing.T) {
	variable := `{"v": "` + strings.Repeat("x", 60_000) + `"}`
	for _, query := range []string{
		"{" + strings.Repeat("a(x: $v) ", 10_000) + "}",
		"{" + strings.Repeat("...F ", 1000) + "}" + "fragment F on Q {" + strings.Repeat("a(x: $v) ...F ", 1000) + "}",
		strings.Repeat("query{...F}", 3000) + "fragment F on Q {" + strings.Repeat("a(x: 1) ", 3000) + "}",
		"{a(x: " + strings.Repeat("[", 50_000) + ")}",
		strings.Repeat("{a{", 30_000), strings.Repeat("{...", 30_000), strings.Repeat("\ufeff", 20_000),
	} {
		size, fields := 0, 0
		for _, o := range parseGraphQL(query, []byte(variable)) {
			fields += len(o.fields)
			for _, a := range o.arguments {
				size += len(a)
			}
		}
		if size > 2*maxArguments || fields > 2*maxSelections {
			t.Errorf("%.40s: %d bytes of arguments, %d fields", query, size, fields)
		}
	}
}

func FuzzGraphQL(f *testing.F) {
	for _, s := range []string{"{ a }", "query Q($x: T = {a: [1]}) { b: c(x: $x) ...F } fragment F on Q { d }", `{ a(s: """x \""" y""", t: "\u{41}") }`, "mutation { ... on M @x(y: 1) { z } }", "}", "{a(", "#"} {
		f.Add(s, `{"x": 1}`)
	}
	f.Fuzz(func(t *testing.T, query, variables string) {
		for _, o := range parseGraphQL(query, []byte(variables)) {
			if len(o.fields) > 2*maxSelections {
				t.Fatal(len(o.fields))
			}
			for _, a := range o.arguments {
				if len(a) > len(query)*7+maxArguments+16 {
					t.Fatalf("%d bytes of arguments of %d", len(a), len(query))
				}
			}
		}
	})
}
