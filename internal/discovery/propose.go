package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/journey"
)

// Proposal is a Spec for a shape that looks like something.
type Proposal struct {
	ID      string            `json:"id"` // stays as long as the shape is known
	Site    string            `json:"site"`
	Name    string            `json:"name"`
	Type    journey.EventType `json:"event_type"`
	Says    string            `json:"says"` // this looks like a login: POST /api/session with email, password
	Count   int64             `json:"count"`
	Maps    []Mapped          `json:"maps"`
	LeftOut []string          `json:"left_out"` // fields that hold secrets
	YAML    string            `json:"yaml"`
	Shape   *Shape            `json:"-"` // what it was made of
}

// idOf names a shape.
func idOf(s *Shape) string {
	h := sha256.Sum256([]byte(strings.Join([]string{s.Site, s.Method, s.Path, s.Type}, "\x00")))
	return hex.EncodeToString(h[:8])
}

// SourceOf is how a Spec reads a field.
func SourceOf(f Field) string {
	if f.In == "json" {
		return "json " + f.Name
	}
	return f.In + "." + f.Name
}

// Mapped is a proposed mapping.
type Mapped struct {
	Source  string `json:"source"`
	Element string `json:"element"`
}

// look is what a shape must be like to be taken for something.
type look struct {
	is      journey.EventType
	what    string // a login
	title   string
	methods string   // any of; "" all
	path    []string // a word of the path begins so, any of
	fields  []string // meanings that must all be there
	neither []string // meanings that must not be
}

// looks are tried in order; the first that fits is it.
func looks() []look {
	const write = "POST PUT PATCH"
	return []look{
		{journey.MFA, "a second factor", "Second factor", write, nil, []string{"code"}, []string{"password", "card_number", "promo_code"}},
		{journey.PasswordReset, "a password reset", "Password reset", write, []string{"reset", "forgot", "recover"}, nil, nil},
		{journey.Transaction, "a payment", "Payment", write, nil, []string{"card_number"}, nil},
		{journey.RefundRequest, "a refund", "Refund", write, []string{"refund", "return"}, nil, nil},
		{journey.Payout, "a payout", "Payout", write, []string{"payout", "withdraw", "cashout"}, nil, nil},
		{journey.AccountCreate, "a sign-up", "Sign-up", write, []string{"signup", "sign-up", "register", "registration", "join"}, nil, nil},
		{journey.AccountUpdate, "a change of password", "Change of password", write, nil, []string{"password", "new_password"}, nil},
		{journey.AuthenticationAttempt, "a login", "Login", write, nil, []string{"password", "email"}, []string{"account_name", "phone"}},
		{journey.AuthenticationAttempt, "a login", "Login", write, nil, []string{"password", "username"}, []string{"account_name", "phone"}},
		{journey.AccountCreate, "a sign-up", "Sign-up", write, nil, []string{"password"}, nil},
		{journey.Logout, "a log-out", "Log-out", "", []string{"logout", "log-out", "signout", "sign-out"}, nil, nil},
		{journey.PromoRedeem, "a promotion being redeemed", "Promotion", write, nil, []string{"promo_code"}, nil},
		{journey.Transaction, "a payment", "Payment", write, []string{"checkout", "payment", "pay", "purchase", "order"}, nil, nil},
		{journey.CartUpdate, "a change of the cart", "Cart", "POST PUT PATCH DELETE", []string{"cart", "basket"}, nil, nil},
		{journey.SupportContact, "a message to support", "Support", write, []string{"support", "contact", "ticket"}, nil, nil},
		{journey.AccountUpdate, "a change of an account", "Account", write, []string{"account", "profile", "settings", "address", "email", "phone"}, nil, nil},
		{journey.Search, "a search", "Search", "GET", nil, []string{"search_query"}, nil},
		{journey.ProductView, "a product being looked at", "Product", "GET", []string{"product", "item", "listing"}, nil, nil},
	}
}

// meanings are what fields of these names hold. "" is a secret, which is not
// proposed; code and new_password only tell what a shape is.
func meanings() map[string]string {
	return map[string]string{
		"email": "email", "mail": "email", "emailaddress": "email", "useremail": "email",
		"username": "username", "user": "username", "login": "username", "userid": "username", "account": "username",
		"password": "password", "passwd": "password", "pass": "password", "pwd": "password",
		"newpassword": "new_password", "passwordnew": "new_password",
		"otp": "code", "totp": "code", "mfacode": "code", "verificationcode": "code", "onetimecode": "code", "pin": "code",
		"name": "account_name", "fullname": "account_name", "displayname": "account_name",
		"phone": "phone", "phonenumber": "phone", "mobile": "phone", "tel": "phone", "telephone": "phone",
		"card": "card_number", "cardnumber": "card_number", "ccnumber": "card_number", "pan": "card_number",
		"expmonth": "card_expiry_month", "expirymonth": "card_expiry_month", "expyear": "card_expiry_year", "expiryyear": "card_expiry_year",
		"amount": "transaction_amount", "total": "transaction_amount", "price": "transaction_amount", "currency": "currency",
		"q": "search_query", "query": "search_query", "search": "search_query", "term": "search_query",
		"productid": "product_id", "sku": "product_id", "itemid": "product_id", "product": "product_id",
		"quantity": "quantity", "qty": "quantity", "orderid": "order_id", "order": "order_id", "cartid": "cart_id",
		"coupon": "promo_code", "couponcode": "promo_code", "promo": "promo_code", "promocode": "promo_code", "voucher": "promo_code",
		"message": "message", "subject": "ticket_subject",
		"ssn": "ssn", "ein": "ein", "taxid": "ein",
		"cvv": "", "cvc": "", "csrf": "", "csrftoken": "", "token": "", "secret": "", "accesstoken": "", "refreshtoken": "",
	}
}

