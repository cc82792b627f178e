package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// appendChanges adds changes of Spec IDs. place tells those of one record apart.
func (k *kept) appendChanges(partition int, changes []warehouse.Change) error {
	if len(changes) == 0 {
		return nil
	}
	add, err := k.appender("spec_changes")
	if err != nil {
		return err
	}
	place := int32(0)
	for i := range changes {
		c := &changes[i]
		if place++; i == 0 || changes[i-1].Sequence != c.Sequence {
			place = 0
		}
		if err := add.AppendRow(int64(c.From), int64(c.Into), c.Kind, micros(c.Time), c.Reason, int16(partition), int64(c.Sequence), place); err != nil {
			return err
		}
	}
	return add.Flush()
}

// moveSessions gives the Sessions that splits name, since what they brought belongs
// to a part, that part's Spec ID: they may have been recorded under another while
// people counted as one. Those recorded under their own are followed by changes.
func (k *kept) moveSessions(ctx context.Context, changes []warehouse.Change) error {
	into := map[journey.ID]journey.ID{}
	var ids []int64
	for _, c := range changes {
		if c.Kind != journey.SpecSplit {
			continue
		}
		if _, again := into[c.From]; !again {
			ids = append(ids, int64(c.From))
		}
		into[c.From] = c.Into // the latest holds
	}
	if len(ids) == 0 {
		return nil
	}
	var rows strings.Builder
	for i, id := range ids {
		if i > 0 {
			rows.WriteByte(',')
		}
		fmt.Fprintf(&rows, "(%d, %d)", id, int64(into[journey.ID(id)]))
	}
	// IDs begin with their time: older rows needn't be looked at.
	return exec(ctx, k.conn, fmt.Sprintf(`UPDATE sessions SET spec_id = c.into_id FROM (VALUES %s) c(id, into_id)
		WHERE sid >= %d AND sid = c.id AND spec_id <> sid AND spec_id <> c.into_id`, rows.String(), slices.Min(ids)))
}

func (k *kept) appendLinks(links []journey.ActorLink) error {
	if len(links) == 0 {
		return nil
	}
	add, err := k.appender("actor_links")
	if err != nil {
		return err
	}
	for i := range links {
		l := &links[i]
		if err := add.AppendRow(int64(l.A), int64(l.B), l.Element, l.Hash, int64(l.EventID), micros(l.Time)); err != nil {
			return err
		}
	}
	return add.Flush()
}

// alive are the Spec IDs whose users have a Session left, under whichever ID:
// those recorded and all that they are connected with by changes.
const alive = `WITH RECURSIVE edges AS MATERIALIZED (SELECT spec_id AS a, into_id AS b FROM spec_changes
		UNION ALL SELECT into_id, spec_id FROM spec_changes),
	alive(id) AS (SELECT DISTINCT spec_id FROM sessions UNION SELECT e.b FROM edges e JOIN alive ON e.a = alive.id)`

// Both come after the Sessions, links first: changes say who they are between.
const (
	deleteLinks = alive + ` DELETE FROM actor_links WHERE ts < $1
		AND (a NOT IN (SELECT id FROM alive) OR b NOT IN (SELECT id FROM alive))`
	deleteChanges = alive + ` DELETE FROM spec_changes WHERE ts < $1 AND spec_id NOT IN (SELECT id FROM alive)`
)

// idList is a list for IN ().
func idList(ids []journey.ID) string {
	all := make([]int64, len(ids))
	for i, id := range ids {
		all[i] = int64(id)
	}
	return integers(all)
}

// named checks how many Spec IDs a question names; none need not be asked for.
func named(ids []journey.ID) (some bool, err error) {
	if len(ids) > warehouse.MaxSpecIDs {
		return false, fmt.Errorf("%d Spec IDs: want at most %d", len(ids), warehouse.MaxSpecIDs)
	}
	return len(ids) > 0, nil
}

// ChangesOf implements warehouse.Registry.
func (d *DB) ChangesOf(ctx context.Context, from []journey.ID) ([]journey.SpecChange, error) {
	return d.changes(ctx, "changes of", from, `spec_id IN (%s)`)
}

// ChangesTo implements warehouse.Registry.
func (d *DB) ChangesTo(ctx context.Context, into []journey.ID) ([]journey.SpecChange, error) {
	return d.changes(ctx, "changes to", into, `spec_id IN (SELECT spec_id FROM spec_changes WHERE into_id IN (%s))`)
}

func (d *DB) changes(ctx context.Context, what string, ids []journey.ID, where string) (out []journey.SpecChange, err error) {
	some, err := named(ids)
	if some {
		err = d.ask(ctx, `SELECT spec_id, into_id, kind, ts, reason FROM spec_changes WHERE `+fmt.Sprintf(where, idList(ids))+` ORDER BY part, seq, place`, nil,
			func(rows *sql.Rows) error {
				var from, into int64
				var at time.Time
				var c journey.SpecChange
				if err := rows.Scan(&from, &into, &c.Kind, &at, &c.Reason); err != nil {
					return err
				}
				c.From, c.Into, c.Time = journey.ID(from), journey.ID(into), at.UnixMicro()
				out = append(out, c)
				return nil
			}, func() { out = nil })
	}
	if err != nil {
		return nil, fmt.Errorf("duckdb: %s spec IDs: %w", what, err)
	}
	return out, nil
}

