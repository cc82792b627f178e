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
			if x.Conn.Beside != "" {
				keys = append(keys, c.key(journey.KeyTicket, x.Conn.Beside, true))
			}
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
