package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestAJournalIsAListOfEntries does at random whatever a journal is used for, and
// wants of it what a list would have.
func TestAJournalIsAListOfEntries(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := &model{T: t, r: rand.New(rand.NewPCG(seed, 3)), dir: t.TempDir(), first: 1}
			m.open()
			if seed%2 == 1 {
				m.alone(m.r.IntN(60))
			}
			steps := []func(){m.append, m.append, m.append, m.append, m.read, m.read, m.reopen, m.depose, m.lose, m.trim, m.trim, m.backup, m.follow}
			for range 40 {
				steps[m.r.IntN(len(steps))]()
				m.ends()
			}
			m.all()
		})
	}
}

// model is a journal and what should be in its partition 0: entries first to last,
// each with its number as Exchange but for those that were lost.
type model struct {
	*testing.T
	r           *rand.Rand
	dir         string
	j           *Journal
	w           Writer // nil until it is needed
	first, last uint64
	lost        [][2]uint64
	floor       uint64 // of trims so far
}

func (m *model) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m *model) open() {
	cfg := Config{Dir: m.dir, Gather: []time.Duration{time.Hour, time.Millisecond}[m.r.IntN(2)],
		MaxInFlight: []int{alone, 40, 4096}[m.r.IntN(3)], TrimEvery: time.Hour, MaxAge: time.Hour}
	j, err := Open(cfg)
	m.must(err)
	m.j, m.w = j, nil
	m.Cleanup(func() { _ = j.Close() })
}

// alone writes entries as was done before there were packs.
func (m *model) alone(n int) {
	_, err := m.j.Last(m.Context(), 0) // makes the stream
	m.must(err)
	for range n {
		m.last++
		_, err := m.j.eng.js.Publish(m.Context(), subject(0), mustEncode(m.T, int(m.last)))
		m.must(err)
	}
}

func (m *model) writer() Writer {
	if m.w == nil {
		m.w = openWriter(m.T, m.j, 0, m.last)
	}
	return m.w
}

func (m *model) append() {
	w := m.writer()
	var got acks
	from := m.last
	for range m.r.IntN(200) {
		e := entry(int(m.last+1), m.r.IntN(10))
		if m.r.IntN(50) == 0 {
			e = entry(int(m.last+1), m.r.IntN(gatherBytes*3/2))
		}
		err := w.Append(e, got.add)
		if errors.Is(err, ErrBusy) || m.r.IntN(40) == 0 {
			m.must(w.Flush(m.Context()))
		}
		if errors.Is(err, ErrBusy) {
			err = w.Append(e, got.add)
		}
		m.must(err)
		m.last++
	}
	m.must(w.Flush(m.Context()))
	if w := w.(*writer); w.count != 0 || w.bytes != 0 || m.j.inFlight.Load() != 0 {
		m.Fatalf("%d entries of %d bytes are in flight (%d) when all are acknowledged", w.count, w.bytes, m.j.inFlight.Load())
	}
	if len(got.seqs) != int(m.last-from) || len(got.errs) != 0 {
		m.Fatalf("%d of %d entries are acknowledged", len(got.seqs), m.last-from)
	}
	for i, seq := range got.seqs {
		if seq != from+uint64(i)+1 {
			m.Fatalf("acknowledged %d, want %d", seq, from+uint64(i)+1)
		}
	}
}

func (m *model) isLost(number uint64) bool {
	for _, l := range m.lost {
		if l[0] <= number && number <= l[1] {
			return true
		}
	}
	return false
}

// expect holds records against entries from one number on.
func (m *model) expect(recs []Record, from uint64) {
	m.Helper()
	for i, rec := range recs {
		want := from + uint64(i)
		o := rec.Entry.Input.Observation
		if rec.Sequence != want || m.isLost(want) != (rec.Entry.Judgement.Fault != "") || o != nil && o.Exchange != want {
			m.Fatalf("record %d is %d: %+v", want, rec.Sequence, rec.Entry.Input)
		}
	}
}

