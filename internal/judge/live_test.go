package judge

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// BenchmarkLiveSessions begins a million Sessions, each with a connection, a
// ticket and a cookie that its response taught, and says what one of them holds,
// Spec IDs and remembered keys included.
func BenchmarkLiveSessions(b *testing.B) {
	const live = 1_000_000
	r := rand.New(rand.NewPCG(5, 5))
	for b.Loop() {
		s := fresh(b, "kind: spec\nname: Page\ntype: page_view\nmatch: {path: /}\n")
		heap := heapInUse()
		for i := range live {
			at := noon + int64(i)*1000
			o := &journey.Observation{Exchange: uint64(i), Phase: journey.PhaseComplete, Time: at, Site: "shop", Spec: "page", Name: "Page", Type: journey.PageView,
				IP: fmt.Sprintf("10.%d.%d.%d", i%200, i/200%250, r.IntN(8)), UserAgent: "Chrome 143 on Windows", Agent: r.Uint64N(900), Device: 1 + r.Uint64N(300),
				Keys:    []journey.Key{{Kind: journey.KeyConnection, Hash: r.Uint64(), Named: true}},
				Learned: []journey.Key{{Kind: journey.KeyTicket, Hash: r.Uint64(), Named: true}, {Kind: journey.KeyCookie, Hash: r.Uint64(), Named: true}}}
			s.Fold(&journey.Input{Kind: journey.InputObservation, Time: at, Observation: o})
		}
		if n := s.Live().Sessions; n != live {
			b.Fatalf("%d sessions are live", n)
		}
		held := heapInUse() - heap
		b.ReportMetric(float64(held)/live, "bytes/session")
		b.ReportMetric(float64(held)/(1<<20), "MiB")
		runtime.KeepAlive(s)
	}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
