package replay

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "regenerate what the scripts expect")

// TestJourneys runs the project's own scripts.
func TestJourneys(t *testing.T) {
	for _, dir := range []string{"testdata/journeys", "../../examples/shop", "../../examples/applications"} {
		r, err := Run(dir, Options{Rewrite: *rewrite})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Scripts {
			if s.Diff != "" {
				t.Errorf("%s differs:\n%s", s.Path, s.Diff)
			}
		}
	}
}

func TestNoScriptIsAFailure(t *testing.T) {
	if _, err := Run(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "no *.journey") {
		t.Fatalf("err = %v", err)
	}
}

const tiny = `policy policy
at 2026-01-05T10:00:00Z
client ann ip=192.0.2.1

> GET /
< 200
`

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const views = "kind: spec\nname: View\ntype: page_view\nmatch: {method: GET}\nrequest: {path: url_path}\n"

// TestAWrongExpectationFails shows that a script can fail, and that rewriting
// makes it pass without touching anything else.
func TestAWrongExpectationFails(t *testing.T) {
	dir := write(t, map[string]string{"policy/p.yaml": views, "a.journey": tiny + "= nothing\n"})
	r, err := Run(dir, Options{})
	if err != nil || r.Failed != 1 || !strings.Contains(r.Scripts[0].Diff, "- = nothing") ||
		!strings.Contains(r.Scripts[0].Diff, `+ = event page_view "View" success session=1`) {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := Run(dir, Options{Rewrite: true}); err != nil {
		t.Fatal(err)
	}
	if r, err := Run(dir, Options{}); err != nil || r.Passed != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "a.journey"))
	if err != nil || !strings.HasPrefix(string(text), tiny) {
		t.Fatalf("rewriting changed more than expectations:\n%s", text)
	}
}

// TestTheOrderOfExpectationsMatters: the same lines in another order, or one of
// them twice, are shown as what they are.
func TestTheOrderOfExpectationsMatters(t *testing.T) {
	dir := write(t, map[string]string{"policy/p.yaml": views, "a.journey": tiny})
	if _, err := Run(dir, Options{Rewrite: true}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.journey")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(string(text), "=   joined: first request\n", "=   joined: first request\n=   joined: first request\n", 1)
	if err := os.WriteFile(path, []byte(twice), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Run(dir, Options{})
	want := "    = event page_view \"View\" success session=1 rating=normal points=0\n" +
		"    =   joined: first request\n  - =   joined: first request\n    =   elements url_path=/\n"
	if err != nil || r.Failed != 1 || !strings.HasSuffix(r.Scripts[0].Diff, want) {
		t.Fatalf("%v\n%s\nwant the end\n%s", err, r.Scripts[0].Diff, want)
	}
}

func TestADifferentPolicyCanBeTried(t *testing.T) {
	dir := write(t, map[string]string{"policy/p.yaml": views, "tried/p.yaml": strings.Replace(views, "View", "Look", 1), "a.journey": tiny})
	r, err := Run(dir, Options{Policy: filepath.Join(dir, "tried")})
	if err != nil || !strings.Contains(r.Scripts[0].Diff, `page_view "Look"`) {
		t.Fatalf("%v %+v", err, r)
	}
	if _, err := Run(dir, Options{Policy: filepath.Join(dir, "none")}); err == nil {
		t.Fatal("a policy that is not there was tried")
	}
}

func TestBadScriptsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"> GET /\n":                           ":1: a request without a client",
		"client ann\n":                        ":1: client: want client NAME ip=",
		"client ann ip=nope\n":                `:1: client: ip "nope"`,
		"client ann ip=192.0.2.1 kind=odd\n":  `"odd" is no kind of network; want residential`,
		"client ann ip=192.0.2.1 at=here\n":   `at "here"; want latitude,longitude`,
		"client ann ip=192.0.2.1 asn=AS1\n":   `asn "AS1"; want a number`,
		"client ann ip=192.0.2.1 crawler=x\n": `crawler "x"; want verified`,
		"client ann ip=192.0.2.1 hat=blue\n":  `"hat"; want ip, agent, country`,
		"at noon\n":                           ":1: at \"noon\"",
		"+soon\n":                             ":1: \"+soon\"",
		"as ann\n":                            ":1: no client \"ann\"",
		"mode mirror\n":                       ":1: mode \"mirror\"",
		"frobnicate\n":                        ":1: \"frobnicate\" is not understood",
		"policy policy\n":                     "no request",
		tiny + "\n> BAD\n":                    "is no request",
		tiny + "\n> GET /\n< hello\n":         "is no response",
	} {
		dir := write(t, map[string]string{"policy/p.yaml": views, "a.journey": text})
		if _, err := Run(dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want it to say %q", text, err, want)
		}
	}
}

// TestFactsReachTheRules lets labels ask for what a script says of an address.
func TestFactsReachTheRules(t *testing.T) {
	dir := write(t, map[string]string{"policy/p.yaml": views + `---
kind: label
id: odd
title: Odd
severity: low
points: 5
when: value("network_kind") == "tor" && value("asn") == "64500" && value("region") == "Bavaria" && value("latitude") == "48.1000" && value("bot_verified") == "impostor"
`, "a.journey": `policy policy
at 2026-01-05T10:00:00Z
client ann ip=192.0.2.1 agent="Mozilla/5.0 (compatible; Googlebot/2.1)" region=Bavaria at=48.1,11.5 asn=64500 kind=tor crawler=impostor

> GET /
`})
	r, err := Run(dir, Options{})
	if err != nil || !strings.Contains(r.Scripts[0].Diff, "label odd") {
		t.Fatalf("%v %+v", err, r)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(tiny)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse("x.journey", text)
		if err != nil {
			return
		}
		want := make([][]string, len(s.steps))
		for i := range s.steps {
			want[i] = s.steps[i].want
		}
		if _, err := parse("x.journey", s.render(want)); err != nil {
			t.Fatalf("what it renders does not parse: %v", err)
		}
	})
}
