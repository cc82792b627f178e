package hub

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
	return &elements{byID: map[string]elementInfo{}, list: []ElementDef{}}
}