// secret meanings are never proposed to be mapped.
func secretMeaning(m string) bool {
	return m == "" || m == "password" || m == "new_password" || m == "code"
}

// Propose makes Specs of shapes, for those that look like something.
func Propose(shapes []Shape) []Proposal {
	out := []Proposal{}
	taken := map[string]int{}
	for i := range shapes {
		if p, ok := propose(&shapes[i]); ok {
			if taken[p.Name]++; taken[p.Name] > 1 {
				p.Name = fmt.Sprintf("%s %d", p.Name, taken[p.Name])
			}
			p.YAML = yamlOf(&shapes[i], &p)
			out = append(out, p)
		}
	}
	return out
}

func propose(s *Shape) (Proposal, bool) {
	means := map[string]string{} // field to meaning
	has := map[string]bool{}
	var names []string
	for _, f := range s.Fields {
		m, known := meaning(f)
		names = append(names, last(f))
		if known {
			means[f.In+f.Name] = m
			has[m] = true
		}
	}
	if strings.Contains(s.Path, "**") {
		return Proposal{}, false
	}
	for _, l := range looks() {
		if !l.fits(s, has) {
			continue
		}
		p := Proposal{ID: idOf(s), Shape: s, Site: s.Site, Name: l.title + " " + strings.Trim(s.Path, "/"), Type: l.is, Count: s.Count, Maps: []Mapped{}, LeftOut: []string{}}
		p.Says = fmt.Sprintf("this looks like %s: %s %s", l.what, s.Method, s.Path)
		if len(names) > 0 {
			p.Says += " with " + strings.Join(names, ", ")
		}
		p.maps(s, means)
		return p, true
	}
	return Proposal{}, false
}

func (l *look) fits(s *Shape, has map[string]bool) bool {
	if l.methods != "" && !slices.Contains(strings.Fields(l.methods), s.Method) {
		return false
	}
	for _, m := range l.fields {
		if !has[m] {
			return false
		}
	}
	for _, m := range l.neither {
		if has[m] {
			return false
		}
	}
	if len(l.path) == 0 {
		return true
	}
	for _, part := range strings.Split(strings.ToLower(s.Path), "/") {
		for _, w := range l.path {
			if strings.HasPrefix(part, w) {
				return true
			}
		}
	}
	return false
}

// maps adds the fields whose meaning is an element, each element once, and the id
// in the path of a product.
func (p *Proposal) maps(s *Shape, means map[string]string) {
	used := map[string]bool{}
	add := func(source, id string) {
		if !used[id] {
			used[id] = true
			p.Maps = append(p.Maps, Mapped{source, id})
		}
	}
	for _, f := range s.Fields {
		m, known := means[f.In+f.Name]
		source := SourceOf(f)
		switch {
		case !known:
		case secretMeaning(m):
			p.LeftOut = append(p.LeftOut, source)
		case !strings.Contains(f.Name, "[*]"):
			add(source, m)
		}
	}
	if p.Type == journey.ProductView && strings.Contains(s.Path, "{id}") {
		add("path.id", "product_id")
	}
	if len(p.Maps) == 0 {
		add("path", "url_path")
	}
}

func last(f Field) string {
	steps := fieldSteps(f.In, f.Name)
	if len(steps) == 0 {
		return f.Name
	}
	return steps[len(steps)-1]
}

// meaning is what a field holds by its name, or by the kind that nearly all its
// values have.
func meaning(f Field) (string, bool) {
	name := strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(last(f)))
	if m, ok := meanings()[name]; ok {
		return m, true
	}
	if strings.Contains(name, "password") || strings.Contains(name, "passwd") || strings.Contains(name, "secret") {
		return "password", true
	}
	var total, mails, cards int64
	for k, n := range f.Kinds {
		total += n
		switch k {
		case "email":
			mails += n
		case "card number":
			cards += n
		}
	}
	switch {
	case total > 0 && mails*10 >= total*9:
		return "email", true
	case total > 0 && cards*10 >= total*9:
		return "card_number", true
	}
	return "", false
}

// yamlOf writes the Spec, ready to be put into a policy folder.
func yamlOf(s *Shape, p *Proposal) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kind: spec\nname: %q\ntype: %s\n", p.Name, p.Type)
	fmt.Fprintf(&b, "match: {method: %s, path: %q", s.Method, s.Path)
	if s.Type != "" && s.Method != "GET" {
		fmt.Fprintf(&b, ", content_type: %s", s.Type)
	}
	b.WriteString("}\nprocessing: async\nrequest:\n")
	for _, m := range p.Maps {
		fmt.Fprintf(&b, "  %q: %s\n", m.Source, m.Element)
	}
	if len(p.LeftOut) > 0 {
		fmt.Fprintf(&b, "# Left out on purpose, since they hold secrets: %s\n", strings.Join(p.LeftOut, ", "))
	}
	b.WriteString("response: {status: response_status}\n")
	return b.String()
}
