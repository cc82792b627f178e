package shop

import (
	"fmt"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/demo/people"
)

// line is one product in a cart or an order.
type line struct {
	Product  *Product
	Quantity int
}

func (l line) Sum() int64 { return l.Product.Price * int64(l.Quantity) }

const (
	maxLines    = 20 // different goods in a cart
	maxQuantity = 20 // of one good
	maxOrders   = 50 // remembered per account or guest
	currency    = "EUR"
)

// cart is what a visitor means to buy.
type cart struct {
	ID    string
	Lines []line
	Promo string // code applied
}

func (c *cart) set(p *Product, quantity int) *problem {
	if quantity < 0 || quantity > maxQuantity {
		return mistake("invalid_quantity", "The quantity must be between 0 and %d.", maxQuantity)
	}
	for i := range c.Lines {
		if c.Lines[i].Product == p {
			if quantity == 0 {
				c.Lines = append(c.Lines[:i], c.Lines[i+1:]...)
			} else {
				c.Lines[i].Quantity = quantity
			}
			return nil
		}
	}
	if quantity == 0 {
		return nil
	}
	if len(c.Lines) >= maxLines {
		return mistake("cart_full", "The cart is full.")
	}
	c.Lines = append(c.Lines, line{p, quantity})
	return nil
}

func (c *cart) quantity(p *Product) int {
	for _, l := range c.Lines {
		if l.Product == p {
			return l.Quantity
		}
	}
	return 0
}

// Count is the number of pieces.
func (c *cart) Count() (n int) {
	for _, l := range c.Lines {
		n += l.Quantity
	}
	return n
}

// Subtotal is the sum before a promo code.
func (c *cart) Subtotal() (sum int64) {
	for _, l := range c.Lines {
		sum += l.Sum()
	}
	return sum
}

// Discount is what the promo code takes off.
func (c *cart) Discount() int64 {
	if p, ok := promo(c.Promo); ok {
		return c.Subtotal() * p.percent / 100
	}
	return 0
}

// Total is what will be charged.
func (c *cart) Total() int64 { return c.Subtotal() - c.Discount() }

// promoCode is a discount and its conditions.
type promoCode struct {
	percent   int64
	once      bool  // once per account, on its first order
	minimum   int64 // subtotal in cents
	afterward int   // orders the account must have
}

func promo(code string) (promoCode, bool) {
	switch code {
	case "WELCOME10":
		return promoCode{percent: 10, once: true}, true
	case "SPRING5":
		return promoCode{percent: 5, minimum: 5000}, true
	case "LOYAL15":
		return promoCode{percent: 15, afterward: 3}, true
	}
	return promoCode{}, false
}

// redeem applies a promo code to the visit's cart.
func (s *Shop) redeem(v *session, code string) *problem {
	code = strings.ToUpper(strings.TrimSpace(code))
	p, ok := promo(code)
	switch {
	case !ok:
		return mistake("unknown_promo", "This code is not known.")
	case len(v.cart.Lines) == 0:
		return mistake("empty_cart", "Put something into the cart first.")
	case (p.once || p.afterward > 0) && v.account == nil:
		return mistake("sign_in_first", "Please sign in to use this code.")
	case p.once && (v.account.redeemed[code] || len(v.account.orders) > 0):
		return mistake("promo_used", "This code was for your first order.")
	case p.afterward > 0 && len(v.account.orders) < p.afterward:
		return mistake("promo_not_yet", "This code is for returning customers.")
	case v.cart.Subtotal() < p.minimum:
		return mistake("promo_minimum", "This code needs an order of %s or more.", euros(p.minimum))
	}
	v.cart.Promo = code
	return nil
}

// order is a purchase.
type order struct {
	ID                string
	Account           *account // nil for a guest
	Email, Phone      string
	Billing, Shipping people.Address
	Lines             []line
	Promo             string
	Total             int64
	Brand, Last4      string
	Status            string // paid, in review, cancelled
	Placed            time.Time
	Refunds           []refund
}

type refund struct {
	ID     string
	Amount int64
	Reason string
	Status string // approved, requested
}

// Refunded is what was asked back so far.
func (o *order) Refunded() (sum int64) {
	for _, r := range o.Refunds {
		sum += r.Amount
	}
	return sum
}

// Open is what can still be asked back.
func (o *order) Open() int64 {
	if o.Status == "cancelled" {
		return 0
	}
	return o.Total - o.Refunded()
}

// purchase is what a checkout asks for.
type purchase struct {
	Email, Phone      string
	Billing, Shipping people.Address
	Card              people.Card
	Amount            int64  // what the visitor was shown
	Risk              string // rating that the edge tagged the request with
}

