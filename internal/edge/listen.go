package edge

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// accept takes connections until the listener is closed. Out of descriptors or
// memory it waits a little, and goes on.
func (s *Server) accept(ln net.Listener, conf *tls.Config, announced []netip.Prefix) {
	pause := time.Duration(0)
	for {
		c, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || s.draining.Load() {
				return
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.counters.acceptErrors.Add(1)
			s.cfg.Logger.Error("accept", "listen", ln.Addr().String(), "error", err.Error(), "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		s.admit(c.(*net.TCPConn), conf, announced)
	}
}

// admit bounds the number of connections. Over the bound one is sent away at
// once: waiting in the kernel's queue would look like a dead site, and cost the
// memory that the bound is to save.
func (s *Server) admit(c *net.TCPConn, conf *tls.Config, announced []netip.Prefix) {
	if s.counters.connections.Add(1) > int64(s.cfg.MaxConns) {
		s.counters.connections.Add(-1)
		s.counters.overLimit.Add(1)
		s.sendAway(c, conf != nil)
		return
	}
	sock, err := wire.NewSocket(c, s.sweeper)
	if err != nil {
		s.counters.connections.Add(-1)
		_ = c.Close()
		return
	}
	sock.Stall = s.cfg.StallTimeout
	v := &visit{s: s, sock: sock, came: s.sweeper.Lately()}
	sock.Owner = v
	if ap, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		v.who.peer = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	} else {
		v.who.peer = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	if s.cfg.Fingerprint.SYN {
		v.showSYN(c)
	}
	s.mu.Lock()
	if s.cut.Err() != nil {
		s.mu.Unlock()
		_ = sock.Close()
		return
	}
	s.visits[v] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	go s.visit(v, conf, announced)
}

// maxGoodbyes bounds how many visitors are told at once that there is no room.
const maxGoodbyes = 256

// sendAway tells a visitor that there is no room, if that costs nothing much.
func (s *Server) sendAway(c *net.TCPConn, secret bool) {
	if secret || s.goodbyes.Add(1) > maxGoodbyes {
		if !secret {
			s.goodbyes.Add(-1)
		}
		_ = c.Close()
		return
	}
	s.running.Go(func() {
		defer s.goodbyes.Add(-1)
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, err := io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 5\r\n"+
			"Content-Length: 20\r\nConnection: close\r\n\r\nService Unavailable\n")
		if err == nil && c.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(c, maxDrain)) // else a reset would overtake the answer
		}
	})
}

func (s *Server) visit(v *visit, conf *tls.Config, announced []netip.Prefix) {
	boarded := false
	defer func() { s.parted(v, boarded, recover()) }()
	if !v.announced(announced) || conf != nil && !v.handshake(conf) {
		_ = v.sock.Close()
		return
	}
	if v.who.tls != nil && v.who.tls.alpn == "h2" {
		v.who.h2 = true
		s.streams.put(&front2{Conn: v.tls, s: s, sock: v.sock, who: v.who}) // net/http closes it
		return
	}
	defer func() {
		if !boarded {
			_ = v.sock.Close()
			v.in.Drop()
		}
	}()
	boarded = v.serve()
}

// parted is the end of a visit's goroutine, which may have panicked, and of the visit
// unless it goes on in a lane.
func (s *Server) parted(v *visit, boarded bool, panicked any) {
	if panicked != nil {
		s.fault(panicked)
		_ = v.sock.Close()
	}
	if !boarded {
		s.forget(v)
	}
}

// forget is the very last of a visit.
func (s *Server) forget(v *visit) {
	s.mu.Lock()
	delete(s.visits, v)
	s.mu.Unlock()
	s.running.Done()
}

// handshake speaks TLS, within the time that a head may take.
func (v *visit) handshake(conf *tls.Config) bool {
	v.sock.DueRead(v.s.cfg.HeadTimeout)
	if err := v.shakeHands(conf); err != nil {
		v.s.counters.handshakes.Add(1)
		v.s.cfg.Logger.Debug("handshake failed", "peer", v.who.peer.String(), "ja4", v.who.shown.JA4, "error", err.Error())
		return false
	}
	v.sock.DueRead(0)
	state := v.tls.ConnectionState()
	v.who.tls = &handshake{state.ServerName, state.NegotiatedProtocol}
	if p := state.NegotiatedProtocol; p != "" && p != "h2" && p != "http/1.1" {
		return false // an authority, which has seen what it came for
	} else if p == "h2" && !adequate(&state) {
		_, _ = io.WriteString(v.tls, inadequate)
		return false
	}
	return true
}

// handoff is a listener that gives net/http the connections that speak HTTP/2.
type handoff struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newHandoff() *handoff { return &handoff{conns: make(chan net.Conn), done: make(chan struct{})} }

func (h *handoff) put(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.done:
		_ = c.Close()
	}
}

func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handoff) Addr() net.Addr { return &net.TCPAddr{} }
