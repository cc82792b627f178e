package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// childDir makes the test binary a journal writer that is killed.
const childDir = "JOURNAL_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

func open(t *testing.T, cfg Config) *Journal {
	t.Helper()
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

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
	j := open(t, Config{Dir: t.TempDir()})
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
	j := open(t, Config{Dir: t.TempDir(), MaxAge: time.Hour})
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

func TestAClosedJournalAnswersAtOnce(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	r, err := j.Reader(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 1, 1, 0)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var got acks
	for i := 0; i < 3; i++ { // the first may still be taken and fail by its ack
		_ = w.Append(entry(2, 0), got.add)
	}
	if err := w.Flush(t.Context()); err == nil {
		t.Error("flush says nothing")
	}
	if err := w.Append(entry(3, 0), got.add); err == nil {
		t.Error("append says nothing")
	}
	if len(got.seqs) != 0 {
		t.Error("an entry was acknowledged")
	}
	for err = nil; err == nil; {
		_, err = r.Next(t.Context())
	}
	if !errors.Is(err, ErrClosed) {
		t.Errorf("the reader says %v", err)
	}
	if _, err := j.Writer(t.Context(), 0, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("Writer says %v", err)
	}
	if st := j.Stats(); st.State != "down" || st.Error == "" {
		t.Errorf("stats %+v", st)
	}
}

func TestAStoreThatBrokeIsStartedAnew(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	write(t, w, 1, 10, 0)
	r, err := j.Reader(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.eng.srv.DisableJetStream(); err != nil { // as the store does by itself on a write error
		t.Fatal(err)
	}
	var got acks
	if err := w.Append(entry(11, 0), got.add); err == nil {
		err = w.Flush(t.Context())
		if err == nil {
			t.Fatal("flush says nothing")
		}
	}
	if len(got.seqs) != 0 {
		t.Fatal("an entry was acknowledged by a store that is off")
	}
	if st := j.Stats(); st.State != "down" {
		t.Errorf("stats %+v", st)
	}
	last, err := j.Last(t.Context(), 0)
	if err != nil || last != 10 {
		t.Fatalf("started anew it ends at %d, %v", last, err)
	}
	write(t, openWriter(t, j, 0, last), 11, 20, 0)
	for err = nil; err == nil; {
		_, err = r.Next(t.Context())
	}
	if !errors.Is(err, ErrClosed) {
		t.Errorf("the old reader says %v", err)
	}
	if recs := readTo(t, j, 0, 0, 20); len(recs) != 20 {
		t.Errorf("%d records", len(recs))
	}
	if st := j.Stats(); st.State != "ok" {
		t.Errorf("stats %+v", st)
	}
}

func TestAFullDiskLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	bound := int64(0)
	mounted := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m") == nil
	if mounted {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	} else { // no right to mount: the bound of the stream stands in for the disk's
		bound = 4 << 20
	}
	j := open(t, Config{Dir: dir, MaxBytes: bound, AckTimeout: 500 * time.Millisecond})
	w := openWriter(t, j, 0, 0)
	var got acks
	var err error
	for n := 1; err == nil; n++ {
		err = w.Append(entry(n, 20000), got.add)
		if errors.Is(err, ErrBusy) || n%50 == 0 && err == nil {
			err = w.Flush(t.Context())
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if mounted {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Fatal(err)
		}
	} else {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, Config{Dir: dir})
	}
	last, err := j.Last(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	acked := got.seqs[len(got.seqs)-1]
	if last < acked {
		t.Fatalf("acknowledged to %d, ends at %d", acked, last)
	}
	write(t, openWriter(t, j, 0, last), int(last)+1, int(last)+5, 100)
	for i, r := range readTo(t, j, 0, 0, last+5) {
		if r.Sequence != uint64(i+1) || r.Entry.Input.Observation.Exchange != r.Sequence {
			t.Fatalf("record %d is %d with entry %d", i+1, r.Sequence, r.Entry.Input.Observation.Exchange)
		}
	}
	t.Logf("acknowledged %d, kept %d, disk %v", acked, last, mounted)
}

// appendUntilKilled is the child: it prints each acknowledged sequence.
func appendUntilKilled(dir string) {
	j, err := Open(Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	last, err := j.Last(context.Background(), 0)
	if err != nil {
		panic(err)
	}
	w, err := j.Writer(context.Background(), 0, last)
	if err != nil {
		panic(err)
	}
	for n := int(last) + 1; ; n++ {
		err := w.Append(entry(n, 300), func(seq uint64, err error) {
			if err != nil {
				panic(err)
			}
			_, _ = os.Stdout.WriteString(strconv.FormatUint(seq, 10) + "\n")
		})
		if errors.Is(err, ErrBusy) {
			_ = w.Flush(context.Background())
			n--
		} else if err != nil {
			panic(err)
		}
	}
}

func TestAKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acked := uint64(0)
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			seq, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				break // cut short by the kill
			}
			if seq != acked+1 && n > 0 {
				t.Fatalf("acknowledged %d after %d", seq, acked)
			}
			acked = seq
			if n == 2000+500*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
	}
	j := open(t, Config{Dir: dir})
	last, err := j.Last(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if last < acked || acked < 6000 {
		t.Fatalf("acknowledged to %d, ends at %d", acked, last)
	}
	recs := readTo(t, j, 0, 0, last)
	if len(recs) != int(last) {
		t.Fatalf("%d records to sequence %d", len(recs), last)
	}
	for i, r := range recs {
		if r.Sequence != uint64(i+1) || r.Entry.Input.Observation.Exchange != r.Sequence {
			t.Fatalf("record %d is %d with entry %d", i+1, r.Sequence, r.Entry.Input.Observation.Exchange)
		}
	}
	write(t, openWriter(t, j, 0, last), 1, 1, 0)
}

func TestALostEndIsMarked(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), MaxInFlight: 16})
	write(t, openWriter(t, j, 0, 0), 1, 10, 0)
	if _, err := j.Reader(t.Context(), 0, 50); !errors.Is(err, ErrAhead) {
		t.Fatalf("a reader that knows more is told %v", err)
	}
	if err := j.Advance(t.Context(), 0, 50); err != nil {
		t.Fatal(err)
	}
	if err := j.Advance(t.Context(), 0, 20); err != nil {
		t.Fatal(err)
	}
	recs := readTo(t, j, 0, 0, 50)
	if len(recs) != 50 {
		t.Fatalf("%d records", len(recs))
	}
	for _, r := range recs {
		if lost := r.Sequence > 10; lost != (r.Entry.Judgement.Fault != "") {
			t.Fatalf("entry %d has fault %q", r.Sequence, r.Entry.Judgement.Fault)
		}
	}
	// A writer whose snapshot knows more goes on from there too.
	write(t, openWriter(t, j, 0, 60), 61, 61, 0)
	if recs := readTo(t, j, 0, 50, 61); len(recs) != 11 || recs[10].Entry.Judgement.Fault != "" {
		t.Errorf("%d records after the writer's advance", len(recs))
	}
	if err := j.Advance(t.Context(), 0, 1<<40); !errors.Is(err, ErrAhead) {
		t.Errorf("an absurd advance is told %v", err)
	}
}

