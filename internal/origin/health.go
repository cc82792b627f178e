package origin

import (
	"context"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// check asks a host for its health again and again until ctx ends. A host is sick
// after two bad answers in a row, and well again after one good one.
func (p *Pool) check(ctx context.Context, e *Endpoint, h *site.Health) {
	bad := 0
	for {
		err := p.probe(ctx, e, h)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if bad++; bad == 2 && !e.sick.Swap(true) {
				text := err.Error()
				e.why.Store(&text)
				if p.o.Changed != nil {
					p.o.Changed(e.addr, false, text)
				}
			}
		default:
			bad = 0
			if e.sick.Swap(false) {
				e.downUntil.Store(1) // so that its recovery is told, and its share grows slowly
				e.recovered()
			}
		}
		// Apart from each other's: many of us, or many hosts, don't ask at once.
		pause := h.Interval*3/4 + time.Duration(p.o.Rand(1000))*h.Interval/2000
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// probe makes one request on a connection of its own.
func (p *Pool) probe(ctx context.Context, e *Endpoint, h *site.Health) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	c, err := e.fresh(ctx, p.asks)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, c.Abort)
	defer stop()
	request := "GET " + h.Path + " HTTP/1.1\r\nHost: " + h.Host + "\r\nConnection: close\r\n\r\n"
	if _, err := c.Exchange([]byte(request)); err != nil {
		return err
	}
	var m wire.Message
	for {
		n, err := m.ParseResponse(c.In.Bytes(), p.Limits())
		switch {
		case err != nil:
			return err
		case n > 0 && m.Status >= 200:
			if m.Status != h.Status {
				return fmt.Errorf("health answers %d, want %d", m.Status, h.Status)
			}
			return nil
		case n > 0:
			c.In.Take(n)
			if c.In.Len() > 0 {
				continue
			}
		}
		if err := c.Fill(); err != nil {
			return err
		}
	}
}
