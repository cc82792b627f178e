package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

// driver does with Sessions and Spec IDs what the judge does with the same
// observations, and with connections what the edge does, and tells the tally what
// came of it.
type driver struct {
	table *session.Table
	index *identity.Index
	rules session.Rules
	tally *tally
	links bool // relate actors

	neighbours *fingerprint.Neighbours
	conns      map[uint64]*conned

	open    map[uint64]*opened // exchanges whose response is awaited
	visits  map[journey.ID]*known
	swept   int64
	millis  int64
	numbers int // IDs given in that millisecond
}

// conned is a connection as the edge sees it.
type conned struct {
	neighbour *fingerprint.Neighbour
	asked     bool
	beside    uint64
}

// known is what is remembered of a Session.
type known struct {
	spec   journey.ID
	record *record
}

// opened is an exchange, from its request to its response.
type opened struct {
	event   journey.ID
	visit   *known
	who     identity.Visitor
	request *Request
}

func newDriver(t *tally, links bool) *driver {
	return &driver{table: session.New(), index: identity.New(identity.DefaultRules()), tally: t, links: links,
		rules: session.Rules{Timeout: 30 * minute, MaxAge: day}, open: map[uint64]*opened{}, neighbours: fingerprint.NewNeighbours(), conns: map[uint64]*conned{}, visits: map[journey.ID]*known{}}
}

func (d *driver) fold(r *Request) {
	if r.Time-d.swept >= minute {
		d.tick(r.Time)
	}
	d.table.Begin()
	d.index.Begin()
	switch r.Phase {
	case journey.PhaseRequest:
		d.open[r.Exchange] = d.request(r)
	case journey.PhaseComplete:
		d.complete(d.request(r), r)
	case journey.PhaseResponse:
		o := d.open[r.Exchange]
		delete(d.open, r.Exchange)
		d.learn(o, r)
		d.complete(o, r)
	}
	d.part()
	d.index.End()
	d.table.End()
}

// part follows merges and splits, with which live Sessions move.
func (d *driver) part() {
	changes := d.index.Changes()
	d.tally.changed(changes)
	if slices.ContainsFunc(changes, func(c journey.SpecChange) bool { return c.Kind == journey.SpecSplit }) {
		for _, m := range d.index.Moves(live{d}) {
			v := d.visits[m.Session]
			v.spec = m.SpecID
			d.tally.assign(v.record, v.spec)
		}
	}
}

// live are the Sessions that live, as identity asks for them.
type live struct{ d *driver }

func (l live) SpecOf(id journey.ID) journey.ID {
	if v := l.d.visits[id]; v != nil {
		return v.spec
	}
	return 0
}

func (l live) Holder(key uint64) (journey.ID, []journey.Key) {
	e := l.d.table.Holder(key)
	if e == nil {
		return 0, nil
	}
	return e.ID, l.d.table.Keys(e, nil)
}

// beside adds the ticket of the connection that was opened beside the request's, or the
// one before it, as far as the edge would know it.
func (d *driver) beside(r *Request) {
	for _, id := range r.Ended {
		if c := d.conns[id]; c != nil {
			d.neighbours.Closed(c.neighbour)
			delete(d.conns, id)
		}
	}
	place := hash(r.IP, r.Device)
	for _, c := range r.Opened {
		d.conns[c.ID] = &conned{neighbour: d.neighbours.Open(place, time.Duration(c.Time)*time.Microsecond, strconv.FormatUint(c.Ticket, 36))}
	}
	c := d.conns[r.Conn]
	if c == nil || !r.Multiplexed {
		return
	}
	if !c.asked {
		c.asked = true
		if other := d.neighbours.Asked(c.neighbour, time.Duration(r.Time)*time.Microsecond, r.UserAgent); other != "" {
			n, err := strconv.ParseUint(other, 36, 64)
			if err != nil {
				panic(err) // it was written above
			}
			c.beside = n
		}
	}
	r.Beside = c.beside
}

