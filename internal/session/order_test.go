package session

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// arrival is a request with what its response taught.
type arrival struct {
	n     int
	q     Request
	learn []journey.Key
}

// traffic is a day of visitors: some behind one address, with and without cookies,
// tickets and device cookies. No two requests have the same time.
func traffic(seed uint64, visits int, cookies bool) []arrival {
	r := rand.New(rand.NewPCG(seed, 11))
	next := uint64(1)
	id := func() uint64 { next++; return next }
	var out []arrival
	for range visits {
		at := noon + r.Int64N(20*60)*minute
		who := uint64(r.IntN(30))
		ip, agent := string(rune('a'+who%7)), 100*(1+who%3)+who%2
		conn, tick, sid := id(), uint64(0), uint64(0)
		keeps := cookies || r.IntN(2) == 0
		for range 1 + r.IntN(12) {
			a := arrival{n: len(out), q: Request{Time: at, IP: ip, Agent: agent, Device: agent / 100, Keys: carrying(connection(conn))}}
			if tick != 0 {
				a.q.Keys = append(a.q.Keys, ticket(tick))
			}
			if sid != 0 {
				a.q.Keys = append(a.q.Keys, cookie(sid))
			}
			if sid == 0 && keeps {
				sid = id()
				a.learn = append(a.learn, cookie(sid))
			}
			if r.IntN(5) == 0 { // another connection, which resumes
				conn, tick = id(), 1+conn%1000
				a.learn = append(a.learn, ticket(tick))
			}
			if r.IntN(9) == 0 {
				ip = string(rune('a' + r.IntN(20)))
			}
			out = append(out, a)
			at += r.Int64N(3*second) + 1
			if r.IntN(6) == 0 {
				at += r.Int64N(20 * minute)
			}
		}
	}
	slices.SortFunc(out, func(a, b arrival) int { return int(a.q.Time - b.q.Time) })
	for i := range out {
		if out[i].n = i; i > 0 && out[i].q.Time <= out[i-1].q.Time {
			out[i].q.Time = out[i-1].q.Time + 1
		}
	}
	return out
}

// partition stitches arrivals as they come and says which first request the session
// of each began with. After each it does what between says.
func partition(in []arrival, between func(i int, v *visitor)) ([]int, *Table) {
	v := &visitor{t: New()}
	of, first := make([]journey.ID, len(in)), map[journey.ID]int{}
	into := map[journey.ID]journey.ID{}
	for i, a := range in {
		j := v.stitch(a.q, rules)
		for _, k := range a.learn {
			v.t.Learn(j.Entry, k, journey.ID(a.n)+1)
		}
		of[a.n] = j.Entry.ID
		for _, m := range j.Merged {
			into[m] = j.Entry.ID
		}
		between(i, v)
	}
	out := make([]int, len(in))
	for n := range of {
		for into[of[n]] != 0 {
			of[n] = into[of[n]]
		}
		if _, known := first[of[n]]; !known {
			first[of[n]] = n
		}
		out[n] = first[of[n]]
	}
	return out, v.t
}

func nothing(int, *visitor) {}

// TestTheSameRequestsGiveTheSameSessions in batches of any size, whatever is tried
// and taken back meanwhile, and through restarts.
func TestTheSameRequestsGiveTheSameSessions(t *testing.T) {
	for seed := range uint64(6) {
		in := traffic(seed, 300, false)
		sweep := func(i int, v *visitor) {
			if i%97 == 96 {
				v.t.Sweep(in[i].q.Time, rules)
			}
		}
		want, table := partition(in, sweep)
		r := rand.New(rand.NewPCG(seed, 1))
		got, other := partition(in, func(i int, v *visitor) {
			sweep(i, v)
			switch r.IntN(12) {
			case 0:
				v.t = reload(t, v.t)
			case 1:
				v.t.Begin()
			case 2:
				v.t.End()
			case 3:
				next := v.next
				v.t.Begin()
				for range r.IntN(4) {
					anything(v, r.Uint64(), in[i].q.Time)
				}
				v.t.Undo()
				v.next = next
			}
		})
		if !slices.Equal(want, got) || !bytes.Equal(table.Dump(), other.Dump()) {
			t.Fatalf("seed %d: the sessions differ", seed)
		}
		sessions := map[int]bool{}
		for _, s := range want {
			sessions[s] = true
		}
		if len(sessions) < 100 || len(sessions) > 900 {
			t.Fatalf("seed %d: %d sessions of 300 visits", seed, len(sessions))
		}
	}
}

