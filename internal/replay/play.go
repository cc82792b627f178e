package replay

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/capture"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// local is a Judge that folds at once, in the caller's goroutine.
type local struct {
	state  *judge.State
	all    []journey.Judgement
	faults []string
}

// Submit implements engine.Judge.
func (l *local) Submit(_ context.Context, o *journey.Observation) (journey.Verdict, error) {
	j := l.fold(journey.Input{Kind: journey.InputObservation, Time: o.Time, Observation: o})
	if j.Verdict == nil {
		return journey.Verdict{}, fmt.Errorf("no verdict: %s", j.Fault)
	}
	return *j.Verdict, nil
}

// Observe implements engine.Judge.
func (l *local) Observe(o *journey.Observation, _ bool) error {
	l.fold(journey.Input{Kind: journey.InputObservation, Time: o.Time, Observation: o})
	return nil
}

// Mirror implements engine.Judge. A script's exchanges come in their order.
func (l *local) Mirror(o *journey.Observation) error { return l.Observe(o, false) }

func (l *local) fold(in journey.Input) journey.Judgement {
	j := l.state.Fold(&in)
	l.all = append(l.all, j)
	if j.Fault != "" {
		l.faults = append(l.faults, j.Fault)
	}
	return j
}

// play runs a script's exchanges and answers, for each, what came of it.
func play(ctx context.Context, s *script, snap *policy.Snapshot) ([][]string, error) {
	// A fixed key: hashed values in a script stay the same for ever.
	hasher, err := element.NewHasher([]byte("journey scripts hash with this!!"))
	if err != nil {
		return nil, err
	}
	l := &local{state: judge.New(0)}
	l.fold(journey.Input{Kind: journey.InputPolicy, Time: s.steps[0].at, Policy: snap.Bundle})
	var now int64
	e := engine.New(engine.Config{
		Sites:  []*site.Site{{Name: "site", Mode: s.mode, Failure: site.FailOpen, Deadline: time.Minute, Switch: &site.Switch{}}},
		Judges: map[int]engine.Judge{0: l}, Capture: capture.New(hasher, "US"), Enrich: enrich.Fixed(s.facts),
		Shed: &engine.Shed{}, Clock: func() int64 { return now },
	})
	if err := e.SetPolicy(ctx, snap); err != nil {
		return nil, err
	}
	n := &names{sessions: map[journey.ID]int{}, events: map[journey.ID]int{}, told: map[journey.ID]bool{}}
	out := make([][]string, len(s.steps))
	for i := range s.steps {
		st := &s.steps[i]
		if st.at > now+int64(time.Minute/time.Microsecond) {
			l.fold(journey.Input{Kind: journey.InputTick, Time: st.at})
		}
		now, l.all = st.at, nil
		x, err := st.exchange(uint64(i+1), s.mode)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", st.line, err)
		}
		sent, edits := relay(e, x, st)
		if len(l.faults) > 0 {
			return nil, fmt.Errorf("%d: the judge faulted: %s", st.line, l.faults[0])
		}
		out[i] = n.describe(l.all, sent, edits)
	}
	return out, nil
}

// relay asks the engine at each phase, as the edge does, and answers the status
// the client got when the engine answered, with the tags for the origin.
func relay(e *engine.Engine, x *wire.Exchange, st *step) (answered int, edits []wire.Edit) {
	head := x.ReqBody
	x.ReqBody = wire.Body{}
	d := e.Decide(x, wire.PhaseRequestHead)
	edits = d.Edits
	if d.Answer == nil && d.Request != wire.BodyNone {
		x.ReqBody = head
		if d.Request == wire.BodyHold {
			held := e.Decide(x, wire.PhaseRequestBody)
			edits = append(edits, held.Edits...)
			d.Answer = held.Answer
			d.Response = max(d.Response, held.Response)
		}
	}
	if d.Answer != nil {
		answer(x, d.Answer)
	} else if d.Response != wire.BodyHold { // else he may not get it
		st.client.jar.keep(&x.Response)
	}
	x.RespTime = x.Start + 20_000
	e.Decide(x, wire.PhaseResponseHead)
	if d.Response == wire.BodyHold && !x.Answered {
		if held := e.Decide(x, wire.PhaseResponseBody); held.Answer != nil {
			answer(x, held.Answer)
		} else {
			st.client.jar.keep(&x.Response)
		}
	}
	e.Decide(x, wire.PhaseEnd)
	if x.Answered {
		answered = x.Response.Status
	}
	return answered, edits
}

// answer puts an answer of the engine's in the response's place.
func answer(x *wire.Exchange, a *wire.Answer) {
	x.Answered = true
	x.Response = wire.Head{Status: a.Status, Fields: a.Fields, Proto: "HTTP/1.1"}
	x.RespBody = wire.Body{Bytes: a.Body, Seen: true}
}

