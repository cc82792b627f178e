package edge

import (
	"slices"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/wire"
)

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
		h, known := l.take(ln.l.Round())
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
func (l *line) take(round uint64) (h *hire, known bool) {
	l.turn(round)
	list := &l.idle
	if len(l.idle) == 0 {
		list = &l.fresh
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

// turn knows those that came to rest before all events were taken once more.
func (l *line) turn(round uint64) {
	if l.round == round {
		return
	}
	l.round = round
	l.idle = append(l.idle, l.fresh...)
	clear(l.fresh)
	l.fresh = l.fresh[:0]
}

// giveBack keeps a connection for the next exchange.
func (h *hire) giveBack() {
	l := h.line
	if h.ride.Ended || !l.end.MayHold() {
		h.ride.Close()
		return
	}
	l.turn(h.ln.l.Round())
	h.since = h.ln.now
	l.fresh = append(l.fresh, h)
	l.end.Held(1)
}

// leave ends a connection at rest.
func (h *hire) leave() {
	l := h.line
	for _, list := range [...]*[]*hire{&l.idle, &l.fresh} {
		if i := slices.Index(*list, h); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
			l.end.Held(-1)
		}
	}
	h.ride.Close()
}

// prune ends those that have been at rest for too long, or whose host is none of the
// origin's any more.
func (l *line) prune(now int64) {
	longest := l.end.Pool().IdleTimeout() + laneTick.Milliseconds()
	for _, h := range slices.Concat(l.idle, l.fresh) {
		if l.end.Left() || now-h.since > longest {
			h.leave()
		}
	}
}
