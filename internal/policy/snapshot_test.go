package policy_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

func compile(t *testing.T, bundle map[string]string) *policy.Snapshot {
	t.Helper()
	snap, list := policy.Compile(bundle)
	if len(list) > 0 {
		t.Fatalf("faults:\n%s", lines(list))
	}
	return snap
}

// bare takes the compiled rules out of a Snapshot and renders what they need:
// programs are functions, which nothing compares.
func bare(s *policy.Snapshot) (*policy.Snapshot, []string) {
	var rules []string
	for _, l := range s.Labels {
		rules = append(rules, l.When.Source())
		for _, w := range l.When.Windows() {
			rules = append(rules, w.String())
		}
		l.When = nil
	}
	for _, w := range s.Workflows {
		if w.When != nil {
			rules = append(rules, w.When.Source())
			w.When = nil
		}
	}
	return s, rules
}

func TestCompileIsDeterministic(t *testing.T) {
	load := func() *policy.Snapshot {
		snap, list := policy.Load("../../examples/shop/policy")
		if len(list) > 0 {
			t.Fatalf("faults:\n%s", lines(list))
		}
		return snap
	}
	first, rules := bare(load())
	for range 5 {
		again, more := bare(load())
		if !reflect.DeepEqual(first, again) || !reflect.DeepEqual(rules, more) {
			t.Fatal("the same bundle compiled into something else")
		}
	}
	copied := map[string]string{}
	for k, v := range first.Bundle {
		copied[k] = v
	}
	if got := compile(t, copied).Revision; got != first.Revision || len(got) != 12 {
		t.Errorf("revision %s, was %s", got, first.Revision)
	}
	copied["zz.yaml"] = "# a comment\n"
	if compile(t, copied).Revision == first.Revision {
		t.Error("another bundle has the same revision")
	}
}

// TestFaultsAreDeterministic compiles policies whose faults share a place.
func TestFaultsAreDeterministic(t *testing.T) {
	bundle := map[string]string{}
	for _, f := range []string{"spec_match", "spec_sources", "workflow", "label"} {
		bundle[f] = read(t, "testdata/bad/"+f+".yaml")
	}
	_, first := policy.Compile(bundle)
	for range 10 {
		if _, again := policy.Compile(bundle); !reflect.DeepEqual(first, again) {
			t.Fatalf("was:\n%s\nis:\n%s", lines(first), lines(again))
		}
	}
}

func TestFiveFaultsAreFiveLines(t *testing.T) {
	snap, list := policy.Compile(map[string]string{
		"a.yaml": "kind: spec\nname: Login\ntipe: authentication_attempt\nmatch: {path: login}\nrequest: {form.email: emial}\n",
		"b.yaml": "kind: label\nid: x\ntitle: X\nseverity: low\nwhen: event.outcome = \"failure\"\n---\n" +
			"kind: workflow\nname: W\ntrigger: {label: x}\ndo: refuse\n",
	})
	want := `a.yaml:3:1: tipe: is no field here; did you mean type? known: failure, hold_response, id, kind, match, max_body, mode, name, outcome, oversize, processing, request, response, type
a.yaml:4:9: match.path: "login" is no path pattern; begin with / and leave the query out, e.g. /orders/{id}/refund
a.yaml:5:11: request.form.email: "emial" is no element; did you mean email? or an element of the catalogue, e.g. email, username or url_path
b.yaml:5:21: when: = compares nothing; ==
b.yaml:10:1: do: action "refuse" is not defined; define a document of kind action with that name
`
	if got := lines(list); got != want || snap != nil {
		t.Errorf("snapshot %v; got:\n%s", snap != nil, got)
	}
}

func TestStarter(t *testing.T) {
	s := compile(t, policy.Starter())
	if len(s.Specs) != 1 || s.Specs[0].Type != journey.PageView || s.Specs[0].Match.Accepts != "text/html" {
		t.Errorf("%+v", s.Specs)
	}
	if s.Rating != (policy.RatingRules{Suspicious: 30, Malicious: 70}) || s.Session.Timeout != 30*time.Minute || s.Session.MaxAge != 24*time.Hour {
		t.Errorf("%+v %+v", s.Rating, s.Session)
	}
}

