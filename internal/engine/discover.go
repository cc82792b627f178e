package engine

import "github.com/throughline/throughline/internal/wire"

// Learner learns the shapes of requests that no Spec names. It never waits.
type Learner interface {
	// Wants tells whether a request is looked at, and a copy of its body with it.
	Wants(x *wire.Exchange) (look, body bool)
	// Learn is shown the exchange at its end.
	Learn(x *wire.Exchange)
}

// unnamed marks an exchange that is shown to the Learner at its end.
type unnamed struct{}

// learnBody is how much of a body it is shown.
const learnBody = 16 << 10

// discover lets the request pass, a copy of its body aside.
func (e *Engine) discover(x *wire.Exchange) wire.Decision {
	look, body := e.cfg.Learn.Wants(x)
	if !look {
		return wire.Decision{}
	}
	x.Note = unnamed{}
	d := wire.Decision{}
	if body {
		d.Request, d.Limit = wire.BodyCopy, learnBody
	}
	return d
}
