package judge

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/window"
)

// judgeEvent labels, signs, rates and, for a sync request, decides. Every rule
// is evaluated against the journey including this Event before anything is
// changed by it.
func (s *State) judgeEvent(e *journey.Event, request bool) *journey.Verdict {
	v := s.visits[e.SessionID]
	s.relink(e)
	f := &facts{s: s, e: e, v: v}
	placed := s.label(f, e, v)
	s.sign(e, v)
	s.rate(e, v)
	e.Rating, e.Points = v.Rating, v.Points
	if !request {
		return nil
	}
	verdict := &journey.Verdict{EventID: e.ID, SessionID: v.ID, SpecID: v.SpecID, Rating: v.Rating,
		Points: v.Points, Labels: placed, Revision: s.policy.Revision}
	if e.Sync {
		s.decide(f, e, v, verdict)
	}
	return verdict
}

// label places the labels whose rule holds: each at most once on an Event, and
// once in a Session unless it repeats or its time has run out.
func (s *State) label(f *facts, e *journey.Event, v *journey.Session) []string {
	var ids []string
	for _, l := range s.policy.Labels {
		if len(l.Types) > 0 && !slices.Contains(l.Types, e.Type) || s.carried(l, e, v) {
			continue
		}
		holds, evidence := s.eval("label "+l.ID, l.When, f)
		if !holds {
			continue
		}
		if len(v.Labels) >= maxLabels {
			s.labelsFull++
			if !makeRoom(v, e.Time) {
				continue
			}
		}
		label := journey.Label{ID: l.ID, Title: l.Title, Severity: l.Severity, Points: l.Points, EventID: e.ID,
			Time: e.Time, Shadow: !enforces(l.Rollout, v.SpecID, l.ID), Evidence: evidence}
		if l.TTL > 0 {
			label.Expires = e.Time + l.TTL.Microseconds()
		}
		e.Labels = append(e.Labels, label)
		v.Labels = append(v.Labels, label)
		if !label.Shadow { // a tag shows them to the origin
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// eval asks a rule. One that errs or panics does not hold, and is counted.
func (s *State) eval(rule string, p *expr.Program, f expr.Facts) (holds bool, evidence []journey.Evidence) {
	defer func() {
		if v := recover(); v != nil {
			holds, evidence = false, nil
			s.ruleFailed(rule, fmt.Sprintf("panic: %v", v))
		}
	}()
	holds, evidence, err := p.Eval(f)
	if err != nil {
		s.ruleFailed(rule, err.Error())
		return false, nil
	}
	return holds, evidence
}

// makeRoom forgets, of a Session with too many labels, the oldest that says
// nothing any more: one that was placed again later, or has run out. Otherwise a
// label that repeats would keep all others away.
func makeRoom(v *journey.Session, now int64) bool {
	for i := range v.Labels {
		l := &v.Labels[i]
		again := slices.ContainsFunc(v.Labels[i+1:], func(o journey.Label) bool {
			return o.ID == l.ID && o.Shadow == l.Shadow && live(&o, now)
		})
		if again || !live(l, now) {
			// A new slice, since the old one is in the journal's hands.
			v.Labels = append(append(make([]journey.Label, 0, maxLabels), v.Labels[:i]...), v.Labels[i+1:]...)
			return true
		}
	}
	return false
}

func (s *State) carried(l *policy.Label, e *journey.Event, v *journey.Session) bool {
	for i := range v.Labels {
		p := &v.Labels[i]
		if p.ID == l.ID && (p.EventID == e.ID || !l.Repeat && live(p, e.Time)) {
			return true
		}
	}
	return false
}

func live(l *journey.Label, now int64) bool { return l.Expires == 0 || l.Expires > now }

// counts tells whether a label counts: placed for real and not run out.
func counts(l *journey.Label, now int64) bool { return !l.Shadow && live(l, now) }

func carries(v *journey.Session, id string, now int64) bool {
	for i := range v.Labels {
		if v.Labels[i].ID == id && counts(&v.Labels[i], now) {
			return true
		}
	}
	return false
}

// enforces tells whether a rollout is live for this user.
func enforces(r policy.Rollout, spec journey.ID, what string) bool {
	switch r.Mode {
	case policy.Shadow:
		return false
	case policy.Percent:
		return int(hashText(what+"/"+spec.String())%100) < r.Percent
	default:
		return true
	}
}

func (s *State) sign(e *journey.Event, v *journey.Session) {
	for _, g := range s.policy.Signatures {
		if slices.ContainsFunc(v.Signatures, func(p journey.Signature) bool { return p.ID == g.ID }) {
			continue
		}
		made, complete := combined(g, v, e.Time)
		if !complete {
			continue
		}
		sig := journey.Signature{ID: g.ID, Title: g.Title, Rating: g.Rating, Labels: made, EventID: e.ID,
			Time: e.Time, Shadow: !enforces(g.Rollout, v.SpecID, g.ID)}
		e.Signatures = append(e.Signatures, sig)
		v.Signatures = append(v.Signatures, sig)
	}
}

// combined returns the labels of a signature that the Session carries now, and
// whether they suffice.
func combined(g *policy.Signature, v *journey.Session, now int64) (made []string, complete bool) {
	for _, id := range g.All {
		if !carries(v, id, now) {
			return nil, false
		}
		made = append(made, id)
	}
	n := 0
	for _, id := range g.Any {
		if carries(v, id, now) {
			n++
			if !slices.Contains(made, id) {
				made = append(made, id)
			}
		}
	}
	return made, n >= g.AtLeast
}

// inForce tells whether a signature that was recognised still holds: it goes
// with the labels that made it, as the policy defines it now.
func (s *State) inForce(p *journey.Signature, v *journey.Session, now int64) bool {
	if p.Shadow {
		return false
	}
	for _, g := range s.policy.Signatures {
		if g.ID == p.ID {
			_, complete := combined(g, v, now)
			return complete
		}
	}
	return !slices.ContainsFunc(p.Labels, func(id string) bool { return !carries(v, id, now) })
}

// rate moves the rating to what points and signatures say now, and records why
// on the Event.
func (s *State) rate(e *journey.Event, v *journey.Session) {
	points, seen := 0, map[string]bool{}
	for i := range v.Labels {
		if l := &v.Labels[i]; counts(l, e.Time) && !seen[l.ID] {
			seen[l.ID] = true
			points += l.Points
		}
	}
	v.Points = points
	to, why := journey.Normal, ""
	switch r := s.policy.Rating; {
	case points >= r.Malicious:
		to, why = journey.Malicious, fmt.Sprintf("%d points reached %d", points, r.Malicious)
	case points >= r.Suspicious:
		to, why = journey.Suspicious, fmt.Sprintf("%d points reached %d", points, r.Suspicious)
	}
	lapsed := ""
	for i := range v.Signatures {
		g := &v.Signatures[i]
		switch in := s.inForce(g, v, e.Time); {
		case in && g.Rating > to:
			to, why = g.Rating, "signature "+g.ID
		case !in && !g.Shadow && g.Rating >= v.Rating:
			lapsed = g.ID
		}
	}
	if to == v.Rating {
		return
	}
	from := v.Rating
	if to < from {
		why = fell(from, points, lapsed, s.policy.Rating)
	}
	if e.RatingChange != nil {
		from = e.RatingChange.From // moved at the request already
	}
	v.Rating = to
	e.RatingChange = &journey.RatingChange{From: from, To: to, Reason: why}
	if from == to {
		e.RatingChange = nil
	}
}

// fell says why a rating is lower than it was: labels have run out.
func fell(from journey.Rating, points int, lapsed string, r policy.RatingRules) string {
	below := r.Suspicious
	if from == journey.Malicious {
		below = r.Malicious
	}
	if lapsed != "" {
		return fmt.Sprintf("signature %s no longer holds, and %d points are below %d", lapsed, points, below)
	}
	return fmt.Sprintf("%d points are below %d", points, below)
}

// decide runs the workflows. The first action that answers wins; tags add up.
func (s *State) decide(f *facts, e *journey.Event, v *journey.Session, out *journey.Verdict) {
	answered := false
	for _, w := range s.policy.Workflows {
		if slices.Contains(e.Workflows, w.Name) {
			continue // it ran when the request came
		}
		why, ok := s.triggered(f, w, e, v)
		if !ok {
			continue
		}
		e.Workflows = append(e.Workflows, w.Name)
		shadow := !enforces(w.Rollout, v.SpecID, w.Name)
		for _, name := range w.Do {
			a := s.policy.Actions[name]
			if a == nil {
				continue
			}
			answers := a.Type != journey.ActionTag
			if answered && !shadow { // the origin is not asked: nothing more can be done
				continue
			}
			out.Actions = append(out.Actions, journey.Action{Name: name, Type: a.Type, Workflow: w.Name,
				Time: e.Time, Shadow: shadow, Reason: why})
			answered = answered || answers && !shadow
		}
	}
}

// triggered tells whether a workflow runs on this Event, and why in words.
func (s *State) triggered(f *facts, w *policy.Workflow, e *journey.Event, v *journey.Session) (why string, ok bool) {
	if len(w.Types) > 0 && !slices.Contains(w.Types, e.Type) {
		return "", false
	}
	if len(w.Ratings) > 0 {
		if !slices.Contains(w.Ratings, v.Rating) {
			return "", false
		}
		why = "the session is " + v.Rating.String()
	}
	if len(w.Labels) > 0 {
		i := slices.IndexFunc(w.Labels, func(id string) bool { return carries(v, id, e.Time) })
		if i < 0 {
			return "", false
		}
		why = "label " + w.Labels[i]
	}
	if len(w.Signatures) > 0 {
		i := slices.IndexFunc(v.Signatures, func(g journey.Signature) bool {
			return slices.Contains(w.Signatures, g.ID) && s.inForce(&g, v, e.Time)
		})
		if i < 0 {
			return "", false
		}
		why = "signature " + v.Signatures[i].ID
	}
	if w.When == nil {
		return why, true
	}
	if why == "" {
		why = "its condition holds"
	}
	ok, _ = s.eval("workflow "+w.Name, w.When, f)
	return why, ok
}

// count enters a completed Event into every window it belongs to.
func (s *State) count(e *journey.Event) {
	for i := range s.plan.add {
		p := &s.plan.add[i]
		value, ok := contribution(p.def, e)
		if !ok {
			continue
		}
		if p.def.Subject == "session" {
			if s.sessions.Get(e.SessionID) == nil {
				continue // it ended while the origin was answering
			}
			s.windows.Add(window.Key{Window: p.number, Subject: int64(e.SessionID)}, p.spec, e.Time, value)
			continue
		}
		for j := range e.Elements {
			if el := &e.Elements[j]; el.ID == p.def.Subject && el.Hash != 0 {
				s.windows.Add(window.Key{Window: p.number, Subject: el.Hash}, p.spec, e.Time, value)
			}
		}
	}
}

// contribution is what an Event adds to a window, if it belongs there at all.
func contribution(w expr.Window, e *journey.Event) (int64, bool) {
	if w.Type != "" && w.Type != e.Type || w.Outcome != "" && w.Outcome != e.Outcome {
		return 0, false
	}
	switch w.Op {
	case expr.Distinct:
		for i := range e.Elements {
			if el := &e.Elements[i]; el.ID == w.Element && el.Value != "" {
				if el.Hash != 0 {
					return el.Hash, true
				}
				return int64(digest(el.Value)), true
			}
		}
		return 0, false
	case expr.Sum:
		return millionths(e.Value(w.Element))
	}
	return 0, true
}

// millionths reads a decimal exactly.
func millionths(s string) (int64, bool) {
	neg := strings.HasPrefix(s, "-")
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	for len(frac) < 6 {
		frac += "0"
	}
	n, err := strconv.ParseInt(whole+frac[:6], 10, 64)
	if err != nil {
		return 0, false
	}
	if neg {
		n = -n
	}
	return n, true
}

// digest names a value that comes from a visitor, who must not be able to make two
// of them meet.
func digest(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.LittleEndian.Uint64(sum[:])
}

func hashText(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
