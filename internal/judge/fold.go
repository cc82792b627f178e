package judge

import (
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/session"
)

// Fold judges one input and moves the state on, wholly or not at all.
func (s *State) Fold(in *journey.Input) journey.Judgement {
	out := s.Try(in)
	s.Commit()
	return out
}

// Try judges one input and moves the state on. Until Commit, Undo takes it back.
// When the judge panics the state is left as it was, and the input is a fault.
func (s *State) Try(in *journey.Input) (out journey.Judgement) {
	s.begin()
	out = s.try(in)
	if out.Fault == "" {
		out.SpecChanges, out.Links = slices.Clone(s.people.Changes()), s.links
		out.Sessions = append(out.Sessions, s.merged...)
	}
	return out
}

func (s *State) try(in *journey.Input) (out journey.Judgement) {
	defer func() {
		if v := recover(); v != nil {
			s.Undo()
			s.panicked("judge: "+string(in.Kind), v)
			out = journey.Judgement{Fault: fmt.Sprintf("the judge panicked: %v", v)}
		}
	}()
	out = s.fold(in)
	s.part(&out)
	return out
}

func (s *State) fold(in *journey.Input) journey.Judgement {
	switch in.Kind {
	case journey.InputPolicy:
		return s.foldPolicy(in.Policy)
	case journey.InputTick:
		return s.foldTick(in.Time)
	case journey.InputObservation:
		if in.Observation == nil {
			return journey.Judgement{Fault: "an observation that holds nothing"}
		}
		return s.foldObservation(in.Observation)
	default:
		return journey.Judgement{Fault: fmt.Sprintf("unknown input kind %q", in.Kind)}
	}
}

func (s *State) foldPolicy(bundle map[string]string) journey.Judgement {
	snap, faults := policy.Compile(bundle)
	if len(faults) > 0 {
		return journey.Judgement{Fault: fmt.Sprintf("policy has %d faults, first: %s", len(faults), faults[0])}
	}
	s.setPolicy(snap)
	return journey.Judgement{}
}

func (s *State) foldObservation(o *journey.Observation) journey.Judgement {
	if s.policy == nil {
		return journey.Judgement{Fault: "no policy is in force"}
	}
	switch o.Phase {
	case journey.PhaseRequest:
		if _, open := s.pending[o.Exchange]; open {
			return journey.Judgement{}
		}
		if len(s.pending) >= maxPending || s.held >= maxWaiting {
			s.overflow++
			return journey.Judgement{Fault: "too many events wait for their response"}
		}
		e, who := s.open(o)
		v := s.judgeEvent(e, true)
		s.notePending(o.Exchange)
		s.pending[o.Exchange] = &pendingEvent{Event: *e, Who: *who}
		s.held += eventSize(e)
		s.noteWaiting(e.SessionID)
		s.waiting[e.SessionID]++
		return journey.Judgement{Verdict: v, Sessions: s.session(e.SessionID)}
	case journey.PhaseResponse:
		p := s.pending[o.Exchange]
		if p == nil {
			s.orphans++
			return journey.Judgement{}
		}
		return s.answer(p, o)
	case journey.PhaseHeld:
		p := s.pending[o.Exchange]
		if p == nil {
			s.orphans++
			return journey.Judgement{}
		}
		return s.holding(p, o)
	case journey.PhaseComplete:
		e, who := s.open(o)
		e.Elements = o.Elements
		return s.complete(e, who, o)
	default:
		return journey.Judgement{Fault: fmt.Sprintf("unknown phase %d", o.Phase)}
	}
}

// open stitches a request into its Session and begins its Event.
func (s *State) open(o *journey.Observation) (*journey.Event, *identity.Visitor) {
	v, join, who := s.place(o)
	event := s.nextID(o.Time)
	reason := because(&join)
	s.learn(join.Entry, v, &who, o, event)
	v.Last = max(v.Last, o.Time)
	v.IP = o.IP
	if o.UserAgent != "" {
		v.UserAgent = o.UserAgent
	}
	e := &journey.Event{
		ID: event, SessionID: v.ID, SpecID: v.SpecID, Site: o.Site, Time: o.Time,
		Name: o.Name, Type: o.Type, Spec: o.Spec, Method: o.Method, Sync: o.Sync,
		Elements: o.Elements, Rating: v.Rating, Points: v.Points,
		JoinReason: reason, Revision: s.policy.Revision, Truncated: o.Truncated,
	}
	if join.New {
		s.relateDevice(e, v, &who)
	}
	return e, &who
}

// because is the reason of a join in full.
func because(j *session.Join) string {
	if j.From != 0 {
		return j.Reason + ", learned from the response of event " + j.From.String()
	}
	return j.Reason
}

func (s *State) rules() session.Rules {
	r := s.policy.Session
	return session.Rules{Timeout: r.Timeout.Microseconds(), MaxAge: r.MaxAge.Microseconds()}
}

// answer completes a pending Event. Its Session may have ended meanwhile, and is
// remembered until then.
func (s *State) answer(p *pendingEvent, o *journey.Observation) journey.Judgement {
	e := p.Event // the pending one stays as it is, in case this is taken back
	who := p.Who
	out := s.complete(&e, &who, o)
	s.close(o.Exchange, e.SessionID)
	return out
}

