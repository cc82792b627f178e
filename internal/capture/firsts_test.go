package capture

import (
	"testing"

	"github.com/throughline/throughline/internal/policy"
)

const firstsPolicy = `kind: spec
name: Search
type: other
match: {path: /search}
---
kind: spec
name: Account
type: other
match: {path: '/account/{id}/**'}
---
kind: spec
name: Home
type: other
match: {path: /}
---
kind: spec
name: Query
type: other
match: {path: /graphql, graphql: {operation: In}}
---
kind: spec
name: Odd
type: other
match: {path: '/a;b/.x'}
`

func TestALookTellsOfMostThatNoSpecIsMeant(t *testing.T) {
	x := NewIndex(compile(t, firstsPolicy).Specs)
	for _, target := range []string{"/static/app.js", "/img/1/2/3.png?v=1", "/products", "/favicon.ico", "/searches", "/p?q=/search", "/p?#", "/static/"} {
		if !x.Strange(head("GET", target)) {
			t.Errorf("%s: no look tells", target)
		}
	}
	for _, target := range []string{"/", "/?a", "/search", "/search?q=1", "/search/x", "/account", "/graphql", "*", "http://shop.example/search", "",
		"/static/../search", "/./search", "//search", "/%73earch", "/x/%2e%2e/search", "/search;v=1", "/;v/search", "/a%3Bb/.x", "/x#/search"} {
		if x.Strange(head("GET", target)) {
			t.Errorf("%s: taken for what no Spec names", target)
		}
	}
	for _, path := range []string{"/**", "/{any}/in", "/*"} {
		x := NewIndex(compile(t, "kind: spec\nname: All\ntype: other\nmatch: {path: '"+path+"'}\n").Specs)
		if x.Strange(head("GET", "/static/app.js")) {
			t.Errorf("Spec of %s: a path taken for what it does not name", path)
		}
	}
	if x := NewIndex([]*policy.Spec{}); !x.Strange(head("GET", "/static/app.js")) {
		t.Error("without Specs: a path taken for what may be named")
	}
}

// FuzzStrange: what a look turns away nobody finds either.
func FuzzStrange(f *testing.F) {
	x := NewIndex(compile(f, firstsPolicy).Specs)
	for _, target := range []string{"/search", "/static/app.js", "/a%3Bb/.x", "/x/../search", "/graphql?a=b", "/account/1/2"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		h := head("GET", target)
		if found := x.Match(h); x.Strange(h) && (found.Plan != nil || found.Open) {
			t.Fatalf("%q: %+v", target, found)
		}
	})
}
