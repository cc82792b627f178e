package edge

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// guest is a visitor's connection that speaks HTTP/2: what all its streams share.
// What it knows of TLS is the connection's, since of a request net/http says what
// the visitor chose for its :scheme.
type guest struct {
	conn         *front2
	served, left atomic.Int64 // streams that went to their end, and that he reset
	ended        atomic.Bool
}

type guestKey struct{}

// welcome puts the guest into the context of a connection's requests.
func welcome(ctx context.Context, c net.Conn) context.Context {
	g := &guest{}
	g.conn, _ = c.(*front2)
	return context.WithValue(ctx, guestKey{}, g)
}

func guestOf(r *http.Request) *guest { return r.Context().Value(guestKey{}).(*guest) }

func (g *guest) visitor(r *http.Request) *visitor { return g.conn.visitor(r.UserAgent()) }

// maxResets is by how many more streams a visitor may reset than let be served; that
// he leaves all of them at once is within it. Who goes on has his connection ended:
// each costs him next to nothing, and an origin may take all of it for ours.
const maxResets = 500

// parted counts a stream that is over.
func (g *guest) parted(s *Server, r *http.Request) {
	if r.Context().Err() == nil || s.cut.Err() != nil {
		g.served.Add(1)
		return
	}
	if g.left.Add(1)-g.served.Load() >= maxResets && !g.ended.Swap(true) {
		s.counters.http2Error("rapid_reset")
		g.conn.sock.Abort()
	}
}
