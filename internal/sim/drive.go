package sim

import (
	"slices"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

// driver does with Sessions and Spec IDs what the judge does with the same
// observations, and tells the tally what came of it.
type driver struct {
	table *session.Table
	index *identity.Index
	rules session.Rules
	tally *tally
	links bool // relate actors

	open    map[uint64]opened // exchanges whose response is awaited
	visits  map[journey.ID]*known
	swept   int64
	millis  int64
	numbers int // IDs given in that millisecond
}

// known is what is remembered of a live Session.
type known struct {
	spec   journey.ID
	keys   []journey.Key // all it was known by, connections left out
	hashes []uint64      // theirs
	record *record
}

// opened is an exchange between its request and its response.
type opened struct {
	session, event journey.ID
	request        *Request
}

func newDriver(t *tally, links bool) *driver {
	return &driver{table: session.New(), index: identity.New(identity.DefaultRules()), tally: t, links: links,
		rules: session.Rules{Timeout: 30 * minute, MaxAge: day}, open: map[uint64]opened{}, visits: map[journey.ID]*known{}}
}

func (d *driver) fold(r *Request) {
	if r.Time-d.swept >= minute {
		d.tick(r.Time)
	}
	d.table.Begin()
	d.index.Begin()
	if r.Phase == journey.PhaseResponse {
		d.response(r)
	} else {
		d.request(r)
	}
	d.tally.changed(d.index.Changes())
	d.index.End()
	d.table.End()
}

// request finds the Session of a request, and who its visitor is when it began.
func (d *driver) request(r *Request) {
	keys := d.marked(r.Keys)
	j := d.table.Stitch(session.Request{Time: r.Time, IP: r.IP, Agent: r.Agent, Device: r.Device, Keys: keys},
		d.rules, func() journey.ID { return d.id(r.Time) })
	id := j.Entry.ID
	d.forget(j.Ended)
	v := d.visits[id]
	switch {
	case v == nil:
		a := d.index.Start(d.visitor(id, r, strong(keys)))
		v = &known{spec: a.SpecID, record: d.tally.begin(id, r)}
		d.visits[id] = v
		d.tally.answered(v.record, &a)
	default:
		d.tally.joined(v.record, r, &j)
	}
	for _, k := range strong(keys) {
		d.learn(v, k, r)
	}
	for _, m := range j.Merged {
		d.absorb(v, m, r)
	}
	event := d.id(r.Time)
	d.taught(id, v, r, event)
	v.spec = d.index.Of(v.spec, v.hashes)
	d.tally.event(v.record, v.spec, r)
	if r.Phase == journey.PhaseComplete {
		d.complete(id, v, r, r, event)
		return
	}
	d.open[r.Exchange] = opened{id, event, r}
}

// response completes the Event that its request opened.
func (d *driver) response(r *Request) {
	o := d.open[r.Exchange]
	delete(d.open, r.Exchange)
	id := d.tally.current(o.session)
	v := d.visits[id]
	if v == nil {
		return // its Session ended meanwhile
	}
	d.taught(id, v, r, o.event)
	v.spec = d.index.Of(v.spec, v.hashes)
	d.complete(id, v, o.request, r, o.event)
}

// complete takes a successful sign-in or sign-up as proof of an account, and what
// was paid with, called and sent to as strong entities.
func (d *driver) complete(id journey.ID, v *known, request, response *Request, event journey.ID) {
	if response.Outcome == journey.Success && (request.Type == journey.AuthenticationAttempt || request.Type == journey.AccountCreate) {
		for _, el := range request.Elements {
			if el.ID == "username" {
				if e := d.table.Get(id); e != nil {
					d.table.Account(e, uint64(el.Hash))
				}
				v.spec = d.index.Confirm(v.spec, d.visitor(v.record.session, request, v.keys), uint64(el.Hash))
			}
		}
	}
	if d.links {
		for _, el := range request.Elements {
			if el.ID != "username" {
				d.tally.linked(d.index.Relate(v.spec, el.ID, el.Hash, event, request.Time))
			}
		}
	}
	d.tally.assign(v.record, v.spec)
}

// taught binds the keys that a response set, or a fresh connection was given.
func (d *driver) taught(id journey.ID, v *known, r *Request, event journey.ID) {
	for _, k := range r.Learned {
		if e := d.table.Get(id); e != nil {
			d.table.Learn(e, k, event)
		}
		d.learn(v, k, r)
	}
}

func (d *driver) learn(v *known, k journey.Key, r *Request) {
	if !slices.Contains(v.hashes, k.Hash) {
		v.spec = d.index.LearnIn(v.spec, d.visitor(v.record.session, r, v.keys), k)
		v.keys, v.hashes = append(v.keys, k), append(v.hashes, k.Hash)
	}
}

// absorb adds a Session that turned out to be part of another.
func (d *driver) absorb(v *known, id journey.ID, r *Request) {
	m := d.visits[id]
	if m == nil {
		return
	}
	delete(d.visits, id)
	d.tally.merged(m.record, v.record)
	for _, k := range m.keys {
		d.learn(v, k, r)
	}
}

func (d *driver) visitor(id journey.ID, r *Request, keys []journey.Key) identity.Visitor {
	return identity.Visitor{Session: id, Time: r.Time, Keys: keys, IP: hash(r.IP, 0), Network: r.Network, Device: r.Device, Agent: r.Agent}
}

// marked names the keys that a response has taught.
func (d *driver) marked(keys []journey.Key) []journey.Key {
	out := slices.Clone(keys)
	for i := range out {
		out[i].Named = out[i].Named || d.index.Knows(out[i].Hash)
	}
	return out
}

// strong are the keys that say who somebody is, beyond a connection.
func strong(keys []journey.Key) (out []journey.Key) {
	for _, k := range keys {
		if k.Named && k.Kind != journey.KeyConnection {
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
