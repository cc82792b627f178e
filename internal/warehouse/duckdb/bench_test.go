package duckdb

import (
	"fmt"
	"path/filepath"
	"testing"

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
