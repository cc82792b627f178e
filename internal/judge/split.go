package judge

import (
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// part has the Sessions at hand that were recorded while several people counted as
// one go with their part when those are told apart, and tells them anew.
func (s *State) part(out *journey.Judgement) {
	split := func(c journey.SpecChange) bool { return c.Kind == journey.SpecSplit }
	if !slices.ContainsFunc(s.people.Changes(), split) {
		return
	}
	for _, m := range s.people.Moves(atHand{s}) {
		s.noteVisit(m.Session)
		v := s.visits[m.Session]
		v.SpecID = m.SpecID
		if at := slices.IndexFunc(s.merged, func(o journey.Session) bool { return o.ID == v.ID }); at >= 0 {
			s.merged[at] = copyOf(v) // it is told at the end
			continue
		}
		if at := slices.IndexFunc(out.Sessions, func(o journey.Session) bool { return o.ID == v.ID }); at >= 0 {
			out.Sessions[at] = copyOf(v)
		} else {
			out.Sessions = append(out.Sessions, s.session(v.ID)...)
		}
	}
}

// atHand are the Sessions at hand, as identity asks for them.
type atHand struct{ s *State }

func (a atHand) SpecOf(id journey.ID) journey.ID {
	if v := a.s.visits[id]; v != nil {
		return v.SpecID
	}
	return 0
}

func (a atHand) Holder(key uint64) (journey.ID, []journey.Key) {
	e := a.s.sessions.Holder(key)
	if e == nil {
		return 0, nil
	}
	return e.ID, a.s.sessions.Keys(e, nil)
}
