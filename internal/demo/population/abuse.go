package population

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/throughline/throughline/internal/demo/people"
)

// attackTime is how many human seconds a wave of abuse needs.
const attackTime = 260

// attack starts a wave. The first brings every scenario, later ones half of
// them in turn, so that a demo left running stays lively and mostly good.
func (p *run) attack(ctx context.Context, wave int) {
	if !p.fits(attackTime) {
		return
	}
	all := []func(context.Context, int){p.stuff, p.testCards, p.abusePromo, p.abuseRefunds, p.scrape, p.takeOver}
	for i, start := range all {
		if wave == 0 || i%2 == wave%2 {
			start(ctx, wave)
		}
	}
}

// stuff is credential stuffing: a botnet tries a leaked list, a few names from
// each of many addresses. A few nodes hammer the app's API, the others pretend
// to be browsers at the form.
func (p *run) stuff(ctx context.Context, wave int) {
	r := p.rand(fmt.Sprintf("stuffing %d", wave))
	countries := []string{"VN", "BR", "RU", "NG"}
	for node := range 12 {
		s := seat{scenario: CredentialStuffing, id: fmt.Sprintf("%s-%d-%d", CredentialStuffing, wave, node), country: countries[node%4]}
		s.ip = address(r, home, s.country)
		byAPI := node%3 == 0
		switch {
		case byAPI:
			s.agent, s.ip = pythonRequests(), address(r, hosting, "")
		case node%3 == 1:
			s.agent = chromeOn(120, "Windows NT 10.0; Win64; x64", "Windows", false)
		default:
			s.agent = chromeOn(121, "X11; Linux x86_64", "Linux", false)
		}
		list := p.leak(r, 6+r.IntN(4))
		p.play(ctx, float64(node)*4, s, func(v *visitor) {
			v.plain = true
			for i, c := range list {
				if byAPI {
					if (app{v}).login(c.Email, c.Password) {
						v.bearer = ""
					}
				} else {
					v.at = "" // every attempt opens the form anew
					v.get("/login")
					v.think(.5, 1)
					v.is(c.Email)
					v.post("/login", "email", c.Email, "password", c.Password)
				}
				if i >= 3 {
					v.acted()
				}
				if v.err != nil { // a bot does not mind a block, it tries again
					v.acted()
					v.forgive()
				}
				v.think(3, 7)
			}
		})
	}
}

// forgive lets a script go on after it was blocked.
func (v *visitor) forgive() {
	if v.err == errBlocked {
		v.err = nil
	}
}

// leak is a list from elsewhere: most names are unknown here, of the others
// most have another password, a rare one fits. They are nobody's who visits: of an
// account that a stranger opened before its owner first came, nothing could tell
// which of the two is at home.
func (p *run) leak(r *rand.Rand, n int) []people.Person {
	out := make([]people.Person, n)
	for i := range out {
		out[i] = people.New(r, people.Countries()[r.IntN(4)], "l"+strconv.Itoa(r.IntN(1e6)))
		if dice := r.IntN(20); dice < 4 {
			known := p.customers[leaked+r.IntN(officers-leaked)]
			out[i].Email = known.Email
			if dice == 0 {
				out[i].Password = known.Password
			}
		}
	}
	return out
}

// testCards buys the cheapest thing with card after card to learn which ones
// work: once by form as a guest, once by the API.
func (p *run) testCards(ctx context.Context, wave int) {
	for tester := range 2 {
		id := fmt.Sprintf("%s-%d-%d", CardTesting, wave, tester)
		r := p.rand("cards " + id)
		s := seat{scenario: CardTesting, id: id, country: "US", agent: firefoxOn(115, "Windows NT 10.0; Win64; x64"), ip: address(r, home, "BR")}
		if tester == 1 {
			s.agent, s.ip = goClient(), address(r, hosting, "")
		}
		who := people.New(r, "US", "x"+strconv.Itoa(wave))
		p.play(ctx, 15+float64(tester)*20, s, func(v *visitor) {
			total := any(nil)
			a := app{v}
			if tester == 1 {
				a.guest()
				total = a.put("p139", 1)
			} else {
				v.product("p139")
				v.addToCart("p139", "1")
				v.get("/checkout")
				v.think(2, 4)
			}
			for n := range 14 {
				card := stolen(v.r, who.Name(), n)
				if tester == 1 {
					if a.checkout(who, card, total) != "" {
						total = a.put("p139", 1)
					}
				} else if v.pay(who, card) {
					v.addToCart("p139", "1")
					v.get("/checkout")
				}
				if n >= 5 || v.err != nil {
					v.acted()
				}
				if v.err == errBlocked {
					v.forgive()
					if tester == 0 {
						v.get("/checkout")
					}
				}
				v.think(2, 6)
			}
		})
	}
}

// stolen is one card of a bought list: stopped, empty or with a guessed code,
// and now and then one that works.
func stolen(r *rand.Rand, holder string, n int) people.Card {
	switch {
	case n%7 == 6:
		return people.WithStanding(r, "471627", holder, '5')
	case n%3 == 0:
		return people.NewCard(r, "411773", holder)
	case n%3 == 1:
		return people.WithStanding(r, "542418", holder, '0')
	default:
		c := people.WithStanding(r, "453211", holder, '5')
		c.CVV = strconv.Itoa(100 + r.IntN(900))
		return c
	}
}

