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
	if n := messages(t, j, 0); n > last/4 {
		t.Errorf("%d entries in %d messages: what was killed did not write packs", last, n)
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
	j := open(t, Config{Dir: t.TempDir(), MaxInFlight: alone})
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
