package identity

import (
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

func TestAnEntityLinksEachPairOnce(t *testing.T) {
	x := New(DefaultRules())
	if l := x.Relate(20, "card_number", 5, 1, base); l != nil {
		t.Fatalf("%+v", l)
	}
	l := x.Relate(10, "card_number", 5, 2, base)
	if len(l) != 1 || l[0] != (journey.ActorLink{A: 10, B: 20, Element: "card_number", Hash: 5, EventID: 2, Time: base}) {
		t.Fatalf("%+v", l)
	}
	if l = x.Relate(10, "card_number", 5, 3, base); l != nil {
		t.Fatalf("again: %+v", l)
	}
	x.Relate(10, "card_number", 6, 4, base)
	if l = x.Relate(20, "card_number", 6, 5, base); l != nil {
		t.Fatalf("another card links a pair that cards link: %+v", l)
	}
	x.Relate(10, "phone", 5, 4, base)
	if l = x.Relate(20, "phone", 5, 5, base); len(l) != 1 {
		t.Fatalf("a phone: %+v", l)
	}
}

func TestACommonEntityLinksNobody(t *testing.T) {
	for element, most := range map[string]int{"phone": 8, "device_address": 3} {
		x := New(DefaultRules())
		links := 0
		for i := range journey.ID(30) {
			links += len(x.Relate(100+i, element, 5, i, base))
		}
		if links != most*(most-1)/2 {
			t.Fatalf("%d links by %s", links, element)
		}
	}
}

func TestMergedUsersCountAsOne(t *testing.T) {
	x := New(DefaultRules())
	for i := range uint64(6) { // six devices of one account
		v := Visitor{Session: journey.ID(10 + i), Time: base, Keys: devices(1 + i)}
		x.Start(v)
		x.Relate(v.Session, "card_number", 5, 1, base)
		x.Confirm(v.Session, v, 9)
	}
	n := 0
	for i := range journey.ID(7) {
		n += len(x.Relate(100+i, "card_number", 5, 1, base))
	}
	if n != 7*8/2 {
		t.Fatalf("%d links among 8 users", n)
	}
	if l := x.Relate(15, "card_number", 5, 1, base); l != nil {
		t.Fatalf("who is one of them already is linked anew: %+v", l)
	}
}

func TestRelatedIsBounded(t *testing.T) {
	x := New(DefaultRules())
	x.related.limit, x.linked.limit = 20, 20
	for i := range journey.ID(1000) {
		x.Relate(i, "card_number", int64(i/2), 1, base)
	}
	if len(x.related.young)+len(x.related.old)+len(x.linked.young)+len(x.linked.old) > 80 || x.Stats().Dropped == 0 {
		t.Fatalf("%d and %d, %+v", len(x.related.young), len(x.linked.young), x.Stats())
	}
}

// TestAnEntityThatIsSeenStaysKnown beyond the time that one that is not would be.
func TestAnEntityThatIsSeenStaysKnown(t *testing.T) {
	x := New(DefaultRules())
	x.Relate(1, "phone", 1, 1, base)
	x.Relate(1, "phone", 2, 1, base)
	for d := range int64(200) {
		x.Relate(1, "phone", 1, 1, base+d*micros)
		x.Sweep(base + d*micros)
	}
	if l := x.Relate(2, "phone", 1, 1, base+200*micros); len(l) != 1 {
		t.Fatalf("%+v", l)
	}
	if l := x.Relate(3, "phone", 2, 1, base+200*micros); len(l) != 0 {
		t.Fatalf("what was forgotten links: %+v", l)
	}
}
