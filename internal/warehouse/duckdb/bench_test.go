package duckdb

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// BenchmarkApply writes batches of 500 Events of 100 visitors on top of a store
// that grows meanwhile.
func BenchmarkApply(b *testing.B) {
	d, err := Open(filepath.Join(b.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	const size = 500
	seq := uint64(0)
	for b.Loop() {
		var batch warehouse.Batch
		for n := range size {
			i := seq + uint64(n)
			at := 1_700_000_000_000_000 + int64(i)*100
			sid := journey.NewID(at-int64(n%100)*5000, 0, n%100)
			entity := func(id string, spread uint64) journey.Element {
				return journey.Element{ID: id, Value: fmt.Sprint(id, i%spread), Entity: true, Hash: int64(i%spread)<<8 | int64(len(id))}
			}
			batch.Sequences = append(batch.Sequences, i+1)
			batch.Events = append(batch.Events, journey.Event{ID: journey.ID(i + 1), SessionID: sid, Time: at, Name: "Login", Type: journey.Transaction,
				Elements: []journey.Element{entity("ip", 5000), entity("email", 20000), entity("card_number", 15000), entity("order_id", 1e9),
					{ID: "url_path", Value: "/checkout"}, {ID: "user_agent", Value: "Mozilla/5.0"}, {ID: "transaction_amount", Value: "12.5"}, {ID: "quantity", Value: "2"}}})
			if n%5 == 0 {
				batch.Sessions = append(batch.Sessions, journey.Session{ID: sid, Start: at, Last: at, Events: 5})
			}
		}
		if err := d.Apply(b.Context(), 0, seq+1, seq+size, batch); err != nil {
			b.Fatal(err)
		}
		seq += size
	}
	b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkSteady is the CPU time of batches as they come at 200 Events a second:
// four a second while somebody looks, one in ten seconds while nobody does.
func BenchmarkSteady(b *testing.B) {
	for _, size := range []int{50, 2000} {
		for _, visitors := range []int{1, 50, 2000} {
			b.Run(fmt.Sprintf("size=%d/visitors=%d", size, visitors), func(b *testing.B) { steady(b, size, visitors) })
		}
	}
}

func steady(b *testing.B, size, visitors int) {
	d, err := Open(filepath.Join(b.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	const before = 20_000
	if err := d.Apply(b.Context(), 0, 1, before, searches(0, before, 2000)); err != nil {
		b.Fatal(err)
	}
	seq, spent := uint64(before), time.Duration(0)
	for b.Loop() {
		batch := searches(seq, size, visitors)
		start := used()
		if err := d.Apply(b.Context(), 0, seq+1, seq+uint64(size), batch); err != nil {
			b.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // DuckDB's threads wait for more in a loop
		spent += used() - start
		seq += uint64(size)
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu_us/batch")
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N*size), "cpu_us/event")
}

// used is the CPU time of the process, its threads that are not Go's among it.
func used() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// searches is a batch after seq of visitors who search in turn.
func searches(seq uint64, size, visitors int) (batch warehouse.Batch) {
	const noon = 1_700_000_000_000_000
	last := map[journey.ID]int{}
	for n := range size {
		i := seq + uint64(n)
		who := int(i % uint64(visitors))
		at := noon + int64(i)*5000
		sid := journey.NewID(noon+int64(who)*1000, visitors%1000, 0)
		batch.Sequences = append(batch.Sequences, i+1)
		batch.Events = append(batch.Events, journey.Event{ID: journey.ID(i + 1), SessionID: sid, Time: at, Name: "Search", Type: journey.Search,
			Site: "shop", Spec: "search", Method: "GET", Status: 200, JoinReason: "cookie", Revision: "5f0c1c9a77ab",
			Elements: []journey.Element{{ID: "search_query", Value: "shoes"}, {ID: "ip", Value: fmt.Sprint("10.0.0.", who), Entity: true, Hash: int64(who)<<8 | 1},
				{ID: "url_path", Value: "/search"}, {ID: "user_agent", Value: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0.0.0 Safari/537.36"},
				{ID: "browser", Value: "Chrome"}, {ID: "os", Value: "Windows"}, {ID: "device_class", Value: "desktop"}, {ID: "quantity", Value: "2"}}})
		if _, again := last[sid]; !again {
			last[sid] = len(batch.Sessions)
			batch.Sessions = append(batch.Sessions, journey.Session{})
		}
		batch.Sessions[last[sid]] = journey.Session{ID: sid, Start: noon, Last: at, Events: int(i), Site: "shop", IP: "10.0.0.1",
			UserAgent: "Chrome 131 on Windows", Labels: []journey.Label{{ID: "many", Title: "Many searches", Severity: "medium", Points: 10, Time: at}}}
	}
	return batch
}
