package window

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkSeries measures a store of many series, as entities of a busy site
// make them: ns of an Add, and bytes of the heap for each series that is kept.
func BenchmarkSeries(b *testing.B) {
	for _, per := range []int64{1, 8, 64} {
		for _, c := range []struct {
			name string
			w    Spec
		}{{"count", Spec{Count, 600 * minute}}, {"distinct", Spec{Distinct, 600 * minute}}} {
			b.Run(fmt.Sprintf("%s/%d", c.name, per), func(b *testing.B) {
				const subjects = 50_000
				var held uint64
				for b.Loop() {
					before := inUse()
					s := New()
					for i := range per {
						for k := range int64(subjects) {
							s.Add(Key{1, k * 7919}, c.w, i*1e6+k, i)
						}
					}
					held = inUse() - before
					runtime.KeepAlive(s)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(int64(b.N)*subjects*per), "ns/add")
				b.ReportMetric(float64(held)/subjects, "bytes/series")
			})
		}
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
