package duckdb

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// state is what of a Session's row is compared.
type state struct {
	events int
	last   int64
}

// model is what the tables must hold, kept the simplest way.
type model struct {
	sightings map[sighting]span
	entities  map[int64]int64 // first by hash
	sessions  map[journey.ID]state
	events    int
}

func (m *model) add(b warehouse.Batch) {
	for s, at := range gather(b.Events) {
		if old, ok := m.sightings[s]; ok {
			m.sightings[s] = at.with(old)
		} else {
			m.sightings[s] = at
		}
		if _, ok := m.entities[s.hash]; !ok {
			m.entities[s.hash] = at.first
			for o, other := range gather(b.Events) {
				if o.hash == s.hash {
					m.entities[s.hash] = min(m.entities[s.hash], other.first)
				}
			}
		}
	}
	for _, s := range b.Sessions {
		m.sessions[s.ID] = state{s.Events, s.Last}
	}
	m.events += len(b.Events)
}

func (m *model) expire(before int64) {
	maps.DeleteFunc(m.sightings, func(_ sighting, at span) bool { return at.last < before })
	maps.DeleteFunc(m.sessions, func(_ journey.ID, s state) bool { return s.last < before })
}

// anyBatch has Events of a few Sessions, old and new, with entities that come
// again, times that go back, and hashes that two entities share.
func anyBatch(r *rand.Rand, seq uint64) (b warehouse.Batch) {
	for n := range 1 + r.IntN(12) {
		i := int(seq) + n
		sid := journey.ID(1 + max(0, i/7-r.IntN(6)*r.IntN(2)))
		e := journey.Event{ID: journey.ID(i), SessionID: sid, Time: int64(i)*1000 - int64(r.IntN(5000))}
		for range r.IntN(4) {
			k := r.IntN(9)
			e.Elements = append(e.Elements, journey.Element{ID: []string{"email", "ip"}[k%2], Value: fmt.Sprint("v", k), Entity: true, Hash: int64(1 + k/2)})
		}
		b.Sequences = append(b.Sequences, uint64(i))
		b.Events = append(b.Events, e)
		b.Sessions = append(b.Sessions, journey.Session{ID: sid, Events: i, Last: e.Time})
	}
	return b
}

func TestTablesHoldWhatBatchesSayWhateverHappens(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		file := filepath.Join(t.TempDir(), fmt.Sprint(seed))
		d := open(t, file)
		m := model{map[sighting]span{}, map[int64]int64{}, map[journey.ID]state{}, 0}
		seq := uint64(1)
		for round := range 60 {
			b := anyBatch(r, seq)
			to := seq + uint64(len(b.Events)) - 1
			switch r.IntN(8) {
			case 0: // refused at the end, and tried again
				d.fault = func() error { return errors.New("not now") }
				if err := d.Apply(t.Context(), 0, seq, to, b); err == nil {
					t.Fatal("a fault says nothing")
				}
				d.fault = nil
			case 1:
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				d = open(t, file)
			case 2: // everything it remembers is forgotten
				d.known = newKnownEntities()
				if d.h.kept != nil {
					d.h.kept.visits = newVisits()
				}
			case 3:
				before := int64(seq)*1000 - 40_000
				if err := d.Expire(t.Context(), before); err != nil {
					t.Fatal(err)
				}
				m.expire(before)
			}
			if err := d.Apply(t.Context(), 0, seq, to, b); err != nil {
				t.Fatal(err)
			}
			m.add(b)
			seq = to + 1
			if round%5 == 4 {
				compareTables(t, d, &m)
			}
		}
		_ = d.Close()
	}
}

func compareTables(t *testing.T, d *DB, m *model) {
	t.Helper()
	got := map[sighting]span{}
	err := d.ask(t.Context(), `SELECT vh, element, value, sid, epoch_us(first), epoch_us(last) FROM session_entities`, nil, func(rows *sql.Rows) error {
		var s sighting
		var at span
		if err := rows.Scan(&s.hash, &s.element, &s.value, (*int64)(&s.session), &at.first, &at.last); err != nil {
			return err
		}
		if _, twice := got[s]; twice {
			t.Errorf("%v is there twice", s)
		}
		got[s] = at
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, m.sightings) {
		t.Fatalf("sightings\n%v\n%v", got, m.sightings)
	}
	entities := map[int64]int64{}
	err = d.ask(t.Context(), `SELECT vh, epoch_us(first) FROM entities`, nil, func(rows *sql.Rows) error {
		var vh, first int64
		if err := rows.Scan(&vh, &first); err != nil {
			return err
		}
		if _, twice := entities[vh]; twice {
			t.Errorf("entity %d is there twice", vh)
		}
		entities[vh] = first
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(entities, m.entities) {
		t.Fatalf("entities\n%v\n%v", entities, m.entities)
	}
	sessions := map[journey.ID]state{}
	err = d.ask(t.Context(), `SELECT sid, events, epoch_us(last) FROM sessions`, nil, func(rows *sql.Rows) error {
		var sid int64
		var s state
		if err := rows.Scan(&sid, &s.events, &s.last); err != nil {
			return err
		}
		if _, twice := sessions[journey.ID(sid)]; twice {
			t.Errorf("session %d is there twice", sid)
		}
		sessions[journey.ID(sid)] = s
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(sessions, m.sessions) {
		t.Fatalf("sessions\n%v\n%v", sessions, m.sessions)
	}
}

func TestThreadsComeWithQuestionsAndGo(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	threads := func() (n int64) {
		t.Helper()
		n, err := queryInt(t.Context(), d.h.w, `SELECT current_setting('threads')::BIGINT`)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := d.Apply(t.Context(), 0, 1, 10, numbered(1, 10)); err != nil {
		t.Fatal(err)
	}
	if n := threads(); n != 1 {
		t.Errorf("nobody asks, and there are %d", n)
	}
	if _, err := d.Overview(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n := threads(); n != 2 {
		t.Errorf("somebody asks, and there are %d", n)
	}
	if err := d.Apply(t.Context(), 0, 11, 20, numbered(11, 20)); err != nil {
		t.Fatal(err)
	}
	if n := threads(); n != 2 {
		t.Errorf("somebody has just asked, and there are %d", n)
	}
	d.asked.Add(-int64(idleAfter))
	d.asking.Add(1)
	if err := d.Apply(t.Context(), 0, 21, 30, numbered(21, 30)); err != nil {
		t.Fatal(err)
	}
	if n := threads(); n != 2 {
		t.Errorf("a long question runs, and there are %d", n)
	}
	d.asking.Add(-1)
	if err := d.Apply(t.Context(), 0, 31, 40, numbered(31, 40)); err != nil {
		t.Fatal(err)
	}
	if n := threads(); n != 1 {
		t.Errorf("nobody asks any more, and there are %d", n)
	}
}
