package capture

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// linear finds a Spec by trying one after the other, as the docs say it is done.
func linear(x *Index, h *wire.Head, ops []operation) *Plan {
	path, query := resource(h)
	for _, p := range x.plans {
		m := &p.Spec.Match
		method := len(m.Methods) == 0
		for _, want := range m.Methods {
			method = method || want == h.Method
		}
		graphql := m.GraphQL == nil
		for i := range ops {
			graphql = graphql || ops[i].is(m.GraphQL)
		}
		if method && graphql && (len(m.Path) == 0 || matchPath(p.path, canonical(path))) &&
			(len(m.Hosts) == 0 || matchHost(m.Hosts, h.Host)) && p.holds(h, query) {
			return p
		}
	}
	return nil
}

// policyOf makes a policy of n Specs that resemble, hit and shadow each other.
func policyOf(r *rand.Rand, n int) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\nkind: spec\nname: S%d\ntype: other\nmatch:\n", i)
		path := ""
		for k := range r.IntN(4) {
			path += "/" + pick("a", "b", "c", fmt.Sprintf("{p%d}", k), "*")
		}
		if r.IntN(5) == 0 {
			path += "/**"
		}
		fmt.Fprintf(&b, "  path: '%s'\n", path)
		if r.IntN(3) == 0 {
			fmt.Fprintf(&b, "  host: ['%s']\n", pick("shop.example", "*.shop.example", "*.example", "www.shop.example"))
		}
		if r.IntN(2) == 0 {
			fmt.Fprintf(&b, "  method: [%s]\n", pick("GET", "POST", "GET, POST"))
		}
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "  content_type: %s\n", pick("application/json", "text/xml"))
		}
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "  query: {%s: %s}\n", pick("q", "r"), pick("'*'", "x", "y"))
		}
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "  header: {%s: %s}\n", pick("X-A", "x-a", "X-B"), pick("'*'", "one", "two"))
		}
		if r.IntN(5) == 0 {
			fmt.Fprintf(&b, "  graphql: {%s}\n", pick("operation: In", "field: a", "type: mutation", "operation: In, field: a", "field: [a, b]"))
		}
	}
	return strings.Replace(strings.ReplaceAll(b.String(), "path: ''", "path: /"), "---\n", "", 1)
}

// TestTheTreeDecidesAsTheOrderDoes compares the tree with the plain order of Specs,
// over random policies and requests.
func TestTheTreeDecidesAsTheOrderDoes(t *testing.T) {
	hits, later := 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		pick := func(words ...string) string { return words[r.IntN(len(words))] }
		x := NewIndex(compile(t, policyOf(r, 40)).Specs)
		c := capturer(t)
		for range 200 {
			target := ""
			for range r.IntN(4) {
				target += "/" + pick("a", "b", "c", "d", "%61")
			}
			target += pick("", "/") + pick("", "?q=x", "?q=y&r=x", "?r=", "?q=a&q=x")
			if !strings.HasPrefix(target, "/") {
				target = "/" + target
			}
			h := head(pick("GET", "POST", "PUT"), target, "Content-Type", pick("application/json", "text/xml", ""), pick("X-A", "X-B"), pick("one", "two", "three"))
			h.Host = pick("shop.example", "www.shop.example", "a.b.shop.example.", "example", "other.example", "")
			body := &wire.Body{Bytes: []byte(pick("", `{"query": "query In { a }"}`, `[{"query": "mutation In { b }"}, {"query": "{ c: a }"}]`))}
			_, query := resource(h)
			ops := c.operations(h, query, body)
			want := linear(x, h, ops)
			got := x.Match(h)
			if !got.Open {
				if without := linear(x, h, nil); got.Plan != without {
					t.Fatalf("seed %d: %s %s at %s: %s, want %s", seed, h.Method, target, h.Host, name(got.Plan), name(without))
				}
				if got.Plan != want {
					t.Fatalf("seed %d: %s %s: closed at %s, but the body says %s", seed, h.Method, target, name(got.Plan), name(want))
				}
			} else {
				later++
			}
			if got := c.Resolve(x, h, body); got != want {
				t.Fatalf("seed %d: %s %s at %s with %s: %s, want %s", seed, h.Method, target, h.Host, body.Bytes, name(got), name(want))
			}
			if want != nil {
				if x.Strange(h) {
					t.Fatalf("seed %d: %s %s: a look says that no Spec is meant, but %s is", seed, h.Method, target, name(want))
				}
				hits++
			}
		}
	}
	if hits < 2000 || later < 500 {
		t.Errorf("only %d requests match, %d wait for their body", hits, later)
	}
}

func name(p *Plan) string {
	if p == nil {
		return "nothing"
	}
	return p.Spec.Name
}

