package hub

import (
	"sync/atomic"
	"testing"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
)

// TestElementsAreThoseOfThePolicy holds that the Hub's names come from the table,
// and from the policy as soon as it is in force.
func TestElementsAreThoseOfThePolicy(t *testing.T) {
	var set atomic.Pointer[element.Set]
	s := newStand(t, func(c *Config) { c.Elements = set.Load })
	viewer := s.signIn("vic", control.Viewer)
	var list ElementList
	viewer.do("GET", "/api/v1/elements", nil, 200, &list)
	if len(list.Elements) != len(element.Catalogue()) {
		t.Fatalf("%d elements", len(list.Elements))
	}
	for i, d := range element.Catalogue() {
		if got := list.Elements[i]; got.ID != d.ID || got.Name != d.Name || got.Group != d.Group || got.Entity != d.Entity || got.Kind != string(d.Kind) || got.Stored != string(d.Storage()) || got.Computed != d.Computed {
			t.Errorf("%+v, want %+v", got, d)
		}
	}
	tag := journey.Element{ID: "custom_tag", Value: "ann", Entity: true, Hash: 7}
	if got := s.hub.elementOf(tag); got.Name != "custom_tag" {
		t.Errorf("an element that nobody knows goes by %q", got.Name)
	}
	set.Store(element.NewSet([]element.Def{{ID: "custom_tag", Name: "Gamer Tag", Entity: true, Kind: element.Identifier, Sensitivity: element.Sensitive, Primary: true, Example: "ann"}}))
	if got := s.hub.elementOf(tag); got.Name != "Gamer Tag" || !got.Primary || !got.Hashed || got.Group == "" {
		t.Errorf("%+v", got)
	}
	viewer.do("GET", "/api/v1/elements", nil, 200, &list)
	if own := list.Elements[len(list.Elements)-1]; own.ID != "custom_tag" || !own.Custom {
		t.Errorf("%+v", own)
	}
}
