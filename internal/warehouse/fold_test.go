package warehouse

import (
	"testing"

	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
)

// What a batch says of a Session is the same however the entries are cut into batches:
// a split moves what was recorded before it, and not what comes behind.
func TestASplitMovesWhatCameBefore(t *testing.T) {
	records := func(all ...journey.Judgement) (out []journal.Record) {
		for i, j := range all {
			out = append(out, journal.Record{Sequence: uint64(i + 1), Entry: journey.Entry{Judgement: j}})
		}
		return out
	}
	told := func(id, spec journey.ID) journey.Judgement {
		return journey.Judgement{Sessions: []journey.Session{{ID: id, SpecID: spec}}}
	}
	split := journey.Judgement{SpecChanges: []journey.SpecChange{
		{Kind: journey.SpecSplit, From: 20, Into: 10}, {Kind: journey.SpecSplit, From: 30, Into: 10},
		{Kind: journey.SpecSplit, From: 30, Into: 20}, // the latest holds
		{Kind: journey.SpecSplit, From: 50, Into: 20}, {Kind: journey.SpecMerged, From: 60, Into: 20}}}
	b, _ := fold(records(told(20, 10), told(30, 10), told(50, 50), told(60, 10), split, told(20, 77), told(40, 10)))
	want := map[journey.ID]journey.ID{
		20: 77, // told behind
		30: 20,
		50: 50, // under its own, which changes are followed from
		60: 10, // a merge moves none
		40: 10,
	}
	for _, s := range b.Sessions {
		if s.SpecID != want[s.ID] {
			t.Errorf("session %d is of %d, want %d", s.ID, s.SpecID, want[s.ID])
		}
	}
	if len(b.Sessions) != len(want) || len(b.Changes) != 5 {
		t.Errorf("%d sessions, %d changes", len(b.Sessions), len(b.Changes))
	}
}
