package window

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

var key = Key{1, 7}

func TestCountForgetsExactlyAtItsEdge(t *testing.T) {
	s, w := New(), Spec{Count, 10 * minute}
	for i := range int64(5) {
		s.Add(key, w, i*minute, 0)
	}
	for _, c := range []struct{ now, want int64 }{{4 * minute, 5}, {10*minute - 1, 5}, {10 * minute, 4}, {14 * minute, 0}} {
		if got := s.Get(key, w, c.now); got != c.want {
			t.Errorf("at %d: %d, want %d", c.now, got, c.want)
		}
	}
}

func TestWithIsAddThenGet(t *testing.T) {
	for _, w := range []Spec{{Count, 0}, {Count, minute}, {Distinct, 0}, {Distinct, minute}, {Sum, 0}, {Sum, minute}} {
		r := rand.New(rand.NewPCG(1, 2))
		s, now := New(), int64(0)
		for range 2000 {
			now += r.Int64N(5e6)
			v := r.Int64N(20)
			want := s.With(key, w, now, v)
			s.Add(key, w, now, v)
			if got := s.Get(key, w, now); got != want {
				t.Fatalf("%+v: With said %d, Add made %d", w, want, got)
			}
		}
	}
}

// TestAgainstTheObvious compares with a recount of everything ever added, late
// entries included.
func TestAgainstTheObvious(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := Spec{Distinct, 10 * minute}
	s := New()
	var all []entry
	now := int64(0)
	for range 3000 {
		now += r.Int64N(minute / 4)
		at := now - r.Int64N(2*minute)
		v := r.Int64N(50)
		s.Add(key, w, at, v)
		all = append(all, entry{at, v})
		seen := map[int64]bool{}
		for _, e := range all {
			if e.T > now-w.Within {
				seen[e.V] = true
			}
		}
		if got := s.Get(key, w, now); got != int64(len(seen)) {
			t.Fatalf("at %d: %d, want %d", now, got, len(seen))
		}
	}
}

func TestFirstAndLast(t *testing.T) {
	s := New()
	f, l := Spec{Op: First}, Spec{Op: Last}
	if s.Get(key, f, 5) != 0 || s.With(key, l, 5, 0) != 0 {
		t.Fatal("never is not 0")
	}
	other := Key{2, 7}
	for _, at := range []int64{30, 10, 20} {
		s.Add(key, f, at, 0)
		s.Add(other, l, at, 0)
	}
	if s.Get(key, f, 99) != 10 || s.Get(other, l, 99) != 30 {
		t.Fatalf("first %d last %d", s.Get(key, f, 99), s.Get(other, l, 99))
	}
}

func TestBounded(t *testing.T) {
	s, w := New(), Spec{Count, minute}
	for range maxEntries + 10 {
		s.Add(key, w, 5, 0)
	}
	if got := s.Get(key, w, 5); got != maxEntries || s.Stats().Saturated != 10 {
		t.Fatalf("%d entries, %+v", got, s.Stats())
	}
}

func TestASumDoesNotWrapRound(t *testing.T) {
	for _, w := range []Spec{{Sum, 0}, {Sum, minute}} {
		s := New()
		for range 3 {
			s.Add(key, w, 5, math.MaxInt64/2)
		}
		if s.Get(key, w, 5) != math.MaxInt64 || s.With(key, w, 5, 9) != math.MaxInt64 {
			t.Fatalf("%+v: %d, with 9 more %d", w, s.Get(key, w, 5), s.With(key, w, 5, 9))
		}
	}
}

func TestALateEntrySeesNoLastMatchInItsFuture(t *testing.T) {
	s, w := New(), Spec{Op: Last}
	s.Add(key, w, 30, 0)
	if got := s.With(key, w, 25, 0); got != 25 {
		t.Fatalf("the last match before 25 is at %d", got)
	}
}

