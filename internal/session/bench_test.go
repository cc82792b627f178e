package session

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// million makes a table of many live Sessions, each with a connection, a cookie and
// a ticket, at an address of its own.
func million(n int) (*Table, journey.ID) {
	t, next := New(), journey.ID(0)
	for i := range n {
		q := ofVisitor(i, int64(i)*minute*20/int64(n))
		j := t.Stitch(q, rules, func() journey.ID { next++; return next })
		t.Learn(j.Entry, cookie(scramble(i, 2)), 7)
		t.Learn(j.Entry, ticket(scramble(i, 3)), 0)
	}
	return t, next
}

func ofVisitor(i int, at int64) Request {
	return Request{Time: at, IP: address(i), Agent: 1 + uint64(i%40), Device: 1 + uint64(i%20), Keys: []journey.Key{connection(scramble(i, 1))}}
}

func address(i int) string {
	b := binary.BigEndian.AppendUint32(nil, 0x0a000000+uint32(i))
	return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])
}

func scramble(i, kind int) uint64 {
	x := uint64(i)*0x9e3779b97f4a7c15 + uint64(kind)*0xbf58476d1ce4e5b9
	x ^= x >> 31
	return x * 0x94d049bb133111eb
}

// BenchmarkJoin is one request among many live Sessions, as a judge has it
// stitched: with everything noted for an undo. Whose request it is is random, so
// that with a million hardly anything is in the processor's caches.
func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		joins(b, n)
	}
}

func joins(b *testing.B, n int) {
	t, next := million(n)
	weak := New()
	now := 20 * minute
	newID := func() journey.ID { next++; return next }
	for i := range n {
		q := ofVisitor(i, now)
		q.Keys = nil
		weak.Stitch(q, rules, newID)
	}
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = address(i)
	}
	run := func(name string, t *Table, request func(i int, q *Request)) {
		b.Run(fmt.Sprintf("%s/live=%d", name, n), func(b *testing.B) {
			b.ReportAllocs()
			keys := make([]journey.Key, 2)
			i := 0
			for b.Loop() {
				i++
				who := int(scramble(i, 9) % uint64(n))
				q := Request{Time: now + int64(i/5), IP: addresses[who], Agent: 1 + uint64(who%40), Device: 1 + uint64(who%20), Keys: keys[:0]}
				request(who, &q)
				t.Begin()
				t.Stitch(q, rules, newID)
				t.End()
			}
			now += int64(i / 5)
		})
	}
	made := 0
	fresh := func(i int, q *Request) {
		made++
		q.Keys = append(q.Keys, connection(scramble(made, 5)))
		q.Device = uint64(made) + 100
	}
	run("connection", t, func(i int, q *Request) { q.Keys = append(q.Keys, connection(scramble(i, 1))) })
	run("connection_and_cookie", t, func(i int, q *Request) {
		q.Keys = append(q.Keys, connection(scramble(i, 1)), cookie(scramble(i, 2)))
	})
	run("cookie", t, func(i int, q *Request) { q.Keys = append(q.Keys, cookie(scramble(i, 2))) })
	run("weak", weak, func(int, *Request) {})
	if weak.Len() != n {
		b.Fatal("weak joins began sessions")
	}
	t.liveBound, t.placeBound = 10*n, 10*n
	run("new", t, fresh)
	t.liveBound, t.placeBound = t.live, t.byPlace.Len()
	run("new_at_the_bound", t, fresh)
}

// BenchmarkMemory reports what a live Session takes of the heap, all in, with as
// many places remembered of Sessions that have ended as there may be.
func BenchmarkMemory(b *testing.B) {
	var held float64
	for b.Loop() {
		before := inUse()
		t, _ := million(maxLive)
		for i := range maxPlaces - maxLive { // each leaves a place behind
			t.enter(t.byID.Find(uint64(journey.ID(i+1))), uint64(i))
		}
		if t.Len() != maxLive || t.byPlace.Len() != maxPlaces {
			b.Fatalf("%d sessions, %d places", t.Len(), t.byPlace.Len())
		}
		held = (inUse() - before) / maxLive
		runtime.KeepAlive(t)
	}
	b.ReportMetric(held, "bytes/session")
}

func inUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
