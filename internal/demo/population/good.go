package population

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/throughline/throughline/internal/demo/people"
)

// Which seeded customers play which part, so that no two parts meet in one
// account.
const (
	regulars  = 250 // customers 0..249 drop in
	leaked    = 250 // 250..279 stay away these days; their names are on lists
	officers  = 280 // 280..309 work in the office
	families  = 310 // 310..329 live together
	tourists  = 330 // 330..339 travel
	victims   = 340 // 340..399 lose their account
	allSeeded = 400
)

// habits is what drops in, in this order, again and again: mostly people who
// look around, some who buy.
func habits() []Scenario {
	return []Scenario{Buyer, WindowShopper, Newcomer, AppUser, Forgetful, Guest, WindowShopper, Returner, Buyer, Declined,
		WindowShopper, Returning, Mover, Asker, AppUser, WindowShopper, Buyer, Newcomer, WindowShopper, Guest}
}

// goodVisitor sends in the n-th good customer.
func (p *run) goodVisitor(ctx context.Context, n int) {
	list := habits()
	what := list[n%len(list)]
	id := fmt.Sprintf("%s-%d", what, n)
	r := p.rand("cast " + id)
	// A stride without common divisor visits all customers before the first
	// comes again.
	who := p.customers[n*73%regulars]
	s := seat{scenario: what, id: id, agent: anyBrowser(r), country: who.Address.Country}
	s.ip = address(r, home, s.country)
	if what == Newcomer {
		who = people.New(r, s.country, strconv.Itoa(1000+n))
	}
	if what == AppUser {
		all := apps()
		s.agent = all[n/7%len(all)]
		if n%3 == 0 && s.country == "US" {
			s.ip = address(r, mobile, "US")
		}
	}
	p.play(ctx, 0, s, func(v *visitor) { p.customer(v, what, who) })
}

// customer is what a good customer does.
func (p *run) customer(v *visitor, what Scenario, who people.Person) {
	switch what {
	case WindowShopper:
		v.home()
		for range 2 + v.r.IntN(4) {
			v.stroll()
		}
	case Buyer:
		v.home()
		v.login(who.Email, who.Password)
		v.buy(who)
	case Guest:
		v.search(anyQuery(v.r))
		v.buy(guestOf(v.r, who))
	case Newcomer:
		v.home()
		v.stroll()
		v.signUp(who)
		v.fill()
		v.promo("WELCOME10")
		v.checkout(who, who.Card)
	case Forgetful:
		v.home()
		v.login(who.Email, who.Password+"1")
		v.login(who.Email, "Summer2024!")
		if v.r.IntN(2) == 0 {
			v.login(swapped(who.Email), who.Password)
		}
		if v.r.IntN(3) == 0 {
			v.get("/password/forgot")
			v.think(3, 6)
			v.post("/password/forgot", "email", who.Email)
			v.think(10, 30)
		}
		v.login(who.Email, who.Password)
		v.stroll()
		v.buy(who)
	case Returning:
		v.home()
		v.stroll()
		v.login(who.Email, who.Password)
		v.fill()
		v.think(60, 120)
		v.comeBack()
		v.home()
		v.checkout(who, who.Card)
		v.logout()
	case AppUser:
		a := app{v}
		a.products("")
		a.product(anyProduct(v.r))
		if a.login(who.Email, who.Password) {
			id := modest(v.r)
			a.product(id)
			a.checkout(who, who.Card, a.put(id, 1))
			a.think(3, 6)
			a.call("GET", "/api/orders", nil)
		}
	case Returner:
		v.login(who.Email, who.Password)
		v.buy(who)
		order := v.at
		v.think(20, 40)
		v.refund(order, "The colour is not what I expected.", who)
	case Mover:
		v.login(who.Email, who.Password)
		moved := people.New(v.r, who.Address.Country, "0")
		who.Address = moved.Address
		v.changeAddress(who.Address)
		v.post("/account/phone", "phone", moved.Phone)
		v.think(3, 5)
		v.buy(who)
	case Declined:
		v.login(who.Email, who.Password)
		v.fill()
		empty := people.WithStanding(v.r, "465861", who.Name(), '0')
		if !v.checkout(who, empty) {
			v.think(8, 16)
			v.pay(who, who.Card)
		}
	case Asker:
		v.home()
		v.login(who.Email, who.Password)
		v.get("/orders")
		v.ticket(who.Email, "Where is my parcel?", "Hello, the tracking has not moved for three days. Could you have a look? Thank you, "+who.First)
		v.logout()
	}
}

