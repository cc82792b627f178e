package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

// TestTheLogRefusesInTheEnginesWords holds the mapping by a real journal: what the
// engine takes back, and what it waits for.
func TestTheLogRefusesInTheEnginesWords(t *testing.T) {
	j, err := journal.Open(journal.Config{Dir: t.TempDir(), MaxInFlight: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	rec, err := partitionLog{j, 0, &arrivals{}}.Recorder(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rec.Close() }()
	entry := func(fault string) *journey.Entry {
		return &journey.Entry{Version: journey.EntryVersion, Input: journey.Input{Kind: journey.InputTick}, Judgement: journey.Judgement{Fault: fault}}
	}
	if err := rec.Append(entry(strings.Repeat("x", journal.MaxEntry)), nil); !errors.Is(err, engine.ErrTooLarge) {
		t.Fatalf("too large: %v", err)
	}
	hold, acked := make(chan struct{}), make(chan error, 1)
	if err := rec.Append(entry("a"), func(_ uint64, err error) { <-hold; acked <- err }); err != nil {
		t.Fatal(err)
	}
	if err := rec.Append(entry("b"), nil); !errors.Is(err, engine.ErrLogBusy) {
		t.Fatalf("busy: %v", err)
	}
	close(hold)
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	if err := rec.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := make(chan error, 1)
	if err := rec.Append(entry("b"), func(_ uint64, err error) { again <- err }); err != nil {
		t.Fatalf("it does not stay good: %v", err)
	}
	if err := <-again; err != nil {
		t.Fatal(err)
	}
}
