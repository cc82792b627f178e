package identity

import (
	"runtime"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// crowd fills an index with the keys of 90 days: visitors with a device key or a
// ticket, each Session with a cookie, each third with an account.
func crowd(x *Index, n int) int64 {
	const each = 4 // entries of a visitor, about
	now, id := base, journey.ID(1)
	visitors := n / each
	for v := range visitors {
		now = base + int64(v)*80*micros/int64(visitors)
		h := uint64(v)*16 + 1
		kind := journey.KeyDevice
		if v%3 == 0 {
			kind = journey.KeyTicket
		}
		for s := range uint64(2) {
			id++
			x.Begin()
			who := Visitor{Session: id, Time: now}
			if s > 0 {
				who.Keys = []journey.Key{{Kind: kind, Hash: mix(h)}}
			}
			spec := x.Start(who).SpecID
			for i, k := range []journey.Key{{Kind: kind, Hash: mix(h)}, {Kind: journey.KeyCookie, Hash: mix(h + 1 + s)}} {
				if spec = x.Learn(spec, who, k); i == 0 || s == 0 {
					who.Keys = append(who.Keys, k)
				}
			}
			if v%3 == 1 {
				x.Confirm(spec, who, mix(h+9))
			}
			x.End()
		}
		x.Sweep(now) // far less often than ticks would
	}
	return now
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkMemory says how many bytes a remembered key takes, all in, in an index
// of a million and where its tables are the emptiest.
func BenchmarkMemory(b *testing.B) {
	for range b.N {
		worst := 0.0
		for _, n := range []int{1_000_000, 1_060_000, 1_120_000, 1_180_000, 1_250_000} {
			before := heap()
			x := New(DefaultRules())
			crowd(x, n)
			per := float64(heap()-before) / float64(x.entries())
			if worst = max(worst, per); n == 1_000_000 {
				b.ReportMetric(per, "bytes/key")
				b.ReportMetric(float64(x.entries()), "keys")
			}
			runtime.KeepAlive(x)
		}
		b.ReportMetric(worst, "worst-bytes/key")
	}
}

// BenchmarkStart begins Sessions of visitors who are known, of 500,000.
func BenchmarkStart(b *testing.B) {
	x := New(DefaultRules())
	now := crowd(x, 500_000)
	keys := []journey.Key{{Kind: journey.KeyDevice}}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		keys[0].Hash = mix(mix(uint64(i))%125_000*16 + 1)
		x.Begin()
		x.Start(Visitor{Session: journey.ID(1<<40 + i), Time: now, Keys: keys, IP: uint64(i % 50_000), Network: uint64(i % 500), Device: uint64(i%300) + 1})
		x.End()
	}
}

// BenchmarkStartUnknown begins Sessions of visitors without keys, for whom
// candidates are looked for.
func BenchmarkStartUnknown(b *testing.B) {
	x := New(DefaultRules())
	now := crowd(x, 500_000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		x.Begin()
		x.Start(Visitor{Session: journey.ID(1<<40 + i), Time: now, IP: uint64(i%5_000) + 1, Network: uint64(i%500) + 1, Device: uint64(i%300) + 1})
		x.End()
	}
}

// BenchmarkLearn learns keys, each once when it is new and once when it is known.
func BenchmarkLearn(b *testing.B) {
	x := New(DefaultRules())
	now := crowd(x, 500_000)
	known := []journey.Key{{Kind: journey.KeyDevice}}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		v := mix(uint64(i/2)) % 125_000
		known[0].Hash = mix(v*16 + 1)
		x.Begin()
		x.Learn(1, Visitor{Session: journey.ID(1<<40 + i/2), Time: now, Keys: known}, journey.Key{Kind: journey.KeyCookie, Hash: mix(1<<50 + uint64(i)/2)})
		x.End()
	}
}

// BenchmarkConfirm confirms accounts of visitors who are known.
func BenchmarkConfirm(b *testing.B) {
	x := New(DefaultRules())
	now := crowd(x, 500_000)
	known := []journey.Key{{Kind: journey.KeyDevice}}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		h := mix(uint64(i))%40_000*48 + 16 + 1
		known[0].Hash = mix(h)
		x.Begin()
		x.Confirm(x.Current(1), Visitor{Session: journey.ID(1<<40 + i), Time: now, Keys: known}, mix(h+9))
		x.End()
	}
}
