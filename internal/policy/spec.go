package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/element"
)

const (
	defaultMaxBody = 64 << 10
	maxMaxBody     = 1 << 20
	maxPath        = 2048
)

func (c *compiler) spec(m *mapping) {
	s := &Spec{MaxBody: defaultMaxBody, Pos: m.pos}
	nameAt, ok := m.need("name", "the event's name, e.g. Login through Form")
	if ok {
		s.Name, ok = nameAt.text()
		s.Name = strings.TrimSpace(s.Name)
		switch {
		case ok && (s.Name == "" || len(s.Name) > 120):
			nameAt.bad("is empty or longer than 120 bytes", "the event's name, e.g. Login through Form")
		case ok && m.vals["id"].node == nil: // its key is made of the name
			if s.Key = slug(s.Name); s.Key == "" {
				nameAt.bad(quote(s.Name)+" has no letter a-z to make an id of", "an id beside it, e.g. id: login_form")
			} else {
				c.unique(nameAt, "spec", s.Key)
			}
		}
	}
	if m.taken["id"] = true; m.vals["id"].node != nil {
		s.Key = c.identifier(m, "id", "spec")
	}
	if v, ok := m.need("type", "an event type, e.g. page_view"); ok {
		s.Type, _ = eventType(v)
	}
	pathKnown := false
	if v, ok := m.need("match", "at least method or path"); ok {
		pathKnown = c.match(v, &s.Match)
	}
	async := true
	if v, ok := m.get("processing"); ok {
		p, ok := v.oneOf("async", "sync")
		s.Sync, async = p == "sync", ok && p == "async"
	} else if v.node != nil { // a fault already
		async = false
	}
	if v, ok := m.get("failure"); ok {
		if s.Failure, ok = v.oneOf("open", "closed"); ok && async {
			onlySync(m, v)
		}
	}
	if v, ok := m.get("oversize"); ok {
		if s.Oversize, ok = v.oneOf("stream", "refuse"); ok && async {
			onlySync(m, v)
		}
	}
	if v, ok := m.get("mode"); ok {
		var mode string
		if mode, ok = v.oneOf("active", "pass-through"); ok && async {
			onlySync(m, v)
		}
		s.PassThrough = mode == "pass-through"
	}
	if v, ok := m.get("hold_response"); ok {
		if s.HoldResponse = v.boolean(); s.HoldResponse && async {
			onlySync(m, v)
		}
	}
	if v, ok := m.get("max_body"); ok {
		s.MaxBody = size(v)
	}
	if v, ok := m.get("request"); ok {
		s.Request = c.mappings(v, s.Match.Path, pathKnown, false)
	}
	if v, ok := m.get("response"); ok {
		s.Response = c.mappings(v, s.Match.Path, pathKnown, true)
	}
	if v, ok := m.get("outcome"); ok {
		items := v.items("rules such as {is: success, status: 200}")
		for i, item := range items {
			if r, ok := c.outcome(item, i == len(items)-1); ok {
				s.Outcome = append(s.Outcome, r)
			}
		}
	}
	c.snap.Specs = append(c.snap.Specs, s)
}

// onlySync refuses protection that an async route would not give.
func onlySync(m *mapping, v value) {
	m.lack(v, "does nothing on an async spec", "processing: sync beside it, or leave it out", "processing")
}

func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimSuffix(b.String()[:min(b.Len(), 64)], "_")
}

func size(v value) int {
	s, ok := v.text()
	if !ok {
		return defaultMaxBody
	}
	digits, unit := s, 1
	if rest, ok := strings.CutSuffix(s, "KiB"); ok {
		digits, unit = rest, 1<<10
	} else if rest, ok := strings.CutSuffix(s, "MiB"); ok {
		digits, unit = rest, 1<<20
	}
	n, ok := number(strings.TrimSpace(digits))
	if !ok || n < 1 || n > maxMaxBody/unit {
		v.bad(quote(s)+" is no size from 1 to 1MiB", "bytes, KiB or MiB, e.g. 64KiB")
		return defaultMaxBody
	}
	return n * unit
}

