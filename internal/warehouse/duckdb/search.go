package duckdb

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

const maxLimit = 500

// limit checks a page's size; 0 stands for def.
func limit(n, def int) (int, error) {
	if n == 0 {
		return def, nil
	}
	if n < 1 || n > maxLimit {
		return 0, fmt.Errorf("limit %d: want 1 to %d", n, maxLimit)
	}
	return n, nil
}

// cursor is a place in an ordered answer: the sort value and ID of the last row
// given, and the order it holds for.
type cursor struct {
	Key   int64  `json:"k"`
	ID    int64  `json:"i"`
	Order string `json:"o"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // two numbers and a word
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s, order string) (cursor, error) {
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, fmt.Errorf("%w: %q", warehouse.ErrCursor, s)
	}
	if c.Order != order {
		return c, fmt.Errorf("%w: it is of a page sorted by %q, not %q", warehouse.ErrCursor, c.Order, order)
	}
	return c, nil
}

// conditions collects a WHERE clause and its arguments.
type conditions struct {
	terms []string
	args  []any
}

// arg adds a value and returns its placeholder.
func (c *conditions) arg(v any) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(len(c.args))
}

func (c *conditions) add(term string) { c.terms = append(c.terms, term) }

func (c *conditions) equal(column string, v string) {
	if v != "" {
		c.add(column + " = " + c.arg(v))
	}
}

func (c *conditions) in(column string, values []string) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = c.arg(v)
	}
	c.add(column + " IN (" + strings.Join(marks, ", ") + ")")
}

func (c *conditions) ratings(column string, rs []journey.Rating) {
	if len(rs) == 0 {
		return
	}
	marks := make([]string, len(rs))
	for i, r := range rs {
		marks[i] = strconv.Itoa(int(r))
	}
	c.add(column + " IN (" + strings.Join(marks, ", ") + ")")
}

func (c *conditions) String() string {
	if len(c.terms) == 0 {
		return "true"
	}
	return strings.Join(c.terms, " AND ")
}

// sessionSort gives the expression a sort goes by, always a BIGINT.
func sessionSort(name string) (string, bool) {
	switch name {
	case "", "start":
		return "epoch_us(s.start)", true
	case "last":
		return "epoch_us(s.last)", true
	case "duration":
		return "epoch_us(s.last) - epoch_us(s.start)", true
	case "events", "points", "rating":
		return "s." + name + "::BIGINT", true
	case "labels":
		return "s.n_labels::BIGINT", true
	}
	return "", false
}

// direction gives the words for ORDER BY and for what follows a cursor.
func direction(desc bool) (order, after string) {
	if desc {
		return "DESC", "<"
	}
	return "ASC", ">"
}

// SearchSessions implements warehouse.Reader.
func (d *DB) SearchSessions(ctx context.Context, q warehouse.SessionQuery) (warehouse.SessionPage, error) {
	page, err := d.searchSessions(ctx, q)
	if err != nil {
		return page, fmt.Errorf("duckdb: search sessions: %w", err)
	}
	return page, nil
}

func (d *DB) searchSessions(ctx context.Context, q warehouse.SessionQuery) (page warehouse.SessionPage, err error) {
	size, err := limit(q.Limit, 50)
	if err != nil {
		return page, err
	}
	key, ok := sessionSort(q.Sort)
	if !ok {
		return page, fmt.Errorf("unknown sort %q", q.Sort)
	}
	var where conditions
	if err := d.sessionWhere(ctx, q, &where); err != nil {
		return page, err
	}
	filter, filterArgs := where.String(), slices.Clone(where.args)
	order, after := direction(q.Desc)
	name := q.Sort + ":" + order
	from := "true"
	if q.Cursor != "" {
		c, err := parseCursor(q.Cursor, name)
		if err != nil {
			return page, err
		}
		k, id := where.arg(c.Key), where.arg(c.ID)
		from = fmt.Sprintf("(k %s %s OR k = %s AND sid %s %s)", after, k, k, after, id)
	}
	// All that match, as numbers only; the page of them; then its whole rows.
	query := fmt.Sprintf(`WITH x AS MATERIALIZED (SELECT s.sid AS sid, %s AS k FROM sessions s WHERE %s),
		p AS MATERIALIZED (SELECT sid, k FROM x WHERE %s ORDER BY k %s, sid %s LIMIT %d)
		SELECT %s, p.k, (SELECT count(*) FROM x) FROM p JOIN sessions s ON s.sid = p.sid ORDER BY p.k %s, p.sid %s`,
		key, filter, from, order, order, size+1, selectSession, order, order)
	var next cursor
	err = d.ask(ctx, query, where.args, func(rows *sql.Rows) error {
		var k int64
		s, err := scanSession(rows, &k, &page.Total)
		if err != nil {
			return err
		}
		if len(page.Sessions) == size {
			page.Next = next.String()
			return nil
		}
		next = cursor{Key: k, ID: int64(s.ID), Order: name}
		page.Sessions = append(page.Sessions, s)
		return nil
	}, func() { page = warehouse.SessionPage{} })
	if err == nil && len(page.Sessions) == 0 && q.Cursor != "" {
		page.Total, err = d.count(ctx, `SELECT count(*) FROM sessions s WHERE `+filter, filterArgs)
	}
	return page, err
}

// count asks for one number.
func (d *DB) count(ctx context.Context, query string, args []any) (n int64, err error) {
	err = d.ask(ctx, query, args, func(rows *sql.Rows) error { return rows.Scan(&n) }, nil)
	return n, err
}

// sessionWhere turns a query into terms over sessions s.
func (d *DB) sessionWhere(ctx context.Context, q warehouse.SessionQuery, c *conditions) error {
	c.overlap(q)
	c.ratings("s.rating", q.Ratings)
	c.equal("s.site", q.Site)
	c.equal("s.country", q.Country)
	c.equal("s.city", q.City)
	c.equal("s.ip", q.IP)
	if len(q.SpecIDs) > warehouse.MaxSpecIDs {
		return fmt.Errorf("%d Spec IDs: want at most %d", len(q.SpecIDs), warehouse.MaxSpecIDs)
	}
	if len(q.SpecIDs) > 0 {
		c.add("s.spec_id IN (" + idList(q.SpecIDs) + ")")
	}
	if q.MergedInto != 0 {
		c.add("s.merged_into = " + c.arg(int64(q.MergedInto)))
	}
	if q.Label != "" {
		c.add("list_contains(s.labels, " + c.arg(q.Label) + ")")
	}
	if q.Signature != "" {
		c.add("list_contains(s.signatures, " + c.arg(q.Signature) + ")")
	}
	if q.Element == "" {
		if len(q.Values) > 0 {
			return errors.New("values without an element")
		}
		return nil
	}
	if len(q.Values) == 0 {
		return fmt.Errorf("element %q without values", q.Element)
	}
	if computed, err := computedElement(q, c); computed || err != nil {
		return err
	}
	if len(q.Hashes) > 0 {
		return entityElement(q, c)
	}
	return d.attributeElement(ctx, q, c)
}

func (c *conditions) overlap(q warehouse.SessionQuery) {
	if q.From != 0 {
		c.add("s.last >= " + c.arg(micros(q.From)))
	}
	if q.To != 0 {
		c.add("s.start < " + c.arg(micros(q.To)))
	}
}

// computedElement handles the elements that stand in the Session itself.
func computedElement(q warehouse.SessionQuery, c *conditions) (bool, error) {
	switch q.Element {
	case "session_id", "spec_id":
		column := map[string]string{"session_id": "s.sid", "spec_id": "s.spec_id"}[q.Element]
		marks := make([]string, len(q.Values))
		for i, v := range q.Values {
			id, err := journey.ParseID(v)
			if err != nil {
				return true, fmt.Errorf("%s: %w", q.Element, err)
			}
			marks[i] = c.arg(int64(id))
		}
		c.add(column + " IN (" + strings.Join(marks, ", ") + ")")
	case "session_risk_rating":
		ratings := make([]journey.Rating, len(q.Values))
		for i, v := range q.Values {
			r, err := journey.ParseRating(v)
			if err != nil {
				return true, err
			}
			ratings[i] = r
		}
		c.ratings("s.rating", ratings)
	default:
		return false, nil
	}
	return true, nil
}

// entityElement goes by the keyed hash, and compares the value too.
func entityElement(q warehouse.SessionQuery, c *conditions) error {
	if len(q.Hashes) != len(q.Values) {
		return fmt.Errorf("%d hashes for %d values", len(q.Hashes), len(q.Values))
	}
	any := make([]string, len(q.Values))
	for i, v := range q.Values {
		any[i] = "e.vh = " + c.arg(q.Hashes[i]) + " AND e.value = " + c.arg(v)
	}
	c.add("s.sid IN (SELECT e.sid FROM session_entities e WHERE e.element = " + c.arg(q.Element) +
		" AND (" + strings.Join(any, " OR ") + "))")
	return nil
}

// attributeElement looks through the Events of the time that the Sessions in
// question cover.
func (d *DB) attributeElement(ctx context.Context, q warehouse.SessionQuery, c *conditions) error {
	of := conditions{args: c.args} // numbered on from those there are
	var column string
	switch {
	case q.Element == "event_type":
		column = "v.type"
	case q.Element == "event_name":
		column = "v.name"
	case slices.Contains(elementColumns(), q.Element):
		column = "v." + q.Element
	default:
		column = "v.extra[" + of.arg(q.Element) + "]"
	}
	if q.Element == amountColumn {
		marks := make([]string, len(q.Values))
		for i, v := range q.Values {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return fmt.Errorf("%s: %q is no number", q.Element, v)
			}
			marks[i] = of.arg(f)
		}
		of.add(column + " IN (" + strings.Join(marks, ", ") + ")")
	} else {
		of.in(column, q.Values)
	}
	if q.From != 0 || q.To != 0 {
		from, to, err := d.cover(ctx, q)
		if err != nil {
			return err
		}
		of.add("v.ts BETWEEN " + of.arg(from) + " AND " + of.arg(to))
	}
	c.args = of.args
	c.add("s.sid IN (SELECT v.sid FROM events v WHERE " + of.String() + ")")
	return nil
}

// cover returns the time from the first to the last Event of the Sessions that
// overlap the query's range, which an Event's own time alone doesn't tell.
func (d *DB) cover(ctx context.Context, q warehouse.SessionQuery) (from, to time.Time, err error) {
	var c conditions
	c.overlap(q)
	err = d.ask(ctx, `SELECT coalesce(min(s.start), TIMESTAMP '1970-01-01'), coalesce(max(s.last), TIMESTAMP '1970-01-01')
		FROM sessions s WHERE `+c.String(), c.args, func(rows *sql.Rows) error { return rows.Scan(&from, &to) }, nil)
	return from.Add(-slack), to.Add(slack), err
}

// slack is how far an Event may lie outside the first and last time its Session
// names: judged late, an Event keeps the time of its request.
const slack = time.Hour
