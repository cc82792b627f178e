package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// KeptFor is how long entries that nobody needs are kept.
const KeptFor = 7 * 24 * time.Hour

// Config opens a Journal. Zero values take the defaults given.
type Config struct {
	Dir          string
	MaxBytes     int64         // of one partition; 8 GiB
	MaxAge       time.Duration // entries that nobody needs are kept this long; 7 days
	SyncInterval time.Duration // what a power loss may cost; 1 s
	SyncAlways   bool          // sync to disk before every ack instead
	MaxInFlight  int           // unacknowledged entries of one Writer; 4096
	AckTimeout   time.Duration // then an append counts as failed; 5 s
	Gather       time.Duration // entries wait for others that long before the store is given them; 20 ms
	TrimEvery    time.Duration // between looks for entries to delete; 1 min
	GiveWay      func()        // called now and then while many entries are decoded, so that others may run; nil: nothing
	Logger       *slog.Logger
}

func (c *Config) defaults() {
	if c.MaxBytes <= 0 {
		c.MaxBytes = 8 << 30
	}
	if c.MaxAge <= 0 {
		c.MaxAge = KeptFor
	}
	if c.SyncInterval <= 0 {
		c.SyncInterval = time.Second
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = 4096
	}
	if c.AckTimeout <= 0 {
		c.AckTimeout = 5 * time.Second
	}
	if c.Gather <= 0 {
		c.Gather = 20 * time.Millisecond
	}
	if c.TrimEvery <= 0 {
		c.TrimEvery = time.Minute
	}
	if c.GiveWay == nil {
		c.GiveWay = func() {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// maxPartition is what an ID has room for.
const maxPartition = 1023

// Journal is the embedded journal of one data folder. Safe for concurrent use.
// A store that stopped working (disk full, I/O error) is started anew by the
// next Writer or Reader that is asked for.
type Journal struct {
	cfg      Config
	inFlight atomic.Int64
	kick     chan struct{} // asks the trimmer to look now
	stop     context.CancelFunc
	trimmer  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	eng      *engine // nil while down
	broken   error   // why eng must be replaced before it is used again
	retryAt  time.Time
	consumed map[int]uint64
	parts    map[int]bool // partitions with a stream
	tails    map[int]*tail
	lastErr  string

	snapMu sync.Mutex // one snapshot is written at a time
}

// Open starts the journal in cfg.Dir, which it makes when missing.
func Open(cfg Config) (*Journal, error) {
	cfg.defaults()
	if cfg.Dir == "" {
		return nil, errors.New("journal: no folder given")
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, "snapshots"), 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{cfg: cfg, kick: make(chan struct{}, 1), consumed: map[int]uint64{}, parts: map[int]bool{}, tails: map[int]*tail{}}
	eng, err := startEngine(cfg)
	if err != nil {
		return nil, err
	}
	j.eng = eng
	ctx, stop := context.WithCancel(context.Background())
	j.stop = stop
	if err := j.discover(ctx); err != nil {
		stop()
		eng.shutdown()
		return nil, err
	}
	j.trimmer.Add(1)
	go j.trimLoop(ctx)
	return j, nil
}

// Close stops the journal. Writers and Readers fail with ErrClosed; what was
// acknowledged stays.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	eng := j.eng
	j.eng = nil
	j.mu.Unlock()
	j.stop()
	j.trimmer.Wait()
	if eng != nil {
		eng.shutdown()
	}
	return nil
}

// engine returns the running store, starting it anew when it is broken.
func (j *Journal) engine() (*engine, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	if j.eng != nil && j.broken == nil && j.eng.healthy() {
		return j.eng, nil
	}
	if time.Now().Before(j.retryAt) {
		return nil, fmt.Errorf("journal: down: %s", j.lastErr)
	}
	if j.eng != nil {
		cause := j.broken
		if cause == nil {
			cause = errors.New("the store switched itself off")
		}
		j.lastErr = cause.Error()
		j.cfg.Logger.Warn("journal store is started anew", "error", cause.Error())
		j.eng.shutdown()
		j.eng, j.broken = nil, nil
	}
	eng, err := startEngine(j.cfg)
	if err != nil {
		j.retryAt = time.Now().Add(500 * time.Millisecond)
		j.lastErr = err.Error()
		return nil, err
	}
	j.eng = eng
	return eng, nil
}

// breakdown notes that eng can't be trusted any more.
func (j *Journal) breakdown(eng *engine, cause error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.eng == eng && j.broken == nil && !j.closed {
		j.broken, j.lastErr = cause, cause.Error()
	}
}

func streamName(partition int) string { return "TL_P" + strconv.Itoa(partition) }
func subject(partition int) string    { return "tl.p." + strconv.Itoa(partition) }

// stream opens the partition's stream, making it or raising its bound.
func (j *Journal) stream(ctx context.Context, eng *engine, partition int) (jetstream.Stream, error) {
	if partition < 0 || partition > maxPartition {
		return nil, fmt.Errorf("journal: partition %d: want 0 to %d", partition, maxPartition)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s, err := eng.js.Stream(ctx, streamName(partition))
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		s, err = eng.js.CreateStream(ctx, j.streamConfig(partition, 0))
	case err == nil && s.CachedInfo().Config.MaxBytes != j.cfg.MaxBytes:
		cfg := s.CachedInfo().Config
		cfg.MaxBytes = j.cfg.MaxBytes
		s, err = eng.js.UpdateStream(ctx, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("journal: partition %d: %w", partition, err)
	}
	j.mu.Lock()
	j.parts[partition] = true
	j.mu.Unlock()
	return s, nil
}

// streamConfig has no age: only the trimmer deletes, since it knows what is
// still needed.
func (j *Journal) streamConfig(partition int, first uint64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamName(partition), Subjects: []string{subject(partition)},
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: j.cfg.MaxBytes, AllowDirect: true,
		FirstSeq: first, Duplicates: time.Second, // IDs serve only to chain entries
	}
}

// discover lists the partitions the folder holds.
func (j *Journal) discover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	names := j.eng.js.StreamNames(ctx)
	for name := range names.Name() {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "TL_P")); err == nil && strings.HasPrefix(name, "TL_P") {
			j.parts[n] = true
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("journal: list partitions: %w", err)
	}
	return nil
}

