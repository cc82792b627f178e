package hashtable

import (
	"math/rand/v2"
	"testing"
)

// TestAgainstAMap inserts, finds and removes at random, with numbers that fall into
// one part, next to each other and anywhere.
func TestAgainstAMap(t *testing.T) {
	for seed, numbers := range map[uint64]func(r *rand.Rand) uint64{
		1: func(r *rand.Rand) uint64 { return r.Uint64N(3000) },
		2: func(r *rand.Rand) uint64 { return r.Uint64() },
		3: func(r *rand.Rand) uint64 { return unmix(r.Uint64N(2000) << 20) }, // all of the first part
		4: func(r *rand.Rand) uint64 { return unmix(r.Uint64N(100)) },        // all at one home
	} {
		r := rand.New(rand.NewPCG(seed, 1))
		var slots []uint64
		table := New(func(at uint32) uint64 { return slots[at] })
		slots = append(slots, 0)
		want := map[uint64]uint32{}
		for range 20_000 {
			n := numbers(r)
			if got := table.Find(n); got != want[n] {
				t.Fatalf("seed %d: %d is at %d, want %d", seed, n, got, want[n])
			}
			switch at := want[n]; {
			case at == 0 && len(want) < 4000:
				slots = append(slots, n)
				want[n] = uint32(len(slots) - 1)
				table.Insert(want[n])
			case at != 0 && r.IntN(2) == 0:
				table.Remove(at)
				delete(want, n)
			}
		}
		seen := 0
		for i := range Segments {
			table.Segment(i, func(at uint32) bool {
				if want[slots[at]] != at {
					t.Fatalf("seed %d: slot %d is not to be there", seed, at)
				}
				seen++
				return true
			})
		}
		if seen != len(want) || table.Len() != len(want) || seen == 0 {
			t.Fatalf("seed %d: %d are there, counted %d, want %d", seed, seen, table.Len(), len(want))
		}
	}
}

// unmix finds what Mix makes a number of.
func unmix(v uint64) uint64 {
	v ^= v >> 33
	v *= 0x9cb4b2f8129337db
	v ^= v >> 33
	v *= 0x4f74430c22a54005
	return v ^ v>>33
}

func TestUnmix(t *testing.T) {
	for v := range uint64(1000) {
		if Mix(unmix(v<<20)) != v<<20 {
			t.Fatal("the test does not hit what it aims at")
		}
	}
}

func TestASegmentStopsWhenTold(t *testing.T) {
	slots := make([]uint64, 100)
	table := New(func(at uint32) uint64 { return slots[at] })
	for i := range uint64(99) {
		slots[i+1] = unmix(i)
		table.Insert(uint32(i + 1))
	}
	n := 0
	table.Segment(0, func(uint32) bool { n++; return n < 7 })
	if n != 7 {
		t.Fatalf("%d were told", n)
	}
}

func TestRemovingWhatIsNotThereIsAFault(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("it went unnoticed")
		}
	}()
	table := New(func(at uint32) uint64 { return uint64(at) })
	table.Insert(1)
	table.Insert(2)
	table.Remove(1)
	table.Remove(1)
}
