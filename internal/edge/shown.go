package edge

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/wire"
)

// Fingerprint says what is taken of connections beside what each shows by itself:
// JA3, JA4 and our hash of its TLS, and how it opens HTTP/2.
type Fingerprint struct {
	// SYN keeps the first packet of each connection, where the system can.
	SYN bool
	// Tickets put an ID into session tickets; nil: crypto/tls makes them.
	Tickets *fingerprint.Tickets
	// NoConnections gives connections no identity of their own.
	NoConnections bool
	// JA3 and JA4 name the header fields in which trusted proxies and workers tell of
	// the visitor's TLS; "": they don't. Whoever is in front must set them, or else
	// visitors can.
	JA3, JA4 string
}

// hello is what crypto/tls reads from while it shakes hands: the socket, with a tap.
type hello struct {
	*wire.Socket
	tap *fingerprint.HelloTap // nil afterwards
}

func (h *hello) Read(p []byte) (int, error) {
	n, err := h.Socket.Read(p)
	if h.tap != nil {
		h.tap.Feed(p[:n])
	}
	return n, err
}

// shakeHands speaks TLS and takes what that shows.
func (v *visit) shakeHands(conf *tls.Config) error {
	came := time.Since(v.s.began)
	h := &hello{v.sock, new(fingerprint.HelloTap)}
	var id fingerprint.TicketID
	tickets := v.s.cfg.Fingerprint.Tickets
	if tickets != nil {
		conf = tickets.For(conf, &id)
	}
	v.tls = tls.Server(h, conf)
	err := v.tls.Handshake()
	prints, _ := h.tap.Result() // what is no hello is no handshake either
	h.tap = nil
	if v.who.shown == nil {
		v.who.shown = new(wire.Shown)
	}
	if v.who.relayed { // the prints are the balancer's, and so is all else
		return err
	}
	s := v.who.shown
	s.JA3, s.JA4, s.TLS, s.Grease = prints.JA3, prints.JA4, prints.Stable, prints.Grease
	if err != nil {
		return err
	}
	a := &alone{memory: new(wire.Memory)}
	v.who.alone = a
	if !v.s.cfg.Fingerprint.NoConnections {
		a.id = v.s.identities.next()
	}
	if tickets != nil {
		state := v.tls.ConnectionState()
		a.ticket, a.resumed, _ = id.Result(state)
		if a.ticket != "" && state.NegotiatedProtocol == "h2" {
			o := v.s.neighbours
			a.opened = o.Open(o.Place(v.who.peer.Addr(), s.TLS, state.ServerName), came, a.ticket)
		}
	}
	return nil
}

// identities numbers connections so that no two ever have the same, whichever
// process served them.
type identities struct {
	process [16]byte // random
	last    atomic.Uint64
}

func newIdentities() (*identities, error) {
	i := &identities{}
	_, err := rand.Read(i.process[:])
	return i, err
}

func (i *identities) next() string {
	var id [24]byte
	copy(id[:], i.process[:])
	binary.BigEndian.PutUint64(id[16:], i.last.Add(1))
	return string(id[:])
}

// passedOn tells whether a request says that it came through a proxy which nobody
// told us of: what the connection shows may then be the proxy's, and its visitors
// many. Who says so of himself only loses what would have known him again.
func (e *exchange) passedOn() bool {
	return e.req.Has(wire.ForwardedFor) || e.req.Has(wire.Forwarded) || e.req.Get("Via") != ""
}

// showSYN takes the first packet of a connection.
func (v *visit) showSYN(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	if syn, err := fingerprint.SavedSYN(raw); err == nil {
		v.who.shown = &wire.Shown{SYN: syn}
	} else {
		v.s.counters.noSYN.Add(1)
	}
}

// keepSYN asks for the first packets of a listener's connections. Without them all
// else goes on.
func (s *Server) keepSYN(ln net.Listener) {
	err := net.ErrClosed
	if t, ok := ln.(*net.TCPListener); ok {
		raw, rerr := t.SyscallConn()
		if err = rerr; err == nil {
			err = fingerprint.KeepSYN(raw)
		}
	}
	if err != nil {
		s.cfg.Logger.Warn("first packets are not kept, conn.syn stays empty", "listen", ln.Addr().String(), "error", err.Error())
	}
}

// front2 is a connection of HTTP/2 as net/http has it: one whose TLS is done, with
// a tap. It hides that it is TLS, since net/http would read past the tap.
type front2 struct {
	net.Conn
	s     *Server
	sock  *wire.Socket
	tap   fingerprint.H2Tap
	who   visitor
	shown sync.Once
}

func (c *front2) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.Feed(p[:n])
	return n, err
}

// Close implements net.Conn.
func (c *front2) Close() error {
	if a := c.who.alone; a != nil && a.opened != nil {
		c.s.neighbours.Closed(a.opened)
	}
	return c.Conn.Close()
}

// visitor is for the connection's streams, all of which come after its first head.
func (c *front2) visitor(agent string) *visitor {
	c.shown.Do(func() {
		if h2 := c.tap.Result(); h2 != nil && !c.who.relayed {
			c.who.shown.H2 = h2.Print
		}
		if a := c.who.alone; a != nil && a.opened != nil {
			a.beside = c.s.neighbours.Asked(a.opened, time.Since(c.s.began), agent)
		}
	})
	return &c.who
}

// inadequate is what a client is told that speaks HTTP/2 over a cipher that RFC
// 9113 (9.2.2) wants no HTTP/2 over: SETTINGS, and GOAWAY with INADEQUATE_SECURITY.
const inadequate = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x0c"

// adequate tells whether HTTP/2 may be spoken over a cipher: all of TLS 1.3, and
// of those before it what agrees on a fresh key and seals as one.
func adequate(state *tls.ConnectionState) bool {
	return state.Version >= tls.VersionTLS13 || slices.Contains([]uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}, state.CipherSuite)
}

// told is what a trusted proxy tells of the visitor's TLS: the connection shows the
// proxy's. nil when it tells nothing that could be it.
func (e *exchange) told() *wire.Shown {
	f := &e.s.cfg.Fingerprint
	e.shown = wire.Shown{}
	if f.JA3 != "" {
		if v := e.req.Get(f.JA3); fingerprint.IsJA3(v) {
			e.shown.JA3 = v
		}
	}
	if f.JA4 != "" {
		if v := e.req.Get(f.JA4); fingerprint.IsJA4(v) {
			e.shown.JA4 = v
		}
	}
	if e.shown == (wire.Shown{}) {
		return nil
	}
	return &e.shown
}
