package identity

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// act does something to an index, drawn from a seed: few keys and accounts, so that
// all caps are passed.
func act(x *Index, seed uint64, id journey.ID) (out []any) {
	r := rand.New(rand.NewPCG(seed, 9))
	kinds := journey.KeyKinds()
	draw := func(n uint64) journey.Key {
		return journey.Key{Kind: kinds[r.IntN(len(kinds))], Hash: 1 + r.Uint64N(n), Named: r.IntN(3) > 0}
	}
	v := Visitor{Session: id, Time: base + int64(id)*micros/40, IP: r.Uint64N(5), Network: r.Uint64N(3), Device: r.Uint64N(4), Agent: r.Uint64N(3)}
	for range r.IntN(4) {
		v.Keys = append(v.Keys, draw(300))
	}
	a := x.Start(v)
	out = append(out, a)
	spec := a.SpecID
	for range r.IntN(3) {
		k := draw(400)
		if r.IntN(2) == 0 {
			spec = x.Learn(spec, Visitor{Session: id, Time: v.Time}, k) // by the Session alone
		} else {
			spec = x.Learn(spec, v, k)
		}
		v.Keys = append(v.Keys, k)
	}
	if r.IntN(3) == 0 {
		spec = x.Confirm(spec, v, r.Uint64N(60))
	}
	if r.IntN(20) == 0 {
		x.Rename(1+r.Uint64N(300), 1+r.Uint64N(300))
	}
	out = append(out, spec, x.Relate(spec, "card_number", r.Int64N(40), id, v.Time))
	return out
}

func small() Rules {
	r := DefaultRules()
	r.SessionsPerID, r.MaxKeys, r.Remember = 40, 500, 20*micros
	return r
}

func dumped(t *testing.T, x *Index) []byte {
	t.Helper()
	text, err := json.Marshal(x.Dump())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestWhatIsUndoneWasNeverThere does and takes back at random, whole and in part,
// past the caps and the bounds too.
func TestWhatIsUndoneWasNeverThere(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	a, b := New(small()), New(small())
	for i := range journey.ID(3000) {
		seed := r.Uint64()
		a.Begin()
		if r.IntN(2) == 0 {
			b.Begin()
			act(a, seed, 1000+i)
			mark, told := a.Mark(), len(a.Changes())
			act(a, seed+1, 200_000+i)
			if a.UndoTo(mark); len(a.Changes()) != told {
				t.Fatalf("step %d: %d changes, not %d", i, len(a.Changes()), told)
			}
			a.End()
			act(b, seed, 1000+i)
			b.End()
		} else {
			for n := range journey.ID(r.IntN(5)) {
				act(a, r.Uint64(), 1000+i+n*10_000)
			}
			a.Undo()
		}
		if i%20 == 0 {
			a.Sweep(base + int64(i)*micros/40)
			b.Sweep(base + int64(i)*micros/40)
			sure(t, a)
			if !bytes.Equal(dumped(t, a), dumped(t, b)) {
				t.Fatalf("step %d: the indexes differ", i)
			}
		}
	}
	s := a.Stats()
	if s.Merged == 0 || s.Split == 0 || s.Dropped == 0 {
		t.Fatalf("not all was tried: %+v", s)
	}
}