// neighbours are the good customers that careless rules catch: an office behind
// one address, a family with one card, a traveller.
func (p *run) neighbours(ctx context.Context, wave int) {
	// Who works or lives together does so for good: at one address, in one country.
	office, household := wave%((families-officers)/6), wave%((tourists-families)/3)
	r := p.rand(fmt.Sprintf("office %d", office))
	country := []string{"US", "GB", "DE"}[office%3]
	nat := address(r, home, country)
	all := browsers()
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := range 6 {
		who := p.customers[officers+office*6+i]
		s := seat{scenario: Office, id: fmt.Sprintf("%s-%d-%d", Office, wave, i), agent: all[i], ip: nat, country: country}
		p.play(ctx, 10+float64(i)*14, s, func(v *visitor) {
			v.home()
			if i%3 == 1 {
				v.login(who.Email, who.Password+"x")
			}
			v.login(who.Email, who.Password)
			v.stroll()
			if i%2 == 0 {
				v.buy(who)
			}
		})
	}

	r = p.rand(fmt.Sprintf("household %d", household))
	country = []string{"US", "GB", "DE"}[household%3]
	houseIP := address(r, home, country)
	parent := people.New(r, country, "0")
	for i := range 3 {
		who := p.customers[families+household*3+i]
		who.Address, who.Card, who.Phone = parent.Address, parent.Card, parent.Phone
		s := seat{scenario: Family, id: fmt.Sprintf("%s-%d-%d", Family, wave, i), agent: all[6+i], ip: houseIP, country: country}
		p.play(ctx, 25+float64(i)*30, s, func(v *visitor) {
			v.login(who.Email, who.Password)
			v.stroll()
			v.buy(who)
			if i == 2 {
				v.refund(v.at, "Too small, sorry.", who)
			}
		})
	}

	who := p.customers[tourists+wave%(victims-tourists)]
	laptop := seat{scenario: Traveller, id: fmt.Sprintf("%s-%d-home", Traveller, wave), agent: all[9], ip: address(r, home, who.Address.Country), country: who.Address.Country}
	away := laptop
	away.id, away.agent, away.ip = fmt.Sprintf("%s-%d-away", Traveller, wave), all[10], address(r, home, abroad(who.Address.Country))
	p.play(ctx, 5, laptop, func(v *visitor) {
		v.login(who.Email, who.Password)
		v.stroll()
	})
	p.play(ctx, 80, away, func(v *visitor) {
		v.login(who.Email, who.Password)
		v.stroll()
		v.buy(who)
	})
}

// crawl is a search engine's bot: robots.txt first, allowed pages only, slowly.
func (p *run) crawl(ctx context.Context, wave int) {
	id := fmt.Sprintf("%s-%d", SearchBot, wave)
	s := seat{scenario: SearchBot, id: id, agent: googlebot(), ip: address(p.rand(id), crawler, "US"), country: "US"}
	p.play(ctx, 0, s, func(v *visitor) {
		v.get("/robots.txt")
		v.think(5, 10)
		v.get("/sitemap.xml")
		for i := range 22 {
			v.think(6, 12)
			v.get("/product/" + product((wave*22+i)%productCount))
		}
	})
}

// stroll looks at a shelf, a search or another product.
func (v *visitor) stroll() {
	switch v.r.IntN(3) {
	case 0:
		v.category(shelves()[v.r.IntN(len(shelves()))])
	case 1:
		v.search(anyQuery(v.r))
	}
	v.view()
}

// fill puts something of a modest price into the cart.
func (v *visitor) fill() {
	id := modest(v.r)
	v.product(id)
	v.addToCart(id, "1")
	if v.r.IntN(3) == 0 {
		other := modest(v.r)
		v.product(other)
		v.addToCart(other, strconv.Itoa(1+v.r.IntN(2)))
	}
}

func (v *visitor) buy(who people.Person) {
	v.fill()
	v.checkout(who, who.Card)
	v.think(4, 8)
}

// guestOf is somebody like a customer, without an account.
func guestOf(r *rand.Rand, like people.Person) people.Person {
	return people.New(r, like.Address.Country, "g"+strconv.Itoa(r.IntN(9000)))
}

// swapped is a typing mistake in an address.
func swapped(email string) string {
	return email[1:2] + email[:1] + email[2:]
}

func abroad(country string) string {
	if country == "FR" {
		return "GB"
	}
	return "FR"
}

func shelves() []string {
	return []string{"lighting", "kitchen", "textiles", "desk", "outdoor", "audio"}
}

func anyQuery(r *rand.Rand) string {
	q := []string{"lamp", "wool", "copper", "desk", "walnut", "linen", "brass", "glass", "speaker", "tent", "pen", "oak"}
	return q[r.IntN(len(q))]
}

// productCount is how many goods the shop has, p101 onwards.
const productCount = 60

func product(i int) string { return "p" + strconv.Itoa(101+i) }

func anyProduct(r *rand.Rand) string { return product(r.IntN(productCount)) }

// modest draws goods that most people buy: up to about 150.
func modest(r *rand.Rand) string {
	few := []string{"p101", "p103", "p104", "p106", "p108", "p109", "p111", "p112", "p113", "p117", "p118", "p120", "p123", "p124",
		"p125", "p127", "p128", "p131", "p132", "p134", "p136", "p137", "p139", "p140", "p141", "p144", "p148", "p149", "p154", "p159"}
	return few[r.IntN(len(few))]
}

// precious lists goods that thieves like.
func precious() []string { return []string{"p114", "p138", "p150", "p151", "p156"} }