// Names implements warehouse.Registry.
func (d *DB) Names(ctx context.Context, hashes []int64) (out []warehouse.EntityRef, err error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	err = d.ask(ctx, `SELECT DISTINCT vh, element, value FROM entities WHERE vh IN (`+integers(hashes)+`) ORDER BY 1, 2, 3`, nil, func(rows *sql.Rows) error {
		var e warehouse.EntityRef
		if err := rows.Scan(&e.Hash, &e.Element, &e.Value); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	}, func() { out = nil })
	if err != nil {
		return nil, fmt.Errorf("duckdb: names of entities: %w", err)
	}
	return out, nil
}

// Links implements warehouse.Registry. A link that was forgotten and found again
// is told as it was first found.
func (d *DB) Links(ctx context.Context, of []journey.ID, most int) (out []journey.ActorLink, total int64, err error) {
	size, err := limit(most, 100)
	if err != nil {
		return nil, 0, fmt.Errorf("duckdb: actor links: %w", err)
	}
	some, err := named(of)
	if some {
		ids := idList(of)
		query := fmt.Sprintf(`WITH x AS MATERIALIZED (SELECT a, b, element, vh, arg_min(eid, ts) AS eid, min(ts) AS ts FROM actor_links
				WHERE a IN (%s) OR b IN (%s) GROUP BY 1, 2, 3, 4)
			SELECT a, b, element, vh, eid, epoch_us(ts), (SELECT count(*) FROM x) FROM x ORDER BY ts DESC, a, b, element, vh LIMIT %d`, ids, ids, size)
		err = d.ask(ctx, query, nil, func(rows *sql.Rows) error {
			var a, b, event int64
			var l journey.ActorLink
			if err := rows.Scan(&a, &b, &l.Element, &l.Hash, &event, &l.Time, &total); err != nil {
				return err
			}
			l.A, l.B, l.EventID = journey.ID(a), journey.ID(b), journey.ID(event)
			out = append(out, l)
			return nil
		}, func() { out, total = nil, 0 })
	}
	if err != nil {
		return nil, 0, fmt.Errorf("duckdb: actor links: %w", err)
	}
	return out, total, nil
}

// Visitor implements warehouse.Visitors.
func (d *DB) Visitor(ctx context.Context, ids []journey.ID, buckets int) (out warehouse.VisitorSummary, err error) {
	some, err := named(ids)
	if err == nil && buckets < 1 {
		err = fmt.Errorf("%d buckets", buckets)
	}
	if some && err == nil {
		v := visitor{d, `sessions s WHERE s.spec_id IN (` + idList(ids) + `)`, &out}
		for _, step := range []func(context.Context) error{
			v.counts, v.recognised,
			func(ctx context.Context) (err error) {
				out.Accounts, err = v.values(ctx, "s.account", "''", "''")
				return err
			},
			func(ctx context.Context) (err error) {
				out.Addresses, err = v.values(ctx, "s.ip", "arg_max(s.country, s.last)", "arg_max(s.city, s.last)")
				return err
			},
			func(ctx context.Context) (err error) {
				out.Agents, err = v.values(ctx, "s.user_agent", "''", "''")
				return err
			},
			func(ctx context.Context) error { return v.marks(ctx, buckets) },
		} {
			if err = step(ctx); err != nil {
				break
			}
		}
	}
	if err != nil {
		return out, fmt.Errorf("duckdb: visitor: %w", err)
	}
	return out, nil
}

// visitor sums up the Sessions that `from` selects.
type visitor struct {
	*DB
	from string
	out  *warehouse.VisitorSummary
}

func (v visitor) counts(ctx context.Context) error {
	out := v.out
	return v.ask(ctx, `SELECT count(*), coalesce(sum(s.events), 0)::BIGINT, count(*) FILTER (WHERE s.merged_into <> 0),
		coalesce(epoch_us(min(s.start)), 0)::BIGINT, coalesce(epoch_us(max(s.last)), 0)::BIGINT,
		count(*) FILTER (WHERE s.rating = 0), count(*) FILTER (WHERE s.rating = 1), count(*) FILTER (WHERE s.rating = 2) FROM `+v.from, nil,
		func(rows *sql.Rows) error {
			return rows.Scan(&out.Sessions, &out.Events, &out.Merged, &out.First, &out.Last, &out.Ratings[0], &out.Ratings[1], &out.Ratings[2])
		}, nil)
}

