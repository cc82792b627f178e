package journal

import (
	"testing"
	"time"
)

// TestBefore finds where to begin to read what was stored since a time.
func TestBefore(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 3, 0)
	before := func(at time.Time, want uint64) {
		t.Helper()
		if got, err := j.Before(t.Context(), 3, at); err != nil || got != want {
			t.Errorf("%d %v, want %d", got, err, want)
		}
	}
	start := time.Now()
	before(start, 0) // an empty one
	write(t, w, 1, 40, 10)
	time.Sleep(5 * time.Millisecond)
	between := time.Now()
	time.Sleep(5 * time.Millisecond)
	write(t, w, 41, 70, 10)
	before(start.Add(-time.Hour), 0)
	before(between, 40)
	before(time.Now().Add(time.Hour), 70)
	if got := readTo(t, j, 3, 40, 70); len(got) != 30 || got[0].Entry.Input.Time != 41 {
		t.Errorf("%d records", len(got))
	}
}
