package sim

import (
	"fmt"
	"math/rand/v2"
)

// Micros.
const (
	ms     = int64(1000)
	sec    = 1000 * ms
	minute = 60 * sec
	hour   = 60 * minute
	day    = 24 * hour

	start = int64(1767571200) * sec // Monday 2026-01-05, midnight UTC
)

// Assumptions are what a population is made by. Shares are of 1.
type Assumptions struct {
	People     int     // ordinary visitors
	Days       int     //
	Visits     float64 // of each, in 30 days
	SharedHome float64 // homes of several people that share one device
	KiosksFor  int     // two public devices for so many people; one forgets each user
	RingsFor   int     // one fraud ring for so many people
	Testers    int     // people who sign in to the shared test account
}

// Assumed is the population that is measured.
func Assumed(people int) Assumptions {
	return Assumptions{People: people, Days: 30, Visits: 8, SharedHome: .005, KiosksFor: 3000,
		RingsFor: 300, Testers: 15}
}

type person struct {
	id, home, ring       int
	account              uint64   // 0: a guest always
	accounts             []uint64 // a fraudster's
	registered           map[uint64]bool
	card, phone, address uint64
	until                int64 // of the visit now
}

// line is an access to the Internet with one address at a time. Addresses of homes
// change now and then.
type line struct {
	network *network
	ip      string
	fixed   bool
	change  int64
}

// network is an autonomous system with its blocks of addresses.
type network struct {
	id     uint64
	prefix int // of its first /24
	blocks int
}

func (n *network) address(r *rand.Rand) string {
	b := n.prefix + r.IntN(n.blocks)
	return fmt.Sprintf("%d.%d.%d.%d", b>>16, b>>8&255, b&255, 1+r.IntN(254))
}

func (l *line) at(r *rand.Rand, now int64) string {
	if l.ip == "" || !l.fixed && now >= l.change {
		l.ip = l.network.address(r)
		l.change = now + int64(r.ExpFloat64()*float64(12*day))
	}
	return l.ip
}

// plan is a visit to come.
type plan struct {
	at       int64
	order    int
	kind     Kind
	who      *person
	with     *profile
	line     *line // nil: a carrier's shared addresses
	carrier  *network
	proxies  []*network // rotating: another address for each connection
	account  uint64     // signs in to it, most likely
	private  bool
	clear    bool // browsing data was cleared before
	restart  bool // the program was restarted
	wipe     bool // the device forgets the user afterwards
	ring     *ring
	purchase float64 // how likely
}

// town is a population with what it plans to do.
type town struct {
	Assumptions
	r       *rand.Rand
	last    uint64 // of what was numbered
	people  int
	plans   []plan
	isps    []*network
	mobile  []*network
	hosting []*network
	lockers []uint64 // addresses that many have parcels sent to
	blocks  int
}

func (w *town) id() uint64 {
	w.last++
	return hash("id", w.last)
}

func newTown(a Assumptions, r *rand.Rand) *town {
	w := &town{Assumptions: a, r: r, blocks: 20 << 16}
	for _, share := range []float64{.35, .25, .15, .12, .08, .05} {
		w.isps = append(w.isps, w.network(2+int(share*float64(a.People)/8)))
	}
	for range 3 {
		w.mobile = append(w.mobile, w.network(1))
	}
	for range 4 {
		w.hosting = append(w.hosting, w.network(4))
	}
	for range 1 + a.People/60 {
		w.lockers = append(w.lockers, w.id())
	}
	w.settle()
	w.kiosks()
	w.testers()
	w.robot()
	w.rings()
	return w
}

func (w *town) network(blocks int) *network {
	n := &network{id: w.id(), prefix: w.blocks, blocks: blocks}
	w.blocks += blocks + 1
	return n
}

func (w *town) isp() *network {
	return w.isps[pick(w.r, []float64{.35, .25, .15, .12, .08, .05})]
}

func (w *town) person(home int) *person {
	w.people++
	return &person{id: w.people, home: home, registered: map[uint64]bool{}, card: w.id(), phone: w.id()}
}

func (w *town) profile(of []build, language int) *profile {
	return &profile{look: newLook(w.r, of, language, w.Days), http1: w.r.Float64() < .2}
}

// office is a company: one address, one build, managed.
type office struct {
	left int
	line *line
	look look
}

// settle makes homes of one to four people with their devices, and their offices.
func (w *town) settle() {
	var o *office
	home := 0
	for w.people < w.People {
		home++
		n := min(1+w.r.IntN(4), w.People-w.people)
		at := &line{network: w.isp()}
		language := pick(w.r, languages)
		address, card := w.id(), w.id()
		var tablet *profile
		if n > 1 && w.r.Float64() < w.SharedHome {
			tablet = w.profile(desktops, language)
		}
		for range n {
			p := w.person(home)
			p.address = address
			if w.r.Float64() < .3 {
				p.card = card // the partners' common one
			}
			if w.r.Float64() < .7 {
				p.account = w.id()
			}
			if w.r.Float64() > .25 {
				w.live(p, at, language, tablet, nil)
				continue
			}
			if o == nil || o.left == 0 {
				o = w.office()
			}
			o.left--
			w.live(p, at, language, tablet, o)
		}
	}
}

