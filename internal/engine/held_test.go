package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// TestAHeldResponse asks for a second verdict, which may take the response's place and
// says nothing to an origin that is no longer listened to by.
func TestAHeldResponse(t *testing.T) {
	for _, c := range []struct {
		name    string
		actions []string
		err     error
		closed  bool
		status  int
		phases  string // and ! behind what takes the sync lane
	}{
		{"goes on", nil, nil, false, 0, "request! held! response!"},
		{"is blocked", []string{"tell", "stop"}, nil, false, 403, "request! held!"},
		{"is tagged too late", []string{"tell"}, nil, false, 0, "request! held! response!"},
		{"has no verdict in time", nil, context.DeadlineExceeded, false, 0, "request! held! response!"},
		{"has no verdict in time, and fails closed", nil, context.DeadlineExceeded, true, 503, "request! held!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range w.e.Policy().Specs {
				s.HoldResponse = true
			}
			if c.closed {
				w.site.Failure = site.FailClosed
			}
			x := w.exchange(site.Active, "GET", "/cart")
			d := w.e.Decide(x, wire.PhaseRequestHead)
			if d.Answer != nil || d.Response != wire.BodyHold {
				t.Fatalf("%+v", d)
			}
			respond(x, 200, "Set-Cookie", "sid=0123456789abcdef0123456789")
			if d := w.e.Decide(x, wire.PhaseResponseHead); !same(d, wire.Decision{}) {
				t.Fatalf("at the head: %+v", d)
			}
			x.RespBody = wire.Body{Bytes: []byte("{}"), Seen: true}
			w.judge.actions = c.actions
			if c.err != nil {
				w.judge.submit = func(context.Context, *journey.Observation) (journey.Verdict, error) { return journey.Verdict{}, c.err }
			}
			d = w.e.Decide(x, wire.PhaseResponseBody)
			got := 0
			if d.Answer != nil {
				got = d.Answer.Status
			}
			if got != c.status || len(d.Edits) != 0 {
				t.Fatalf("%+v", d)
			}
			if p := w.phases(); p != c.phases {
				t.Errorf("before it leaves: %s, want %s", p, c.phases)
			}
			if held := w.judge.seen[1]; held.Status != 200 || len(held.Learned) != 0 {
				t.Errorf("%+v", held)
			}
			if c.status != 0 {
				x.Answered = true
				x.Response.Status = c.status
			}
			w.e.Decide(x, wire.PhaseEnd)
			if p := w.phases(); strings.TrimSuffix(p, "!") != "request! held! response" || strings.HasSuffix(p, "!") != (c.err != nil || c.status == 0) {
				t.Errorf("in the end: %s", p) // it may gather once a verdict says that the rest is folded
			}
			last := w.judge.seen[2]
			for _, a := range last.Enforced {
				if a.Name == "tell" && (a.Enforced || a.Reason != "the request had left") || a.Name == "stop" && !a.Enforced {
					t.Errorf("%+v", a)
				}
			}
			if want := len(c.actions); c.err == nil && len(last.Enforced) != want || last.Status != x.Response.Status || (c.status == 0) != (len(last.Learned) > 0) {
				t.Errorf("%+v", last)
			}
		})
	}
}
