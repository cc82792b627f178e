package edge

import (
	"slices"
	"time"

	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/wire"
)

// line is what a lane has of idle connections to one host of an origin, the one used
// last at the end. But for HandBack all of it is for the lane.
type line struct {
	ln   *lane
	end  *origin.Endpoint
	idle []*hire
}

// hire is a connection to an origin in a lane.
type hire struct {
	line  *line
	ride  *wire.Ride
	by    *passenger    // nil while it is at rest
	since time.Duration // when it came to rest
}

// hire takes a connection to an origin; nil where there is none at hand that is good.
func (ln *lane) hire(p *origin.Pool) *hire {
	if !p.Plain() || p.HeaderTimeout() < shortest {
		return nil
	}
	end := p.Near()
	if end == nil {
		return nil
	}
	l := ln.line(end)
	for {
		h := l.take()
		if h == nil {
			if h = l.enlist(); h == nil {
				return nil
			}
		}
		// It is looked at before it is used, since what comes unasked must reach nobody.
		if !h.ride.Ended && h.ride.Quiet() == nil {
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
	l := &line{ln: ln, end: end}
	end.Hold(l)
	ln.lines = append(ln.lines, l)
	return l
}

// enlist takes an idle connection of the host's into the lane.
func (l *line) enlist() *hire {
	fd, ok := l.end.Release()
	if !ok {
		return nil
	}
	h := &hire{line: l}
	var err error
	if h.ride, err = l.ln.l.Board(fd, h); err != nil {
		if c, err := l.end.Adopt(fd); err == nil {
			c.Put()
		}
		return nil
	}
	return h
}

// take gives the connection that was used last; nil where there is none.
func (l *line) take() *hire {
	n := len(l.idle)
	if n == 0 {
		return nil
	}
	h := l.idle[n-1]
	l.idle[n-1] = nil
	l.idle = l.idle[:n-1]
	l.end.Held(-1)
	return h
}

// HandBack implements origin.Holder.
func (l *line) HandBack() (fd int, ok bool) {
	got := make(chan int, 1)
	if l.ln.post(func() {
		fd := -1
		defer func() { got <- fd }()
		if h := l.take(); h != nil {
			fd = h.ride.Release()
		}
	}) != nil {
		return -1, false
	}
	fd = <-got
	return fd, fd >= 0
}

// Ready implements wire.Rider: the origin has sent something, or ended the connection.
func (h *hire) Ready() {
	if h.by == nil { // nobody has asked
		h.leave()
		return
	}
	h.by.answered(h)
}

// giveBack keeps a connection for the next exchange.
func (h *hire) giveBack() {
	l := h.line
	h.by = nil
	if h.ride.Ended || !l.end.MayHold() {
		h.ride.Close()
		return
	}
	h.since = l.ln.l.Now()
	l.idle = append(l.idle, h)
	l.end.Held(1)
}

// leave ends a connection at rest.
func (h *hire) leave() {
	l := h.line
	if i := slices.Index(l.idle, h); i >= 0 {
		l.idle = slices.Delete(l.idle, i, i+1)
		l.end.Held(-1)
	}
	h.ride.Close()
}

// prune ends connections that have been at rest for too long, or whose host is none of
// the origin's any more. It tells whether the line may be of use again.
func (l *line) prune(now time.Duration) bool {
	gone := l.end.Left()
	for _, h := range slices.Clone(l.idle) {
		if gone || now-h.since >= l.end.Pool().IdleTimeout() {
			h.leave()
		}
	}
	if gone {
		l.end.Unhold(l)
	}
	return !gone
}