// exchange builds what the edge would have seen.
func (st *step) exchange(id uint64, mode site.Mode) (*wire.Exchange, error) {
	method, target, ok := strings.Cut(st.request.start, " ")
	if !ok || !strings.HasPrefix(target, "/") {
		return nil, fmt.Errorf("%q is no request; want METHOD /path", st.request.start)
	}
	c := st.client
	x := &wire.Exchange{ID: id, Site: "site", Mode: string(mode), Start: st.at,
		Conn: wire.Conn{Client: c.ip, Peer: netip.AddrPortFrom(c.ip, 40000)}}
	c.conn.over(&x.Conn)
	x.Request = wire.Head{Method: method, Target: target, Host: "shop.example", Proto: "HTTP/1.1"}
	add := func(h *wire.Head, name, value string) {
		if h.Get(name) == "" {
			h.Fields = append(h.Fields, wire.Field{Name: name, Value: value})
		}
	}
	for _, f := range st.request.fields {
		x.Request.Fields = append(x.Request.Fields, wire.Field{Name: f[0], Value: f[1]})
		if strings.EqualFold(f[0], "Host") {
			x.Request.Host = strings.ToLower(f[1])
		}
	}
	add(&x.Request, "User-Agent", c.agent)
	add(&x.Request, "Accept", "text/html,*/*;q=0.8")
	if st.request.body != "" {
		kind := "application/x-www-form-urlencoded"
		if strings.HasPrefix(st.request.body, "{") {
			kind = "application/json"
		}
		add(&x.Request, "Content-Type", kind)
	}
	if cookies := c.jar.header(); cookies != "" {
		add(&x.Request, "Cookie", cookies)
	}
	x.ReqBody = wire.Body{Bytes: []byte(st.request.body), Seen: true}
	status := 200
	if st.response.start != "" {
		code, _, _ := strings.Cut(st.response.start, " ")
		var err error
		if status, err = strconv.Atoi(code); err != nil || status < 100 || status > 599 {
			return nil, fmt.Errorf("%q is no response; want a status such as 200", st.response.start)
		}
	}
	x.Response = wire.Head{Status: status, Proto: "HTTP/1.1"}
	for _, f := range st.response.fields {
		x.Response.Fields = append(x.Response.Fields, wire.Field{Name: f[0], Value: f[1]})
	}
	x.RespBody = wire.Body{Bytes: []byte(st.response.body), Seen: true}
	return x, nil
}

func (j *jar) header() string {
	pairs := make([]string, 0, len(j.order))
	for _, n := range j.order {
		pairs = append(pairs, n+"="+j.values[n])
	}
	return strings.Join(pairs, "; ")
}

// keep takes the cookies a response sets, as a browser does.
func (j *jar) keep(h *wire.Head) {
	for _, f := range h.Fields {
		if !strings.EqualFold(f.Name, "Set-Cookie") {
			continue
		}
		first, _, _ := strings.Cut(f.Value, ";")
		if name, value, ok := strings.Cut(first, "="); ok {
			if _, known := j.values[name]; !known {
				j.order = append(j.order, name)
			}
			j.values[name] = value
		}
	}
}

// joined is why an Event belongs to its Session. An Event that it names is numbered
// by its place in the script, since nobody can tell IDs apart.
func (n *names) joined(e *journey.Event) string {
	const by = " of event "
	why, id, names := strings.Cut(e.JoinReason, by)
	if event, err := journey.ParseID(id); names && err == nil && n.events[event] > 0 {
		return why + by + strconv.Itoa(n.events[event])
	}
	return e.JoinReason
}

// describe renders what came of an exchange.
func (n *names) describe(all []journey.Judgement, answered int, edits []wire.Edit) []string {
	var events []journey.Event
	for _, j := range all {
		events = append(events, j.Events...)
	}
	if len(events) == 0 {
		return []string{"= nothing"}
	}
	var out []string
	for i := range events {
		e := &events[i]
		out = append(out, fmt.Sprintf("= event %s %q %s session=%d rating=%s points=%d",
			e.Type, e.Name, word(string(e.Outcome)), n.of(e.SessionID), e.Rating, e.Points))
		n.events[e.ID] = len(n.events) + 1
		out = append(out, "=   joined: "+n.joined(e))
		if line := elements(e); line != "" {
			out = append(out, "=   elements"+line)
		}
		for _, l := range e.Labels {
			line := "=   label " + l.ID
			if l.Shadow {
				line += " (shadow)"
			}
			for _, ev := range l.Evidence {
				line += fmt.Sprintf(" [%s = %s]", ev.What, ev.Value)
			}
			out = append(out, line)
		}
		for _, g := range e.Signatures {
			out = append(out, fmt.Sprintf("=   signature %s from %s", g.ID, strings.Join(g.Labels, ", ")))
		}
		if c := e.RatingChange; c != nil {
			out = append(out, fmt.Sprintf("=   rating %s to %s: %s", c.From, c.To, c.Reason))
		}
		for _, a := range e.Actions {
			state := "enforced"
			switch {
			case a.Shadow:
				state = "shadow"
			case !a.Enforced:
				state = "not enforced: " + a.Reason
			}
			out = append(out, fmt.Sprintf("=   action %s (%s) by %q: %s", a.Name, a.Type, a.Workflow, state))
		}
	}
	out = append(out, n.who(all)...)
	if answered != 0 {
		out = append(out, fmt.Sprintf("=   the client got %d instead of the origin's answer", answered))
	}
	for _, e := range edits {
		if e.Value == "" {
			continue // a visitor's own field of that name was taken out, if there was one
		}
		out = append(out, fmt.Sprintf("=   the origin got %s: %s", e.Name, e.Value))
	}
	return out
}

func word(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// elements lists what was mapped; what enrichment and the connection add is left
// out, since the script says it itself.
func elements(e *journey.Event) string {
	var b strings.Builder
	for _, el := range e.Elements {
		switch el.ID {
		case "ip", "user_agent", "browser", "browser_version", "os", "os_version", "device_class", "country", "region", "city",
			"asn", "asn_owner", "network_kind", "latitude", "longitude", "bot_verified", "bot_proof", "bot_reason":
			continue
		}
		if el.Unverified {
			b.WriteString(" unverified")
		}
		switch {
		case el.Invalid != "":
			fmt.Fprintf(&b, " %s!=%q", el.ID, el.Invalid)
		case strings.ContainsAny(el.Value, " \""):
			fmt.Fprintf(&b, " %s=%q", el.ID, el.Value)
		default:
			fmt.Fprintf(&b, " %s=%s", el.ID, el.Value)
		}
	}
	return b.String()
}
