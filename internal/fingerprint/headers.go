package fingerprint

import (
	"iter"
	"sync"
)

// RequestKind is what made a client send a request. Browsers send other fields, in
// another order, for each.
type RequestKind byte

// Kinds of requests.
const (
	Navigation  RequestKind = 'n' // a page
	Subresource RequestKind = 's' // what a page is made of
	Fetch       RequestKind = 'f' // a script's, and whatever sends a body
	Upgrade     RequestKind = 'u' // a WebSocket
)

// Headers are the prints of a request's header fields. They compare within one
// kind of request.
type Headers struct {
	Kind RequestKind
	// Order is protocol, kind, number of names and 48 bits of a hash over the names
	// that the client itself sends, in their order and case: "h1n09_0123456789ab".
	Order string
	// Profile is a hash over what the client accepts and its client hints.
	Profile string
	// Agent is User-Agent, Hints is sec-ch-ua.
	Agent, Hints string
}

// profiled are the fields whose values make the profile, in their order there.
// What of Accept a page asks for depends on what it asks for: it counts in
// navigations only.
var profiled = [...]string{"accept", "accept-encoding", "accept-language", hints: "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"}

const hints = 3

// scan is what a reading of fields needs, kept from one to the next.
type scan struct {
	values            [len(profiled)]string
	agent, mode, dest string
	with, upgrade     bool
	names             int
	text              []byte
}

var scans = sync.Pool{New: func() any { return &scan{text: make([]byte, 0, 1024)} }}

// HeadersOf reads the fields of a request in the order of the wire. proto is "h1"
// or "h2". Agent and Hints are the
// values that were given, not copies.
func HeadersOf(proto, method string, fields iter.Seq2[string, string]) Headers {
	s := scans.Get().(*scan)
	fields(s.value)
	h := Headers{Kind: s.kind(method), Agent: s.agent, Hints: s.values[hints]}
	s.text = s.text[:0]
	for name := range fields {
		if s.names < maxNames && own(name, h.Kind) {
			s.text = append(append(s.text, name...), ',')
			s.names++
		}
	}
	var room [40]byte
	out := append(room[:0], proto...)
	out = appendTwo(append(out, byte(h.Kind)), s.names)
	out = appendSum(append(out, '_'), s.text, 6)
	order := len(out)
	s.text = s.text[:0]
	for i, v := range s.values {
		if i > 0 || h.Kind == Navigation {
			s.text = append(s.text, v...)
		}
		s.text = append(s.text, 0)
	}
	both := string(appendSum(out, s.text, 6))
	h.Order, h.Profile = both[:order], both[order:]
	if *s = (scan{text: s.text}); cap(s.text) <= 8<<10 {
		scans.Put(s)
	}
	return h
}

// value takes the values that count.
func (s *scan) value(name, value string) bool {
	switch {
	case same(name, "user-agent"):
		s.agent = value
	case same(name, "sec-fetch-mode"):
		s.mode = value
	case same(name, "sec-fetch-dest"):
		s.dest = value
	case same(name, "x-requested-with"):
		s.with = true
	case same(name, "upgrade"):
		s.upgrade = same(value, "websocket")
	default:
		for i, p := range profiled {
			if s.values[i] == "" && same(name, p) {
				s.values[i] = value
			}
		}
	}
	return true
}

// kind tells the kind by what browsers say of it, else by how it looks.
func (s *scan) kind(method string) RequestKind {
	accept := s.values[0]
	switch {
	case s.upgrade || s.mode == "websocket":
		return Upgrade
	case s.mode == "navigate":
		return Navigation
	case s.dest == "empty" || s.with || method != "GET" && method != "HEAD":
		return Fetch
	case s.dest != "":
		return Subresource
	case len(accept) >= 9 && same(accept[:9], "text/html"):
		return Navigation
	}
	return Subresource
}

// own tells whether a name is the client's own doing: not that of what is asked
// for, of the page that asks, or of a proxy on the way.
func own(name string, k RequestKind) bool {
	if same(name[:min(len(name), 2)], "x-") || same(name[:min(len(name), 3)], "cf-") {
		return false
	}
	for _, s := range asked {
		if same(name, s) {
			return false
		}
	}
	if k != Fetch {
		return true
	}
	if len(name) > 4 && same(name[:4], "sec-") { // which scripts can't set
		return true
	}
	for _, s := range clients {
		if same(name, s) {
			return true
		}
	}
	return false
}

// asked are names that depend on what is asked for, or come from a proxy.
var asked = [...]string{
	"cookie", "referer", "origin", "authorization", "range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since",
	"cache-control", "pragma", "content-length", "content-type", "content-encoding", "transfer-encoding", "expect", "priority", "purpose",
	"sec-purpose", "sec-fetch-user", "sec-fetch-storage-access", "via", "forwarded", "cdn-loop", "true-client-ip",
}

// clients are names that a client sends with a script's request: others may be the
// script's.
var clients = [...]string{
	"host", "connection", "user-agent", "accept", "accept-encoding", "accept-language", "accept-charset", "dnt", "te", "keep-alive", "save-data",
	"upgrade-insecure-requests",
}

// same compares names without regard to case.
func same(a, lower string) bool {
	if len(a) != len(lower) {
		return false
	}
	for i := range len(a) {
		c := a[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
