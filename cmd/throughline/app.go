package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/capture"
	"github.com/throughline/throughline/internal/certificate"
	"github.com/throughline/throughline/internal/certificate/acme"
	"github.com/throughline/throughline/internal/control/sqlite"
	"github.com/throughline/throughline/internal/discovery"
	"github.com/throughline/throughline/internal/edge"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/hub"
	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/processor"
	"github.com/throughline/throughline/internal/recognition"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/telemetry"
	"github.com/throughline/throughline/internal/warehouse"
	"github.com/throughline/throughline/internal/warehouse/duckdb"
	"github.com/throughline/throughline/web"
)

// app is a running Throughline: everything of DESIGN in one process.
type app struct {
	set     settings
	log     *slog.Logger
	started time.Time

	lock    *dataLock
	control *sqlite.Store
	auth    *auth.Service
	journal *journal.Journal
	store   *duckdb.DB
	geo     *enrich.Enricher
	hasher  *element.Hasher
	learner *discovery.Learner
	turning sync.Mutex // one change of the hash key at a time
	shed    *engine.Shed
	parts   []*engine.Partition
	engine  *engine.Engine
	edge    *edge.Server
	ingests []*warehouse.Ingest
	live    broadcast
	known   *recognition.Service

	visible, decision telemetry.Latency
	arrived           map[int]*arrivals // by partition; guarded by mu
	metrics           *telemetry.Metrics
	policy            policyState
	servers           []*http.Server
	commands          *http.Server // of the unix socket; it outlives the others in a hand-over
	restarts          chan chan error
	sockets           *sockets
	scheduling        *processor.Watch // of the process; it outlives this; nil: left to the system
	visitors, secret  net.Listener
	hubLn, adminLn    net.Listener // nil where there is none
	hubAddr           net.Addr
	background        sync.WaitGroup
	stop              context.CancelFunc
	run               context.Context // ends with stop

	current   atomic.Pointer[[]*site.Site]
	reloading sync.Mutex // one reload at a time
	mu        sync.Mutex // guards parts, ingests and arrived, which grow

	certificates *certificate.Set // nil without TLS
	acme         *acme.Manager    // nil when none are obtained
}

// sites are those in force, in the order of the configuration.
func (a *app) sites() []*site.Site { return *a.current.Load() }

func (a *app) partitions() []*engine.Partition {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts
}

func (a *app) following() []*warehouse.Ingest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ingests
}

func now() int64 { return time.Now().UnixMicro() }

// start brings everything up in the order in which it is needed. On an error
// what was started is stopped again.
func start(ctx context.Context, set settings, log *slog.Logger, socks *sockets, scheduling *processor.Watch) (a *app, err error) {
	a = &app{set: set, log: log, sockets: socks, scheduling: scheduling, restarts: make(chan chan error), started: time.Now(), shed: &engine.Shed{}, metrics: telemetry.NewMetrics()}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.run, a.stop = run, cancel
	a.current.Store(&set.sites)
	a.live.opened = a.hurry
	defer func() {
		if err != nil {
			a.close(context.WithoutCancel(ctx))
			a = nil
		}
	}()
	if err = a.listen(); err != nil {
		return a, err
	}
	if a.lock, err = a.takeLock(ctx); err != nil {
		return a, err
	}
	if err = openFormat(set.Data); err != nil {
		return a, err
	}
	if err = assignPartitions(set.Data, set.sites); err != nil {
		return a, err
	}
	hasher, err := a.openStores(ctx)
	if err != nil {
		return a, err
	}
	if err = a.startEngine(ctx, hasher); err != nil {
		return a, err
	}
	for _, p := range a.parts {
		a.follow(p)
	}
	if err = a.startHub(run, hasher); err != nil {
		return a, err
	}
	if err = a.restoreSwitches(ctx, set.sites); err != nil {
		return a, err
	}
	if err = a.edge.Start(); err != nil {
		return a, fmt.Errorf("listen for visitors: %w", err)
	}
	if err = a.obtainCertificates(); err != nil {
		return a, err
	}
	if err = a.startAdmin(); err != nil {
		return a, err
	}
	if err = a.startSocket(); err != nil {
		return a, err
	}
	a.watchPolicy(run)
	a.expireDaily(run)
	a.saveDiscovery(run)
	return a, nil
}

