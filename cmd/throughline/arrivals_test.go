package main

import (
	"testing"
	"time"
)

func TestArrivalsAreRememberedForTheNewest(t *testing.T) {
	var a arrivals
	if at := a.of(1); !at.IsZero() {
		t.Errorf("of none: %v", at)
	}
	began := time.Now()
	a.note(7)
	a.note(8)
	a.note(9)
	for seq, known := range map[uint64]bool{6: false, 7: true, 8: true, 9: true, 10: false} {
		if at := a.of(seq); at.IsZero() == known || known && (at.Before(began) || at.After(time.Now())) {
			t.Errorf("%d: %v", seq, at)
		}
	}
	// As if each had come a step after the one before.
	for seq := uint64(10); seq < 3*maxArrivals; seq++ {
		a.marks[(a.next+len(a.marks)-1)%len(a.marks)].at = time.Now().Add(-2 * arrivalStep)
		a.note(seq)
	}
	if len(a.marks) != maxArrivals {
		t.Errorf("%d marks", len(a.marks))
	}
	oldest := uint64(2 * maxArrivals)
	for seq, known := range map[uint64]bool{9: false, oldest - 1: false, oldest: true, 3*maxArrivals - 1: true, 3 * maxArrivals: false} {
		if at := a.of(seq); at.IsZero() == known {
			t.Errorf("%d: %v", seq, at)
		}
	}
}
