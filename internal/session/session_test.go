package session

import (
	"bytes"
	"cmp"
	"math/rand/v2"
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
	return v.stitch(Request{Time: min * minute, IP: ip, Agent: agent, Keys: keys}, rules)
}

func (v *visitor) stitch(r Request, use Rules) Join {
	return v.t.Stitch(r, use, func() journey.ID { v.next++; return v.next })
}

// list returns the live Sessions in the order of their IDs.
func list(t *Table) []*Entry {
	var out []*Entry
	for _, at := range all(&t.byID) {
		out = append(out, t.entries.at(at))
	}
	slices.SortFunc(out, func(a, b *Entry) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func reload(t *testing.T, from *Table) *Table {
	t.Helper()
	d := from.Dump()
	loaded, err := Load(d)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d, loaded.Dump()) {
		t.Fatal("a loaded table differs")
	}
	return loaded
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
	v.t.Learn(first.Entry, cookie(7), 55)
	if j := v.at(2, "other", 2, cookie(7)); j.New || j.Entry.ID != first.Entry.ID || j.Reason != "session cookie" || j.From != 55 {
		t.Fatalf("by key from another address: %+v", j)
	}
}

func TestAWeakJoinIsRefused(t *testing.T) {
	v := &visitor{t: New()}
	a := v.at(0, "nat", 1)
	v.t.Learn(a.Entry, cookie(7), 0)
	b := v.at(1, "nat", 1)
	if !b.New || !strings.Contains(b.Reason, "lacks") {
		t.Fatalf("a request without the key joined: %+v", b)
	}
	v2 := &visitor{t: New()}
	v2.at(0, "x", 1)
	two := v2.at(0, "x", 2)
	if two.Entry.ID == 1 {
		t.Fatal("another browser joined")
	}
}

func TestTimeoutAndMaximumAge(t *testing.T) {
	v := &visitor{t: New()}
	a := v.at(0, "a", 1, cookie(1)).Entry.ID
	if j := v.at(30, "a", 1, cookie(1)); j.New {
		t.Fatalf("at the timeout: %+v", j)
	}
	b := v.at(61, "a", 1, cookie(1))
	if !b.New || b.Entry.ID == a || !strings.Contains(b.Reason, "31m") {
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
		v.stitch(Request{Time: now - r.Int64N(minute), IP: string(rune('a' + r.IntN(20))), Agent: r.Uint64N(9), Keys: []journey.Key{cookie(r.Uint64N(900))}}, use)
		switch r.IntN(200) {
		case 0:
			v.t = reload(t, v.t)
		case 1:
			use = Rules{Timeout: r.Int64N(60)*minute + 1, MaxAge: r.Int64N(600)*minute + 1}
		}
		if r.IntN(20) > 0 {
			continue
		}
		var want []journey.ID
		for _, e := range list(v.t) {
			if !alive(e, now, use) {
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
	if ended := v.t.Sweep(60*minute, rules); len(ended) != 5000 || v.t.Len() != 1 || v.t.byPlace.Len() != 2 || v.t.byKey.Len() != 0 {
		t.Fatalf("%d ended, %d are left, %d places, %d keys", len(ended), v.t.Len(), v.t.byPlace.Len(), v.t.byKey.Len())
	}
}

func TestASessionThatRanOutIsToldAsEnded(t *testing.T) {
	v := &visitor{t: New()}
	a := v.at(0, "a", 1, cookie(1)).Entry.ID
	if j := v.at(40, "a", 1, cookie(1)); !j.New || len(j.Ended) != 1 || j.Ended[0] != a {
		t.Fatalf("%+v", j)
	}
}

func TestAKeyThatIsTaughtAgainMoves(t *testing.T) {
	v := &visitor{t: New()}
	a, b := v.at(0, "a", 1, cookie(1)), v.at(0, "b", 2, cookie(2))
	v.t.Learn(b.Entry, cookie(1), 0)
	if j := v.at(1, "a", 1, cookie(1)); j.Entry.ID != b.Entry.ID || len(v.t.Keys(a.Entry, nil)) != 0 {
		t.Fatalf("%+v, and the first still has %d keys", j, len(v.t.Keys(a.Entry, nil)))
	}
}
