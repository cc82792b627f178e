package population

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/demo/people"
)

// visitor is somebody at the shop's pages. Its methods are the steps of a
// scenario; after a step failed, the visitor was blocked or the run ended, all
// further steps do nothing, so that a scenario reads as a list of steps.
type visitor struct {
	client
	ctx   context.Context
	r     *rand.Rand
	err   error
	at    string // path of the page shown
	page  string
	csrf  string
	seen  map[string]bool // subresources in the browser's cache
	plain bool            // loads no subresources, as scripts do
}

var (
	csrfField   = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
	amountField = regexp.MustCompile(`name="amount" value="([\d.]+)"`)
	cartField   = regexp.MustCompile(`name="cart_id" value="([^"]+)"`)
	subresource = regexp.MustCompile(`(?:<img src|<link rel="(?:stylesheet|icon)" href)="(/[^"]+)"`)
	productLink = regexp.MustCompile(`href="/product/(p\d+)"`)
)

// maxPageLoads is how many subresources are fetched per page; the rest is below
// the fold.
const maxPageLoads = 7

// seat describes who a visitor is and where they sit.
type seat struct {
	scenario Scenario
	id       string
	agent    agent
	ip       string
	country  string
}

// arrive opens a visitor and enters them in the truth.
func (p *run) arrive(ctx context.Context, s seat) *visitor {
	now := time.Now()
	good := !slices.Contains(Abuse(), s.scenario)
	a := &Actor{ID: s.id, Scenario: s.scenario, Good: good, IPs: []string{s.ip}, UserAgent: s.agent.ua,
		Windows: []Window{{now, now}}}
	p.cfg.Truth.add(a)
	lang := language(s.country)
	if s.agent.family == requests || s.agent.family == gohttp || s.agent.family == spider {
		lang = ""
	}
	script := s.agent.family == requests || s.agent.family == gohttp || s.agent.family == spider
	return &visitor{client: client{cfg: &p.cfg, target: p.door(s.id), agent: s.agent, ip: s.ip, lang: lang, actor: a},
		ctx: ctx, r: p.rand(s.id), seen: map[string]bool{}, plain: script}
}

// leave closes the visitor's connection.
func (v *visitor) leave() {
	v.close()
	if v.err != nil && v.ctx.Err() == nil {
		v.cfg.Logger.Debug("visitor left early", "actor", v.actor.ID, "reason", v.err.Error())
	}
}

// comeBack begins another visit of the same browser.
func (v *visitor) comeBack() {
	now := time.Now()
	v.cfg.Truth.change(func() { v.actor.Windows = append(v.actor.Windows, Window{now, now}) })
	v.close()
	v.at = ""
}

// acted marks the misdeed as done.
func (v *visitor) acted() {
	v.cfg.Truth.change(func() { v.actor.Acted = true })
}

func (v *visitor) is(username string) {
	v.cfg.Truth.change(func() {
		if len(v.actor.Usernames) < 20 && !slices.Contains(v.actor.Usernames, username) {
			v.actor.Usernames = append(v.actor.Usernames, username)
		}
	})
}

// think waits between low and high seconds of a human's time.
func (v *visitor) think(low, high float64) {
	d := low + v.r.Float64()*(high-low) // drawn even when it is not waited for
	if v.err == nil {
		v.err = v.cfg.pause(v.ctx, d)
	}
}

// get shows a page.
func (v *visitor) get(path string) {
	v.load(fetch{method: http.MethodGet, path: path, kind: navigate, referer: v.at, typed: v.at == ""})
}

// post sends a form with the page's token and follows where it leads. Fields
// come in pairs, in the order a browser would send them. It answers the status
// before the redirect.
func (v *visitor) post(path string, fields ...string) int {
	if v.err != nil {
		return 0
	}
	var b strings.Builder
	b.WriteString("csrf=" + url.QueryEscape(v.csrf))
	for i := 0; i+1 < len(fields); i += 2 {
		b.WriteString("&" + fields[i] + "=" + url.QueryEscape(fields[i+1]))
	}
	return v.load(fetch{method: http.MethodPost, path: path, kind: navigate, referer: v.at,
		contentType: "application/x-www-form-urlencoded", body: []byte(b.String())})
}

func (v *visitor) load(f fetch) int {
	if v.err != nil {
		return 0
	}
	a, err := v.send(v.ctx, f)
	if err != nil {
		v.err = err
		return 0
	}
	first := a.status
	for hops := 0; hops < 4 && a.status >= 301 && a.status <= 308; hops++ {
		to := v.local(a.header.Get("Location"))
		if to == "" {
			break
		}
		f = fetch{method: http.MethodGet, path: to, kind: navigate, referer: v.at}
		if a, err = v.send(v.ctx, f); err != nil {
			v.err = err
			return first
		}
	}
	v.at, v.page = f.path, string(a.body)
	if a.status == http.StatusForbidden || a.status == http.StatusTooManyRequests {
		v.err = errBlocked
		return first
	}
	if m := csrfField.FindStringSubmatch(v.page); m != nil {
		v.csrf = m[1]
	}
	if !v.plain {
		v.subresources()
	}
	return first
}

