package judge

import (
	"cmp"
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
	if v == nil {
		return nil
	}
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
		if len(l.Types) > 0 && !slices.Contains(l.Types, e.Type) || l.When == nil || s.carried(l, e, v) {
			continue
		}
		if len(v.Labels) >= maxLabels {
			break
		}
		holds, evidence, err := l.When.Eval(f)
		if err != nil {
			s.ruleErrors++
			continue
		}
		if !holds {
			continue
		}
		label := journey.Label{ID: l.ID, Title: l.Title, Severity: l.Severity, Points: l.Points, EventID: e.ID,
			Time: e.Time, Shadow: !enforces(l.Rollout, v.SpecID, l.ID), Evidence: evidence}
		if l.TTL > 0 {
			label.Expires = e.Time + l.TTL.Microseconds()
		}
		e.Labels = append(e.Labels, label)
		v.Labels = append(v.Labels, label)
		ids = append(ids, l.ID)
	}
	return ids
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
		made := make([]string, 0, len(g.All)+len(g.Any))
		for _, id := range g.All {
			if carries(v, id, e.Time) {
				made = append(made, id)
			}
		}
		if len(made) < len(g.All) {
			continue
		}
		any := 0
		for _, id := range g.Any {
			if carries(v, id, e.Time) {
				made = append(made, id)
				any++
			}
		}
		if any < g.AtLeast {
			continue
		}
		sig := journey.Signature{ID: g.ID, Title: g.Title, Rating: g.Rating, Labels: made, EventID: e.ID,
			Time: e.Time, Shadow: !enforces(g.Rollout, v.SpecID, g.ID)}
		e.Signatures = append(e.Signatures, sig)
		v.Signatures = append(v.Signatures, sig)
	}
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
	to, why := journey.Normal, fmt.Sprintf("%d points are below %d", points, s.policy.Rating.Suspicious)
	switch r := s.policy.Rating; {
	case points >= r.Malicious:
		to, why = journey.Malicious, fmt.Sprintf("%d points reached %d", points, r.Malicious)
	case points >= r.Suspicious:
		to, why = journey.Suspicious, fmt.Sprintf("%d points reached %d", points, r.Suspicious)
	}
	for i := range v.Signatures {
		if g := &v.Signatures[i]; !g.Shadow && g.Rating > to {
			to, why = g.Rating, "signature "+g.ID
		}
	}
	if to == v.Rating {
		return
	}
	from := v.Rating
	if e.RatingChange != nil {
		from = e.RatingChange.From // moved at the request already
	}
	v.Rating = to
	e.RatingChange = &journey.RatingChange{From: from, To: to, Reason: why}
	if from == to {
		e.RatingChange = nil
	}
}

// decide runs the workflows. The first action that answers wins; tags add up.
func (s *State) decide(f *facts, e *journey.Event, v *journey.Session, out *journey.Verdict) {
	answered := false
	for _, w := range s.policy.Workflows {
		if !s.triggered(f, w, e, v) {
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
				Time: e.Time, Shadow: shadow, Reason: "the session is " + v.Rating.String()})
			answered = answered || answers && !shadow
		}
	}
}

func (s *State) triggered(f *facts, w *policy.Workflow, e *journey.Event, v *journey.Session) bool {
	if len(w.Types) > 0 && !slices.Contains(w.Types, e.Type) ||
		len(w.Ratings) > 0 && !slices.Contains(w.Ratings, v.Rating) {
		return false
	}
	if len(w.Labels) > 0 && !slices.ContainsFunc(w.Labels, func(id string) bool { return carries(v, id, e.Time) }) {
		return false
	}
	if len(w.Signatures) > 0 && !slices.ContainsFunc(v.Signatures, func(g journey.Signature) bool {
		return !g.Shadow && slices.Contains(w.Signatures, g.ID)
	}) {
		return false
	}
	if w.When == nil {
		return true
	}
	holds, _, err := w.When.Eval(f)
	if err != nil {
		s.ruleErrors++
	}
	return holds
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
		v := e.Value(w.Element)
		return int64(hashText(v)), v != ""
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

func hashText(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

func (s *State) overdue(now int64) []uint64 {
	var out []uint64
	for x, p := range s.pending {
		if now-p.Event.Time > pendingFor {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b uint64) int { return cmp.Compare(s.pending[a].Event.ID, s.pending[b].Event.ID) })
	return out
}
