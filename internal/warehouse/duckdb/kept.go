package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// kept is what the writer keeps between batches: statements and appenders, since
// making them costs more than a small batch, and what it knows of the tables,
// since asking does. It is made anew after anything went wrong, so that what it
// knows is what was committed.
type kept struct {
	conn                driver.Conn
	begin, commit, move driver.Stmt
	appenders           map[string]*appender
	giveWay             func()
	rows                *codec
	positions           map[int]int64
	newestSession       int64 // no Session with a higher ID is stored
	newestSighted       int64 // nor a sighting in one
	visits              visits
}

// keep returns what the writer keeps, making it first.
func (h *handles) keep(ctx context.Context, giveWay func()) (_ *kept, err error) {
	if h.kept != nil {
		return h.kept, nil
	}
	k := &kept{conn: h.w, appenders: map[string]*appender{}, giveWay: giveWay, rows: newCodec(), positions: map[int]int64{}, visits: newVisits()}
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	for query, s := range map[string]*driver.Stmt{
		`BEGIN`: &k.begin, `COMMIT`: &k.commit, `UPDATE positions SET seq = $1 WHERE part = $2`: &k.move,
	} {
		if *s, err = h.w.(driver.ConnPrepareContext).PrepareContext(ctx, query); err != nil {
			return nil, err
		}
	}
	if k.newestSession, err = queryInt(ctx, h.w, `SELECT coalesce(max(sid), 0)::BIGINT FROM sessions`); err != nil {
		return nil, err
	}
	if k.newestSighted, err = queryInt(ctx, h.w, `SELECT coalesce(max(sid), 0)::BIGINT FROM session_entities`); err != nil {
		return nil, err
	}
	h.kept = k
	return k, nil
}

// close lets go of what DuckDB holds for it. What an appender still has goes to
// the transaction there is, which is about to be rolled back.
func (k *kept) close() {
	for _, a := range k.appenders {
		_ = a.Close()
	}
	for _, s := range []driver.Stmt{k.begin, k.commit, k.move} {
		if s != nil {
			_ = s.Close()
		}
	}
}

// stint is how many rows are added before others are given way: some 50 µs.
const stint = 8

// appender adds rows to a table, and gives way now and then.
type appender struct {
	*duckdb.Appender
	rows    int
	giveWay func()
}

// AppendRow adds one.
func (a *appender) AppendRow(values ...driver.Value) error {
	if a.rows++; a.rows%stint == 0 {
		a.giveWay()
	}
	return a.Appender.AppendRow(values...)
}

// appender returns a table's.
func (k *kept) appender(table string) (*appender, error) {
	if a := k.appenders[table]; a != nil {
		return a, nil
	}
	raw, err := duckdb.NewAppender(k.conn, "", "", table)
	if err != nil {
		return nil, err
	}
	a := &appender{Appender: raw, giveWay: k.giveWay}
	k.appenders[table] = a
	return a, nil
}

// transaction runs fn between BEGIN and COMMIT. After an error k is closed.
func (k *kept) transaction(ctx context.Context, fn func() error) error {
	_, err := run(ctx, k.begin)
	if err == nil {
		err = fn()
	}
	if err == nil {
		_, err = run(ctx, k.commit)
	}
	if err != nil {
		k.close()
		// Without a transaction left, as after a failed commit, this says so.
		_ = exec(context.WithoutCancel(ctx), k.conn, `ROLLBACK`)
	}
	return err
}

// run executes a prepared statement and returns how many rows it touched.
func run(ctx context.Context, s driver.Stmt, args ...any) (int64, error) {
	res, err := s.(driver.StmtExecContext).ExecContext(ctx, values(args))
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func values(args []any) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return named
}

// each calls fn with every row that a query on a raw connection answers.
func each(ctx context.Context, c driver.Conn, query string, fn func(row []driver.Value) error) error {
	rows, err := c.(driver.QueryerContext).QueryContext(ctx, query, nil)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// integers is a list for IN ().
func integers(all []int64) string {
	out := make([]byte, 0, 20*len(all))
	for i, n := range all {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, n, 10)
	}
	return string(out)
}

func (k *kept) position(ctx context.Context, partition int) (int64, error) {
	if at, ok := k.positions[partition]; ok {
		return at, nil
	}
	at, err := position(ctx, k.conn, partition)
	if err == nil {
		k.positions[partition] = at
	}
	return at, err
}

func position(ctx context.Context, c driver.Conn, partition int) (int64, error) {
	return queryInt(ctx, c, `SELECT coalesce(max(seq), 0)::BIGINT FROM positions WHERE part = $1`, int64(partition))
}

func (k *kept) setPosition(ctx context.Context, partition int, to int64) error {
	n, err := run(ctx, k.move, to, int64(partition))
	if err != nil {
		return err
	}
	if n == 0 {
		if err := exec(ctx, k.conn, fmt.Sprintf(`INSERT INTO positions VALUES (%d, %d)`, partition, to)); err != nil {
			return err
		}
	}
	k.positions[partition] = to
	return nil
}
