package session

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// anything does one random thing that a judge may do.
func anything(v *visitor, seed uint64, now int64) (ended []journey.ID) {
	r := rand.New(rand.NewPCG(seed, 9))
	kinds := journey.KeyKinds()
	some := func(of uint64) journey.Key {
		return journey.Key{Kind: kinds[r.IntN(len(kinds))], Hash: r.Uint64N(of) + 1, Named: r.IntN(4) > 0}
	}
	q := Request{Time: now - r.Int64N(minute), IP: string(rune('a' + r.IntN(6))), Agent: r.Uint64N(3), Device: r.Uint64N(2)}
	for range r.IntN(5) {
		q.Keys = append(q.Keys, some(90))
	}
	j := v.stitch(q, rules)
	for range r.IntN(4) {
		v.t.Learn(j.Entry, some(200), journey.ID(r.Int64N(99)))
	}
	if r.IntN(3) == 0 {
		v.t.Account(j.Entry, r.Uint64N(12)+1)
	}
	if r.IntN(9) == 0 {
		v.t.Rename(r.Uint64N(200)+1, r.Uint64N(200)+1)
	}
	return j.Ended
}

// TestWhatIsUndoneWasNeverThere stitches, learns and takes back at random, whole
// and in part, and compares with a table to which it never happened and which now
// and then is loaded from its dump.
func TestWhatIsUndoneWasNeverThere(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	a, b := &visitor{t: New()}, &visitor{t: New()}
	for _, v := range []*visitor{a, b} {
		v.t.liveBound, v.t.placeBound = 40, 14
	}
	for i := range int64(8000) {
		now := i * minute / 3
		if r.IntN(400) == 0 {
			i += 120
		}
		next, seed := a.next, r.Uint64()
		a.t.Begin()
		if r.IntN(2) == 0 {
			anything(a, seed, now)
			mark, kept := a.t.Mark(), a.next
			anything(a, seed+1, now)
			a.t.UndoTo(mark)
			a.next = kept
			anything(b, seed, now)
			a.t.End()
		} else {
			for range r.IntN(5) {
				anything(a, r.Uint64(), now+r.Int64N(2)*40*minute)
			}
			a.t.Undo()
			a.next = next
		}
		if r.IntN(30) == 0 {
			if x, y := a.t.Sweep(now, rules), b.t.Sweep(now, rules); !slices.Equal(x, y) {
				t.Fatalf("step %d: ended %v and %v", i, x, y)
			}
		}
		if i%40 == 0 {
			if !bytes.Equal(a.t.Dump(), b.t.Dump()) || a.t.Len() != b.t.Len() || a.t.Evicted() != b.t.Evicted() {
				t.Fatalf("step %d: the tables differ", i)
			}
			sound(t, a.t)
		}
		if i%700 == 0 {
			evicted := b.t.Evicted()
			b.t = reload(t, b.t)
			b.t.liveBound, b.t.placeBound, b.t.evicted = 40, 14, evicted
		}
	}
	if a.t.Evicted() == 0 || a.t.sharing == 0 || a.next == 0 {
		t.Fatalf("too little happened: %d evicted, %d shared, %d begun", a.t.Evicted(), a.t.sharing, a.next)
	}
}

// sound checks that everything in a table is where it should be, once, and that no
// slot is lost.
func sound(t *testing.T, x *Table) {
	t.Helper()
	keys, accounts, places := 0, 0, map[uint32]int{}
	for _, e := range list(x) {
		id, at := e.ID, x.byID.Find(uint64(e.ID))
		if x.entries.at(at) != e || e.self != at || e.place == 0 {
			t.Fatalf("session %s is not itself: %+v", id, e)
		}
		places[e.place]++
		n, m, kinds := 0, 0, uint8(0)
		for s := e.keys; s != 0; s = x.keys.at(s).next {
			k := x.keys.at(s)
			kinds |= k.kind.bit()
			if k.owner != at {
				t.Fatalf("session %s has a key of another", id)
			}
			if k.kind == kindAccount {
				m++
			} else if n++; x.byKey.Find(k.hash) != s {
				t.Fatalf("key %x is not found", k.hash)
			}
		}
		if n != int(e.nkeys) || m != int(e.Accounts) || kinds != e.kinds || n > maxKeys || m > maxAccounts {
			t.Fatalf("session %s: %d keys and %d accounts of kinds %b, counted %d, %d, %b", id, n, m, kinds, e.nkeys, e.Accounts, e.kinds)
		}
		keys, accounts = keys+n, accounts+m
	}
	if x.byID.Len() != x.live || keys+x.sharing != x.byKey.Len() {
		t.Fatalf("%d sessions, counted %d; %d keys, %d shared, indexed %d", x.byID.Len(), x.live, keys, x.sharing, x.byKey.Len())
	}
	for which, a := range []*agenda{&x.seen, &x.begun} {
		n := 0
		for i, b := range a.seconds {
			if i > 0 && a.seconds[i-1].at >= b.at {
				t.Fatal("the seconds are out of order")
			}
			for at := b.first; at != 0; {
				e := x.entries.at(at)
				if at := [...]int64{e.planned(), floor(e.Start)}[which]; at != b.at || e.Start > e.Last {
					t.Fatalf("session %s of %d to %d stands at %d", e.ID, e.Start, e.Last, b.at)
				}
				n++
				if at = e.rings[which].next; at == b.first {
					break
				}
			}
		}
		if n != x.live {
			t.Fatalf("agenda %d has %d of %d sessions", which, n, x.live)
		}
	}
	idle := 0
	for _, slot := range all(&x.byPlace) {
		hash := x.places.at(slot).hash
		p := x.places.at(slot)
		n := 0
		for at := p.head; at != 0; {
			n++
			if at = x.entries.at(at).rings[ringPlace].next; at == p.head {
				break
			}
		}
		if p.hash != hash || n != places[slot] {
			t.Fatalf("place %x lists %d sessions, has %d", hash, n, places[slot])
		}
		if n == 0 {
			idle++
		}
	}
	n := 0
	for slot := x.idle; slot != 0; {
		n++
		if slot = x.places.at(slot).next; slot == x.idle {
			break
		}
	}
	if n != idle {
		t.Fatalf("%d places stand as idle, %d are", n, idle)
	}
	if a, b, c := int(x.entries.used)-len(x.entries.free), int(x.keys.used)-len(x.keys.free), int(x.places.used)-len(x.places.free); a != x.live || b != keys+accounts+x.sharing || c != x.byPlace.Len() {
		t.Fatalf("slots in use: %d sessions, %d keys, %d places; there are %d, %d, %d", a, b, c, x.live, keys+accounts+x.sharing, x.byPlace.Len())
	}
}
