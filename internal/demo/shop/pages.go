package shop

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/demo/people"
)

// view is what every page template gets.
type view struct {
	Title      string
	Categories []Category
	Account    *account
	CSRF       string
	Cart       *cart
	Query      string
	Notice     string // good news, shown once
	Error      string
	Form       map[string]string // what was typed, to show again
	Data       any
}

func (s *Shop) routePages() {
	get := func(pattern string, h func(*call)) { s.mux.HandleFunc("GET "+pattern, s.page(h, false)) }
	post := func(pattern string, h func(*call)) { s.mux.HandleFunc("POST "+pattern, s.page(h, true)) }

	get("/{$}", func(c *call) { c.show("home", "Larch & Loom", s.goods.window()) })
	get("/search", searchPage)
	get("/category/{slug}", categoryPage)
	get("/product/{id}", productPage)

	get("/cart", func(c *call) { c.show("cart", "Your cart", nil) })
	post("/cart/add", addToCart)
	post("/cart/update", updateCart)
	post("/cart/promo", applyPromo)

	get("/signup", func(c *call) { c.show("signup", "Create an account", nil) })
	post("/signup", signUp)
	get("/login", func(c *call) { c.show("login", "Sign in", nil) })
	post("/login", signIn)
	post("/logout", signOut)
	get("/password/forgot", func(c *call) { c.show("forgot", "Forgotten password", nil) })
	post("/password/forgot", forgotPassword)
	get("/password/reset", func(c *call) { c.show("reset", "Choose a new password", c.r.FormValue("token")) })
	post("/password/reset", resetPassword)

	s.routeCustomerPages(get, post)
	s.mux.HandleFunc("/", s.page((*call).notFound, false))
}

// page wraps a handler: the lock, the session cookie, the form, the CSRF check.
func (s *Shop) page(h func(*call), form bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{shop: s, r: r, header: http.Header{}, status: http.StatusOK}
		var formErr error
		if form {
			formErr = r.ParseForm() // reads from the client, so before the lock
		}
		s.mu.Lock()
		c.visit()
		switch {
		case formErr != nil:
			c.fail(http.StatusBadRequest, "Bad request", "The form could not be read.")
		case form && !c.csrfHolds():
			c.fail(http.StatusForbidden, "Please try again", "This form was too old or came from elsewhere.")
		default:
			h(c)
		}
		s.mu.Unlock()
		c.flush(w)
	}
}

// show renders a page template; status and error message may be set before.
func (c *call) show(name, title string, data any) { c.render(name, title, "", data) }

func (c *call) render(name, title, message string, data any) {
	v := view{Title: title, Categories: c.shop.goods.categories, Account: c.v.account, CSRF: c.v.csrf,
		Cart: c.v.cart, Query: c.r.URL.Query().Get("q"), Notice: c.v.notice, Error: message, Data: data,
		Form: map[string]string{}}
	c.v.notice = ""
	for k, values := range c.r.PostForm {
		if len(values) > 0 && !secretField(k) {
			v.Form[k] = values[0]
		}
	}
	c.header.Set("Content-Type", "text/html; charset=utf-8")
	c.header.Set("Cache-Control", "no-store")
	if err := c.shop.templates.ExecuteTemplate(&c.body, name, v); err != nil {
		c.body.Reset()
		c.status = http.StatusInternalServerError
		c.body.WriteString("Something broke on our side.")
	}
}

// secretField tells which fields never travel back to the page.
func secretField(name string) bool {
	return strings.Contains(name, "password") || strings.HasPrefix(name, "card_")
}

// again shows a form once more with what was wrong with it.
func (c *call) again(name, title string, p *problem, data any) {
	c.status = p.Status
	c.render(name, title, p.Message, data)
}

func (c *call) fail(status int, title, message string) {
	c.status = status
	c.render("message", title, message, nil)
}

func (c *call) notFound() {
	c.fail(http.StatusNotFound, "Nothing here", "We looked on every shelf, but this page does not exist.")
}

