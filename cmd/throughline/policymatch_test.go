package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestPolicyMatchTellsWhichAndWhy(t *testing.T) {
	out := mustTool(t, "", "policy", "match", "--policy", "examples/shop/policy", "GET", "/product/5", "-H", "Accept: text/html")
	for _, want := range []string{"1. product_page ", "path /product/5 fits /product/{id}", "before page: it has no **", "2. page "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out = mustTool(t, "", "policy", "match", "--policy", "examples/shop/policy", "POST", "/login", "-H", "Content-Type: application/json")
	if !strings.Contains(out, "no spec matches") || !strings.Contains(out, "not content_type: application/json is not application/x-www-form-urlencoded") {
		t.Errorf("nearly:\n%s", out)
	}
	body := filepath.Join(t.TempDir(), "q.json")
	write(t, body, `{"query": "mutation X { a: signIn }"}`)
	var got matchAnswer
	out = mustTool(t, "", "policy", "match", "--json", "--policy", "examples/applications/graphql-shop/policy", "POST", "https://shop.example/graphql", "--body", body)
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Event != "sign_in" || len(got.Match) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	for want, args := range map[string][]string{
		"is no URL": {"GET", "product"}, "is no method": {"get", "/"}, "is no header": {"GET", "/", "-H", "X"}, "body:": {"GET", "/", "--body", "none.json"},
	} {
		if out, err := tool(t, "", append([]string{"policy", "match"}, args...)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}
