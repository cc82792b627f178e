package shop

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/throughline/throughline/internal/demo/people"
)

// routeAPI adds the JSON API of the mobile app. A guest asks for a token first;
// signing in turns it into the customer's.
func (s *Shop) routeAPI() {
	s.mux.HandleFunc("POST /api/guest", s.api(false, func(c *call) { c.json(201, map[string]any{"token": c.newToken(nil)}) }))
	s.mux.HandleFunc("POST /api/login", s.api(false, apiLogin))
	s.mux.HandleFunc("POST /api/signup", s.api(false, apiSignUp))
	s.mux.HandleFunc("GET /api/products", s.api(false, apiProducts))
	s.mux.HandleFunc("GET /api/products/{id}", s.api(false, apiProduct))

	s.mux.HandleFunc("POST /api/logout", s.api(true, func(c *call) {
		c.shop.tokens.remove(c.v.key)
		c.json(200, map[string]any{"ok": true})
	}))
	s.mux.HandleFunc("GET /api/cart", s.api(true, func(c *call) { c.json(200, cartJSON(c.v.cart)) }))
	s.mux.HandleFunc("POST /api/cart", s.api(true, apiCart))
	s.mux.HandleFunc("POST /api/cart/promo", s.api(true, apiPromo))
	s.mux.HandleFunc("POST /api/checkout", s.api(true, apiCheckout))
	s.mux.HandleFunc("GET /api/orders", s.api(true, apiOrders))
	s.mux.HandleFunc("GET /api/orders/{id}", s.api(true, apiOrder(func(c *call, o *order) { c.json(200, map[string]any{"order": orderJSON(o)}) })))
	s.mux.HandleFunc("POST /api/orders/{id}/refund", s.api(true, apiOrder(apiRefund)))
	s.mux.HandleFunc("GET /api/me", s.api(true, apiAccount(func(c *call) { c.json(200, map[string]any{"customer": customerJSON(c.v.account)}) })))
	s.mux.HandleFunc("PATCH /api/me", s.api(true, apiAccount(apiProfile)))
	s.mux.HandleFunc("POST /api/me/password", s.api(true, apiAccount(apiPassword)))
	s.mux.HandleFunc("POST /api/support", s.api(true, apiSupport))
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		c := &call{shop: s, r: r, header: http.Header{}}
		c.refuse(&problem{404, "not_found", "There is nothing here."})
		c.flush(w)
	})
}

// api wraps a handler: the lock and, where needed, the bearer token. A body is
// read by the handler through read, which has it already.
func (s *Shop) api(needToken bool, h func(*call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{shop: s, r: r, header: http.Header{}, status: http.StatusOK}
		if r.Method != http.MethodGet {
			// Reads from the client, so before the lock; what it finds is kept
			// for the handler.
			if problem := c.slurp(); problem != nil {
				c.refuse(problem)
				c.flush(w)
				return
			}
		}
		s.mu.Lock()
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if bearer {
			c.v, _ = s.tokens.get(token)
		}
		if needToken && c.v == nil {
			c.header.Set("WWW-Authenticate", "Bearer")
			c.refuse(&problem{401, "no_token", "A valid bearer token is needed."})
		} else {
			h(c)
		}
		s.mu.Unlock()
		c.flush(w)
	}
}

// input is every field that an API body may hold.
type input struct {
	Name        string      `json:"name"`
	Email       string      `json:"email"`
	Phone       string      `json:"phone"`
	Password    string      `json:"password"`
	NewPassword string      `json:"new_password"`
	ProductID   string      `json:"product_id"`
	Quantity    int         `json:"quantity"`
	Code        string      `json:"code"`
	Amount      json.Number `json:"amount"`
	Currency    string      `json:"currency"`
	Reason      string      `json:"reason"`
	Subject     string      `json:"subject"`
	Message     string      `json:"message"`
	Address     *apiAddress `json:"address"`
	Billing     apiAddress  `json:"billing"`
	Shipping    apiAddress  `json:"shipping"`
	Pickup      apiAddress  `json:"pickup"`
	Card        struct {
		Number string `json:"number"`
		Expiry string `json:"expiry"`
		CVV    string `json:"cvv"`
		Name   string `json:"name"`
	} `json:"card"`
}