// abusePromo is one person with many fake accounts: same phone and home, one
// household line, a fresh private window each time.
func (p *run) abusePromo(ctx context.Context, wave int) {
	r := p.rand(fmt.Sprintf("promo %d", wave))
	one := people.New(r, "GB", "0")
	ip := address(r, home, "GB")
	for i := range 5 {
		fake := people.New(r, "GB", "f"+strconv.Itoa(wave)+strconv.Itoa(i))
		fake.Phone, fake.Address, fake.Card = one.Phone, one.Address, one.Card
		id := fmt.Sprintf("%s-%d-%d", PromoAbuse, wave, i)
		// The same router, sometimes with a new address of the same /24; a
		// private window of another browser when it is the same.
		s := seat{scenario: PromoAbuse, id: id, country: "GB", agent: browsers()[i*2], ip: ip}
		if i%2 == 1 {
			s.ip = neighbour(r, ip)
		}
		p.play(ctx, 5+float64(i)*8, s, func(v *visitor) {
			v.signUp(fake)
			v.product("p106")
			v.addToCart("p106", "2")
			v.think(45-float64(i)*8, 48-float64(i)*8) // all accounts first, then the codes
			v.promo("WELCOME10")
			v.acted()
			v.checkout(fake, fake.Card)
		})
	}
}

// abuseRefunds is a ring of accounts around one home and one card: each buys,
// keeps the goods and wants the money back, again and again.
func (p *run) abuseRefunds(ctx context.Context, wave int) {
	r := p.rand(fmt.Sprintf("refunds %d", wave))
	one := people.New(r, "US", "0")
	for i := range 4 {
		member := people.New(r, "US", "m"+strconv.Itoa(wave)+strconv.Itoa(i))
		member.Address, member.Card = one.Address, one.Card
		s := seat{scenario: RefundAbuse, id: fmt.Sprintf("%s-%d-%d", RefundAbuse, wave, i), country: "US",
			agent: browsers()[i*3+1], ip: address(r, home, "US")}
		p.play(ctx, 5+float64(i)*6, s, func(v *visitor) {
			v.signUp(member)
			var orders []string
			for _, id := range []string{"p133", "p104"} {
				v.product(id)
				v.addToCart(id, "1")
				if v.checkout(member, member.Card) {
					orders = append(orders, v.at)
				}
			}
			for round, order := range orders {
				v.think(8, 16)
				v.refund(order, "The parcel was empty.", member)
				if round == 1 {
					v.acted()
				}
			}
			if v.err == errBlocked {
				v.acted()
			}
		})
	}
}

// scrape copies the catalogue: by pages, by API, and by a script that calls
// itself Googlebot from a hosting network.
func (p *run) scrape(ctx context.Context, wave int) {
	r := p.rand(fmt.Sprintf("scraping %d", wave))
	fake := googlebot()
	for i, a := range []agent{pythonRequests(), goClient(), fake} {
		s := seat{scenario: Scraping, id: fmt.Sprintf("%s-%d-%d", Scraping, wave, i), agent: a, ip: address(r, hosting, ""), country: "US"}
		p.play(ctx, 20+float64(i)*15, s, func(v *visitor) {
			for n := range productCount {
				if i == 1 {
					(app{v}).call("GET", "/api/products/"+product(n), nil)
				} else {
					v.at = ""
					v.get("/product/" + product(n))
				}
				if n >= 39 {
					v.acted()
				}
				if v.err == errBlocked {
					v.acted()
					return
				}
				v.think(1, 2.4)
			}
		})
	}
}

// takeOver is what follows a leak: first the owner is at the shop as always,
// then somebody far away signs in with the right password, changes e-mail and
// address, and buys what is easy to sell.
func (p *run) takeOver(ctx context.Context, wave int) {
	for i := range 2 {
		n := wave*2 + i
		id := fmt.Sprintf("%d-%d", wave, i)
		r := p.rand("takeover " + id)
		country := []string{"US", "DE", "GB", "FR"}[n%4]
		owner, known := people.New(r, country, "v"+strconv.Itoa(n)), n < allSeeded-victims
		if known {
			owner = p.customers[victims+n]
			country = owner.Address.Country
		}
		ready := make(chan struct{})
		atHome := sync.OnceFunc(func() { close(ready) })

		s := seat{scenario: Victim, id: fmt.Sprintf("%s-%s", Victim, id), agent: anyBrowser(r), ip: address(r, home, country), country: country}
		came := p.play(ctx, float64(i)*5, s, func(v *visitor) {
			defer atHome()
			v.home()
			if !known { // the seeded ones are used up: an account of today
				v.signUp(owner)
				v.logout()
			}
			v.login(owner.Email, owner.Password)
			atHome()
			v.stroll()
			if i == 0 {
				v.buy(owner)
			}
		})
		if !came {
			continue
		}

		from := []string{"NG", "RU", "VN"}[n%3]
		thief := people.New(r, from, "z"+strconv.Itoa(n))
		drop := people.New(r, "US", "0").Address
		t := seat{scenario: AccountTakeover, id: fmt.Sprintf("%s-%s", AccountTakeover, id), agent: anyBrowser(r), ip: address(r, home, from), country: from}
		p.play(ctx, 70+float64(i)*15, t, func(v *visitor) {
			select {
			case <-ready:
			case <-ctx.Done():
				return
			}
			if !v.login(owner.Email, owner.Password) {
				return
			}
			v.post("/account/email", "email", thief.Email)
			v.think(2, 4)
			v.acted()
			v.changeAddress(drop)
			haul := owner
			haul.Email, haul.Address = thief.Email, drop
			for range 2 {
				id := precious()[v.r.IntN(len(precious()))]
				v.product(id)
				v.addToCart(id, "1")
			}
			v.checkout(haul, owner.Card)
		})
	}
}