// TestEveryField reads one document of each kind with all its fields.
func TestEveryField(t *testing.T) {
	s := compile(t, map[string]string{"a.yaml": read(t, "testdata/every_field.yaml")})
	byKey := func(key string) *policy.Spec {
		return s.Specs[slices.IndexFunc(s.Specs, func(sp *policy.Spec) bool { return sp.Key == key })]
	}
	spec := byKey("checkout")
	pos := func(line, col int) policy.Pos { return policy.Pos{File: "a.yaml", Line: line, Col: col} }
	if want := (&policy.Spec{
		Key: "checkout", Name: "Checkout", Type: journey.Transaction, Sync: true, Failure: "closed", Oversize: "refuse", MaxBody: 128 << 10, PassThrough: true, HoldResponse: true,
		Match: policy.Match{Hosts: []string{"shop.example", "*.shop.example"}, Methods: []string{"POST", "PUT"},
			Path:         []policy.Segment{{Literal: "shops"}, {Name: "shop"}, {Any: true}, {Rest: true}},
			ContentTypes: []string{"application/json"}, Accepts: "application/json",
			Headers: map[string]string{"X-App": "*"}, Query: map[string]string{"v": "2"}},
		Request: []policy.Mapping{
			{Text: "path.shop", Source: policy.SourcePath, Name: "shop", Element: "merchant_id", Pos: pos(21, 3)},
			{Text: "json $.items[0].sku", Source: policy.SourceJSON, Name: "$.items[0].sku", Path: []string{"items", "[0]", "sku"}, Element: "product_id", Pos: pos(22, 3)},
			{Text: "form.email", Source: policy.SourceForm, Name: "email", Element: "email", Transform: "lower", Pos: pos(23, 16)},
			{Text: "form.email", Source: policy.SourceForm, Name: "email", Element: "billing_email", Pos: pos(23, 52)},
			{Text: "query.price", Source: policy.SourceQuery, Name: "price", Element: "product_price", Minor: true, Currency: "JPY", Pos: pos(24, 3)},
			{Text: "conn.ip", Source: policy.SourceConn, Name: "ip", Element: "ip", Pos: pos(25, 3)},
		},
		Response: []policy.Mapping{
			{Text: "status", Source: policy.SourceStatus, Element: "response_status", Pos: pos(27, 3)},
			{Text: "set-cookie.sid", Source: policy.SourceSetCookie, Name: "sid", Element: "customer_id", Transform: "trim", Pos: pos(28, 3)},
		},
		Outcome: []policy.OutcomeRule{
			{Outcome: journey.Success, Statuses: [][2]int{{200, 299}, {303, 303}}, Location: "*/thanks*"},
			{Outcome: journey.Failure, JSON: []policy.JSONRule{{Path: []string{"error", "code"}, Equals: "7"}}, BodyHas: "declined"},
			{Outcome: journey.Failure},
		},
		Pos: pos(2, 1), Elements: s.Elements,
		RequestTokens: s.Session.RequestTokens, ResponseTokens: s.Session.ResponseTokens, // the same of every Spec
	}); s.Elements == nil || !reflect.DeepEqual(spec, want) {
		t.Errorf("spec\n got %+v\nwant %+v", spec, want)
	}
	q := byKey("sign_in_through_graphql")
	if want := (&policy.GraphQL{Operations: []string{"SignIn", "Login"}, Types: []string{"mutation"}, Fields: []string{"signIn"},
		Hashes: []string{strings.Repeat("0123456789abcdef", 4)}}); !reflect.DeepEqual(q.Match.GraphQL, want) {
		t.Errorf("graphql %+v", q.Match.GraphQL)
	}
	for i, want := range []policy.Mapping{
		{Source: policy.SourceGraphQL, Name: "operation", Part: "operation", Element: "http_method"},
		{Source: policy.SourceGraphQL, Name: "input.email", Part: "variables", Path: []string{"input", "email"}, Element: "email"},
		{Source: policy.SourceGraphQL, Name: "input.tags[*]", Part: "arguments", Path: []string{"input", "tags", "[*]"}, Element: "product_id"},
		{Source: policy.SourceHeader, Name: "Authorization", Steps: []policy.Step{{Kind: policy.StepJWT, Path: []string{"sub"}}}, Element: "customer_id"},
		{Source: policy.SourceForm, Name: "data", Steps: []policy.Step{{Kind: policy.StepBase64}, {Kind: policy.StepJSON, Path: []string{"a.b", "c"}}}, Element: "order_id"},
		{Source: policy.SourceQuery, Name: "back", Steps: []policy.Step{{Kind: policy.StepQuery, Name: "promo"}}, Element: "promo_code"},
		{Source: policy.SourceCookie, Name: "saml", Steps: []policy.Step{{Kind: policy.StepBase64}, {Kind: policy.StepXML, Path: []string{"**", "NameID", "@Format"}}}, Element: "username"},
		{Source: policy.SourceMultipart, Name: "note", Element: "message"},
		{Source: policy.SourceFile, Name: "photo.of.me", Part: "sha256", Element: "device_fingerprint"},
		{Source: policy.SourceNDJSON, Name: "$.items[*].sku", Path: []string{"items", "[*]", "sku"}, Element: "product_id"},
		{Source: policy.SourceXML, Name: "/Envelope/Body/*/user", Path: []string{"Envelope", "Body", "*", "user"}, Element: "username"},
		{Source: policy.SourceProtobuf, Name: "2.1", Path: []string{"2", "1"}, Element: "username"},
	} {
		got := q.Request[i]
		got.Text, got.Pos = "", policy.Pos{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("source %d\n got %+v\nwant %+v", i, got, want)
		}
	}
	if r := q.Response[1]; r.Part != "hidden" || r.Name != "order" || !reflect.DeepEqual(r.Statuses, [][2]int{{200, 200}, {300, 399}}) {
		t.Errorf("response source %+v", r)
	}
	if want := ([]policy.OutcomeRule{
		{Outcome: journey.Failure, Headers: map[string]string{"X-Result": "declined*"}, SetCookies: []string{"sid", "auth"}, GRPC: []int{7, 16}, Trailers: map[string]string{"x-result": "held*"}},
		{Outcome: journey.Failure, XML: []policy.XMLRule{{Path: []string{"**", "faultcode"}, Equals: "*"}},
			JSON: []policy.JSONRule{{Path: []string{"ok"}, Equals: "false"}, {Path: []string{"errors", "[*]", "code"}, Equals: "7"}}},
	}); !reflect.DeepEqual(q.Outcome, want) {
		t.Errorf("outcome\n got %+v\nwant %+v", q.Outcome, want)
	}
	if m := byKey("pay_through_grpc").Match; m.GRPC != "shop.v1.Checkout/Pay" || !reflect.DeepEqual(m.Methods, []string{"POST"}) ||
		!reflect.DeepEqual(m.Path, []policy.Segment{{Literal: "shop.v1.Checkout"}, {Literal: "Pay"}}) {
		t.Errorf("grpc %+v", m)
	}
	label := *s.Labels[0]
	if label.When == nil || !label.Repeat || label.TTL != 7*24*time.Hour || label.Points != -5 || label.Severity != "trusted" ||
		label.Rollout != (policy.Rollout{Mode: policy.Percent, Percent: 20}) || !reflect.DeepEqual(label.Types, []journey.EventType{journey.Transaction}) {
		t.Errorf("label %+v", label)
	}
	sign := *s.Signatures[0]
	sign.Pos = policy.Pos{}
	if want := (policy.Signature{ID: "both", Title: "Both", All: []string{"listed"}, Any: []string{"other", "third"}, AtLeast: 2,
		Rating: journey.Malicious, Rollout: policy.Rollout{Mode: policy.Shadow}}); !reflect.DeepEqual(sign, want) {
		t.Errorf("signature %+v", sign)
	}
	flow := s.Workflows[0]
	if flow.When == nil || !reflect.DeepEqual(flow.Ratings, []journey.Rating{journey.Suspicious, journey.Malicious}) ||
		!reflect.DeepEqual(flow.Do, []string{"away", "tell"}) || flow.Rollout.Mode != policy.Live {
		t.Errorf("workflow %+v", flow)
	}
	for name, want := range map[string]policy.Action{
		"stop": {Type: journey.ActionBlock, Status: 429, Body: "Later.\n", ContentType: "text/html; charset=utf-8"},
		"away": {Type: journey.ActionRedirect, Status: 303, Location: "https://help.example/x"},
		"tell": {Type: journey.ActionTag, Header: "X-Risk", Value: "{rating} {labels}"},
	} {
		got := *s.Actions[name]
		want.Name, got.Pos = name, policy.Pos{}
		if got != want {
			t.Errorf("action %+v", got)
		}
	}
	if !reflect.DeepEqual(s.Lists["partners"].Values, map[string]bool{"a@example.com": true, "42": true, "true": true}) {
		t.Errorf("list %v", s.Lists["partners"].Values)
	}
	if s.Rating != (policy.RatingRules{Suspicious: 20, Malicious: 50}) ||
		s.Session.Timeout != 10*time.Minute || s.Session.MaxAge != 48*time.Hour || !slices.Equal(s.Session.Cookies, []string{"sid"}) ||
		!slices.Equal(s.Session.DeviceCookies, []string{"visitor", "__Host-device"}) || !slices.Equal(s.Session.Headers, []string{"X-CSRF-Token"}) ||
		!slices.Equal(sourcesOf(s.Session.RequestTokens), []string{"json $.token", "form.csrf"}) ||
		!slices.Equal(sourcesOf(s.Session.ResponseTokens), []string{"json $.token", "html.meta.csrf-token"}) {
		t.Errorf("%+v %+v", s.Rating, s.Session)
	}
	if len(s.Windows) != 2 { // the label's two; the workflow's is one of them
		t.Errorf("windows %v", s.Windows)
	}
}

