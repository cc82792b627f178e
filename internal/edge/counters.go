package edge

import (
	"sync"
	"sync/atomic"

	"github.com/throughline/throughline/internal/site"
)

// SiteCounters counts one site.
type SiteCounters struct{ Requests, OriginErrors int64 }

// Counters counts what the Server did since it started.
type Counters struct {
	Requests      int64
	Active        int64 // exchanges running now
	Answered      int64 // by the Decider
	Bypassed      int64
	ClientGone    int64
	DeciderPanics int64
	Refused       int64 // unknown host, CONNECT
	Oversize      int64 // held bodies over their bound
	OriginErrors  map[string]int64
	PerSite       map[string]SiteCounters
}

type counters struct {
	requests, active, answered, bypassed, clientGone, panics, refused, oversize atomic.Int64

	mu     sync.Mutex
	errors map[string]int64
	per    map[string]*siteCount
}

type siteCount struct{ requests, errors atomic.Int64 }

func (c *counters) sites(list []*site.Site) {
	c.errors, c.per = map[string]int64{}, map[string]*siteCount{}
	for _, s := range list {
		c.per[s.Name] = &siteCount{}
	}
}

func (c *counters) originError(site, kind string) {
	if p := c.per[site]; p != nil {
		p.errors.Add(1)
	}
	c.mu.Lock()
	c.errors[kind]++
	c.mu.Unlock()
}

// Counters may be called at any time.
func (s *Server) Counters() Counters {
	c := &s.counters
	out := Counters{Requests: c.requests.Load(), Active: c.active.Load(), Answered: c.answered.Load(),
		Bypassed: c.bypassed.Load(), ClientGone: c.clientGone.Load(), DeciderPanics: c.panics.Load(),
		Refused: c.refused.Load(), Oversize: c.oversize.Load(),
		OriginErrors: map[string]int64{}, PerSite: map[string]SiteCounters{}}
	for name, p := range c.per {
		out.PerSite[name] = SiteCounters{p.requests.Load(), p.errors.Load()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, n := range c.errors {
		out.OriginErrors[k] = n
	}
	return out
}
