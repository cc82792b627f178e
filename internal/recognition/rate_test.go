package recognition

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWilson holds the interval against published values.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, n   int64
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662}, // Newcombe 1998, table I
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
		{20, 20, 0.8389, 1},
		{0, 0, 0, 1},
	} {
		share := 0.0
		if c.n > 0 {
			share = float64(c.hits) / float64(c.n)
		}
		low, high := wilson(share, c.n)
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.hits, c.n, low, high, c.low, c.high)
		}
	}
}

// TestIntervalHoldsItsShare whatever was counted, and the truth in 95 of 100 cases.
func TestIntervalHoldsItsShare(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	held, tries := 0, 4000
	for range tries {
		truth, n := rnd.Float64(), 20+rnd.IntN(400)
		var r ratio
		for range n {
			r.count(rnd.Float64() < truth)
		}
		got := r.rate()
		if got.Low > got.Share || got.Share > got.High || got.Low < 0 || got.High > 1 {
			t.Fatalf("%+v", got)
		}
		if got.Low <= truth && truth <= got.High {
			held++
		}
	}
	if share := float64(held) / float64(tries); share < 0.94 || share > 0.965 {
		t.Errorf("the interval held the truth in %.1f %% of cases", 100*share)
	}
}

// TestPairsOfOneSessionAreOneObservation keeps the interval from looking narrower
// than what was seen allows.
func TestPairsOfOneSessionAreOneObservation(t *testing.T) {
	var r ratio
	r.pairs(99, 99)
	r.pairs(0, 0) // alone: says nothing
	got := r.rate()
	if got.Of != 99 || got.Basis != 1 || got.Share != 1 || got.Low > 0.21 {
		t.Errorf("%+v", got)
	}
}
