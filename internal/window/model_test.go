package window

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
)

// specs are windows of every shape, by number.
var specs = []Spec{{Count, 5 * minute}, {Distinct, 5 * minute}, {Sum, 5 * minute}, {Op: First}, {Op: Last},
	{Count, 0}, {Sum, 0}, {Distinct, 0}, {Count, 600 * minute}}

func specOf(w int32) (Spec, bool) {
	if w < 0 || int(w) >= len(specs) {
		return Spec{}, false
	}
	return specs[w], true
}

func within(w int32) int64 { return specs[w].Within }

// model keeps the same in the plainest way: one slice per series.
type model map[Key]*modelSeries

type modelSeries struct {
	entries     []entry
	total, last int64
}

func (m model) add(k Key, t, v int64) {
	w, x := specs[k.Window], m[k]
	if x == nil {
		x = &modelSeries{last: t}
		m[k] = x
	}
	x.last = max(x.last, t)
	insert := func(e entry) {
		x.entries = append(x.entries, e)
		slices.SortStableFunc(x.entries, func(a, b entry) int { return cmp.Compare(a.T, b.T) })
	}
	switch {
	case w.Op == First && len(x.entries) > 0:
		x.entries[0].T = min(x.entries[0].T, t)
	case w.Op == Last && len(x.entries) > 0:
		x.entries[0].T = max(x.entries[0].T, t)
	case w.Op == First || w.Op == Last:
		insert(entry{t, 0})
	case w.Within == 0 && w.Op == Count:
		x.total++
	case w.Within == 0 && w.Op == Sum:
		x.total += v
	case w.Op == Distinct:
		i := slices.IndexFunc(x.entries, func(e entry) bool { return e.V == v })
		if i >= 0 && x.entries[i].T >= t {
			break
		}
		if i >= 0 {
			x.entries = slices.Delete(x.entries, i, i+1)
		}
		insert(entry{t, v})
	case w.Op == Sum:
		insert(entry{t, v})
	default:
		insert(entry{t, 0})
	}
	if w.Within > 0 {
		x.entries = slices.DeleteFunc(x.entries, func(e entry) bool { return e.T <= x.last-w.Within })
	}
	if over := len(x.entries) - maxEntries; over > 0 {
		x.entries = x.entries[over:]
	}
}

func (m model) rename(from, to Key) {
	if m[from] != nil && m[to] == nil {
		m[to] = m[from]
		delete(m, from)
	}
}

func (m model) join(from, to Key) {
	x := m[from]
	switch {
	case x == nil || from == to:
		return
	case m[to] == nil:
		m.rename(from, to)
		return
	case specs[from.Window].shape() == total:
		m[to].total += x.total
		m[to].last = max(m[to].last, x.last)
	default:
		for _, e := range x.entries {
			m.add(to, e.T, e.V)
		}
	}
	delete(m, from)
}

func (m model) revalue(k Key, from, to int64) {
	x := m[k]
	if x == nil || from == to {
		return
	}
	at := func(v int64) int { return slices.IndexFunc(x.entries, func(e entry) bool { return e.V == v }) }
	i, j := at(from), at(to)
	switch {
	case i < 0:
		return
	case j < 0:
	case x.entries[j].T >= x.entries[i].T:
		x.entries = slices.Delete(x.entries, i, i+1)
		return
	default:
		x.entries = slices.Delete(x.entries, j, j+1)
		i = at(from)
	}
	e := x.entries[i]
	x.entries = append(slices.Delete(x.entries, i, i+1), entry{e.T, to})
	slices.SortStableFunc(x.entries, func(a, b entry) int { return cmp.Compare(a.T, b.T) })
}

// old is the model as snapshots held it before version 3.
func (m model) old() []Old {
	var out []Old
	for k, x := range m {
		out = append(out, Old{k.Window, k.Subject, x.entries, x.total, x.last})
	}
	slices.SortFunc(out, func(a, b Old) int { return compareKeys(Key{a.Window, a.Subject}, Key{b.Window, b.Subject}) })
	return out
}

