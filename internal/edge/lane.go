package edge

import (
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// lane takes visitors' connections in the clear, and connections to origins, through
// what straight does, without a goroutine for each: see wire.Lane. A connection boards
// while it rests, when its exchanges go straight to their end. It alights, and has a
// goroutine again, for all else: a request that straight does not take, an answer that
// is not whole at once, one that lasts, trouble of any kind. So nothing in a lane waits,
// and nothing is decided there that straight does not decide.
//
// All of it is for the goroutine of its wire.Lane, but what says otherwise.
type lane struct {
	s     *Server
	l     *wire.Lane
	at    int    // among the Server's; for all
	room  []byte // what answers are read into
	all   []*passenger
	lines []*line
}

const (
	// laneTick is how often a lane looks after what lasts.
	laneTick = 250 * time.Millisecond
	// dwell is how long an exchange may last in a lane, or up to a tick longer. Whoever
	// waits longer is watched meanwhile, in a goroutine.
	dwell = 500 * time.Millisecond
	// shortest is how little time an origin may be given for an answer, so that a lane
	// need not look after it more closely.
	shortest = 2 * time.Second

	// boardAfter is how many exchanges in a row have to go straight before a connection
	// boards; more, and up to boardAtLast, the more often it had to alight before it had
	// ridden through worthwhile times as many.
	boardAfter, boardAtLast, worthwhile = 2, 64, 8
)

// mayBoard tells whether a connection at rest is one for a lane.
func (v *visit) mayBoard() bool {
	ls := &v.s.lanes
	return (v.smooth >= max(v.need, boardAfter) || ls.eager) && v.tls == nil && ls.most > 0 && !v.s.draining.Load() && ls.pay()
}

// board has the visit ride on in a lane. Where it answers false nothing has changed,
// or the connection has ended.
func (v *visit) board() bool {
	v.smooth = 0
	which := v.s.lanes.next.Add(1)
	ln := v.s.lanes.pick(which)
	if ln == nil {
		return false
	}
	v.in.Release()
	fd, err := v.sock.Detach()
	if err != nil {
		return false
	}
	v.mu.Lock()
	v.sock = nil
	v.mu.Unlock()
	v.s.lanes.boarded.Add(1)
	ln.board(v, fd, ticket{which: which, since: time.Duration(v.s.sweeper.Now()) * time.Millisecond})
	return true
}

// board takes a connection over. Safe to call from any goroutine.
func (ln *lane) board(v *visit, fd int, t ticket) {
	if ln.post(func() { ln.take(v, fd, t) }) != nil {
		v.alight(fd, nil) // the lanes have all ended
	}
}

func (ln *lane) take(v *visit, fd int, t ticket) {
	p := &passenger{ticket: t, ln: ln, v: v}
	if ln.s.draining.Load() {
		v.alight(fd, nil)
		return
	}
	var err error
	if p.ride, err = ln.l.Board(fd, p); err != nil {
		v.alight(fd, nil)
		return
	}
	p.at = len(ln.all)
	ln.all = append(ln.all, p)
	ln.s.lanes.riding.Add(1)
}

// alight goes on in a goroutine with a connection that was in a lane: first with what
// is left to do of an exchange.
func (v *visit) alight(fd int, left func(*visit)) {
	s := v.s
	s.lanes.alighted.Add(1)
	sock, err := wire.Attach(fd, s.sweeper)
	if err != nil { // which the runtime gives no reason for
		s.cfg.Logger.Error("connection lost", "peer", v.who.peer.String(), "error", err.Error())
		if left != nil {
			v.ex.settle()
			s.counters.active.Add(-1)
		}
		v.over()
		return
	}
	sock.Stall, sock.Owner = s.cfg.StallTimeout, v
	v.mu.Lock()
	v.sock = sock
	v.mu.Unlock()
	if s.cut.Err() != nil { // whoever cuts everybody off may have come by before
		sock.Abort()
	}
	go s.resume(v, left)
}

// over is the end of a visit whose connection is closed already.
func (v *visit) over() {
	v.rest()
	v.in.Drop()
	v.Closed()
	v.s.forget(v)
}

// resume is the goroutine of a connection that was in a lane.
func (s *Server) resume(v *visit, left func(*visit)) {
	boarded := false
	defer func() { s.parted(v, boarded, recover()) }()
	defer func() {
		if !boarded {
			v.rest()
			_ = v.sock.Close()
			v.in.Drop()
		}
	}()
	switch {
	case left != nil:
		n := v.known
		v.known = 0
		if left(v); !v.after(n) {
			v.partWays()
			return
		}
	case v.in.Len() > 0:
		v.begun = true
		v.sock.DueRead(s.cfg.HeadTimeout)
	default:
		v.begun = false
		v.sock.DueRead(s.cfg.IdleTimeout)
	}
	boarded = v.goOn()
}

// tick looks after what lasts.
func (ln *lane) tick(now time.Duration) {
	defer ln.survive()
	s := ln.s
	among := s.lanes.balance(now)
	for i := len(ln.all) - 1; i >= 0; i-- { // who leaves changes places with one that was looked at
		p := ln.all[i]
		switch rested := now - p.since; {
		case p.out != nil:
			if rested >= dwell {
				p.goOn(nil, early{sent: true})
			}
		case s.draining.Load():
			p.alight(nil)
		case rested >= s.cfg.IdleTimeout:
			p.end()
		case int(p.which)%among != ln.at:
			p.move()
		}
	}
	kept := ln.lines[:0]
	for _, l := range ln.lines {
		if l.prune(now) {
			kept = append(kept, l)
		}
	}
	clear(ln.lines[len(kept):])
	ln.lines = kept
}

// empty has everybody alight.
func (ln *lane) empty() {
	for i := len(ln.all) - 1; i >= 0; i-- {
		if p := ln.all[i]; p.out != nil {
			p.goOn(nil, early{sent: true})
		} else {
			p.alight(nil)
		}
	}
}

// letGo ends the connections to origins.
func (ln *lane) letGo() {
	for _, l := range ln.lines {
		for h := l.take(); h != nil; h = l.take() {
			h.ride.Close()
		}
		l.end.Unhold(l)
	}
	ln.lines = nil
}

// post has f run in the lane. Safe to call from any goroutine.
func (ln *lane) post(f func()) error {
	return ln.l.Post(func() {
		defer ln.survive()
		f()
	})
}

// survive is deferred: a panic that is no passenger's must not end the process.
func (ln *lane) survive() {
	if r := recover(); r != nil {
		ln.s.fault(r)
	}
}