// buy charges the card and turns the cart into an order.
func (s *Shop) buy(v *session, in purchase) (*order, *problem) {
	if len(v.cart.Lines) == 0 {
		return nil, mistake("empty_cart", "The cart is empty.")
	}
	email, p := cleanEmail(in.Email)
	if p != nil {
		return nil, p
	}
	phone, p := cleanPhone(in.Phone)
	if p != nil {
		return nil, p
	}
	if in.Billing, p = cleanAddress(in.Billing); p != nil {
		return nil, p
	}
	if in.Shipping, p = cleanAddress(in.Shipping); p != nil {
		return nil, p
	}
	total := v.cart.Total()
	if in.Amount != total {
		return nil, mistake("price_changed", "The total is now %s. Please check your cart.", euros(total))
	}
	number := strings.NewReplacer(" ", "", "-", "").Replace(in.Card.Number)
	if d := s.processor.charge(number, in.Card.Expiry, strings.TrimSpace(in.Card.CVV), total, s.now()); d != nil {
		return nil, &problem{402, d.Code, d.Message}
	}
	s.orderSeq++
	o := &order{ID: fmt.Sprint(500000 + s.orderSeq), Account: v.account, Email: email, Phone: phone,
		Billing: in.Billing, Shipping: in.Shipping, Lines: v.cart.Lines, Promo: v.cart.Promo, Total: total,
		Brand: brand(number), Last4: number[len(number)-4:], Status: "paid", Placed: s.now()}
	if in.Risk != "" && in.Risk != "normal" {
		o.Status = "in review"
	}
	s.orders.put(o.ID, o)
	if v.account != nil {
		if o.Promo != "" {
			v.account.redeemed[o.Promo] = true
		}
		if v.account.Address.Street == "" {
			v.account.Address = o.Shipping
		}
		v.account.orders = remember(v.account.orders, o.ID)
	} else {
		v.orders = remember(v.orders, o.ID)
	}
	v.cart = newCart()
	return o, nil
}

func remember(ids []string, id string) []string {
	if len(ids) >= maxOrders {
		ids = ids[1:]
	}
	return append(ids, id)
}

// find answers an order that the visitor may see.
func (s *Shop) find(v *session, id string) *order {
	o, ok := s.orders.get(id)
	if !ok {
		return nil
	}
	if v.account != nil && o.Account == v.account {
		return o
	}
	for _, mine := range v.orders {
		if mine == id {
			return o
		}
	}
	return nil
}

// history lists the visitor's orders, newest first.
func (s *Shop) history(v *session) []*order {
	ids := v.orders
	if v.account != nil {
		ids = v.account.orders
	}
	var out []*order
	for i := len(ids) - 1; i >= 0; i-- {
		if o, ok := s.orders.get(ids[i]); ok {
			out = append(out, o)
		}
	}
	return out
}

// askRefund records a refund request; small ones are granted at once.
func (s *Shop) askRefund(o *order, cents int64, reason string) (refund, *problem) {
	switch {
	case o.Open() <= 0:
		return refund{}, mistake("nothing_to_refund", "This order has been refunded or cancelled.")
	case cents <= 0 || cents > o.Open():
		return refund{}, mistake("invalid_amount", "The amount must be between 0.01 and %s.", euros(o.Open()))
	case strings.TrimSpace(reason) == "" || len(reason) > 2000:
		return refund{}, mistake("invalid_reason", "Please tell us what went wrong.")
	}
	s.refundSeq++
	r := refund{ID: fmt.Sprintf("r%d", 9000+s.refundSeq), Amount: cents, Reason: reason, Status: "requested"}
	if cents <= 15000 && o.Status == "paid" {
		r.Status = "approved"
	}
	o.Refunds = append(o.Refunds, r)
	return r, nil
}

func (s *Shop) cancel(o *order) *problem {
	if o.Status == "cancelled" || len(o.Refunds) > 0 {
		return mistake("too_late", "This order can no longer be cancelled.")
	}
	o.Status = "cancelled"
	return nil
}

func euros(cents int64) string { return "€" + amount(cents) }

// amount is the decimal form without a currency.
func amount(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

// parseAmount reads "12", "12.3" or "12.34" into cents.
func parseAmount(s string) (int64, bool) {
	whole, frac, _ := strings.Cut(strings.TrimSpace(s), ".")
	if len(whole) == 0 || len(whole) > 9 || len(frac) > 2 {
		return 0, false
	}
	for len(frac) < 2 {
		frac += "0"
	}
	var n int64
	for _, c := range whole + frac {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
