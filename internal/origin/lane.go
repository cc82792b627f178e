package origin

import (
	"context"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// What a wire.Lane needs of a Pool: it holds idle connections of its own, and must not
// wait.

// Plain tells whether all of the connections speak HTTP/1.1 in the clear.
func (p *Pool) Plain() bool { return p.tls == nil && p.HTTP1() }

// IdleTimeout is how long a connection may wait for use.
func (p *Pool) IdleTimeout() time.Duration { return p.o.IdleTimeout }

// Near picks a host as Get does, without waiting; nil while none is known.
func (p *Pool) Near() *Endpoint {
	if len(p.list()) == 0 {
		return nil
	}
	ends, err := p.hosts(context.Background()) // which waits only while none is known
	if err != nil || len(ends) == 0 {
		return nil
	}
	return p.pick(ends, nil)
}

// Release gives an idle connection away, as a descriptor that does not block.
func (e *Endpoint) Release() (fd int, ok bool) {
	c := e.take()
	if c == nil {
		return -1, false
	}
	fd, err := c.sock.Detach()
	if err != nil { // there is no descriptor to be had, and it is as good as it was
		if !e.keep(c) {
			c.Close()
		}
		return -1, false
	}
	return fd, true
}

// Holder has idle connections to a host.
type Holder interface {
	// HandBack gives one of them back, as a descriptor that does not block. It is not
	// called by who holds them.
	HandBack() (fd int, ok bool)
}

// Hold says who has idle connections to the host from now on, which Held counts.
func (e *Endpoint) Hold(h Holder) {
	e.mu.Lock()
	e.others = append(slices.Clone(e.others), h)
	e.mu.Unlock()
}

// Unhold takes Hold back.
func (e *Endpoint) Unhold(h Holder) {
	e.mu.Lock()
	e.others = slices.DeleteFunc(slices.Clone(e.others), func(o Holder) bool { return o == h })
	e.mu.Unlock()
}

// handedBack is an idle connection that somebody had: an origin may serve no more at
// once than there are.
func (e *Endpoint) handedBack() *Conn {
	if e.held.Load() <= 0 {
		return nil
	}
	e.mu.Lock()
	others := e.others
	e.mu.Unlock()
	for _, h := range others {
		if fd, ok := h.HandBack(); ok {
			if c, err := e.Adopt(fd); err == nil {
				return c
			}
		}
	}
	return nil
}

// Adopt makes a connection of the host's of a descriptor that does not block, which has
// served an exchange before.
func (e *Endpoint) Adopt(fd int) (*Conn, error) {
	sock, err := wire.Attach(fd, e.pool.sweeper)
	if err != nil {
		return nil, err
	}
	sock.Stall = e.pool.o.StallTimeout
	c := &Conn{sock: sock, pool: e.pool, end: e, used: true}
	c.In.Bound = int(e.pool.o.MaxHead)
	return c, nil
}

// Held counts connections that wait for use elsewhere, into Idle.
func (e *Endpoint) Held(more int64) { e.held.Add(more) }

// MayHold tells whether another one may wait for use: not when the host is none of the
// origin's any more.
func (e *Endpoint) MayHold() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.closed && len(e.idle)+int(e.held.Load()) < e.pool.o.MaxIdle
}

// Left tells whether the host is none of the origin's any more.
func (e *Endpoint) Left() bool { return e.left.Load() }

// Pool is whose the host is.
func (e *Endpoint) Pool() *Pool { return e.pool }

// Answered says that the host gave a response.
func (e *Endpoint) Answered() { e.answered() }
