package shop

import (
	"bytes"
	"crypto/subtle"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/demo/people"
)

// HeaderRisk is the request header in which the edge may tag a request with the
// session's rating; an order placed under a tag other than "normal" is held for
// review.
const HeaderRisk = "X-Journey-Risk"

// CookieName is the shop's session cookie.
const CookieName = "shop_sid"

// SeededCustomers is how many customers a new shop has.
const SeededCustomers = 400

// Bounds of what the shop remembers.
const (
	maxSessions = 20000
	maxTokens   = 10000
	maxAccounts = 20000
	maxAllOrder = 20000
	maxTickets  = 2000
	maxBody     = 64 << 10
)

//go:embed templates/*.html static/shop.css
var files embed.FS

// Shop is the web shop. It serves HTTP and is safe for concurrent use: one lock
// guards its state, held while a handler works and renders, never while bytes
// are written to a client.
type Shop struct {
	mux       *http.ServeMux
	templates *template.Template
	css       []byte
	now       func() time.Time
	goods     *catalog
	processor processor
	nobody    password // compared with when an e-mail is unknown

	mu       sync.Mutex
	sessions *bounded[string, *session] // by cookie
	tokens   *bounded[string, *session] // by bearer token
	accounts *bounded[string, *account] // by e-mail
	orders   *bounded[string, *order]
	tickets  *bounded[string, ticket]
	resets   *bounded[string, reset]
	mail     *bounded[string, string] // last link mailed, by e-mail

	accountSeq, orderSeq, refundSeq, ticketSeq int
}

// session is a visitor, by cookie or by bearer token.
type session struct {
	key     string
	csrf    string
	account *account // nil for a guest
	cart    *cart
	orders  []string // a guest's
	notice  string   // shown once on the next page
}

type ticket struct {
	ID, Email, Subject, Message string
}

func newCart() *cart { return &cart{ID: "k" + randomToken()[:12]} }

// New opens a shop whose first customers are people.Customers(seed,
// SeededCustomers).
func New(seed uint64) *Shop {
	s := &Shop{
		now:       time.Now,
		goods:     newCatalog(),
		processor: newProcessor(),
		nobody:    newPassword("nobody has this password"),
		sessions:  newBounded[string, *session](maxSessions, nil),
		tokens:    newBounded[string, *session](maxTokens, nil),
		accounts:  newBounded[string, *account](maxAccounts, nil),
		orders:    newBounded[string, *order](maxAllOrder, nil),
		tickets:   newBounded[string, ticket](maxTickets, nil),
		resets:    newBounded[string, reset](maxTickets, nil),
		mail:      newBounded[string, string](maxTickets, nil),
	}
	s.templates = template.Must(template.New("").Funcs(template.FuncMap{
		"euros": euros, "amount": amount, "stars": stars,
	}).ParseFS(files, "templates/*.html"))
	css, err := files.ReadFile("static/shop.css")
	if err != nil {
		panic("shop: embedded stylesheet: " + err.Error())
	}
	s.css = css
	for _, p := range people.Customers(seed, SeededCustomers) {
		a, problem := s.register(p.Name(), p.Email, p.Phone, p.Password)
		if problem != nil {
			panic(fmt.Sprintf("shop: customer %s: %s", p.Email, problem.Message))
		}
		a.Address = p.Address
	}
	s.mux = http.NewServeMux()
	s.routePages()
	s.routeAPI()
	s.routeAssets()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	s.mux.ServeHTTP(w, r)
}

// LastMail answers the link last mailed to an address, or "".
func (s *Shop) LastMail(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	link, _ := s.mail.get(email)
	return link
}

// call is one request being answered. Handlers write into it; the bytes go out
// after the lock is released.
type call struct {
	shop   *Shop
	r      *http.Request
	v      *session
	header http.Header
	status int
	body   bytes.Buffer
	in     input // the JSON body of an API call
}

func (c *call) redirect(to string) {
	c.header.Set("Location", to)
	c.status = http.StatusSeeOther
}

// flush sends what a handler wrote.
func (c *call) flush(w http.ResponseWriter) {
	for k, v := range c.header {
		w.Header()[k] = v
	}
	w.WriteHeader(c.status)
	_, _ = w.Write(c.body.Bytes())
}

// visit finds the session of a cookie or begins one.
func (c *call) visit() {
	s := c.shop
	if k, err := c.r.Cookie(CookieName); err == nil {
		if v, ok := s.sessions.get(k.Value); ok {
			c.v = v
			return
		}
	}
	c.v = &session{key: randomToken(), csrf: randomToken(), cart: newCart()}
	s.sessions.put(c.v.key, c.v)
	c.setCookie()
}

func (c *call) setCookie() {
	cookie := http.Cookie{Name: CookieName, Value: c.v.key, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: c.r.TLS != nil || c.r.Header.Get("X-Forwarded-Proto") == "https"}
	c.header.Set("Set-Cookie", cookie.String())
}

// renew gives the session another cookie, as is right when somebody signs in or
// out: a cookie known from before must not become worth more.
func (c *call) renew() {
	c.shop.sessions.remove(c.v.key)
	c.v.key, c.v.csrf = randomToken(), randomToken()
	c.shop.sessions.put(c.v.key, c.v)
	c.setCookie()
}

// csrfHolds checks the token of a posted form.
func (c *call) csrfHolds() bool {
	return subtle.ConstantTimeCompare([]byte(c.r.PostFormValue("csrf")), []byte(c.v.csrf)) == 1
}

func stars(tenths int) string {
	full := (tenths + 5) / 10
	return strings.Repeat("★", full) + strings.Repeat("☆", 5-full)
}
