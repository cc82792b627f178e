package discovery

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// request is one that visitor n sends at second t.
func request(n, t int, method, target, contentType, body string) *wire.Exchange {
	x := &wire.Exchange{Site: "shop", Start: int64(t) * 1_000_000, Conn: wire.Conn{Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})}}
	x.Request = wire.Head{Method: method, Target: target}
	if contentType != "" {
		x.Request.Fields = []wire.Field{{Name: "Content-Type", Value: contentType}}
		x.ReqBody = wire.Body{Bytes: []byte(body), Seen: true}
	}
	x.Response.Status = 200
	return x
}

// send has so many visitors send a request.
func send(l *Learner, visitors int, make func(n int) *wire.Exchange) {
	for n := range visitors {
		x := make(n)
		if look, _ := l.Wants(x); look {
			l.Learn(x)
		}
	}
}

func login(n int) *wire.Exchange {
	x := request(n, n, "POST", "/api/session?utm_source=mail", "application/json; charset=utf-8",
		fmt.Sprintf(`{"email": "ann%d@example.com", "password": "secret%d", "device": {"os": "x", "list": [{"kind": 1}]}}`, n, n))
	x.Response.Status = 401
	return x
}

func shapes(t *testing.T, l *Learner) map[string]Shape {
	t.Helper()
	out := map[string]Shape{}
	for _, s := range l.Shapes("") {
		out[s.Method+" "+s.Path] = s
	}
	return out
}

func TestAShapeIsLearntOnceSeveralVisitorsHaveSentIt(t *testing.T) {
	l := New()
	for range 50 { // however often one comes
		send(l, Visitors-1, login)
	}
	if got := l.Shapes(""); len(got) != 0 || l.Stats().Waiting == 0 {
		t.Fatalf("%d visitors sufficed: %+v", Visitors-1, got)
	}
	send(l, Visitors+3, login)
	s, ok := shapes(t, l)["POST /api/session"]
	if !ok || s.Type != "application/json" || s.Statuses["4xx"] != s.Count || s.Count == 0 {
		t.Fatalf("%+v", l.Shapes(""))
	}
	var names []string
	for _, f := range s.Fields {
		names = append(names, f.In+" "+f.Name)
	}
	if want := []string{"json $.device.list[*].kind", "json $.device.os", "json $.email", "json $.password", "query utm_source"}; !reflect.DeepEqual(names, want) {
		t.Fatalf("%q", names)
	}
	if s.Fields[2].Kinds["email"] == 0 || s.Fields[0].Kinds["integer"] == 0 {
		t.Fatalf("%+v", s.Fields)
	}
}

