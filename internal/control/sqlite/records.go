package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/throughline/throughline/internal/control"
)

// CreateToken adds an API token.
func (s *Store) CreateToken(ctx context.Context, t control.Token) error {
	_, err := s.write.ExecContext(ctx, "INSERT INTO tokens (name, role, hash, prefix, created, last_used, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
		t.Name, string(t.Role), t.Hash[:], t.Prefix, micros(t.Created), micros(t.LastUsed), micros(t.Expires))
	return failed("create token", err)
}

const tokenColumns = "name, role, hash, prefix, created, last_used, expires"

func scanToken(row scanner) (control.Token, error) {
	var t control.Token
	var hash []byte
	var created, used, expires int64
	err := row.Scan(&t.Name, (*string)(&t.Role), &hash, &t.Prefix, &created, &used, &expires)
	copy(t.Hash[:], hash)
	t.Created, t.LastUsed, t.Expires = moment(created), moment(used), moment(expires)
	return t, err
}

// Token finds an API token by the hash of its secret.
func (s *Store) Token(ctx context.Context, h control.Hash) (control.Token, error) {
	t, err := scanToken(s.read.QueryRowContext(ctx, "SELECT "+tokenColumns+" FROM tokens WHERE hash = ?", h[:]))
	return t, failed("read token", err)
}

// Tokens lists all API tokens by name.
func (s *Store) Tokens(ctx context.Context) ([]control.Token, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+tokenColumns+" FROM tokens ORDER BY name")
	if err != nil {
		return nil, failed("list tokens", err)
	}
	defer rows.Close()
	var ts []control.Token
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, failed("list tokens", err)
		}
		ts = append(ts, t)
	}
	return ts, failed("list tokens", rows.Err())
}

// TouchToken records that a token was used.
func (s *Store) TouchToken(ctx context.Context, h control.Hash, used time.Time) error {
	return failed("touch token", changed(s.write.ExecContext(ctx, "UPDATE tokens SET last_used = max(last_used, ?) WHERE hash = ?", micros(used), h[:])))
}

// DeleteToken revokes an API token.
func (s *Store) DeleteToken(ctx context.Context, name string) error {
	return failed("delete token", changed(s.write.ExecContext(ctx, "DELETE FROM tokens WHERE name = ?", name)))
}

// AppendAudit writes one line of the audit log.
func (s *Store) AppendAudit(ctx context.Context, e control.AuditEntry) error {
	_, err := s.write.ExecContext(ctx, "INSERT INTO audit (time, actor, action, target, detail, ip) VALUES (?, ?, ?, ?, ?, ?)",
		micros(e.Time), e.Actor, e.Action, e.Target, e.Detail, e.IP)
	return failed("write audit log", err)
}

// AuditLog reads the audit log, newest first.
func (s *Store) AuditLog(ctx context.Context, before int64, limit int) ([]control.AuditEntry, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	rows, err := s.read.QueryContext(ctx, "SELECT id, time, actor, action, target, detail, ip FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?", before, limit)
	if err != nil {
		return nil, failed("read audit log", err)
	}
	defer rows.Close()
	var es []control.AuditEntry
	for rows.Next() {
		var e control.AuditEntry
		var at int64
		if err := rows.Scan(&e.ID, &at, &e.Actor, &e.Action, &e.Target, &e.Detail, &e.IP); err != nil {
			return nil, failed("read audit log", err)
		}
		e.Time = moment(at)
		es = append(es, e)
	}
	return es, failed("read audit log", rows.Err())
}

// Setting reads one setting.
func (s *Store) Setting(ctx context.Context, key string) (string, error) {
	all, err := s.settings(ctx, "SELECT key, value FROM settings WHERE key = ?", key)
	return all[key], err
}

// SetSetting writes one setting.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	_, err := s.write.ExecContext(ctx, "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	return failed("write setting", err)
}

// Settings reads all settings with a prefix. Not by LIKE: in SQLite that ignores
// the case of ASCII letters.
func (s *Store) Settings(ctx context.Context, prefix string) (map[string]string, error) {
	return s.settings(ctx, "SELECT key, value FROM settings WHERE substr(key, 1, length(?1)) = ?1", prefix)
}

func (s *Store) settings(ctx context.Context, query, arg string) (map[string]string, error) {
	rows, err := s.read.QueryContext(ctx, query, arg)
	if err != nil {
		return nil, failed("read settings", err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			return nil, failed("read settings", err)
		}
		all[k] = v
	}
	return all, failed("read settings", rows.Err())
}
