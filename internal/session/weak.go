package session

const (
	weakWithin = 30 * minute // how long address and device alone join
	weakLooks  = 32          // Sessions at one place that are looked at

	// pageLoad is how long a browser may go on opening connections for its first
	// page without the ticket of the first of them: it opens them side by side.
	pageLoad = 10 * second

	// Behind an address of many a connection is still one of those that a browser
	// opens at once, when only one Session was there in that moment.
	atOnce = second
)

// weak joins by address and device only when exactly one Session could be meant. It
// says why, or why not.
func (t *Table) weak(r *Request, rules Rules) (uint32, string) {
	if r.IP == "" {
		return 0, ""
	}
	slot := t.byPlace.Find(t.where)
	if slot == 0 || t.places.at(slot).head == 0 {
		return 0, ""
	}
	p := t.places.at(slot)
	var one, loading uint32
	n, busy, no := 0, 0, ""
	at := p.head
	for range weakLooks {
		e := t.entries.at(at)
		if alive(e, r.Time, rules) && r.Time-e.Last <= weakWithin {
			if why := refuse(e, r); why == "" {
				one, n = at, n+1
				if r.Time-e.Last <= pageLoad {
					loading, busy = at, busy+1
				}
			} else if no == "" {
				no = why
			}
		}
		if at = e.rings[ringPlace].next; at == p.head || busy > 1 {
			break
		}
	}
	crowded := p.crowded(r.Time)
	switch {
	case n == 1 && !crowded:
		return one, "same address and browser, no other candidate"
	case busy == 1 && at == p.head && r.Time-t.entries.at(loading).Last <= atOnce:
		return loading, "same address and browser, in the same second"
	case crowded:
		return 0, "first request; more than two clients share its address and device"
	case n > 1:
		return 0, "first request; several sessions share its address and browser"
	}
	return 0, no
}

// beside joins the Session that has the ticket of the connection opened beside the
// request's own.
func (t *Table) beside(r *Request, rules Rules) (uint32, string) {
	if r.Beside == 0 {
		return 0, ""
	}
	slot := t.byKey.Find(r.Beside)
	if slot == 0 || t.keys.at(slot).owner == 0 || t.keys.at(slot).kind != kindTicket {
		return 0, ""
	}
	at := t.keys.at(slot).owner
	e := t.entries.at(at)
	if !alive(e, r.Time, rules) || e.agent != short(r.Agent) || e.kinds&clientKinds != 0 {
		return 0, ""
	}
	if another(e, r) {
		return 0, ""
	}
	return at, "its connection was opened beside one of the session's"
}

// refuse says what speaks against a Session of the same address and device.
func refuse(e *Entry, r *Request) string {
	if e.agent != short(r.Agent) {
		return "first request; the session of the same address and device has another user agent"
	}
	if e.kinds&clientKinds != 0 {
		return "first request; the session of the same address and browser has a session key that this one lacks"
	}
	if another(e, r) {
		return "first request; the session of the same address and browser is of somebody who owns other accounts than this one"
	}
	if e.kinds&kindTicket.bit() == 0 {
		return ""
	}
	switch fresh, resumed := transport(r); {
	// A client that was given a ticket resumes with it, once it has had the time to;
	// where one connection carries everything it opens no other beside it.
	case fresh && (r.Multiplexed || r.Time-e.Start > pageLoad || r.Time-e.Last > pageLoad):
		return "first request; the session of the same address and browser would have resumed its TLS session"
	// It would have come with the one that is known of it: where each connection
	// carries requests, all that a client was given are.
	case resumed && r.Multiplexed:
		return "first request; the session of the same address and browser has another TLS session"
	}
	return ""
}

// another says that the request's keys are known as somebody else's: then neither time
// nor place make both one, or else who is behind an address could become his neighbour.
func another(e *Entry, r *Request) bool { return r.Another != nil && r.Another(e.ID) }

// transport says whether the request's TLS connection is one that resumed none, or one
// that resumed a session, and no one's here: else it would have joined by it.
func transport(r *Request) (fresh, resumed bool) {
	for i := range r.Keys {
		switch kindOf(&r.Keys[i]) {
		case kindConnection:
			fresh = true
		case kindTicket:
			return false, true
		}
	}
	return fresh, false
}
