package duckdb

import (
	"bufio"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// childFile makes the test binary a writer that is killed.
const childFile = "DUCKDB_TEST_CHILD_FILE"

func TestMain(m *testing.M) {
	if file := os.Getenv(childFile); file != "" {
		applyUntilKilled(file)
		return
	}
	os.Exit(m.Run())
}

// numbered is a batch of the Events from..to, each in a Session of ten.
func numbered(from, to uint64) (b warehouse.Batch) {
	for n := from; n <= to; n++ {
		sid := journey.ID(1 + n/10)
		b.Sequences = append(b.Sequences, n)
		b.Events = append(b.Events, journey.Event{ID: journey.ID(1_000_000 + n), SessionID: sid, Time: int64(n) * 1000, Name: "E",
			Elements: []journey.Element{{ID: "email", Value: fmt.Sprint("u", n%7), Entity: true, Hash: int64(1 + n%7)}, {ID: "quantity", Value: "1"}}})
		b.Sessions = append(b.Sessions, journey.Session{ID: sid, Start: int64(n/10) * 10000, Last: int64(n) * 1000, Events: int(n%10) + 1})
	}
	return b
}

func open(t *testing.T, file string) *DB {
	t.Helper()
	d, err := Open(file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func applyUntilKilled(file string) {
	d, err := Open(file, Options{})
	if err != nil {
		panic(err)
	}
	at, err := d.Position(context.Background(), 0)
	if err != nil {
		panic(err)
	}
	for from := at + 1; ; from += 50 {
		if err := d.Apply(context.Background(), 0, from, from+49, numbered(from, from+49)); err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString(strconv.FormatUint(from+49, 10) + "\n")
	}
}

func TestAKilledProcessLeavesPositionAndRowsEqual(t *testing.T) {
	file := filepath.Join(t.TempDir(), "w.duckdb")
	said := uint64(0)
	for round := range 3 {
		cmd := osexec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childFile+"="+file)
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
			if said, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
			if n == 7+5*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		d := open(t, file)
		at, err := d.Position(t.Context(), 0)
		if err != nil || at < said {
			t.Fatalf("said %d, holds %d, %v", said, at, err)
		}
		for query, want := range map[string]int64{
			`SELECT count(*) FROM events`:                                       int64(at),
			`SELECT count(DISTINCT eid) FROM events`:                            int64(at),
			`SELECT max(seq) FROM events`:                                       int64(at),
			`SELECT count(*) FROM sessions`:                                     int64(at/10) + 1,
			`SELECT sum(events)::BIGINT FROM sessions`:                          int64(at + 1), // the first Session begins at 1
			`SELECT count(*) FROM entities`:                                     7,
			`SELECT count(DISTINCT (vh, sid)) - count(*) FROM session_entities`: 0,
		} {
			if got, err := d.count(t.Context(), query, nil); err != nil || got != want {
				t.Errorf("round %d: %s: %d, %v; want %d", round, query, got, err, want)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWritingABatchGivesWay(t *testing.T) {
	ways := 0
	d, err := Open(filepath.Join(t.TempDir(), "w.duckdb"), Options{GiveWay: func() { ways++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Apply(t.Context(), 0, 1, 10*stint, numbered(1, 10*stint)); err != nil {
		t.Fatal(err)
	}
	if ways < 10 {
		t.Errorf("with %d events it gave way %d times, want 10 or more", 10*stint, ways)
	}
}

func TestABrokenDatabaseIsReopenedAndTheBatchTriedAgain(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	if err := d.Apply(t.Context(), 0, 1, 10, numbered(1, 10)); err != nil {
		t.Fatal(err)
	}
	first := d.h
	broken := &duckdb.Error{Type: duckdb.ErrorTypeFatal, Msg: "FATAL Error: database has been invalidated"}
	faults := 1
	d.fault = func() error {
		if faults > 0 {
			faults--
			return broken
		}
		return nil
	}
	if err := d.Apply(t.Context(), 0, 11, 20, numbered(11, 20)); err != nil {
		t.Fatal(err)
	}
	if d.h == first {
		t.Error("the database was not opened anew")
	}
	check := func(want int64) {
		t.Helper()
		if n, err := d.count(t.Context(), `SELECT count(*) FROM events`, nil); err != nil || n != want {
			t.Errorf("%d events, %v; want %d", n, err, want)
		}
	}
	check(20)
	faults = 2 // again on the second try: given up, nothing half done
	if err := d.Apply(t.Context(), 0, 21, 30, numbered(21, 30)); !errors.Is(err, broken) {
		t.Errorf("says %v", err)
	}
	check(20)
	if err := d.Apply(t.Context(), 0, 21, 30, numbered(21, 30)); err != nil {
		t.Fatal(err)
	}
	check(30)
	// A fault that is none of the database's stays one: no new handles.
	before, plain := d.h, errors.New("plain")
	d.fault = func() error { return plain }
	if err := d.Apply(t.Context(), 0, 31, 40, numbered(31, 40)); !errors.Is(err, plain) || d.h != before {
		t.Errorf("says %v, reopened %v", err, d.h != before)
	}
	d.fault = nil
	check(30)
	if n, err := d.count(t.Context(), `SELECT count(*) FROM entities`, nil); err != nil || n != 7 {
		t.Errorf("%d entities, %v", n, err)
	}
}

func TestAClosedStoreAnswersAtOnce(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(t.Context(), 0, 1, 1, numbered(1, 1)); !errors.Is(err, errClosed) {
		t.Errorf("apply says %v", err)
	}
	if _, err := d.Session(t.Context(), 1); !errors.Is(err, errClosed) {
		t.Errorf("session says %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("closing again says %v", err)
	}
}

func TestNoWindowFunctions(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	over := regexp.MustCompile(`(?i)\bover\s*(\(|\w+\s+as\s*\()|\bqualify\b`)
	if !over.MatchString("count(*) OVER ()") || !over.MatchString("count(*) over\n(") {
		t.Fatal("the scan finds nothing")
	}
	scanned := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		scanned++
		if at := over.FindIndex(text); at != nil {
			t.Errorf("%s uses a window function: ...%s", f, text[max(0, at[0]-60):at[1]])
		}
	}
	if scanned < 5 {
		t.Errorf("only %d files scanned", scanned)
	}
}

// raw opens a file without a schema.
func raw(t *testing.T, file string, use func(c driver.Conn)) {
	t.Helper()
	connector, err := duckdb.NewConnector(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connector.Close() }()
	c, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	use(c)
}

// older opens a store that an older build has written.
func older(t *testing.T, script string) *DB {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "w.duckdb")
	raw(t, file, func(c driver.Conn) {
		if err := exec(t.Context(), c, string(text)); err != nil {
			t.Fatal(err)
		}
	})
	return open(t, file)
}

// identified is a batch that says of a Session who it was, and of others who they are.
func identified(id journey.ID) warehouse.Batch {
	b := numbered(42, 50)
	b.Sessions = append(b.Sessions, journey.Session{ID: id, SpecID: 9, Recognised: journey.KeyDevice, MergedInto: 3,
		Candidates: []journey.Candidate{{SpecID: 8, Confidence: 50}}})
	b.Changes = []warehouse.Change{{SpecChange: journey.SpecChange{Kind: journey.SpecSplit, From: 9, Into: 9, Time: 5, Reason: "shared"}, Sequence: 42}}
	b.Links = []journey.ActorLink{{A: 9, B: 20, Element: "phone", Hash: 5, EventID: 6, Time: 7}}
	return b
}

func TestAFileOfAnOlderVersionOpens(t *testing.T) {
	for script, before := range map[string]struct {
		session journey.Session // what of it newer versions have added
		changes int
		links   int64
	}{
		"v1.sql": {session: journey.Session{Recognised: warehouse.Unrecorded}},
		"v2.sql": {session: journey.Session{Recognised: journey.KeyTicket, MergedInto: 600,
			Candidates: []journey.Candidate{{SpecID: 8, Confidence: 87, Reasons: []string{"same address"}}}}, changes: 1, links: 1},
	} {
		t.Run(script, func(t *testing.T) {
			d := older(t, script)
			if at, err := d.Position(t.Context(), 3); err != nil || at != 41 {
				t.Fatalf("position %d, %v", at, err)
			}
			s, err := d.Session(t.Context(), 500)
			if err != nil || s.Account != "ann" || s.Rating != journey.Malicious || len(s.Labels) != 1 || s.Labels[0].Evidence[0].Value != "27" {
				t.Errorf("%+v, %v", s, err)
			}
			if got := (journey.Session{Recognised: s.Recognised, MergedInto: s.MergedInto, Candidates: s.Candidates}); !reflect.DeepEqual(got, before.session) {
				t.Errorf("%+v, want %+v", got, before.session)
			}
			e, err := d.Event(t.Context(), 501)
			if err != nil || e.Value("email") != "ann@example.com" || e.Value("transaction_amount") != "129.90" || e.Value("quantity") != "2" || e.RatingChange == nil {
				t.Errorf("%+v, %v", e, err)
			}
			if err := d.Apply(t.Context(), 3, 42, 50, identified(500)); err != nil {
				t.Fatal(err)
			}
			if x, err := d.Entity(t.Context(), 99); err != nil || x.FirstSeen != 1_700_000_000_000_000 {
				t.Errorf("%+v, %v", x, err)
			}
			if s, err = d.Session(t.Context(), 500); err != nil || s.Recognised != journey.KeyDevice || s.MergedInto != 3 || len(s.Candidates) != 1 {
				t.Errorf("%+v, %v", s, err)
			}
			if all, err := d.ChangesOf(t.Context(), []journey.ID{9}); err != nil || len(all) != before.changes+1 || all[before.changes].Kind != journey.SpecSplit {
				t.Errorf("%+v, %v", all, err)
			}
			if _, n, err := d.Links(t.Context(), []journey.ID{20}, 5); err != nil || n != before.links+1 {
				t.Errorf("%d links, %v", n, err)
			}
		})
	}
}

func TestAFileOfANewerBuildIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "w.duckdb")
	if err := open(t, file).Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, file, func(c driver.Conn) {
		if err := exec(t.Context(), c, `INSERT INTO schema_versions VALUES (99, now()::TIMESTAMP)`); err != nil {
			t.Fatal(err)
		}
	})
	_, err := Open(file, Options{})
	if err == nil || !strings.Contains(err.Error(), "version 99") || !strings.Contains(err.Error(), "newer") {
		t.Errorf("says %v", err)
	}
}

func TestMigrationsAreStepwiseAndWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "w.duckdb")
	one := migration{1, []string{`CREATE TABLE things(n BIGINT)`, `INSERT INTO things VALUES (7)`}}
	two := migration{2, []string{`ALTER TABLE things ADD COLUMN twice BIGINT`, `UPDATE things SET twice = 2 * n`}}
	bad := migration{3, []string{`ALTER TABLE things ADD COLUMN half BIGINT`, `UPDATE nothing SET x = 1`}}
	version := func(c driver.Conn) int64 {
		n, err := queryInt(t.Context(), c, `SELECT max(version)::BIGINT FROM schema_versions`)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	raw(t, file, func(c driver.Conn) {
		if err := migrate(t.Context(), c, []migration{one}); err != nil || version(c) != 1 {
			t.Fatal(err)
		}
	})
	raw(t, file, func(c driver.Conn) {
		if err := migrate(t.Context(), c, []migration{one, two}); err != nil || version(c) != 2 {
			t.Fatal(err)
		}
		if n, err := queryInt(t.Context(), c, `SELECT twice FROM things`); err != nil || n != 14 {
			t.Errorf("twice is %d, %v", n, err)
		}
		if err := migrate(t.Context(), c, []migration{one, two, bad}); err == nil || !strings.Contains(err.Error(), "version 3") {
			t.Errorf("a broken migration says %v", err)
		}
	})
	raw(t, file, func(c driver.Conn) {
		if version(c) != 2 {
			t.Errorf("a broken migration left version %d", version(c))
		}
		if n, err := queryInt(t.Context(), c, `SELECT count(*) FROM duckdb_columns() WHERE column_name = 'half'`); err != nil || n != 0 {
			t.Errorf("a broken migration left its column, %v", err)
		}
		good := migration{3, bad.steps[:1]}
		if err := migrate(t.Context(), c, []migration{one, two, good}); err != nil || version(c) != 3 {
			t.Error(err)
		}
		if err := migrate(t.Context(), c, []migration{one, two}); err == nil {
			t.Error("a newer schema is taken by an older build")
		}
	})
}

func TestEntitiesStayWholeWhenForgotten(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "w.duckdb"))
	for from := uint64(1); from < 100; from += 10 {
		d.known = newKnownEntities() // as after a restart, or pushed out
		if err := d.Apply(t.Context(), 0, from, from+9, numbered(from, from+9)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.count(t.Context(), `SELECT count(*) FROM entities`, nil); err != nil || n != 7 {
		t.Errorf("%d entities, %v", n, err)
	}
	k := newKnownEntities()
	seen := map[sighting]span{{entityKey{1, "e", "v"}, 5}: {}}
	if got := k.unknown(seen); len(got) != 1 {
		t.Error("a new entity is known")
	}
	k.add([]entityKey{{1, "e", "v"}})
	many := make([]entityKey, 0, 3*knownGeneration)
	for n := range 3 * knownGeneration {
		many = append(many, entityKey{int64(n + 10), "e", ""})
	}
	if got := k.unknown(seen); len(got) != 0 {
		t.Error("an added entity is unknown")
	}
	for len(many) > 0 {
		k.add(many[:1000])
		many = many[1000:]
	}
	if n := len(k.young) + len(k.old); n > 2*(knownGeneration+1000) {
		t.Errorf("it remembers %d", n)
	}
	if got := k.unknown(seen); len(got) != 1 {
		t.Error("nothing is ever forgotten")
	}
}
