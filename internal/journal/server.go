package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// engine is one life of the embedded server with a connection for everything
// but appends. It is never mended, only replaced.
type engine struct {
	srv  *server.Server
	log  *slog.Logger
	nc   *nats.Conn
	js   jetstream.JetStream
	once sync.Once
	dead chan struct{} // closed by shutdown
}

// startTimeout is long: after a crash the store reads all its blocks again.
const startTimeout = 10 * time.Minute

func startEngine(cfg Config) (*engine, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName: "throughline", DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: cfg.Dir, SyncInterval: cfg.SyncInterval, SyncAlways: cfg.SyncAlways,
		// The bound is each stream's; a disk that is smaller says so itself.
		JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 64 << 20,
		MaxPayload:            maxMessage + 4096, // and its headers
		StreamMaxBufferedMsgs: 4 * cfg.MaxInFlight, StreamMaxBufferedSize: 4 * maxInFlightBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	log := &serverLog{log: cfg.Logger}
	srv.SetLogger(log, false, false)
	srv.Start()
	e := &engine{srv: srv, log: cfg.Logger, dead: make(chan struct{})}
	if !srv.ReadyForConnections(startTimeout) || !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, fmt.Errorf("journal: the store in %s does not start: %s", cfg.Dir, log.last())
	}
	if e.nc, err = e.connect(); err == nil {
		e.js, err = jetstream.New(e.nc)
	}
	if err != nil {
		e.shutdown()
		return nil, fmt.Errorf("journal: %w", err)
	}
	return e, nil
}

// connect opens a connection within the process.
func (e *engine) connect() (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(e.srv), nats.NoReconnect(), nats.Timeout(10*time.Second),
		nats.FlusherTimeout(10*time.Second), nats.ErrorHandler(e.mended))
}

// mended hears of what the client mends by itself: a reader that a burst overran is
// sent the same again. The client's own handler writes it to the terminal.
func (e *engine) mended(_ *nats.Conn, _ *nats.Subscription, err error) {
	e.log.Debug("journal store", "error", err.Error())
}

func (e *engine) healthy() bool {
	return e.srv.Running() && e.srv.JetStreamEnabled() && e.nc.IsConnected()
}

func (e *engine) shutdown() {
	e.once.Do(func() {
		close(e.dead)
		if e.nc != nil {
			e.nc.Close()
		}
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	})
}

// serverLog passes on what the embedded server complains of, and nothing else.
type serverLog struct {
	log *slog.Logger
	mu  sync.Mutex
	err string
}

func (l *serverLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == "" {
		return "no reason given"
	}
	return l.err
}

func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.mu.Lock()
	l.err = text
	l.mu.Unlock()
	l.log.Warn("journal store", "error", text)
}

func (l *serverLog) Fatalf(format string, v ...any) { l.Errorf(format, v...) }
func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Debug("journal store", "warning", fmt.Sprintf(format, v...))
}
func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

// Codes of the store's answers that have an error of ours.
const (
	codeStoreFailed    jetstream.ErrorCode = 10077
	codeNoResources    jetstream.ErrorCode = 10002
	codeWrongLast      jetstream.ErrorCode = 10071
	codeWrongLastConst jetstream.ErrorCode = 10164
	codeWrongLastID    jetstream.ErrorCode = 10070
)

// appendError turns the store's answer into an error of ours.
func appendError(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("journal: append: %w", err)
	}
	switch api.ErrorCode {
	case codeWrongLast, codeWrongLastConst, codeWrongLastID:
		return fmt.Errorf("%w (%s)", ErrDeposed, api.Description)
	case codeNoResources:
		return fmt.Errorf("%w (%s)", ErrFull, api.Description)
	case codeStoreFailed:
		if api.Description == server.ErrMaxBytes.Error() {
			return ErrFull
		}
	}
	return fmt.Errorf("journal: append: %w", err)
}
