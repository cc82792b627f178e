package processor

import (
	"math"
	"testing"
)

func TestTheRule(t *testing.T) {
	type look struct {
		share float64
		want  Policy
	}
	calm := look{0.9, Normal}
	for name, looks := range map[string][]look{
		"idle":                        {{1, Batch}, {0.9, Batch}, {0.41, Batch}},
		"neither idle nor crowded":    {{0.4, Batch}, {0.3, Batch}, {0.25, Batch}},
		"crowded at once":             {{0.2499, Normal}},
		"without any idle time":       {{1, Batch}, {0, Normal}},
		"four calm looks":             {{0.1, Normal}, calm, calm, calm, calm},
		"five calm looks":             {{0.1, Normal}, calm, calm, calm, calm, {0.9, Batch}},
		"just calm enough":            {{0.1, Normal}, {0.41, Normal}, {0.41, Normal}, {0.41, Normal}, {0.41, Normal}, {0.41, Batch}},
		"never calm enough":           {{0.1, Normal}, {0.4, Normal}, {0.4, Normal}, {0.4, Normal}, {0.4, Normal}, {0.4, Normal}, {0.4, Normal}},
		"calm, but not in a row":      {{0.1, Normal}, calm, calm, calm, calm, {0.3, Normal}, calm, calm, calm, calm, {0.9, Batch}},
		"crowded in between":          {{0.1, Normal}, calm, calm, calm, calm, {0.2, Normal}, calm, calm, calm, calm, {0.9, Batch}},
		"calm looks before count not": {{1, Batch}, {1, Batch}, {1, Batch}, {1, Batch}, {1, Batch}, {0.1, Normal}, calm, calm, calm, calm, {0.9, Batch}},
		"and again":                   {{0.1, Normal}, calm, calm, calm, calm, {0.9, Batch}, {0.1, Normal}, calm, calm, calm, calm, {0.9, Batch}},
		"no number":                   {{math.NaN(), Normal}},
	} {
		t.Run(name, func(t *testing.T) {
			var r Rule
			if r.Policy() != Batch {
				t.Fatal("it does not begin with Batch")
			}
			for i, l := range looks {
				p := r.Next(l.share)
				if p != l.want || r.Policy() != p {
					t.Fatalf("look %d of %v: %v, then %v", i+1, looks, p, r.Policy())
				}
			}
		})
	}
}
