package session

import (
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestMadeUpKeysPushOutNoneInUse sends new keys with every request beside the one
// that the origin goes by.
func TestMadeUpKeysPushOutNoneInUse(t *testing.T) {
	for _, each := range []int{1, maxKeys - 1, 3 * maxKeys} {
		v := &visitor{t: New()}
		first := v.at(0, "a", 1)
		v.t.Learn(first.Entry, cookie(7), 0)
		made := uint64(1000)
		for min := range int64(40) {
			keys := []journey.Key{cookie(7)}
			for range each {
				made++
				keys = append(keys, cookie(made))
			}
			if j := v.at(min, "a", 1, keys...); j.Entry.ID != first.Entry.ID {
				t.Fatalf("%d made-up keys a request: request %d began a session: %s", each, min, j.Reason)
			}
			if n := len(v.t.Keys(first.Entry, nil)); n > maxKeys {
				t.Fatalf("%d keys", n)
			}
		}
		// Alone it still ties.
		if j := v.at(41, "b", 2, cookie(7)); j.New {
			t.Fatalf("%d made-up keys a request: the key was pushed out", each)
		}
	}
}
