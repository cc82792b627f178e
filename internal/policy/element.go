package policy

import (
	"strings"

	"github.com/throughline/throughline/internal/element"
)

// ownElements reads the documents of kind element, before all others, since Specs
// and rules of any file may use them.
func (c *compiler) ownElements(docs []mapping) {
	for i := range docs {
		m := &docs[i]
		if kind, ok := m.vals["kind"]; ok && kind.scalar() {
			if s, _ := kind.text(); s == "element" {
				c.element(m)
			}
		}
	}
	c.snap.Elements = element.NewSet(c.custom)
}

// element holds an own element to the rules of the catalogue.
func (c *compiler) element(m *mapping) {
	before := len(c.f.list)
	var d element.Def
	at := map[string]value{} // fields that could be read
	text := func(key, right string) string {
		v, ok := m.need(key, right)
		if !ok {
			return ""
		}
		s, ok := v.text()
		if ok {
			at[key] = v
		}
		return s
	}
	choice := func(key, right string, words ...string) string {
		v, ok := m.need(key, right)
		if !ok {
			return ""
		}
		s, ok := v.oneOf(words...)
		if ok {
			at[key] = v
		}
		return s
	}
	d.ID = text("id", "an ID that begins with "+element.CustomPrefix+", e.g. custom_gamer_tag")
	d.Name = text("name", "what people read, e.g. Gamer Tag")
	d.Entity = choice("is", "entity, which links sessions, or attribute, which describes", "entity", "attribute") == "entity"
	d.Kind = element.Kind(choice("value", "a value kind, e.g. identifier", valueKinds()...))
	d.Sensitivity = element.Sensitivity(choice("sensitivity", "public, personal, sensitive or secret", sensitivities()...))
	d.Example = text("example", "a made-up value as it could come")
	if v, ok := m.get("primary"); ok {
		d.Primary = v.boolean()
	}
	if v, ok := m.get("about"); ok {
		d.About, _ = v.text()
		if len(d.About) > 300 || strings.ContainsAny(d.About, "\r\n\t") {
			v.bad("is longer than 300 bytes or not one line", "one line that says what it is")
		}
	}
	if _, ok := at["id"]; !ok { // any ID may be meant
		c.names.nameless["element"] = true
		return
	}
	c.unique(at["id"], "element", d.ID)
	for _, p := range element.Check(d) {
		if v, ok := at[p.Field]; ok { // else it is a fault already
			v.bad(p.Wrong, p.Right)
		}
	}
	if len(c.f.list) == before {
		c.custom = append(c.custom, d)
	}
}

// valueKinds are those that an own element may have.
func valueKinds() []string {
	var out []string
	for _, k := range element.Kinds() {
		if k.Kind != element.Address {
			out = append(out, string(k.Kind))
		}
	}
	return out
}

func sensitivities() []string {
	return []string{string(element.Public), string(element.Personal), string(element.Sensitive), string(element.Credential)}
}

// lookup finds an element of the catalogue or of the policy. sure is false where
// one that can't be read may define it.
func (c *compiler) lookup(id string) (d element.Def, known, sure bool) {
	d, known = c.snap.Elements.Lookup(id)
	return d, known, known || !strings.HasPrefix(id, element.CustomPrefix) || !c.names.has("element", id)
}
