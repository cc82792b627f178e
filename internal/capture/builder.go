package capture

import (
	"strings"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

// builder collects normalised Elements without repeating any.
type builder struct {
	c    *Capturer
	out  []journey.Element
	lent []bool // by element: its value is still the exchange's memory
}

// take adds a value under the element of a mapping. What can't be read or does not
// fit is told of as long as no source gives that element a value that does.
func (b *builder) take(m *policy.Mapping, f found) {
	b.add(m.Element, m.Transform, f)
}

func (b *builder) add(id, transform string, f found) {
	d, ok := element.Lookup(id)
	if !ok || f.err == nil && (!f.ok || f.text == "") {
		return
	}
	if f.err != nil {
		b.invalid(d.ID, f.err.Error())
		return
	}
	r, err := element.Normalise(d, transformed(f.text, transform), b.c.opt)
	if err != nil {
		b.invalid(d.ID, err.Error())
		return
	}
	b.put(d, r.Value, f.own, f.unverified)
	for _, p := range r.Parts {
		if pd, ok := element.Lookup(p.ID); ok {
			b.put(pd, p.Value, true, f.unverified)
		}
	}
}

func transformed(raw, transform string) string {
	switch transform {
	case "lower":
		return strings.ToLower(raw)
	case "upper":
		return strings.ToUpper(raw)
	case "digits":
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, raw)
	}
	return raw
}

// put keeps a value. What is said twice, once by a token that nobody verified and
// once without, is verified.
func (b *builder) put(d element.Def, value string, own, unverified bool) {
	for i := range b.out {
		if b.out[i].ID == d.ID && b.out[i].Value == value && b.out[i].Invalid == "" {
			b.out[i].Unverified = b.out[i].Unverified && unverified
			return
		}
	}
	e := journey.Element{ID: d.ID, Value: value, Entity: d.Entity, Unverified: unverified}
	if d.Entity {
		e.Hash = b.c.opt.Hasher.Entity(d.ID, value)
	}
	for i := range b.out {
		if b.out[i].ID == d.ID && b.out[i].Invalid != "" {
			b.out[i], b.lent[i] = e, !own
			return
		}
	}
	b.out, b.lent = append(b.out, e), append(b.lent, !own)
}

func (b *builder) invalid(id, why string) {
	for i := range b.out {
		if b.out[i].ID == id {
			return
		}
	}
	b.out, b.lent = append(b.out, journey.Element{ID: id, Invalid: why}), append(b.lent, false)
}

func (b *builder) value(id string) string {
	for i := range b.out {
		if b.out[i].ID == id {
			return b.out[i].Value
		}
	}
	return ""
}

// compose makes the address entity of a group from its parts.
func (b *builder) compose(group string) {
	v := func(part string) string { return b.value(group + part) }
	if s, ok := element.ComposeAddress(v("_street"), v("_city"), v("_region"), v("_postal_code"), v("_country")); ok {
		if d, known := element.Lookup(group + "_address"); known {
			b.put(d, s, true, false)
		}
	}
}

// elements returns what was collected, on its own memory: all values that were lent
// are copied together.
func (b *builder) elements() []journey.Element {
	if len(b.out) == 0 {
		return nil
	}
	out := append(make([]journey.Element, 0, len(b.out)), b.out...)
	size := 0
	for i, lent := range b.lent {
		if lent {
			size += len(out[i].Value)
		}
	}
	if size == 0 {
		return out
	}
	var text strings.Builder
	text.Grow(size)
	for i, lent := range b.lent {
		if lent {
			text.WriteString(out[i].Value)
		}
	}
	all := text.String()
	for i, lent := range b.lent {
		if lent {
			n := len(out[i].Value)
			out[i].Value, all = all[:n], all[n:]
		}
	}
	return out
}
