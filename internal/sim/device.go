package sim

import "math/rand/v2"

// build is a browser, or an app, on a system: what its programs have in common.
type build struct {
	name  string
	share float64
}

// Shares of desktop, mobile and app builds. A build says nothing about hardware:
// browsers no longer do.
var (
	desktops = []build{
		{"Chrome on Windows", .43}, {"Edge on Windows", .17}, {"Chrome on macOS", .11}, {"Safari on macOS", .11},
		{"Firefox on Windows", .09}, {"Chrome on Linux", .03}, {"Firefox on macOS", .03}, {"Firefox on Linux", .03}}
	mobiles = []build{{"Safari on iOS", .46}, {"Chrome on Android", .41}, {"Samsung Internet on Android", .10}, {"Firefox on Android", .03}}
	apps    = []build{{"app on Android", .55}, {"app on iOS", .45}}
	// versions are shares of a build's versions, the newest first; languages those
	// of the profiles that browsers send.
	versions  = []float64{.72, .13, .07, .05, .03}
	languages = []float64{.80, .08, .05, .04, .03}
)

// look is what a program shows of itself.
type look struct {
	build    string
	language int
	version  int
	upgrade  int64 // when it moves on to the next version
}

func pick(r *rand.Rand, shares []float64) int {
	x := r.Float64()
	for i, s := range shares {
		if x < s {
			return i
		}
		x -= s
	}
	return len(shares) - 1
}

func newLook(r *rand.Rand, of []build, language int, days int) look {
	shares := make([]float64, len(of))
	for i, b := range of {
		shares[i] = b.share
	}
	return look{build: of[pick(r, shares)].name, language: language, version: 150 - pick(r, versions),
		upgrade: start + int64(r.Float64()*float64(days)*float64(day))}
}

// agent is a hash of the whole user agent, class one of the class of devices.
func (l look) agent(now int64) uint64 {
	v := l.version
	if now >= l.upgrade {
		v++
	}
	return hash(l.build, uint64(v))
}

func (l look) class() uint64 { return hash(l.build, uint64(l.language)|1<<32) }

// hash is FNV-1a over a name and a number, mixed.
func hash(name string, n uint64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	for range 8 {
		h = (h ^ n&0xff) * 1099511628211
		n >>= 8
	}
	h ^= h >> 29
	return h * 0x9e3779b97f4a7c15
}

// profile is a browser's, or an app's, memory. A private window has its own.
type profile struct {
	look
	app, http1 bool // http1: speaks HTTP/1.1, over several connections

	sid      uint64 // session cookie; 0 none
	sidUsed  int64  // when the origin last saw it
	device   uint64 // the cookie that outlives sessions
	bearer   uint64 // an app's token
	renewed  int64  // when the token was given
	short    bool   // the token is good for an hour
	account  uint64 // signed in to; 0 nobody
	tickets  []ticket
	since    dealings
	conns    []*conn
	occupied int64 // until when somebody uses it
}

type ticket struct {
	id    uint64
	given int64
}

// conn is an open TLS connection.
type conn struct {
	id      uint64
	ticket  uint64 // its ticket ID
	resumed bool   // it came with the ticket
	ip      string
	used    int64
}

// dealings are what a browser did with connections since its last request.
type dealings struct {
	opened []Connection
	ended  []uint64
}

const (
	maxTickets = 2        // browsers keep the two newest of a site, each for one use
	ticketLife = 7 * day  // and none longer
	idle       = 75 * sec // after which the engine closes a connection
)

// open begins a connection. Of two begun at once the second finds the first's
// ticket used up.
func (p *profile) open(id func() uint64, ip string, now int64) *conn {
	c := &conn{id: id(), ip: ip, used: now}
	for len(p.tickets) > 0 && !c.resumed {
		t := p.tickets[len(p.tickets)-1]
		p.tickets = p.tickets[:len(p.tickets)-1]
		if now-t.given < ticketLife {
			c.ticket, c.resumed = t.id, true
		}
	}
	if !c.resumed {
		c.ticket = id()
	}
	p.conns = append(p.conns, c)
	p.since.opened = append(p.since.opened, Connection{ID: c.id, Ticket: c.ticket, Time: now})
	return c
}

// keepTicket notes the ticket that the server sent after the handshake.
func (p *profile) keepTicket(c *conn, now int64) {
	p.tickets = append(p.tickets, ticket{c.ticket, now})
	if len(p.tickets) > maxTickets {
		p.tickets = p.tickets[1:]
	}
}

// live closes connections that were idle for too long or whose address is no
// more, and returns the others.
func (p *profile) live(ip string, now int64) []*conn {
	kept := p.conns[:0]
	for _, c := range p.conns {
		if c.ip == ip && now-c.used < idle {
			kept = append(kept, c)
		} else {
			p.since.ended = append(p.since.ended, c.id)
		}
	}
	p.conns = kept
	return kept
}

// restart ends the program: connections and tickets are gone, session cookies too
// unless the last windows are restored.
func (p *profile) restart(restored bool) {
	for _, c := range p.conns {
		p.since.ended = append(p.since.ended, c.id)
	}
	p.conns, p.tickets = nil, nil
	if !restored {
		p.sid, p.account = 0, 0
	}
}

// clear is what the user's wish to clear browsing data does.
func (p *profile) clear() {
	p.restart(false)
	p.device = 0
}