// TestSpecificity holds which Spec comes first, wherever it stands in the file.
func TestSpecificity(t *testing.T) {
	for _, tt := range []struct{ name, first, second string }{
		{"literal before name", `path: /orders/new`, `path: "/orders/{id}"`},
		{"more literals", `path: "/a/b/{id}"`, `path: "/a/{x}/{id}"`},
		{"fewer wildcards", `path: "/a/b/*"`, `path: "/a/b/*/*"`},
		{"one segment before the rest", `path: "/a/*"`, `path: "/a/**"`},
		{"short before a longer rest", `path: "/{id}"`, `path: "/a/b/c/**"`},
		{"longer rest", `path: "/a/b/**"`, `path: "/a/**"`},
		{"path before none", `path: /a`, `method: POST`},
		{"exact host", `{host: shop.example, path: /a}`, `{host: "*.example", path: /a}`},
		{"host before none", `{host: "*.example", path: /a}`, `path: /a`},
		{"path before host", `path: /a`, `{path: "/{x}", host: shop.example}`},
		{"method", `{path: /a, method: GET}`, `path: /a`},
		{"method and type", `{path: /a, method: POST, content_type: application/json}`, `{path: /a, method: POST}`},
		{"accept", `{path: /a, accept: text/html}`, `path: /a`},
		{"method before headers", `{path: /a, method: GET}`, `{path: /a, header: {X-A: "1", X-B: "1"}}`},
		{"header", `{path: /a, header: {X-A: "*"}}`, `path: /a`},
		{"query", `{path: /a, query: {q: "*", v: "1"}}`, `{path: /a, query: {q: "*"}}`},
	} {
		doc := func(name, match string) string {
			if !strings.HasPrefix(match, "{") {
				match = "{" + match + "}"
			}
			return "kind: spec\nname: " + name + "\ntype: other\nmatch: " + match + "\n---\n"
		}
		one, two := doc("first", tt.first), doc("second", tt.second)
		for _, text := range []string{one + two, two + one} {
			if s := compile(t, map[string]string{"a.yaml": text}); s.Specs[0].Name != "first" {
				t.Errorf("%s: %s comes before %s", tt.name, tt.second, tt.first)
			}
		}
	}
	s := compile(t, map[string]string{
		"b.yaml": "kind: spec\nname: third\ntype: other\nmatch: {path: /a}\n",
		"a.yaml": "kind: spec\nname: first\ntype: other\nmatch: {path: /b}\n---\nkind: spec\nname: second\ntype: other\nmatch: {path: /c}\n",
	})
	if got := s.Specs[0].Name + s.Specs[1].Name + s.Specs[2].Name; got != "firstsecondthird" {
		t.Errorf("equal ones do not keep their order: %s", got)
	}
}

