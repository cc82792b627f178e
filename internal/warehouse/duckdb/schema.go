package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/throughline/throughline/internal/warehouse"
)

// elementColumns are the elements that have a column of their own; the rest
// lie in the map `extra`. transaction_amount is a number, all others text.
// Adding one is a migration.
func elementColumns() []string {
	return []string{"ip", "email", "username", "customer_id", "phone", "country", "city", "url_path",
		"user_agent", "browser", "os", "device_class", "bot_name", "transaction_amount", "currency",
		"order_id", "refund_id", "card_number", "promo_code", "product_id", "search_query"}
}

const amountColumn = "transaction_amount"

const sessionColumns = `sid BIGINT, spec_id BIGINT, site VARCHAR, start TIMESTAMP, last TIMESTAMP,
	events INTEGER, rating UTINYINT, points INTEGER, n_labels INTEGER, labels VARCHAR[], signatures VARCHAR[],
	ip VARCHAR, country VARCHAR, city VARCHAR, user_agent VARCHAR, account VARCHAR, detail VARCHAR`

const sessionEntityColumns = `vh BIGINT, element VARCHAR, value VARCHAR, sid BIGINT, first TIMESTAMP, last TIMESTAMP`

// migration brings the schema from the version before to its own.
type migration struct {
	version int
	steps   []string
}

// migrations are all there ever were, oldest first. What has been released is
// never changed: a newer schema is a further entry.
func migrations() []migration {
	columns := make([]string, 0, len(elementColumns()))
	for _, c := range elementColumns() {
		kind := "VARCHAR"
		if c == amountColumn {
			kind = "DOUBLE"
		}
		columns = append(columns, c+" "+kind)
	}
	return []migration{{1, []string{
		`CREATE TABLE events(ts TIMESTAMP, sid BIGINT, eid BIGINT, spec_id BIGINT, site VARCHAR, name VARCHAR,
			type VARCHAR, spec VARCHAR, method VARCHAR, status INTEGER, outcome VARCHAR, rating UTINYINT, points INTEGER,
			duration BIGINT, join_reason VARCHAR, revision VARCHAR, sync BOOLEAN, truncated BOOLEAN, turned BOOLEAN,
			part SMALLINT, seq BIGINT, ` + strings.Join(columns, ", ") + `,
			extra MAP(VARCHAR, VARCHAR), labels VARCHAR[], detail VARCHAR)`,
		`CREATE TABLE sessions(` + sessionColumns + `)`,
		`CREATE TABLE session_entities(` + sessionEntityColumns + `)`,
		`CREATE TABLE entities(vh BIGINT, element VARCHAR, value VARCHAR, first TIMESTAMP)`,
		`CREATE TABLE positions(part SMALLINT, seq BIGINT)`,
	}}, {2, []string{
		`ALTER TABLE sessions ADD COLUMN recognised VARCHAR DEFAULT '` + warehouse.Unrecorded + `'`,
		`ALTER TABLE sessions ADD COLUMN candidates VARCHAR DEFAULT ''`,
		`ALTER TABLE sessions ADD COLUMN merged_into BIGINT DEFAULT 0`,
		`CREATE TABLE spec_changes(spec_id BIGINT, into_id BIGINT, kind VARCHAR, ts TIMESTAMP, reason VARCHAR,
			part SMALLINT, seq BIGINT, place INTEGER)`,
		`CREATE TABLE actor_links(a BIGINT, b BIGINT, element VARCHAR, vh BIGINT, eid BIGINT, ts TIMESTAMP)`,
	}}}
}

// migrate applies what is missing, each version in a transaction of its own.
func migrate(ctx context.Context, c driver.Conn, all []migration) error {
	if err := exec(ctx, c, `CREATE TABLE IF NOT EXISTS schema_versions(version INTEGER, applied TIMESTAMP)`); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	have, err := queryInt(ctx, c, `SELECT coalesce(max(version), 0)::BIGINT FROM schema_versions`)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if newest := all[len(all)-1].version; int(have) > newest {
		return fmt.Errorf("the file has schema version %d, this build knows up to %d: it was written by a newer throughline", have, newest)
	}
	for _, m := range all {
		if m.version <= int(have) {
			continue
		}
		if err := m.apply(ctx, c); err != nil {
			return fmt.Errorf("schema version %d: %w", m.version, err)
		}
	}
	return nil
}

func (m migration) apply(ctx context.Context, c driver.Conn) error {
	return transaction(ctx, c, func() error {
		for _, q := range m.steps {
			if err := exec(ctx, c, q); err != nil {
				return err
			}
		}
		return exec(ctx, c, `INSERT INTO schema_versions VALUES ($1, now()::TIMESTAMP)`, int64(m.version))
	})
}

// transaction runs fn between BEGIN and COMMIT on a raw connection.
func transaction(ctx context.Context, c driver.Conn, fn func() error) error {
	if err := exec(ctx, c, `BEGIN`); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = exec(ctx, c, `COMMIT`)
	}
	if err != nil {
		// Without a transaction left, as after a failed commit, this says so.
		_ = exec(context.WithoutCancel(ctx), c, `ROLLBACK`)
	}
	return err
}

// queryInt asks a raw connection for one BIGINT.
func queryInt(ctx context.Context, c driver.Conn, query string, args ...any) (int64, error) {
	rows, err := c.(driver.QueryerContext).QueryContext(ctx, query, values(args))
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	cells := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(cells); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		return 0, err
	}
	n, ok := cells[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%s: answered %T", query, cells[0])
	}
	return n, nil
}
