package engine

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/capture"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

const routes = `
kind: spec
name: Page
type: page_view
match: {method: GET, path: /page}
---
kind: spec
name: Search
type: search
match: {method: POST, path: /search}
request: {form.q: search_query}
---
kind: spec
name: Result
type: search
match: {method: GET, path: /result}
response: {json $.n: refund_amount}
---
kind: spec
name: Login
type: authentication_attempt
match: {method: POST, path: /login}
processing: sync
oversize: refuse
request: {form.user: username}
---
kind: spec
name: Cart
type: cart_update
match: {method: GET, path: /cart}
processing: sync
---
kind: action
name: stop
type: block
---
kind: action
name: away
type: redirect
location: /help
---
kind: action
name: tell
type: tag
header: X-Risk
value: "{rating}"
---
kind: action
name: tell_more
type: tag
header: X-Labels
value: "{labels}"
`

// scripted is a Judge that answers what a test says and remembers what it got.
type scripted struct {
	mu      sync.Mutex
	submit  func(ctx context.Context, o *journey.Observation) (journey.Verdict, error)
	refuse  error
	seen    []*journey.Observation
	urgent  []bool
	actions []string
	copies  int
}

func (s *scripted) Submit(ctx context.Context, o *journey.Observation) (journey.Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.urgent = append(s.seen, o), append(s.urgent, true)
	if s.submit != nil {
		return s.submit(ctx, o)
	}
	v := journey.Verdict{EventID: 1, Rating: journey.Malicious}
	for _, a := range s.actions {
		v.Actions = append(v.Actions, journey.Action{Name: a, Type: map[string]journey.ActionType{
			"stop": journey.ActionBlock, "away": journey.ActionRedirect, "tell": journey.ActionTag}[a]})
	}
	return v, nil
}

func (s *scripted) Observe(o *journey.Observation, urgent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.urgent = append(s.seen, o), append(s.urgent, urgent)
	return s.refuse
}

func (s *scripted) Mirror(o *journey.Observation) error {
	s.mu.Lock()
	s.copies++
	s.mu.Unlock()
	return s.Observe(o, false)
}

