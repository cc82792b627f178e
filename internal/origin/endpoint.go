package origin

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Endpoint is one host of an origin: its idle connections and its health. Safe
// for concurrent use. Invariants, under mu: idle holds connections nobody uses,
// the longest idle first, each with an empty buffer; timer runs while there are
// any.
type Endpoint struct {
	pool *Pool
	addr string             // IP address and port
	stop context.CancelFunc // of its health checks; nil: there are none

	mu     sync.Mutex
	idle   []*Conn
	others []Holder // of idle connections
	timer  *time.Timer
	closed bool
	// Of HTTP/2: the connections that exchanges share, and the next one on its way.
	muxes   []*mux
	dialing *dialing
	old     bool // what was negotiated last is HTTP/1.1

	streak    atomic.Int32 // failures without a response in between
	downUntil atomic.Int64 // Unix millis; 0: it is up
	outages   atomic.Int32 // how often it went down in a row
	since     atomic.Int64 // Unix millis of its recovery; 0: long ago
	sick      atomic.Bool  // active checks say so

	held atomic.Int64 // idle connections that holders have
	left atomic.Bool  // closed, for those who hold connections

	responses, failures atomic.Int64
	why                 atomic.Pointer[string]
}

// EndpointState is an Endpoint for people and metrics.
type EndpointState struct {
	Addr                string
	Up                  bool
	Error               string // the last failure, "" when it is up
	Responses, Failures int64
}

// Endpoints may be called at any time.
func (p *Pool) Endpoints() []EndpointState {
	ends := p.list()
	out := make([]EndpointState, len(ends))
	now := p.o.Now().UnixMilli()
	for i, e := range ends {
		out[i] = EndpointState{Addr: e.addr, Up: e.up(now), Responses: e.responses.Load(), Failures: e.failures.Load()}
		if why := e.why.Load(); why != nil && !out[i].Up {
			out[i].Error = *why
		}
	}
	if why := p.unresolved.Load(); why != nil && len(out) == 0 {
		for _, n := range p.names {
			out = append(out, EndpointState{Addr: net.JoinHostPort(n.host, n.port), Error: (*why).Error()})
		}
	}
	return out
}

// pick chooses a host that was not tried yet at random, evenly over those that are up; one that has just
// recovered gets its share little by little. When none is up all are tried:
// health is a guess, and no reason to refuse anybody.
func (p *Pool) pick(ends, tried []*Endpoint) *Endpoint {
	if len(ends) == 1 {
		return ends[0]
	}
	now := p.o.Now().UnixMilli()
	for range 2 * len(ends) {
		if e := ends[p.o.Rand(len(ends))]; e.up(now) && e.ready(now) && !slices.Contains(tried, e) {
			return e
		}
	}
	from := p.o.Rand(len(ends))
	for _, well := range []bool{true, false} { // those that are warming up, before those that are down
		for i := range ends {
			if e := ends[(from+i)%len(ends)]; e.up(now) == well && !slices.Contains(tried, e) {
				return e
			}
		}
	}
	return ends[from]
}

func (e *Endpoint) up(now int64) bool { return !e.sick.Load() && e.downUntil.Load() <= now }

// ready draws whether a host that recovered lately takes this one.
func (e *Endpoint) ready(now int64) bool {
	since, ramp := e.since.Load(), e.pool.o.SlowStart.Milliseconds()
	if until := e.downUntil.Load(); until != 0 && since == 0 {
		since = until // its time out is over, and it has not answered yet
	}
	if since == 0 || ramp <= 0 || now-since >= ramp {
		return true
	}
	const least = 0.05
	return float64(e.pool.o.Rand(1000))/1000 < max(least, float64(now-since)/float64(ramp))
}

// failed counts a failure; several in a row take the host out for a while, that
// doubles while they go on.
func (e *Endpoint) failed(err error) {
	e.failures.Add(1)
	text := err.Error()
	e.why.Store(&text)
	o := &e.pool.o
	if len(e.pool.list()) == 1 || int(e.streak.Add(1)) < o.MaxFails {
		return
	}
	e.streak.Store(0)
	outage := e.outages.Add(1)
	out := o.FailTimeout << min(outage-1, 5)
	out += time.Duration(o.Rand(1000)) * out / 4000 // so that many of us don't come back at once
	now := o.Now()
	e.since.Store(0)
	e.downUntil.Store(now.Add(out).UnixMilli())
	if outage == 1 && !e.sick.Load() && o.Changed != nil { // it is told once, until it has answered
		o.Changed(e.addr, false, text)
	}
}

// answered takes the failures back.
func (e *Endpoint) answered() {
	e.responses.Add(1)
	if e.streak.Load() != 0 {
		e.streak.Store(0)
	}
	if e.downUntil.Load() != 0 {
		e.recovered()
	}
}

func (e *Endpoint) recovered() {
	now := e.pool.o.Now().UnixMilli()
	e.streak.Store(0)
	e.outages.Store(0)
	e.since.Store(now)
	if e.downUntil.Swap(0) != 0 && e.pool.o.Changed != nil && !e.sick.Load() {
		e.pool.o.Changed(e.addr, true, "")
	}
}

// take gives the connection that was used last, which lives most likely.
func (e *Endpoint) take() *Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.idle)
	if n == 0 {
		return nil
	}
	c := e.idle[n-1]
	e.idle[n-1] = nil
	e.idle = e.idle[:n-1]
	return c
}

func (e *Endpoint) keep(c *Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || len(e.idle)+int(e.held.Load()) >= e.pool.o.MaxIdle {
		return false
	}
	e.idle = append(e.idle, c)
	if e.timer == nil {
		e.timer = time.AfterFunc(e.pool.o.IdleTimeout, e.prune)
	}
	return true
}

// prune closes what has been idle for too long.
func (e *Endpoint) prune() {
	e.mu.Lock()
	n, now, limit := 0, e.pool.sweeper.Now(), e.pool.o.IdleTimeout.Milliseconds()
	for n < len(e.idle) && now-e.idle[n].put >= limit {
		n++
	}
	old := append([]*Conn(nil), e.idle[:n]...)
	rest := copy(e.idle, e.idle[n:])
	clear(e.idle[rest:])
	e.idle = e.idle[:rest]
	if rest > 0 {
		e.timer.Reset(max(time.Duration(e.idle[0].put+limit-now)*time.Millisecond, time.Millisecond))
	} else {
		e.timer = nil
	}
	e.mu.Unlock()
	for _, c := range old {
		c.Close()
	}
}

func (e *Endpoint) close() {
	if e.stop != nil {
		e.stop()
	}
	e.left.Store(true)
	e.mu.Lock()
	e.closed = true
	idle, muxes := e.idle, e.muxes
	e.idle, e.muxes = nil, nil
	if e.timer != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
	for _, m := range muxes {
		m.leave()
	}
}

func random(n int) int { return rand.IntN(n) } //nolint:gosec // a spread, not a secret
