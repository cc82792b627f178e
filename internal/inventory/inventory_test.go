package inventory

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
)

func config(t *testing.T, p *policy.Snapshot) Config {
	t.Helper()
	return Config{Policy: p, Journal: 7 * 24 * time.Hour, Events: 90 * 24 * time.Hour, Bound: "8GiB", Made: time.Unix(1_700_000_000, 0),
		Enriched: []string{"country", "user_agent"}, Data: []Data{{"places.mmdb", "ok"}},
		Sites: []*site.Site{{Name: "shop", Hosts: []string{"*"}, Mode: site.Active}}}
}

func compiled(t *testing.T, text string) *policy.Snapshot {
	t.Helper()
	p, faults := policy.Compile(map[string]string{"p.yaml": text})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

// written reads what Specs map off the YAML itself: Spec, side, source and element.
func written(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		docs := yaml.NewDecoder(bytes.NewReader(text))
		for {
			var doc map[string]any
			if docs.Decode(&doc) != nil {
				return nil
			}
			if doc["kind"] != "spec" {
				continue
			}
			for _, side := range []string{"request", "response"} {
				sources, _ := doc[side].(map[string]any)
				for source, target := range sources {
					for _, id := range targets(target) {
						out[fmt.Sprint(doc["name"], "|", side, "|", source, "|", id)] = true
					}
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// targets are the elements that one source goes to.
func targets(v any) (ids []string) {
	switch x := v.(type) {
	case string:
		ids = append(ids, x)
	case map[string]any:
		ids = append(ids, targets(x["element"])...)
	case []any:
		for _, one := range x {
			ids = append(ids, targets(one)...)
		}
	}
	return ids
}

// TestEveryMappedElementOfTheExamplesIsListedAndNothingElse holds the inventory
// against the files, read another way.
func TestEveryMappedElementOfTheExamplesIsListedAndNothingElse(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join("..", "..", "examples", "*", "policy"))
	if len(dirs) == 0 {
		t.Fatal("no examples")
	}
	for _, dir := range dirs {
		p, faults := policy.Load(dir)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		want, got := written(t, dir), map[string]bool{}
		if len(want) < 5 {
			t.Errorf("%s: only %d mappings read", dir, len(want))
		}
		for _, s := range New(config(t, p)).Specs {
			mapped := map[string]bool{"ip": true}
			for _, e := range s.Elements {
				switch {
				case e.Derived:
					if !mapped[e.Of] {
						t.Errorf("%s: %s is made from %s, which is not collected", s.Name, e.ID, e.Of)
					}
				case e.Of == "connection":
					if e.ID != "ip" {
						t.Errorf("%s: the connection gives %s", s.Name, e.ID)
					}
				default:
					got[strings.Join([]string{s.Name, e.Of, e.Source, e.ID}, "|")] = true
				}
				mapped[e.ID] = true
				d, ok := p.Elements.Lookup(e.ID)
				if !ok || d.Name != e.Name || string(d.Sensitivity) != e.Sensitivity || d.Hashed() != (e.Form == Hashed) {
					t.Errorf("%s: %+v is not what the catalogue says", s.Name, e)
				}
			}
		}
		if !maps.Equal(want, got) {
			for k := range want {
				if !got[k] {
					t.Errorf("%s: not listed: %s", dir, k)
				}
			}
			for k := range got {
				if !want[k] {
					t.Errorf("%s: listed, and not in the policy: %s", dir, k)
				}
			}
		}
	}
}

const pay = `
kind: session
cookies: [shop_sid]
---
kind: spec
name: Pay
type: transaction
match: {method: POST, path: "/pay/{order}", host: ["*.example.com"]}
processing: sync
request: {path.order: order_id, json $.card: card_number, json $.street: billing_street, json $.note: message}
response: {header.X-Reason: failure_reason}
---
kind: spec
name: Elsewhere
type: page_view
match: {path: /, host: other.example.net, header: {X-App: "*"}, query: {v: "2"}}
request: {path: url_path}
---
kind: label
id: cards
title: Many cards
severity: high
on: [transaction]
when: entity("ip").distinct("card_number", "24h") > 3
---
kind: action
name: tell
type: tag
header: X-Risk
value: "{rating} {session_id}"
---
kind: workflow
name: Tell
trigger: {label: cards}
do: [tell]
mode: shadow
`

func TestFormsSitesRulesAndWhatIsSent(t *testing.T) {
	c := config(t, compiled(t, pay))
	c.Sites = []*site.Site{{Name: "shop", Hosts: []string{"www.example.com"}, Mode: site.Active}, {Name: "docs", Hosts: []string{"other.example.net"}, Mode: site.PassThrough}}
	c.Learning = []string{"docs"}
	v := New(c)
	forms := map[string]string{}
	for _, e := range v.Specs[0].Elements {
		forms[e.ID] = e.Form
	}
	for id, want := range map[string]string{"card_number": Hashed, "card_last4": Plain, "order_id": Plain, "message": Masked, "billing_address": Plain, "ip": Plain} {
		if forms[id] != want {
			t.Errorf("%s is kept as %q, want %q", id, forms[id], want)
		}
	}
	if s := v.Specs; !slices.Equal(s[0].Sites, []string{"shop"}) || !slices.Equal(s[1].Sites, []string{"docs"}) || s[0].Requests != "POST /pay/{order} at *.example.com" {
		t.Errorf("%+v", s)
	}
	if r := v.Specs[1].Requests; r != "any method / at other.example.net with header X-App with parameter v: 2" {
		t.Errorf("requests: %q", r)
	}
	if !v.Sites[1].Learning || v.Sites[0].Learning {
		t.Errorf("%+v", v.Sites)
	}
	if !slices.Equal(v.Rules[0].Elements, []string{"card_number", "ip"}) {
		t.Errorf("%+v", v.Rules)
	}
	if len(v.Sends) != 1 || v.Sends[0].To != "the origin, in the header X-Risk" || !slices.Equal(v.Sends[0].What, []string{"rating", "session_id"}) || v.Sends[0].Mode != "shadow" {
		t.Errorf("%+v", v.Sends)
	}
	if !strings.Contains(v.Keys[0].What, "shop_sid") || v.Keys[0].Form != Hashed {
		t.Errorf("%+v", v.Keys)
	}
	var never []string
	for _, p := range v.Places {
		if p.For == "never" {
			never = append(never, p.Name)
		}
		if p.Name == "judge" && !strings.Contains(p.For, "counts: 1 day") {
			t.Errorf("%+v", p)
		}
	}
	if !slices.Equal(never, []string{"logs", "metrics"}) {
		t.Errorf("never: %v", never)
	}
	var b strings.Builder
	if err := v.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"card_number *", "request json $.card", "keyed hash only", "journal 7 days, warehouse 90 days", "X-Risk", "shapes of requests are learnt"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
}

// TestKeysAreListed by kind, with what the policy names and where it is read.
func TestKeysAreListed(t *testing.T) {
	named := "kind: session\ncookies: [shop_sid]\ndevice_cookies: [shop_visitor]\nheaders: [x-csrf-token]\ntokens: [json $.token, form.csrf, html.meta.csrf]\n---\n" +
		"kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n"
	list := func(text string, k Connections) string {
		c := config(t, compiled(t, text))
		c.Keys = k
		var out []string
		for _, k := range New(c).Keys {
			if k.Form != Hashed || k.Where != inside {
				t.Errorf("%+v", k)
			}
			out = append(out, k.Kind+": "+k.What+" ("+k.From+")")
		}
		return strings.Join(out, "\n")
	}
	got := list(named, Connections{TLS: true, Tickets: true})
	for _, want := range []string{"connection: a number", "cookie: the cookies shop_sid (requests and responses)", "bearer: the bearer token in Authorization (requests)",
		"token: the header x-csrf-token (requests and responses)", "token: json $.token (requests and responses of all Specs)", "token: form.csrf (requests of all Specs)",
		"token: html.meta.csrf (responses of all Specs)", "ticket: the random ID", "device: the cookies shop_visitor (requests and responses)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got := list("kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n", Connections{}); strings.Count(got, "\n") != 2 || strings.Contains(got, "connection:") || !strings.Contains(got, "30 days or more") {
		t.Errorf("without names:\n%s", got)
	}
}

// TestNothingOfAnObservationIsLeftOut holds what every Event carries against the
// fields there are.
func TestNothingOfAnObservationIsLeftOut(t *testing.T) {
	told := map[string]int{}
	for _, f := range facts() {
		told[f.Field]++
	}
	for i := range reflect.TypeFor[journey.Observation]().NumField() {
		name := reflect.TypeFor[journey.Observation]().Field(i).Name
		if told[name] != 1 {
			t.Errorf("journey.Observation.%s is told of %d times: what capture gives on has to be listed in facts", name, told[name])
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("%s is no field of an observation", name)
	}
}

// TestThePageStandsAlone wants nothing from elsewhere, no script, and every value
// of the policy as text.
func TestThePageStandsAlone(t *testing.T) {
	hostile := strings.Replace(pay, "name: Pay", `name: "<script>alert(1)</script>"`, 1)
	var b strings.Builder
	if err := New(config(t, compiled(t, hostile))).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script", "<link", "<img", "<iframe", "src=", "href=", "@import", "url(", "http://", "https://", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if regexp.MustCompile(`\son[a-z]+=`).MatchString(page) {
		t.Error("the page has an event handler")
	}
	for _, want := range []string{"&lt;script&gt;alert(1)", "<code>card_number</code>", "keyed hash only", "<!doctype html>", "</html>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestHostPatternsThatMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a.com", "a.com", true}, {"a.com", "b.com", false}, {"*", "a.com", true}, {"*.a.com", "www.a.com", true},
		{"*.a.com", "a.com", false}, {"*.a.com", "*.b.a.com", true}, {"*.a.com", "*.b.com", false}, {"www.a.com", "*", true},
	} {
		if meet(c.a, c.b) != c.want || meet(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

// Every element of the catalogue has a form that is told.
func TestEveryElementHasAForm(t *testing.T) {
	for _, d := range element.Catalogue() {
		if f := form(d); f == Plain && d.Hashed() || f == "" {
			t.Errorf("%s: %q", d.ID, f)
		}
	}
}