type world struct {
	t     testing.TB
	e     *Engine
	judge *scripted
	site  *site.Site
	shed  *Shed
	next  uint64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	h, err := element.NewHasher([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	snap, faults := policy.Compile(bundle(routes))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	w := &world{t: t, judge: &scripted{}, shed: &Shed{}, site: &site.Site{Name: "shop", Mode: site.Active,
		Failure: site.FailOpen, Deadline: time.Minute, Switch: &site.Switch{}}}
	w.e = New(Config{Sites: []*site.Site{w.site}, Judges: map[int]Judge{0: w.judge}, Capture: capture.New(h, "US"),
		Enrich: enrich.Fixed(nil), Shed: w.shed, Clock: func() int64 { return noon }})
	if err := w.e.SetPolicy(t.Context(), snap); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) exchange(mode site.Mode, method, target string, fields ...string) *wire.Exchange {
	w.next++
	x := &wire.Exchange{ID: w.next, Site: "shop", Mode: string(mode), Start: noon,
		Conn:    wire.Conn{Client: netip.MustParseAddr("192.0.2.1")},
		Request: wire.Head{Method: method, Target: target, Host: "shop.example", Proto: "HTTP/1.1"}}
	for i := 0; i < len(fields); i += 2 {
		x.Request.Fields = append(x.Request.Fields, wire.Field{Name: fields[i], Value: fields[i+1]})
	}
	return x
}

func respond(x *wire.Exchange, status int, fields ...string) {
	x.RespTime = noon + 20_000
	x.Response = wire.Head{Status: status, Proto: "HTTP/1.1"}
	for i := 0; i < len(fields); i += 2 {
		x.Response.Fields = append(x.Response.Fields, wire.Field{Name: fields[i], Value: fields[i+1]})
	}
}

func same(d, want wire.Decision) bool {
	return d.Answer == want.Answer && d.Request == want.Request && d.Response == want.Response && d.Limit == want.Limit &&
		d.Refuse == want.Refuse && len(d.Edits) == len(want.Edits) && d.Reroute == want.Reroute
}

func (w *world) phases() string {
	var out []string
	for i, o := range w.judge.seen {
		s := map[journey.Phase]string{1: "request", 2: "response", 3: "complete", 4: "held"}[o.Phase]
		if w.judge.urgent[i] {
			s += "!"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestUnmatchedIsNeverReadAndCostsNothing(t *testing.T) {
	w := newWorld(t)
	for _, x := range []*wire.Exchange{
		w.exchange(site.Active, "GET", "/elsewhere?user=secret", "Cookie", "sid=0123456789abcdef0123"),
		w.exchange(site.Bypass, "POST", "/login"),
		w.exchange(site.Active, "DELETE", "/login"),
	} {
		for p := wire.PhaseRequestHead; p <= wire.PhaseEnd; p++ {
			if d := w.e.Decide(x, p); !same(d, wire.Decision{}) {
				t.Fatalf("%s %s phase %d: %+v", x.Request.Method, x.Request.Target, p, d)
			}
		}
		if x.Note != nil {
			t.Fatalf("%s %s is remembered", x.Request.Method, x.Request.Target)
		}
	}
	if len(w.judge.seen) != 0 || w.e.Stats().Matched != 0 {
		t.Fatalf("%d observed, %d matched", len(w.judge.seen), w.e.Stats().Matched)
	}
	x := w.exchange(site.Active, "GET", "/elsewhere?user=secret", "Cookie", "sid=0123456789abcdef0123")
	if n := testing.AllocsPerRun(100, func() {
		w.e.Decide(x, wire.PhaseRequestHead)
		w.e.Decide(x, wire.PhaseResponseHead)
		w.e.Decide(x, wire.PhaseEnd)
	}); n != 0 {
		t.Fatalf("an unmatched exchange allocates %v times", n)
	}
}

// TestAsyncIsCompleteAsSoonAsItCan shows when an async Event is observed.
func TestAsyncIsCompleteAsSoonAsItCan(t *testing.T) {
	w := newWorld(t)
	const learn = "sid=0123456789abcdef0123; Path=/; HttpOnly"
	for _, c := range []struct {
		name, method, target string
		reqSeen              bool
		setCookie            bool
		head, end            string // observed at the response head, and by the end
		want                 wire.Decision
	}{
		{"no body read", "GET", "/page", true, false, "complete", "complete", wire.Decision{Limit: 64 << 10}},
		{"a key learned", "GET", "/page", true, true, "complete!", "complete!", wire.Decision{Limit: 64 << 10}},
		{"request body", "POST", "/search", true, false, "complete", "complete", wire.Decision{Request: wire.BodyCopy, Limit: 64 << 10}},
		{"still being sent", "POST", "/search", false, false, "", "complete", wire.Decision{Request: wire.BodyCopy, Limit: 64 << 10}},
		{"response body", "GET", "/result", true, false, "", "complete", wire.Decision{Response: wire.BodyCopy, Limit: 64 << 10}},
		{"response body and a key", "GET", "/result", true, true, "request!", "request! response!", wire.Decision{Response: wire.BodyCopy, Limit: 64 << 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.judge.seen, w.judge.urgent = nil, nil
			x := w.exchange(site.PassThrough, c.method, c.target, "Content-Type", "application/x-www-form-urlencoded")
			if d := w.e.Decide(x, wire.PhaseRequestHead); !same(d, c.want) {
				t.Fatalf("asked for %+v", d)
			}
			x.ReqBody.Seen = c.reqSeen
			respond(x, 200, "Content-Type", "application/json")
			if c.setCookie {
				x.Response.Fields = append(x.Response.Fields, wire.Field{Name: "Set-Cookie", Value: learn})
			}
			w.e.Decide(x, wire.PhaseResponseHead)
			if got := w.phases(); got != c.head {
				t.Errorf("at the response head: %q", got)
			}
			x.ReqBody = wire.Body{Bytes: []byte("q=shoes"), Seen: true}
			x.RespBody = wire.Body{Bytes: []byte(`{"n": 3}`), Seen: true}
			w.e.Decide(x, wire.PhaseEnd)
			if got := w.phases(); got != c.end {
				t.Errorf("at the end: %q", got)
			}
			last := w.judge.seen[len(w.judge.seen)-1]
			if last.Outcome != journey.Success || last.Duration != 20_000 || c.setCookie != (len(last.Learned) > 0) {
				t.Errorf("%+v", last)
			}
		})
	}
}

func TestVerdictsAreMadeReal(t *testing.T) {
	w := newWorld(t)
	strip := 2 // the headers of both tags
	login := func(mode site.Mode) (head, body wire.Decision, x *wire.Exchange) {
		x = w.exchange(mode, "POST", "/login", "Content-Type", "application/x-www-form-urlencoded")
		head = w.e.Decide(x, wire.PhaseRequestHead)
		x.ReqBody = wire.Body{Bytes: []byte("user=ann%40example.com"), Seen: true}
		body = w.e.Decide(x, wire.PhaseRequestBody)
		return head, body, x
	}
	w.judge.actions = []string{"tell", "stop"}
	head, body, x := login(site.Active)
	if head.Request != wire.BodyHold || !head.Refuse || head.Answer != nil || len(head.Edits) != strip {
		t.Fatalf("head: %+v", head)
	}
	if body.Answer == nil || body.Answer.Status != 403 || len(body.Edits) != 1 || body.Edits[0].Value != "malicious" {
		t.Fatalf("body: %+v", body)
	}
	if got := w.judge.seen[0]; got.Phase != journey.PhaseRequest || got.Keys != nil || len(got.Elements) == 0 {
		t.Fatalf("judged %+v", got)
	}
	respond(x, 403)
	x.Answered = true
	w.e.Decide(x, wire.PhaseResponseHead)
	w.e.Decide(x, wire.PhaseEnd)
	if last := w.judge.seen[1]; len(w.judge.seen) != 2 || last.Phase != journey.PhaseResponse || w.judge.urgent[1] ||
		len(last.Enforced) != 2 || !last.Enforced[1].Enforced || last.Enforced[1].Name != "stop" {
		t.Fatalf("recorded %s %+v", w.phases(), last)
	}
	if n := w.e.Stats().Enforced; n["stop"] != 1 || n["tell"] != 1 {
		t.Fatalf("counted %v", n)
	}

	// At the head, when no body is read: tags come after their removal.
	w.judge.actions = []string{"tell", "away"}
	x = w.exchange(site.Active, "GET", "/cart", "X-Risk", "normal")
	d := w.e.Decide(x, wire.PhaseRequestHead)
	if d.Answer == nil || d.Answer.Status != 302 || d.Request != wire.BodyNone || len(d.Edits) != strip+1 ||
		d.Edits[0].Value != "" || d.Edits[1].Value != "" || d.Edits[strip].Value != "malicious" {
		t.Fatalf("cart: %+v", d)
	}
	if d := w.e.Decide(x, wire.PhaseRequestBody); !same(d, wire.Decision{}) {
		t.Fatalf("asked twice: %+v", d)
	}

	// Pass-through judges the same and does nothing.
	w.judge.seen, w.judge.actions = nil, []string{"tell", "stop"}
	head, body, x = login(site.PassThrough)
	if head.Answer != nil || head.Refuse || len(head.Edits) != 0 || !same(body, wire.Decision{}) {
		t.Fatalf("pass-through: %+v %+v", head, body)
	}
	respond(x, 200)
	w.e.Decide(x, wire.PhaseResponseHead)
	if got := w.judge.seen[1].Enforced; len(got) != 2 || got[1].Enforced || !strings.Contains(got[1].Reason, "pass-through") {
		t.Fatalf("recorded %+v", got)
	}

	// A Spec in pass-through mode asks for the verdict and does nothing with it.
	w.judge.seen, w.judge.urgent = nil, nil
	for _, s := range w.e.Policy().Specs {
		s.PassThrough = true
		defer func() { s.PassThrough = false }()
	}
	head, body, x = login(site.Active)
	respond(x, 200)
	w.e.Decide(x, wire.PhaseResponseHead)
	if got := w.judge.seen[1].Enforced; len(got) != 2 || got[0].Enforced || got[0].Reason != "the Spec is in pass-through mode" {
		t.Fatalf("recorded %+v", got)
	}
	if head.Answer != nil || len(head.Edits) != 0 || !same(body, wire.Decision{}) {
		t.Fatalf("a Spec in pass-through: %+v %+v", head, body)
	}

	// Mirror asks no verdict.
	w.judge.seen, w.judge.urgent = nil, nil
	head, body, x = login(site.Mirror)
	w.e.Decide(x, wire.PhaseEnd)
	if head.Request != wire.BodyCopy || len(head.Edits) != 0 || body.Answer != nil || w.phases() != "complete" {
		t.Fatalf("mirror: %+v, %s", head, w.phases())
	}
	if o := w.judge.seen[0]; o.Outcome != journey.OutcomeUnknown || o.Status != 0 {
		t.Fatalf("mirror saw a response: %+v", o)
	}
}

// TestWithoutAVerdictThePolicyOfTheRouteDecides lets every kind of trouble meet
// every mode: only an active route that fails closed may be stopped.
func TestWithoutAVerdictThePolicyOfTheRouteDecides(t *testing.T) {
	troubles := map[string]func(context.Context, *journey.Observation) (journey.Verdict, error){
		"late": func(ctx context.Context, _ *journey.Observation) (journey.Verdict, error) {
			<-ctx.Done()
			return journey.Verdict{}, ctx.Err()
		},
		"busy": func(context.Context, *journey.Observation) (journey.Verdict, error) {
			return journey.Verdict{}, ErrBusy
		},
		"stopped": func(context.Context, *journey.Observation) (journey.Verdict, error) {
			return journey.Verdict{}, ErrStopped
		},
		"down": func(context.Context, *journey.Observation) (journey.Verdict, error) {
			return journey.Verdict{}, errors.Join(ErrUnavailable, errors.New("why"))
		},
		"panic": func(context.Context, *journey.Observation) (journey.Verdict, error) { panic("a fault") },
	}
	for name, submit := range troubles {
		for _, mode := range []site.Mode{site.Active, site.PassThrough} {
			for _, failure := range []site.Failure{site.FailOpen, site.FailClosed} {
				t.Run(name+" "+string(mode)+" "+string(failure), func(t *testing.T) {
					w := newWorld(t)
					w.site.Failure, w.site.Deadline, w.judge.submit = failure, time.Millisecond, submit
					x := w.exchange(mode, "GET", "/cart")
					d := w.e.Decide(x, wire.PhaseRequestHead)
					stopped := mode == site.Active && failure == site.FailClosed
					if (d.Answer != nil) != stopped || stopped && d.Answer.Status != 503 {
						t.Fatalf("decided %+v", d.Answer)
					}
					if !stopped && mode == site.Active && name != "panic" && len(d.Edits) != 2 {
						t.Fatalf("the visitor's own tags pass: %+v", d.Edits)
					}
					if name != "late" {
						return
					}
					respond(x, 200)
					w.e.Decide(x, wire.PhaseResponseHead)
					if w.phases() != "request! response!" || w.e.Stats().Missed != 1 {
						t.Fatalf("observed %s, missed %d", w.phases(), w.e.Stats().Missed)
					}
					if e := w.judge.seen[1].Enforced; (len(e) == 1 && e[0].Enforced) != stopped {
						t.Fatalf("recorded %+v", e)
					}
				})
			}
		}
	}
}

// TestAPanicHarmsNoExchange breaks capture itself, at every phase.
func TestAPanicHarmsNoExchange(t *testing.T) {
	for at := wire.PhaseRequestHead; at <= wire.PhaseEnd; at++ {
		w := newWorld(t)
		for _, target := range []string{"/page", "/cart"} {
			x := w.exchange(site.Active, "GET", target)
			for p := wire.PhaseRequestHead; p <= wire.PhaseEnd; p++ {
				if p == at {
					w.e.cfg.Capture, w.e.cfg.Enrich = nil, nil // what is asked of them now panics
				}
				if d := w.e.Decide(x, p); d.Answer != nil {
					t.Fatalf("%s phase %d: %+v", target, p, d)
				}
				if p == wire.PhaseResponseHead {
					respond(x, 200)
				}
			}
		}
		if s := w.e.Stats(); at < wire.PhaseResponseBody && (s.Panics == 0 || w.shed.Counts()["capture_fault"] != s.Panics) {
			t.Fatalf("phase %d: %d panics, shed %v", at, s.Panics, w.shed.Counts())
		}
	}
}

// TestAShedEventIsLeftAlone opens nothing that was refused.
func TestAShedEventIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.judge.refuse = ErrBusy
	x := w.exchange(site.Active, "GET", "/result")
	w.e.Decide(x, wire.PhaseRequestHead)
	respond(x, 200, "Set-Cookie", "sid=0123456789abcdef0123; HttpOnly")
	w.e.Decide(x, wire.PhaseResponseHead)
	x.RespBody = wire.Body{Bytes: []byte("{}"), Seen: true}
	w.e.Decide(x, wire.PhaseEnd)
	if w.phases() != "request!" {
		t.Fatalf("observed %s", w.phases())
	}
}

// TestAClientThatVanishedIsRecorded ends a held exchange before its body.
func TestAClientThatVanishedIsRecorded(t *testing.T) {
	w := newWorld(t)
	x := w.exchange(site.Active, "POST", "/login")
	w.e.Decide(x, wire.PhaseRequestHead)
	x.Err = "client gone"
	w.e.Decide(x, wire.PhaseEnd)
	if w.phases() != "complete" || w.judge.seen[0].Outcome != journey.OriginError {
		t.Fatalf("observed %s %+v", w.phases(), w.judge.seen)
	}
	if d := w.e.Decide(x, wire.PhaseEnd); !same(d, wire.Decision{}) || len(w.judge.seen) != 1 {
		t.Fatal("ended twice")
	}
}

// TestAVerdictOfTheRevisionBefore is made real with that revision's parameters.
func TestAVerdictOfTheRevisionBefore(t *testing.T) {
	w := newWorld(t)
	old := w.e.Policy()
	next, faults := policy.Compile(bundle(strings.Replace(routes, "type: block", "type: block\nstatus: 429", 1)))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if err := w.e.SetPolicy(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	w.judge.submit = func(context.Context, *journey.Observation) (journey.Verdict, error) {
		return journey.Verdict{Revision: old.Revision, Actions: []journey.Action{{Name: "stop", Type: journey.ActionBlock}}}, nil
	}
	if d := w.e.Decide(w.exchange(site.Active, "GET", "/cart"), wire.PhaseRequestHead); d.Answer == nil || d.Answer.Status != 403 {
		t.Fatalf("%+v", d.Answer)
	}
}

// TestOverlappingExchanges runs many at once against a real partition.
func TestOverlappingExchanges(t *testing.T) {
	noneLeft(t)
	w := newWorld(t)
	log, shed := newMemLog(), &Shed{}
	p := prepare(PartitionConfig{}, log, shed)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := New(Config{Sites: []*site.Site{w.site}, Judges: map[int]Judge{0: p}, Capture: w.e.cfg.Capture,
		Enrich: w.e.cfg.Enrich, Shed: shed, Clock: func() int64 { return noon }})
	if err := e.SetPolicy(t.Context(), w.e.Policy()); err != nil {
		t.Fatal(err)
	}
	targets := [][2]string{{"GET", "/page"}, {"GET", "/cart"}, {"GET", "/result"}, {"POST", "/login"}, {"GET", "/none"}}
	var exchanges []*wire.Exchange
	for i := range 200 {
		exchanges = append(exchanges, w.exchange(site.Active, targets[i%5][0], targets[i%5][1]))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := g; i < len(exchanges); i += 4 {
				x := exchanges[i]
				e.Decide(x, wire.PhaseRequestHead)
				x.ReqBody = wire.Body{Bytes: []byte("user=ann"), Seen: true}
				e.Decide(x, wire.PhaseRequestBody)
				respond(x, 200)
				e.Decide(x, wire.PhaseResponseHead)
				e.Decide(x, wire.PhaseEnd)
			}
		})
	}
	wg.Wait()
	stop(t, p)
	events := map[string]int{}
	for _, entry := range log.all(t) {
		for _, ev := range entry.Judgement.Events {
			events[ev.Name]++
		}
	}
	if len(events) != 4 || events["Page"] != 40 || events["Cart"] != 40 || events["Result"] != 40 || events["Login"] != 40 || total(shed) != 0 {
		t.Fatalf("events %v, shed %v", events, shed.Counts())
	}
}

// TestACallIsCompleteWithItsTrailers holds that an Event waits for the trailers that
// tell how it ended, and for nothing where its head has told.
func TestACallIsCompleteWithItsTrailers(t *testing.T) {
	for _, sync := range []string{"async", "sync"} {
		w := newWorld(t)
		snap, faults := policy.Compile(bundle("kind: spec\nname: Call\ntype: other\nmatch: {grpc: a.B/C}\nprocessing: " + sync + "\n"))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if err := w.e.SetPolicy(t.Context(), snap); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			head, trailer string
			atHead        bool
			want          journey.Outcome
		}{{"", "0", false, journey.Success}, {"", "16", false, journey.Failure}, {"16", "", true, journey.Failure}} {
			w.judge.seen = nil
			x := w.exchange(site.Active, "POST", "/a.B/C", "Content-Type", "application/grpc")
			if d := w.e.Decide(x, wire.PhaseRequestHead); !d.Trailers || d.Response != wire.BodyNone {
				t.Errorf("%s: wants %+v", sync, d)
			}
			before := len(w.judge.seen)
			fields := []string{"Content-Type", "application/grpc"}
			if c.head != "" {
				fields = append(fields, "grpc-status", c.head)
			}
			respond(x, 200, fields...)
			w.e.Decide(x, wire.PhaseResponseHead)
			if got := len(w.judge.seen) > before; got != c.atHead {
				t.Errorf("%s, head %q: complete at the head: %t", sync, c.head, got)
			}
			if c.trailer != "" {
				x.RespTrailers = []wire.Field{{Name: "grpc-status", Value: c.trailer}}
			}
			w.e.Decide(x, wire.PhaseEnd)
			last := w.judge.seen[len(w.judge.seen)-1]
			if len(w.judge.seen) != before+1 || last.Outcome != c.want {
				t.Errorf("%s, head %q trailer %q: %s in %d observations", sync, c.head, c.trailer, last.Outcome, len(w.judge.seen))
			}
		}
	}
}
