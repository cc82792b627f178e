package hub

import "github.com/throughline/throughline/internal/element"

// elements is the catalogue, with the policy's own elements, as the Hub shows it.
type elements struct {
	set  *element.Set
	list []ElementDef
}

// catalogue is that of the policy in force, made anew when another one is.
func (h *Hub) catalogue() *elements {
	var set *element.Set
	if h.Elements != nil {
		set = h.Elements()
	}
	if c := h.elements.Load(); c != nil && c.set == set {
		return c
	}
	defs := set.All()
	c := &elements{set: set, list: make([]ElementDef, len(defs))}
	for i, d := range defs {
		c.list[i] = ElementDef{ID: d.ID, Name: d.Name, Group: d.Group, Entity: d.Entity, Kind: string(d.Kind), Primary: d.Primary,
			Computed: d.Computed, Custom: d.Custom, Stored: string(d.Storage()), Example: d.Example, About: d.About}
	}
	h.elements.Store(c)
	return c
}

// of answers an element; one that another policy knew goes by its ID.
func (c *elements) of(id string) element.Def {
	if d, ok := c.set.Lookup(id); ok {
		return d
	}
	return element.Def{ID: id, Name: id}
}
