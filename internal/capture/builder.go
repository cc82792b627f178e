package capture

import (
	"sort"
	"strings"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
)

// builder collects normalised Elements without repeating any.
type builder struct {
	c     *Capturer
	opt   element.Options // how values are read now
	known *element.Set
	out   []journey.Element
	marks []mark // by element
	slot  int    // of the mapping being read
}

// mark is what is to be known of a collected element until the end.
type mark struct {
	slot int
	lent bool // its value is still the exchange's memory
}

// add adds a value under an element. What can't be read or does not fit is told of
// as long as no source gives that element a value that does.
func (b *builder) add(d *element.Def, transform string, f found) {
	if d == nil || f.err == nil && (!f.ok || f.text == "") {
		return
	}
	if f.err != nil {
		b.invalid(d.ID, f.err.Error())
		return
	}
	raw := transformed(f.text, transform)
	r, err := d.Normalise(raw, &b.opt)
	if err != nil {
		b.invalid(d.ID, err.Error())
		return
	}
	b.put(d, r.Value, f.own, f.unverified)
	if d.Hashed() {
		b.alias(d, r.Value, raw)
	}
	for _, p := range r.Parts {
		if pd := b.known.Find(p.ID); pd != nil {
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
func (b *builder) put(d *element.Def, value string, own, unverified bool) {
	at := -1 // of what was told of this element so far when no value fitted
	for i := range b.out {
		e := &b.out[i]
		switch {
		case e.ID != d.ID:
		case e.Invalid != "":
			at = i
		case e.Value == value:
			e.Unverified = e.Unverified && unverified
			return
		}
	}
	if at < 0 {
		at = len(b.out)
		b.out, b.marks = append(b.out, journey.Element{}), append(b.marks, mark{})
	}
	e := &b.out[at]
	e.ID, e.Value, e.Entity, e.Unverified, e.Invalid = d.ID, value, d.Entity, unverified, ""
	if d.Entity {
		e.Hash = b.opt.Hasher.Entity(d.ID, value)
	}
	b.marks[at] = mark{b.slot, !own}
}

// alias notes beside a keyed hash the one that the key being retired would make of
// the same value, so that what is known under it stays linked.
func (b *builder) alias(d *element.Def, value, raw string) {
	former := b.opt.Hasher.Previous()
	if former == nil {
		return
	}
	opt := b.opt
	opt.Hasher = former
	r, err := element.Normalise(*d, raw, opt)
	if err != nil {
		return
	}
	for i := range b.out {
		if e := &b.out[i]; e.ID == d.ID && e.Value == value {
			if e.Former = r.Value; d.Entity {
				e.FormerHash = former.Entity(d.ID, r.Value)
			}
		}
	}
}

func (b *builder) invalid(id, why string) {
	for i := range b.out {
		if b.out[i].ID == id {
			return
		}
	}
	b.out, b.marks = append(b.out, journey.Element{ID: id, Invalid: why}), append(b.marks, mark{slot: b.slot})
}

func (b *builder) value(group, part string) string {
	for i := range b.out {
		if id, ok := strings.CutPrefix(b.out[i].ID, group); ok && id == part {
			return b.out[i].Value
		}
	}
	return ""
}

// compose makes the address entity of a group from its parts.
func (b *builder) compose(group string) {
	v := func(part string) string { return b.value(group, part) }
	street := v("_street")
	if street == "" {
		return
	}
	if s, ok := element.Compose(element.AddressParts{Street: street, Unit: v("_unit"), City: v("_city"), Region: v("_region"),
		PostalCode: v("_postal_code"), Country: v("_country"), Latitude: v("_latitude"), Longitude: v("_longitude")}); ok {
		if d, known := element.Lookup(group + "_address"); known {
			b.put(&d, s, true, false)
		}
	}
}

// inOrder brings what was collected to the order of the mappings, whenever it was read.
func (b *builder) inOrder() { sort.Stable((*bySlot)(b)) }

type bySlot builder

func (b *bySlot) Len() int           { return len(b.out) }
func (b *bySlot) Less(i, k int) bool { return b.marks[i].slot < b.marks[k].slot }
func (b *bySlot) Swap(i, k int) {
	b.out[i], b.out[k] = b.out[k], b.out[i]
	b.marks[i], b.marks[k] = b.marks[k], b.marks[i]
}

// elements returns what was collected, on its own memory: all values that were lent
// are copied together.
func (b *builder) elements() []journey.Element {
	if len(b.out) == 0 {
		return nil
	}
	out := append(make([]journey.Element, 0, len(b.out)), b.out...)
	size := 0
	for i := range b.marks {
		if b.marks[i].lent {
			size += len(out[i].Value)
		}
	}
	if size == 0 {
		return out
	}
	var text strings.Builder
	text.Grow(size)
	for i := range b.marks {
		if b.marks[i].lent {
			text.WriteString(out[i].Value)
		}
	}
	all := text.String()
	for i := range b.marks {
		if b.marks[i].lent {
			n := len(out[i].Value)
			out[i].Value, all = all[:n], all[n:]
		}
	}
	return out
}