func reloaded(t testing.TB, s *Store, spec func(int32) (Spec, bool)) *Store {
	t.Helper()
	l, err := Load(s.Dump(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// same wants the store to hold exactly what the model does.
func same(t *testing.T, step int, s *Store, m model) {
	t.Helper()
	want, err := LoadOld(m.old(), specOf)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Dump(), want.Dump()) {
		t.Fatalf("step %d: the store holds other than the model", step)
	}
	if got, want := s.Stats(), want.Stats(); got.Entries != want.Entries || got.Series != want.Series {
		t.Fatalf("step %d: counted %+v, want %+v", step, got, want)
	}
}

// TestAgainstTheModel adds, drops, sweeps, takes back and reloads at random; few
// subjects, so that series grow, shrink and end, and late entries.
func TestAgainstTheModel(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 11))
		s, m := New(), model{}
		now := int64(0)
		random := func() (Key, int64, int64) {
			return Key{int32(r.IntN(len(specs))), r.Int64N(4)}, now - r.Int64N(2*minute)*r.Int64N(2), r.Int64N(30) - 5
		}
		for i := range 6000 {
			now += r.Int64N(minute / 30)
			if r.IntN(300) == 0 {
				now += 7 * minute
			}
			switch r.IntN(60) {
			case 0:
				k, _, _ := random()
				s.Drop([]int32{k.Window}, k.Subject)
				delete(m, k)
			case 1:
				s.Sweep(now, within)
				for k, x := range m {
					if w := within(k.Window); w > 0 && x.last <= now-w {
						delete(m, k)
					}
				}
			case 4:
				k, _, _ := random()
				to := Key{k.Window, r.Int64N(4)}
				s.Rename(k.Window, k.Subject, to.Subject)
				m.rename(k, to)
			case 6:
				k, _, _ := random()
				to := Key{k.Window, r.Int64N(4)}
				s.Join(k.Window, specs[k.Window], k.Subject, to.Subject)
				m.join(k, to)
			case 5:
				k, _, v := random()
				k.Window = []int32{1, 7}[r.IntN(2)] // Distinct
				to := r.Int64N(30) - 5
				s.Revalue(k, v, to)
				m.revalue(k, v, to)
			case 2:
				s = reloaded(t, s, specOf)
			case 3:
				before := s.Stats()
				s.Begin()
				for range r.IntN(40) {
					k, at, v := random()
					if r.IntN(8) == 0 {
						at += 10 * minute // makes everything run out
					}
					if r.IntN(6) == 0 {
						s.Drop([]int32{k.Window, 0, 1}, k.Subject)
					}
					s.Rename(k.Window, k.Subject, 4+r.Int64N(2))
					s.Join(k.Window, specs[k.Window], k.Subject, r.Int64N(6))
					s.Revalue(k, v, r.Int64N(30))
					s.Add(k, specs[k.Window], at, v)
				}
				s.Undo()
				same(t, i, s, m)
				if s.Stats() != before {
					t.Fatalf("step %d: %+v became %+v", i, before, s.Stats())
				}
			default:
				k, at, v := random()
				if s.undo.on = false; r.IntN(2) == 0 {
					s.Begin()
				}
				s.Add(k, specs[k.Window], at, v)
				s.End()
				m.add(k, at, v)
			}
		}
		same(t, 6000, s, m)
	}
}

// TestAFullSeriesAgainstTheModel passes the bound of a series, with late entries.
func TestAFullSeriesAgainstTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	s, m := New(), model{}
	for i := range int64(maxEntries + 600) {
		at := i*1000 - r.Int64N(3)*r.Int64N(9_000_000)
		for _, w := range []int32{7, 8} {
			k := Key{w, 1}
			if i%500 == 499 {
				s.Begin()
				s.Add(k, specs[w], at+1, i+7777)
				s.Undo()
			}
			s.Add(k, specs[w], at, i)
			m.add(k, at, i)
		}
	}
	same(t, 0, s, m)
	if s.Stats().Saturated < 1000 {
		t.Fatalf("%+v", s.Stats())
	}
}

// TestWhatIsForgottenIsTheOldest passes the bounds of the store.
func TestWhatIsForgottenIsTheOldest(t *testing.T) {
	for _, bound := range []struct{ series, held int }{{100, 1 << 30}, {1 << 30, 400}} {
		s := New()
		s.most.series, s.most.held = bound.series, bound.held
		for k := range int64(150) {
			for j := range int64(4) {
				s.Add(Key{8, k * 31 % 150}, specs[8], k*minute/7+j, 0)
			}
		}
		s.Sweep(30*minute, within)
		if st := s.Stats(); st.Series != 90 || st.Entries != 360 || st.Evicted != 60 {
			t.Fatalf("%+v", st)
		}
		for k := range int64(150) {
			if got := s.Get(Key{8, k * 31 % 150}, specs[8], 30*minute); (got > 0) != (k >= 60) {
				t.Fatalf("the series touched as number %d has %d", k, got)
			}
		}
	}
}

// TestMemoryIsUsedAgain: series that come and go don't add up.
func TestMemoryIsUsedAgain(t *testing.T) {
	s := New()
	for i := range int64(200) {
		for k := range int64(500) {
			for range 9 {
				s.Add(Key{1, i*500 + k}, specs[1], i*10*minute, i)
				s.Add(Key{0, i*500 + k}, specs[0], i*10*minute, 0)
			}
		}
		s.Sweep(i*10*minute+6*minute, within)
	}
	pages, idle := len(s.rings.pages), len(s.rings.idle)
	if len(s.slots) > 1 || pages > 6 || idle != pages || s.Stats().Series != 0 || s.Stats().Entries != 0 {
		t.Fatalf("%d pages of slots, %d of rings, %+v", len(s.slots), pages, s.Stats())
	}
}

