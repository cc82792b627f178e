package wire

import (
	"net/netip"
	"sync/atomic"
)

// Field is one header line in order of appearance, with its case kept.
type Field struct {
	Name, Value string
}

// Head is the head of a request or a response: an ordered list, never a map,
// so that a relay can forward it byte for byte.
type Head struct {
	// Request line.
	Method, Target string
	// Host is the host asked for (Host header or :authority), lower case, no port.
	Host string
	// Status line; Status is 0 in a request.
	Status int
	Reason string
	Proto  string // "HTTP/1.1"
	Fields []Field
}

// Get returns the first value of a field, matched without regard to case, or "".
func (h *Head) Get(name string) string {
	for i := range h.Fields {
		if equalFold(h.Fields[i].Name, name) {
			return h.Fields[i].Value
		}
	}
	return ""
}

// Path returns the target's path without its query, and the raw query.
func (h *Head) Path() (path, query string) {
	for i := 0; i < len(h.Target); i++ {
		if h.Target[i] == '?' {
			return h.Target[:i], h.Target[i+1:]
		}
	}
	return h.Target, ""
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if 'A' <= x && x <= 'Z' {
			x += 32
		}
		if 'A' <= y && y <= 'Z' {
			y += 32
		}
		if x != y {
			return false
		}
	}
	return true
}

// Conn holds the facts of the client connection.
type Conn struct {
	Peer   netip.AddrPort // the TCP peer
	Client netip.Addr     // after the trust chain; equals Peer's address without one
	TLS    bool
	SNI    string
	ALPN   string
	// Worker says that the peer is a worker at a CDN, so that TLS and all that a
	// connection shows are the CDN's, not the visitor's.
	Worker bool
	// Proxied says that the peer is a worker or a trusted proxy.
	Proxied bool
	// Shown is what the connection shows of the program at its other end, or what a
	// proxy in front tells of it; nil when nothing is known. It is lent like all else.
	Shown *Shown
	// ID is the connection's own, unique over processes and restarts: it belongs to
	// one visitor. "" where it may belong to several: TLS ends elsewhere, or a proxy
	// stands between.
	ID string
	// Ticket is the ID in the visitor's TLS session ticket, "" without one or where
	// ID would be "". Resumed says that he came with it; else this connection gave it.
	Ticket  string
	Resumed bool
	// Beside is the ticket of another connection, which was opened in the same moment as
	// this one or the one before it with its ticket, and carried what that one did not:
	// it most likely is the same visitor's. "" when none is known.
	Beside string
	// Memory is the Decider's own, for the length of the connection; nil where
	// several visitors may share that.
	Memory *Memory
}

// Memory keeps one value. Exchanges of one connection may run at the same time.
type Memory struct{ v atomic.Value }

// Load is the value kept, nil before the first.
func (m *Memory) Load() any { return m.v.Load() }

// Store keeps a value, always of one type, in place of the one before.
func (m *Memory) Store(v any) { m.v.Store(v) }

// Shown are prints of a client, each "" where it is not known.
type Shown struct {
	JA3, JA4 string
	TLS      string // our hash, which resumption keeps
	Grease   bool   // its TLS has values that mean nothing
	H2       string // how it opens HTTP/2
	SYN      string // its first TCP packet
}

// Body is a bounded copy of a message body.
type Body struct {
	Bytes     []byte
	Truncated bool // the body was longer than the bound
	Seen      bool // the whole body, or as much as the bound allows, has passed
}

// Exchange is one request and its response as the edge relays them. The edge
// owns it and lends it to the Decider for the length of one call; a Decider
// that keeps something copies it. It is used by one goroutine at a time.
type Exchange struct {
	ID       uint64 // unique in this process
	Site     string // name of the site that routed it; "" if none
	Mode     string // mode in force: pass-through, active, mirror, bypass
	Conn     Conn
	Start    int64 // request head complete, Unix micros
	Request  Head
	ReqBody  Body
	RespTime int64 // response head complete, micros; 0 before
	Response Head
	RespBody Body
	// RespTrailers are the fields behind the response's body, once it has ended,
	// where a Decision wanted the body or them.
	RespTrailers []Field
	// Answered says that the engine, not the origin, answered.
	Answered bool
	// Err says why the exchange ended early: "origin refused", "client gone"...
	Err string
	// Note is the Decider's own memory of this exchange between phases.
	Note any
	// SpecID is what a worker with a good key says is the visitor's Spec ID: a
	// hint, kept by the visitor. "" if there is none.
	SpecID string
	// Activities is how many Events the Decider makes of the exchange. A worker
	// with a good key is told.
	Activities int
}

// Phase is the point in an exchange at which the Decider is asked.
type Phase uint8

// Phases in their order. PhaseRequestBody and PhaseResponseBody are only asked
// when a Decision wanted the body; PhaseEnd is always asked, exactly once, after
// every PhaseRequestHead, even when client or origin vanished.
const (
	PhaseRequestHead Phase = iota + 1
	PhaseRequestBody
	PhaseResponseHead
	PhaseResponseBody
	PhaseEnd
)

// BodyWant says what a Decider needs of a body.
type BodyWant uint8

// Wants. Copy lets the body stream by untouched while a bounded copy is kept;
// Hold keeps it back (bounded) until the body phase has been decided.
const (
	BodyNone BodyWant = iota
	BodyCopy
	BodyHold
)

// Answer is a response made here instead of by the origin.
type Answer struct {
	Status int
	Fields []Field
	Body   []byte
}

// Edit changes a head before it is forwarded: it removes every field of that
// name and, when Value is not empty, appends one.
type Edit struct {
	Name, Value string
}

// Decision is a Decider's answer at one phase. The zero Decision means: go on.
type Decision struct {
	Answer   *Answer // answer now; the origin is not (or no longer) asked
	Reroute  string  // name of another origin of the site (request phases)
	Edits    []Edit  // to the request head before it leaves, or the response head
	Request  BodyWant
	Response BodyWant
	Limit    int // bytes of each body to keep at most; 0: 64 KiB
	// Trailers of the response are wanted, even where its body is not.
	Trailers bool
	// Refuse, with BodyHold: a body over the limit is answered 413 rather than
	// streamed on after the head was judged alone.
	Refuse bool
	// Replace is the new body (PhaseResponseBody under BodyHold only).
	Replace []byte
}