// holding judges a pending Event together with the response that is kept back for it.
// The Event stays pending: what becomes of the response is still to be seen.
func (s *State) holding(p *pendingEvent, o *journey.Observation) journey.Judgement {
	e := p.Event // the pending one stays as it is, in case this is taken back
	s.noteVisit(e.SessionID)
	v := s.visits[e.SessionID]
	s.known(v, p.Who.Keys)
	e.Elements = merge(e.Elements, o.Elements)
	e.Labels, e.Workflows = slices.Clip(e.Labels), slices.Clip(e.Workflows)
	e.Status, e.Outcome, e.Duration = o.Status, o.Outcome, o.Duration
	e.Truncated = e.Truncated || o.Truncated
	verdict := s.judgeEvent(&e, true)
	s.notePending(o.Exchange)
	s.held += eventSize(&e) - eventSize(&p.Event)
	s.pending[o.Exchange] = &pendingEvent{Event: e, Who: p.Who}
	return journey.Judgement{Verdict: verdict, Sessions: s.session(e.SessionID)}
}

// close takes an Event from the pending ones, and its Session from those that are
// remembered for it.
func (s *State) close(exchange uint64, id journey.ID) {
	s.notePending(exchange)
	if p := s.pending[exchange]; p != nil {
		s.held -= eventSize(&p.Event)
	}
	delete(s.pending, exchange)
	s.noteWaiting(id)
	if s.waiting[id]--; s.waiting[id] <= 0 {
		delete(s.waiting, id)
		if s.sessions.Get(id) == nil {
			s.noteVisit(id)
			delete(s.visits, id)
		}
	}
}

// Drop lets go of open Events, as a tick has done with them that is not folded
// again.
func (s *State) Drop(exchanges []uint64) {
	for _, x := range exchanges {
		if p := s.pending[x]; p != nil {
			s.close(x, p.Event.SessionID)
			s.dropped++
		}
	}
}

// forget lets go of what was kept of Sessions that have ended.
func (s *State) forget(ended []journey.ID) {
	for _, id := range ended {
		s.windows.Drop(s.plan.session, int64(id))
		if s.waiting[id] == 0 {
			s.noteVisit(id)
			delete(s.visits, id)
		}
	}
}

// learn binds the keys a response set to the Session of its Event, and to its
// visitor.
func (s *State) learn(e *session.Entry, v *journey.Session, who *identity.Visitor, o *journey.Observation, event journey.ID) {
	for _, k := range o.Learned {
		if e != nil {
			s.sessions.Learn(e, k, event)
		}
		s.teach(v, who, k)
	}
	if len(o.Learned) > 0 {
		who.Keys = append(who.Keys[:len(who.Keys):len(who.Keys)], o.Learned...)
	}
}

// complete adds what the response said, judges the Event as a whole, counts it
// and freezes its rating.
func (s *State) complete(e *journey.Event, who *identity.Visitor, o *journey.Observation) journey.Judgement {
	s.noteVisit(e.SessionID)
	v := s.visits[e.SessionID]
	if o.Phase == journey.PhaseResponse {
		e.Elements = merge(e.Elements, o.Elements)
		s.rename(o.Learned)
		s.learn(s.entry(v), v, who, o, e.ID)
	}
	s.known(v, who.Keys)
	e.Status, e.Outcome, e.Duration = o.Status, o.Outcome, o.Duration
	e.Truncated = e.Truncated || o.Truncated
	s.enforced(e, v, o.Enforced)
	s.describe(e, v)
	s.confirm(e, v, who)
	s.judgeEvent(e, false)
	s.relate(e, v)
	s.count(e)
	v.Events++
	v.Last = max(v.Last, e.Time)
	e.SpecID, e.Rating, e.Points = v.SpecID, v.Rating, v.Points
	return journey.Judgement{Events: []journey.Event{*e}, Sessions: []journey.Session{copyOf(v)}}
}

// merge adds response elements to the request's; one that both have is kept as
// the response says, and all of those that the response has several of.
func merge(request, response []journey.Element) []journey.Element {
	out := append([]journey.Element(nil), request...)
	replaced := make([]bool, len(request))
	for _, r := range response {
		known := false
		for i := range request {
			if out[i].ID == r.ID && (out[i].Value == r.Value || !r.Entity && !replaced[i]) {
				out[i], replaced[i], known = r, true, true
				break
			}
		}
		if !known {
			out = append(out, r)
		}
	}
	return out
}

// enforced records what really happened to the exchange.
func (s *State) enforced(e *journey.Event, v *journey.Session, actions []journey.Action) {
	if len(actions) > 0 {
		v.Actions = slices.Clone(v.Actions) // those before are in the journal's hands, or the undo's
	}
	for _, a := range actions {
		a.EventID, a.Time = e.ID, e.Time
		e.Actions = append(e.Actions, a)
		if a.Enforced && a.Type != journey.ActionTag {
			e.Outcome = journey.Mitigated
		}
		known := false
		for i := range v.Actions {
			if p := &v.Actions[i]; p.Name == a.Name && p.Enforced == a.Enforced && p.Shadow == a.Shadow {
				p.Count++
				known = true
			}
		}
		if !known {
			a.Count = 1
			v.Actions = append(v.Actions, a)
		}
	}
}

// describe keeps the Session's summary current.
func (s *State) describe(e *journey.Event, v *journey.Session) {
	if c := e.Value("country"); c != "" {
		v.Country, v.City = c, e.Value("city")
	}
}

func (s *State) session(id journey.ID) []journey.Session {
	if v := s.visits[id]; v != nil && v.Events > 0 {
		return []journey.Session{copyOf(v)}
	}
	return nil
}

// copyOf detaches what goes into the journal from what moves on.
func copyOf(v *journey.Session) journey.Session {
	c := *v
	c.Actions = v.Actions[:len(v.Actions):len(v.Actions)]
	c.Labels = v.Labels[:len(v.Labels):len(v.Labels)]
	c.Signatures = v.Signatures[:len(v.Signatures):len(v.Signatures)]
	return c
}
