package edge

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/wire"
)

// lane takes visitors' connections in the clear, and connections to origins, through
// what straight does, without a goroutine for each: see wire.Lane. A connection boards
// while it rests, when its exchanges go straight to their end. It alights, and has a
// goroutine again, for all else: a request that straight does not take, an answer that
// is not whole at once, one that lasts, trouble of any kind. So nothing in a lane waits,
// and nothing is decided there that straight does not decide.
//
// All of it but pick and the lane's number is for the goroutine of its wire.Lane.
type lane struct {
	s     *Server
	l     *wire.Lane
	at    int
	now   int64 // as of the last tick, in milliseconds by the Sweeper's clock
	room  []byte
	all   []*passenger
	lines []*line
	moved int // among how many lanes passengers were spread at the last tick
}

// passenger is a visitor's connection in a lane.
type passenger struct {
	ln    *lane
	v     *visit
	ride  *wire.Ride
	at    int    // in the lane's list
	out   *hire  // the origin's connection, while an exchange runs
	head  int    // length of its request's head
	since int64  // when the exchange began, or the last one ended, or up to a tick before
	again bool   // something may have come that was not read
	left  bool   // it is none of the lane's any more
	which uint32 // by which passengers are spread
}

// line is what a lane has of connections to one host of an origin.
type line struct {
	end   *origin.Endpoint
	idle  []*hire // looked at since they came to rest
	fresh []*hire // at rest since round
	round uint64
}

// hire is a connection to an origin in a lane.
type hire struct {
	ln    *lane
	line  *line
	ride  *wire.Ride
	by    *passenger // nil while it is at rest
	since int64      // when it came to rest, or up to a tick before
}

// boardAfter is how many exchanges in a row have to go straight before a connection
// boards: alighting and boarding costs as much as some exchanges save.
const boardAfter = 2

const (
	// laneTick is how often a lane looks after what lasts.
	laneTick = 250 * time.Millisecond
	// dwell is how long an exchange may last in a lane. Whoever waits longer waits for
	// the origin, and is watched meanwhile, in a goroutine.
	dwell = 500 // milliseconds
)

// mayBoard tells whether a connection at rest is one for a lane.
func (v *visit) mayBoard() bool {
	return v.smooth >= boardAfter && v.tls == nil && v.s.lanes.most > 0 && !v.s.draining.Load()
}

// board has the visit ride on in a lane. Where it answers false nothing has changed,
// or the connection has ended.
func (v *visit) board() bool {
	which := v.s.lanes.next.Add(1)
	ln := v.s.lanes.pick(which)
	if ln == nil {
		return false
	}
	v.in.Release()
	v.smooth = 0
	fd, err := v.sock.Detach()
	if err != nil {
		return false
	}
	v.mu.Lock()
	v.sock = nil
	v.mu.Unlock()
	ln.board(v, fd, which)
	return true
}

// board takes a connection over, from whichever goroutine.
func (ln *lane) board(v *visit, fd int, which uint32) {
	if ln.l.Post(func() { ln.take(v, fd, which) }) != nil {
		v.alight(fd, nil) // they have all ended
	}
}

func (ln *lane) take(v *visit, fd int, which uint32) {
	p := &passenger{ln: ln, v: v, since: ln.now, which: which}
	var err error
	if p.ride, err = ln.l.Board(fd, p); err != nil || ln.s.draining.Load() {
		if p.ride != nil {
			fd = p.ride.Release()
		}
		v.alight(fd, nil)
		return
	}
	p.at = len(ln.all)
	ln.all = append(ln.all, p)
	ln.s.lanes.riding.Add(1)
}

// remove is the last of a passenger in the lane.
func (p *passenger) remove() {
	ln := p.ln
	p.left = true
	last := ln.all[len(ln.all)-1]
	ln.all[p.at], last.at = last, p.at
	ln.all[len(ln.all)-1] = nil
	ln.all = ln.all[:len(ln.all)-1]
	ln.s.lanes.riding.Add(-1)
}

// end ends a connection at rest.
func (p *passenger) end() {
	p.ride.Close()
	p.remove()
	v := p.v
	v.rest()
	v.in.Drop()
	v.Closed()
	v.s.forget(v)
}

// alight has a goroutine take over, which does what is left of the exchange first.
func (p *passenger) alight(left func(v *visit)) {
	p.remove()
	p.v.alight(p.ride.Release(), left)
}

// alight goes on in a goroutine with a connection that was in a lane.
func (v *visit) alight(fd int, left func(v *visit)) {
	s := v.s
	sock, err := wire.Attach(fd, s.sweeper)
	if err != nil {
		s.cfg.Logger.Error("connection lost", "peer", v.who.peer.String(), "error", err.Error())
		if left != nil {
			v.ex.settle()
			s.counters.active.Add(-1)
		}
		v.rest()
		v.in.Drop()
		v.Closed()
		s.forget(v)
		return
	}
	sock.Stall, sock.Owner = s.cfg.StallTimeout, v
	v.mu.Lock()
	v.sock = sock
	v.mu.Unlock()
	go s.resume(v, left)
}

