package identity

import (
	"testing"

	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// TestOneSweepDoesBoundedWork lets many keys end at once: each Sweep forgets some.
func TestOneSweepDoesBoundedWork(t *testing.T) {
	x := New(DefaultRules())
	const n = 3 * sweepWork
	for i := range uint64(n) {
		x.Start(Visitor{Session: journey.ID(1 + i), Time: base, Keys: cookies(1 + i)})
	}
	for sweeps := int64(1); ; sweeps++ {
		x.Sweep(base + 200*micros)
		if gone := n - x.entries(); gone > sweeps*sweepWork {
			t.Fatalf("%d gone after %d sweeps", gone, sweeps)
		}
		if x.entries() == 0 {
			break
		}
		if sweeps > 5 {
			t.Fatalf("%d are left after %d sweeps", x.entries(), sweeps)
		}
	}
	if x.Stats().Dropped != 0 {
		t.Fatal("what ended by its age is counted as lost")
	}
	slots := x.nums[used]
	for i := range uint64(n) {
		x.Start(Visitor{Session: journey.ID(1 + i), Time: base + 200*micros, Keys: cookies(1 + i)})
	}
	if x.nums[used] != slots {
		t.Fatalf("%d slots were used, then %d", slots, x.nums[used])
	}
	sure(t, x)
}

// TestUsersOutliveTheirOldestEvidence forgets a user's keys one by one: the Spec ID
// stays, and so does who is one.
func TestUsersOutliveTheirOldestEvidence(t *testing.T) {
	x := New(DefaultRules())
	for i := range uint64(30) { // each Session brings the next key, every 20 days
		now := base + int64(i)*20*micros
		v := Visitor{Session: journey.ID(100 + i), Time: now, Keys: cookies(1 + i)}
		if a := x.Start(v); a.SpecID != 100 {
			t.Fatalf("session %d is of %v", i, a.SpecID)
		}
		x.Learn(100, v, journey.Key{Kind: journey.KeyCookie, Hash: 2 + i})
		for range 40 {
			x.Sweep(now)
		}
		held(t, x)
	}
	if x.Knows(1) || x.entries() > 8 {
		t.Fatalf("%d are left", x.entries())
	}
}

// TestAMergeIsFollowed as long as the evidence of the one that is gone lasts.
func TestAMergeIsFollowed(t *testing.T) {
	x := New(DefaultRules())
	a := Visitor{Session: 10, Time: base, Keys: devices(1)}
	b := Visitor{Session: 20, Time: base, Keys: devices(2)}
	x.Start(a)
	x.Start(b)
	for d := range int64(30) { // long enough that nobody need find them by Session
		for range hashtable.Segments / 8 {
			x.Sweep(base + d*micros)
		}
	}
	a.Time, b.Time = base+30*micros, base+30*micros
	a.Session, b.Session = 30, 40
	x.Confirm(x.Start(a).SpecID, a, 9)
	x.Confirm(x.Start(b).SpecID, b, 9)
	for d := range int64(60) {
		for range hashtable.Segments / 8 {
			x.Sweep(base + (30+d)*micros)
		}
	}
	if got := x.Current(20); got != 10 {
		t.Fatalf("20 is %v", got)
	}
	if x.leaves.Find(10) != 0 {
		t.Fatal("who is known as before is found by the Session long after")
	}
}