// listen opens the sockets, before anything that takes long or may fail only
// after a predecessor has given up its own.
func (a *app) listen() (err error) {
	a.sockets.plain = a.set.Fingerprint.SYN
	if a.visitors, err = a.sockets.listen(visitorsSocket, a.set.Listen); err != nil {
		return fmt.Errorf("listen for visitors: %w", err)
	}
	if a.set.TLS != nil {
		if a.secret, err = a.sockets.listen(tlsSocket, a.set.TLS.Listen); err != nil {
			return fmt.Errorf("listen for visitors: %w", err)
		}
	}
	if a.hubLn, err = a.sockets.listen(hubSocket, a.set.Hub.Listen); err != nil {
		return fmt.Errorf("listen for the Hub: %w", err)
	}
	if a.set.Admin != "" {
		if a.adminLn, err = a.sockets.listen(adminSocket, a.set.Admin); err != nil {
			return fmt.Errorf("listen for metrics and health: %w", err)
		}
	}
	a.sockets.leave()
	return nil
}

func (a *app) path(name string) string { return filepath.Join(a.set.Data, name) }

// openStores opens key, control data, journal and warehouse.
func (a *app) openStores(ctx context.Context) (*element.Hasher, error) {
	var err error
	if a.control, err = sqlite.Open(ctx, a.path("control.sqlite")); err != nil {
		return nil, err
	}
	hasher, err := a.openKey(ctx)
	if err != nil {
		return nil, err
	}
	a.journal, err = journal.Open(journal.Config{Dir: a.path("journal"), MaxBytes: a.set.journal.maxBytes,
		SyncInterval: a.set.journal.sync, SyncAlways: a.set.journal.syncAlways, Logger: a.log, GiveWay: a.scheduling.GiveWay})
	if err != nil {
		return nil, err
	}
	if a.store, err = duckdb.Open(a.path("warehouse.duckdb"), duckdb.Options{Logger: a.log, GiveWay: a.scheduling.GiveWay}); err != nil {
		return nil, err
	}
	a.geo = enrich.Open(a.set.enrich)
	a.learner = discovery.New()
	if err := a.learner.Load(a.path(discoveryFile)); err != nil {
		a.log.Warn("what was learnt before is left aside", "error", err.Error())
	}
	return hasher, nil
}

// startEngine recovers every partition, puts the policy in force and prepares
// the edge.
func (a *app) startEngine(ctx context.Context, hasher *element.Hasher) error {
	judges := map[int]engine.Judge{}
	for _, s := range a.set.sites {
		if judges[s.Partition] != nil {
			continue
		}
		p, err := a.startPartition(ctx, s.Partition)
		if err != nil {
			return err
		}
		judges[s.Partition] = p
	}
	a.engine = engine.New(engine.Config{Sites: a.set.sites, Judges: judges, Capture: capture.New(hasher, a.set.Region),
		Enrich: a.geo, Learn: a.learner, Shed: a.shed, Clock: now, Logger: a.log,
		Decision: func(d time.Duration) { a.decision.Observe(now(), d) }})
	if err := a.loadPolicy(ctx); err != nil {
		return err
	}
	cfg := a.set.routing()
	cfg.Clock, cfg.Logger, cfg.Listeners = now, a.log, []edge.Listener{{Addr: a.set.Listen, Socket: a.visitors, Announced: a.set.announced}}
	if err := a.secure(&cfg); err != nil {
		return err
	}
	a.set.limits.apply(&cfg)
	cfg.NoLanes = a.set.Lanes == lanesNone
	if err := a.set.Fingerprint.apply(&cfg, a.log); err != nil {
		return err
	}
	a.fitDescriptors(&cfg)
	var err error
	a.edge, err = edge.New(cfg, a.engine)
	return err
}

