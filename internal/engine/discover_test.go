package engine

import (
	"testing"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// pupil wants what it is told to and counts what it is shown.
type pupil struct {
	look, body bool
	asked      int
	shown      []uint64
}

func (p *pupil) Wants(*wire.Exchange) (look, body bool) { p.asked++; return p.look, p.body }
func (p *pupil) Learn(x *wire.Exchange)                 { p.shown = append(p.shown, x.ID) }

// TestWhatNoSpecNamesIsLearntFromWithoutHoldingIt shows the learner exactly the
// unnamed requests of sites that ask for it, at their end.
func TestWhatNoSpecNamesIsLearntFromWithoutHoldingIt(t *testing.T) {
	w := newWorld(t)
	p := &pupil{look: true, body: true}
	w.e.cfg.Learn = p
	pass := func(x *wire.Exchange) wire.Decision {
		d := w.e.Decide(x, wire.PhaseRequestHead)
		if d.Request == wire.BodyCopy {
			x.ReqBody = wire.Body{Bytes: []byte("a=b"), Seen: true}
			w.e.Decide(x, wire.PhaseRequestBody)
		}
		respond(x, 200)
		w.e.Decide(x, wire.PhaseResponseHead)
		w.e.Decide(x, wire.PhaseEnd)
		return d
	}
	unnamed := func() *wire.Exchange { return w.exchange(site.Active, "POST", "/elsewhere") }
	if d := pass(unnamed()); !same(d, wire.Decision{}) || p.asked != 0 {
		t.Fatalf("a site that did not ask for it: %+v, asked %d times", d, p.asked)
	}
	w.site.Discovery = true
	if d := pass(unnamed()); d.Request != wire.BodyCopy || d.Answer != nil || d.Response != 0 || d.Limit > 64<<10 || len(p.shown) != 1 {
		t.Fatalf("%+v, shown %v", d, p.shown)
	}
	p.body = false
	if d := pass(unnamed()); !same(d, wire.Decision{}) || len(p.shown) != 2 {
		t.Fatalf("without its body: %+v, shown %v", d, p.shown)
	}
	p.look = false
	if d := pass(unnamed()); !same(d, wire.Decision{}) || len(p.shown) != 2 {
		t.Fatalf("one that it does not want: %+v, shown %v", d, p.shown)
	}
	p.look = true
	asked := p.asked
	pass(w.exchange(site.Bypass, "POST", "/elsewhere"))
	pass(w.exchange(site.Active, "GET", "/page"))
	if len(w.judge.seen) == 0 || p.asked != asked {
		t.Fatalf("asked about what a Spec names, or in bypass: %d, events %d", p.asked-asked, len(w.judge.seen))
	}
	off := testing.AllocsPerRun(100, func() { w.e.cfg.Learn = nil; w.e.requestHead(unnamedOf(w)) })
	on := testing.AllocsPerRun(100, func() { w.e.cfg.Learn = p; p.look = false; w.e.requestHead(unnamedOf(w)) })
	if on > off {
		t.Errorf("looking away allocates %v, off %v", on, off)
	}
}

func unnamedOf(w *world) *wire.Exchange { return w.exchange(site.Active, "GET", "/elsewhere") }
