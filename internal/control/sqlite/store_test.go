package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/control/controltest"
)

func open(t *testing.T, path string) control.Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	controltest.Run(t,
		func(t *testing.T) control.Store { return open(t, filepath.Join(t.TempDir(), "control.db")) },
		open)
}

// Every released version of the file must upgrade with its records intact.
// testdata/vN.sql is what version N looked like.
func TestUpgradeFromEveryVersion(t *testing.T) {
	for v := 1; v <= len(migrations()); v++ {
		t.Run(fmt.Sprint("v", v), func(t *testing.T) {
			dump, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("v%d.sql", v)))
			if err != nil {
				t.Fatalf("no fixture of this version: %v", err)
			}
			path := filepath.Join(t.TempDir(), "control.db")
			run(t, path, string(dump), fmt.Sprintf("PRAGMA user_version = %d", v))

			s := open(t, path)
			u, err := s.User(t.Context(), "ann")
			if err != nil {
				t.Fatal(err)
			}
			want := control.User{Name: "ann", Role: control.Admin, Password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
				Created: time.UnixMicro(1767225600000000).UTC()}
			if u != want {
				t.Errorf("user after upgrade:\n%+v\nwant\n%+v", u, want)
			}
			if _, of, err := s.Session(t.Context(), control.Hash([]byte(strings.Repeat("s", 32)))); err != nil || of.Name != "ann" {
				t.Errorf("session after upgrade: %v %v", of.Name, err)
			}
			if tok, err := s.Token(t.Context(), control.Hash([]byte(strings.Repeat("t", 32)))); err != nil || tok.Name != "ci" {
				t.Errorf("token after upgrade: %v %v", tok.Name, err)
			}
			if log, err := s.AuditLog(t.Context(), 0, 10); err != nil || len(log) != 1 || log[0].Action != "user.create" {
				t.Errorf("audit log after upgrade: %+v %v", log, err)
			}
			if on, err := s.Setting(t.Context(), "bypass.shop"); err != nil || on != "on" {
				t.Errorf("setting after upgrade: %q %v", on, err)
			}
		})
	}
}

// A fixture that no longer is what the version's own migrations make would test
// an upgrade that nobody does.
func TestFixtureIsOfItsVersion(t *testing.T) {
	for v := 1; v <= len(migrations()); v++ {
		dump, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("v%d.sql", v)))
		if err != nil {
			t.Fatal(err)
		}
		fixture, fresh := filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "b.db")
		run(t, fixture, string(dump))
		run(t, fresh, migrations()[:v]...)
		if a, b := schema(t, fixture), schema(t, fresh); a != b {
			t.Errorf("version %d: fixture has\n%s\nmigrations make\n%s", v, a, b)
		}
	}
}

func TestRefusesNewerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	run(t, path, "CREATE TABLE users (name TEXT)", "PRAGMA user_version = 999")
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "999 is newer") {
		t.Fatalf("got %v", err)
	}
}

func TestRefusesDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := s.AppendAudit(t.Context(), control.AuditEntry{Action: "x", Detail: strings.Repeat("d", 200), Target: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) / 2; i < len(b)/2+8192 && i < len(b); i++ {
		b[i] = 0xAA
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil {
		t.Fatal("a damaged file was opened")
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	s := open(t, path)
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + "-wal", copied} {
		if i, err := os.Stat(p); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want mode 600", filepath.Base(p), i.Mode(), err)
		}
	}
}

func TestAuditLogOnlyGrows(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "control.db")).(*Store)
	if err := s.AppendAudit(t.Context(), control.AuditEntry{Action: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"DELETE FROM audit", "UPDATE audit SET actor = 'eve'"} {
		if _, err := s.write.Exec(q); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestErrorsSpeakOfControl(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "control.db"))
	_, err := s.User(t.Context(), "nobody")
	if !errors.Is(err, control.ErrNotFound) || !strings.HasPrefix(err.Error(), "read user: ") {
		t.Fatalf("got %v", err)
	}
}

func run(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%v in %s", err, q)
		}
	}
}

func schema(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var q string
		if err := rows.Scan(&q); err != nil {
			t.Fatal(err)
		}
		b.WriteString(strings.Join(strings.Fields(q), " ") + "\n")
	}
	return b.String()
}