// resume is the goroutine of a connection that was in a lane.
func (s *Server) resume(v *visit, left func(v *visit)) {
	boarded := false
	defer func() { s.parted(v, boarded, recover()) }()
	defer func() {
		if !boarded {
			_ = v.sock.Close()
			v.in.Drop()
		}
	}()
	switch {
	case left != nil:
		n := v.known
		v.known = 0
		left(v)
		if !v.after(n) {
			v.partWays()
			v.rest()
			return
		}
	case v.in.Len() > 0: // what keeps it from being served in the lane may be that it is not whole
		v.begun = true
		v.sock.DueRead(s.cfg.HeadTimeout)
	default:
		v.begun = false
		v.sock.DueRead(s.cfg.IdleTimeout)
	}
	boarded = v.goOn()
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
	}
	v.wake()
	m := v.ex.req
	n, err := m.ParseRequest(v.in.Bytes(), v.limits())
	if err != nil || n == 0 || m.Chunked || m.Upgrades || m.Length > int64(v.in.Len()-n) || !p.begin(n) {
		p.alight(nil)
	}
}

// rest waits for the next request.
func (p *passenger) rest() {
	p.again = false
	p.since = p.ln.now
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
	h := ln.hire(e.pool, e.req.Method)
	if h == nil {
		e.wipe()
		return false
	}
	e.setOut()
	h.by, p.out, p.head, p.since = p, h, n, ln.now
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
	waited := time.Duration(p.ln.now-p.since) * time.Millisecond
	p.out, h.by = nil, nil
	c, err := h.line.end.Adopt(h.ride.Release())
	if err == nil {
		c.In.Put(answer)
		e.adopt(c)
		c.DueRead(max(e.pool.HeaderTimeout()-waited, time.Millisecond))
	} else {
		o.err = err
	}
	e.early = o
	p.v.known = p.head
	p.alight(resumeExchange)
}

func resumeExchange(v *visit) { v.follow(true) }

