// Package sqlite keeps the Hub's records in one SQLite file. cmd opens it; one
// process at a time should. Writes go through a single connection, reads through
// a few of their own, so that neither ever waits on "database is locked".
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/throughline/throughline/internal/control"
)

// Store is a control.Store in a SQLite file. Safe for concurrent use.
type Store struct {
	write, read *sql.DB
}

var _ control.Store = (*Store)(nil)

// Open opens or creates the file, checks its integrity and brings its schema up
// to date. A file of a newer version, or a damaged one, is refused untouched.
func Open(ctx context.Context, path string) (*Store, error) {
	// The file holds password hashes: nobody else on the machine reads it.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("control store: %w", err)
	}
	s := &Store{}
	if s.write, err = connect(path, 1, "immediate"); err != nil {
		return nil, err
	}
	if s.read, err = connect(path, 4, "deferred"); err != nil {
		s.write.Close()
		return nil, err
	}
	err = s.check(ctx)
	if err == nil {
		err = migrate(ctx, s.write)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("control store %s: %w", filepath.Base(path), err)
	}
	return s, nil
}

func connect(path string, conns int, txlock string) (*sql.DB, error) {
	v := url.Values{"_txlock": {txlock}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
	}}
	// A path may hold ? or #, hence the escaping.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + v.Encode()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("control store: %w", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func (s *Store) check(ctx context.Context) error {
	var found string
	if err := s.write.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return fmt.Errorf("integrity check: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("integrity check: %s; restore a backup", found)
	}
	return nil
}

// Close closes the file.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// Backup writes a consistent copy while the store is in use.
func (s *Store) Backup(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("control backup: %s exists", path)
	}
	// VACUUM INTO reads one snapshot; a read connection keeps writers going.
	if _, err := s.read.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("control backup: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("control backup: %w", err)
	}
	return nil
}

// inTx runs f in a transaction that takes the write lock at once.
func (s *Store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// failed gives an error its context and turns what the caller may act on into
// control's words.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = control.ErrNotFound
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			err = control.ErrExists
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			err = control.ErrNotFound
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// changed turns a statement that touched no row into ErrNotFound.
func changed(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return control.ErrNotFound
}

// The zero time is stored as 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
