package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// packed is a pack of the entries given.
func packed(first uint64, entries ...string) []byte {
	var b []byte
	for _, e := range entries {
		b = addPacked(b, []byte(e))
	}
	sealPack(b, first, len(entries))
	return b
}

func TestUnpackRefusesInWords(t *testing.T) {
	good := packed(70, "{}", `{"v":1}`)
	edit := func(at int, bytes ...byte) []byte {
		b := append([]byte{}, good...)
		copy(b[at:], bytes)
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing":             {nil, "it is empty"},
		"another mark":        {edit(0, 2), "begins with byte 2, want 1"},
		"a mark alone":        {good[:1], "has 1 bytes, want 11"},
		"no entries":          {edit(9, 0, 0), "has no entries"},
		"more than there are": {edit(9, 0, 3), "ends before its entry 3"},
		"fewer":               {edit(9, 0, 1), "11 bytes follow its last entry"},
		"very many":           {edit(9, 255, 255), "has 65535 entries, which 17 bytes can't hold"},
		"number zero":         {edit(1, 0, 0, 0, 0, 0, 0, 0, 0), "its first entry is 0"},
		"a number too large":  {edit(1, 128, 0, 0, 0, 0, 0, 0, 1), "its first entry is 9223372036854775809"},
		"below its message":   {edit(8, 8), "its first entry is 8, which can't be below"},
		"an empty entry":      {edit(packHead, 0, 0, 0, 0), "entry 1 of 2 has 0 bytes"},
		"an endless entry":    {edit(packHead, 255, 255, 255, 255), "entry 1 of 2 has 4294967295 bytes, want 1 to 8388608"},
		"a long entry":        {edit(packHead, 0, 0, 0, 14), "entry 1 of 2 has 14 bytes, 13 are there"},
		"cut short":           {good[:len(good)-1], "entry 2 of 2 has 7 bytes, 6 are there"},
		"longer":              {append(edit(0, 1), 'x'), "1 bytes follow its last entry"},
	} {
		_, entries, err := unpack(9, c.b)
		if err == nil || entries != nil || !strings.Contains(err.Error(), "message 9: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	first, entries, err := unpack(9, good)
	if err != nil || first != 70 || len(entries) != 2 || string(entries[0]) != "{}" || string(entries[1]) != `{"v":1}` {
		t.Errorf("%d %q %v", first, entries, err)
	}
	first, entries, err = unpack(9, []byte(`{"an entry":"alone"}`))
	if err != nil || first != 9 || len(entries) != 1 || string(entries[0]) != `{"an entry":"alone"}` {
		t.Errorf("%d %q %v", first, entries, err)
	}
}

// FuzzUnpack holds what is understood against what would be written.
func FuzzUnpack(f *testing.F) {
	f.Add(uint64(1), packed(1, "{}"))
	f.Add(uint64(9), packed(70, "{}", `{"v":1}`, strings.Repeat("x", 300)))
	f.Add(uint64(9), packed(8, "{}"))
	f.Add(uint64(3), []byte(`{"v":1,"p":0,"in":{"kind":"tick","time":5},"out":{}}`))
	f.Add(uint64(3), []byte{packMark, 0, 0, 0, 0, 0, 0, 0, 3, 255, 255, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, seq uint64, b []byte) {
		first, entries, err := unpack(seq, b)
		if err != nil {
			if entries != nil || first != 0 {
				t.Fatalf("%v with %d entries from %d", err, len(entries), first)
			}
			return
		}
		if len(entries) == 0 || first < seq {
			t.Fatalf("message %d has %d entries from %d", seq, len(entries), first)
		}
		if b[0] == '{' {
			if first != seq || len(entries) != 1 || !bytes.Equal(entries[0], b) {
				t.Fatalf("an entry alone is %d: %q", first, entries)
			}
			return
		}
		var again []byte
		for _, e := range entries {
			again = addPacked(again, e)
		}
		sealPack(again, first, len(entries))
		if !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
	})
}

// messages counts those of a partition.
func messages(t *testing.T, j *Journal, partition int) uint64 {
	t.Helper()
	return streamOf(t, j, partition).CachedInfo().State.Msgs
}

func streamOf(t *testing.T, j *Journal, partition int) jetstream.Stream {
	t.Helper()
	s, err := j.eng.js.Stream(t.Context(), streamName(partition))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inPacks makes a partition of packs of the sizes given, and returns the number of
// its last entry.
func inPacks(t *testing.T, j *Journal, partition int, last uint64, sizes ...int) uint64 {
	t.Helper()
	w := openWriter(t, j, partition, last)
	before := messages(t, j, partition)
	for _, n := range sizes {
		write(t, w, int(last)+1, int(last)+n, 0) // it flushes
		last += uint64(n)
	}
	if n := messages(t, j, partition); n != before+uint64(len(sizes)) {
		t.Fatalf("%d messages are written for %d packs", n-before, len(sizes))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return last
}

// consecutive wants records without gap from one number to another, each with its
// own entry.
func consecutive(t *testing.T, recs []Record, from, to uint64) {
	t.Helper()
	if len(recs) != int(to+1-from) {
		t.Fatalf("%d records, want %d to %d", len(recs), from, to)
	}
	for i, r := range recs {
		if want := from + uint64(i); r.Sequence != want || r.Entry.Input.Observation.Exchange != want {
			t.Fatalf("record %d is %d with entry %d", want, r.Sequence, r.Entry.Input.Observation.Exchange)
		}
	}
}

func TestAReaderBeginsInTheMiddleOfAPack(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Config{Dir: dir, Gather: time.Hour})
	last := inPacks(t, j, 0, 0, 1, 5, 1, 1, 30, 2, 17, 3)
	for range 2 {
		for after := range last {
			consecutive(t, readTo(t, j, 0, after, last), after+1, last)
		}
		if got, err := j.Last(t.Context(), 0); got != last || err != nil {
			t.Errorf("it ends at %d, %v", got, err)
		}
		if _, err := j.Reader(t.Context(), 0, last+1); !errors.Is(err, ErrAhead) {
			t.Errorf("a reader behind the end is told %v", err)
		}
		if _, err := j.Writer(t.Context(), 0, last-1); !errors.Is(err, ErrDeposed) { // the last message's number would fit
			t.Errorf("a writer within the last pack is told %v", err)
		}
		if st := j.Stats(); st.Entries != int64(last) {
			t.Errorf("%d entries of %d", st.Entries, last)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, Config{Dir: dir})
	}
}

func TestOnlyWholePacksAreTrimmed(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), MaxAge: time.Hour, Gather: time.Hour})
	last := inPacks(t, j, 0, 0, 10, 10, 1, 9, 10)
	none := func(io.Writer) error { return nil }
	later := time.Now().Add(2 * time.Hour)
	for _, seq := range []uint64{last - 1, last} {
		if err := j.SaveSnapshot(0, seq, none); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ consumed, first uint64 }{{9, 1}, {10, 11}, {19, 11}, {20, 21}, {21, 22}, {25, 22}, {39, 31}, {40, 31}} {
		j.Consumed(0, c.consumed)
		if err := j.trim(t.Context(), 0, later); err != nil {
			t.Fatal(err)
		}
		if first, err := j.First(t.Context(), 0); first != c.first || err != nil {
			t.Fatalf("consumed to %d it begins at %d, %v; want %d", c.consumed, first, err, c.first)
		}
		consecutive(t, readTo(t, j, 0, 0, last), c.first, last)
	}
	// Even what nobody needs keeps its last message, which knows the number.
	if err := j.SaveSnapshot(0, last+100, none); err != nil {
		t.Fatal(err)
	}
	if err := j.SaveSnapshot(0, last+101, none); err != nil {
		t.Fatal(err)
	}
	j.Consumed(0, last+100)
	if err := j.trim(t.Context(), 0, later); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Last(t.Context(), 0); got != last || err != nil {
		t.Errorf("it ends at %d, %v", got, err)
	}
}

