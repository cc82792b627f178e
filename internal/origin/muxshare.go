package origin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// dialing is a connection on its way, for which whoever needs one waits.
type dialing struct {
	done chan struct{}
	err  error
}

// share takes a stream of a connection that others use too, or waits for a new
// one. An origin that negotiates HTTP/1.1 gets connections of that kind.
func (e *Endpoint) share(ctx context.Context) (*Conn, error) {
	for {
		if c := e.join(); c != nil {
			return c, nil
		}
		e.mu.Lock()
		if e.old {
			e.mu.Unlock()
			if c := e.take(); c != nil {
				return c, nil
			}
			c, m, err := e.greet(ctx, e.pool.tls)
			if m == nil {
				return c, err
			}
			e.add(m)
			continue
		}
		d := e.dialing
		if d == nil {
			d = &dialing{done: make(chan struct{})}
			e.dialing = d
			go e.open(d)
		}
		e.mu.Unlock()
		select {
		case <-d.done:
			if d.err != nil {
				return nil, d.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// join takes a stream of a connection that is there, and forgets those that are
// over. The first with room is taken, so that those beyond need fall idle.
func (e *Endpoint) join() *Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := 0; i < len(e.muxes); {
		m := e.muxes[i]
		ok, used, gone := m.reserve()
		switch {
		case ok:
			return e.call(m, used)
		case gone:
			e.muxes = slices.Delete(e.muxes, i, i+1)
		default:
			i++
		}
	}
	return nil
}

// call is an exchange on a stream that m promised.
func (e *Endpoint) call(m *mux, used bool) *Conn {
	c := &Conn{pool: e.pool, end: e, used: used, h2: &muxCall{pool: e.pool, end: e, m: m}}
	c.In.Bound = int(e.pool.o.MaxHead)
	return c
}

// open makes a connection for all who wait; it does not end with any of them.
func (e *Endpoint) open(d *dialing) {
	c, m, err := e.greet(context.Background(), e.pool.tls)
	switch {
	case m != nil:
		e.add(m)
	case err == nil && !e.keep(c):
		c.Close()
	}
	e.mu.Lock()
	e.dialing, d.err = nil, err
	e.mu.Unlock()
	close(d.done)
}

// add keeps a connection for all. That of a pool that was closed meanwhile serves
// those who wait for it and then falls idle.
func (e *Endpoint) add(m *mux) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.muxes = append(e.muxes, m)
}

// greet opens a connection of the kind that the pool wants: m when it speaks
// HTTP/2, else c.
func (e *Endpoint) greet(ctx context.Context, conf *tls.Config) (c *Conn, m *mux, err error) {
	p := e.pool
	protocols := []string{"h2"}
	if p.protocol == site.AutoProtocol {
		protocols = append(protocols, "http/1.1")
	}
	c, err = p.dial(ctx, e, conf, protocols...)
	if err != nil {
		return nil, nil, err
	}
	link := net.Conn(c.sock)
	if c.tls != nil {
		link = c.tls
		spoken := c.tls.ConnectionState().NegotiatedProtocol
		if spoken != "h2" && p.protocol == site.AutoProtocol {
			e.mu.Lock()
			e.old = true
			e.mu.Unlock()
			return c, nil, nil
		}
		if spoken != "h2" {
			c.Close()
			return nil, nil, fmt.Errorf("%w: tls negotiated %q", errNotH2, spoken)
		}
	}
	m = newMux(&p.o, link, c.sock.Abort)
	late := time.NewTimer(p.o.DialTimeout)
	defer late.Stop()
	select {
	case <-m.settled:
	case <-late.C:
		m.abandon(errors.Join(errNotH2, context.DeadlineExceeded))
	case <-ctx.Done():
		m.abandon(ctx.Err())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken == nil && m.max == 0 {
		m.fail(errors.New("origin: it allows no streams"))
	}
	if m.broken != nil {
		return nil, nil, m.broken
	}
	e.mu.Lock()
	e.old = false
	e.mu.Unlock()
	return nil, m, nil
}

// fresh opens a connection for one exchange only; conf is nil in the clear.
func (e *Endpoint) fresh(ctx context.Context, conf *tls.Config) (*Conn, error) {
	if p := e.pool.protocol; p != site.HTTP2 && p != site.AutoProtocol {
		return e.pool.dial(ctx, e, conf, "http/1.1")
	}
	c, m, err := e.greet(ctx, conf)
	if m == nil {
		return c, err
	}
	m.reserve()
	c = e.call(m, false)
	c.h2.alone = true
	return c, nil
}