// request finds the Session of a request, and who its visitor is when it begins.
func (d *driver) request(r *Request) *opened {
	d.beside(r)
	who := identity.Visitor{Time: r.Time, Keys: d.strong(r.Keys), IP: hash(r.IP, 0), Network: r.Network, Device: r.Device, Agent: r.Agent}
	keys := who.Keys
	j := d.table.Stitch(session.Request{Time: r.Time, IP: r.IP, Agent: r.Agent, Device: r.Device, Multiplexed: r.Multiplexed, Keys: keys, Beside: r.Beside,
		Another: func(id journey.ID) bool { v := d.visits[id]; return v != nil && d.index.Another(v.spec, keys) }},
		d.rules, func() journey.ID { return d.id(r.Time) })
	d.forget(j.Ended)
	who.Session = j.Entry.ID
	v := d.visits[who.Session]
	if v == nil {
		a := d.index.Start(who)
		v = &known{spec: a.SpecID, record: d.tally.begin(who.Session, r)}
		d.visits[who.Session] = v
		d.tally.answered(v.record, &a)
	} else {
		d.tally.joined(r, &j)
		carried := who.Keys
		who.Keys = d.table.Keys(j.Entry, nil)
		for _, k := range carried {
			d.teach(v, &who, k)
		}
	}
	for _, id := range j.Merged {
		if m := d.visits[id]; m != nil {
			d.tally.merged(m.record, v.record)
			delete(d.visits, id)
		}
	}
	d.known(v, who.Keys)
	o := &opened{d.id(r.Time), v, who, r}
	d.learn(o, r)
	if d.links && j.New {
		pair := int64(hash("device and network", r.Device^who.IP) >> 1)
		d.tally.linked(d.index.Relate(v.spec, "device_address", pair, o.event, r.Time))
	}
	d.tally.event(v.record, v.spec, r)
	return o
}

// learn binds the keys that a response set, or that a fresh connection was given.
func (d *driver) learn(o *opened, r *Request) {
	for _, k := range r.Learned {
		if e := d.table.Get(o.who.Session); e != nil {
			d.table.Learn(e, k, o.event)
		}
		d.teach(o.visit, &o.who, k)
	}
	o.who.Keys = append(o.who.Keys, r.Learned...)
}

// teach notes that a key is of a Session's user. A connection's is the Session's
// matter only.
func (d *driver) teach(v *known, who *identity.Visitor, k journey.Key) {
	if k.Kind != journey.KeyConnection {
		v.spec = d.index.Learn(v.spec, *who, k)
	}
}

// known follows what has become known of a Session's visitor since.
func (d *driver) known(v *known, keys []journey.Key) {
	var hashes []uint64
	for _, k := range keys {
		if k.Kind != journey.KeyConnection && len(hashes) < 16 {
			hashes = append(hashes, k.Hash)
		}
	}
	v.spec = d.index.Of(v.spec, hashes)
}

// complete takes a successful sign-in or sign-up as proof of an account, and what
// was paid with, called and sent to as strong entities.
func (d *driver) complete(o *opened, response *Request) {
	v, r := o.visit, o.request
	d.known(v, o.who.Keys)
	proves := response.Outcome == journey.Success && (r.Type == journey.AuthenticationAttempt || r.Type == journey.AccountCreate)
	for _, el := range r.Elements {
		switch {
		case el.ID == "username" && proves:
			if e := d.table.Get(o.who.Session); e != nil {
				d.table.Account(e, uint64(el.Hash))
			}
			v.spec = d.index.Confirm(v.spec, o.who, uint64(el.Hash))
		case el.ID != "username" && d.links:
			d.tally.linked(d.index.Relate(v.spec, el.ID, el.Hash, o.event, r.Time))
		}
	}
	d.tally.assign(v.record, v.spec)
}

// strong returns the keys that join: those under a session's name, and those that a
// response has taught.
func (d *driver) strong(keys []journey.Key) (out []journey.Key) {
	for _, k := range keys {
		if k.Named = k.Named || d.index.Knows(k.Hash); k.Named {
			out = append(out, k)
		}
	}
	return out
}

func (d *driver) tick(now int64) {
	d.swept = now
	d.forget(d.table.Sweep(now, d.rules))
	d.index.Sweep(now)
}

func (d *driver) forget(ended []journey.ID) {
	for _, id := range ended {
		delete(d.visits, id)
	}
}

func (d *driver) id(now int64) journey.ID {
	if m := now / ms; m > d.millis {
		d.millis, d.numbers = m, 0
	}
	d.numbers++
	return journey.NewID(d.millis*ms, 0, d.numbers)
}