func TestBeforeIsTheEndOfAPack(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	var at []time.Time
	last := uint64(0)
	for _, n := range []int{3, 1, 20} {
		last = inPacks(t, j, 0, last, n)
		time.Sleep(3 * time.Millisecond)
		at = append(at, time.Now())
		time.Sleep(3 * time.Millisecond)
	}
	for i, want := range []uint64{3, 4, 24} {
		if got, err := j.Before(t.Context(), 0, at[i]); got != want || err != nil {
			t.Errorf("before %d is %d, %v; want %d", i, got, err, want)
		}
	}
}

// What a disk lost in the middle or at the end is a gap, as ever.
func TestLostPacksAreAGap(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
	last := inPacks(t, j, 0, 0, 4, 6, 5, 5, 10, 10)
	s := streamOf(t, j, 0)
	for _, seq := range []uint64{2, 3, 5} { // 5 to 15 and 21 to 30
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	for after, want := range map[uint64]uint64{0: 1, 3: 4, 4: 16, 7: 16, 12: 16, 15: 16, 17: 18, 20: 31, 29: 31, 33: 34} {
		recs := readTo(t, j, 0, after, last)
		if recs[0].Sequence != want || recs[len(recs)-1].Sequence != last {
			t.Errorf("after %d comes %d", after, recs[0].Sequence)
		}
	}
	if err := s.DeleteMsg(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	// Its newest message is 4 with entry 20, two are lost: what follows is behind.
	got, err := j.Last(t.Context(), 0)
	if got != 22 || err != nil {
		t.Fatalf("it ends at %d, %v", got, err)
	}
	write(t, openWriter(t, j, 0, 40), 41, 45, 0)
	recs := readTo(t, j, 0, 22, 45)
	if len(recs) != 23 || recs[17].Entry.Judgement.Fault == "" {
		t.Errorf("%d records", len(recs))
	}
	consecutive(t, recs[18:], 41, 45)
}

// TestWhatIsLeftBeforeALostEndStays: it alone knows what number comes next, and what was
// lost behind it is in nobody's way.
func TestWhatIsLeftBeforeALostEndStays(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), MaxAge: time.Hour, Gather: time.Hour})
	inPacks(t, j, 0, 0, 10, 20, 30, 5, 5, 5, 5, 5)
	s := streamOf(t, j, 0)
	for seq := uint64(4); seq <= 8; seq++ {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(2 * time.Hour)
	if got, err := j.Before(t.Context(), 0, later); got != 65 || err != nil { // five are lost: one each at least
		t.Errorf("all are before %d, %v", got, err)
	}
	for _, seq := range []uint64{84, 85} {
		if err := j.SaveSnapshot(0, seq, text("")); err != nil {
			t.Fatal(err)
		}
	}
	j.Consumed(0, 85)
	if err := j.trim(t.Context(), 0, later); err != nil {
		t.Fatal(err)
	}
	first, err := j.First(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	last, err := j.Last(t.Context(), 0)
	if first != 31 || last != 65 || err != nil {
		t.Errorf("it goes from %d to %d, %v", first, last, err)
	}
}

// A power loss tears the end off: whole packs are lost, and who knows more goes on
// behind them.
func TestATornEndLosesWholePacks(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Config{Dir: dir, Gather: time.Hour})
	last := inPacks(t, j, 0, 0, 3, 5, 2, 7)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join("jetstream", "$G", "streams", streamName(0), "msgs", "1.blk")
	whole, err := os.Stat(filepath.Join(dir, block))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for cut := int64(1); cut < whole.Size(); cut += 701 {
		torn := t.TempDir()
		if err := os.CopyFS(torn, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(torn, block), whole.Size()-cut); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(torn, filepath.Dir(block), "index.db")); err != nil {
			t.Fatal(err)
		}
		j := open(t, Config{Dir: torn})
		kept, err := j.Last(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if seen[kept] = true; kept != 0 && kept != 3 && kept != 8 && kept != 10 {
			t.Fatalf("without %d bytes it ends at %d, within a pack", cut, kept)
		}
		consecutive(t, readTo(t, j, 0, 0, kept), 1, kept)
		write(t, openWriter(t, j, 0, last), int(last)+1, int(last)+4, 0)
		recs := readTo(t, j, 0, 0, last+4)
		consecutive(t, recs[:kept], 1, kept)
		consecutive(t, recs[last:], last+1, last+4)
		for _, r := range recs[kept:last] {
			if r.Entry.Judgement.Fault == "" {
				t.Errorf("entry %d is not marked as lost", r.Sequence)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 4 {
		t.Errorf("only ends at %v were tried", seen)
	}
}

func TestTheLargestEntriesTravelAlone(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
	w := openWriter(t, j, 0, 0)
	small := mustEncode(t, 1)
	sizes := []int{10, MaxEntry - len(small), 10, packBytes, 10, MaxEntry - len(small)}
	for i, n := range sizes {
		if err := w.Append(entry(i+1, n), func(uint64, error) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append(entry(7, MaxEntry-len(small)+1), nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte more says %v", err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	consecutive(t, readTo(t, j, 0, 0, 6), 1, 6)
	if n := messages(t, j, 0); n != 6 {
		t.Errorf("%d messages", n)
	}
}

func mustEncode(t *testing.T, n int) []byte {
	t.Helper()
	b, err := Encode(entry(n, 0))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// oldFolder is a copy of a journal's folder from before there were packs: 90 entries
// in partition 0, of which 1-20 were trimmed and 40-42 lost; 7 in partition 3, none
// of them left.
func oldFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/before-packs")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAJournalFromBeforeThereWerePacksGoesOn(t *testing.T) {
	dir := oldFolder(t)
	j := open(t, Config{Dir: dir, Gather: time.Hour, MaxAge: time.Hour})
	if n := messages(t, j, 0); n != 67 {
		t.Fatalf("it has %d messages", n)
	}
	expect := func(last uint64) {
		t.Helper()
		for after, want := range map[uint64]uint64{0: 21, 19: 21, 20: 21, 21: 22, 38: 39, 39: 43, 40: 43, 42: 43, 88: 89} {
			recs := readTo(t, j, 0, after, last)
			if recs[0].Sequence != want || recs[0].Entry.Input.Observation.Exchange != want {
				t.Errorf("after %d comes %d", after, recs[0].Sequence)
			}
			consecutive(t, recs[len(recs)-int(last-max(after, 42)):], max(after, 42)+1, last)
		}
		if got, err := j.First(t.Context(), 0); got != 21 || err != nil {
			t.Errorf("it begins at %d, %v", got, err)
		}
		if got, err := j.Last(t.Context(), 0); got != last || err != nil {
			t.Errorf("it ends at %d, %v", got, err)
		}
	}
	expect(90)
	if seq, body := load(t, j, 0); seq != 60 || body != "state" {
		t.Errorf("its snapshot is %d %q", seq, body)
	}
	if first, err := j.First(t.Context(), 3); first != 8 || err != nil {
		t.Errorf("what is empty begins at %d, %v", first, err)
	}
	last := inPacks(t, j, 0, 90, 5, 1, 60)
	expect(last)
	if to := inPacks(t, j, 3, 7, 3); to != 10 {
		t.Fatal(to)
	}
	consecutive(t, readTo(t, j, 3, 0, 10), 8, 10)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir, MaxAge: time.Hour})
	expect(last)
	// It is backed up with its numbers, and trimmed into the packs.
	copied := t.TempDir() + "/copy"
	if err := j.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	j.Consumed(0, last)
	for _, seq := range []uint64{93, 95} {
		if err := j.SaveSnapshot(0, seq, text("")); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.trim(t.Context(), 0, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	if got, err := j.First(t.Context(), 0); got != 91 || err != nil {
		t.Errorf("trimmed it begins at %d, %v", got, err)
	}
	consecutive(t, readTo(t, j, 0, 0, last), 91, last)
	j = open(t, Config{Dir: copied})
	expect(last)
	consecutive(t, readTo(t, j, 3, 0, 10), 8, 10)
	inPacks(t, j, 0, last, 7)
}

// An older throughline must not have written behind packs: its entries would have
// numbers that others have.
func TestAnEntryAloneBehindAPackIsRefused(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
	inPacks(t, j, 0, 0, 10)
	if _, err := j.eng.js.Publish(t.Context(), subject(0), mustEncode(t, 2)); err != nil {
		t.Fatal(err)
	}
	r, err := j.Reader(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for err = nil; err == nil; {
		_, err = r.Next(t.Context())
	}
	if !strings.Contains(err.Error(), "message 2 begins with entry 2, after entry 10") {
		t.Errorf("says %v", err)
	}
}

// The store's number of a message is not an entry's.
func TestPackHeadIsWhatIsWritten(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), Gather: time.Hour})
	inPacks(t, j, 0, 0, 3, 2)
	m, err := streamOf(t, j, 0).GetMsg(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if m.Data[0] != 1 || binary.BigEndian.Uint64(m.Data[1:]) != 4 || binary.BigEndian.Uint16(m.Data[9:]) != 2 ||
		int(binary.BigEndian.Uint32(m.Data[11:])) != len(mustEncode(t, 4)) {
		t.Errorf("%x", m.Data[:15])
	}
}