func TestLoad(t *testing.T) {
	const good = "kind: spec\nname: A\ntype: other\nmatch: {path: /a}\n"
	outside := filepath.Join(t.TempDir(), "secret.yaml")
	write := func(file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, file string) {
		t.Helper()
		if err := os.Symlink(to, file); err != nil {
			t.Fatal(err)
		}
	}
	write(outside, good)
	for _, tt := range []struct {
		name string
		set  func(dir string)
		want string // part of a fault; "": none
	}{
		{"sub folders and both endings", func(d string) {
			write(filepath.Join(d, "a.yaml"), good)
			write(filepath.Join(d, "sub", "b.yml"), strings.Replace(good, "A", "B", 1))
			write(filepath.Join(d, "notes.txt"), "not: [yaml")
			write(filepath.Join(d, ".git", "c.yaml"), "not: [yaml")
		}, ""},
		{"link within the folder", func(d string) {
			write(filepath.Join(d, "..data", "a.yaml"), good)
			link("..data/a.yaml", filepath.Join(d, "a.yaml"))
		}, ""},
		{"link out of the folder", func(d string) {
			write(filepath.Join(d, "a.yaml"), strings.Replace(good, "A", "B", 1))
			link(outside, filepath.Join(d, "b.yaml"))
		}, "b.yaml:1:1: can't be read: "},
		{"relative link out of the folder", func(d string) {
			link("../../"+filepath.Base(filepath.Dir(outside))+"/secret.yaml", filepath.Join(d, "b.yaml"))
		}, "b.yaml:1:1: can't be read: "},
		{"folder named like a file", func(d string) {
			write(filepath.Join(d, "a.yaml"), good)
			write(filepath.Join(d, "x", "y"), "")
			link("x", filepath.Join(d, "b.yaml"))
		}, "b.yaml:1:1: can't be read: not a regular file"},
		{"empty folder", func(string) {}, "holds no *.yaml file"},
		{"too large", func(d string) {
			write(filepath.Join(d, "a.yaml"), good+strings.Repeat("# filler\n", 120_000))
		}, "a.yaml:1:1: has "},
		{"too many", func(d string) {
			for i := range 501 {
				write(filepath.Join(d, "f"+strings.Repeat("x", i/26)+string(rune('a'+i%26))+".yaml"), "# nothing\n")
			}
		}, "holds more than 500 files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.set(dir)
			snap, list := policy.Load(dir)
			if tt.want == "" {
				if snap == nil || len(list) > 0 {
					t.Fatalf("faults:\n%s", lines(list))
				}
				return
			}
			if snap != nil || !strings.Contains(lines(list), tt.want) {
				t.Errorf("snapshot %v; got:\n%s", snap != nil, lines(list))
			}
		})
	}
	if snap, list := policy.Load(filepath.Join(t.TempDir(), "absent")); snap != nil || len(list) != 1 {
		t.Errorf("an absent folder: %v", list)
	}
}

