package engine

import (
	"context"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

const operations = `
kind: spec
name: Sign-in
type: authentication_attempt
match: {path: /graphql, graphql: {field: signIn}}
processing: sync
max_body: 128KiB
oversize: refuse
request: {graphql.arguments.email: username}
---
kind: spec
name: Product
type: product_view
match: {path: /graphql, graphql: {field: product}}
response: {json $.data.product.name: product_name}
---
kind: spec
name: Feed
type: content
match: {path: /feed, graphql: {field: feed}}
---
kind: spec
name: Feed page
type: page_view
match: {path: /feed, method: POST}
`

func (w *world) load(text string) *policy.Snapshot {
	w.t.Helper()
	snap, faults := policy.Compile(bundle(text))
	if len(faults) > 0 {
		w.t.Fatal(faults)
	}
	if err := w.e.SetPolicy(w.t.Context(), snap); err != nil {
		w.t.Fatal(err)
	}
	return snap
}

// TestOperationsAreKnownByTheirBody asks for what the most demanding Spec needs,
// and makes an Event of the one that the body names, or none.
func TestOperationsAreKnownByTheirBody(t *testing.T) {
	for _, c := range []struct {
		mode               site.Mode
		method, path, body string
		head               wire.Decision
		name, phases       string
	}{
		{site.Active, "POST", "/graphql", `{"query": "mutation { signIn(email: \"ann\") }"}`,
			wire.Decision{Request: wire.BodyHold, Response: wire.BodyCopy, Limit: 128 << 10, Refuse: true}, "Sign-in", "request! response"},
		{site.Active, "POST", "/graphql", `{"query": "{ product { name } }"}`,
			wire.Decision{Request: wire.BodyHold, Response: wire.BodyCopy, Limit: 128 << 10, Refuse: true}, "Product", "complete"},
		{site.Active, "POST", "/graphql", `{"query": "{ shop }"}`,
			wire.Decision{Request: wire.BodyHold, Response: wire.BodyCopy, Limit: 128 << 10, Refuse: true}, "", ""},
		{site.PassThrough, "POST", "/graphql", `{"query": "mutation { signIn }"}`,
			wire.Decision{Request: wire.BodyHold, Response: wire.BodyCopy, Limit: 128 << 10}, "Sign-in", "request! response"},
		{site.Mirror, "POST", "/graphql", `{"query": "mutation { signIn }"}`,
			wire.Decision{Request: wire.BodyCopy, Response: wire.BodyCopy, Limit: 128 << 10}, "Sign-in", "complete"},
		{site.Active, "GET", "/graphql?query=%7Bproduct%7D", "", wire.Decision{Request: wire.BodyCopy, Response: wire.BodyCopy, Limit: 64 << 10}, "Product", "complete"},
		{site.Active, "GET", "/graphql?query=%7Bshop%7D", "", wire.Decision{}, "", ""},
		{site.Active, "POST", "/feed", `{"query": "{ feed }"}`, wire.Decision{Request: wire.BodyCopy, Limit: 64 << 10}, "Feed", "complete"},
		{site.Active, "POST", "/feed", `{"other": 1}`, wire.Decision{Request: wire.BodyCopy, Limit: 64 << 10}, "Feed page", "complete"},
	} {
		w := newWorld(t)
		w.load(operations)
		x := w.exchange(c.mode, c.method, c.path, "Content-Type", "application/json")
		d := w.e.Decide(x, wire.PhaseRequestHead)
		if c.method == "GET" {
			d.Request = c.head.Request // it has no body
		}
		if !same(d, c.head) {
			t.Errorf("%s %s in %s: asks for %+v", c.path, c.body, c.mode, d)
		}
		if len(w.judge.seen) > 0 {
			t.Errorf("%s %s: judged before the body", c.path, c.body)
		}
		x.ReqBody = wire.Body{Bytes: []byte(c.body), Seen: true}
		if d.Request == wire.BodyHold {
			w.e.Decide(x, wire.PhaseRequestBody)
		}
		respond(x, 200)
		x.RespBody = wire.Body{Bytes: []byte(`{"data": {"product": {"name": "Shoe"}}}`), Seen: true}
		w.e.Decide(x, wire.PhaseResponseHead)
		w.e.Decide(x, wire.PhaseEnd)
		got := ""
		if len(w.judge.seen) > 0 {
			got = w.judge.seen[0].Name
		}
		if phases := w.phases(); got != c.name || phases != c.phases {
			t.Errorf("%s %s in %s: %q with %q, want %q with %q", c.path, c.body, c.mode, got, phases, c.name, c.phases)
		}
		if matched := w.e.Stats().Matched; (matched == 1) != (c.name != "") || x.Activities != int(matched) {
			t.Errorf("%s %s: %d matched, %d activities", c.path, c.body, matched, x.Activities)
		}
	}
}

// TestAnOriginThatAnswersFirst does not hide the operation: the rest of the request
// is awaited.
func TestAnOriginThatAnswersFirst(t *testing.T) {
	w := newWorld(t)
	w.load(operations)
	x := w.exchange(site.Active, "POST", "/feed")
	w.e.Decide(x, wire.PhaseRequestHead)
	respond(x, 200)
	w.e.Decide(x, wire.PhaseResponseHead)
	x.ReqBody = wire.Body{Bytes: []byte(`{"query": "{ feed }"}`), Seen: true}
	w.e.Decide(x, wire.PhaseEnd)
	if len(w.judge.seen) != 1 || w.judge.seen[0].Name != "Feed" {
		t.Errorf("%+v", w.judge.seen)
	}
}

// idle takes observations and forgets them.
type idle struct{}

func (idle) Submit(context.Context, *journey.Observation) (journey.Verdict, error) {
	return journey.Verdict{}, nil
}
func (idle) Observe(*journey.Observation, bool) error { return nil }

func (idle) Mirror(*journey.Observation) error { return nil }

// BenchmarkCaptured is a whole Event on the request path: matched, both bodies read,
// keys and user agent included, up to what the judge is given.
func BenchmarkCaptured(b *testing.B) {
	w := newWorld(b)
	snap := w.load(`
kind: spec
name: Login through API
type: authentication_attempt
match: {method: POST, path: /api/login, content_type: application/json}
request:
  json $.user.email: [email, username]
  json $.device.id: device_fingerprint
  json $.app.version: app_version
  query.lang: language
response:
  status: response_status
  json $.customer.id: customer_id
  json $.error.code: failure_reason
outcome:
  - {is: success, json: {$.ok: true}}
`)
	s := *w.site
	w.e = New(Config{Sites: []*site.Site{&s}, Judges: map[int]Judge{0: idle{}}, Capture: w.e.cfg.Capture, Enrich: w.e.cfg.Enrich, Shed: w.shed, Clock: w.e.cfg.Clock})
	if err := w.e.SetPolicy(b.Context(), snap); err != nil {
		b.Fatal(err)
	}
	x := w.exchange(site.Active, "POST", "/api/login?lang=en", "Host", "shop.example", "Content-Type", "application/json", "Accept", "application/json", "Accept-Language", "en",
		"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"Cookie", "sid=0123456789abcdef0123456789abcdef; theme=dark; consent=all")
	x.ReqBody = wire.Body{Bytes: []byte(`{"user": {"email": "Ann@Example.com", "password": "correct horse"}, "device": {"id": "d-0123456789abcdef"}, "app": {"version": "7.12.0"}}`), Seen: true}
	respond(x, 200, "Content-Type", "application/json", "Set-Cookie", "sid=fedcba9876543210fedcba9876543210; HttpOnly; Secure")
	x.RespBody = wire.Body{Bytes: []byte(`{"ok": true, "customer": {"id": "C-1042", "name": "Ann"}}`), Seen: true}
	b.ReportAllocs()
	for b.Loop() {
		x.Note = nil
		w.e.Decide(x, wire.PhaseRequestHead)
		w.e.Decide(x, wire.PhaseResponseHead)
		w.e.Decide(x, wire.PhaseEnd)
	}
	if w.e.Stats().Matched == 0 {
		b.Fatal("nothing matched")
	}
}
