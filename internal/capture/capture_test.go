package capture

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

func capturer(t testing.TB) *Capturer {
	t.Helper()
	h, err := element.NewHasher([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return New(h, "US")
}

func exchange(h *wire.Head, body string) *wire.Exchange {
	return &wire.Exchange{Conn: wire.Conn{Client: netip.MustParseAddr("192.0.2.9")}, Request: *h,
		ReqBody: wire.Body{Bytes: []byte(body), Seen: true}}
}

// values are the elements given as ID to value; an invalid one as !reason.
func values(all []journey.Element) map[string]string {
	out := map[string]string{}
	for _, e := range all {
		v := e.Value
		if e.Invalid != "" {
			v = "!" + e.Invalid
		}
		out[e.ID] = v
	}
	return out
}

func wants(t *testing.T, got, want map[string]string) {
	t.Helper()
	for id, v := range want {
		if got[id] != v {
			t.Errorf("%s is %q, want %q", id, got[id], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}

const everySource = `
kind: spec
name: All
type: transaction
match: {method: POST, path: "/shop/{shop}/order/{id}"}
request:
  path: url_path
  path.id: order_id
  query.q: search_query
  header.X-Account: account_name
  cookie.cart: cart_id
  form.email: email
  form.card: card_number
  form.phone: phone
response:
  status: response_status
  header.X-Reason: failure_reason
  set-cookie.customer: customer_id
  json $.total[0].amount: transaction_amount
`

func TestEverySource(t *testing.T) {
	s := compile(t, everySource).Specs[0]
	c := capturer(t)
	x := exchange(head("POST", "/shop/a%62c/order/O-7%20?q=red+shoes&x=secret1", "X-Account", "Ann", "Cookie", "a=secret2",
		"cookie", "cart=C9; b=secret3"), "email=Ann%40Example.com&card=4111+1111+1111+1111&password=secret4&phone=(415)+555-0101")
	got := c.Request(NewPlan(s), x)
	by := values(got)
	if len(by["card_number"]) < 16 || strings.Contains(by["card_number"], "1111") {
		t.Errorf("the card is %q", by["card_number"])
	}
	delete(by, "card_number")
	wants(t, by, map[string]string{"ip": "192.0.2.9", "url_path": "/shop/a%62c/order/O-7%20", "order_id": "O-7",
		"search_query": "red shoes", "account_name": "Ann", "cart_id": "C9", "email": "ann@example.com",
		"card_bin": "411111", "card_last4": "1111", "card_brand": "visa", "phone": "+14155550101",
		"email_domain": "example.com", "phone_country": "US", "phone_type": "fixed_line_or_mobile", "phone_digits": "4155550101"})
	for _, e := range got {
		if d, _ := element.Lookup(e.ID); d.Entity != e.Entity || e.Entity != (e.Hash > 0) {
			t.Errorf("%+v: entity or hash", e)
		}
	}

	x.Response = wire.Head{Status: 402, Fields: []wire.Field{{Name: "x-reason", Value: "declined"},
		{Name: "Set-Cookie", Value: `other=1; customer=no`}, {Name: "set-cookie", Value: `customer="K1"; Path=/`}}}
	x.RespBody = wire.Body{Bytes: zip(t, `{"total": [{"amount": 12.50}]}`)}
	x.Response.Fields = append(x.Response.Fields, wire.Field{Name: "Content-Encoding", Value: "gzip"})
	wants(t, values(c.Response(NewPlan(s), x, nil)), map[string]string{"response_status": "402", "failure_reason": "declined",
		"customer_id": "K1", "transaction_amount": values(c.Response(NewPlan(s), x, nil))["transaction_amount"]})
	if v := values(c.Response(NewPlan(s), x, nil))["transaction_amount"]; v != "12.5" && v != "12.50" {
		t.Errorf("the amount is %q", v)
	}
}

// TestWhatIsMissingOrWrong tells of what could not be read, and never shows it.
func TestWhatIsMissingOrWrong(t *testing.T) {
	s := compile(t, everySource).Specs[0]
	c := capturer(t)
	got := values(c.Request(NewPlan(s), exchange(head("POST", "/shop/a/order/7"), "email=nonsense&card=4111111111111112&phone=")))
	wants(t, got, map[string]string{"ip": "192.0.2.9", "url_path": "/shop/a/order/7", "order_id": "7",
		"email": "!not an e-mail address", "card_number": "!not a card number: wrong check digit"})
	got = values(c.Request(NewPlan(s), exchange(head("POST", "/shop/a/order/7", "Content-Encoding", "compress"), "xyz")))
	if got["email"] != "!content encoding not supported" {
		t.Errorf("%v", got)
	}
	x := exchange(head("POST", "/shop/a/order/7"), "phone=4155550101&email=ann@example.com.e")
	x.ReqBody.Truncated = true
	got = values(c.Request(NewPlan(s), x))
	if _, half := got["email"]; half || got["phone"] != "+14155550101" {
		t.Errorf("of a cut form: %v", got)
	}
}

func TestNeeds(t *testing.T) {
	for text, want := range map[string][2]bool{
		"request: {query.q: search_query}":                {false, false},
		"request: {form.q: search_query}":                 {true, false},
		"request: {json $.q: search_query}":               {true, false},
		"response: {status: response_status}":             {false, false},
		"response: {json $.id: order_id}":                 {false, true},
		"outcome: [{is: failure, status: 422}]":           {false, false},
		"outcome: [{is: failure, body: wrong}]":           {false, true},
		"outcome: [{is: success, json: {$.ok: true}}]":    {false, true},
		"outcome: [{is: success, location: '*/welcome'}]": {false, false},
	} {
		s := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n"+text+"\n").Specs[0]
		if q, r := NewPlan(s).Needs(); [2]bool{q, r} != want {
			t.Errorf("%s: %v %v", text, q, r)
		}
	}
}

// TestOnlyMappedValuesLeave puts a canary into every place of an exchange that no
// mapping names, and into the sensitive ones that are: none may come out.
func TestOnlyMappedValuesLeave(t *testing.T) {
	const canary = "cAnArY7391"
	snap := compile(t, everySource+`
---
kind: spec
name: By JSON
type: account_create
match: {method: POST, path: /json}
request:
  json $.user.email: email
  json $.ssn: ssn
  json $.user.list[1]: username
response: {json $.id: customer_id}
outcome: [{is: success, json: {$.state: done}}, {is: failure, body: wrong}]
`)
	c := capturer(t)
	for _, s := range snap.Specs {
		for _, encoding := range []string{"", "gzip"} {
			body := `{"` + canary + `": 1, "user": {"email": "ann@example.com", "pw": "` + canary + `", "list": ["` + canary + `", "u1", {"x": "` + canary +
				`"}]}, "ssn": "123-45-6789", "more": "` + canary + `"}`
			if s.Name == "All" {
				body = canary + "=1&email=ann%40example.com&pw=" + canary + "&card=4111111111111111&phone=" + canary + "&phone=" + canary
			}
			raw := []byte(body)
			if encoding != "" {
				raw = zip(t, body)
			}
			x := exchange(head("POST", "/shop/"+canary+"/order/7?"+canary+"="+canary+"&q=x", "Authorization", "Bearer "+canary+canary,
				"Cookie", "sid="+canary+canary+"; "+canary+"="+canary+canary+"; cart=1", "X-"+canary, canary, "Content-Encoding", encoding,
				"Referer", "https://x.example/"+canary), "")
			if s.Name == "All" { // its path is mapped whole
				x.Request.Target = "/shop/a/order/7?" + canary + "=" + canary
			}
			x.ReqBody.Bytes = raw
			x.Response = wire.Head{Status: 200, Reason: canary, Fields: []wire.Field{{Name: "Set-Cookie", Value: "sid=" + canary + canary + "; HttpOnly"},
				{Name: "Location", Value: "/" + canary}, {Name: canary, Value: canary}}}
			x.RespBody.Bytes = []byte(`{"id": "K1", "state": "` + canary + `", "` + canary + `": 2}`)
			o := journey.Observation{Keys: c.Keys(snap, &x.Request), Elements: c.Request(NewPlan(s), x), Learned: c.Learned(snap, x), Outcome: c.Outcome(NewPlan(s), x)}
			o.Elements = append(o.Elements, c.Response(NewPlan(s), x, nil)...)
			out, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, never := range []string{strings.ToLower(canary), "4111111111111111", "123456789", "123-45-6789"} {
				if strings.Contains(strings.ToLower(string(out)), never) {
					t.Errorf("%s: %q came out: %s", s.Name, never, out)
				}
			}
			if values(o.Elements)["email"] != "ann@example.com" || len(o.Keys) < 2 || len(o.Learned) != 1 {
				t.Errorf("%s %q: what is mapped is missing: %s", s.Name, encoding, out)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	const long = "0123456789abcdef"
	learned := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n")
	named := compile(t, "kind: session\ncookies: [basket]\n---\nkind: spec\nname: S\ntype: other\nmatch: {path: /x}\n")
	c := capturer(t)
	kinds := func(keys []journey.Key) string {
		var out []string
		for _, k := range keys {
			s := k.Kind
			if k.Named {
				s += "!"
			}
			out = append(out, s)
		}
		return strings.Join(out, " ")
	}
	for _, q := range []struct {
		snap   *policy.Snapshot
		fields []string
		want   string
	}{
		{learned, nil, ""},
		{learned, []string{"Cookie", "sid=" + long}, "cookie!"},
		{learned, []string{"Cookie", "sid=short"}, ""},
		{learned, []string{"Cookie", "_ga=" + long + "; JSESSIONID=" + long, "cookie", "__Host-session=" + long}, "cookie! cookie! cookie"},
		{learned, []string{"Authorization", "bearer  " + long}, "bearer!"},
		{learned, []string{"Authorization", "Basic " + long}, ""},
		{learned, []string{"Authorization", "Bearer short"}, ""},
		{named, []string{"Cookie", "sid=" + long + "; basket=" + long, "Authorization", "Bearer " + long}, "bearer! cookie!"},
		{learned, []string{"Cookie", strings.Repeat("sid="+long+"; ", 50)}, "cookie!"},
		{learned, []string{"Authorization", "Basic " + long, "authorization", "Bearer " + long}, "bearer!"},
	} {
		if got := kinds(c.Keys(q.snap, head("GET", "/", q.fields...))); got != q.want {
			t.Errorf("request %v: %q, want %q", q.fields, got, q.want)
		}
	}
	for _, r := range []struct {
		snap  *policy.Snapshot
		value string
		want  string
	}{
		{learned, "sid=" + long, "cookie!"},
		{learned, "x=" + long + "; Path=/; httponly", "cookie"},
		{learned, "x=" + long + "; Path=/", ""},
		{learned, "sid=short; HttpOnly", ""},
		{learned, "sid=" + long + "; max-age=0", ""},
		{learned, "sid=" + long + "; Max-Age=-1", ""},
		{learned, "sid=" + long + "; Max-Age=60", "cookie!"},
		{learned, "sid=" + long + "; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ""},
		{learned, "sid=" + long + "; expires=Thu, 01-Jan-70 00:00:00 GMT", ""},
		{learned, "sid=" + long + "; Expires=Tue, 12-Oct-1999 04:00:00 GMT", ""},
		{learned, "sid=" + long + "; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "cookie!"},
		{learned, "sid=" + long + "; Expires=soon", "cookie!"},
		{learned, "no pair at all and quite long", ""},
		{named, "sid=" + long + "; HttpOnly", ""},
		{named, "basket=" + long, "cookie!"},
	} {
		x := &wire.Exchange{Response: wire.Head{Fields: []wire.Field{{Name: "set-cookie", Value: r.value}}}}
		if got := kinds(c.Learned(r.snap, x)); got != r.want {
			t.Errorf("response %q: %q, want %q", r.value, got, r.want)
		}
	}
	// What a response teaches is what the next request carries.
	set := c.Learned(learned, &wire.Exchange{Response: wire.Head{Fields: []wire.Field{{Name: "Set-Cookie", Value: `sid="` + long + `"; HttpOnly`}}}})
	sent := c.Keys(learned, head("GET", "/", "Cookie", "a=b; sid="+long))
	other := c.Keys(learned, head("GET", "/", "Cookie", "sid2="+long+"; session="+long))
	if len(set) != 1 || len(sent) != 1 || set[0] != sent[0] || other[0].Hash == sent[0].Hash || other[1].Hash == sent[0].Hash {
		t.Errorf("set %v, sent %v, other %v", set, sent, other)
	}
}

func TestOutcome(t *testing.T) {
	plainSpec := compile(t, "kind: spec\nname: S\ntype: other\nmatch: {path: /x}\n").Specs[0]
	s := compile(t, `
kind: spec
name: S
type: other
match: {path: /x}
outcome:
  - {is: failure, status: 200-299, body: Wrong password}
  - {is: success, json: {$.user.ok: true}}
  - {is: success, status: [301-303, 307], location: "*/welcome*"}
  - {is: failure, status: 302}
`).Specs[0]
	c := capturer(t)
	for _, q := range []struct {
		spec           *policy.Spec
		status         int
		location, body string
		want           journey.Outcome
	}{
		{plainSpec, 200, "", "", journey.Success}, {plainSpec, 304, "", "", journey.Success}, {plainSpec, 401, "", "", journey.Failure},
		{plainSpec, 500, "", "", journey.OriginError}, {plainSpec, 0, "", "", journey.OriginError},
		{s, 200, "", "<p>Wrong password</p>", journey.Failure}, {s, 400, "", `{"user": {"ok": true}}`, journey.Success},
		{s, 400, "", `{"user": {"ok": "true"}}`, journey.Success}, {s, 400, "", `{"user": {"ok": false}}`, journey.Failure},
		{s, 302, "https://x.example/welcome?a", "", journey.Success}, {s, 302, "/login", "", journey.Failure},
		{s, 304, "/welcome", "", journey.Success}, {s, 503, "/welcome", "Wrong password", journey.OriginError},
	} {
		x := &wire.Exchange{Response: wire.Head{Status: q.status}, RespBody: wire.Body{Bytes: []byte(q.body)}}
		if q.location != "" {
			x.Response.Fields = []wire.Field{{Name: "Location", Value: q.location}}
		}
		if got := c.Outcome(NewPlan(q.spec), x); got != q.want {
			t.Errorf("%d %q %q: %q, want %q", q.status, q.location, q.body, got, q.want)
		}
	}
	x := &wire.Exchange{Response: wire.Head{Status: 200, Fields: []wire.Field{{Name: "Content-Encoding", Value: "gzip"}}},
		RespBody: wire.Body{Bytes: zip(t, "Wrong password")}}
	if got := c.Outcome(NewPlan(s), x); got != journey.Failure {
		t.Errorf("compressed: %q", got)
	}
	x.RespBody.Bytes = []byte("not gzip: Wrong password")
	if got := c.Outcome(NewPlan(s), x); got != journey.Success {
		t.Errorf("damaged: %q", got)
	}
}