// reorder holds requests back for a while and lets them go in the order of time, as
// the buffer before a judge does.
type reorder struct {
	within int64
	held   []arrival
}

func (b *reorder) add(now int64, a arrival) (out []arrival) {
	i, _ := slices.BinarySearchFunc(b.held, a, func(x, y arrival) int { return int(x.q.Time - y.q.Time) })
	b.held = slices.Insert(b.held, i, a)
	for len(b.held) > 0 && b.held[0].q.Time <= now-b.within {
		out, b.held = append(out, b.held[0]), b.held[1:]
	}
	return out
}

// shuffled has requests arrive up to late after their time.
func shuffled(in []arrival, late int64, r *rand.Rand) (out []arrival, when []int64) {
	type coming struct {
		arrival
		at int64
	}
	all := make([]coming, len(in))
	for i, a := range in {
		all[i] = coming{a, a.q.Time + r.Int64N(late)}
	}
	slices.SortStableFunc(all, func(a, b coming) int { return int(a.at - b.at) })
	for _, c := range all {
		out, when = append(out, c.arrival), append(when, c.at)
	}
	return out, when
}

// TestOrderWithinTheBoundDoesNotMatter shuffles requests by up to two seconds and
// puts a buffer of two seconds before the table.
func TestOrderWithinTheBoundDoesNotMatter(t *testing.T) {
	for seed := range uint64(6) {
		in := traffic(seed, 300, false)
		want, table := partition(in, nothing)
		mixed, when := shuffled(in, 2*second, rand.New(rand.NewPCG(seed, 2)))
		if slices.EqualFunc(in, mixed, func(a, b arrival) bool { return a.n == b.n }) {
			t.Fatal("nothing was shuffled")
		}
		b := reorder{within: 2 * second}
		var sorted []arrival
		for i, a := range mixed {
			sorted = append(sorted, b.add(when[i], a)...)
		}
		sorted = append(sorted, b.held...)
		got, other := partition(sorted, nothing)
		if !slices.Equal(want, got) || !bytes.Equal(table.Dump(), other.Dump()) {
			t.Fatalf("seed %d: the sessions differ", seed)
		}
	}
}

// TestLateRequestsStartNoSession: requests that all carry the cookie come in any
// order within the bound, with nothing before the table, and the sessions are the
// same, from the same start to the same end.
func TestLateRequestsStartNoSession(t *testing.T) {
	for seed := range uint64(6) {
		in := traffic(seed, 300, true)
		own := uint64(0)
		for i := range in { // each visit has its cookie from the first
			a := &in[i]
			for _, k := range a.q.Keys {
				if k.Kind == journey.KeyConnection {
					own = k.Hash
				}
			}
			a.q.Keys, a.learn = carrying(cookie(own)), nil
		}
		want, table := partition(in, nothing)
		mixed, _ := shuffled(in, 2*second, rand.New(rand.NewPCG(seed, 2)))
		got, other := partition(mixed, nothing)
		if !slices.Equal(want, got) {
			t.Fatalf("seed %d: the sessions differ", seed)
		}
		times := func(t *Table) map[[2]int64]int {
			out := map[[2]int64]int{}
			for _, e := range list(t) {
				out[[2]int64{e.Start, e.Last}]++
			}
			return out
		}
		a, b := times(table), times(other)
		if len(a) == 0 || len(a) != len(b) {
			t.Fatalf("seed %d: %d sessions and %d", seed, len(a), len(b))
		}
		for k, n := range a {
			if b[k] != n {
				t.Fatalf("seed %d: %d sessions from %d to %d, want %d", seed, b[k], k[0], k[1], n)
			}
		}
	}
}
