package storetest

import (
	"errors"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// former checks that an entity which was seen under the hash of a former key is
// linked to the Sessions that came after, and that nobody gets a former name who
// had none.
func (s suite) former(t *testing.T) {
	b := s.fresh(t)
	at := now().UnixMicro()
	event := func(n int64, card journey.Element) journey.Event {
		return journey.Event{ID: journey.NewID(at+n, 1, 1), SessionID: journey.NewID(at+n, 1, 0), Time: at + n, Name: "Pay", Type: journey.Transaction,
			Elements: []journey.Element{card, entity("email", "ann@example.com")}}
	}
	visit := func(e journey.Event) journey.Session {
		return journey.Session{ID: e.SessionID, Start: e.Time, Last: e.Time, Events: 1, Site: "shop"}
	}
	old := entity("card_number", "h:old")
	again := entity("card_number", "h:new")
	again.Former, again.FormerHash = old.Value, old.Hash
	stranger := entity("card_number", "h:stranger")
	stranger.Former, stranger.FormerHash = "h:never", hash("card_number", "h:never")
	late := entity("card_number", "h:late")
	lately := entity("card_number", "h:lately")
	lately.Former, lately.FormerHash = late.Value, late.Hash

	events := []journey.Event{event(0, old), event(2_000_000, again), event(4_000_000, stranger), event(6_000_000, late), event(8_000_000, lately)}
	seq := uint64(0)
	for _, batch := range [][]journey.Event{events[:1], events[1:3], events[3:]} {
		in := warehouse.Batch{Events: batch}
		from := seq + 1
		for _, e := range batch {
			seq++
			in.Sequences = append(in.Sequences, seq)
			in.Sessions = append(in.Sessions, visit(e))
		}
		if err := b.Apply(ctx(), 1, from, seq, in); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		of   journey.Element
		want int64
	}{"seen before": {old, 2}, "seen after": {again, 1}, "a stranger": {stranger, 1}, "seen before in the same batch": {late, 2}} {
		got, err := b.Entity(ctx(), c.of.Hash)
		if err != nil || got.Sessions != c.want {
			t.Errorf("%s: %d sessions, want %d: %v", name, got.Sessions, c.want, err)
		}
	}
	if _, err := b.Entity(ctx(), stranger.FormerHash); !errors.Is(err, warehouse.ErrNotFound) {
		t.Errorf("a name that nobody had: %v", err)
	}
	linked, _, err := b.LinkedEntities(ctx(), again.Hash, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, l := range linked {
		found = found || l.Hash == old.Hash
	}
	if !found {
		t.Errorf("the present name is not linked to the former: %+v", linked)
	}
}