// startPartition recovers one partition.
func (a *app) startPartition(ctx context.Context, number int) (*engine.Partition, error) {
	// After a power loss the warehouse may stand past the journal's end; the
	// journal goes on behind it, so that no sequence is given twice.
	at, err := a.store.Position(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := a.journal.Advance(ctx, number, at); err != nil {
		return nil, err
	}
	p := engine.NewPartition(engine.PartitionConfig{Number: number, Clock: now, Logger: a.log, GiveWay: a.scheduling.GiveWay,
		// Two snapshots must fit into the journal: what is behind them may go.
		SnapshotEvery: uint64(min(50_000, max(1000, a.set.journal.maxBytes>>14)))},
		partitionLog{a.journal, number, a.arrivals(number)}, a.shed)
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.parts = append(a.parts, p)
	a.mu.Unlock()
	return p, nil
}

// arrivals are those of a partition.
func (a *app) arrivals(partition int) *arrivals {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.arrived == nil {
		a.arrived = map[int]*arrivals{}
	}
	if a.arrived[partition] == nil {
		a.arrived[partition] = &arrivals{}
	}
	return a.arrived[partition]
}

// follow follows the journal of a partition into the warehouse.
func (a *app) follow(p *engine.Partition) {
	number := p.Stats().Number
	in := warehouse.NewIngest(a.journal, a.store, warehouse.IngestOptions{
		Partition: number, Logger: a.log, BatchWait: 50 * time.Millisecond,
		Unwatched: 10 * time.Second, Watched: a.live.heard, Arrived: a.arrivals(number).of,
		OnApplied: func(b warehouse.Applied) {
			for i := range b.Events {
				if e := &b.Events[i]; e.Duration > 0 {
					at := b.Ready[i].UnixMicro()
					a.visible.Observe(at, time.Duration(at-e.Time-e.Duration)*time.Microsecond)
				}
			}
			a.live.publish(b.Events, b.Sessions)
		},
	})
	a.mu.Lock()
	a.ingests = append(a.ingests, in)
	a.mu.Unlock()
	a.background.Go(func() { _ = in.Run(a.run) }) // its error is that run has ended
}

// fresh brings the warehouse up to date before it is asked.
func (a *app) fresh(ctx context.Context) {
	for _, in := range a.following() {
		in.Fresh(ctx)
	}
}

// hurry has what is there applied, for somebody begins to follow it.
func (a *app) hurry() {
	for _, in := range a.following() {
		in.Hurry()
	}
}

// answers is the warehouse as it is asked.
func (a *app) answers() warehouse.Fresh { return warehouse.Fresh{Store: a.store, Before: a.fresh} }

// catchUp waits until the warehouse has what the journal has.
func (a *app) catchUp(ctx context.Context) error {
	parts := a.partitions() // each is followed before it is used
	a.fresh(ctx)
	for i, in := range a.following() {
		for in.Stats(ctx).Position < parts[i].Stats().Acked {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}

func (a *app) startHub(ctx context.Context, hasher *element.Hasher) error {
	if !web.Built() {
		return errors.New("this binary was built without the Hub's web app; `make build` builds both")
	}
	var err error
	secure := a.set.Hub.Cert != ""
	if a.auth, err = auth.New(auth.Config{Store: a.control, Secure: secure}); err != nil {
		return err
	}
	questions, err := insight.New(insight.Config{Reader: a.answers(), Linker: a.answers(), Charter: a.answers(),
		Registry: a.answers(), Visitors: a.answers(), Hasher: hasher, Region: a.set.Region, Elements: a.elements})
	if err != nil {
		return err
	}
	a.known = recognition.NewService(ownJournal{a}, nil, nil)
	a.background.Go(func() { a.known.Run(a.run) })
	h, err := hub.New(hub.Config{Insight: questions, Auth: a.auth, Settings: a.control, Live: &a.live, Commands: a, Recognition: a.known, Discovery: a,
		Status: a.status, Policy: a.policyText, Elements: a.elements, SessionTimeout: a.sessionTimeout, Assets: web.Assets(),
		Secure: secure, Hosts: a.set.Hub.Hosts, Logger: a.log, Version: version})
	if err != nil {
		return err
	}
	ln := a.hubLn
	a.hubAddr = ln.Addr()
	srv := hub.NewServer(h)
	if secure {
		cert, err := tls.LoadX509KeyPair(a.set.Hub.Cert, a.set.Hub.Key)
		if err != nil {
			return fmt.Errorf("hub certificate: %w", err)
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		ln = tls.NewListener(ln, srv.TLSConfig)
	}
	a.serve("hub", srv, ln)
	return nil
}

// serve runs a server until it is shut down.
func (a *app) serve(name string, srv *http.Server, ln net.Listener) {
	a.servers = append(a.servers, srv)
	a.background.Go(func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			a.log.Error("server ended", "server", name, "error", err.Error())
		}
	})
}

func (a *app) startAdmin() error {
	if a.set.Admin == "" {
		return nil
	}
	a.connectMetrics()
	a.serve("admin", &http.Server{Handler: telemetry.Handler(a.metrics, a), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}, a.adminLn)
	return nil
}

// expireDaily deletes what is past its retention.
func (a *app) expireDaily(ctx context.Context) {
	a.background.Go(func() {
		tick := time.NewTicker(time.Hour)
		defer tick.Stop()
		for {
			if err := a.store.Expire(ctx, now()-a.set.retention.Microseconds()); err != nil && ctx.Err() == nil {
				a.log.Warn("retention", "error", err.Error())
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// close drains and stops everything, in the order in which nothing is lost:
// visitors first, then the judge, then the stores.
func (a *app) close(ctx context.Context) {
	if a.edge != nil {
		a.edge.SetUnwell(true)
		time.Sleep(a.set.notice) // probes see it, and visitors go elsewhere
	}
	ctx, cancel := context.WithTimeout(ctx, a.set.drain+15*time.Second)
	defer cancel()
	if a.acme != nil {
		a.acme.Close()
	}
	a.sockets.close() // nobody takes over: who comes now must not wait
	if a.edge != nil {
		drain, cancel := context.WithTimeout(ctx, a.set.drain)
		a.note("edge", a.edge.Shutdown(drain))
		cancel()
	}
	a.closeCommands()
	a.closeStores(ctx)
	for _, ln := range []net.Listener{a.visitors, a.secret, a.hubLn, a.adminLn} {
		if ln != nil {
			_ = ln.Close() // where no server has begun with it
		}
	}
	if a.geo != nil {
		a.note("geo", a.geo.Close())
	}
}

func (a *app) note(what string, err error) {
	if err != nil {
		a.log.Warn("stopping", "part", what, "error", err.Error())
	}
}

// closeStores stops judging, the Hub and all that writes, and gives up the data
// folder.
func (a *app) closeStores(ctx context.Context) {
	var servers sync.WaitGroup
	for _, s := range a.servers {
		servers.Go(func() {
			short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
			defer cancel()
			if s.Shutdown(short) != nil {
				a.note("server", s.Close()) // live streams last
			}
		})
	}
	for _, p := range a.partitions() {
		a.note("partition", p.Stop(ctx))
	}
	follow, stopFollowing := context.WithTimeout(ctx, 5*time.Second)
	if err := a.catchUp(follow); err != nil {
		a.log.Info("the warehouse lags; the next start goes on where it is")
	}
	stopFollowing()
	a.stop()
	if a.learner != nil && a.lock != nil {
		a.note("discovery", a.learner.Save(a.path(discoveryFile)))
	}
	servers.Wait()
	a.background.Wait()
	if a.journal != nil {
		a.note("journal", a.journal.Close())
	}
	if a.store != nil {
		a.note("warehouse", a.store.Close())
	}
	if a.control != nil {
		a.note("control", a.control.Close())
	}
	if a.lock != nil {
		a.lock.release()
	}
}

// closeCommands ends the unix socket after its last answer.
func (a *app) closeCommands() {
	if a.commands == nil {
		return
	}
	short, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if a.commands.Shutdown(short) != nil {
		a.note("commands", a.commands.Close())
	}
	a.commands = nil
}
