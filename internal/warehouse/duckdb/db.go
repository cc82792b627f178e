// Package duckdb is the warehouse in one DuckDB file, within the process. cmd
// opens it, ingest writes it, insight asks it.
//
// It promises: a batch and its journal position are committed together or not
// at all; one writer, any number of readers; a database that DuckDB declares
// invalid is closed, reopened and the work tried once more. No keys, no indexes
// and no window functions: the first cost more than they give here, the last
// were seen to bring the whole database down.
package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// Options bound a DB. Zero values take the defaults given.
type Options struct {
	MemoryLimit string           // "1GB"
	Threads     int              // 2
	Readers     int              // queries at one time; 4
	Clock       func() time.Time // what "the last 90 days" counts from; time.Now
	Logger      *slog.Logger
	GiveWay     func() // called now and then while a batch is written, so that others may run; nil: nothing
}

// DB is an open warehouse. Safe for concurrent use.
type DB struct {
	path string
	opts Options

	// life guards the handles: who uses them holds it for reading, who replaces
	// them for writing. DuckDB itself must never see two instances of one file.
	life   sync.RWMutex
	h      *handles // nil once closed or when reopening failed
	closed bool

	write sync.Mutex // one writer
	known *knownEntities

	asking atomic.Int64 // queries that run
	asked  atomic.Int64 // when the last one began or ended, Unix nanoseconds

	// fault, in tests, is asked before a batch commits.
	fault func() error
}

// handles are one life of the database.
type handles struct {
	connector *duckdb.Connector
	db        *sql.DB     // readers
	w         driver.Conn // the writer
	kept      *kept       // between batches; nil before the first and after trouble

	crew    sync.Mutex
	threads atomic.Int64 // in force
}

