package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations brings the schema from version i to i+1. A released one is never
// edited; testdata holds a file of each version, and every one must upgrade.
func migrations() []string {
	return []string{`
CREATE TABLE users (
	name     TEXT PRIMARY KEY,
	role     TEXT NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
	password TEXT NOT NULL,
	created  INTEGER NOT NULL,
	disabled INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	hash      BLOB PRIMARY KEY,
	user      TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	created   INTEGER NOT NULL,
	last_seen INTEGER NOT NULL,
	expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);

CREATE TABLE tokens (
	name      TEXT PRIMARY KEY,
	role      TEXT NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
	hash      BLOB NOT NULL UNIQUE,
	prefix    TEXT NOT NULL,
	created   INTEGER NOT NULL,
	last_used INTEGER NOT NULL DEFAULT 0,
	expires   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE setup_links (
	hash    BLOB PRIMARY KEY,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	time   INTEGER NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	target TEXT NOT NULL,
	detail TEXT NOT NULL,
	ip     TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_keeps_entries BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;

CREATE TABLE settings (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`}
}

// migrate applies what is missing, each version in a transaction of its own with
// its number, so that a crash in between leaves a whole version behind.
func migrate(ctx context.Context, db *sql.DB) error {
	steps := migrations()
	var have int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read version: %w", err)
	}
	if have > len(steps) {
		return fmt.Errorf("schema version %d is newer than this build's %d; use the newer build or restore a backup", have, len(steps))
	}
	for v := have; v < len(steps); v++ {
		if err := step(ctx, db, v+1, steps[v]); err != nil {
			return fmt.Errorf("upgrade to version %d: %w", v+1, err)
		}
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, version int, statements string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, statements); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}
