package judge

import (
	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/window"
)

// facts answers a rule from the state, with the Event at hand counted in.
type facts struct {
	s *State
	e *journey.Event
	v *journey.Session
}

// Attr implements expr.Facts.
func (f *facts) Attr(name string) any {
	switch name {
	case "event.type":
		return string(f.e.Type)
	case "event.name":
		return f.e.Name
	case "event.outcome":
		return string(f.e.Outcome)
	case "event.method":
		return f.e.Method
	case "event.status":
		return f.e.Status
	case "event.time":
		return f.e.Time
	case "session.start":
		return f.v.Start
	case "session.events":
		return f.v.Events + 1
	case "session.points":
		return f.v.Points
	case "session.rating":
		return f.v.Rating.String()
	case "session.account":
		return f.v.Account
	case "session.accounts":
		return f.v.Accounts
	case "session.recognised":
		return f.v.Recognised
	case "session.new":
		return f.v.Events == 0
	}
	return nil
}

// Value implements expr.Facts.
func (f *facts) Value(element string) string { return f.e.Value(element) }

// HasLabel implements expr.Facts.
func (f *facts) HasLabel(id string) bool { return carries(f.v, id, f.e.Time) }

// Window implements expr.Facts.
func (f *facts) Window(w expr.Window) int64 {
	n, ok := f.s.plan.byWindow[w]
	if !ok {
		return 0
	}
	k := window.Key{Window: n, Subject: f.subject(w)}
	if k.Subject == 0 {
		return 0
	}
	spec := specOf(w)
	if value, counts := contribution(w, f.e); counts {
		return f.s.windows.With(k, spec, f.e.Time, value)
	}
	return f.s.windows.Get(k, spec, f.e.Time)
}

func (f *facts) subject(w expr.Window) int64 {
	if w.Subject == "session" {
		return int64(f.e.SessionID)
	}
	for i := range f.e.Elements {
		if el := &f.e.Elements[i]; el.ID == w.Subject && el.Hash != 0 {
			return el.Hash
		}
	}
	return 0
}
