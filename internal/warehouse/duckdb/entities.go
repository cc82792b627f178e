package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// lookback is how far an entity's counts reach.
const lookback = 90 * 24 * time.Hour

// Entity implements warehouse.Linker.
func (d *DB) Entity(ctx context.Context, hash int64) (out warehouse.EntitySummary, err error) {
	found := false
	err = d.ask(ctx, `SELECT element, value, min(first) FROM entities WHERE vh = $1 GROUP BY 1, 2 ORDER BY 3 DESC`, []any{hash},
		func(rows *sql.Rows) error { // a collision of hashes would give two: the older one stays
			var first time.Time
			found = true
			out.Hash = hash
			if err := rows.Scan(&out.Element, &out.Value, &first); err != nil {
				return err
			}
			out.FirstSeen = first.UnixMicro()
			return nil
		}, nil)
	if err != nil {
		return out, fmt.Errorf("duckdb: entity: %w", err)
	}
	if !found {
		return out, warehouse.ErrNotFound
	}
	since := d.opts.Clock().Add(-lookback).UTC()
	mine := `SELECT sid FROM session_entities WHERE vh = $1 AND element = $2 AND value = $3 AND last >= $4`
	args := []any{hash, out.Element, out.Value, since}
	steps := []struct {
		query string
		args  []any
		scan  func(*sql.Rows) error
		reset func()
	}{
		{`SELECT coalesce(epoch_us(max(last)), 0)::BIGINT FROM session_entities WHERE vh = $1 AND element = $2 AND value = $3`, args[:3],
			func(rows *sql.Rows) error { return rows.Scan(&out.LastSeen) }, nil},
		{`SELECT country, rating, count(*) AS n FROM sessions WHERE sid IN (` + mine + `) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`, args,
			func(rows *sql.Rows) error { return scanRatings(rows, &out) },
			func() { out.Sessions, out.Ratings, out.Countries = 0, [3]int64{}, nil }},
		{`WITH x AS MATERIALIZED (SELECT DISTINCT vh, element, value FROM session_entities WHERE last >= $4 AND sid IN (` + mine + `)
			AND NOT (vh = $1 AND element = $2 AND value = $3)) SELECT count(*) FROM x`, args,
			func(rows *sql.Rows) error { return rows.Scan(&out.Entities) }, nil},
	}
	for _, s := range steps {
		if err := d.ask(ctx, s.query, s.args, s.scan, s.reset); err != nil {
			return out, fmt.Errorf("duckdb: entity: %w", err)
		}
	}
	out.LastSeen = max(out.LastSeen, out.FirstSeen)
	return out, nil
}

// scanRatings adds a count of Sessions by country and rating.
func scanRatings(rows *sql.Rows, out *warehouse.EntitySummary) error {
	var country string
	var rating uint8
	var n int64
	if err := rows.Scan(&country, &rating, &n); err != nil {
		return err
	}
	out.Sessions += n
	if int(rating) < len(out.Ratings) {
		out.Ratings[rating] += n
	}
	if country == "" {
		return nil
	}
	for i := range out.Countries {
		if out.Countries[i].Country == country {
			out.Countries[i].Sessions += n
			return nil
		}
	}
	out.Countries = append(out.Countries, warehouse.CountryCount{Country: country, Sessions: n})
	return nil
}

// LinkedEntities implements warehouse.Linker.
func (d *DB) LinkedEntities(ctx context.Context, hash, since int64, most int) ([]warehouse.LinkedEntity, int64, error) {
	size, err := limit(most, 100)
	if err != nil {
		return nil, 0, fmt.Errorf("duckdb: linked entities: %w", err)
	}
	query := fmt.Sprintf(`WITH mine AS MATERIALIZED (SELECT DISTINCT sid FROM session_entities WHERE vh = $1 AND last >= $2),
		x AS MATERIALIZED (SELECT e.vh, e.element, e.value, count(*) AS shared, max(e.last) AS seen
			FROM session_entities e WHERE e.last >= $2 AND e.vh <> $1 AND e.sid IN (SELECT sid FROM mine) GROUP BY 1, 2, 3),
		p AS MATERIALIZED (SELECT * FROM x ORDER BY shared DESC, seen DESC, vh LIMIT %d),
		n AS MATERIALIZED (SELECT vh, element, value, count(*) AS sessions FROM session_entities
			WHERE vh IN (SELECT vh FROM p) GROUP BY 1, 2, 3)
		SELECT p.vh, p.element, p.value, p.shared, n.sessions, epoch_us(p.seen), (SELECT count(*) FROM x)
		FROM p JOIN n ON n.vh = p.vh AND n.element = p.element AND n.value = p.value
		ORDER BY p.shared DESC, p.seen DESC, p.vh`, size)
	var out []warehouse.LinkedEntity
	var total int64
	err = d.ask(ctx, query, []any{hash, micros(since)}, linked(&out, &total), func() { out, total = nil, 0 })
	if err != nil {
		return nil, 0, fmt.Errorf("duckdb: linked entities: %w", err)
	}
	return out, total, nil
}

// SessionEntities implements warehouse.Linker. Those seen in most Sessions come
// last: what is rare says more. Shared is 1, this Session.
func (d *DB) SessionEntities(ctx context.Context, id journey.ID) (out []warehouse.LinkedEntity, err error) {
	query := `WITH p AS MATERIALIZED (SELECT vh, element, value, last FROM session_entities WHERE sid = $1),
		n AS MATERIALIZED (SELECT vh, element, value, count(*) AS sessions FROM session_entities
			WHERE vh IN (SELECT vh FROM p) GROUP BY 1, 2, 3)
		SELECT p.vh, p.element, p.value, n.sessions, epoch_us(p.last)
		FROM p JOIN n ON n.vh = p.vh AND n.element = p.element AND n.value = p.value
		ORDER BY n.sessions, p.element, p.value`
	err = d.ask(ctx, query, []any{int64(id)}, func(rows *sql.Rows) error {
		l := warehouse.LinkedEntity{Shared: 1}
		if err := rows.Scan(&l.Hash, &l.Element, &l.Value, &l.Sessions, &l.LastSeen); err != nil {
			return err
		}
		out = append(out, l)
		return nil
	}, func() { out = nil })
	if err != nil {
		return nil, fmt.Errorf("duckdb: session entities: %w", err)
	}
	return out, nil
}

// linked reads a row of entities that others are linked by; each tells how many
// there are in all.
func linked(out *[]warehouse.LinkedEntity, total *int64) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var l warehouse.LinkedEntity
		if err := rows.Scan(&l.Hash, &l.Element, &l.Value, &l.Shared, &l.Sessions, &l.LastSeen, total); err != nil {
			return err
		}
		*out = append(*out, l)
		return nil
	}
}
