package engine

import (
	"context"
	"testing"

	"github.com/throughline/throughline/internal/capture"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

const closedRoutes = `
kind: spec
name: Sign-in
type: authentication_attempt
match: {path: /graphql, method: POST, graphql: {field: signIn}}
processing: sync
failure: closed
---
kind: spec
name: Product
type: product_view
match: {path: /graphql, graphql: {field: product}}
processing: sync
failure: open
---
kind: spec
name: Payment
type: transaction
match: {path: "/pay/{id}", host: shop.example}
processing: sync
failure: closed
hold_response: true
---
kind: spec
name: Cart
type: cart_update
match: {path: /cart}
processing: sync
---
kind: action
name: tell
type: tag
header: X-Risk
value: "{rating}"
`

// TestAPanicFollowsTheRoutesPolicy lets finding the Spec panic, in the head and
// once the body is there: what a closed route may be meant by is stopped, all else
// goes on.
func TestAPanicFollowsTheRoutesPolicy(t *testing.T) {
	for _, c := range []struct {
		name         string
		mode         site.Mode
		failure      site.Failure
		method, path string
		host         string
		atBody       bool
		stopped      bool
	}{
		{"a route that fails closed", site.Active, site.FailOpen, "POST", "/pay/7", "shop.example", false, true},
		{"spelt oddly", site.Active, site.FailOpen, "POST", "/%70ay/7/", "shop.example.", false, true},
		{"another host", site.Active, site.FailOpen, "POST", "/pay/7", "other.example", false, false},
		{"another path", site.Active, site.FailOpen, "POST", "/paying/7", "shop.example", false, false},
		{"an open route", site.Active, site.FailOpen, "GET", "/cart", "shop.example", false, false},
		{"an open route of a closed site", site.Active, site.FailClosed, "GET", "/cart", "shop.example", false, true},
		{"what no Spec names", site.Active, site.FailClosed, "GET", "/style.css", "shop.example", false, false},
		{"pass-through", site.PassThrough, site.FailClosed, "POST", "/pay/7", "shop.example", false, false},
		{"mirror", site.Mirror, site.FailClosed, "POST", "/pay/7", "shop.example", false, false},
		{"bypass", site.Bypass, site.FailClosed, "POST", "/pay/7", "shop.example", false, false},
		{"an operation", site.Active, site.FailOpen, "POST", "/graphql", "shop.example", false, true},
		{"an operation in the body", site.Active, site.FailOpen, "POST", "/graphql", "shop.example", true, true},
		{"an operation in the URL, of an open route", site.Active, site.FailOpen, "GET", "/graphql?query=%7Bproduct%7D", "shop.example", false, false},
		{"an operation in the body, in pass-through", site.PassThrough, site.FailOpen, "POST", "/graphql", "shop.example", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.load(closedRoutes)
			w.site.Failure = c.failure
			x := w.exchange(c.mode, c.method, c.path, "Content-Type", "application/json")
			x.Request.Host = c.host
			phase := wire.PhaseRequestHead
			if c.atBody {
				phase = wire.PhaseRequestBody
				if d := w.e.Decide(x, wire.PhaseRequestHead); d.Request != wire.BodyHold || d.Answer != nil {
					t.Fatalf("at the head: %+v", d)
				}
				x.ReqBody = wire.Body{Bytes: []byte(`{"query": "mutation { signIn }"}`), Seen: true}
				w.e.cfg.Capture = nil
			} else {
				w.e.policy.Load().match = func(*wire.Head) capture.Found { panic("a fault") }
			}
			d := w.e.Decide(x, phase)
			if (d.Answer != nil) != c.stopped || c.stopped && d.Answer.Status != 503 {
				t.Fatalf("decided %+v", d)
			}
			if tagged := c.mode == site.Active && !c.atBody; (len(d.Edits) == 1) != tagged {
				t.Errorf("a visitor's own tag: %+v", d.Edits)
			}
			if n := w.e.Stats().Panics; n != 1 && c.mode != site.Bypass {
				t.Errorf("%d panics", n)
			}
			respond(x, 200) // the rest is nobody's
			for _, p := range []wire.Phase{wire.PhaseResponseHead, wire.PhaseEnd} {
				if d := w.e.Decide(x, p); d.Answer != nil {
					t.Errorf("phase %d: %+v", p, d)
				}
			}
			if len(w.judge.seen) != 0 {
				t.Errorf("judged %s", w.phases())
			}
		})
	}
}

// TestAPanicOverAHeldResponse keeps it back on a route that fails closed, unless
// the verdict was there.
func TestAPanicOverAHeldResponse(t *testing.T) {
	for _, c := range []struct {
		name    string
		judged  bool // the panic comes after the verdict
		failure string
		stopped bool
	}{
		{"closed", false, "closed", true},
		{"open", false, "open", false},
		{"closed, after the verdict", true, "closed", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range w.load(closedRoutes).Specs {
				s.Failure = c.failure
			}
			x := w.exchange(site.Active, "GET", "/pay/7")
			if d := w.e.Decide(x, wire.PhaseRequestHead); d.Answer != nil || d.Response != wire.BodyHold {
				t.Fatalf("at the head: %+v", d)
			}
			respond(x, 200)
			w.e.Decide(x, wire.PhaseResponseHead)
			x.RespBody = wire.Body{Bytes: []byte("{}"), Seen: true}
			w.judge.submit = func(context.Context, *journey.Observation) (journey.Verdict, error) {
				if !c.judged {
					panic("a fault")
				}
				w.e.cfg.Capture = nil // completing the Event is what panics
				return journey.Verdict{EventID: 1}, nil
			}
			d := w.e.Decide(x, wire.PhaseResponseBody)
			if (d.Answer != nil) != c.stopped || w.e.Stats().Panics != 1 {
				t.Errorf("decided %+v, %d panics", d, w.e.Stats().Panics)
			}
		})
	}
}
