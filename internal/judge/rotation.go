package judge

import (
	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/window"
)

// While the key of keyed hashes is being replaced, an observation says of each
// such hash what the former key would have made of the same value. What the state
// knows under the former is then moved to the present one, once, at first sight:
// afterwards it is as if the key had always been this.

// rename moves what is known of session keys.
func (s *State) rename(keys []journey.Key) {
	for _, k := range keys {
		if k.Former != 0 && k.Former != k.Hash {
			s.sessions.Rename(k.Former, k.Hash)
			s.people.Rename(k.Former, k.Hash)
		}
	}
}

// relink moves the windows of sensitive values, as subjects and as what is
// counted.
func (s *State) relink(e *journey.Event) {
	for i := range e.Elements {
		el := &e.Elements[i]
		if el.Former == "" || el.Former == el.Value {
			continue
		}
		from, to := valueOf(el)
		if el.FormerHash != 0 && relates(el.ID) {
			s.people.Rehash(el.ID, el.FormerHash, el.Hash, e.Time)
		}
		for j := range s.plan.add {
			p := &s.plan.add[j]
			if p.def.Subject == el.ID && el.FormerHash != 0 {
				s.windows.Rename(p.number, el.FormerHash, el.Hash)
			}
			if p.def.Op == expr.Distinct && p.def.Element == el.ID {
				s.revalue(p.number, p.def.Subject, e, from, to)
			}
		}
	}
}

// revalue moves a counted value in the series that the Event belongs to.
func (s *State) revalue(number int32, subject string, e *journey.Event, from, to int64) {
	if subject == "session" {
		s.windows.Revalue(window.Key{Window: number, Subject: int64(e.SessionID)}, from, to)
		return
	}
	for i := range e.Elements {
		if el := &e.Elements[i]; el.ID == subject && el.Hash != 0 {
			s.windows.Revalue(window.Key{Window: number, Subject: el.Hash}, from, to)
		}
	}
}

// valueOf is how a window counts a value, by the former key and by the present.
func valueOf(el *journey.Element) (former, present int64) {
	if el.Hash != 0 {
		return el.FormerHash, el.Hash
	}
	return int64(digest(el.Former)), int64(digest(el.Value))
}
