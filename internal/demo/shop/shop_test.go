package shop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/demo/people"
)

// visitor is a browser in a test: it keeps cookies and the last page's token.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
	csrf   string
	page   string
}

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func open(t *testing.T) (*Shop, *visitor) {
	t.Helper()
	s := New(1)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, newVisitor(t, server.URL)
}

func newVisitor(t *testing.T, base string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, base: base, client: &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) do(method, path, contentType, body, bearer string, want int) http.Header {
	v.t.Helper()
	req, err := http.NewRequest(method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.page = string(b)
	if m := tokenField.FindStringSubmatch(v.page); m != nil {
		v.csrf = m[1]
	}
	if res.StatusCode != want {
		v.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, res.StatusCode, want, v.page)
	}
	return res.Header
}

func (v *visitor) get(path string) {
	v.t.Helper()
	v.do("GET", path, "", "", "", 200)
}

// post sends a form with the token of the last page and returns the Location.
func (v *visitor) post(path string, want int, fields ...string) string {
	v.t.Helper()
	form := url.Values{"csrf": {v.csrf}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.do("POST", path, "application/x-www-form-urlencoded", form.Encode(), "", want).Get("Location")
}

func (v *visitor) shows(text string) {
	v.t.Helper()
	if !strings.Contains(v.page, text) {
		v.t.Fatalf("page does not show %q:\n%s", text, v.page)
	}
}

func (v *visitor) signIn(p people.Person) {
	v.t.Helper()
	v.get("/login")
	if to := v.post("/login", 303, "email", p.Email, "password", p.Password); to != "/account" {
		v.t.Fatalf("sign-in leads to %q", to)
	}
	v.get("/account")
	v.shows(p.Email)
}

func checkoutFields(p people.Person, amount string) []string {
	f := []string{"email", p.Email, "phone", p.Phone, "amount", amount, "currency", "EUR",
		"card_name", p.Card.Holder, "card_number", p.Card.Number, "card_expiry", p.Card.Expiry, "card_cvv", p.Card.CVV}
	for _, prefix := range []string{"billing_", "shipping_"} {
		a := p.Address
		f = append(f, prefix+"street", a.Street, prefix+"city", a.City, prefix+"region", a.Region,
			prefix+"postal_code", a.PostalCode, prefix+"country", a.Country)
	}
	return f
}

var total = regexp.MustCompile(`name="amount" value="([\d.]+)"`)

func (v *visitor) buy(p people.Person, product string) string {
	v.t.Helper()
	v.get("/product/" + product)
	v.post("/cart/add", 303, "product_id", product, "quantity", "1")
	v.get("/checkout")
	return v.post("/checkout", 303, checkoutFields(p, total.FindStringSubmatch(v.page)[1])...)
}

func TestBrowsing(t *testing.T) {
	s, v := open(t)
	h := v.do("GET", "/", "", "", "", 200)
	if c := h.Get("Set-Cookie"); !strings.HasPrefix(c, "shop_sid=") || !strings.Contains(c, "HttpOnly") {
		t.Errorf("cookie %q", c)
	}
	if h = v.do("GET", "/", "", "", "", 200); h.Get("Set-Cookie") != "" {
		t.Error("a known visitor got another cookie")
	}
	v.get("/search?q=lamp")
	v.shows("Harbour Desk Lamp")
	v.get("/search?q=%3Cscript%3E")
	if strings.Contains(v.page, "<script>") {
		t.Error("the query came back as markup")
	}
	v.get("/category/audio")
	v.shows("Turntable One")
	if n := len(s.goods.products); n != 60 {
		t.Errorf("%d products", n)
	}
	for _, p := range s.goods.products {
		v.do("GET", p.Image(), "", "", "", 200)
		v.shows("<svg")
	}
	v.do("GET", "/static/shop.css", "", "", "", 200)
	v.do("GET", "/robots.txt", "", "", "", 200)
	v.shows("Disallow: /checkout")
	for _, missing := range []string{"/nowhere", "/product/p999", "/category/none", "/orders/o1", "/static/img/p1.svg"} {
		v.do("GET", missing, "", "", "", 404)
	}
}

func TestSignUpSignInOut(t *testing.T) {
	s, v := open(t)
	v.get("/signup")
	v.post("/signup", 422, "name", "Ada", "email", "not an address", "password", "longenough")
	v.shows("valid e-mail")
	v.post("/signup", 422, "name", "Ada", "email", "ada@example.org", "password", "short")
	before := v.csrf
	v.post("/signup", 303, "name", "Ada", "email", "Ada@Example.org", "phone", "+49 151 2345678", "password", "longenough")
	v.get("/account")
	v.shows("ada@example.org")
	if v.csrf == before {
		t.Error("the token outlived the sign-in")
	}
	v.post("/logout", 303)
	if to := v.do("GET", "/account", "", "", "", 303).Get("Location"); to != "/login" {
		t.Errorf("a guest's account leads to %q", to)
	}
	v.get("/signup")
	v.post("/signup", 422, "name", "Ada", "email", "ada@example.org", "password", "longenough")
	v.get("/login")
	v.post("/login", 422, "email", "ada@example.org", "password", "wrong")
	v.shows("Wrong e-mail or password")
	if strings.Contains(v.page, `value="wrong"`) {
		t.Error("the password came back")
	}
	v.post("/login", 303, "email", "ada@example.org", "password", "longenough")

	// A forgotten password.
	w := newVisitor(t, v.base)
	w.get("/password/forgot")
	w.post("/password/forgot", 303, "email", "nobody@example.org")
	w.get("/password/forgot")
	w.post("/password/forgot", 303, "email", "ada@example.org")
	link := s.LastMail("ada@example.org")
	w.get(link)
	token := strings.TrimPrefix(link, "/password/reset?token=")
	w.post("/password/reset", 303, "token", token, "password", "another one")
	w.get("/login")
	w.post("/password/reset", 422, "token", token, "password", "a third one")
	w.get("/login")
	w.post("/login", 422, "email", "ada@example.org", "password", "longenough")
	w.post("/login", 303, "email", "ada@example.org", "password", "another one")
}

func TestFormsNeedTheirToken(t *testing.T) {
	s, v := open(t)
	p := people.Customers(1, SeededCustomers)[0]
	v.get("/login")
	v.csrf = "made-up"
	v.post("/login", 403, "email", p.Email, "password", p.Password)
	stranger := newVisitor(t, v.base)
	stranger.get("/login")
	v.csrf = stranger.csrf
	v.post("/cart/add", 403, "product_id", "p101")
	if s.sessions.len() != 2 {
		t.Errorf("%d sessions", s.sessions.len())
	}
}

func TestBuyAndReturn(t *testing.T) {
	_, v := open(t)
	p := people.Customers(1, SeededCustomers)[3]
	v.signIn(p)
	v.get("/product/p106")
	v.post("/cart/add", 303, "product_id", "p106", "quantity", "2")
	v.get("/cart")
	v.shows("€78.00")
	v.post("/cart/promo", 422, "code", "NONSENSE")
	v.post("/cart/promo", 303, "code", "welcome10")
	v.get("/checkout")
	v.shows(`value="70.20"`)
	v.post("/checkout", 422, checkoutFields(p, "1.00")...)
	v.shows("total is now €70.20")
	poor := p
	poor.Card.CVV = "000"
	h := v.do("POST", "/checkout", "application/x-www-form-urlencoded", form(v.csrf, checkoutFields(poor, "70.20")), "", 402)
	if h.Get("X-Failure-Reason") != "cvv_mismatch" {
		t.Errorf("reason %q", h.Get("X-Failure-Reason"))
	}
	order := v.post("/checkout", 303, checkoutFields(p, "70.20")...)
	v.get(order)
	v.shows("paid")
	v.shows("with WELCOME10")

	// The code was for the first order only.
	v.get("/product/p106")
	v.post("/cart/add", 303, "product_id", "p106")
	v.get("/cart")
	v.post("/cart/promo", 422, "code", "WELCOME10")

	// Another visitor sees nothing of it.
	newVisitor(t, v.base).do("GET", order, "", "", "", 404)

	pickup := []string{"reason", "does not fit", "pickup_street", "Weg 1", "pickup_city", "Bonn", "pickup_postal_code", "53111", "pickup_country", "DE"}
	v.get(order + "/refund")
	v.post(order+"/refund", 422, append(pickup, "amount", "70.21")...)
	v.post(order+"/refund", 303, append(pickup, "amount", "30.20")...)
	v.post(order+"/refund", 303, append(pickup, "amount", "40")...)
	v.get(order + "/refund")
	v.post(order+"/refund", 422, append(pickup, "amount", "1")...)
	v.post(order+"/cancel", 422)
	v.get("/orders")
	v.shows(strings.TrimPrefix(order, "/orders/"))
}

func form(csrf string, fields []string) string {
	f := url.Values{"csrf": {csrf}}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	return f.Encode()
}

func TestGuestOrderHeldForReview(t *testing.T) {
	_, v := open(t)
	p := people.Customers(9, 1)[0]
	order := v.buy(p, "p103")
	v.get(order)
	v.post(order+"/cancel", 303)
	v.get(order)
	v.shows("cancelled")

	v.get("/product/p103")
	v.post("/cart/add", 303, "product_id", "p103")
	v.get("/checkout")
	req, err := http.NewRequest("POST", v.base+"/checkout", strings.NewReader(form(v.csrf, checkoutFields(p, "18.00"))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set(HeaderRisk, "suspicious")
	res, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	v.get(res.Header.Get("Location"))
	v.shows("in review")
}

func TestProfileAndSupport(t *testing.T) {
	_, v := open(t)
	all := people.Customers(1, SeededCustomers)
	p := all[5]
	v.signIn(p)
	v.post("/account/email", 422, "email", all[6].Email)
	v.post("/account/email", 303, "email", "new@example.org")
	v.post("/account/phone", 422, "phone", "call me")
	v.post("/account/phone", 303, "phone", "+1 212 555 0100")
	v.post("/account/address", 422, "shipping_street", "")
	v.post("/account/address", 303, "shipping_street", "Kai 1", "shipping_city", "Kiel", "shipping_postal_code", "24103", "shipping_country", "de")
	v.post("/account/password", 422, "current_password", "wrong", "new_password", "long enough")
	v.post("/account/password", 303, "current_password", p.Password, "new_password", "long enough")
	v.get("/account")
	v.shows("Kiel")
	v.shows("new@example.org")
	v.get("/support")
	v.post("/support", 422, "email", "new@example.org", "subject", "")
	v.post("/support", 303, "email", "new@example.org", "subject", "Lamp", "message", "It flickers.")
	w := newVisitor(t, v.base)
	w.get("/login")
	w.post("/login", 422, "email", p.Email, "password", p.Password)
	w.post("/login", 303, "email", "new@example.org", "password", "long enough")
}

func TestAPI(t *testing.T) {
	_, v := open(t)
	p := people.Customers(1, SeededCustomers)[8]
	call := func(method, path, token string, want int, body any) map[string]any {
		t.Helper()
		raw, contentType := "", ""
		if body != nil {
			b, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			raw, contentType = string(b), "application/json"
		}
		v.do(method, path, contentType, raw, token, want)
		var out map[string]any
		if err := json.Unmarshal([]byte(v.page), &out); err != nil {
			t.Fatalf("%s: %v", v.page, err)
		}
		return out
	}
	type m = map[string]any
	call("GET", "/api/cart", "", 401, nil)
	call("GET", "/api/nothing", "", 404, nil)
	call("POST", "/api/login", "", 401, m{"email": p.Email, "password": "wrong"})
	v.do("POST", "/api/login", "application/json", "{", "", 400)
	v.do("POST", "/api/login", "text/plain", "{}", "", 415)

	guest := call("POST", "/api/guest", "", 201, nil)["token"].(string)
	call("POST", "/api/cart", guest, 200, m{"product_id": "p106", "quantity": 1})
	call("GET", "/api/me", guest, 401, nil)
	login := call("POST", "/api/login", guest, 200, m{"email": p.Email, "password": p.Password})
	token := login["token"].(string)
	call("GET", "/api/cart", guest, 401, nil)
	cart := call("POST", "/api/cart/promo", token, 200, m{"code": "WELCOME10"})["cart"].(m)
	if cart["total"] != 35.1 {
		t.Errorf("cart %v", cart)
	}
	address := m{"street": p.Address.Street, "city": p.Address.City, "postal_code": p.Address.PostalCode, "country": p.Address.Country}
	order := m{"email": p.Email, "phone": p.Phone, "amount": 35.1, "currency": "EUR", "billing": address, "shipping": address,
		"card": m{"number": p.Card.Number, "expiry": p.Card.Expiry, "cvv": "999999"}}
	if e := call("POST", "/api/checkout", token, 402, order)["error"].(m); e["code"] != "cvv_mismatch" {
		t.Errorf("error %v", e)
	}
	order["card"] = m{"number": p.Card.Number, "expiry": p.Card.Expiry, "cvv": p.Card.CVV}
	id := call("POST", "/api/checkout", token, 201, order)["order"].(m)["id"].(string)
	call("POST", "/api/orders/"+id+"/refund", token, 201, m{"amount": 35.1, "reason": "broken", "pickup": address})
	call("POST", "/api/orders/"+id+"/refund", token, 422, m{"amount": 35.1, "reason": "broken", "pickup": address})
	call("GET", "/api/orders/"+id, token, 200, nil)
	call("PATCH", "/api/me", token, 200, m{"phone": "+49 30 123456"})
	call("POST", "/api/support", token, 201, m{"email": p.Email, "subject": "s", "message": "m"})
	call("POST", "/api/logout", token, 200, nil)
	call("GET", "/api/orders", token, 401, nil)
	if n := len(call("GET", "/api/products?q=lamp", "", 200, nil)["products"].([]any)); n == 0 {
		t.Error("the search found nothing")
	}
	call("POST", "/api/signup", "", 201, m{"name": "Bo", "email": "bo@example.org", "password": "long enough"})
}

func TestProcessorRules(t *testing.T) {
	s, _ := open(t)
	good := people.Customers(1, 1)[0].Card
	if d := s.processor.charge(good.Number, good.Expiry, good.CVV, 5000, s.now()); d != nil {
		t.Errorf("good card: %v", d)
	}
	if d := s.processor.charge(good.Number, "01/20", good.CVV, 5000, s.now()); d == nil || d.Code != "expired_card" {
		t.Errorf("old card: %v", d)
	}
	if d := s.processor.charge("12", good.Expiry, good.CVV, 5000, s.now()); d == nil || d.Code != "invalid_number" {
		t.Errorf("short number: %v", d)
	}
	for _, bad := range []string{"", "13/30", "0/30", "xx/yy", "1230", "12/-1", "12/100"} {
		if notExpired(bad, s.now()) {
			t.Errorf("expiry %q holds", bad)
		}
	}
}

func TestBoundedForgetsTheOldest(t *testing.T) {
	var gone []string
	b := newBounded[string, int](2, func(k string, _ int) { gone = append(gone, k) })
	b.put("a", 1)
	b.put("b", 2)
	b.get("a")
	b.put("c", 3)
	if b.len() != 2 || len(gone) != 1 || gone[0] != "b" {
		t.Errorf("len %d, gone %v", b.len(), gone)
	}
}

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"12.34", "0.1", "", ".", "1.234", "-1", "999999999.99", "1e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := parseAmount(s)
		if !ok {
			return
		}
		if again, ok := parseAmount(amount(n)); !ok || again != n {
			t.Errorf("%q gave %d, and back %d", s, n, again)
		}
	})
}
