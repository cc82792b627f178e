package identity

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// held checks that each component is what its evidence holds together, no more and
// no less, bears the ID of its oldest leaf and is within its caps.
func held(t *testing.T, x *Index) {
	t.Helper()
	sure(t, x)
	top := ref(x.nums[used])
	group := make([]ref, top+1)
	var find func(ref) ref
	find = func(r ref) ref {
		if group[r] != r {
			group[r] = find(group[r])
		}
		return group[r]
	}
	leaf := map[journey.ID]ref{}
	for r := range group {
		group[r] = ref(r)
	}
	each := func(do func(ref, *entry)) {
		for r := ref(1); r <= top; r++ {
			if e := x.at(r); e.kind() != nothing {
				do(r, e)
			}
		}
	}
	each(func(r ref, e *entry) {
		if e.shared() {
			return
		}
		if l, ok := leaf[e.leaf]; ok {
			group[find(r)] = find(l)
		}
		leaf[e.leaf] = r
		if p := e.parent.unpack(); p != 0 {
			group[find(r)] = find(p)
		}
		for _, o := range x.extra.of(r) {
			group[find(r)] = find(o)
		}
	})
	root, oldest := map[ref]ref{}, map[ref]journey.ID{}
	each(func(r ref, e *entry) {
		g := find(r)
		if o, ok := root[g]; ok && o != x.root(r) {
			t.Fatalf("entry %d is apart from what it is bound to", r)
		}
		root[g] = x.root(r)
		if o, ok := oldest[g]; !ok || e.leaf < o {
			oldest[g] = e.leaf
		}
	})
	roots := map[ref]ref{}
	for g, r := range root {
		if other, ok := roots[r]; ok && other != g {
			t.Fatalf("the component of entry %d is not held together", r)
		}
		if roots[r] = g; x.at(r).leaf != oldest[g] {
			t.Fatalf("a component is %v, its oldest %v", x.at(r).leaf, oldest[g])
		}
		if s := x.size(r); s.accounts > x.rules.AccountsPerKey || s.sessions > x.rules.SessionsPerID+1 {
			t.Fatalf("a component has %+v", s)
		}
	}
	each(func(r ref, e *entry) {
		if k := e.kind(); k < account && !e.shared() && e.count() > x.rules.AccountsPerKey || k == account && !e.shared() && e.count() > x.rules.DevicesPerAccount {
			t.Fatalf("entry %d joins past its cap", r)
		}
	})
}

func TestComponentsAreWhatTheirEvidenceHolds(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 4))
		x := New(small())
		for i := range journey.ID(1200) {
			act(x, r.Uint64(), 1000+i)
			if i%10 == 0 {
				held(t, x)
			}
			if i%30 == 0 {
				x.Sweep(base + int64(i)*micros/40)
				held(t, x)
			}
		}
	}
}

// model is the naive idea of it all: whatever was seen together, in one graph,
// searched anew for each question. Nodes are keys, accounts and Sessions.
type model struct{ edges map[uint64][]uint64 }

const (
	modelAccount = 1 << 40
	modelSession = 1 << 41
)

func (m *model) see(a, b uint64) {
	m.edges[a] = append(m.edges[a], b)
	m.edges[b] = append(m.edges[b], a)
}

// parts gives each node what it is connected to without what is shared, in order.
func (m *model) parts(shared func(uint64) bool) map[uint64][]uint64 {
	of := map[uint64][]uint64{}
	for from := range m.edges {
		if of[from] != nil || shared(from) {
			continue
		}
		seen := map[uint64]bool{from: true}
		part := []uint64{from}
		for i := 0; i < len(part); i++ {
			for _, o := range m.edges[part[i]] {
				if !seen[o] && !shared(o) {
					seen[o] = true
					part = append(part, o)
				}
			}
		}
		slices.Sort(part)
		for _, n := range part {
			of[n] = part
		}
	}
	return of
}

// run has an index and the model see the same random evidence.
func run(x *Index, m *model, r *rand.Rand, i journey.ID, kinds, accounts uint64) journey.ID {
	v := Visitor{Session: i, Time: base}
	session := modelSession + uint64(i)
	draw := func() journey.Key {
		h := 1 + r.Uint64N(kinds)
		return journey.Key{Kind: journey.KeyKinds()[1+h%5], Hash: h, Named: true}
	}
	for range r.IntN(3) {
		k := draw()
		v.Keys = append(v.Keys, k)
		m.see(session, k.Hash)
	}
	spec := x.Start(v).SpecID
	for range r.IntN(3) {
		k := draw()
		spec = x.Learn(spec, v, k)
		v.Keys = append(v.Keys, k)
		m.see(session, k.Hash)
	}
	if r.IntN(4) == 0 {
		a := 1 + r.Uint64N(accounts)
		x.Confirm(spec, v, a)
		m.see(session, modelAccount+a)
	}
	return i
}

