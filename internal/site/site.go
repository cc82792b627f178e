// Package site holds what both the edge and the engine must know of a site:
// hosts, origins, modes, switches and failure policies. It is plain data with
// its checks; the switches are the only part that changes at run time.
package site

import (
	"sync/atomic"
	"time"
)

// Mode says how much the engine may do for a site.
type Mode string

// Modes. Bypass relays without asking anybody.
const (
	PassThrough Mode = "pass-through"
	Active      Mode = "active"
	Mirror      Mode = "mirror"
	Bypass      Mode = "bypass"
)

// Failure says what happens to a sync route when no verdict comes in time.
type Failure string

// Failure policies.
const (
	FailOpen   Failure = "open"   // relay to the origin
	FailClosed Failure = "closed" // answer 503
)

// Site is one customer site.
type Site struct {
	Name      string
	Hosts     []string // exact names or "*.example.com"; "*" takes all others
	Origin    string   // http://host:port or https://host:port
	Partition int      // the judge partition that owns it, 0..1023
	Mode      Mode
	Failure   Failure       // default of its sync routes
	Deadline  time.Duration // for a sync verdict; default 15 ms
	Switch    *Switch
}

// Switch holds what changes at run time. Safe for concurrent use.
type Switch struct {
	bypass atomic.Bool
}

// SetBypass turns the site's bypass on or off, effective with the next request.
func (s *Switch) SetBypass(on bool) { s.bypass.Store(on) }

// Bypassed tells whether the bypass is on.
func (s *Switch) Bypassed() bool { return s != nil && s.bypass.Load() }

// Find returns the site a host belongs to: an exact name first, then the longest
// matching wildcard, then "*". The host is lower case and without a port.
func Find(sites []*Site, host string) *Site {
	var wild, rest *Site
	longest := 0
	for _, s := range sites {
		for _, h := range s.Hosts {
			switch {
			case h == host:
				return s
			case h == "*":
				rest = s
			case len(h) > 2 && h[0] == '*' && len(host) > len(h)-1 && host[len(host)-len(h)+1:] == h[1:] && len(h) > longest:
				wild, longest = s, len(h)
			}
		}
	}
	if wild != nil {
		return wild
	}
	return rest
}