// Open opens or makes the file, and brings an older schema up to this build's.
// A file of a newer build is refused.
func Open(path string, opts Options) (*DB, error) {
	if opts.MemoryLimit == "" {
		opts.MemoryLimit = "1GB"
	}
	if opts.Threads <= 0 {
		opts.Threads = 2
	}
	if opts.Readers <= 0 {
		opts.Readers = 4
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.GiveWay == nil {
		opts.GiveWay = func() {}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if path == "" {
		return nil, errors.New("duckdb: no file given")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("duckdb: %w", err)
	}
	d := &DB{path: path, opts: opts, known: newKnownEntities()}
	h, err := d.open()
	if err != nil {
		return nil, err
	}
	d.h = h
	return d, nil
}

func (d *DB) open() (_ *handles, err error) {
	if strings.Contains(d.path, "?") {
		return nil, fmt.Errorf("duckdb: %q: the path holds a question mark", d.path)
	}
	q := url.Values{
		"threads": {strconv.Itoa(d.opts.Threads)}, "memory_limit": {d.opts.MemoryLimit},
		"checkpoint_threshold": {"64MB"}, "preserve_insertion_order": {"false"},
		"autoinstall_known_extensions": {"false"}, "autoload_known_extensions": {"false"},
	}
	h := &handles{}
	h.connector, err = duckdb.NewConnector(d.path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("duckdb: open %s: %w", d.path, err)
	}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	h.db = sql.OpenDB(h.connector)
	h.db.SetMaxOpenConns(d.opts.Readers)
	h.db.SetMaxIdleConns(d.opts.Readers)
	h.w, err = h.connector.Connect(context.Background())
	if err != nil {
		return nil, fmt.Errorf("duckdb: open %s: %w", d.path, err)
	}
	if err = migrate(context.Background(), h.w, migrations()); err != nil {
		return nil, fmt.Errorf("duckdb: %s: %w", d.path, err)
	}
	h.threads.Store(int64(d.opts.Threads))
	return h, nil
}

func (h *handles) close() {
	if h.kept != nil {
		h.kept.close()
	}
	if h.w != nil {
		_ = h.w.Close()
	}
	if h.db != nil {
		_ = h.db.Close() // and with it the connector
	}
	_ = h.connector.Close()
}

// Close waits for what runs and closes the file.
func (d *DB) Close() error {
	d.write.Lock()
	defer d.write.Unlock()
	d.life.Lock()
	defer d.life.Unlock()
	if d.h != nil {
		d.h.close()
		d.h = nil
	}
	d.closed = true
	return nil
}

var errClosed = errors.New("duckdb: closed")

// fatal tells whether DuckDB needs to be opened anew after err.
func fatal(err error) bool {
	if err == nil {
		return false
	}
	var de *duckdb.Error
	if errors.As(err, &de) && (de.Type == duckdb.ErrorTypeFatal || de.Type == duckdb.ErrorTypeInternal) {
		return true
	}
	text := err.Error() // an appender wraps the text only
	return strings.Contains(text, "FATAL Error") || strings.Contains(text, "INTERNAL Error") ||
		strings.Contains(text, "database has been invalidated")
}

// with runs fn on the handles, and once more on new ones when DuckDB broke.
func (d *DB) with(fn func(h *handles) error) error {
	h, err := d.try(nil, fn)
	if !fatal(err) {
		return err
	}
	d.opts.Logger.Error("duckdb broke and is opened anew", "error", err.Error())
	_, err = d.try(h, fn)
	return err
}

// try runs fn on handles other than broken, opening the file when there are none.
func (d *DB) try(broken *handles, fn func(h *handles) error) (*handles, error) {
	d.life.RLock()
	if d.h == nil || d.h == broken {
		d.life.RUnlock()
		if err := d.reopen(broken); err != nil {
			return nil, err
		}
		d.life.RLock()
	}
	defer d.life.RUnlock()
	if d.h == nil {
		return nil, errClosed
	}
	return d.h, fn(d.h)
}

func (d *DB) reopen(broken *handles) error {
	d.life.Lock() // every reader has let go
	defer d.life.Unlock()
	if d.closed {
		return errClosed
	}
	if d.h != nil && d.h != broken {
		return nil // somebody was faster
	}
	if d.h != nil {
		d.h.close()
		d.h = nil
	}
	h, err := d.open()
	if err != nil {
		return err
	}
	d.h = h
	return nil
}

// exec runs one statement on a raw connection.
func exec(ctx context.Context, c driver.Conn, query string, args ...any) error {
	_, err := c.(driver.ExecerContext).ExecContext(ctx, query, values(args))
	return err
}

// ask runs a query for readers and calls scan for each row.
func (d *DB) ask(ctx context.Context, query string, args []any, scan func(*sql.Rows) error, again func()) error {
	d.asking.Add(1)
	d.asked.Store(time.Now().UnixNano())
	defer func() {
		d.asked.Store(time.Now().UnixNano())
		d.asking.Add(-1)
	}()
	return d.with(func(h *handles) error {
		if again != nil {
			again()
		}
		if err := h.man(ctx, h.db, d.opts.Threads); err != nil {
			return err
		}
		rows, err := h.db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// idleAfter is when DuckDB's own threads are let go after the last question.
const idleAfter = 10 * time.Second

// rest lets DuckDB's threads go when nobody asks: they have nothing to do for
// batches but to be woken, and wait for more with a busy loop, which took as much
// as the batches themselves.
func (d *DB) rest(ctx context.Context, h *handles) error {
	if d.asking.Load() > 0 || time.Now().UnixNano()-d.asked.Load() < int64(idleAfter) {
		return nil
	}
	return h.man(ctx, nil, 1)
}

// man sees to it that DuckDB has the number of threads given, the caller's being
// one. Without db it speaks over the writer's connection.
func (h *handles) man(ctx context.Context, db *sql.DB, threads int) error {
	if h.threads.Load() == int64(threads) {
		return nil
	}
	h.crew.Lock()
	defer h.crew.Unlock()
	if h.threads.Load() == int64(threads) {
		return nil
	}
	query := fmt.Sprintf(`SET threads TO %d`, threads)
	var err error
	if db != nil {
		_, err = db.ExecContext(ctx, query)
	} else {
		err = exec(ctx, h.w, query)
	}
	if err != nil {
		return fmt.Errorf("threads: %w", err)
	}
	h.threads.Store(int64(threads))
	return nil
}

// micros is a time as the columns hold it.
func micros(t int64) time.Time { return time.UnixMicro(t).UTC() }
