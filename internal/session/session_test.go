package session

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

var rules = Rules{Timeout: 30 * minute, MaxAge: 24 * 60 * minute}

type visitor struct {
	t    *Table
	next journey.ID
}

func (v *visitor) at(min int64, ip string, agent uint64, keys ...journey.Key) Join {
	return v.t.Stitch(Request{min * minute, ip, agent, keys}, rules, func() journey.ID { v.next++; return v.next })
}

func cookie(h uint64) journey.Key { return journey.Key{Kind: "cookie", Hash: h, Named: true} }

func TestTheFirstRequestStartsASessionAndTheLearnedKeyTiesIt(t *testing.T) {
	v := &visitor{t: New()}
	first := v.at(0, "a", 1)
	if !first.New || first.Reason != "first request" {
		t.Fatalf("%+v", first)
	}
	if j := v.at(1, "a", 1); j.New || j.Entry.ID != first.Entry.ID {
		t.Fatalf("weak join: %+v", j)
	}
	v.t.Learn(first.Entry, 7)
	if j := v.at(2, "other", 2, cookie(7)); j.New || j.Entry.ID != first.Entry.ID || j.Reason != "session cookie" {
		t.Fatalf("by key from another address: %+v", j)
	}
}

func TestAWeakJoinIsRefused(t *testing.T) {
	v := &visitor{t: New()}
	a := v.at(0, "nat", 1)
	v.t.Learn(a.Entry, 7)
	b := v.at(1, "nat", 1)
	if !b.New || !strings.Contains(b.Reason, "lacks") {
		t.Fatalf("a request without the key joined: %+v", b)
	}
	v2 := &visitor{t: New()}
	v2.at(0, "x", 1)
	two := v2.at(0, "x", 2)
	v2.t.Stitch(Request{minute, "x", 1, []journey.Key{cookie(9)}}, rules, func() journey.ID { return 99 })
	if two.Entry.ID == 1 {
		t.Fatal("another browser joined")
	}
}

func TestTimeoutAndMaximumAge(t *testing.T) {
	v := &visitor{t: New()}
	a := v.at(0, "a", 1, cookie(1))
	if j := v.at(30, "a", 1, cookie(1)); j.New {
		t.Fatalf("at the timeout: %+v", j)
	}
	b := v.at(61, "a", 1, cookie(1))
	if !b.New || b.Entry.ID == a.Entry.ID || !strings.Contains(b.Reason, "31m") {
		t.Fatalf("after the timeout: %+v", b)
	}
	for m := int64(80); m < 61+24*60; m += 20 {
		v.at(m, "a", 1, cookie(1))
	}
	if j := v.at(62+24*60, "a", 1, cookie(1)); !j.New || !strings.Contains(j.Reason, "maximum age") {
		t.Fatalf("after a day: %+v", j)
	}
}

func TestSweepEndsAndForgets(t *testing.T) {
	v := &visitor{t: New()}
	v.at(0, "a", 1, cookie(1))
	v.at(20, "b", 1, cookie(2))
	if ended := v.t.Sweep(31*minute, rules); len(ended) != 1 || ended[0] != 1 || v.t.Len() != 1 {
		t.Fatalf("%v", ended)
	}
	if j := v.at(31, "a", 1, cookie(1)); !j.New {
		t.Fatalf("%+v", j)
	}
}

// TestSweepingIsExactAndLooksOnlyAtWhatIsDue compares with a look at everything,
// over rules that change and tables that are loaded.
func TestSweepingIsExactAndLooksOnlyAtWhatIsDue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v, use := &visitor{t: New()}, rules
	looked, ended := 0, 0
	for i := range int64(20000) {
		now := i * minute / 10
		v.t.Stitch(Request{now - r.Int64N(minute), string(rune('a' + r.IntN(20))), r.Uint64N(9), []journey.Key{cookie(r.Uint64N(900))}},
			use, func() journey.ID { v.next++; return v.next })
		switch r.IntN(200) {
		case 0:
			v.t = Load(v.t.Dump())
		case 1:
			use = Rules{Timeout: r.Int64N(60)*minute + 1, MaxAge: r.Int64N(600)*minute + 1}
		}
		if r.IntN(20) > 0 {
			continue
		}
		var want []journey.ID
		for _, e := range v.t.Dump() {
			if !alive(&e, now, use) {
				want = append(want, e.ID)
			}
		}
		got := v.t.Sweep(now, use)
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: ended %v, want %v", i, got, want)
		}
		looked, ended = looked+v.t.looked, ended+len(got)
	}
	if ended == 0 || looked > 8*ended {
		t.Fatalf("%d were looked at to end %d", looked, ended)
	}
}

