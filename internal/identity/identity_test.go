package identity

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

func TestAReturningKeyKeepsItsSpecID(t *testing.T) {
	x := New()
	if got := x.Start(10, []uint64{1}, 1); got != 10 {
		t.Fatalf("first = %v", got)
	}
	if got := x.Start(20, []uint64{1}, 2); got != 10 {
		t.Fatalf("returning = %v", got)
	}
	if got := x.Start(30, []uint64{2}, 3); got != 30 {
		t.Fatalf("other key = %v", got)
	}
}

func TestAnAccountJoinsTwoDevicesAndTheOlderSurvives(t *testing.T) {
	x := New()
	phone := x.Start(10, []uint64{1}, 1)
	laptop := x.Start(20, []uint64{2}, 2)
	if got := x.Confirm(laptop, []uint64{2}, 99, 3); got != 20 {
		t.Fatalf("laptop alone = %v", got)
	}
	if got := x.Confirm(phone, []uint64{1}, 99, 4); got != 10 {
		t.Fatalf("merged = %v", got)
	}
	if got := x.Start(30, []uint64{2}, 5); got != 10 {
		t.Fatalf("laptop after the merge = %v", got)
	}
}

func TestAKiosksCookieJoinsNobody(t *testing.T) {
	x := New()
	for i := range uint64(accountsPerKey) {
		x.Confirm(x.Start(journey.ID(100+i), []uint64{7}, 1), []uint64{7}, 1000+i, 1)
	}
	fifth := x.Confirm(x.Start(200, []uint64{7}, 2), []uint64{7}, 2000, 2)
	if got := x.Start(300, []uint64{7}, 3); got != 300 {
		t.Fatalf("after the cap a new session got %v (fifth %v)", got, fifth)
	}
}

func TestSessionsPerIDAreCapped(t *testing.T) {
	x := New()
	last := journey.ID(0)
	for i := range sessionsPerID + 5 {
		last = x.Start(journey.ID(1000+i), []uint64{7}, int64(i))
	}
	if last == 1000 {
		t.Fatal("one Spec ID grew past its cap")
	}
}

func TestDumpLoads(t *testing.T) {
	x := New()
	x.Confirm(x.Start(10, []uint64{1, 2}, 1), []uint64{1}, 9, 1)
	x.Confirm(x.Start(20, []uint64{3}, 2), []uint64{3}, 9, 2)
	text, err := json.Marshal(x.Dump())
	if err != nil {
		t.Fatal(err)
	}
	var d Dump
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if got := Load(d).Dump(); !reflect.DeepEqual(got, x.Dump()) {
		t.Fatalf("%+v", got)
	}
}

func TestSessionsWithoutEvidenceLeaveNothing(t *testing.T) {
	x := New()
	for i := range 1000 {
		x.Start(journey.ID(1+i), nil, int64(i))
	}
	if n := len(x.sessions); n != 0 {
		t.Fatalf("%d are remembered", n)
	}
}

// TestMemoryIsBoundedAndLosesTheOldest sweeps an index with small bounds: what was
// used lately stays, and what nothing points to any more goes with its evidence.
func TestMemoryIsBoundedAndLosesTheOldest(t *testing.T) {
	x := New()
	x.limit = 100
	for i := range uint64(1000) {
		x.Start(journey.ID(1+2*i), []uint64{i}, int64(i))
		second := x.Start(journey.ID(2+2*i), []uint64{5000 + i}, int64(i))
		x.Confirm(journey.ID(1+2*i), []uint64{i}, 9000+i, int64(i))
		x.Confirm(second, []uint64{5000 + i}, 9000+i, int64(i))
		if i%10 == 0 {
			x.Sweep()
		}
	}
	x.Sweep()
	if len(x.keys) > 100 || len(x.accounts) > 100 || len(x.sessions) > 200 || len(x.parent) > 200 || x.Stats().Dropped == 0 {
		t.Fatalf("%d keys, %d accounts, %d people, %d merged", len(x.keys), len(x.accounts), len(x.sessions), len(x.parent))
	}
	if got := x.Start(9999, []uint64{5999}, 1000); got != 1999 {
		t.Fatalf("the newest key is of %v", got)
	}
	if x.Knows(1) {
		t.Fatal("the oldest key is still known")
	}
}

