package capture

import (
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

func compile(t testing.TB, text string) *policy.Snapshot {
	t.Helper()
	snap, faults := policy.Compile(map[string]string{"p.yaml": text})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return snap
}

const specs = `
kind: spec
name: Any api
type: other
match: {path: /api/**}
---
kind: spec
name: Api order
type: other
match: {method: GET, path: "/api/orders/{id}"}
---
kind: spec
name: Api newest
type: other
match: {method: GET, path: /api/orders/newest}
---
kind: spec
name: Login
type: authentication_attempt
match: {method: POST, path: /login}
---
kind: spec
name: Login by JSON
type: authentication_attempt
match: {method: POST, path: /login, content_type: application/json}
---
kind: spec
name: Login of the app
type: authentication_attempt
match: {method: POST, path: /login, header: {X-App: "*", X-Version: "2"}}
---
kind: spec
name: Shop page
type: page_view
match: {host: "*.shop.example", method: GET, path: /page, accept: text/html}
---
kind: spec
name: Search
type: search
match: {method: GET, path: /search, query: {q: "*", type: goods}}
---
kind: spec
name: One deep
type: other
match: {method: GET, path: /files/*/meta}
---
kind: spec
name: Home
type: page_view
match: {method: GET, path: /}
`

func head(method, target string, fields ...string) *wire.Head {
	h := &wire.Head{Method: method, Target: target, Host: "www.shop.example", Proto: "HTTP/1.1"}
	for i := 0; i < len(fields); i += 2 {
		h.Fields = append(h.Fields, wire.Field{Name: fields[i], Value: fields[i+1]})
	}
	return h
}

func TestMatch(t *testing.T) {
	x := NewIndex(compile(t, specs).Specs)
	for _, c := range []struct {
		head *wire.Head
		want string
	}{
		{head("GET", "/"), "Home"},
		{head("GET", "/?utm=1"), "Home"},
		{head("POST", "/"), ""},
		{head("GET", "/api"), "Any api"},
		{head("DELETE", "/api/x/y"), "Any api"},
		{head("GET", "/apis"), ""},
		{head("GET", "/api/orders/7"), "Api order"},
		{head("GET", "/api/orders/newest"), "Api newest"},
		{head("POST", "/api/orders/newest"), "Any api"},
		{head("GET", "/api/orders/"), "Any api"},
		{head("GET", "/api/orders/7/lines"), "Any api"},
		{head("POST", "/login"), "Login"},
		{head("POST", "/login/"), "Login"},
		{head("POST", "/login/x"), ""},
		{head("GET", "/login"), ""},
		{head("POST", "/login", "Content-Type", "Application/JSON; charset=utf-8"), "Login by JSON"},
		{head("POST", "/login", "content-type", "application/json-patch"), "Login"},
		{head("POST", "/login", "x-app", "ios", "X-Version", "2"), "Login of the app"},
		{head("POST", "/login", "x-app", "ios", "X-Version", "3"), "Login"},
		{head("GET", "/page", "Accept", "application/xml, text/html;q=0.9"), "Shop page"},
		{head("GET", "/page", "Accept", "*/*"), ""},
		{head("GET", "/page"), ""},
		{head("GET", "/search?q=&type=goods"), "Search"},
		{head("GET", "/search?%71=a+b&type=g%6Fods"), "Search"},
		{head("GET", "/search?type=goods"), ""},
		{head("GET", "/search?q=1&type=services"), ""},
		{head("GET", "/files/a/meta"), "One deep"},
		{head("GET", "/files//meta"), ""},
		{head("GET", "/files/a/b/meta"), ""},
		// other spellings of the same
		{head("POST", "/l%6Fgin"), "Login"},
		{head("POST", "/%6c%6F%67in"), "Login"},
		{head("POST", "//login"), "Login"},
		{head("POST", "/./login"), "Login"},
		{head("POST", "/x/../login"), "Login"},
		{head("POST", "/x/%2e%2E/login"), "Login"},
		{head("POST", "/login;jsessionid=1"), "Login"},
		{head("POST", "/login%2Fx"), ""},
		{head("POST", "/login%"), ""},
		{head("POST", "/lo%67in/"), "Login"},
		{head("POST", "/login//"), "Login"},
		{head("POST", "/login/."), "Login"},
		{head("POST", "/;x=1/login;a=b;c/"), "Login"},
		{head("POST", "/x/..;y/login"), "Login"},
		{head("POST", "/x/.%2e/login"), "Login"},
		{head("POST", "/login#top"), "Login"},
		{head("POST", "/login#?a=b"), "Login"},
		{head("POST", "http://www.shop.example/login?a=b"), "Login"},
		{head("POST", "HTTPS://www.shop.example:8443//login"), "Login"},
		{head("GET", "http://www.shop.example"), "Home"},
		{head("POST", "/Login"), ""},
		{head("POST", "/log%2569n"), ""},
		{head("POST", "/x%2F..%2Flogin"), ""},
		{head("GET", "/api/orders/7/"), "Api order"},
		{head("GET", "/api/orders/7%2F8"), "Api order"},
		{head("GET", "/api/orders/newest/"), "Api newest"},
		{head("GET", "/files/a/meta/"), "One deep"},
		{head("GET", "//"), "Home"},
		{head("GET", "/x/.."), "Home"},
		{head("POST", "/login", "Content-Type", "text/plain", "Content-Type", "application/json"), "Login by JSON"},
		{head("POST", "/login", "X-App", "ios", "X-Version", "1", "X-Version", "2"), "Login of the app"},
		{head("GET", "/page", "Accept", "*/*", "Accept", "text/html"), "Shop page"},
		{head("GET", "/search?q=1&type=services&type=goods"), "Search"},
		{head("GET", "/api/orders/%37"), "Api order"},
	} {
		got := ""
		if p := x.Match(c.head).Plan; p != nil {
			got = p.Spec.Name
		}
		if got != c.want {
			t.Errorf("%s %s %v: %q, want %q", c.head.Method, c.head.Target, c.head.Fields, got, c.want)
		}
	}
	other := head("GET", "/page", "Accept", "text/html")
	for host, want := range map[string]bool{"shop.example": false, "a.b.shop.example": true, "evilshop.example": false, ".shop.example": false, "a.shop.example.": true} {
		other.Host = host
		if got := x.Match(other).Plan != nil; got != want {
			t.Errorf("host %s: %v", host, got)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	x := NewIndex(compile(t, specs).Specs)
	for _, h := range []*wire.Head{
		head("GET", "/nothing/at/all?x=1"), head("GET", "/.well-known/acme-challenge/x"), head("GET", "/api/orders/7"),
		head("POST", "/login", "Content-Type", "application/json", "Accept", "text/html, */*"), head("GET", "/search?q=a&type=goods"),
	} {
		if n := testing.AllocsPerRun(50, func() { x.Match(h) }); n != 0 {
			t.Errorf("%s %s: %v allocations", h.Method, h.Target, n)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "/a/b/": "/a/b/", "//": "/", "/a//b/": "/a/b/", "/a/./b/.": "/a/b/", "/../..": "/",
		"/a/../../b": "/b", "/%41%2f%3a": "/A%2F:", "/%zz/%4": "/%25zz/%254", "/a;b=c/d;e": "/a/d", "/..a/.b/...": "/..a/.b/...",
		"/%2e%2e/a": "/a", "": "/", "/%c3%a4": "/ä", "/%25%36%66": "/%256f", "/%%36%66": "/%256f", "/a%3Bb": "/a%3Bb",
		"/a/..;x/b": "/b", "/a/%2e%2E;x/b": "/b", "/a%20b%3f%23": "/a b%3F%23", "/%": "/%25", "/%e": "/%25e",
	} {
		if got := canonical(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestPatternsAreComparedInTheSameForm spells the Spec's own path oddly.
func TestPatternsAreComparedInTheSameForm(t *testing.T) {
	for pattern, targets := range map[string][]string{
		"/sign-in/":         {"/sign-in", "/sign-in/", "//sign%2Din"},
		"/café/{id}":        {"/café/1", "/caf%C3%A9/1/", "/caf%c3%a9/1"},
		"/caf%c3%a9":        {"/café", "/caf%C3%A9"},
		"/a%2fb":            {"/a%2Fb", "/a%2fb/"},
		"/100%":             {"/100%", "/100%25"},
		"/a//{x}/":          {"/a/1", "/a//1/"},
		"/login;v=1/{user}": {"/login/ann", "/login;v=2/ann"},
	} {
		x := NewIndex(compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: '"+pattern+"'}\n").Specs)
		for _, target := range targets {
			if x.Match(head("GET", target)).Plan == nil {
				t.Errorf("%s does not match %s", pattern, target)
			}
		}
	}
}

func TestSegment(t *testing.T) {
	pattern := []policy.Segment{{Literal: "users"}, {Name: "id"}, {Any: true}, {Name: "tab"}, {Rest: true}}
	for path, want := range map[string][2]string{
		"/users/ann%40example.org/x/info":     {"ann@example.org", "info"},
		"/users/a%2Fb/x/c%2fd/e/f":            {"a/b", "c/d"},
		"//users/./7;v=1/y/../x/in%66o;q/":    {"7", "info"},
		"/users/50%/%zz/100%2525":             {"50%", "100%25"},
		"/users/%E4%BD%A0/x/%00%0a":           {"你", "\x00\n"},
		"/u%73ers/%2e%2e/users/%%34%31/x/%ff": {"%41", "\xff"},
	} {
		if got := [2]string{segment(pattern, path, "id"), segment(pattern, path, "tab")}; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func FuzzMatchPath(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "/%2e%2e/x;y//", "/a/../%", "*", "/%25%36%66", "/%%36%66", "/a%3bb%2F"} {
		f.Add(s)
	}
	pattern := []policy.Segment{{Literal: "a"}, {Name: "id"}, {Any: true}, {Rest: true}}
	f.Fuzz(func(t *testing.T, path string) {
		c := canonical(path)
		if again := canonical(c); again != c {
			t.Fatalf("%q becomes %q, and that %q", path, c, again)
		}
		if !strings.HasPrefix(c, "/") || strings.Contains(c, "//") || strings.Contains(c+"/", "/../") || strings.Contains(c+"/", "/./") {
			t.Fatalf("%q becomes %q", path, c)
		}
		id := segment(pattern, path, "id")
		if matchPath(pattern, c) && id == "" {
			t.Fatalf("%q matches without an id", path)
		}
		// The value is the same, read from the path or from its canonical form.
		if again := segment(pattern, c, "id"); again != id {
			t.Fatalf("%q: id is %q, of %q it is %q", path, id, c, again)
		}
	})
}