// TestOrder holds each step of the documented order, by pairs of which the first is
// tried first however the file orders them.
func TestOrder(t *testing.T) {
	for _, c := range [][3]string{
		{"path: /a/*/*", "path: /a/b/**", "it has no **"},
		{"path: /a/b", "path: '/a/{x}'", "more literal path segments"},
		{"path: /a/**", "path: '/a/{x}/**'", "fewer {name} and *"},
		{"path: /a, host: shop.example", "path: /a, host: '*.shop.example'", "a more exact host"},
		{"path: /a, host: '*.shop.example'", "path: /a, method: GET, query: {q: 1}", "a more exact host"},
		{"path: /a, graphql: {operation: A}", "path: /a, graphql: {field: a, type: query}", "a GraphQL condition that says more"},
		{"path: /a, graphql: {type: query}", "path: /a, method: POST, content_type: a/b", "a GraphQL condition that says more"},
		{"path: /a, method: POST, content_type: a/b", "path: /a, method: POST, header: {A: 1}, query: {q: 1}", "more of method, content_type and accept"},
		{"path: /a, header: {A: 1}", "path: /a", "more headers and query parameters"},
	} {
		for _, order := range [][2]string{{c[0], c[1]}, {c[1], c[0]}} {
			specs := compile(t, "kind: spec\nname: X\ntype: other\nmatch: {"+order[0]+"}\n---\nkind: spec\nname: Y\ntype: other\nmatch: {"+order[1]+"}\n").Specs
			first := map[bool]string{true: "X", false: "Y"}[order[0] == c[0]]
			if specs[0].Name != first {
				t.Errorf("%s: %s is first", c, specs[0].Name)
			}
			if why, before := policy.Precedes(specs[0], specs[1]); !before || why != c[2] {
				t.Errorf("%s: %v %q", c, before, why)
			}
			if _, before := policy.Precedes(specs[1], specs[0]); before {
				t.Errorf("%s: both are first", c)
			}
		}
	}
	same := compile(t, "kind: spec\nname: X\ntype: other\nmatch: {path: /a}\n---\nkind: spec\nname: Y\ntype: other\nmatch: {path: /b}\n").Specs
	if why, before := policy.Precedes(same[0], same[1]); same[0].Name != "X" || !before || why != "it stands first in the files" {
		t.Errorf("%s %v %q", same[0].Name, before, why)
	}
}

const explained = `
kind: spec
name: Login
type: authentication_attempt
match: {method: POST, path: /login, content_type: application/x-www-form-urlencoded}
---
kind: spec
name: Login by JSON
type: authentication_attempt
match: {method: POST, path: /login, content_type: application/json}
---
kind: spec
name: Any post
type: other
match: {method: POST}
---
kind: spec
name: Login of the app
type: authentication_attempt
match: {host: app.shop.example, method: POST, path: /login, header: {X-App: "2"}, query: {v: "*"}}
---
kind: spec
name: Logout
type: logout
match: {method: POST, path: /logout}
---
kind: spec
name: Sign-in
type: authentication_attempt
match: {path: /graphql, graphql: {field: signIn}}
---
kind: spec
name: Call
type: other
match: {grpc: a.B/C}
`

