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

// Modes. Bypass relays without asking anybody; Mirror ends each request here,
// since it is the copy of one that takes another way; Maintenance answers a page.
const (
	PassThrough Mode = "pass-through"
	Active      Mode = "active"
	Mirror      Mode = "mirror"
	Bypass      Mode = "bypass"
	Maintenance Mode = "maintenance"
)

// Known tells whether there is such a mode.
func (m Mode) Known() bool {
	switch m {
	case PassThrough, Active, Mirror, Bypass, Maintenance:
		return true
	}
	return false
}

// Failure says what happens to a sync route when no verdict comes in time.
type Failure string

// Failure policies.
const (
	FailOpen   Failure = "open"   // relay to the origin
	FailClosed Failure = "closed" // answer 503
)

// Site is one customer site.
type Site struct {
	Name   string
	Hosts  []string // exact names or "*.example.com"; "*" takes all others
	Origin string   // http://host:port or https://host:port
	// Addresses are the hosts of the origin, name or IP address with or without a
	// port, over which requests are spread; none: the one in Origin. What Origin
	// says beside it, scheme and name to verify, holds for all.
	Addresses []string
	// Health asks each of them how it is; nil: only traffic tells.
	Health *Health
	// OriginHost is the Host that the origin gets; "": the visitor's.
	OriginHost string
	// Origins are the site's other origins by name, for rerouting.
	Origins map[string]string
	// TLS steers TLS toward all of them; nil: system roots, the origin's own name.
	TLS       *OriginTLS
	Partition int // the judge partition that owns it, 0..1023
	Mode      Mode
	Failure   Failure       // default of its sync routes
	Deadline  time.Duration // for a sync verdict; default 15 ms
	Switch    *Switch
	Pages     Pages         // in place of our plain answers
	Upkeep    *Page         // shown in maintenance; nil: a plain one
	Retry     time.Duration // after which maintenance asks to come again; 0: it does not say
	// Worker says that a worker at a CDN sends the site's traffic; nil: none does.
	Worker *Worker
	// Sidechain says that the origin is the site's public name, behind whose worker
	// the true origin stands; nil: it is the origin itself.
	Sidechain *Sidechain

	// OriginProtocol is what the origins speak; "": HTTP/1.1.
	OriginProtocol Protocol
	// Discovery learns the shapes of requests that no Spec names.
	Discovery bool
	// SharedConnections and SharedTickets say that a connection, or its TLS session
	// ticket, may be several visitors', so that neither tells them apart.
	SharedConnections, SharedTickets bool
	// Failover says when an address of the origin is left out; nil: as usual.
	Failover *Failover
}

// Protocol is what is spoken to an origin.
type Protocol string

// Protocols. HTTP/2 is negotiated where there is TLS, and known to be spoken in
// the clear; AutoProtocol takes what TLS negotiates.
const (
	HTTP1        Protocol = "http1"
	HTTP2        Protocol = "h2"
	AutoProtocol Protocol = "auto"
)

// Health is a request by which a host of the origin tells that it is well.
type Health struct {
	Path     string
	Host     string // "": the origin's own
	Status   int    // the answer of one that is well
	Interval time.Duration
	Timeout  time.Duration
	// ServerName is asked for (SNI) and verified; "": the one for requests.
	ServerName string
}

// Failover says when an address of an origin that has several is left out because
// requests failed there, and how it comes back.
type Failover struct {
	Fails     int           // in a row, that take it out
	Pause     time.Duration // for how long at first; longer each time in a row
	SlowStart time.Duration // until it has its whole share again; 0: at once
}

// InForce is the mode in force: the switched one, else the configured one.
func (s *Site) InForce() Mode {
	if m := s.Switch.Mode(); m != "" {
		return m
	}
	return s.Mode
}

// Page is an answer of our own, made ready at start.
type Page struct {
	ContentType string
	Body        []byte
}

// Pages are the pages of a site, or of those who ask for none, by status.
type Pages map[int]*Page

// OriginTLS says how an https origin is verified. It is always verified.
type OriginTLS struct {
	CAFile string // PEM roots in place of the system's
	// ServerName is the name asked for (SNI) and verified, where it is not the
	// one in the origin's URL. The Host header stays the visitor's.
	ServerName string
	// CertFile and KeyFile are what we show an origin that asks, PEM; read again
	// with every connection.
	CertFile, KeyFile string
}

// Switch holds what changes at run time. Safe for concurrent use.
type Switch struct {
	mode atomic.Pointer[Mode]
}

// SetMode puts a mode in force from the next request on, in place of the
// configured one; "" gives that one back.
func (s *Switch) SetMode(m Mode) {
	if m == "" {
		s.mode.Store(nil)
		return
	}
	s.mode.Store(&m)
}

// Mode is the switched mode, "" when none is.
func (s *Switch) Mode() Mode {
	if s == nil {
		return ""
	}
	if m := s.mode.Load(); m != nil {
		return *m
	}
	return ""
}