func (m *model) read() {
	if m.last == 0 {
		return
	}
	after := m.r.Uint64N(m.last)
	if m.r.IntN(2) == 0 { // near the end
		after = m.last - 1 - m.r.Uint64N(min(m.last, 100))
	}
	from := max(after+1, m.first)
	recs := readTo(m.T, m.j, 0, after, m.last)
	if len(recs) != int(m.last+1-from) {
		m.Fatalf("%d records after %d, want %d to %d", len(recs), after, from, m.last)
	}
	m.expect(recs, from)
}

func (m *model) all() {
	if recs := readTo(m.T, m.j, 0, 0, m.last); m.last > 0 {
		m.expect(recs, m.first)
	}
}

// follow reads while it is written, from the tail and from the store.
func (m *model) follow() {
	after := m.last - min(m.last+1-m.first, m.r.Uint64N(300))
	r, err := m.j.Judgements(m.Context(), 0, after)
	m.must(err)
	defer func() { _ = r.Close() }()
	for range 4 {
		m.append()
		for to := min(m.last, after+m.r.Uint64N(300)); after < to; {
			recs, err := r.Batch(m.Context(), int(min(to-after, 70)))
			m.must(err)
			for _, rec := range recs { // a judgement comes without its observation
				if after++; rec.Sequence != after || rec.Entry.Input.Time != int64(after) && !m.isLost(after) {
					m.Fatalf("record %d is %d with entry %d", after, rec.Sequence, rec.Entry.Input.Time)
				}
			}
		}
	}
}

func (m *model) reopen() {
	m.must(m.j.Close())
	m.open()
}

func (m *model) depose() {
	old := m.writer()
	m.w = nil
	for was := m.last; m.last == was; {
		m.append()
	}
	var got acks
	for range 1 + m.r.IntN(100) {
		_ = old.Append(entry(1<<30, 0), got.add)
	}
	if err := old.Flush(m.Context()); !errors.Is(err, ErrDeposed) || len(got.seqs) > 0 {
		m.Fatalf("the deposed writer is told %v, of %v", err, got.seqs)
	}
}

// lose makes the journal go on behind a number that it never gave.
func (m *model) lose() {
	n := 1 + m.r.Uint64N(150)
	m.must(m.j.Advance(m.Context(), 0, m.last+n))
	m.lost = append(m.lost, [2]uint64{m.last + 1, m.last + n})
	m.last += n
	m.w = nil
}

func (m *model) trim() {
	if m.last < 3 {
		return
	}
	m.floor = max(m.floor, m.r.Uint64N(m.last-1))
	for _, seq := range []uint64{m.floor, m.last} {
		m.must(m.j.SaveSnapshot(0, seq, text("")))
	}
	m.j.Consumed(0, m.floor)
	m.must(m.j.trim(m.Context(), 0, time.Now().Add(2*time.Hour)))
	first, err := m.j.First(m.Context(), 0)
	m.must(err)
	if first < m.first || first > m.floor+1 && first > m.first {
		m.Fatalf("trimmed up to %d it begins at %d, before at %d", m.floor, first, m.first)
	}
	if m.floor > first+gatherEntries { // what could go has gone
		m.Fatalf("trimmed up to %d it still begins at %d", m.floor, first)
	}
	m.first = first
}

func (m *model) backup() {
	dir := filepath.Join(m.TempDir(), "copy")
	m.must(m.j.Backup(m.Context(), dir))
	if m.r.IntN(2) == 0 { // the copy is the journal from here on
		m.must(m.j.Close())
		m.dir = dir
		m.open()
		return
	}
	to := open(m.T, Config{Dir: dir})
	if m.last >= m.first {
		recs := readTo(m.T, to, 0, 0, m.last)
		if len(recs) != int(m.last+1-m.first) {
			m.Fatalf("%d records of %d to %d are copied", len(recs), m.first, m.last)
		}
		m.expect(recs, m.first)
	}
	m.must(to.Close())
}

func (m *model) ends() {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), 10*time.Second)
	defer cancel()
	first, err := m.j.First(ctx, 0)
	m.must(err)
	last, err := m.j.Last(ctx, 0)
	m.must(err)
	if first != m.first || last != m.last {
		m.Fatalf("it goes from %d to %d, want %d to %d", first, last, m.first, m.last)
	}
	if st := m.j.Stats(); st.Entries != int64(m.last+1-m.first) || st.State != "ok" {
		m.Fatalf("%+v, want %d entries", st, m.last+1-m.first)
	}
}
