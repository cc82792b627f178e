package session

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

const minute = int64(60e6)

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
