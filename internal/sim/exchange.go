package sim

import (
	"strconv"

	"github.com/throughline/throughline/internal/journey"
)

// ask is a request and what its response does beside answering.
type ask struct {
	typ                  journey.EventType
	account              uint64 // signed in to, or up for
	fails                bool   // the password is wrong
	token                uint64 // carried in the form
	gives                uint64 // a token in the page
	bears                uint64 // a new bearer token
	leaves               bool   // the session ends
	card, phone, address uint64
}

// ask makes one exchange and returns when its response began. The browser then has
// the response's cookies.
func (v *visit) ask(c *conn, a ask) int64 {
	p, at := v.in, v.now
	answered := at + 25*ms + int64(v.r.ExpFloat64()*float64(60*ms))
	v.exchange++
	o := journey.Observation{Exchange: v.exchange, Time: at, Site: "site", Spec: "site/" + string(a.typ), Name: string(a.typ), Type: a.typ,
		Method: "GET", IP: c.ip, UserAgent: p.build, Agent: v.agent, Device: p.class(), Multiplexed: !p.http1, Status: 200, Outcome: journey.Success}
	c.used = answered
	o.Keys = append(o.Keys, journey.Key{Kind: journey.KeyConnection, Hash: c.id, Named: true})
	carry := func(kind string, hash uint64, named bool) {
		if hash != 0 {
			o.Keys = append(o.Keys, journey.Key{Kind: kind, Hash: hash, Named: named})
		}
	}
	carry(journey.KeyCookie, p.sid, true)
	carry(journey.KeyBearer, p.bearer, true)
	carry(journey.KeyToken, a.token, false)
	if v.site.Tickets {
		t := journey.Key{Kind: journey.KeyTicket, Hash: c.ticket, Named: true}
		if c.resumed {
			o.Keys = append(o.Keys, t)
		} else {
			o.Learned = append(o.Learned, t)
		}
	}
	carry(journey.KeyDevice, p.device, false)
	if a.fails {
		o.Outcome, o.Status = journey.Failure, 401
	}
	o.Elements = a.elements()
	v.send(o, answered, v.origin(at, &a), c)
	return answered
}

// origin is what a response teaches: the cookies it sets and the tokens it gives.
func (v *visit) origin(at int64, a *ask) (taught []journey.Key) {
	p := v.in
	set := func(kind string, held *uint64) {
		*held = v.w.id()
		taught = append(taught, journey.Key{Kind: kind, Hash: *held, Named: kind != journey.KeyDevice})
	}
	if a.bears != 0 {
		p.bearer, p.renewed = a.bears, at
		taught = append(taught, journey.Key{Kind: journey.KeyBearer, Hash: a.bears, Named: true})
	}
	if a.gives != 0 {
		taught = append(taught, journey.Key{Kind: journey.KeyToken, Hash: a.gives})
	}
	if !v.site.Cookies || p.app {
		return taught
	}
	ran := p.sid != 0 && at-p.sidUsed > originIdle
	if ran {
		p.account = 0
	}
	p.sidUsed = at
	switch {
	case a.leaves:
		p.sid = 0
	case p.sid == 0, ran, a.account != 0 && !a.fails: // a new one at login, against fixation
		set(journey.KeyCookie, &p.sid)
	}
	if p.device == 0 {
		set(journey.KeyDevice, &p.device)
	}
	return taught
}

func (a *ask) elements() (out []journey.Element) {
	if a.account != 0 {
		out = append(out, journey.Element{ID: "username", Value: strconv.FormatUint(a.account, 36), Entity: true, Hash: int64(a.account >> 1)})
	}
	for _, e := range []struct {
		id   string
		hash uint64
	}{{"card_number", a.card}, {"phone", a.phone}, {"shipping_address", a.address}} {
		if e.hash != 0 {
			out = append(out, journey.Element{ID: e.id, Value: strconv.FormatUint(e.hash, 36), Entity: true, Hash: int64(e.hash >> 1)})
		}
	}
	return out
}

// send queues an exchange: in two parts when its response teaches something, as the
// engine then observes it, or whenever somebody signs in.
func (v *visit) send(o journey.Observation, answered int64, taught []journey.Key, c *conn) {
	f := fact{Request: Request{Observation: o, Network: v.net.id, Truth: v.truth, Conn: c.id, Opened: v.in.since.opened, Ended: v.in.since.ended}}
	v.in.since = dealings{}
	if len(taught) == 0 && o.Type != journey.AuthenticationAttempt && o.Type != journey.AccountCreate {
		f.Phase = journey.PhaseComplete
		v.emit(f)
		return
	}
	f.Phase, f.Status, f.Outcome = journey.PhaseRequest, 0, ""
	v.emit(f)
	f.Phase, f.Time, f.Status, f.Outcome = journey.PhaseResponse, answered, o.Status, o.Outcome
	f.Keys, f.Learned, f.Elements, f.Opened, f.Ended = nil, taught, nil, nil, nil
	v.emit(f)
}
