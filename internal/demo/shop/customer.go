package shop

import (
	"fmt"
	"strings"

	"github.com/throughline/throughline/internal/demo/people"
)

// routeCustomerPages adds checkout, orders, profile and support.
func (s *Shop) routeCustomerPages(get, post func(string, func(*call))) {
	get("/checkout", checkoutPage)
	post("/checkout", checkout)
	get("/orders", func(c *call) { c.show("orders", "Your orders", c.shop.history(c.v)) })
	get("/orders/{id}", withOrder(func(c *call, o *order) { c.show("order", "Order "+o.ID, o) }))
	get("/orders/{id}/refund", withOrder(func(c *call, o *order) { c.show("refund", "Return order "+o.ID, o) }))
	post("/orders/{id}/refund", withOrder(askRefund))
	post("/orders/{id}/cancel", withOrder(cancelOrder))

	get("/account", signedIn(func(c *call) { c.show("account", "Your account", nil) }))
	post("/account/email", signedIn(func(c *call) {
		c.changed(c.shop.changeEmail(c.v.account, c.r.PostFormValue("email")), "Your e-mail address was changed.")
	}))
	post("/account/phone", signedIn(func(c *call) {
		phone, problem := cleanPhone(c.r.PostFormValue("phone"))
		if problem == nil {
			c.v.account.Phone = phone
		}
		c.changed(problem, "Your phone number was changed.")
	}))
	post("/account/address", signedIn(func(c *call) {
		a, problem := cleanAddress(c.formAddress("shipping_"))
		if problem == nil {
			c.v.account.Address = a
		}
		c.changed(problem, "Your address was changed.")
	}))
	post("/account/password", signedIn(func(c *call) {
		f := c.r.PostFormValue
		c.changed(c.shop.changePassword(c.v.account, f("current_password"), f("new_password")), "Your password was changed.")
	}))

	get("/support", func(c *call) { c.show("support", "Support", nil) })
	post("/support", openTicket)
}

// signedIn sends guests to the sign-in page.
func signedIn(h func(*call)) func(*call) {
	return func(c *call) {
		if c.v.account == nil {
			c.v.notice = "Please sign in first."
			c.redirect("/login")
			return
		}
		h(c)
	}
}

// withOrder finds the order of the path among those the visitor may see.
func withOrder(h func(*call, *order)) func(*call) {
	return func(c *call) {
		o := c.shop.find(c.v, c.r.PathValue("id"))
		if o == nil {
			c.notFound()
			return
		}
		h(c, o)
	}
}

// changed answers a profile form.
func (c *call) changed(problem *problem, notice string) {
	if problem != nil {
		c.again("account", "Your account", problem, nil)
		return
	}
	c.v.notice = notice
	c.redirect("/account")
}

// checkoutForm is what the page is filled in with beforehand.
type checkoutForm struct {
	Email, Phone string
	Address      people.Address
}

func (c *call) checkoutForm() checkoutForm {
	if a := c.v.account; a != nil {
		return checkoutForm{a.Email, a.Phone, a.Address}
	}
	return checkoutForm{}
}

func checkoutPage(c *call) {
	if len(c.v.cart.Lines) == 0 {
		c.redirect("/cart")
		return
	}
	c.show("checkout", "Checkout", c.checkoutForm())
}

func checkout(c *call) {
	f := c.r.PostFormValue
	cents, ok := parseAmount(f("amount"))
	if !ok {
		c.again("checkout", "Checkout", mistake("invalid_amount", "The total is missing."), c.checkoutForm())
		return
	}
	o, problem := c.shop.buy(c.v, purchase{
		Email: f("email"), Phone: f("phone"),
		Billing: c.formAddress("billing_"), Shipping: c.formAddress("shipping_"),
		Card:   people.Card{Number: f("card_number"), Expiry: f("card_expiry"), CVV: f("card_cvv"), Holder: f("card_name")},
		Amount: cents, Risk: c.r.Header.Get(HeaderRisk),
	})
	if problem != nil {
		c.header.Set("X-Failure-Reason", problem.Code)
		c.again("checkout", "Checkout", problem, c.checkoutForm())
		return
	}
	c.v.notice = "Thank you! Your order is placed."
	c.redirect("/orders/" + o.ID)
}

func askRefund(c *call, o *order) {
	cents, ok := parseAmount(c.r.PostFormValue("amount"))
	if !ok {
		cents = 0
	}
	// The address is where the parcel is collected; the shop only checks it.
	if _, problem := cleanAddress(c.formAddress("pickup_")); problem != nil {
		c.again("refund", "Return order "+o.ID, problem, o)
		return
	}
	r, problem := c.shop.askRefund(o, cents, c.r.PostFormValue("reason"))
	if problem != nil {
		c.again("refund", "Return order "+o.ID, problem, o)
		return
	}
	c.v.notice = fmt.Sprintf("Your return %s is %s.", r.ID, r.Status)
	c.redirect("/orders/" + o.ID)
}

func cancelOrder(c *call, o *order) {
	if problem := c.shop.cancel(o); problem != nil {
		c.again("order", "Order "+o.ID, problem, o)
		return
	}
	c.v.notice = "Your order was cancelled."
	c.redirect("/orders/" + o.ID)
}

func openTicket(c *call) {
	f := c.r.PostFormValue
	t, problem := c.shop.openTicket(f("email"), f("subject"), f("message"))
	if problem != nil {
		c.again("support", "Support", problem, nil)
		return
	}
	c.v.notice = "Thank you. Your ticket is " + t.ID + "."
	c.redirect("/support")
}

func (s *Shop) openTicket(email, subject, message string) (ticket, *problem) {
	email, p := cleanEmail(email)
	if p != nil {
		return ticket{}, p
	}
	subject, message = strings.TrimSpace(subject), strings.TrimSpace(message)
	if subject == "" || len(subject) > maxField || message == "" || len(message) > 4000 {
		return ticket{}, mistake("invalid_ticket", "Please fill in a subject and a message.")
	}
	s.ticketSeq++
	t := ticket{fmt.Sprintf("t%d", 3000+s.ticketSeq), email, subject, message}
	s.tickets.put(t.ID, t)
	return t, nil
}
