package identity

import (
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// base is a time at which days begin, well behind the first that an ID can have.
const base = (journey.Epoch*1000/micros + 2000) * micros

func key(kind string, hash uint64) journey.Key {
	return journey.Key{Kind: kind, Hash: hash, Named: true}
}

func cookies(hashes ...uint64) (out []journey.Key) {
	for _, h := range hashes {
		out = append(out, key(journey.KeyCookie, h))
	}
	return out
}

func devices(hashes ...uint64) (out []journey.Key) {
	for _, h := range hashes {
		out = append(out, key(journey.KeyDevice, h))
	}
	return out
}

// sure checks an index whose tests go on with it.
func sure(t *testing.T, x *Index) {
	t.Helper()
	if err := x.check(); err != nil {
		t.Fatal(err)
	}
}

func TestAReturningKeyKeepsItsSpecID(t *testing.T) {
	x := New(DefaultRules())
	if a := x.Start(Visitor{Session: 10, Time: base, Keys: cookies(1)}); a.SpecID != 10 || a.By != "" {
		t.Fatalf("first = %+v", a)
	}
	if a := x.Start(Visitor{Session: 20, Time: base, Keys: cookies(1)}); a.SpecID != 10 || a.By != journey.KeyCookie {
		t.Fatalf("returning = %+v", a)
	}
	if a := x.Start(Visitor{Session: 30, Time: base, Keys: cookies(2)}); a.SpecID != 30 {
		t.Fatalf("other key = %+v", a)
	}
	sure(t, x)
}

func TestATaughtKeyIsFoundAfterSixtyDays(t *testing.T) {
	x := New(DefaultRules())
	x.Start(Visitor{Session: 10, Time: base})
	x.Learn(10, Visitor{Session: 10, Time: base}, journey.Key{Kind: journey.KeyDevice, Hash: 7})
	for d := range int64(60) {
		x.Sweep(base + d*micros)
	}
	a := x.Start(Visitor{Session: 90, Time: base + 60*micros, Keys: []journey.Key{{Kind: journey.KeyDevice, Hash: 7}}})
	if a.SpecID != 10 || a.By != journey.KeyDevice {
		t.Fatalf("after 60 days %+v", a)
	}
	for d := range int64(95) {
		x.Sweep(base + (61+d)*micros)
	}
	if x.Knows(7) || x.entries() != 0 {
		t.Fatal("it is still known 90 days after its latest use")
	}
}

func TestAnAccountJoinsTwoDevicesAndTheOlderSurvives(t *testing.T) {
	x := New(DefaultRules())
	phone := Visitor{Session: 10, Time: base, Keys: devices(1)}
	laptop := Visitor{Session: 20, Time: base, Keys: devices(2)}
	x.Start(phone)
	x.Start(laptop)
	if got := x.Confirm(20, laptop, 99); got != 20 {
		t.Fatalf("laptop alone = %v", got)
	}
	x.Begin()
	if got := x.Confirm(10, phone, 99); got != 10 {
		t.Fatalf("merged = %v", got)
	}
	if c := x.Changes(); len(c) != 1 || c[0].Kind != journey.SpecMerged || c[0].From != 20 || c[0].Into != 10 || c[0].Reason == "" {
		t.Fatalf("%+v", c)
	}
	x.End()
	if got := x.Of(20, []uint64{2}); got != 10 {
		t.Fatalf("the laptop's live session is of %v", got)
	}
	laptop.Session = 30
	if a := x.Start(laptop); a.SpecID != 10 {
		t.Fatalf("laptop after the merge = %+v", a)
	}
	sure(t, x)
}

func TestAKioskIsTakenApart(t *testing.T) {
	x := New(DefaultRules())
	var specs []journey.ID
	for i := range uint64(5) {
		v := Visitor{Session: journey.ID(100 + i), Time: base, Keys: devices(7)}
		x.Begin()
		a := x.Start(v)
		x.Learn(a.SpecID, v, journey.Key{Kind: journey.KeyCookie, Hash: 500 + i})
		v.Keys = append(v.Keys, journey.Key{Kind: journey.KeyCookie, Hash: 500 + i})
		specs = append(specs, x.Confirm(a.SpecID, v, 1000+i))
		sure(t, x)
	}
	for i, want := range []journey.ID{100, 100, 100, 100, 104} {
		if specs[i] != want {
			t.Fatalf("person %d was %v: %v", i, specs[i], specs)
		}
	}
	if c := x.Changes(); len(c) != 4 || c[1] != (journey.SpecChange{Kind: journey.SpecSplit, From: 101, Into: 101, Time: base, Reason: c[1].Reason}) {
		t.Fatalf("%+v", c)
	}
	for i := range uint64(5) {
		id := journey.ID(100 + i)
		if got := x.Of(id, []uint64{7, 500 + i}); got != id {
			t.Fatalf("the session with cookie %d is of %v", i, got)
		}
		if a := x.Start(Visitor{Session: 300, Time: base, Keys: cookies(500 + i)}); a.SpecID != id {
			t.Fatalf("cookie %d is of %v", i, a.SpecID)
		}
	}
	if a := x.Start(Visitor{Session: 301, Time: base, Keys: devices(7)}); a.SpecID != 301 {
		t.Fatalf("the kiosk's next visitor is %v", a.SpecID)
	}
}

// TestAKiosksNextVisitorsAreTheirAccounts: once a client is known to be many
// people's, what is learned there names nobody, and an account still does.
func TestAKiosksNextVisitorsAreTheirAccounts(t *testing.T) {
	x := New(DefaultRules())
	visit := func(session journey.ID, account uint64, rotated uint64) journey.ID {
		v := Visitor{Session: session, Time: base, Keys: devices(7)}
		a := x.Start(v)
		spec := x.Learn(a.SpecID, v, journey.Key{Kind: journey.KeyCookie, Hash: rotated})
		v.Keys = append(v.Keys, journey.Key{Kind: journey.KeyCookie, Hash: rotated})
		return x.Confirm(spec, v, account)
	}
	for i := range uint64(50) {
		visit(journey.ID(100+i), 1000+i, 5000+i)
		sure(t, x)
	}
	for i := range uint64(50) {
		if got := visit(journey.ID(200+i), 1000+i, 6000+i); got != journey.ID(100+i) {
			t.Fatalf("person %d is %v", i, got)
		}
		if a := x.Start(Visitor{Session: 900, Time: base, Keys: cookies(6000 + i)}); a.SpecID != 900 {
			t.Fatalf("a cookie of the kiosk names %v", a.SpecID)
		}
	}
}

func TestATestAccountIsTakenApart(t *testing.T) {
	x := New(DefaultRules())
	for i := range uint64(40) {
		v := Visitor{Session: journey.ID(100 + i), Time: base, Keys: devices(500 + i)}
		x.Confirm(x.Start(v).SpecID, v, 9)
		sure(t, x)
	}
	for i := range uint64(40) {
		if a := x.Start(Visitor{Session: 999, Time: base, Keys: devices(500 + i)}); a.SpecID != journey.ID(100+i) {
			t.Fatalf("device %d is of %v", i, a.SpecID)
		}
	}
}

// TestTheDevicesOfAnAccountAreCapped: eight are one user's, a ninth makes it everybody's,
// whether devices are told by a key or by their class.
func TestTheDevicesOfAnAccountAreCapped(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		x := New(DefaultRules())
		for n := uint64(1); n <= 9; n++ {
			v := Visitor{Session: journey.ID(10 * n), Time: base, Device: n}
			if keyed {
				v.Device, v.Keys = 5, devices(n)
			}
			x.Start(v)
			x.Confirm(v.Session, v, 99)
			sure(t, x)
			if shared := x.at(x.keys.Find(accountHash(99))).shared(); shared != (n > 8) {
				t.Fatalf("keyed %v: on %d devices it is everybody's: %v", keyed, n, shared)
			}
		}
	}
}