// Partitions lists the partitions there are.
func (j *Journal) Partitions() []int {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]int, 0, len(j.parts))
	for n := range j.parts {
		out = append(out, n)
	}
	return out
}

// Stats is how the journal is.
type Stats struct {
	State    string // "ok", "degraded" (full, or lately failed) or "down"
	Entries  int64  // kept, of all partitions
	Bytes    int64
	MaxBytes int64 // of all partitions
	InFlight int64 // appended, not yet acknowledged
	Error    string
}

// Stats may be called at any time; it answers within a second.
func (j *Journal) Stats() Stats {
	out := Stats{State: "ok", InFlight: j.inFlight.Load()}
	j.mu.Lock()
	eng, broken, closed := j.eng, j.broken, j.closed
	out.Error = j.lastErr
	j.mu.Unlock()
	if closed || eng == nil || broken != nil || !eng.healthy() {
		out.State = "down"
		if closed {
			out.Error = ErrClosed.Error()
		}
		return out
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	full := ""
	for _, n := range j.Partitions() {
		s, err := eng.js.Stream(ctx, streamName(n))
		if err != nil {
			out.State, out.Error = "down", err.Error()
			return out
		}
		st := s.CachedInfo().State
		entries, err := held(ctx, s)
		if err != nil {
			out.State, out.Error = "down", err.Error()
			return out
		}
		out.Entries += entries
		out.Bytes += int64(st.Bytes)
		out.MaxBytes += j.cfg.MaxBytes
		// The last percent is as good as full: the next entry may not fit.
		if int64(st.Bytes) > j.cfg.MaxBytes-j.cfg.MaxBytes/100 {
			full = fmt.Sprintf("partition %d is full: %d of %d bytes", n, st.Bytes, j.cfg.MaxBytes)
		}
	}
	if full != "" {
		out.Error = full
	}
	if out.Error != "" {
		out.State = "degraded"
	}
	return out
}

// note remembers or, with nil, forgets the last trouble.
func (j *Journal) note(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		j.lastErr = ""
	} else {
		j.lastErr = err.Error()
	}
}
