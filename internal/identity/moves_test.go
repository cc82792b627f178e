package identity

import (
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// lives are Sessions that live, with whose they are known as and their keys.
type lives map[journey.ID]struct {
	spec journey.ID
	keys []journey.Key
}

func (l lives) SpecOf(id journey.ID) journey.ID { return l[id].spec }

func (l lives) Holder(key uint64) (journey.ID, []journey.Key) {
	for id, s := range l {
		if slices.ContainsFunc(s.keys, func(k journey.Key) bool { return k.Hash == key }) {
			return id, s.keys
		}
	}
	return 0, nil
}

// TestASplitMovesWhatBelongsToOnePart and leaves alone what belongs to several, to
// nobody, or to who was never one of them.
func TestASplitMovesWhatBelongsToOnePart(t *testing.T) {
	x := New(DefaultRules())
	confirm := func(id journey.ID, device uint64) {
		v := Visitor{Session: id, Time: base, Keys: devices(device)}
		x.Confirm(x.Start(v).SpecID, v, 9)
	}
	for n := range journey.ID(8) {
		confirm(10+n, 100+uint64(n))
	}
	apart := Visitor{Session: 90, Time: base, Keys: devices(190)}
	x.Start(apart)
	live := lives{
		10: {10, devices(100)},      // the oldest stays
		11: {10, devices(101)},      // brought its own
		50: {10, devices(102)},      // carries what 12 brought
		51: {10, devices(103, 104)}, // carries what two brought
		52: {10, cookies(777)},      // carries what nobody knows
		53: {90, devices(105)},      // is known as somebody else
		54: {10, devices(106, 777)}, // what nobody knows says nothing against it
		90: {90, devices(190)},      // was never one of them
	}
	x.Begin()
	if got := x.Moves(live); got != nil {
		t.Fatalf("nobody was told apart: %v", got)
	}
	confirm(19, 109)
	want := []Move{{11, 11}, {50, 12}, {54, 16}}
	if got := x.Moves(live); !slices.Equal(got, want) {
		t.Fatalf("%v, not %v", got, want)
	}
}