func TestBackupIsAWholeJournal(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	w := openWriter(t, j, 0, 0)
	write(t, w, 1, 500, 50)
	write(t, openWriter(t, j, 7, 0), 1, 3, 50)
	if err := j.SaveSnapshot(0, 400, func(w io.Writer) error {
		_, err := w.Write([]byte("state"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s, err := j.eng.js.Stream(t.Context(), streamName(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 2, 3, 100, 101} {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // it goes on being written
		defer close(done)
		for n := 501; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = w.Append(entry(n, 50), func(uint64, error) {})
				_ = w.Flush(context.Background())
			}
		}
	}()
	dir := filepath.Join(t.TempDir(), "copy")
	err = j.Backup(t.Context(), dir)
	close(stop)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Backup(t.Context(), dir); err == nil {
		t.Error("a backup over another is not refused")
	}
	to := open(t, Config{Dir: dir})
	last, err := to.Last(t.Context(), 0)
	if err != nil || last < 500 {
		t.Fatalf("the copy ends at %d, %v", last, err)
	}
	recs := readTo(t, to, 0, 0, last)
	if recs[0].Sequence != 4 {
		t.Errorf("the copy begins at %d", recs[0].Sequence)
	}
	for _, r := range recs {
		if r.Sequence == 100 || r.Sequence == 101 {
			if r.Entry.Judgement.Fault == "" {
				t.Errorf("the gap at %d holds an entry", r.Sequence)
			}
		} else if r.Entry.Input.Observation.Exchange != r.Sequence {
			t.Fatalf("%d holds entry %d", r.Sequence, r.Entry.Input.Observation.Exchange)
		}
	}
	if recs := readTo(t, to, 7, 0, 3); len(recs) != 3 {
		t.Errorf("partition 7 has %d", len(recs))
	}
	if seq, r, ok, err := to.LoadSnapshot(0); err != nil || !ok || seq != 400 {
		t.Errorf("snapshot %d %v %v", seq, ok, err)
	} else {
		_ = r.Close()
	}
	write(t, openWriter(t, to, 0, last), int(last)+1, int(last)+2, 0)
}

func ExampleJournal() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	j, err := Open(Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	defer func() { _ = j.Close() }()
	ctx := context.Background()
	last, _ := j.Last(ctx, 0)
	w, err := j.Writer(ctx, 0, last)
	if err != nil {
		panic(err)
	}
	_ = w.Append(&journey.Entry{Version: journey.EntryVersion, Input: journey.Input{Kind: journey.InputTick}},
		func(seq uint64, err error) { fmt.Println("acknowledged", seq, err) })
	_ = w.Flush(ctx)
	_ = w.Close()
	// Output: acknowledged 1 <nil>
}