func (w *town) office() *office {
	return &office{left: 20 + w.r.IntN(130), line: &line{network: w.network(1), fixed: true},
		look: newLook(w.r, desktops[:4], 0, w.Days)}
}

// live plans a person's visits over the days.
func (w *town) live(p *person, at *line, language int, tablet *profile, o *office) {
	desk, phone := w.profile(desktops, language), w.profile(mobiles, language)
	carrier := w.mobile[w.r.IntN(len(w.mobile))]
	var work, app *profile
	if o != nil {
		work = &profile{look: o.look, http1: w.r.Float64() < .3}
	}
	if p.account != 0 && w.r.Float64() < .15 {
		app = w.profile(apps, language)
		app.app, app.http1, app.short = true, false, w.r.Float64() < .5
	}
	for range w.poisson(w.Visits) {
		v := plan{who: p, account: p.account, private: w.r.Float64() < .06, clear: w.r.Float64() < .1,
			restart: w.r.Float64() < .5, purchase: .2}
		x := w.r.Float64()
		switch {
		case app != nil && x < .4:
			v.kind, v.with, v.private, v.clear = App, app, false, false
			v.at = w.moment(waking)
			w.roam(&v, at, carrier, .5)
		case work != nil && x < .45:
			v.kind, v.with, v.line = Office, work, o.line
			v.at = w.moment(working)
		case tablet != nil && x < .6:
			v.kind, v.with, v.line, v.private, v.clear = Family, tablet, at, false, v.clear && w.r.Float64() < .3
			v.at = w.moment(waking)
		case x < .72:
			v.kind, v.with, v.line = Home, desk, at
			v.at = w.moment(waking)
		default:
			v.kind, v.with = Home, phone
			v.at = w.moment(waking)
			w.roam(&v, at, carrier, .5)
		}
		w.add(v)
	}
}

// roam puts a visit on a phone behind the home's address or the carrier's.
func (w *town) roam(v *plan, at *line, carrier *network, home float64) {
	if w.r.Float64() < home {
		v.line = at
		return
	}
	v.carrier = carrier
	if v.kind != App {
		v.kind = Mobile
	}
}

// kiosks are public devices. Their users are seen nowhere else.
func (w *town) kiosks() {
	for n := range 2 * ((w.People + w.KiosksFor/2) / w.KiosksFor) {
		device := w.profile(desktops[:1], 0)
		at := &line{network: w.isp(), fixed: true}
		for range 12 {
			p := w.person(0)
			p.address = w.id()
			if w.r.Float64() < .7 {
				p.account = w.id()
			}
			for range w.poisson(2) {
				w.add(plan{kind: Kiosk, who: p, with: device, line: at, account: p.account, at: w.moment(working), wipe: n%2 == 1, purchase: .1})
			}
		}
	}
}

// testers share one account, each on a device of their own.
func (w *town) testers() {
	account := w.id()
	for range w.Testers {
		p := w.person(0)
		p.address = w.id()
		device, at := w.profile(desktops, 0), &line{network: w.isp()}
		for range w.poisson(5) {
			w.add(plan{kind: Tester, who: p, with: device, line: at, account: account, at: w.moment(working), restart: w.r.Float64() < .5})
		}
	}
}

// robot is a monitor that looks in every hour.
func (w *town) robot() {
	p := w.person(0)
	device, at := w.profile(desktops[5:6], 0), &line{network: w.hosting[0], fixed: true}
	for h := range w.Days * 24 {
		w.add(plan{kind: Robot, who: p, with: device, line: at, at: start + int64(h)*hour + int64(w.r.IntN(300))*sec})
	}
}

func (w *town) add(p plan) {
	p.order = len(w.plans)
	w.plans = append(w.plans, p)
}

// poisson draws a number of visits over the days from what it is in 30.
func (w *town) poisson(mean float64) int {
	n, t := 0, w.r.ExpFloat64()
	for t < mean*float64(w.Days)/30 {
		n++
		t += w.r.ExpFloat64()
	}
	return n
}

// Hours of a day by how many visits they see.
var (
	waking  = []float64{.01, .01, 0, 0, 0, .01, .02, .04, .05, .05, .05, .05, .06, .05, .05, .05, .05, .06, .07, .08, .09, .08, .05, .02}
	working = []float64{0, 0, 0, 0, 0, 0, 0, .04, .1, .13, .13, .13, .1, .1, .11, .1, .06}
)

// moment is a time of a visit; of working hours, on a working day.
func (w *town) moment(hours []float64) int64 {
	d := w.r.IntN(w.Days)
	for len(hours) < 24 && d%7 > 4 {
		d = w.r.IntN(w.Days)
	}
	return start + int64(d)*day + int64(pick(w.r, hours))*hour + int64(w.r.Float64()*float64(hour))
}