func TestPastTheBoundWithIsStillAddThenGet(t *testing.T) {
	s, w := New(), Spec{Count, minute}
	for range maxEntries {
		s.Add(key, w, 5, 0)
	}
	want := s.With(key, w, 6, 0)
	s.Add(key, w, 6, 0)
	if got := s.Get(key, w, 6); got != want {
		t.Fatalf("With said %d, Add made %d", want, got)
	}
}

func TestReadingChangesNothing(t *testing.T) {
	s, w := New(), Spec{Distinct, minute}
	s.Add(key, w, 10, 1)
	before := s.Dump()
	s.Get(key, w, 100*minute)
	s.With(key, w, 100*minute, 5)
	s.With(Key{9, 9}, w, 100*minute, 5)
	if after := s.Dump(); !bytes.Equal(after, before) {
		t.Fatalf("%x became %x", before, after)
	}
}

func TestSweepForgetsOnlyWhatCannotBeSeen(t *testing.T) {
	s := New()
	s.Add(Key{1, 1}, Spec{Count, minute}, 0, 0)
	s.Add(Key{2, 1}, Spec{Count, 0}, 0, 0)
	s.Add(Key{3, 1}, Spec{Count, 0}, 0, 0)
	within := func(w int32) int64 { return map[int32]int64{1: minute, 2: 0, 3: -1}[w] }
	s.Retire()
	s.Sweep(minute-1, within)
	if n := s.Stats().Series; n != 2 {
		t.Fatalf("%d series", n)
	}
	s.Sweep(minute, within)
	if n := s.Stats().Series; n != 1 || s.Get(Key{2, 1}, Spec{Count, 0}, minute) != 1 {
		t.Fatalf("%d series", n)
	}
}

// TestSweepLooksOnlyAtWhatIsDue: the writer must not wait for a look at everything.
func TestSweepLooksOnlyAtWhatIsDue(t *testing.T) {
	s, w := New(), Spec{Count, 60 * minute}
	for i := range int64(6000) {
		s.Add(Key{1, i}, w, i*minute/100, 0) // over an hour
	}
	within := func(int32) int64 { return w.Within }
	s.Sweep(59*minute, within)
	if s.looked != 0 {
		t.Fatalf("%d were looked at before anything is due", s.looked)
	}
	s.Sweep(60*minute+minute/2, within)
	if n := s.Stats().Series; n != 6000-51 || s.looked > 100 {
		t.Fatalf("%d are left, %d were looked at", n, s.looked)
	}
}

// TestSweepingIsExact compares with a look at everything, over series that are
// added to, dropped and made again, and over loading.
func TestSweepingIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	s, last := New(), map[Key]int64{}
	specs := []Spec{{Count, minute}, {Distinct, 7 * minute}, {Count, 0}}
	within := func(w int32) int64 { return specs[w].Within }
	now := int64(0)
	for i := range 20000 {
		now += r.Int64N(minute / 20)
		k := Key{int32(r.IntN(3)), r.Int64N(300)}
		switch r.IntN(30) {
		case 0:
			s.Drop([]int32{k.Window}, k.Subject)
			delete(last, k)
		case 1, 2:
			s.Sweep(now, within)
			for k, at := range last {
				if w := within(k.Window); w > 0 && at <= now-w {
					delete(last, k)
				}
			}
			if n := int(s.Stats().Series); n != len(last) {
				t.Fatalf("step %d: %d series, want %d", i, n, len(last))
			}
		case 3:
			if r.IntN(20) == 0 {
				s = reloaded(t, s, func(w int32) (Spec, bool) { return specs[w], true })
			}
		default:
			at := now - r.Int64N(minute)
			s.Add(k, specs[k.Window], at, 1)
			if old, ok := last[k]; !ok || at > old {
				last[k] = at
			}
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	s, w := New(), Spec{Count, 10 * minute}
	var now int64
	for b.Loop() {
		now += 1e5
		s.Add(key, w, now, 0)
	}
}