func (v visitor) recognised(ctx context.Context) error {
	return v.ask(ctx, `SELECT s.recognised, count(*) FROM `+v.from+` GROUP BY 1`, nil, func(rows *sql.Rows) error {
		var kind string
		var n int64
		if err := rows.Scan(&kind, &n); err != nil {
			return err
		}
		v.out.Recognised[kind] = n
		return nil
	}, func() { v.out.Recognised = map[string]int64{} })
}

// values lists what stands in a column.
func (v visitor) values(ctx context.Context, column, country, city string) (out []warehouse.VisitorValue, err error) {
	err = v.ask(ctx, fmt.Sprintf(`SELECT %s, %s, %s, count(*) AS n, epoch_us(min(s.start)), epoch_us(max(s.last)) AS seen
		FROM %s AND %s <> '' GROUP BY 1 ORDER BY n DESC, seen DESC, 1 LIMIT %d`, column, country, city, v.from, column, warehouse.MaxVisitorValues), nil,
		func(rows *sql.Rows) error {
			var x warehouse.VisitorValue
			if err := rows.Scan(&x.Value, &x.Country, &x.City, &x.Sessions, &x.First, &x.Last); err != nil {
				return err
			}
			out = append(out, x)
			return nil
		}, func() { out = nil })
	return out, err
}

// marks counts Sessions by when they began, in buckets of a second at least.
func (v visitor) marks(ctx context.Context, buckets int) error {
	first, last := v.out.First, v.out.Last
	width := max((last-first)/int64(buckets)+1, int64(time.Second/time.Microsecond))
	query := fmt.Sprintf(`SELECT %d + (epoch_us(s.start) - %d) // %d * %d AS b, s.user_agent, s.rating, count(*)
		FROM %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, first, first, width, width, v.from)
	return v.ask(ctx, query, nil, func(rows *sql.Rows) error {
		var m warehouse.VisitorMark
		if err := rows.Scan(&m.Start, &m.Agent, (*uint8)(&m.Rating), &m.Sessions); err != nil {
			return err
		}
		v.out.Marks = append(v.out.Marks, m)
		return nil
	}, func() { v.out.Marks = nil })
}

// VisitorEntities implements warehouse.Visitors.
func (d *DB) VisitorEntities(ctx context.Context, ids []journey.ID, most int) (out []warehouse.LinkedEntity, total int64, err error) {
	size, err := limit(most, 100)
	if err != nil {
		return nil, 0, fmt.Errorf("duckdb: entities of a visitor: %w", err)
	}
	some, err := named(ids)
	if some {
		query := fmt.Sprintf(`WITH mine AS MATERIALIZED (SELECT sid FROM sessions WHERE spec_id IN (%s)),
			x AS MATERIALIZED (SELECT e.vh, e.element, e.value, count(*) AS shared, max(e.last) AS seen
				FROM session_entities e WHERE e.sid IN (SELECT sid FROM mine) GROUP BY 1, 2, 3),
			p AS MATERIALIZED (SELECT * FROM x ORDER BY shared DESC, seen DESC, vh LIMIT %d),
			n AS MATERIALIZED (SELECT vh, element, value, count(*) AS sessions FROM session_entities
				WHERE vh IN (SELECT vh FROM p) GROUP BY 1, 2, 3)
			SELECT p.vh, p.element, p.value, p.shared, n.sessions, epoch_us(p.seen), (SELECT count(*) FROM x)
			FROM p JOIN n ON n.vh = p.vh AND n.element = p.element AND n.value = p.value
			ORDER BY p.shared DESC, p.seen DESC, p.vh`, idList(ids), size)
		err = d.ask(ctx, query, nil, linked(&out, &total), func() { out, total = nil, 0 })
	}
	if err != nil {
		return nil, 0, fmt.Errorf("duckdb: entities of a visitor: %w", err)
	}
	return out, total, nil
}

// Standings implements warehouse.Visitors.
func (d *DB) Standings(ctx context.Context, ids []journey.ID) (out []warehouse.Standing, err error) {
	some, err := named(ids)
	if some {
		query := `WITH x AS MATERIALIZED (SELECT spec_id, count(*) AS n, epoch_us(max(last)) AS seen, max(rating) AS worst
				FROM sessions WHERE spec_id IN (` + idList(ids) + `) GROUP BY 1)
			SELECT x.spec_id, x.n, x.seen, x.worst, max(s.sid) FROM x JOIN sessions s ON s.spec_id = x.spec_id AND s.rating = x.worst
			GROUP BY 1, 2, 3, 4 ORDER BY 1`
		err = d.ask(ctx, query, nil, func(rows *sql.Rows) error {
			var spec, worst int64
			var x warehouse.Standing
			if err := rows.Scan(&spec, &x.Sessions, &x.Last, (*uint8)(&x.Rating), &worst); err != nil {
				return err
			}
			x.SpecID, x.Worst = journey.ID(spec), journey.ID(worst)
			out = append(out, x)
			return nil
		}, func() { out = nil })
	}
	if err != nil {
		return nil, fmt.Errorf("duckdb: standings: %w", err)
	}
	return out, nil
}
