package edge

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// listener counts the connections of visitors and bounds their number. Over the
// bound a connection is closed at once: waiting in the kernel's queue would look
// like a dead site, and cost the memory that the bound is to save.
type listener struct {
	net.Listener
	s *Server
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.s.counters.connections.Add(1) > int64(l.s.cfg.MaxConns) {
			l.s.counters.connections.Add(-1)
			l.s.counters.overLimit.Add(1)
			_ = c.Close()
			continue
		}
		return &conn{Conn: c, s: l.s}, nil
	}
}

// conn is one visitor's connection.
type conn struct {
	net.Conn
	s    *Server
	once sync.Once
}

func (c *conn) Close() error {
	c.once.Do(func() { c.s.counters.connections.Add(-1) })
	return c.Conn.Close()
}

// CloseWrite ends our half; net/http and upgraded connections use it.
func (c *conn) CloseWrite() error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return c.Close()
}

// closeRead wakes whoever waits for the visitor; it reads the end.
func (c *conn) closeRead() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.CloseRead() // already closed is as good
		return
	}
	_ = c.Close()
}

type connKey struct{}

// withConn lets the handler find the connection under a request.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}