func searchPage(c *call) {
	q := strings.TrimSpace(c.r.URL.Query().Get("q"))
	if len(q) > maxField {
		q = q[:maxField]
	}
	c.show("list", "Search: "+q, c.shop.goods.search(q))
}

func categoryPage(c *call) {
	cat, ok := c.shop.goods.category(c.r.PathValue("slug"))
	if !ok {
		c.notFound()
		return
	}
	c.show("list", cat.Name, c.shop.goods.in(cat.Slug))
}

func productPage(c *call) {
	p := c.shop.goods.byID[c.r.PathValue("id")]
	if p == nil {
		c.notFound()
		return
	}
	c.show("product", p.Name, struct {
		*Product
		Related []*Product
	}{p, c.shop.goods.related(p, 3)})
}

func addToCart(c *call) {
	p := c.shop.goods.byID[c.r.PostFormValue("product_id")]
	if p == nil {
		c.notFound()
		return
	}
	quantity, err := strconv.Atoi(c.r.PostFormValue("quantity"))
	if err != nil || quantity < 1 {
		quantity = 1
	}
	if problem := c.v.cart.set(p, c.v.cart.quantity(p)+quantity); problem != nil {
		c.again("cart", "Your cart", problem, nil)
		return
	}
	c.v.notice = p.Name + " is in your cart."
	c.redirect("/cart")
}

func updateCart(c *call) {
	p := c.shop.goods.byID[c.r.PostFormValue("product_id")]
	quantity, err := strconv.Atoi(c.r.PostFormValue("quantity"))
	if p == nil || err != nil {
		c.again("cart", "Your cart", mistake("invalid_quantity", "Please enter a number."), nil)
		return
	}
	if problem := c.v.cart.set(p, quantity); problem != nil {
		c.again("cart", "Your cart", problem, nil)
		return
	}
	c.redirect("/cart")
}

func applyPromo(c *call) {
	if problem := c.shop.redeem(c.v, c.r.PostFormValue("code")); problem != nil {
		c.again("cart", "Your cart", problem, nil)
		return
	}
	c.v.notice = "The code " + c.v.cart.Promo + " was applied."
	c.redirect("/cart")
}

func signUp(c *call) {
	f := c.r.PostFormValue
	a, problem := c.shop.register(f("name"), f("email"), f("phone"), f("password"))
	if problem != nil {
		c.again("signup", "Create an account", problem, nil)
		return
	}
	c.enter(a)
	c.v.notice = "Welcome, " + a.Name + "! Use WELCOME10 on your first order."
	c.redirect("/account")
}

func signIn(c *call) {
	a := c.shop.authenticate(c.r.PostFormValue("email"), c.r.PostFormValue("password"))
	if a == nil {
		c.again("login", "Sign in", mistake("wrong_credentials", "Wrong e-mail or password."), nil)
		return
	}
	c.enter(a)
	c.redirect("/account")
}

// enter signs the visitor in; the cart comes along.
func (c *call) enter(a *account) {
	c.v.account = a
	c.renew()
}

func signOut(c *call) {
	c.v.account, c.v.cart, c.v.orders = nil, newCart(), nil
	c.renew()
	c.v.notice = "You are signed out. See you soon."
	c.redirect("/")
}

func forgotPassword(c *call) {
	c.shop.forgot(c.r.PostFormValue("email"))
	c.v.notice = "If there is an account with this address, a link is on its way."
	c.redirect("/login")
}

func resetPassword(c *call) {
	token := c.r.PostFormValue("token")
	if problem := c.shop.resetPassword(token, c.r.PostFormValue("password")); problem != nil {
		c.again("reset", "Choose a new password", problem, token)
		return
	}
	c.v.notice = "Your password was changed. Please sign in."
	c.redirect("/login")
}

// formAddress reads an address whose fields begin with prefix.
func (c *call) formAddress(prefix string) people.Address {
	f := func(name string) string { return c.r.PostFormValue(prefix + name) }
	return people.Address{Street: f("street"), City: f("city"), Region: f("region"), PostalCode: f("postal_code"), Country: f("country")}
}