func TestAFamilysDeviceStaysOne(t *testing.T) {
	x := New(DefaultRules())
	v := Visitor{Session: 1, Time: base, Keys: devices(7)}
	for round := range journey.ID(10) {
		for who := range uint64(4) {
			v.Session = 1 + round*4 + journey.ID(who)
			if got := x.Confirm(x.Start(v).SpecID, v, 50+who); got != 1 {
				t.Fatalf("session %d is of %v", v.Session, got)
			}
		}
	}
	sure(t, x)
}

func TestSessionsPerIDAreCapped(t *testing.T) {
	r := DefaultRules()
	x := New(r)
	for i := range r.SessionsPerID {
		if a := x.Start(Visitor{Session: journey.ID(1000 + i), Time: base, Keys: cookies(7)}); a.SpecID != 1000 {
			t.Fatalf("session %d is of %v", i, a.SpecID)
		}
	}
	for _, id := range []journey.ID{5000, 6000} {
		if a := x.Start(Visitor{Session: id, Time: base, Keys: cookies(7)}); a.SpecID != id {
			t.Fatalf("session %v past the cap = %v", id, a.SpecID)
		}
	}
	sure(t, x)
}

func TestSessionsWithoutEvidenceLeaveNothing(t *testing.T) {
	x := New(DefaultRules())
	for i := range 1000 {
		x.Start(Visitor{Session: journey.ID(1 + i), Time: base})
	}
	if x.entries() != 0 {
		t.Fatalf("%d are remembered", x.entries())
	}
}

// TestMemoryIsBoundedAndLosesTheOldest: what was used lately stays, and what has
// to go is counted.
func TestMemoryIsBoundedAndLosesTheOldest(t *testing.T) {
	r := DefaultRules()
	r.MaxKeys = 100
	x := New(r)
	for i := range uint64(1000) {
		now := base + int64(i)*micros/100
		x.Start(Visitor{Session: journey.ID(10 + i), Time: now, Keys: cookies(1000 + i)})
		x.Start(Visitor{Session: journey.ID(5000 + i), Time: now, Keys: cookies(1)})
		if n := x.entries(); n > 102 {
			t.Fatalf("%d are remembered", n)
		}
	}
	sure(t, x)
	if !x.Knows(1) || !x.Knows(1999) || !x.Knows(1950) || x.Knows(1000) || x.Stats().Dropped < 890 {
		t.Fatalf("%+v", x.Stats())
	}
}