// TestAnAccountSoldToManyJoinsOnlyItsFirstDevices: past the cap it is shared.
func TestAnAccountSoldToManyJoinsOnlyItsFirstDevices(t *testing.T) {
	x := New()
	first := x.Confirm(x.Start(1, []uint64{1}, 1), []uint64{1}, 99, 1)
	for i := range uint64(keysPerAccount - 1) {
		k := []uint64{100 + i}
		if got := x.Confirm(x.Start(journey.ID(100+i), k, 2), k, 99, 2); got != first {
			t.Fatalf("device %d = %v", i+2, got)
		}
	}
	for i := range uint64(2) {
		k := []uint64{200 + i}
		if got := x.Confirm(x.Start(journey.ID(200+i), k, 3), k, 99, 3); got != journey.ID(200+i) {
			t.Fatalf("device past the cap = %v", got)
		}
	}
}

// TestAKeyPastItsSessionsStaysShared: once a key has named too many Sessions it
// names no more, not even after a merge.
func TestAKeyPastItsSessionsStaysShared(t *testing.T) {
	x := New()
	for i := range sessionsPerID {
		x.Start(journey.ID(1000+i), []uint64{7}, int64(i))
	}
	for _, id := range []journey.ID{5000, 6000} {
		if got := x.Start(id, []uint64{7}, 999); got != id {
			t.Fatalf("session %v = %v", id, got)
		}
	}
	if !x.keys[7].Shared {
		t.Fatal("the key is not marked shared")
	}
}

func TestADamagedDumpDoesNotLoop(t *testing.T) {
	x := Load(Dump{Parents: [][2]int64{{5, 6}, {6, 5}}})
	if got := x.Current(6); got != 5 {
		t.Fatalf("%v", got)
	}
}

// TestWhatIsUndoneWasNeverThere begins, learns, confirms and takes back at random,
// whole and in part, past the caps too.
func TestWhatIsUndoneWasNeverThere(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	a, b := New(), New()
	do := func(x *Index, seed uint64, id journey.ID) {
		r := rand.New(rand.NewPCG(seed, 9))
		keys := []uint64{r.Uint64N(8), r.Uint64N(40)}
		spec := x.Start(id, keys, int64(id))
		x.Learn(spec, r.Uint64N(60), int64(id), id)
		if r.IntN(3) > 0 {
			x.Confirm(spec, keys, r.Uint64N(30), int64(id))
		}
	}
	for i := range journey.ID(4000) {
		seed := r.Uint64()
		a.Begin()
		if r.IntN(2) == 0 {
			do(a, seed, i)
			mark := a.Mark()
			do(a, seed+1, i+100_000)
			a.UndoTo(mark)
			a.End()
			do(b, seed, i)
		} else {
			for n := range journey.ID(r.IntN(5)) {
				do(a, r.Uint64(), i+n*10_000)
			}
			a.Undo()
		}
		if i%40 == 0 && !reflect.DeepEqual(a.Dump(), b.Dump()) {
			t.Fatalf("step %d: the indexes differ", i)
		}
	}
	if !reflect.DeepEqual(a.Dump(), b.Dump()) || a.Stats().Merged == 0 {
		t.Fatalf("the indexes differ, or nothing was ever merged: %+v", a.Stats())
	}
}

func TestAKeyNamesTheFirstEventThatTaughtIt(t *testing.T) {
	x := New()
	x.Learn(10, 1, 1, 55)
	x.Learn(10, 1, 2, 66)
	x.Start(20, []uint64{2}, 3)
	x.Learn(20, 2, 4, 77)
	if a, b, c := x.LearnedFrom(1), x.LearnedFrom(2), x.LearnedFrom(3); a != 55 || b != 0 || c != 0 {
		t.Fatalf("%v %v %v", a, b, c)
	}
}