// Ready implements wire.Rider: the origin has sent something, or ended the connection.
func (h *hire) Ready() {
	p := h.by
	if p == nil { // nobody has asked
		h.leave()
		return
	}
	defer p.survive()
	ln := h.ln
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
	p.out, h.by = nil, nil
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
	v.s.counters.active.Add(-1)
	v.in.Take(p.head + e.used)
	e.wipe()
	if v.in.Len() == 0 && !p.again && !p.ride.Ended {
		p.rest()
		return
	}
	p.turn()
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

// hire takes a connection to an origin that has none of its own coming; nil where
// there is none at hand.
func (ln *lane) hire(p *origin.Pool, method string) *hire {
	if !p.Plain() {
		return nil
	}
	end := p.Near()
	if end == nil {
		return nil
	}
	l := ln.line(end)
	for {
		h, known := l.take()
		if h == nil {
			fd, ok := end.Release()
			if !ok {
				return nil
			}
			h = &hire{ln: ln, line: l}
			var err error
			if h.ride, err = ln.l.Board(fd, h); err != nil {
				if c, err := end.Adopt(fd); err == nil {
					c.Put()
				}
				return nil
			}
		}
		// What stood at rest when events were last taken was quiet then. A request that
		// must not be sent twice is worth a look at what came since.
		if !h.ride.Ready && !h.ride.Ended && (known && idempotent(method) || h.ride.Quiet() == nil) {
			return h
		}
		h.ride.Close()
	}
}

// line is that of a host.
func (ln *lane) line(end *origin.Endpoint) *line {
	for _, l := range ln.lines {
		if l.end == end {
			return l
		}
	}
	l := &line{end: end}
	ln.lines = append(ln.lines, l)
	return l
}

// take gives the connection used last among those that were quiet when events were
// last taken, or else one that nobody has looked at since it was used.
func (l *line) take() (h *hire, known bool) {
	list := &l.idle
	if len(l.fresh) > 0 {
		if l.fresh[0].ln.l.Round() != l.round {
			l.idle = append(l.idle, l.fresh...)
			clear(l.fresh)
			l.fresh = l.fresh[:0]
		} else if len(l.idle) == 0 {
			list = &l.fresh
		}
	}
	n := len(*list)
	if n == 0 {
		return nil, false
	}
	h = (*list)[n-1]
	(*list)[n-1] = nil
	*list = (*list)[:n-1]
	l.end.Held(-1)
	return h, list == &l.idle
}

// giveBack keeps a connection for the next exchange.
func (h *hire) giveBack() {
	l := h.line
	if h.ride.Ended || !l.end.MayHold() {
		h.ride.Close()
		return
	}
	if now := h.ln.l.Round(); l.round != now {
		l.idle = append(l.idle, l.fresh...)
		clear(l.fresh)
		l.fresh, l.round = l.fresh[:0], now
	}
	h.since = h.ln.now
	l.fresh = append(l.fresh, h)
	l.end.Held(1)
}

// leave ends a connection at rest.
func (h *hire) leave() {
	for _, list := range []*[]*hire{&h.line.idle, &h.line.fresh} {
		for i, o := range *list {
			if o == h {
				*list = append((*list)[:i], (*list)[i+1:]...)
				h.line.end.Held(-1)
			}
		}
	}
	h.ride.Close()
}

// tick looks after what lasts.
func (ln *lane) tick(now int64) {
	ln.now = now
	s := ln.s
	among := s.lanes.balance(ln, now)
	slack := laneTick.Milliseconds()
	for i := len(ln.all) - 1; i >= 0; i-- { // who leaves changes places with who was looked at
		p := ln.all[i]
		switch {
		case p.out != nil:
			if now-p.since > dwell {
				p.goOn(nil, early{sent: true})
			}
		case s.draining.Load():
			p.alight(nil)
		case now-p.since > s.cfg.IdleTimeout.Milliseconds()+slack:
			p.end()
		case int(p.which)%among != ln.at:
			p.move()
		}
	}
	kept := ln.lines[:0]
	for _, l := range ln.lines {
		for _, list := range []*[]*hire{&l.idle, &l.fresh} {
			for i := 0; i < len(*list); {
				if h := (*list)[i]; l.end.Left() || now-h.since > l.end.Pool().IdleTimeout()+slack {
					h.leave()
				} else {
					i++
				}
			}
		}
		if len(l.idle)+len(l.fresh) > 0 || !l.end.Left() {
			kept = append(kept, l)
		}
	}
	clear(ln.lines[len(kept):])
	ln.lines = kept
}

// move has another lane take a passenger at rest.
func (p *passenger) move() {
	to := p.ln.s.lanes.pick(p.which)
	if to == nil || to == p.ln || p.v.in.Len() > 0 {
		return
	}
	p.remove()
	to.board(p.v, p.ride.Release(), p.which)
}

// lanes are a Server's. They begin when they are needed.
type lanes struct {
	s      *Server
	most   int // 0: there are none
	next   atomic.Uint32
	riding atomic.Int64
	among  atomic.Int32 // over how many of them passengers are spread; at least 1

	mu    sync.Mutex
	list  []*lane
	ended bool
	load  load // the first lane's
}

func (ls *lanes) init(s *Server) {
	ls.s, ls.most = s, runtime.GOMAXPROCS(0)
	ls.among.Store(1)
}

// pick is the lane of a passenger; nil where there is none.
func (ls *lanes) pick(which uint32) *lane {
	at := int(which) % int(ls.among.Load())
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for len(ls.list) <= at && !ls.ended {
		ln := &lane{s: ls.s, at: len(ls.list), room: make([]byte, roomSize)}
		var err error
		begun := make(chan struct{})
		if ln.l, err = wire.NewLane(ls.s.sweeper, laneTick, func(now int64) { <-begun; ln.tick(now) }); err != nil {
			return nil
		}
		close(begun)
		ls.list = append(ls.list, ln)
	}
	if ls.ended {
		return nil
	}
	return ls.list[at]
}

func (ls *lanes) each(do func(*lane)) {
	ls.mu.Lock()
	list := ls.list
	ls.mu.Unlock()
	for _, ln := range list {
		done := make(chan struct{})
		if ln.l.Post(func() { defer close(done); do(ln) }) == nil {
			<-done
		}
	}
}

// empty has everybody alight who is at rest, now that the Server is draining. Who is
// under way does so within dwell, or goes to the end of his exchange.
func (ls *lanes) empty() {
	ls.each(func(ln *lane) {
		for i := len(ln.all) - 1; i >= 0; i-- {
			if p := ln.all[i]; p.out == nil {
				p.alight(nil)
			} else {
				p.goOn(nil, early{sent: true})
			}
		}
	})
}

// stop ends the lanes, which nobody is in any more.
func (ls *lanes) stop() {
	ls.mu.Lock()
	ls.ended = true
	list := ls.list
	ls.list = nil
	ls.mu.Unlock()
	for _, ln := range list {
		_ = ln.l.Post(func() {
			for _, l := range ln.lines {
				for _, h := range append(l.idle, l.fresh...) {
					h.leave()
				}
			}
		})
		ln.l.Stop()
	}
}

// load is what the first lane knows of how busy all are.
type load struct {
	at, cpu int64
	busy    time.Duration
	idle    int // for how many ticks fewer would do
}

// balance spreads passengers over as many lanes as they need: few, since what one
// exchange leaves in a processor's caches is there for the next.
func (ls *lanes) balance(ln *lane, now int64) (among int) {
	return int(ls.among.Load())
}
