package identity

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// counter is a device with a cookie at which one after the other sits down. Each
// visit is a Session that gets a cookie of its own.
type counter struct {
	x    *Index
	next journey.ID
	keys []journey.Key
}

// sit has somebody come, who signs in to an account unless that is 0.
func (c *counter) sit(acct uint64) (first Answer, then journey.ID) {
	c.next++
	v := Visitor{Session: c.next, Time: base + int64(c.next)*micros/10, Keys: slices.Clone(c.keys)}
	first = c.x.Start(v)
	given := journey.Key{Kind: journey.KeyCookie, Hash: 5000 + uint64(c.next), Named: true}
	then = c.x.Learn(first.SpecID, v, given)
	v.Keys = append(v.Keys, given)
	for _, k := range v.Keys { // the next request
		then = c.x.Learn(then, v, k)
	}
	if then = c.x.Of(then, hashes(v.Keys)); acct != 0 {
		then = c.x.Confirm(then, v, acct)
	}
	c.keys = []journey.Key{given, c.keys[len(c.keys)-1]} // the browser has one session cookie
	return first, then
}

func hashes(keys []journey.Key) (out []uint64) {
	for _, k := range keys {
		out = append(out, k.Hash)
	}
	return out
}

func TestAKeyThatWasPassedOnNamesACandidate(t *testing.T) {
	c := &counter{x: New(DefaultRules()), next: 100, keys: devices(7)}
	c.sit(1)
	if a, then := c.sit(2); a.By == "" || then != 101 {
		t.Fatalf("the first who sat down after another can't be told from them: %+v, %v", a, then)
	}
	a, then := c.sit(0)
	if a.SpecID != 103 || a.By != "" || then != 103 {
		t.Fatalf("after two accounts whoever comes is %+v, then %v", a, then)
	}
	if len(a.Candidates) != 1 || a.Candidates[0].SpecID != 101 || a.Candidates[0].Confidence > 50 ||
		!slices.Equal(a.Candidates[0].Reasons, []string{"same session cookie", "2 accounts used one device cookie in turn"}) {
		t.Fatalf("%+v", a.Candidates)
	}
	// What the one before was given does not name who comes next.
	if a, _ := c.sit(0); a.SpecID != 104 || len(a.Candidates) != 2 || a.Candidates[0].SpecID != 103 || a.Candidates[1].SpecID != 101 {
		t.Fatalf("the next is %+v", a)
	}
	// An account says who it is, and the rest is joined as it always was.
	if a, then := c.sit(2); a.By != "" || then != 101 {
		t.Fatalf("who signed in again is %+v, then %v", a, then)
	}
	sure(t, c.x)
	held(t, c.x)
}

// TestTwoAccountsThatComeBackAreOnePersons: a private and a business account in one
// browser are recognised when each has come back after the other, and not before.
func TestTwoAccountsThatComeBackAreOnePersons(t *testing.T) {
	c := &counter{x: New(DefaultRules()), next: 100, keys: devices(7)}
	for i, visit := range []struct {
		account uint64
		known   bool
	}{{1, false}, {1, true}, {2, true}, {2, false}, {2, false}, {1, false}, {1, false}, {2, false}, {0, true}, {1, true}, {0, true}} {
		a, then := c.sit(visit.account)
		if known := a.By != ""; known != visit.known || known && a.SpecID != 101 || visit.account != 0 && then != 101 {
			t.Fatalf("visit %d, account %d: %+v, then %v", i, visit.account, a, then)
		}
		if i == 5 { // it survives being read from a snapshot
			c.x = again(t, c.x)
		}
	}
	c.sit(3) // somebody else
	if a, _ := c.sit(0); a.By != "" {
		t.Fatalf("with a third account it is %+v", a)
	}
	for range 5 { // three who come back are still three
		for acct := range uint64(3) {
			if a, then := c.sit(1 + acct); a.By != "" || then != 101 {
				t.Fatalf("account %d is %+v, then %v", 1+acct, a, then)
			}
		}
	}
	held(t, c.x)
}