// TestNoValueIsKept sends values wherever there is room for them, each many times
// and by many visitors where they look like values, and a different word each time
// where they do not; then looks for them in all that the Learner holds.
func TestNoValueIsKept(t *testing.T) {
	l := New()
	r := rand.New(rand.NewPCG(1, 2))
	canary := func() string { // no digits: nothing shows that it is a value
		var b strings.Builder
		b.WriteString("cnry")
		for range 8 {
			b.WriteByte(byte('a' + r.IntN(26)))
		}
		return b.String()
	}
	fixed := []string{"cnry1234567", "ann.cnry@example.com", "cnry%40example.com", "123e4567-cnry-12d3-a456-426614174000", "cnryé", "cnry one", "CNRY99X88Y7"}
	for i := range 4000 {
		n, c := i%200, fixed[i%len(fixed)]
		for _, x := range []*wire.Exchange{
			request(n, i, "GET", "/user/"+canary(), "", ""),                        // a word each time
			request(n, i, "GET", "/user/"+c+"/orders/"+canary(), "", ""),           // a value
			request(n, i, "GET", "/search?q="+c+"&"+c+"=1&"+canary()+"=2", "", ""), // values and names
			request(n, i, "POST", "/api/save", "application/json", fmt.Sprintf(`{"text": %q, "by": {%q: {"x": 1}}, %q: true, "list": [%q]}`, canary(), canary(), c, c)),
			request(n, i, "POST", "/form", formType, "note="+canary()+"&"+canary()+"="+canary()),
			request(n, i, "POST", "/x", "application/"+canary(), "{}"),
			request(n, i, "CNRY", "/x", "", ""),
		} {
			if look, _ := l.Wants(x); look {
				l.Learn(x)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "discovery.json")
	if err := l.Save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// In memory too: all that it holds is printed, hashes as numbers.
	held := fmt.Sprintf("%+v %+v %+v", l.Shapes(""), l.waiting, l.beside) + string(text) + fmt.Sprintf("%+v", Propose(l.Shapes("")))
	for key, s := range l.shapes {
		held += key + fmt.Sprintf("%+v", *s)
	}
	low := strings.ToLower(held)
	if i := strings.Index(low, "cnry"); i >= 0 {
		t.Fatalf("a value is kept: …%s…", held[max(0, i-80):min(len(held), i+60)])
	}
	got := shapes(t, l)
	for _, want := range []string{"GET /user/{id}", "GET /search", "POST /api/save", "POST /form"} {
		if got[want].Count == 0 {
			t.Errorf("%s was not learnt: the test shows little", want)
		}
	}
	names := fmt.Sprint(got["POST /api/save"].Fields)
	if !strings.Contains(names, "$.text") || !strings.Contains(names, "$.list[*]") {
		t.Errorf("names of fields: %s", names)
	}
	if len(l.shapes) > maxShapes || len(l.waiting) > maxWaiting || len(l.beside) > maxWaiting {
		t.Errorf("it holds %d shapes, %d words and %d places", len(l.shapes), len(l.waiting), len(l.beside))
	}
}

// A public page of one person is a word that many ask for, until it shows that
// there are many such pages.
func TestWhatTurnsOutToBeValuesIsForgotten(t *testing.T) {
	l := New()
	send(l, 10, func(n int) *wire.Exchange { return request(n, n, "GET", "/user/cnrypublic", "", "") })
	send(l, 10, func(n int) *wire.Exchange {
		return request(n, n, "POST", "/save", "application/json", `{"friends": {"cnryfriend": true}, "size": 1}`)
	})
	if len(l.Shapes("")) != 2 {
		t.Fatalf("%+v", l.Shapes(""))
	}
	for i := range maxSiblings + 1 {
		name := "other" + strings.Repeat("x", i)
		l.Learn(request(1, 100+i, "GET", "/user/"+name, "", ""))
		l.Learn(request(1, 100+i, "POST", "/save", "application/json", fmt.Sprintf(`{"friends": {%q: true}}`, name)))
	}
	if s := fmt.Sprintf("%+v", l.Shapes("")); strings.Contains(s, "cnry") || !strings.Contains(s, "$.size") {
		t.Fatalf("%s", s)
	}
}

func TestItGoesOnWhereItWas(t *testing.T) {
	l := New()
	send(l, 10, login)
	path := filepath.Join(t.TempDir(), "discovery.json")
	if err := l.Save(path); err != nil {
		t.Fatal(err)
	}
	again := New()
	if err := again.Load(path); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.Shapes(""), l.Shapes("")) {
		t.Fatalf("%+v\n%+v", again.Shapes(""), l.Shapes(""))
	}
	before := again.Shapes("")[0].Count
	send(again, 1, login) // one who is not new to it any more
	if got := again.Shapes("")[0]; got.Count != before+1 || got.Fields[2].Kinds["email"] != before+1 {
		t.Fatalf("%+v", got)
	}
	again.Clear()
	if err := again.Save(path); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || len(got) != 0 {
		t.Fatalf("%v %v", got, err)
	}
	if err := os.WriteFile(path, []byte(`{"version": 9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := New().Load(path); err == nil {
		t.Fatal("a newer file was read")
	}
}

func TestSoManyInASecond(t *testing.T) {
	l := New()
	looked := 0
	for range 1000 {
		if look, _ := l.Wants(request(1, 7, "GET", "/a", "", "")); look {
			looked++
		}
	}
	if looked != perSecond || l.Stats().Missed != 1000-perSecond {
		t.Fatalf("%d looked at, %+v", looked, l.Stats())
	}
	if look, _ := l.Wants(request(1, 8, "GET", "/style.css", "", "")); look {
		t.Error("a style sheet is looked at")
	}
	if look, body := l.Wants(request(1, 9, "POST", "/a", "image/png", "")); !look || body {
		t.Errorf("an upload of a picture: %v, its body %v", look, body)
	}
}

// The exchange's strings are views of a buffer that the next request overwrites.
func TestNothingOfALentExchangeIsKept(t *testing.T) {
	l := New()
	for n := range Visitors + 2 {
		buffer := []byte("POST/api/session?next=xapplication/json")
		view := func(from, to int) string { return unsafe.String(&buffer[from], to-from) }
		x := request(n, n, view(0, 4), view(4, 23), "", "")
		x.Request.Fields = []wire.Field{{Name: "Content-Type", Value: view(23, len(buffer))}}
		x.ReqBody = wire.Body{Bytes: []byte(`{"email": 1}`), Seen: true}
		if look, _ := l.Wants(x); look {
			l.Learn(x)
		}
		for i := range buffer {
			buffer[i] = '#'
		}
	}
	if s := fmt.Sprintf("%+v", l.Shapes("")); strings.Contains(s, "#") || !strings.Contains(s, "Method:POST Path:/api/session Type:application/json") || !strings.Contains(s, "Name:next") {
		t.Fatal(s)
	}
}

func TestItNeverWaits(t *testing.T) {
	l := New()
	l.mu.Lock()
	l.Learn(login(1)) // would hang
	l.mu.Unlock()
	if l.Stats().Missed != 1 {
		t.Error("not counted")
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				x := login(i)
				x.Start += int64(g) * 1_000_000_000
				if look, _ := l.Wants(x); look {
					l.Learn(x)
				}
			}
		})
	}
	_ = l.Shapes("")
	wg.Wait()
}

func TestProposalsSayWhatTheySeeAndCompile(t *testing.T) {
	l := New()
	form := func(path, body string) func(n int) *wire.Exchange {
		return func(n int) *wire.Exchange { return request(n, n, "POST", path, formType, body) }
	}
	send(l, 10, login)
	for path, body := range map[string]string{
		"/signup": "name=A&email=a%40b.com&password=x", "/checkout/pay": "card=4111111111111111&cvv=123&amount=1.50&currency=USD",
		"/user/otp": "otp=123456", "/forgot": "email=a%40b.com", "/cart/add": "sku=abc&qty=2", "/coupon": "coupon=WELCOME", "/profile": "phone=4155550101&display-name=x",
		"/odd": "field=1",
	} {
		send(l, 10, form(path, body))
	}
	send(l, 10, func(n int) *wire.Exchange { return request(n, n, "GET", fmt.Sprintf("/product/%d", n), "", "") })
	send(l, 10, func(n int) *wire.Exchange { return request(n, n, "GET", "/find?q=shoes", "", "") })
	got := map[string]Proposal{}
	bundle := map[string]string{}
	for i, p := range Propose(l.Shapes("")) {
		got[p.Says] = p
		bundle[fmt.Sprintf("%d.yaml", i)] = p.YAML
		for _, m := range p.Maps {
			if d, ok := element.Lookup(m.Element); !ok || !d.Mapped() {
				t.Errorf("%s maps to %s, which is no element", p.Says, m.Element)
			}
		}
	}
	for says, want := range map[string]journey.EventType{
		"this looks like a login: POST /api/session with kind, os, email, password, utm_source": journey.AuthenticationAttempt,
		"this looks like a sign-up: POST /signup with email, name, password":                    journey.AccountCreate,
		"this looks like a payment: POST /checkout/pay with amount, card, currency, cvv":        journey.Transaction,
		"this looks like a second factor: POST /user/otp with otp":                              journey.MFA,
		"this looks like a password reset: POST /forgot with email":                             journey.PasswordReset,
		"this looks like a change of the cart: POST /cart/add with qty, sku":                    journey.CartUpdate,
		"this looks like a promotion being redeemed: POST /coupon with coupon":                  journey.PromoRedeem,
		"this looks like a change of an account: POST /profile with display-name, phone":        journey.AccountUpdate,
		"this looks like a product being looked at: GET /product/{id}":                          journey.ProductView,
		"this looks like a search: GET /find with q":                                            journey.Search,
	} {
		if got[says].Type != want {
			t.Errorf("%s: %q", says, got[says].Type)
		}
		delete(got, says)
	}
	for says := range got {
		t.Errorf("nobody expects that %s", says)
	}
	snap, faults := policy.Compile(bundle)
	if len(faults) > 0 {
		t.Fatalf("%v\n%v", faults, bundle)
	}
	for _, s := range snap.Specs {
		for _, m := range s.Request {
			if strings.Contains(m.Text, "password") || strings.Contains(m.Text, "cvv") || strings.Contains(m.Text, "otp") {
				t.Errorf("%s maps %s", s.Name, m.Text)
			}
		}
	}
	for id, m := range meanings() {
		if d, ok := element.Lookup(m); !secretMeaning(m) && (!ok || !d.Mapped()) {
			t.Errorf("%s means %s, which is no element", id, m)
		}
	}
}

func FuzzLearn(f *testing.F) {
	f.Add("/a/b?x=1", formType, []byte("a=b&c=%zz"))
	f.Add("/a", "application/json", []byte(`{"a": [{"b.c": 1, "": {}}], "[]": 2, "d\u0000e": 3}`))
	f.Fuzz(func(t *testing.T, target, contentType string, body []byte) {
		l := New()
		for n := range Visitors + 1 {
			x := request(n, n, "POST", target, contentType, string(body))
			if look, _ := l.Wants(x); look {
				l.Learn(x)
			}
		}
		for i, s := range l.Shapes("") {
			for _, f := range s.Fields {
				if again := strings.Join(fieldSteps(f.In, f.Name), "\x00"); f.In == "json" && strings.Contains(again, "\x00\x00") {
					t.Fatalf("%q does not read back", f.Name)
				}
			}
			if i > 0 {
				t.Fatal("one request, two shapes")
			}
		}
		p := Propose(l.Shapes(""))
		for i := range p {
			if _, faults := policy.Compile(map[string]string{"p.yaml": p[i].YAML}); len(faults) > 0 {
				t.Fatalf("%v\n%s", faults, p[i].YAML)
			}
		}
	})
}