// FuzzCompile holds that no text makes Compile panic, and that it answers either
// a Snapshot or faults that each fill one line.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/every_field.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, doc := range strings.Split(string(text), "\n---\n") {
			f.Add(doc)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		snap, list := policy.Compile(map[string]string{"f.yaml": text})
		if (snap == nil) != (len(list) > 0) {
			t.Fatalf("snapshot %v with %d faults", snap != nil, len(list))
		}
		for _, fault := range list {
			if fault.Line < 1 || fault.Col < 1 || fault.Wrong == "" || fault.Right == "" || strings.ContainsAny(fault.String(), "\n\r") {
				t.Fatalf("not one whole line: %q", fault)
			}
		}
	})
}

func sourcesOf(all []policy.Mapping) (out []string) {
	for _, m := range all {
		out = append(out, m.Text)
	}
	return out
}

// TestTokensAreEverySpecs reads them with each Spec, whichever document stands first,
// and nothing without the session naming them.
func TestTokensAreEverySpecs(t *testing.T) {
	const spec = "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n"
	s, faults := policy.Compile(map[string]string{"a.yaml": spec, "b.yaml": "kind: session\ntokens: json $.token\n"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := s.Specs[0]; len(got.RequestTokens) != 1 || len(got.ResponseTokens) != 1 || got.ResponseTokens[0].Source != policy.SourceJSON {
		t.Errorf("%+v", got)
	}
	if s, _ = policy.Compile(map[string]string{"a.yaml": spec}); len(s.Specs[0].RequestTokens)+len(s.Specs[0].ResponseTokens) != 0 {
		t.Errorf("%+v", s.Specs[0])
	}
}
