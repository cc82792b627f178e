package capture

import (
	"slices"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Visitor returns what tells a request's visitor from others: the keys it carries,
// the surest kinds first, and the ones its connection has just been given.
func (c *Capturer) Visitor(snap *policy.Snapshot, p *Plan, x *wire.Exchange) (keys, given []journey.Key) {
	if x.Conn.ID != "" {
		keys = append(keys, c.key(journey.KeyConnection, x.Conn.ID, true))
	}
	keys = append(keys, c.Keys(snap, &x.Request)...)
	for _, k := range c.RequestTokens(p, x) {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	if x.Conn.Ticket != "" {
		if k := c.key(journey.KeyTicket, x.Conn.Ticket, true); x.Conn.Resumed {
			keys = append(keys, k)
		} else {
			given = append(given, k)
		}
	}
	order := journey.KeyKinds()
	slices.SortStableFunc(keys, func(a, b journey.Key) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	return keys, given
}

// Beside is the hash of the ticket of a connection that most likely is the visitor's
// too, 0 when there is none.
func (c *Capturer) Beside(x *wire.Exchange) uint64 {
	if x.Conn.Beside == "" {
		return 0
	}
	return c.key(journey.KeyTicket, x.Conn.Beside, true).Hash
}
