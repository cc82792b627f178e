package edge

import (
	"maps"
	"sync"
	"sync/atomic"
)

// SiteCounters counts one site.
type SiteCounters struct{ Requests, OriginErrors int64 }

// Counters counts what the Server did since it started.
type Counters struct {
	Requests      int64
	Active        int64 // exchanges running now
	Connections   int64 // visitors' connections open now
	Riding        int64 // those of them that ride in a lane
	Boarded       int64 // how often one boarded a lane
	Alighted      int64 // and how often one alighted
	Lanes         int64 // over how many lanes they are spread
	OverLimit     int64 // connections refused, too many being open
	Answered      int64 // by the Decider
	Bypassed      int64
	ClientGone    int64
	DeciderPanics int64
	Faults        int64 // panics of our own, each of which cost an exchange
	Refused       int64 // unknown host, CONNECT
	Malformed     int64 // requests that are no HTTP or ambiguous
	SlowHeads     int64 // request heads that did not come in time
	Handshakes    int64 // TLS handshakes that failed
	AcceptErrors  int64 // connections that could not be accepted
	Oversize      int64 // held bodies over their bound
	Slow          int64 // held bodies that did not come in time
	BadReroutes   int64 // to an origin that the site does not have
	Probes        int64 // of the health target
	ProxyHeaders  int64 // connections whose header of the PROXY protocol was missing or none
	NoSYN         int64 // connections whose first packet was wanted and not there
	OriginErrors  map[string]int64
	PerSite       map[string]SiteCounters
	Workers       WorkerCounters
	Sidechain     SidechainCounters
	HTTP2Errors   map[string]int64 // streams and connections that were ended for what the visitor did, by what it was
}

type counters struct {
	// What every request changes has a cache line of its own, which goes from core
	// to core without what every request reads.
	_                [64]byte
	requests, active atomic.Int64
	lastID           atomic.Uint64
	_                [64]byte

	connections, overLimit, answered, bypassed, clientGone                                               atomic.Int64
	panics, faults, refused, oversize, slow, badReroutes, malformed, slowHeads, handshakes, acceptErrors atomic.Int64

	probes, proxyHeaders, noSYN atomic.Int64

	workerAccepted, workerMissing, workerWrong, workerRefused, workerForeign atomic.Int64
	sideSigned, sideLoops, sideForeign                                       atomic.Int64

	mu     sync.Mutex
	errors map[string]int64
	http2  map[string]int64
	per    map[string]*siteCount // one for each site there has been
}

type siteCount struct{ requests, errors atomic.Int64 }

// site is the count of a site, which goes on when the site changes.
func (c *counters) site(name string) *siteCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.per == nil {
		c.errors, c.per = map[string]int64{}, map[string]*siteCount{}
	}
	if c.per[name] == nil {
		c.per[name] = &siteCount{}
	}
	return c.per[name]
}

func (c *counters) originError(of *siteCount, kind string) {
	of.errors.Add(1)
	c.mu.Lock()
	c.errors[kind]++
	c.mu.Unlock()
}

// http2Error counts what a visitor did that HTTP/2 forbids or we do not bear.
func (c *counters) http2Error(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http2 == nil {
		c.http2 = map[string]int64{}
	}
	c.http2[kind]++
}

// Counters may be called at any time.
func (s *Server) Counters() Counters {
	c := &s.counters
	out := Counters{Requests: c.requests.Load(), Active: c.active.Load(), Connections: c.connections.Load(),
		OverLimit: c.overLimit.Load(), Answered: c.answered.Load(), Bypassed: c.bypassed.Load(),
		ClientGone: c.clientGone.Load(), DeciderPanics: c.panics.Load(), Faults: c.faults.Load(), Refused: c.refused.Load(),
		Malformed: c.malformed.Load(), SlowHeads: c.slowHeads.Load(), Handshakes: c.handshakes.Load(), AcceptErrors: c.acceptErrors.Load(), Oversize: c.oversize.Load(), Slow: c.slow.Load(), BadReroutes: c.badReroutes.Load(),
		OriginErrors: map[string]int64{}, PerSite: map[string]SiteCounters{},
		Workers: WorkerCounters{Accepted: c.workerAccepted.Load(), Missing: c.workerMissing.Load(), Wrong: c.workerWrong.Load(),
			Refused: c.workerRefused.Load(), ForeignOrigin: c.workerForeign.Load()},
		Sidechain: SidechainCounters{Signed: c.sideSigned.Load(), Loops: c.sideLoops.Load(), Foreign: c.sideForeign.Load()}}
	ls := &s.lanes
	out.Riding, out.Boarded, out.Alighted, out.Lanes = ls.riding.Load(), ls.boarded.Load(), ls.alighted.Load(), ls.count()
	out.Probes, out.ProxyHeaders, out.NoSYN = c.probes.Load(), c.proxyHeaders.Load(), c.noSYN.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	out.HTTP2Errors = maps.Clone(c.http2)
	for name, p := range c.per {
		out.PerSite[name] = SiteCounters{p.requests.Load(), p.errors.Load()}
	}
	for k, n := range c.errors {
		out.OriginErrors[k] = n
	}
	return out
}