func TestExplain(t *testing.T) {
	c, x := capturer(t), NewIndex(compile(t, explained).Specs)
	say := func(list []Explanation) string {
		var b strings.Builder
		for _, e := range list {
			fmt.Fprintf(&b, "%s +%s -%s >%s\n", e.Spec.Name, strings.Join(e.Holds, ", "), strings.Join(e.Fails, ", "), e.First)
		}
		return b.String()
	}
	for _, q := range []struct {
		head            *wire.Head
		body            string
		matching, nears string
	}{
		{head("POST", "/login", "Content-Type", "application/json"), "",
			"Login by JSON +path /login fits /login, method is POST, content_type is application/json - >it has no **\nAny post +method is POST - >\n",
			"Login +path /login fits /login, method is POST -content_type: application/json is not application/x-www-form-urlencoded >\n"},
		{head("GET", "/Logout"), "", "", ""},
		{head("POST", "/LOGOUT"), "", "Any post +method is POST - >\n", "Logout +method is POST -path: /LOGOUT does not fit /logout >\n"},
		{head("POST", "/login?v=3", "X-App", "2"), "",
			"Any post +method is POST - >\n",
			"Login of the app +path /login fits /login, method is POST, header X-App is \"2\", query v is there -host: www.shop.example is not app.shop.example >\n" +
				"Login +path /login fits /login, method is POST -content_type: none is not application/x-www-form-urlencoded >\n" +
				"Login by JSON +path /login fits /login, method is POST -content_type: none is not application/json >\n"},
		{head("PUT", "/graphql"), `{"query": "mutation M { a: signIn { id } }"}`, "Sign-in +path /graphql fits /graphql, graphql operation is mutation M {signIn} - >\n", ""},
		{head("PUT", "/graphql"), `{"query": "{ me }"}`, "", "Sign-in +path /graphql fits /graphql -graphql: query {me} is not the one asked for >\n"},
		{head("PUT", "/graphql"), ``, "", "Sign-in +path /graphql fits /graphql -graphql: no operation is not the one asked for >\n"},
		{head("POST", "/a.B/C", "Content-Type", "application/grpc-web+proto"), "",
			"Call +path /a.B/C fits /a.B/C, method is POST, content type application/grpc-web+proto is gRPC - >it has no **\nAny post +method is POST - >\n", ""},
		{head("POST", "/a.B/C"), "", "Any post +method is POST - >\n",
			"Call +path /a.B/C fits /a.B/C, method is POST -grpc: content type none is not application/grpc or application/grpc-web >\n"},
	} {
		matching, near := c.Explain(x, q.head, &wire.Body{Bytes: []byte(q.body)})
		if got := say(matching); got != q.matching {
			t.Errorf("%s %s matches\n%swant\n%s", q.head.Method, q.head.Target, got, q.matching)
		}
		if got := say(near); got != q.nears {
			t.Errorf("%s %s nearly matches\n%swant\n%s", q.head.Method, q.head.Target, got, q.nears)
		}
		// The first of those that match is the one that makes the Event.
		plan := c.Resolve(x, q.head, &wire.Body{Bytes: []byte(q.body)})
		if len(matching) > 0 && plan.Spec != matching[0].Spec || len(matching) == 0 && plan != nil {
			t.Errorf("%s %s makes %s", q.head.Method, q.head.Target, name(plan))
		}
	}
}

// many is a policy of n Specs of an application of that size, and requests to it.
func many(n int) (string, []*wire.Head) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\nkind: spec\nname: S%d\ntype: other\nmatch: ", i)
		switch i % 5 {
		case 0:
			fmt.Fprintf(&b, "{method: POST, path: '/api/v1/tenants/{tenant}/resource%d/{id}'}\n", i)
		case 1:
			fmt.Fprintf(&b, "{path: /index.php, query: {action: act%d}}\n", i)
		case 2:
			fmt.Fprintf(&b, "{host: shop%d.example, method: GET, path: '/product/{id}'}\n", i)
		case 3:
			fmt.Fprintf(&b, "{method: POST, path: /soap, header: {SOAPAction: 'urn:a%d'}}\n", i)
		case 4:
			fmt.Fprintf(&b, "{method: POST, path: /graphql, graphql: {operation: Op%d}}\n", i)
		}
	}
	last := n - 5
	host := head("GET", "/product/7", "Accept", "text/html")
	host.Host = fmt.Sprintf("shop%d.example", last+2)
	return strings.Replace(b.String(), "---\n", "", 1), []*wire.Head{
		head("POST", fmt.Sprintf("/api/v1/tenants/acme/resource%d/17", last), "Content-Type", "application/json"),
		head("GET", fmt.Sprintf("/index.php?lang=en&action=act%d&page=2", last+1)),
		host,
		head("POST", "/soap", "Content-Type", "text/xml", "SOAPAction", fmt.Sprintf("urn:a%d", last+3)),
		head("POST", "/graphql", "Content-Type", "application/json"),
		head("GET", "/nothing/of/all/this?x=1"),
	}
}

// TestManySpecs holds that each is found among many, without allocating and without
// looking at more than a few.
func TestManySpecs(t *testing.T) {
	const n = 1000
	text, heads := many(n)
	x := NewIndex(compile(t, text).Specs)
	for i, h := range heads {
		got := x.Match(h)
		switch {
		case i < 4 && (got.Plan == nil || got.Plan.Spec.Name != fmt.Sprintf("S%d", n-5+i)):
			t.Errorf("%s %s: %s", h.Method, h.Target, name(got.Plan))
		case i == 4 && !got.Open, i == 5 && (got.Plan != nil || got.Open):
			t.Errorf("%s %s: %+v", h.Method, h.Target, got)
		}
		if allocs := testing.AllocsPerRun(20, func() { x.Match(h) }); allocs != 0 {
			t.Errorf("%s %s: %v allocations", h.Method, h.Target, allocs)
		}
	}
	if p := capturer(t).Resolve(x, heads[4], &wire.Body{Bytes: []byte(fmt.Sprintf(`{"operationName": "Op%d", "query": "query Op%d { a }"}`, n-1, n-1))}); name(p) != fmt.Sprintf("S%d", n-1) {
		t.Errorf("graphql: %s", name(p))
	}
}