func (c *compiler) mappings(v value, path []Segment, pathKnown, response bool) []Mapping {
	m, ok := v.mapping("sources with their elements, e.g. {form.email: email}")
	if !ok {
		return nil
	}
	var out []Mapping
	for _, key := range m.keys {
		at, ok := m.get(key)
		if !ok {
			continue
		}
		src, ok := source(at, key, response)
		if ok && src.Source == SourcePath && key != "path" && pathKnown && !slices.ContainsFunc(path, func(p Segment) bool { return p.Name == src.Name }) {
			at.bad("match.path names no segment "+quote(src.Name), "a {name} of match.path, or path for all of it")
			continue
		}
		if !ok {
			continue
		}
		for _, item := range at.items("an element ID, or several") {
			one := src
			one.Pos = item.pos
			target := item
			var ofAmount []value
			if isMapping(item) {
				sub, _ := item.mapping("")
				if t, ok := sub.get("transform"); ok {
					one.Transform, _ = t.oneOf("trim", "lower", "upper", "digits")
				}
				if response {
					one.Statuses = statusList(&sub)
				}
				ofAmount = amountFields(&sub, &one)
				t, ok := sub.need("element", "an element ID")
				sub.done()
				if !ok {
					continue
				}
				target = t
			}
			id, ok := target.text()
			if !ok {
				continue
			}
			def, known, sure := c.lookup(id)
			if !known && !sure {
				continue
			}
			if !known {
				right := "an element of the catalogue, e.g. email, username or url_path"
				if strings.HasPrefix(id, element.CustomPrefix) {
					right = "a document of kind element that defines it"
				}
				if n, ok := near(id, elementIDs(c.snap.Elements)); ok && strings.HasPrefix(id, element.CustomPrefix) == strings.HasPrefix(n, element.CustomPrefix) {
					right = "did you mean " + n + "? or " + right
				}
				target.bad(quote(id)+" is no element", right)
				continue
			}
			if def.Computed {
				target.bad(quote(id)+" is filled by Throughline", "leave it out, or map the source to another element")
				continue
			}
			if def.Kind == element.Address {
				target.bad(quote(id)+" is made of its parts", "its parts, e.g. "+strings.TrimSuffix(id, "address")+"street")
				continue
			}
			if instead, whole := credentials(src, response); whole && (def.Kind != element.Secret || instead != "") {
				at.bad(quote(key)+" holds secrets as a whole", cmp.Or(instead, "leave it out, or an element kept only as a keyed hash, e.g. payment_from"))
				break
			}
			if len(ofAmount) > 0 && def.Kind != element.Money {
				for _, f := range ofAmount {
					f.bad(quote(id)+" is of kind "+string(def.Kind)+", not an amount", "an element of kind money, e.g. transaction_amount, or leave it out")
				}
				continue
			}
			one.Element = id
			out = append(out, one)
		}
	}
	return out
}

// amountFields says how an amount is read, where the value itself does not tell. It
// returns the fields that say so.
func amountFields(m *mapping, one *Mapping) (said []value) {
	if v, ok := m.get("minor_units"); ok {
		one.Minor, said = v.boolean(), append(said, v)
	}
	if v, ok := m.get("currency"); ok {
		said = append(said, v)
		s, ok := v.text()
		if !ok {
			return said
		}
		d, _ := element.Lookup("currency")
		r, err := element.Normalise(d, s, element.Options{})
		if err != nil || r.Value != s {
			v.bad(quote(s)+" is no currency", "three letters of ISO 4217, e.g. EUR")
			return said
		}
		one.Currency = s
	}
	return said
}

// elementIDs are the elements that a source may fill.
func elementIDs(set *element.Set) []string {
	var out []string
	for _, d := range set.All() {
		if d.Mapped() {
			out = append(out, d.ID)
		}
	}
	return out
}