// TestWithoutCapsItIsTheNaiveModel: users are the connected parts of all evidence,
// and each has the ID of its oldest Session.
func TestWithoutCapsItIsTheNaiveModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		rules := DefaultRules()
		rules.SessionsPerID = 1 << 20
		x, m := New(rules), &model{map[uint64][]uint64{}}
		x.rules.AccountsPerKey, x.rules.AccountsNamed, x.rules.DevicesPerAccount = 1<<20, 1<<20, 1<<20
		none := func(uint64) bool { return false }
		for i := range journey.ID(150) {
			if run(x, m, r, 1000+i, 250, 60); i%7 > 0 {
				continue
			}
			parts := m.parts(none)
			for h := range uint64(250) {
				r := x.keys.Find(h + 1)
				if (r != 0) != (m.edges[h+1] != nil) {
					t.Fatalf("key %d: known %v", h+1, r != 0)
				}
				if r == 0 {
					continue
				}
				oldest := journey.ID(1 << 50)
				for _, n := range parts[h+1] {
					if n > modelSession {
						oldest = min(oldest, journey.ID(n-modelSession))
					}
				}
				if got := x.Of(0, []uint64{h + 1}); got != oldest {
					t.Fatalf("seed %d, session %d: key %d is of %v, by the model %v", seed, i, h+1, got, oldest)
				}
				if got := x.Current(x.at(r).leaf); got != oldest {
					t.Fatalf("seed %d, session %d: the leaf of key %d is of %v, by the model %v", seed, i, h+1, got, oldest)
				}
			}
		}
		held(t, x)
	}
}

// TestSplitsJoinNothingNew: whatever turns out to be shared, two keys are of one
// user only if evidence that is not shared connects them.
func TestSplitsJoinNothingNew(t *testing.T) {
	splits := int64(0)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		rules := DefaultRules()
		rules.AccountsPerKey, rules.DevicesPerAccount, rules.SessionsPerID = 2, 3, 20
		x, m := New(rules), &model{map[uint64][]uint64{}}
		shared := func(n uint64) bool {
			switch {
			case n > modelSession:
				return false
			case n > modelAccount:
				n = accountHash(n - modelAccount)
			}
			e := x.keys.Find(n)
			return e != 0 && x.at(e).shared()
		}
		for i := range journey.ID(200) {
			if run(x, m, r, 1000+i, 150, 40); i%7 > 0 {
				continue
			}
			of, parts := map[journey.ID]uint64{}, m.parts(shared)
			for h := range uint64(150) {
				r := x.keys.Find(h + 1)
				if r == 0 || x.at(r).shared() {
					continue
				}
				id := x.idOf(r)
				if other, ok := of[id]; ok {
					if _, connected := slices.BinarySearch(parts[h+1], other); !connected {
						t.Fatalf("seed %d, session %d: keys %d and %d are both of %v", seed, i, h+1, other, id)
					}
				}
				of[id] = h + 1
			}
		}
		held(t, x)
		splits += x.nums[split]
	}
	if splits < 100 {
		t.Fatalf("only %d splits were tried", splits)
	}
}

// TestTheOrderOfKeysDoesNotMatter gives two indexes the same, in other orders.
func TestTheOrderOfKeysDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	a, b := New(small()), New(small())
	for i := range journey.ID(2000) {
		v := Visitor{Session: 1000 + i, Time: base + int64(i)*micros/40, Device: r.Uint64N(3)}
		for range r.IntN(6) {
			h := 1 + r.Uint64N(400)
			v.Keys = append(v.Keys, journey.Key{Kind: journey.KeyKinds()[h%6], Hash: h, Named: r.IntN(3) > 0})
		}
		w := v
		w.Keys = slices.Clone(v.Keys)
		r.Shuffle(len(w.Keys), func(i, j int) { w.Keys[i], w.Keys[j] = w.Keys[j], w.Keys[i] })
		p, q := a.Start(v).SpecID, b.Start(w).SpecID
		if r.IntN(3) == 0 {
			account := r.Uint64N(60)
			p, q = a.Confirm(p, v, account), b.Confirm(q, w, account)
		}
		if p != q {
			t.Fatalf("step %d: %v and %v", i, p, q)
		}
	}
	if !bytes.Equal(dumped(t, a), dumped(t, b)) {
		t.Fatal("the indexes differ")
	}
}