// local turns a Location into a path of this site.
func (v *visitor) local(location string) string {
	u, err := url.Parse(location)
	if err != nil || (u.Host != "" && !strings.EqualFold(u.Host, v.cfg.Host)) || !strings.HasPrefix(u.Path, "/") {
		return ""
	}
	return u.RequestURI()
}

// subresources loads stylesheet and pictures that are not in the cache.
func (v *visitor) subresources() {
	loads := 0
	for _, m := range subresource.FindAllStringSubmatch(v.page, -1) {
		path := m[1]
		if v.seen[path] || loads >= maxPageLoads || v.err != nil {
			continue
		}
		v.seen[path] = true
		loads++
		kind := image
		if strings.HasSuffix(path, ".css") {
			kind = style
		}
		if _, err := v.send(v.ctx, fetch{method: http.MethodGet, path: path, kind: kind, referer: v.at}); err != nil {
			v.err = err
		}
	}
}

func (v *visitor) home() {
	v.get("/")
	v.think(4, 9)
}

func (v *visitor) search(q string) {
	v.get("/search?q=" + url.QueryEscape(q))
	v.think(4, 10)
}

func (v *visitor) category(slug string) {
	v.get("/category/" + slug)
	v.think(4, 10)
}

// view opens a product linked from the page at hand, or any.
func (v *visitor) view() string {
	links := productLink.FindAllStringSubmatch(v.page, -1)
	id := anyProduct(v.r)
	if n := len(links); n > 0 {
		id = links[v.r.IntN(n)][1]
	}
	v.product(id)
	return id
}

func (v *visitor) product(id string) {
	v.get("/product/" + id)
	v.think(6, 18)
}

func (v *visitor) addToCart(id string, quantity string) {
	v.post("/cart/add", "product_id", id, "quantity", quantity)
	v.think(3, 7)
}

func (v *visitor) login(email, password string) bool {
	if !strings.HasPrefix(v.at, "/login") {
		v.get("/login")
		v.think(4, 8)
	}
	v.is(email)
	status := v.post("/login", "email", email, "password", password)
	v.think(2, 5)
	return v.err == nil && status == http.StatusSeeOther
}

func (v *visitor) logout() {
	v.post("/logout")
	v.think(1, 2)
}

func (v *visitor) signUp(p people.Person) {
	v.get("/signup")
	v.think(8, 15)
	v.is(p.Email)
	v.post("/signup", "name", p.Name(), "email", p.Email, "phone", p.Phone, "password", p.Password)
	v.think(3, 6)
}

func (v *visitor) promo(code string) {
	v.get("/cart")
	v.think(2, 5)
	v.post("/cart/promo", "code", code)
	v.think(2, 5)
}

// checkout fills in the whole form and tells whether the order was placed.
func (v *visitor) checkout(p people.Person, card people.Card) bool {
	v.get("/checkout")
	v.think(10, 20)
	return v.pay(p, card)
}

// pay sends the checkout form that is shown.
func (v *visitor) pay(p people.Person, card people.Card) bool {
	var total, cart string
	if m := amountField.FindStringSubmatch(v.page); m != nil {
		total = m[1]
	}
	if m := cartField.FindStringSubmatch(v.page); m != nil {
		cart = m[1]
	}
	fields := []string{"amount", total, "currency", "EUR", "cart_id", cart, "email", p.Email, "phone", p.Phone}
	fields = append(fields, addressFields("shipping_", p.Address)...)
	fields = append(fields, addressFields("billing_", p.Address)...)
	fields = append(fields, "card_name", card.Holder, "card_number", card.Number, "card_expiry", card.Expiry, "card_cvv", card.CVV)
	return v.post("/checkout", fields...) == http.StatusSeeOther && v.err == nil
}

func (v *visitor) changeAddress(a people.Address) {
	v.get("/account")
	v.think(3, 8)
	v.post("/account/address", addressFields("shipping_", a)...)
	v.think(2, 5)
}

// refund asks the whole order shown back.
func (v *visitor) refund(order, reason string, p people.Person) {
	if order == "" {
		return
	}
	v.get(order + "/refund")
	v.think(6, 12)
	var total string
	if m := amountField.FindStringSubmatch(v.page); m != nil {
		total = m[1]
	}
	fields := append([]string{"email", p.Email, "amount", total, "reason", reason}, addressFields("pickup_", p.Address)...)
	v.post(order+"/refund", fields...)
	v.think(2, 5)
}

func (v *visitor) ticket(email, subject, message string) {
	v.get("/support")
	v.think(8, 20)
	v.post("/support", "email", email, "subject", subject, "message", message)
	v.think(2, 4)
}

func addressFields(prefix string, a people.Address) []string {
	return []string{prefix + "street", a.Street, prefix + "city", a.City, prefix + "region", a.Region,
		prefix + "postal_code", a.PostalCode, prefix + "country", a.Country}
}
