package sim

import (
	"math"

	"github.com/throughline/throughline/internal/journey"
)

// originIdle is after how long the origin lets go of its session: the next request
// still carries the cookie, and its response sets another.
const originIdle = 24 * minute

// visit is one in the making.
type visit struct {
	*stream
	*plan
	in    *profile // with, or a private window's
	truth Truth
	agent uint64 // programs are not replaced while they run
	now   int64
	ip    string
	net   *network
}

// visit has a person browse. Its requests go to the queue.
func (s *stream) visit(p *plan) {
	s.visits++
	v := &visit{stream: s, plan: p, in: p.with, now: p.at, agent: p.with.agent(p.at),
		truth: Truth{Visit: s.visits, Person: p.who.id, Ring: p.who.ring, Home: p.who.home, Kind: p.kind}}
	if p.restart {
		v.in.restart(s.r.Float64() < .5)
	}
	if p.clear {
		v.in.clear()
	}
	if p.private {
		v.in = &profile{look: p.with.look, http1: p.with.http1}
	}
	v.attach()
	if v.in.app {
		v.useApp()
	} else {
		v.browse()
	}
	p.who.until, p.with.occupied = v.now, v.now
	if p.wipe {
		v.in.clear()
	}
}

// attach gives the device an address.
func (v *visit) attach() {
	switch {
	case v.proxies != nil:
		v.net = v.proxies[v.r.IntN(len(v.proxies))]
		v.ip = v.net.address(v.r)
	case v.line != nil:
		v.net = v.line.network
		v.ip = v.line.at(v.r, v.now)
	default:
		v.net = v.carrier // some tens of addresses for all of its customers
		v.ip = v.net.address(v.r)
	}
}

// pages draws how many pages a visit sees: one in five sees one, few very many.
func (v *visit) pages() int {
	if v.kind == Robot {
		return 2
	}
	if v.r.Float64() < .2 {
		return 1
	}
	return 2 + int(min(60, v.r.ExpFloat64()*7))
}

// pause lets time pass between two pages: mostly seconds, sometimes many minutes.
func (v *visit) pause() {
	d := 12 * math.Exp(1.1*v.r.NormFloat64())
	v.now += int64(min(d, 300) * float64(sec))
	if v.kind != Robot && v.r.Float64() < .05 {
		v.now += 2*minute + int64(v.r.Float64()*float64(maxPause-8*minute))
	}
	switch {
	case v.line == nil && v.proxies == nil && v.r.Float64() < .03, v.proxies != nil && v.r.Float64() < .2:
		v.attach() // on the move; the next exit
	}
}

// browse loads pages, signs in, buys.
func (v *visit) browse() {
	n := v.pages()
	login, purchase := -1, -1
	if v.account != 0 && v.r.Float64() < .5 || v.kind == Ring || v.kind == Tester {
		login = v.r.IntN(n)
	}
	if n > 2 && v.r.Float64() < v.purchase {
		purchase = n - 1
	}
	if v.restart && v.r.Float64() < .06 {
		v.tabs(2 + v.r.IntN(2))
	}
	for i := range n {
		if i > 0 {
			v.pause()
		}
		v.page()
		if i == login && v.in.account != v.account {
			v.signIn(v.account)
		}
		if i == purchase {
			v.pause()
			v.buy()
		}
		if v.in.account != 0 && v.r.Float64() < .03 {
			v.pause()
			v.signOut()
			if v.ring != nil && v.r.Float64() < .5 { // the next of the accounts
				v.signIn(v.who.accounts[v.r.IntN(len(v.who.accounts))])
			}
		}
	}
}

// page loads a document and what its scripts ask for.
func (v *visit) page() {
	first := len(v.in.live(v.ip, v.now)) == 0
	v.now = v.ask(v.connection(false), ask{typ: journey.PageView})
	more := 0
	if x := v.r.Float64(); x < .1 {
		more = 2 + v.r.IntN(4)
	} else if x < .4 {
		more = 1
	}
	if first {
		more += v.r.IntN(3)
	}
	last := v.now
	for range more {
		v.now += 10*ms + int64(v.r.Float64()*float64(80*ms))
		last = max(last, v.ask(v.connection(more > 1), ask{typ: journey.Content}))
	}
	v.now = last
}