// TestTakingTurnsIsTakenBack: what was noted between Begin and Undo is forgotten.
func TestTakingTurnsIsTakenBack(t *testing.T) {
	c := &counter{x: New(DefaultRules()), next: 100, keys: devices(7)}
	for _, acct := range []uint64{1, 2, 1} {
		c.sit(acct)
	}
	before, was := dumped(t, c.x), *c
	c.x.Begin()
	c.sit(2)
	if c.x.passed(c.x.keys.Find(7)) {
		t.Fatal("both came back, and it is still in doubt")
	}
	c.x.Undo()
	if *c = was; !c.x.passed(c.x.keys.Find(7)) || !bytes.Equal(before, dumped(t, c.x)) {
		t.Fatal("something of it is left")
	}
}

// TestADoubtLeavesOthersAlone: who signs in at a counter keeps being known by the
// devices of their own.
func TestADoubtLeavesOthersAlone(t *testing.T) {
	c := &counter{x: New(DefaultRules()), next: 100, keys: devices(7)}
	own := Visitor{Session: 1, Time: base, Keys: devices(8)}
	c.x.Confirm(c.x.Start(own).SpecID, own, 1)
	for _, acct := range []uint64{1, 2} {
		c.sit(acct)
	}
	own.Session = 50
	if a := c.x.Start(own); a.SpecID != 1 || a.By != journey.KeyDevice {
		t.Fatalf("%+v", a)
	}
}

// TestAnAccountCountsOnceWithAKey also when it turns out to be many people's.
func TestAnAccountCountsOnceWithAKey(t *testing.T) {
	x := New(DefaultRules())
	for i := range uint64(20) {
		v := Visitor{Session: journey.ID(100 + i), Time: base, Keys: devices(500 + i)}
		x.Confirm(x.Start(v).SpecID, v, 9)
	}
	for i := range uint64(20) {
		v := Visitor{Session: journey.ID(200 + i), Time: base, Keys: devices(500 + i)}
		x.Confirm(x.Start(v).SpecID, v, 9)
		if n := x.at(x.keys.Find(500 + i)).count(); n != 1 {
			t.Fatalf("device %d has %d accounts", i, n)
		}
	}
	sure(t, x)
}

func again(t *testing.T, x *Index) *Index {
	t.Helper()
	var d Dump
	if err := json.Unmarshal(dumped(t, x), &d); err != nil {
		t.Fatal(err)
	}
	x, err := Load(d, DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// An account that was counted for a key and is forgotten, since its user stayed signed
// in, is not another one when it is signed in to again.
func TestAnAccountIsNotASecondOneAfterLong(t *testing.T) {
	x := New(DefaultRules())
	device := journey.Key{Kind: journey.KeyDevice, Hash: 502, Named: true}
	at := base
	come := func(session journey.ID, days int, account uint64, keys ...journey.Key) Answer {
		at += int64(days) * micros
		x.Sweep(at)
		v := Visitor{Session: session, Time: at, Keys: keys}
		a := x.Start(v)
		spec := a.SpecID
		if a.By == "" && len(keys) > 1 { // the response gave the last
			spec = x.Learn(spec, v, keys[len(keys)-1])
		}
		if account != 0 {
			x.Confirm(spec, v, account)
		}
		return a
	}
	first := come(100, 1, 9, journey.Key{Kind: journey.KeyCookie, Hash: 501, Named: true}, device)
	for session := journey.ID(200); session < 225; session++ {
		if a := come(session, 4, 0, device); a.SpecID != first.SpecID || a.By == "" {
			t.Fatalf("day %d: %+v", 4*(session-199), a)
		}
	}
	for session := journey.ID(300); session < 304; session++ {
		if a := come(session, 1, 9, device); a.SpecID != first.SpecID || a.By == "" {
			t.Fatalf("signed in again, as before: %+v", a)
		}
	}
	if n := x.at(x.keys.Find(device.Hash)).count(); n != 1 {
		t.Errorf("%d accounts are counted", n)
	}
}

// Two accounts of one device lift its doubt also when one was away for so long that
// who came second is forgotten.
func TestDoubtIsLiftedAfterOneWasAway(t *testing.T) {
	c := &counter{x: New(DefaultRules()), next: 100, keys: devices(7)}
	c.sit(1)
	c.sit(2)
	for range 1000 { // 100 days
		c.next += 1
		if c.next%50 == 0 {
			c.sit(1)
		}
		c.x.Sweep(base + int64(c.next)*micros/10)
	}
	for range 2 {
		c.sit(2)
		c.sit(1)
	}
	if a, _ := c.sit(0); a.By == "" {
		t.Errorf("both came back after each other, twice: %+v", a)
	}
}
