package journal

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

func open(t *testing.T, cfg Config) *Journal {
	t.Helper()
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// alone is a MaxInFlight with which each entry is a message of its own.
const alone = 4

func entry(n int, padding int) *journey.Entry {
	return &journey.Entry{Version: journey.EntryVersion, Input: journey.Input{
		Kind: journey.InputObservation, Time: int64(n),
		Observation: &journey.Observation{Exchange: uint64(n), Time: int64(n), Site: "shop", Name: strings.Repeat("x", padding)},
	}}
}

// acks collects what Append's callbacks are told.
type acks struct {
	mu   sync.Mutex
	seqs []uint64
	errs []error
}

func (a *acks) add(seq uint64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.errs = append(a.errs, err)
	} else {
		a.seqs = append(a.seqs, seq)
	}
}

// write appends entries numbered from..to and waits.
func write(t *testing.T, w Writer, from, to, padding int) {
	t.Helper()
	for n := from; n <= to; n++ {
		err := w.Append(entry(n, padding), func(uint64, error) {})
		if errors.Is(err, ErrBusy) {
			if err = w.Flush(t.Context()); err == nil {
				err = w.Append(entry(n, padding), func(uint64, error) {})
			}
		}
		if err != nil {
			t.Fatalf("append %d: %v", n, err)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func openWriter(t *testing.T, j *Journal, partition int, last uint64) Writer {
	t.Helper()
	w, err := j.Writer(t.Context(), partition, last)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// readTo reads until sequence last.
func readTo(t *testing.T, j *Journal, partition int, after, last uint64) []Record {
	t.Helper()
	r, err := j.Reader(t.Context(), partition, after)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []Record
	for after < last {
		batch, err := r.Batch(ctx, 300)
		if err != nil {
			t.Fatalf("after %d: %v", after, err)
		}
		out = append(out, batch...)
		after = batch[len(batch)-1].Sequence
	}
	return out
}

func TestWhatIsAppendedIsReadInOrder(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 3, 0)
	var got acks
	const n = 3000
	for i := 1; i <= n; i++ {
		if err := w.Append(entry(i, 10), got.add); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got.seqs) != n || len(got.errs) != 0 {
		t.Fatalf("%d acks, %d errors", len(got.seqs), len(got.errs))
	}
	for i, seq := range got.seqs {
		if seq != uint64(i+1) {
			t.Fatalf("ack %d has sequence %d", i, seq)
		}
	}
	for _, after := range []uint64{0, 1, 1500, n - 1} {
		recs := readTo(t, j, 3, after, n)
		if len(recs) != n-int(after) {
			t.Fatalf("after %d: %d records", after, len(recs))
		}
		for i, r := range recs {
			if want := after + uint64(i) + 1; r.Sequence != want || r.Entry.Input.Observation.Exchange != want {
				t.Fatalf("record %d is %d with entry %d", want, r.Sequence, r.Entry.Input.Observation.Exchange)
			}
		}
	}
	st := j.Stats()
	if st.State != "ok" || st.Entries != n || st.Bytes == 0 || st.InFlight != 0 {
		t.Errorf("stats %+v", st)
	}
	if last, err := j.Last(t.Context(), 4); last != 0 || err != nil {
		t.Errorf("an empty partition ends at %d, %v", last, err)
	}
}

func TestAReaderWaitsForWhatComes(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	r, err := j.Reader(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("an empty partition answers %v", err)
	}
	write(t, openWriter(t, j, 0, 0), 1, 1, 0)
	rec, err := r.Next(t.Context())
	if err != nil || rec.Sequence != 1 {
		t.Fatalf("%d, %v", rec.Sequence, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; { // it may hold records read ahead
		_, err = r.Next(t.Context())
	}
	if !errors.Is(err, ErrClosed) {
		t.Errorf("a closed reader answers %v", err)
	}
}

func TestADeposedWriterCannotWrite(t *testing.T) {
	t.Run("a message", func(t *testing.T) { deposed(t, Config{}) })
	// Of several, the second would fit behind what the young one wrote.
	t.Run("several messages", func(t *testing.T) { deposed(t, Config{MaxInFlight: alone}) })
}

func deposed(t *testing.T, cfg Config) {
	cfg.Dir = t.TempDir()
	j := open(t, cfg)
	old := openWriter(t, j, 0, 0)
	write(t, old, 1, 5, 0)
	young := openWriter(t, j, 0, 5)
	write(t, young, 6, 6, 0)
	var got acks
	for n := 100; n < 103; n++ {
		if err := old.Append(entry(n, 0), got.add); err != nil && !errors.Is(err, ErrDeposed) {
			t.Fatal(err)
		}
	}
	if err := old.Flush(t.Context()); !errors.Is(err, ErrDeposed) {
		t.Fatalf("flush says %v", err)
	}
	if len(got.seqs) != 0 || len(got.errs) == 0 {
		t.Fatalf("%d entries of the deposed writer were acknowledged, %d refused", len(got.seqs), len(got.errs))
	}
	for _, err := range got.errs {
		if !errors.Is(err, ErrDeposed) {
			t.Errorf("refused with %v", err)
		}
	}
	if err := old.Append(entry(104, 0), got.add); !errors.Is(err, ErrDeposed) {
		t.Errorf("append after that says %v", err)
	}
	if _, err := j.Writer(t.Context(), 0, 5); !errors.Is(err, ErrDeposed) {
		t.Errorf("a writer that expects too little is told %v", err)
	}
	write(t, young, 7, 7, 0)
	if recs := readTo(t, j, 0, 0, 7); len(recs) != 7 || recs[5].Entry.Input.Observation.Exchange != 6 {
		t.Errorf("%d records", len(recs))
	}
}

func TestInFlightIsBounded(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), MaxInFlight: 8})
	w := openWriter(t, j, 0, 0)
	hold := make(chan struct{})
	var got acks
	block := func(seq uint64, err error) { <-hold; got.add(seq, err) }
	for n := 1; n <= 8; n++ {
		if err := w.Append(entry(n, 0), block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append(entry(9, 0), block); !errors.Is(err, ErrBusy) {
		t.Fatalf("the ninth says %v", err)
	}
	if n := j.Stats().InFlight; n != 8 {
		t.Errorf("%d in flight", n)
	}
	close(hold)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, w, 9, 9, 0)
	if recs := readTo(t, j, 0, 0, 9); len(recs) != 9 || len(got.seqs) != 8 {
		t.Errorf("%d records, %d acks", len(recs), len(got.seqs))
	}
}

func TestAnEntryTooLargeHarmsNothing(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	if err := w.Append(entry(1, MaxEntry), func(uint64, error) {}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("says %v", err)
	}
	write(t, w, 1, 1, MaxEntry-4096)
	if recs := readTo(t, j, 0, 0, 1); len(recs) != 1 {
		t.Error("the largest entry is not there")
	}
}

func TestAFullJournalRefusesAndRecovers(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Config{Dir: dir, MaxBytes: 1 << 20, TrimEvery: time.Hour})
	full := fill(t, j, 0)
	if st := j.Stats(); st.State != "degraded" || !strings.Contains(st.Error, "full") {
		t.Errorf("stats %+v", st)
	}
	// Nothing is deleted while somebody needs it.
	if err := j.trim(t.Context(), 0, time.Now().Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if first, err := j.First(t.Context(), 0); first != 1 || err != nil {
		t.Fatalf("first is %d, %v", first, err)
	}
	// Once it is consumed and behind two snapshots the oldest make room.
	j.Consumed(0, full)
	for _, seq := range []uint64{full - 20, full} {
		if err := j.SaveSnapshot(0, seq, func(w io.Writer) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.trim(t.Context(), 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	first, err := j.First(t.Context(), 0)
	if err != nil || first <= 1 || first > full-20 {
		t.Fatalf("first is %d of %d, %v", first, full, err)
	}
	w := openWriter(t, j, 0, full)
	write(t, w, int(full)+1, int(full)+10, 1000)
	if st := j.Stats(); st.State != "ok" {
		t.Errorf("with room again: %+v", st)
	}
	recs := readTo(t, j, 0, 0, full+10)
	if recs[0].Sequence != first || len(recs) != int(full+10-first+1) {
		t.Errorf("reads from %d, %d records", recs[0].Sequence, len(recs))
	}
	// A higher bound makes room as well.
	full = fill(t, j, full+10)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir, MaxBytes: 2 << 20})
	write(t, openWriter(t, j, 0, full), 1, 100, 1000)
}

// fill appends until the journal is full and returns the last sequence.
func fill(t *testing.T, j *Journal, last uint64) uint64 {
	t.Helper()
	w := openWriter(t, j, 0, last)
	var err error
	for err == nil {
		err = w.Append(entry(1, 4000), func(uint64, error) {})
		if errors.Is(err, ErrBusy) {
			err = w.Flush(t.Context())
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("a full journal says %v", err)
	}
	last, err = j.Last(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestAgeDeletesOnlyWhatNobodyNeeds(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), MaxAge: time.Hour, MaxInFlight: alone})
	w := openWriter(t, j, 0, 0)
	write(t, w, 1, 100, 0)
	none := func(w io.Writer) error { return nil }
	for _, seq := range []uint64{40, 60} {
		if err := j.SaveSnapshot(0, seq, none); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(2 * time.Hour)
	expect := func(want uint64, when string) {
		t.Helper()
		if first, err := j.First(t.Context(), 0); first != want || err != nil {
			t.Fatalf("%s the first is %d, %v; want %d", when, first, err, want)
		}
	}
	if err := j.trim(t.Context(), 0, later); err != nil {
		t.Fatal(err)
	}
	expect(1, "unconsumed")
	j.Consumed(0, 30)
	if err := j.trim(t.Context(), 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	expect(1, "while all are young")
	if err := j.trim(t.Context(), 0, later); err != nil {
		t.Fatal(err)
	}
	expect(31, "consumed to 30")
	j.Consumed(0, 100)
	if err := j.trim(t.Context(), 0, later); err != nil {
		t.Fatal(err)
	}
	expect(41, "with a snapshot at 40")
	// A gap: entries 45-50 are gone.
	s, err := j.eng.js.Stream(t.Context(), streamName(0))
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(45); seq <= 50; seq++ {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if recs := readTo(t, j, 0, 40, 100); len(recs) != 54 || recs[4].Sequence != 51 {
		t.Errorf("%d records over the gap, the fifth is %d", len(recs), recs[4].Sequence)
	}
	got, err := oldest(t.Context(), s, 41, 60, later)
	if err != nil || got != 60 {
		t.Errorf("oldest over the gap is %d, %v", got, err)
	}
}