func TestADumpThatCannotBeIsRefused(t *testing.T) {
	s := New()
	s.Add(Key{1, 5}, specs[1], minute, 3)
	whole := s.Dump()
	for n := 1; n < len(whole); n++ {
		if _, err := Load(whole[:n], specOf); err == nil {
			t.Fatalf("cut after %d of %d it loads", n, len(whole))
		}
	}
	for name, d := range map[string][]byte{
		"twice":         append(slices.Clone(whole), whole...),
		"undefined":     append([]byte{99}, whole[1:]...),
		"another shape": append([]byte{0}, whole[1:]...),
	} {
		if _, err := Load(d, specOf); err == nil {
			t.Errorf("%s: it loads", name)
		}
	}
	for _, o := range [][]Old{{{Window: 99}}, {{Window: 1}, {Window: 1}}, {{Window: 0, Entries: []entry{{T: 2}, {T: 1}}}},
		{{Window: 3, Entries: []entry{{T: 1}, {T: 2}}}}} {
		if _, err := LoadOld(o, specOf); err == nil {
			t.Errorf("%+v loads", o)
		}
	}
}

func FuzzLoad(f *testing.F) {
	s := New()
	for i := range int64(60) {
		s.Add(Key{int32(i % 9), i % 4}, specs[i%9], i*1e6, i%5)
	}
	f.Add(s.Dump())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Load(b, specOf)
		if err != nil {
			return
		}
		if again := reloaded(t, s, specOf).Dump(); !bytes.Equal(again, s.Dump()) {
			t.Fatal("it loads to something else the second time")
		}
		for w := range int32(9) {
			s.Add(Key{w, 1}, specs[w], minute, 5)
			s.Get(Key{w, 1}, specs[w], minute)
		}
		s.Sweep(minute, within)
	})
}

// TestOldSnapshotsReadAsTheyWere keeps the form that versions 1 and 2 wrote.
func TestOldSnapshotsReadAsTheyWere(t *testing.T) {
	var old []Old
	text := `[{"w":1,"s":7,"e":[{"t":60000000,"v":3},{"t":61000000}],"l":61000000},{"w":5,"s":7,"n":12,"l":5},{"w":3,"s":-7,"e":[{"t":9}],"l":9}]`
	if err := json.Unmarshal([]byte(text), &old); err != nil {
		t.Fatal(err)
	}
	s, err := LoadOld(old, specOf)
	if err != nil {
		t.Fatal(err)
	}
	if s.Get(Key{1, 7}, specs[1], 2*minute) != 2 || s.Get(Key{5, 7}, specs[5], 9) != 12 || s.Get(Key{3, -7}, specs[3], 99) != 9 {
		t.Fatalf("%+v", s.Stats())
	}
}

// TestASharedPageIsUsedAgain keeps one series of a page for ever while others come
// and go: neither their rings nor their places in the plan add up.
func TestASharedPageIsUsedAgain(t *testing.T) {
	s, w := New(), Spec{Count, 600 * minute}
	within := func(int32) int64 { return w.Within }
	for range 3 {
		s.Add(Key{0, -1}, w, 1, 0)
	}
	for range 5000 {
		for k := range int64(10) {
			for range 3 {
				s.Add(Key{0, k}, w, 1, 0)
			}
		}
		for k := range int64(10) {
			s.Drop([]int32{0}, k)
		}
	}
	if n := len(s.rings.pages); n > 3 {
		t.Fatalf("%d pages for 11 series", n)
	}
	count := func() (n int) {
		for _, list := range s.due {
			n += len(list)
		}
		return n
	}
	s.Sweep(2, within)
	if n := count(); n > slack+10 || n != s.planned {
		t.Fatalf("one series is left, %d are planned, %d counted", n, s.planned)
	}
	for i := range int64(100) {
		s.Add(Key{0, -1}, w, i*100*minute, 0)
		s.Sweep(i*100*minute, within)
	}
	if n := count(); n != 1 || s.planned != 1 {
		t.Fatalf("one series is planned %d times, %d counted", n, s.planned)
	}
	// A slot that was another's is not looked at when the other's time comes.
	s = New()
	s.Add(Key{0, 1}, w, 0, 0)
	s.Drop([]int32{0}, 1)
	s.Add(Key{0, 2}, w, 500*minute, 0)
	if s.Sweep(700*minute, within); s.looked != 0 || s.Stats().Series != 1 {
		t.Fatalf("%d looked at", s.looked)
	}
}
