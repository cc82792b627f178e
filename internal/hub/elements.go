package hub

import "github.com/throughline/throughline/internal/element"

// elements is the catalogue as the Hub shows it.
type elements struct {
	byID map[string]elementInfo
	list []ElementDef
}

type elementInfo struct {
	ElementDef
	hashed, primary bool
}

// of answers an element; one that a newer policy knew goes by its ID.
func (c *elements) of(id string) elementInfo {
	if e, ok := c.byID[id]; ok {
		return e
	}
	return elementInfo{ElementDef: ElementDef{ID: id, Name: id}}
}

func catalogue() *elements {
	defs := element.Catalogue()
	c := &elements{byID: make(map[string]elementInfo, len(defs)), list: make([]ElementDef, 0, len(defs))}
	for _, d := range defs {
		def := ElementDef{ID: d.ID, Name: d.Name, Group: d.Group, Entity: d.Entity}
		c.list = append(c.list, def)
		c.byID[d.ID] = elementInfo{ElementDef: def, hashed: d.Hashed(), primary: d.Primary}
	}
	return c
}
