package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// Session implements warehouse.Reader.
func (d *DB) Session(ctx context.Context, id journey.ID) (journey.Session, error) {
	var out journey.Session
	found := false
	err := d.ask(ctx, `SELECT `+selectSession+` FROM sessions s WHERE s.sid = $1`, []any{int64(id)}, func(rows *sql.Rows) (err error) {
		out, err = scanSession(rows)
		found = true
		return err
	}, nil)
	if err != nil {
		return out, fmt.Errorf("duckdb: session: %w", err)
	}
	if !found {
		return out, warehouse.ErrNotFound
	}
	return out, nil
}

// Event implements warehouse.Reader. An Event's ID holds the time it was judged
// at, which lies near its own: nearly always a day around it suffices.
func (d *DB) Event(ctx context.Context, id journey.ID) (journey.Event, error) {
	at := micros(id.Micros())
	e, err := d.event(ctx, ` AND ts BETWEEN $2 AND $3`, int64(id), at.Add(-24*time.Hour), at.Add(slack))
	if errors.Is(err, warehouse.ErrNotFound) {
		e, err = d.event(ctx, "", int64(id))
	}
	return e, err
}

func (d *DB) event(ctx context.Context, within string, args ...any) (out journey.Event, err error) {
	found := false
	err = d.ask(ctx, selectEvent()+` FROM events WHERE eid = $1`+within, args, func(rows *sql.Rows) (err error) {
		out, err = scanEvent(rows)
		found = true
		return err
	}, nil)
	if err != nil {
		return out, fmt.Errorf("duckdb: event: %w", err)
	}
	if !found {
		return out, warehouse.ErrNotFound
	}
	return out, nil
}

// within narrows a query to a Session's Events: by its ID and, since rows lie
// in time order, by its time. ok is false when there is no such Session.
func (d *DB) within(ctx context.Context, id journey.ID, c *conditions) (s journey.Session, ok bool, err error) {
	s, err = d.Session(ctx, id)
	if errors.Is(err, warehouse.ErrNotFound) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	c.add("sid = " + c.arg(int64(id)))
	c.add("ts BETWEEN " + c.arg(micros(s.Start).Add(-slack)) + " AND " + c.arg(micros(s.Last).Add(slack)))
	return s, true, nil
}

// SessionEvents implements warehouse.Reader. A Session that isn't there has none.
func (d *DB) SessionEvents(ctx context.Context, q warehouse.EventQuery) (warehouse.EventPage, error) {
	page, err := d.sessionEvents(ctx, q)
	if err != nil {
		return page, fmt.Errorf("duckdb: session events: %w", err)
	}
	return page, nil
}

func (d *DB) sessionEvents(ctx context.Context, q warehouse.EventQuery) (page warehouse.EventPage, err error) {
	size, err := limit(q.Limit, 100)
	if err != nil {
		return page, err
	}
	order, after := direction(!q.Oldest)
	name := "time:" + order
	var at cursor
	if q.Cursor != "" {
		if at, err = parseCursor(q.Cursor, name); err != nil {
			return page, err
		}
	}
	var where conditions
	if _, ok, err := d.within(ctx, q.Session, &where); !ok || err != nil {
		return page, err
	}
	if len(q.Types) > 0 {
		types := make([]string, len(q.Types))
		for i, t := range q.Types {
			types[i] = string(t)
		}
		where.in("type", types)
	}
	where.equal("name", q.Name)
	where.ratings("rating", q.Ratings)
	if q.Label != "" {
		where.add("list_contains(labels, " + where.arg(q.Label) + ")")
	}
	if page.Total, err = d.count(ctx, `SELECT count(*) FROM events WHERE `+where.String(), where.args); err != nil {
		return page, err
	}
	if q.Cursor != "" {
		k, id := where.arg(micros(at.Key)), where.arg(at.ID)
		where.add(fmt.Sprintf("(ts %s %s OR ts = %s AND eid %s %s)", after, k, k, after, id))
	}
	query := fmt.Sprintf(`%s FROM events WHERE %s ORDER BY ts %s, eid %s LIMIT %d`, selectEvent(), where.String(), order, order, size+1)
	err = d.ask(ctx, query, where.args, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		page.Events = append(page.Events, e)
		return nil
	}, func() { page.Events = nil })
	if err == nil && len(page.Events) > size {
		page.Events = page.Events[:size]
		last := &page.Events[size-1]
		page.Next = cursor{Key: last.Time, ID: int64(last.ID), Order: name}.String()
	}
	return page, err
}

// Turns implements warehouse.Charter.
func (d *DB) Turns(ctx context.Context, session journey.ID) (out []journey.Event, err error) {
	var where conditions
	if _, ok, err := d.within(ctx, session, &where); !ok || err != nil {
		return nil, err
	}
	err = d.ask(ctx, selectEvent()+` FROM events WHERE turned AND `+where.String()+` ORDER BY ts, eid`, where.args, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		out = append(out, e)
		return nil
	}, func() { out = nil })
	if err != nil {
		return nil, fmt.Errorf("duckdb: turns: %w", err)
	}
	return out, nil
}

// BubbleChart implements warehouse.Charter.
func (d *DB) BubbleChart(ctx context.Context, session journey.ID, buckets int) (out []warehouse.BucketCount, err error) {
	if buckets < 1 {
		return nil, fmt.Errorf("duckdb: bubble chart: %d buckets", buckets)
	}
	var where conditions
	s, ok, err := d.within(ctx, session, &where)
	if !ok || err != nil {
		return nil, err
	}
	// Whole seconds, so that a short Session's Events don't spread over nothing.
	width := max((s.Last-s.Start)/int64(buckets)+1, int64(time.Second/time.Microsecond))
	start, size, last := where.arg(s.Start), where.arg(width), where.arg(int64(buckets-1))
	query := fmt.Sprintf(`SELECT least(greatest((epoch_us(ts) - %s) // %s, 0), %s) AS b, rating, type, count(*)
		FROM events WHERE %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, start, size, last, where.String())
	err = d.ask(ctx, query, where.args, func(rows *sql.Rows) error {
		var b, n int64
		var rating uint8
		var kind string
		if err := rows.Scan(&b, &rating, &kind, &n); err != nil {
			return err
		}
		at := s.Start + b*width
		if len(out) == 0 || out[len(out)-1].Start != at || out[len(out)-1].Rating != journey.Rating(rating) {
			out = append(out, warehouse.BucketCount{Start: at, Rating: journey.Rating(rating), Types: map[journey.EventType]int64{}})
		}
		bucket := &out[len(out)-1]
		bucket.Types[journey.EventType(kind)] += n
		bucket.Count += n
		return nil
	}, func() { out = nil })
	if err != nil {
		return nil, fmt.Errorf("duckdb: bubble chart: %w", err)
	}
	return out, nil
}
