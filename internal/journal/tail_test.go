package journal

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// follows reads n records after the sequence given and wants them without gap.
func follows(t *testing.T, r Reader, after uint64, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for n > 0 {
		recs, err := r.Batch(ctx, n)
		if err != nil {
			t.Fatalf("after %d: %v", after, err)
		}
		for _, rec := range recs {
			if after++; rec.Sequence != after || rec.Entry.Input.Observation.Exchange != after {
				t.Fatalf("record %d is %d with entry %d", after, rec.Sequence, rec.Entry.Input.Observation.Exchange)
			}
		}
		n -= len(recs)
	}
}

// upToDate is a reader that has all up to the last entry and was told so, so that the
// tail is its from now on. The context has ended: with it, it takes what is there.
func upToDate(t *testing.T, j *Journal, last uint64) (r Reader, past context.Context) {
	t.Helper()
	r, err := j.Reader(t.Context(), 0, last)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	past, end := context.WithCancel(t.Context())
	end()
	if _, err := r.Batch(past, 10); !errors.Is(err, context.Canceled) {
		t.Fatalf("nothing there says %v", err)
	}
	return r, past
}

func TestAReaderUpToDateAsksTheStoreNothing(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	write(t, w, 1, 10, 0)
	r, past := upToDate(t, j, 10)
	write(t, w, 11, 30, 0)
	if recs, err := r.Batch(past, 10); err != nil || len(recs) != 10 {
		t.Fatalf("%d records are there at once, %v", len(recs), err)
	}
	follows(t, r, 20, 10)
	if r.(*reader).stored != nil {
		t.Error("it asked the store")
	}
	if tl := j.tail(0); len(tl.entries) != 0 || tl.bytes != 0 {
		t.Errorf("what was taken is still held: %d entries, %d bytes", len(tl.entries), tl.bytes)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, w, 31, 40, 0)
	if tl := j.tail(0); len(tl.entries) != 0 || len(tl.readers) != 0 {
		t.Errorf("%d entries are held for %d readers", len(tl.entries), len(tl.readers))
	}
}

// Decoding many entries gives way now and then, from the tail as from the store.
func TestDecodingManyGivesWay(t *testing.T) {
	var ways atomic.Int64
	j := open(t, Config{Dir: t.TempDir(), GiveWay: func() { ways.Add(1) }})
	w := openWriter(t, j, 0, 0)
	write(t, w, 1, 1, 0)
	r, past := upToDate(t, j, 1)
	write(t, w, 2, 1+10*stint, 0)
	if recs, err := r.Batch(past, 10*stint); err != nil || len(recs) != 10*stint {
		t.Fatalf("%d records are there at once, %v", len(recs), err)
	}
	if n := ways.Swap(0); n != 10 {
		t.Errorf("it gave way %d times, want 10", n)
	}
	if recs := readTo(t, j, 0, 1, 1+10*stint); len(recs) != 10*stint || ways.Load() != 10 {
		t.Errorf("of %d records of the store it gave way %d times, want 10", len(recs), ways.Load())
	}
}

func TestAReaderBehindTheTailAsksTheStoreAndComesBack(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	write(t, w, 1, 20, 0)
	r, err := j.Reader(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	follows(t, r, 0, 15)
	if r.(*reader).stored == nil {
		t.Error("it read what nobody held")
	}
	write(t, w, 21, 25, 0)
	follows(t, r, 15, 10)
	write(t, w, 26, 27, 0)
	follows(t, r, 25, 2)
	write(t, w, 28, 30, 0)
	follows(t, r, 27, 3)
	if r.(*reader).stored != nil {
		t.Error("up to date it still asks the store")
	}
	// Past its bound the tail lets go, and the reader finds all in the store.
	j.tail(0).most = 64
	write(t, w, 31, 330, 0)
	if tl := j.tail(0); len(tl.entries) > 64 {
		t.Errorf("%d entries are held", len(tl.entries))
	}
	follows(t, r, 30, 300)
}

func TestAWriterThatLeavesHidesNothing(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	r, err := j.Reader(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	write(t, w, 1, 5, 0)
	follows(t, r, 0, 3)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	follows(t, r, 3, 2) // acknowledged before
	young := openWriter(t, j, 0, 5)
	write(t, young, 6, 8, 0)
	follows(t, r, 5, 3)
	// A second writer takes over; what it writes is seen, though the tail was the
	// first one's, and what the first one tries is not.
	other := openWriter(t, j, 0, 8)
	write(t, other, 9, 9, 0)
	_ = young.Append(entry(100, 0), func(uint64, error) {})
	if err := young.Flush(t.Context()); !errors.Is(err, ErrDeposed) {
		t.Fatalf("the deposed one is told %v", err)
	}
	write(t, other, 10, 12, 0)
	follows(t, r, 8, 4)
	// The first of two to write wins, whoever was opened last.
	third := openWriter(t, j, 0, 12)
	write(t, other, 13, 14, 0)
	follows(t, r, 12, 2)
	_ = third.Append(entry(100, 0), func(uint64, error) {})
	if err := third.Flush(t.Context()); !errors.Is(err, ErrDeposed) {
		t.Fatalf("the late one is told %v", err)
	}
	write(t, other, 15, 16, 0)
	follows(t, r, 14, 2)
}

func TestReadersAndAWriterAtOnce(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	const n = 4000
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r, err := j.Reader(t.Context(), 0, 0)
			if err != nil {
				t.Error(err)
				return
			}
			for at := uint64(0); at < n; {
				recs, err := r.Batch(t.Context(), 1+rand.IntN(300))
				if err != nil {
					t.Error(err)
					return
				}
				for _, rec := range recs {
					if at++; rec.Sequence != at || rec.Entry.Input.Observation.Exchange != at {
						t.Errorf("reader %d: record %d is %d", i, at, rec.Sequence)
						return
					}
				}
				if rand.IntN(5) == 0 { // away for a while
					if err := r.Close(); err != nil {
						t.Error(err)
					}
					if r, err = j.Reader(t.Context(), 0, at); err != nil {
						t.Error(err)
						return
					}
				}
			}
			_ = r.Close()
		})
	}
	for from := 1; from <= n; from += 100 {
		write(t, w, from, from+99, 50)
	}
	wg.Wait()
	if tl := j.tail(0); len(tl.readers) != 0 {
		t.Errorf("%d readers are remembered", len(tl.readers))
	}
}
