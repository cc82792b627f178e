package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/throughline/throughline/internal/warehouse"
)

// Expire implements warehouse.Store: Events and sightings before the time go,
// Sessions that ended before it, and what was known of users without any left.
func (d *DB) Expire(ctx context.Context, before int64) error {
	d.write.Lock()
	defer d.write.Unlock()
	err := d.with(func(h *handles) error {
		if h.kept != nil {
			h.kept.visits = newVisits() // some of it may go
		}
		return transaction(ctx, h.w, func() error {
			for _, q := range []string{
				`DELETE FROM events WHERE ts < $1`,
				`DELETE FROM sessions WHERE last < $1`,
				`DELETE FROM session_entities WHERE last < $1`,
				deleteLinks,
				deleteChanges,
			} {
				if err := exec(ctx, h.w, q, micros(before)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("duckdb: expire: %w", err)
	}
	// Gives the room back now. It may be refused while readers look at what was
	// deleted; then DuckDB does it by itself later.
	if err := d.with(func(h *handles) error { return exec(ctx, h.w, `CHECKPOINT`) }); err != nil {
		d.opts.Logger.Debug("duckdb checkpoint after expiry", "error", err.Error())
	}
	return nil
}

// Overview implements warehouse.Gauge.
func (d *DB) Overview(ctx context.Context, since int64) (out warehouse.Overview, err error) {
	err = d.ask(ctx, `SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM events), (SELECT count(*) FROM entities)`, nil,
		func(rows *sql.Rows) error { return rows.Scan(&out.Sessions, &out.Events, &out.Entities) }, nil)
	if err != nil {
		return out, fmt.Errorf("duckdb: overview: %w", err)
	}
	err = d.ask(ctx, `SELECT rating, count(*) FROM sessions WHERE last >= $1 GROUP BY 1`, []any{micros(since)}, func(rows *sql.Rows) error {
		var rating uint8
		var n int64
		if err := rows.Scan(&rating, &n); err != nil {
			return err
		}
		if int(rating) < len(out.Ratings) {
			out.Ratings[rating] = n
		}
		return nil
	}, func() { out.Ratings = [3]int64{} })
	if err != nil {
		return out, fmt.Errorf("duckdb: overview: %w", err)
	}
	for _, path := range []string{d.path, d.path + ".wal"} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, fmt.Errorf("duckdb: overview: %w", err)
		}
		out.Bytes += info.Size()
	}
	return out, nil
}

// Backup implements warehouse.Keeper. The copy is made in one transaction, which
// sees the last batch whole; writing and reading go on meanwhile.
func (d *DB) Backup(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("duckdb: backup: %s exists", file)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("duckdb: backup: %w", err)
	}
	part := file + ".part"
	clean := func() {
		_ = os.Remove(part)
		_ = os.Remove(part + ".wal")
	}
	err := d.with(func(h *handles) error {
		clean()
		conn, err := h.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		var name string
		if err := conn.QueryRowContext(ctx, `SELECT current_database()`).Scan(&name); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `ATTACH `+quote(part, "'")+` AS backup_copy`); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, `COPY FROM DATABASE `+quote(name, `"`)+` TO backup_copy`)
		_, derr := conn.ExecContext(context.WithoutCancel(ctx), `DETACH backup_copy`)
		return errors.Join(err, derr)
	})
	if err == nil {
		err = os.Rename(part, file)
	}
	if err != nil {
		clean()
		return fmt.Errorf("duckdb: backup: %w", err)
	}
	return nil
}

func quote(s, mark string) string { return mark + strings.ReplaceAll(s, mark, mark+mark) + mark }
