package journal

import (
	"errors"
	"testing"
	"time"
)

// What gathers for an hour is given to the store when somebody waits for it, and
// only then.
func TestEntriesGather(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
	w := openWriter(t, j, 0, 0).(*writer)
	var got acks
	for n := 1; n <= 3; n++ {
		if err := w.Append(entry(n, 0), got.add); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.nc.Flush(); err != nil { // what was sent has reached the store
		t.Fatal(err)
	}
	if last, err := j.Last(t.Context(), 0); last != 0 || err != nil {
		t.Errorf("the store has %d, %v", last, err)
	}
	if n := j.Stats().InFlight; n != 3 {
		t.Errorf("%d in flight", n)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got.seqs) != 3 || got.seqs[2] != 3 {
		t.Errorf("acknowledged are %v", got.seqs)
	}
	if recs := readTo(t, j, 0, 0, 3); len(recs) != 3 || recs[2].Entry.Input.Observation.Exchange != 3 {
		t.Errorf("%d records", len(recs))
	}
}

// Many entries, or few large ones, do not wait for their time.
func TestWhatGathersIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ entries, padding, inFlight int }{
		"by number":              {gatherEntries, 0, 0},
		"by size":                {2, gatherBytes / 2, 0},
		"by what is in flight":   {8, 0, 8},
		"by the only one it may": {1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour, MaxInFlight: c.inFlight})
			w := openWriter(t, j, 0, 0)
			acked := make(chan error, c.entries)
			for n := 1; n <= c.entries; n++ {
				if err := w.Append(entry(n, c.padding), func(_ uint64, err error) { acked <- err }); err != nil {
					t.Fatal(err)
				}
			}
			for range c.entries {
				if err := <-acked; err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Who knows that nothing comes soon says so, and waits for nobody.
func TestWhatGathersIsSentWhenAsked(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
	w := openWriter(t, j, 0, 0)
	w.Send() // nothing
	acked := make(chan error, 2)
	for n := 1; n <= 2; n++ {
		if err := w.Append(entry(n, 0), func(_ uint64, err error) { acked <- err }); err != nil {
			t.Fatal(err)
		}
	}
	w.Send()
	for range 2 {
		if err := <-acked; err != nil {
			t.Fatal(err)
		}
	}
}

// Nobody flushes: time does.
func TestWhatGathersIsSentInTime(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	for n := 1; n <= 3; n++ {
		acked := make(chan error, 1)
		if err := w.Append(entry(n, 0), func(_ uint64, err error) { acked <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-acked; err != nil {
			t.Fatal(err)
		}
	}
}

// A writer that closes, or is deposed, gives the store nothing more, and says so
// of each entry once.
func TestWhatGathersIsNotSentAfterAnEnd(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
		w := openWriter(t, j, 0, 0)
		failed := make(chan error, 8)
		for n := 1; n <= 3; n++ {
			if err := w.Append(entry(n, 0), func(_ uint64, err error) { failed <- err }); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := <-failed; !errors.Is(err, ErrClosed) {
				t.Errorf("an entry is told %v", err)
			}
		}
		if last, err := j.Last(t.Context(), 0); last != 0 || err != nil {
			t.Errorf("the store has %d, %v", last, err)
		}
	})
	t.Run("deposed", func(t *testing.T) {
		j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
		old := openWriter(t, j, 0, 0)
		young := openWriter(t, j, 0, 0)
		write(t, young, 1, 1, 0)
		failed := make(chan error, 8)
		for n := 2; n <= 4; n++ {
			if err := old.Append(entry(n, 0), func(_ uint64, err error) { failed <- err }); err != nil {
				t.Fatal(err)
			}
		}
		if err := old.Flush(t.Context()); !errors.Is(err, ErrDeposed) {
			t.Errorf("flush says %v", err)
		}
		for range 3 {
			if err := <-failed; !errors.Is(err, ErrDeposed) {
				t.Errorf("an entry is told %v", err)
			}
		}
		if last, err := j.Last(t.Context(), 0); last != 1 || err != nil {
			t.Errorf("the store has %d, %v", last, err)
		}
	})
}
