package identity

import (
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestASpecIDNeverHasMoreSessionsThanItsBound: not by what was named before its key
// turned out to be shared, nor by Sessions that come to it by a second key, days
// later.
func TestASpecIDNeverHasMoreSessionsThanItsBound(t *testing.T) {
	rules := DefaultRules()
	rules.SessionsPerID = 20
	x := New(rules)
	one, two := journey.Key{Kind: journey.KeyTicket, Hash: 11, Named: true}, journey.Key{Kind: journey.KeyTicket, Hash: 12, Named: true}
	specs := map[journey.ID]journey.ID{}
	for i := range journey.ID(200) {
		v := Visitor{Session: 1000 + i, Time: base + int64(i)*micros/8, Keys: []journey.Key{one}}
		x.Sweep(v.Time)
		x.Begin()
		spec := x.Start(v).SpecID
		v.Keys = append(v.Keys, two)
		spec = x.Learn(spec, v, two)
		specs[v.Session] = x.Of(spec, []uint64{one.Hash, two.Hash})
		x.End()
		sizes := map[journey.ID]int{}
		for _, s := range specs {
			if s = x.Current(s); sizes[s] == rules.SessionsPerID {
				t.Fatalf("after %d Sessions %s has more than %d", i+1, s, rules.SessionsPerID)
			}
			sizes[s]++
		}
	}
}
