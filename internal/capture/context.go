package capture

import (
	"slices"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
)

// Some values are read by others: a phone number by the country beside it, an amount
// by its currency. So what needs no other is read first. That a form names a country
// twice, and differently, tells nothing of it.

// gives adds the elements that a side can fill to those that are known.
func (s *side) gives(known map[string]bool) map[string]bool {
	out := map[string]bool{}
	for id := range known {
		out[id] = true
	}
	for _, d := range s.defs {
		if d == nil {
			continue
		}
		out[d.ID] = true
		if d.Kind == element.Money { // its symbol names a currency
			for _, id := range d.PartIDs() {
				out[id] = true
			}
		}
	}
	return out
}

// readBy finds out which values wait for others.
func (s *side) readBy(given map[string]bool) {
	s.context, s.waits = make([][]string, len(s.maps)), make([]bool, len(s.maps))
	for i, d := range s.defs {
		if d == nil {
			continue
		}
		for _, id := range d.Context() {
			if given[id] {
				s.context[i] = append(s.context[i], id)
			}
		}
		if m := &s.maps[i]; s.context[i] != nil || m.Minor || m.Currency != "" {
			s.late, s.waits[i] = append(s.late, i), true
		}
	}
}

// contexts are those of the elements by which values of this side are read.
func (s *side) contexts(of map[string]bool) (out []string) {
	for _, ids := range s.context {
		for _, id := range ids {
			if of[id] && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// Context returns the Elements of a request by which values of its response are
// read: nil for nearly all Plans.
func (p *Plan) Context(request []journey.Element) (out []journey.Element) {
	if p.lends == nil {
		return nil
	}
	for i := range request {
		if slices.Contains(p.lends, request[i].ID) {
			out = append(out, request[i])
		}
	}
	return out
}

// deliverLate reads the values that waited, by what is known now.
func (r *reading) deliverLate() {
	known := r.out[:len(r.out):len(r.out)]
	for _, slot := range r.side.late {
		r.opt = r.options(slot, known)
		r.deliver(slot)
	}
	r.opt = r.c.opt
}

// unknownCurrency is one of which it is not known how many units it has.
const unknownCurrency = "?"

// options says how the values of a slot are read.
func (r *reading) options(slot int, known []journey.Element) element.Options {
	opt, m := r.c.opt, &r.side.maps[slot]
	amount := r.side.defs[slot].Kind == element.Money
	opt.Minor, opt.Currency = m.Minor, m.Currency
	for _, id := range r.side.context[slot] {
		value, said := told(id, known)
		if !said {
			value, said = told(id, r.given)
		}
		switch {
		case !said || value == "" && !amount:
			continue
		case value == "" && m.Minor: // cents and whole yen are not told apart
			opt.Currency = unknownCurrency
		case amount:
			opt.Currency = value
		default:
			opt.Country = value
		}
		break
	}
	return opt
}

// told is the one value of an element: none where it is given differently, or can't
// be read.
func told(id string, all []journey.Element) (value string, said bool) {
	for i := range all {
		e := &all[i]
		if e.ID != id {
			continue
		}
		if said && value != e.Value || e.Invalid != "" {
			return "", true
		}
		value, said = e.Value, true
	}
	return value, said
}
