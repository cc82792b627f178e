package duckdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// loading opens a table with a column of every kind that ours have.
func loading(t *testing.T) (*handles, *loader) {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := exec(t.Context(), d.h.w, `CREATE TABLE kinds(n BIGINT, ts TIMESTAMP, i INTEGER, s SMALLINT, u UTINYINT, f DOUBLE, b BOOLEAN,
		text VARCHAR, bytes VARCHAR, list VARCHAR[], pairs MAP(VARCHAR, VARCHAR))`); err != nil {
		t.Fatal(err)
	}
	l, err := newLoader(d.h.w, "kinds")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return d.h, l
}

func loaded(t *testing.T, h *handles, fn func(n int, row []driver.Value)) {
	t.Helper()
	n := 0
	err := each(context.WithoutCancel(t.Context()), h.w, `SELECT * FROM kinds ORDER BY n`, func(row []driver.Value) error {
		fn(n, row)
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLoadedRowsReadBack writes more rows than a chunk holds, with texts around every
// bound there is, and reads them with the driver.
func TestLoadedRowsReadBack(t *testing.T) {
	h, l := loading(t)
	lengths := []int{0, 1, 3, 4, 5, 11, 12, 13, 14, 100, 1000, arenaBlock - 1, arenaBlock, arenaBlock + 1}
	letters := strings.Repeat("Zürich ist schön. \x00", 5000)
	text := func(n, k int) string {
		s := letters[19*k : 19*k+lengths[(n+k)%len(lengths)]]
		return strings.ToValidUTF8(s, "")
	}
	const rows = 5000
	row := func(n int) []driver.Value {
		if n%7 == 3 {
			return append([]driver.Value{int64(n)}, make([]driver.Value, 10)...)
		}
		list, pairs := []string{}, &textMap{}
		for k := range n % 4 {
			list = append(list, text(n, k)[:min(len(text(n, k)), 200)])
			pairs.put(fmt.Sprint("key", k), text(n, k+3))
		}
		at := time.UnixMicro(int64(n)*1_000_003 - 7e9).UTC()
		return []driver.Value{int64(n), at, int32(math.MinInt32 + n), int16(-n), uint8(n), float64(n) / 3, n%2 == 0,
			text(n, 1), []byte(text(n, 2)), list, pairs}
	}
	for n := range rows {
		if n%500 == 0 {
			runtime.GC() // nothing of what waits may go
		}
		if n%97 == 0 && n > 0 { // more big texts than usual
			l.texts.keep(letters)
		}
		values := row(n)
		if err := l.AppendRow(values...); err != nil {
			t.Fatal(err)
		}
		if b, ok := values[8].([]byte); ok {
			clear(b) // it was copied
		}
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(l.texts.blocks) > arenaKept {
		t.Errorf("%d blocks kept", len(l.texts.blocks))
	}
	found := 0
	loaded(t, h, func(n int, got []driver.Value) {
		found++
		want := row(n)
		if b, ok := want[8].([]byte); ok {
			want[8] = string(b)
			list := []any{}
			for _, s := range want[9].([]string) {
				list = append(list, s)
			}
			pairs, m := duckdb.Map{}, want[10].(*textMap)
			for i, k := range m.keys {
				pairs[k] = m.values[i]
			}
			want[9], want[10] = list, pairs
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("row %d column %d reads %.80v, want %.80v", n, i, got[i], want[i])
			}
		}
	})
	if found != rows {
		t.Errorf("%d rows", found)
	}
}

func TestLoaderReplacesWhatIsNoText(t *testing.T) {
	h, l := loading(t)
	pairs := &textMap{}
	pairs.put("k\xff", "\xc3(")
	none := make([]driver.Value, 11)
	none[0], none[7], none[8], none[9], none[10] = int64(0), "a\xffb", []byte("\xf0\x28\x8c\x28 and much more text"), []string{"\xed\xa0\x80"}, pairs
	if err := l.AppendRow(none...); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	loaded(t, h, func(_ int, got []driver.Value) {
		want := []driver.Value{"a\uFFFDb", "\uFFFD(\uFFFD( and much more text", []any{"\uFFFD"}, duckdb.Map{"k\uFFFD": "\uFFFD("}}
		if !reflect.DeepEqual(got[7:], want) {
			t.Errorf("%q", got[7:])
		}
	})
}

func TestLoaderRefusesWhatIsNotTheColumns(t *testing.T) {
	h, l := loading(t)
	good := []driver.Value{int64(1), time.Time{}, int32(1), int16(1), uint8(1), 1.5, true, "t", "t", []string{"t"}, &textMap{}}
	if err := l.AppendRow(good[1:]...); err == nil {
		t.Error("took a row that is too short")
	}
	for i := range good {
		for k, v := range append(good[:len(good):len(good)], 7, duckdb.Map{}) {
			bad := append([]driver.Value(nil), good...)
			bad[i] = v
			same := k < len(good) && reflect.TypeOf(v) == reflect.TypeOf(good[i])
			if err := l.AppendRow(bad...); (err == nil) != same {
				t.Errorf("column %d given %T: %v", i, v, err)
			}
		}
	}
	if err := l.Close(); err != nil { // rows that were not flushed go
		t.Error(err)
	}
	loaded(t, h, func(int, []driver.Value) { t.Error("a row is there") })
	if _, err := newLoader(h.w, "nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a table that is not there: %v", err)
	}
}
