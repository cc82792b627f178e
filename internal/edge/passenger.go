package edge

import (
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// passenger is a visitor's connection in a lane.
type passenger struct {
	ticket
	ln    *lane
	v     *visit
	ride  *wire.Ride
	at    int   // in the lane's list
	out   *hire // the origin's connection, while an exchange runs
	head  int   // length of its request's head
	again bool  // something may have come that was not read
	left  bool  // it is none of the lane's any more
}

// ticket is what goes with a passenger from lane to lane.
type ticket struct {
	which uint32        // by which passengers are spread
	rode  int           // how many exchanges it has ridden through
	since time.Duration // when the exchange began, or the last one ended, on the Sweeper's clock
}

// remove takes it off the lane's list.
func (p *passenger) remove() {
	ln := p.ln
	p.left = true
	last := ln.all[len(ln.all)-1]
	ln.all[p.at], last.at = last, p.at
	ln.all[len(ln.all)-1] = nil
	ln.all = ln.all[:len(ln.all)-1]
	ln.s.lanes.riding.Add(-1)
}

// end ends the connection, which is at rest.
func (p *passenger) end() {
	p.ride.Close()
	p.remove()
	p.v.over()
}

// alight has a goroutine take over, which does first what is left of an exchange.
func (p *passenger) alight(left func(*visit)) {
	p.remove()
	p.v.alight(p.ride.Release(), left)
}

// move has another lane take a passenger at rest.
func (p *passenger) move() {
	to := p.ln.s.lanes.pick(p.which)
	if to == nil || to == p.ln {
		return
	}
	p.remove()
	to.board(p.v, p.ride.Release(), p.ticket)
}

// Ready implements wire.Rider: the visitor has sent something, or left.
func (p *passenger) Ready() {
	if p.out != nil { // the exchange first
		p.again = true
		return
	}
	defer p.survive()
	p.turn()
}

// turn takes what has come up to a request that is under way then.
func (p *passenger) turn() {
	v := p.v
	if v.in.Len() == 0 {
		full, wait, err := p.ride.Fill(&v.in)
		switch {
		case err != nil:
			p.end()
			return
		case wait:
			p.rest()
			return
		}
		p.again = full
		v.wake() // so that nobody takes what has a request for idle
		if !p.ln.s.lanes.paid() {
			p.alight(nil)
			return
		}
	}
	v.wake()
	m := v.ex.req
	n, err := m.ParseRequest(v.in.Bytes(), v.limits())
	if err != nil || n == 0 || m.Chunked || m.Upgrades || m.Length > int64(v.in.Len()-n) || !p.begin(n) {
		p.weary()
		p.alight(nil)
	}
}

// rest waits for the next request.
func (p *passenger) rest() {
	p.again = false
	p.since = p.ln.l.Now()
	p.v.rest()
	p.v.in.Release()
}

// begin sends a request whose head of n bytes has come. Where it answers false nothing
// has been done.
func (p *passenger) begin(n int) bool {
	v, ln := p.v, p.ln
	e := v.ex
	e.ahead = v.in.Bytes()[n:]
	e.last = e.req.Close || e.req.Minor == 0 && !e.req.KeepAlive || v.s.winding.Load() || v.s.draining.Load()
	e.ready()
	if !e.isPlain(&v.who) {
		return false
	}
	h := ln.hire(e.pool)
	if h == nil {
		e.wipe()
		return false
	}
	e.setOut()
	h.by, p.out, p.head, p.since = p, h, n, ln.l.Now()
	request := e.asIs(&v.who, e.ahead[:e.used])
	k, err := h.ride.Write(request)
	switch {
	case err != nil: // the kernel knows it for ended: nothing was sent
		p.goOn(nil, early{err: wire.ErrStale})
	case k < len(request):
		p.goOn(nil, early{sent: true, rest: request[k:]})
	default:
		e.early.sent = true
	}
	return true
}

// goOn has a goroutine take the exchange further, from what has come of the answer.
func (p *passenger) goOn(answer []byte, o early) {
	e, h := p.v.ex, p.out
	waited := p.ln.l.Now() - p.since
	p.weary()
	p.out, h.by = nil, nil
	c, err := h.line.end.Adopt(h.ride.Release())
	if err == nil {
		c.In.Put(answer)
		e.adopt(c)
		c.DueRead(max(e.pool.HeaderTimeout()-waited, laneTick))
	} else {
		o.err = err
	}
	e.early = o
	p.v.known = p.head
	p.alight(func(v *visit) { v.follow(true) })
}

// answered is when the origin has sent something, or ended the connection.
func (p *passenger) answered(h *hire) {
	defer p.survive()
	ln := p.ln
	n, wait, err := h.ride.Read(ln.room)
	switch {
	case wait:
	case err != nil:
		p.goOn(nil, early{sent: true, err: err})
	default:
		b := ln.room[:n]
		if whole := p.v.ex.whole(b); whole != nil && n < len(ln.room) { // so nothing is left unread
			h.line.end.Answered()
			p.deliver(whole)
		} else {
			p.goOn(b, early{sent: true})
		}
	}
}

// deliver ends an exchange with the whole of its answer.
func (p *passenger) deliver(whole []byte) {
	v, h := p.v, p.out
	e := v.ex
	k, err := p.ride.Write(whole)
	p.out = nil
	h.giveBack()
	if err != nil || k < len(whole) {
		rest := append([]byte(nil), whole[k:]...)
		v.known = p.head
		p.alight(func(v *visit) {
			defer v.s.counters.active.Add(-1)
			defer v.survive()
			v.deliver(rest)
		})
		return
	}
	p.rode++
	v.s.counters.active.Add(-1)
	v.in.Take(p.head + e.used)
	e.wipe()
	if v.in.Len() == 0 && !p.again && !p.ride.Ended {
		p.rest()
		return
	}
	p.turn()
}

// weary has a connection wait for longer before it boards again, if it did not ride for
// long: alighting and boarding cost what many exchanges save.
func (p *passenger) weary() {
	v := p.v
	v.need = max(v.need, boardAfter)
	if p.rode >= worthwhile*int(v.need) {
		v.need = boardAfter
	} else {
		v.need = 2 * min(v.need, boardAtLast/2)
	}
}

// survive is deferred: a panic in a lane costs the exchange it is in.
func (p *passenger) survive() {
	r := recover()
	if r == nil {
		return
	}
	v := p.v
	v.s.fault(r)
	if h := p.out; h != nil {
		p.out, h.by = nil, nil
		h.ride.Close()
		v.s.counters.active.Add(-1)
	}
	if !p.left {
		p.ride.Reset()
		p.end()
	}
}
