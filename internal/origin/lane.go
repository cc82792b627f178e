package origin

import (
	"context"

	"github.com/throughline/throughline/internal/wire"
)

// What a wire.Lane needs of a Pool: it holds idle connections of its own, and must not
// wait.

// Plain tells whether all of the connections speak HTTP/1.1 in the clear.
func (p *Pool) Plain() bool { return p.tls == nil && p.HTTP1() }

// IdleTimeout is how long a connection may wait for use.
func (p *Pool) IdleTimeout() (milliseconds int64) { return p.o.IdleTimeout.Milliseconds() }

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
	for {
		c := e.take()
		if c == nil {
			return -1, false
		}
		fd, err := c.sock.Detach()
		if err == nil {
			return fd, true
		}
		c.Close()
	}
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
	return !e.left.Load() && e.held.Load() < int64(e.pool.o.MaxIdle)
}

// Left tells whether the host is none of the origin's any more.
func (e *Endpoint) Left() bool { return e.left.Load() }

// Pool is whose the host is.
func (e *Endpoint) Pool() *Pool { return e.pool }

// Answered says that the host gave a response.
func (e *Endpoint) Answered() { e.answered() }