// TestACrowdedAddress: a client without cookies, each of whose requests begins a
// Session behind one address, and all of which end.
func TestACrowdedAddress(t *testing.T) {
	v := &visitor{t: New()}
	for i := range uint64(5000) {
		if j := v.at(int64(i/1000), "one", 1, cookie(i)); !j.New {
			t.Fatalf("request %d joined: %+v", i, j)
		}
	}
	v.at(60, "two", 1)
	if ended := v.t.Sweep(60*minute, rules); len(ended) != 5000 || v.t.Len() != 1 || len(v.t.byWeak) != 1 || len(v.t.byKey) != 0 {
		t.Fatalf("%d ended, %d are left, %d addresses, %d keys", len(ended), v.t.Len(), len(v.t.byWeak), len(v.t.byKey))
	}
}

func TestASessionThatRanOutIsToldAsEnded(t *testing.T) {
	v := &visitor{t: New()}
	a := v.at(0, "a", 1, cookie(1))
	if j := v.at(40, "a", 1, cookie(1)); !j.New || len(j.Ended) != 1 || j.Ended[0] != a.Entry.ID {
		t.Fatalf("%+v", j)
	}
}

func TestAKeyThatIsTaughtAgainMoves(t *testing.T) {
	v := &visitor{t: New()}
	a, b := v.at(0, "a", 1, cookie(1)), v.at(0, "b", 2, cookie(2))
	v.t.Learn(b.Entry, 1)
	if j := v.at(1, "a", 1, cookie(1)); j.Entry.ID != b.Entry.ID || len(a.Entry.Keys) != 0 {
		t.Fatalf("%+v, and the first still has %d keys", j, len(a.Entry.Keys))
	}
}

func TestDumpLoads(t *testing.T) {
	v := &visitor{t: New()}
	for i := range int64(20) {
		v.at(i, string(rune('a'+i%5)), uint64(i%3), cookie(uint64(i%7)))
	}
	text, err := json.Marshal(v.t.Dump())
	if err != nil {
		t.Fatal(err)
	}
	var d []Entry
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if got := Load(d).Dump(); !reflect.DeepEqual(got, v.t.Dump()) {
		t.Fatal("a loaded table differs")
	}
}

// TestWhatIsUndoneWasNeverThere stitches, learns and takes back at random, whole
// and in part, and compares with a table to which it never happened.
func TestWhatIsUndoneWasNeverThere(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	a, b := &visitor{t: New()}, &visitor{t: New()}
	do := func(v *visitor, seed uint64, now int64) Join {
		r := rand.New(rand.NewPCG(seed, 9))
		j := v.t.Stitch(Request{now - r.Int64N(minute), string(rune('a' + r.IntN(6))), r.Uint64N(3), []journey.Key{cookie(r.Uint64N(60)), cookie(r.Uint64N(60))}},
			rules, func() journey.ID { v.next++; return v.next })
		for range r.IntN(4) {
			v.t.Learn(j.Entry, r.Uint64N(200))
		}
		return j
	}
	for i := range int64(8000) {
		now := i * minute / 3
		if r.IntN(400) == 0 {
			i += 120
		}
		next, seed := a.next, r.Uint64()
		a.t.Begin()
		if r.IntN(2) == 0 {
			do(a, seed, now)
			mark, kept := a.t.Mark(), a.next
			do(a, seed+1, now)
			a.t.UndoTo(mark)
			a.next = kept
			do(b, seed, now)
			a.t.End()
		} else {
			for range r.IntN(5) {
				do(a, r.Uint64(), now+r.Int64N(2)*40*minute)
			}
			a.t.Undo()
			a.next = next
		}
		if r.IntN(30) == 0 {
			if x, y := a.t.Sweep(now, rules), b.t.Sweep(now, rules); !slices.Equal(x, y) {
				t.Fatalf("step %d: ended %v and %v", i, x, y)
			}
		}
		if i%40 == 0 && (!reflect.DeepEqual(a.t.Dump(), b.t.Dump()) || !reflect.DeepEqual(a.t.byKey, b.t.byKey) || !reflect.DeepEqual(a.t.byWeak, b.t.byWeak)) {
			t.Fatalf("step %d: the tables differ", i)
		}
	}
	if len(a.t.due) != len(b.t.due) || a.next == 0 {
		t.Fatalf("%d minutes are planned, want %d", len(a.t.due), len(b.t.due))
	}
}