// tabs are restored at once: each is asked for before the first has an answer.
func (v *visit) tabs(n int) {
	at, last := v.now, v.now
	sid, used, device := v.in.sid, v.in.sidUsed, v.in.device
	for range n {
		v.in.sid, v.in.sidUsed, v.in.device = sid, used, device
		last = max(last, v.ask(v.connection(true), ask{typ: journey.PageView}))
		v.now += 2 * ms
	}
	v.now = max(last, at)
}

// connection is one to ask on. Over HTTP/1.1 requests at once need several; over
// HTTP/2 browsers open a second one now and then, before they know.
func (v *visit) connection(parallel bool) *conn {
	live := v.in.live(v.ip, v.now)
	if len(live) == 0 {
		c := v.in.open(v.w.id, v.ip, v.now)
		if !v.in.app && v.r.Float64() < .25 || v.in.http1 {
			defer v.in.keepTicket(v.in.open(v.w.id, v.ip, v.now+int64(v.r.Float64()*float64(20*ms))), v.now)
		}
		v.in.keepTicket(c, v.now)
		return c
	}
	if parallel && v.in.http1 && len(live) < 6 && v.r.Float64() < .5 {
		c := v.in.open(v.w.id, v.ip, v.now)
		v.in.keepTicket(c, v.now)
		return c
	}
	if v.in.http1 || v.r.Float64() < .1 {
		return live[v.r.IntN(len(live))]
	}
	return live[0]
}

// signIn has its page give a token for the form. One in ten mistypes first.
func (v *visit) signIn(account uint64) {
	v.pause()
	token := uint64(0)
	if v.site.Cookies {
		token = v.w.id()
	}
	v.now = v.ask(v.connection(false), ask{typ: journey.PageView, gives: token})
	typ := journey.AuthenticationAttempt
	if !v.who.registered[account] {
		v.who.registered[account] = true
		typ = journey.AccountCreate
	} else if v.r.Float64() < .1 {
		v.now += 5 * sec
		v.now = v.ask(v.connection(false), ask{typ: typ, account: account, token: token, fails: true})
	}
	v.now += 8 * sec
	v.now = v.ask(v.connection(false), ask{typ: typ, account: account, token: token})
	v.in.account = account
}

func (v *visit) signOut() {
	v.now = v.ask(v.connection(false), ask{typ: journey.Logout, leaves: true})
	v.in.account = 0
}

// buy pays. One parcel in ten goes where many have theirs sent to.
func (v *visit) buy() {
	w := v.who
	a := ask{typ: journey.Transaction, card: w.card, phone: w.phone, address: w.address}
	if g := v.ring; g != nil {
		a.card, a.phone, a.address = g.cards[v.r.IntN(len(g.cards))], g.phones[v.r.IntN(len(g.phones))], g.addresses[v.r.IntN(len(g.addresses))]
	}
	if v.r.Float64() < .1 {
		a.address = v.w.lockers[v.r.IntN(len(v.w.lockers))]
	}
	v.now = v.ask(v.connection(false), a)
}

// useApp asks with the app's token. Half of the apps' tokens are good for an hour;
// half of those are renewed by a request that does not carry the former one.
func (v *visit) useApp() {
	p := v.in
	if p.bearer == 0 {
		v.now = v.ask(v.connection(false), ask{typ: v.firstTime(), account: v.account, bears: v.w.id()})
	} else if p.short && v.now-p.renewed > hour {
		former := p.bearer
		if v.r.Float64() < .5 {
			p.bearer = 0
		}
		v.now = v.ask(v.connection(false), ask{typ: journey.SessionUpdate, bears: hash("renewed", former)})
	}
	for i := range v.pages() {
		if i > 0 {
			v.pause()
		}
		at, last := v.now, v.now
		for range 1 + v.r.IntN(3) {
			last = max(last, v.ask(v.connection(true), ask{typ: journey.Content}))
			v.now += 5 * ms
		}
		v.now = max(at, last)
	}
}

func (v *visit) firstTime() journey.EventType {
	if v.who.registered[v.account] {
		return journey.AuthenticationAttempt
	}
	v.who.registered[v.account] = true
	return journey.AccountCreate
}