type apiAddress struct {
	Street     string `json:"street"`
	City       string `json:"city"`
	Region     string `json:"region"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

func (a apiAddress) address() people.Address {
	return people.Address{Street: a.Street, City: a.City, Region: a.Region, PostalCode: a.PostalCode, Country: a.Country}
}

func (c *call) slurp() *problem {
	if c.r.ContentLength == 0 {
		return nil
	}
	if media, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); strings.TrimSpace(media) != "application/json" {
		return &problem{415, "unsupported_media_type", "The body must be application/json."}
	}
	if err := json.NewDecoder(c.r.Body).Decode(&c.in); err != nil {
		return &problem{400, "invalid_json", "The body is not valid JSON."}
	}
	return nil
}

func (c *call) json(status int, v any) {
	c.status = status
	c.header.Set("Content-Type", "application/json")
	c.header.Set("Cache-Control", "no-store")
	if err := json.NewEncoder(&c.body).Encode(v); err != nil {
		c.body.Reset()
		c.status = http.StatusInternalServerError
	}
}

func (c *call) refuse(p *problem) {
	c.json(p.Status, map[string]any{"error": map[string]string{"code": p.Code, "message": p.Message}})
}

func (c *call) newToken(a *account) string {
	v := &session{key: randomToken(), account: a, cart: newCart()}
	if c.v != nil { // the guest's cart comes along
		v.cart = c.v.cart
		c.shop.tokens.remove(c.v.key)
	}
	c.shop.tokens.put(v.key, v)
	return v.key
}

func apiLogin(c *call) {
	a := c.shop.authenticate(c.in.Email, c.in.Password)
	if a == nil {
		c.refuse(&problem{401, "wrong_credentials", "Wrong e-mail or password."})
		return
	}
	c.json(200, map[string]any{"token": c.newToken(a), "customer": customerJSON(a)})
}

func apiSignUp(c *call) {
	a, problem := c.shop.register(c.in.Name, c.in.Email, c.in.Phone, c.in.Password)
	if problem != nil {
		c.refuse(problem)
		return
	}
	c.json(201, map[string]any{"token": c.newToken(a), "customer": customerJSON(a)})
}

func apiProducts(c *call) {
	q := c.r.URL.Query()
	list := c.shop.goods.products
	if s := q.Get("q"); s != "" {
		list = c.shop.goods.search(s)
	} else if cat := q.Get("category"); cat != "" {
		list = c.shop.goods.in(cat)
	}
	out := make([]map[string]any, 0, len(list))
	for _, p := range list {
		out = append(out, productJSON(p))
	}
	c.json(200, map[string]any{"products": out})
}

func apiProduct(c *call) {
	p := c.shop.goods.byID[c.r.PathValue("id")]
	if p == nil {
		c.refuse(&problem{404, "not_found", "There is no such product."})
		return
	}
	c.json(200, map[string]any{"product": productJSON(p)})
}

func apiCart(c *call) {
	p := c.shop.goods.byID[c.in.ProductID]
	if p == nil {
		c.refuse(mistake("unknown_product", "There is no such product."))
		return
	}
	if problem := c.v.cart.set(p, c.in.Quantity); problem != nil {
		c.refuse(problem)
		return
	}
	c.json(200, cartJSON(c.v.cart))
}

func apiPromo(c *call) {
	if problem := c.shop.redeem(c.v, c.in.Code); problem != nil {
		c.refuse(problem)
		return
	}
	c.json(200, cartJSON(c.v.cart))
}

func apiCheckout(c *call) {
	cents, ok := parseAmount(c.in.Amount.String())
	if !ok {
		c.refuse(mistake("invalid_amount", "The total is missing."))
		return
	}
	k := c.in.Card
	o, problem := c.shop.buy(c.v, purchase{
		Email: c.in.Email, Phone: c.in.Phone, Billing: c.in.Billing.address(), Shipping: c.in.Shipping.address(),
		Card:   people.Card{Number: k.Number, Expiry: k.Expiry, CVV: k.CVV, Holder: k.Name},
		Amount: cents, Risk: c.r.Header.Get(HeaderRisk),
	})
	if problem != nil {
		c.refuse(problem)
		return
	}
	c.json(201, map[string]any{"order": orderJSON(o)})
}

func apiOrders(c *call) {
	out := []map[string]any{}
	for _, o := range c.shop.history(c.v) {
		out = append(out, orderJSON(o))
	}
	c.json(200, map[string]any{"orders": out})
}

func apiOrder(h func(*call, *order)) func(*call) {
	return func(c *call) {
		o := c.shop.find(c.v, c.r.PathValue("id"))
		if o == nil {
			c.refuse(&problem{404, "not_found", "There is no such order."})
			return
		}
		h(c, o)
	}
}

func apiRefund(c *call, o *order) {
	cents, _ := parseAmount(c.in.Amount.String())
	if _, problem := cleanAddress(c.in.Pickup.address()); problem != nil {
		c.refuse(problem)
		return
	}
	r, problem := c.shop.askRefund(o, cents, c.in.Reason)
	if problem != nil {
		c.refuse(problem)
		return
	}
	c.json(201, map[string]any{"refund": map[string]any{"id": r.ID, "order_id": o.ID, "amount": json.Number(amount(r.Amount)), "status": r.Status}})
}

func apiAccount(h func(*call)) func(*call) {
	return func(c *call) {
		if c.v.account == nil {
			c.refuse(&problem{401, "sign_in_first", "Please sign in."})
			return
		}
		h(c)
	}
}

// apiProfile changes the fields given and leaves the others.
func apiProfile(c *call) {
	a := c.v.account
	if c.in.Address != nil {
		next, problem := cleanAddress(c.in.Address.address())
		if problem != nil {
			c.refuse(problem)
			return
		}
		a.Address = next
	}
	if c.in.Phone != "" {
		phone, problem := cleanPhone(c.in.Phone)
		if problem != nil {
			c.refuse(problem)
			return
		}
		a.Phone = phone
	}
	if c.in.Email != "" {
		if problem := c.shop.changeEmail(a, c.in.Email); problem != nil {
			c.refuse(problem)
			return
		}
	}
	c.json(200, map[string]any{"customer": customerJSON(a)})
}

func apiPassword(c *call) {
	if problem := c.shop.changePassword(c.v.account, c.in.Password, c.in.NewPassword); problem != nil {
		c.refuse(problem)
		return
	}
	c.json(200, map[string]any{"ok": true})
}

func apiSupport(c *call) {
	t, problem := c.shop.openTicket(c.in.Email, c.in.Subject, c.in.Message)
	if problem != nil {
		c.refuse(problem)
		return
	}
	c.json(201, map[string]any{"ticket": map[string]any{"id": t.ID}})
}

func customerJSON(a *account) map[string]any {
	return map[string]any{"id": a.ID, "name": a.Name, "email": a.Email, "phone": a.Phone}
}

func productJSON(p *Product) map[string]any {
	return map[string]any{"id": p.ID, "name": p.Name, "category": p.Category, "price": json.Number(amount(p.Price)),
		"currency": currency, "image": p.Image(), "description": p.Blurb}
}

func linesJSON(lines []line) []map[string]any {
	out := make([]map[string]any, 0, len(lines))
	for _, l := range lines {
		out = append(out, map[string]any{"product_id": l.Product.ID, "name": l.Product.Name, "quantity": l.Quantity, "sum": json.Number(amount(l.Sum()))})
	}
	return out
}

func cartJSON(c *cart) map[string]any {
	return map[string]any{"cart": map[string]any{"id": c.ID, "lines": linesJSON(c.Lines), "promo": c.Promo,
		"total": json.Number(amount(c.Total())), "currency": currency}}
}

func orderJSON(o *order) map[string]any {
	return map[string]any{"id": o.ID, "status": o.Status, "total": json.Number(amount(o.Total)), "currency": currency,
		"lines": linesJSON(o.Lines), "card": map[string]string{"brand": o.Brand, "last4": o.Last4},
		"refunded": json.Number(amount(o.Refunded()))}
}
