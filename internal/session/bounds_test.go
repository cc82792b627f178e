package session

import (
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestThoseSeenLongestAgoMakeRoom: of more Sessions than fit the one not seen for
// longest ends, is told, and is counted; one seen again meanwhile stays.
func TestThoseSeenLongestAgoMakeRoom(t *testing.T) {
	v := &visitor{t: New()}
	v.t.liveBound = 10
	for i := range uint64(10) {
		v.at(int64(i), home, 100*i, cookie(i))
	}
	for i := uint64(0); i < 10; i += 2 {
		v.at(10, home, 100*i, cookie(i))
	}
	var ended []journey.ID
	for i := range uint64(6) {
		j := v.at(11, away, 100*i, cookie(50+i))
		if !j.New || len(j.Ended) != 1 || v.t.Len() != 10 {
			t.Fatalf("%+v with %d live", j, v.t.Len())
		}
		ended = append(ended, j.Ended...)
		sound(t, v.t)
	}
	if want := []journey.ID{2, 4, 6, 8, 10, 1}; !slices.Equal(ended, want) || v.t.Evicted() != 6 {
		t.Fatalf("ended %v, want %v; %d counted", ended, want, v.t.Evicted())
	}
}

// TestMakingRoomLooksAtFew: when all were seen again, only so many are looked at.
func TestMakingRoomLooksAtFew(t *testing.T) {
	v := &visitor{t: New()}
	const n = 4 * oldestLooks
	v.t.liveBound = n
	for i := range uint64(2 * n) {
		v.at(int64(i/n), home, 100*(i%n), cookie(i%n))
	}
	v.t.Begin()
	j := v.at(2, away, 1, cookie(2*n))
	if len(j.Ended) != 1 || v.t.Len() != n || v.t.Mark() > 20*oldestLooks {
		t.Fatalf("%d ended, %d live, %d changes", len(j.Ended), v.t.Len(), v.t.Mark())
	}
	v.t.Undo()
	if v.t.Evicted() != 0 {
		t.Fatalf("%d are counted though it was taken back", v.t.Evicted())
	}
	sound(t, v.t)
}

func TestASweepEndsSoManyAndTheNextGoesOn(t *testing.T) {
	v := &visitor{t: New()}
	const n = 2*sweepMost + 1000
	for i := range n {
		v.stitch(Request{Time: noon + int64(i)*second/50, IP: address(i), Agent: 1}, rules)
	}
	now, all := noon+3*60*minute, []journey.ID{}
	for round := range 3 {
		ended := v.t.Sweep(now, rules)
		if len(ended) == 0 || len(ended) > sweepMost+50 || v.t.looked > sweepMost+50 || !slices.IsSorted(ended) {
			t.Fatalf("round %d: %d ended, %d looked at", round, len(ended), v.t.looked)
		}
		all = append(all, ended...)
	}
	if len(all) != n || v.t.Len() != 0 {
		t.Fatalf("%d of %d ended", len(all), n)
	}
	if v.t.Sweep(now, rules) != nil {
		t.Fatal("more ended than there were")
	}
	sound(t, v.t)
}

// TestPlacesAreForgotten: clients are remembered for a day, and of so many places.
func TestPlacesAreForgotten(t *testing.T) {
	v := &visitor{t: New()}
	v.t.placeBound = 100
	for i := range 300 {
		v.stitch(Request{Time: noon, IP: address(i), Agent: 1}, rules)
	}
	if v.t.byPlace.Len() != 300 {
		t.Fatalf("%d places of 300 live sessions", v.t.byPlace.Len())
	}
	v.t.Sweep(noon+60*minute, rules)
	for i := range 300 {
		v.stitch(Request{Time: noon + 60*minute, IP: address(1000 + i), Agent: 1}, rules)
	}
	if v.t.byPlace.Len() != 300 {
		t.Fatalf("%d places, 300 of them left", v.t.byPlace.Len())
	}
	v.t.Sweep(noon+2*60*minute, rules)
	if v.t.Sweep(noon+24*60*minute, rules); v.t.byPlace.Len() != 300 {
		t.Fatalf("%d places are known after 23 hours", v.t.byPlace.Len())
	}
	if v.t.Sweep(noon+26*60*minute, rules); v.t.byPlace.Len() != 0 || v.t.idle != 0 {
		t.Fatalf("%d places are known after a day", v.t.byPlace.Len())
	}
	sound(t, v.t)
}

func TestSharedKeysAreForgottenInTheirOrder(t *testing.T) {
	v := &visitor{t: New()}
	a, b, c := v.at(0, "a", 1).Entry, v.at(0, "b", 1).Entry, v.at(0, "c", 1).Entry
	for i := range uint64(maxShared + 5) {
		for _, e := range []*Entry{a, b, c} {
			v.t.Learn(e, token(i), 1)
		}
	}
	if v.t.sharing != maxShared || v.t.byKey.Find(token(4).Hash) != 0 || v.t.byKey.Find(token(5).Hash) == 0 {
		t.Fatalf("%d are remembered", v.t.sharing)
	}
	sound(t, v.t)
}

// TestWhatWasTaughtOutlivesWhatWasMadeUp though it is used less.
func TestWhatWasTaughtOutlivesWhatWasMadeUp(t *testing.T) {
	v := &visitor{t: New()}
	v.t.Learn(v.at(0, home, 1, connection(1)).Entry, bearer(7), 0)
	for i := range int64(100) {
		v.at(i, home, 1, connection(1), cookie(uint64(100+i)))
	}
	if j := v.at(100, away, 2, bearer(7)); j.New || j.Reason != "bearer token" {
		t.Fatalf("%+v", j)
	}
}

func TestOfWhatWasTaughtTheLongestUnusedGoes(t *testing.T) {
	v := &visitor{t: New()}
	e := v.at(0, home, 1, cookie(0)).Entry
	for i := range uint64(maxKeys - 1) {
		v.t.Learn(e, cookie(i), 0)
	}
	for i := range uint64(maxKeys - 1) {
		if i != 6 {
			v.at(int64(i+1), home, 1, cookie(i))
		}
	}
	for i := range uint64(2) {
		v.t.Learn(e, cookie(100+i), 0)
	}
	if v.t.byKey.Find(6) != 0 || v.t.byKey.Find(0) == 0 {
		t.Fatalf("the keys are %v", v.t.Keys(e, nil))
	}
}

// TestTheSurestOfTooManyKeysAreKept: those that a request names first.
func TestTheSurestOfTooManyKeysAreKept(t *testing.T) {
	v := &visitor{t: New()}
	keys := carrying(connection(1), cookie(2))
	for i := range uint64(40) {
		keys = append(keys, ticket(i))
	}
	v.at(0, home, 1, keys...)
	for _, k := range keys[:maxKeys] {
		if j := v.at(0, away, 2, k); j.New {
			t.Fatalf("%+v is not known", k)
		}
	}
}

func TestALongTimeoutJoinsByKeysOnly(t *testing.T) {
	v, long := &visitor{t: New()}, Rules{Timeout: 120 * minute, MaxAge: 24 * 60 * minute}
	at := func(min int64, ip string, keys ...journey.Key) Join {
		return v.stitch(Request{Time: noon + min*minute, IP: ip, Agent: 1, Keys: keys}, long)
	}
	at(0, home, connection(1))
	if j := at(31, home); !j.New || j.Reason != "first request" {
		t.Fatalf("by address after 31 minutes: %+v", j)
	}
	if j := at(110, away, connection(1)); j.New {
		t.Fatalf("by key: %+v", j)
	}
}

// TestACrowdIsCountedAlikeUnderANewKey: a client that was known by a hash under the
// former key of hashes is the same one, whether its Session lived through it or not.
func TestACrowdIsCountedAlikeUnderANewKey(t *testing.T) {
	renewed := func(k journey.Key) journey.Key {
		k.Former, k.Hash = k.Hash, k.Hash+1_000_000
		return k
	}
	at := func(v *visitor, hours int64, keys ...journey.Key) Join {
		return v.stitch(Request{Time: noon + hours*60*minute, IP: home, Agent: 1, Keys: keys}, rules)
	}
	for name, change := range map[string]func(v *visitor){
		"while it lived":   func(v *visitor) { v.t.Rename(ticket(7).Hash, renewed(ticket(7)).Hash) },
		"after its end":    func(v *visitor) { v.t.Sweep(noon+60*minute, rules) },
		"in one of others": func(v *visitor) { at(v, 1, connection(5)); v.t.Sweep(noon+2*60*minute, rules) },
	} {
		v := &visitor{t: New()}
		at(v, 0, ticket(7))
		change(v)
		k := renewed(ticket(7))
		if name == "while it lived" { // and all had come back before it ended
			k.Former = 0
		}
		for h := int64(4); h < 20; h += 4 {
			at(v, h, k)
			k.Former = 0
		}
		slot := v.t.places.at(v.t.byPlace.Find(placeHash(home, 1)))
		if slot.crowded(noon + 20*60*minute) {
			t.Fatalf("%s: one or two clients are a crowd: %+v", name, slot)
		}
	}
}

// TestABusyAddressIsLookedAtBriefly: even without a crowd's clients being known, no
// more than so many Sessions at one address are looked at.
func TestABusyAddressIsLookedAtBriefly(t *testing.T) {
	for others, joins := range map[uint64]bool{weakLooks - 1: true, weakLooks: false} {
		v := &visitor{t: New()}
		at := func(agent uint64) Join {
			return v.stitch(Request{Time: noon, IP: home, Agent: agent, Device: 1}, rules)
		}
		first := at(1).Entry.ID
		for i := range others {
			at(2 + i)
		}
		v.t.places.at(v.t.byPlace.Find(placeHash(home, 1))).third = 0
		if j := at(1); joins != (j.Entry.ID == first) {
			t.Fatalf("behind %d others: %+v", others, j)
		}
	}
}
