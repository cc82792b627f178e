package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/throughline/throughline/internal/control"
)

// CreateUser adds a user.
func (s *Store) CreateUser(ctx context.Context, u control.User) error {
	return failed("create user", insertUser(ctx, s.write, u))
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func insertUser(ctx context.Context, db execer, u control.User) error {
	_, err := db.ExecContext(ctx, "INSERT INTO users (name, role, password, created, disabled) VALUES (?, ?, ?, ?, ?)",
		u.Name, string(u.Role), u.Password, micros(u.Created), u.Disabled)
	return err
}

const userColumns = "name, role, password, created, disabled"

type scanner interface{ Scan(dest ...any) error }

func scanUser(row scanner, more ...any) (control.User, error) {
	var u control.User
	var created int64
	err := row.Scan(append([]any{&u.Name, (*string)(&u.Role), &u.Password, &created, &u.Disabled}, more...)...)
	u.Created = moment(created)
	return u, err
}

// User finds a user by name.
func (s *Store) User(ctx context.Context, name string) (control.User, error) {
	u, err := scanUser(s.read.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users WHERE name = ?", name))
	return u, failed("read user", err)
}

// Users lists all users by name.
func (s *Store) Users(ctx context.Context) ([]control.User, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+userColumns+" FROM users ORDER BY name")
	if err != nil {
		return nil, failed("list users", err)
	}
	defer rows.Close()
	var us []control.User
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, failed("list users", err)
		}
		us = append(us, u)
	}
	return us, failed("list users", rows.Err())
}

// SetPassword replaces a user's password hash and ends all sessions but one.
func (s *Store) SetPassword(ctx context.Context, name, hash string, keep control.Hash) error {
	return failed("set password", s.inTx(ctx, func(tx *sql.Tx) error {
		if err := changed(tx.ExecContext(ctx, "UPDATE users SET password = ? WHERE name = ?", hash, name)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE user = ? AND hash <> ?", name, keep[:])
		return err
	}))
}

// Rehash replaces the hash of an unchanged password.
func (s *Store) Rehash(ctx context.Context, name, old, hash string) error {
	_, err := s.write.ExecContext(ctx, "UPDATE users SET password = ? WHERE name = ? AND password = ?", hash, name, old)
	return failed("rehash password", err)
}

// DeleteUser removes a user and the user's sessions.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	return failed("delete user", s.inTx(ctx, func(tx *sql.Tx) error {
		if err := changed(tx.ExecContext(ctx, "DELETE FROM users WHERE name = ?", name)); err != nil {
			return err
		}
		var admins int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled").Scan(&admins)
		if err == nil && admins == 0 {
			err = control.ErrLastAdmin // rolls the deletion back
		}
		return err
	}))
}

// CreateSession records a sign-in.
func (s *Store) CreateSession(ctx context.Context, v control.Session) error {
	_, err := s.write.ExecContext(ctx, "INSERT INTO sessions (hash, user, created, last_seen, expires) VALUES (?, ?, ?, ?, ?)",
		v.Hash[:], v.User, micros(v.Created), micros(v.LastSeen), micros(v.Expires))
	return failed("create session", err)
}

// Session finds a sign-in and its user.
func (s *Store) Session(ctx context.Context, h control.Hash) (control.Session, control.User, error) {
	v := control.Session{Hash: h}
	var created, seen, expires int64
	u, err := scanUser(s.read.QueryRowContext(ctx, `SELECT u.name, u.role, u.password, u.created, u.disabled, s.created, s.last_seen, s.expires
		FROM sessions s JOIN users u ON u.name = s.user WHERE s.hash = ?`, h[:]), &created, &seen, &expires)
	v.User, v.Created, v.LastSeen, v.Expires = u.Name, moment(created), moment(seen), moment(expires)
	return v, u, failed("read session", err)
}

// TouchSession records that a session was seen.
func (s *Store) TouchSession(ctx context.Context, h control.Hash, seen time.Time) error {
	return failed("touch session", changed(s.write.ExecContext(ctx, "UPDATE sessions SET last_seen = max(last_seen, ?) WHERE hash = ?", micros(seen), h[:])))
}

// DeleteSession ends a sign-in.
func (s *Store) DeleteSession(ctx context.Context, h control.Hash) error {
	return failed("delete session", changed(s.write.ExecContext(ctx, "DELETE FROM sessions WHERE hash = ?", h[:])))
}

// PurgeSessions deletes what has ended.
func (s *Store) PurgeSessions(ctx context.Context, now, idle time.Time) error {
	_, err := s.write.ExecContext(ctx, "DELETE FROM sessions WHERE expires <= ? OR last_seen <= ?", micros(now), micros(idle))
	return failed("purge sessions", err)
}

// CreateSetupLink records the link and forgets earlier ones.
func (s *Store) CreateSetupLink(ctx context.Context, h control.Hash, expires time.Time) error {
	return failed("create set-up link", s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM setup_links"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO setup_links (hash, expires) VALUES (?, ?)", h[:], micros(expires))
		return err
	}))
}

// RedeemSetupLink uses the link up and creates the first user.
func (s *Store) RedeemSetupLink(ctx context.Context, h control.Hash, now time.Time, u control.User) error {
	return failed("redeem set-up link", s.inTx(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "DELETE FROM setup_links WHERE hash = ? AND expires > ? AND NOT EXISTS (SELECT 1 FROM users)", h[:], micros(now))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return control.ErrSpent
		}
		return insertUser(ctx, tx, u)
	}))
}
