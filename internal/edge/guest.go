package edge

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/throughline/throughline/internal/wire"
)

// guest is a visitor's connection that speaks HTTP/2: what all its streams share. It
// knows about TLS from the connection, since of a request net/http says what the
// visitor chose for its :scheme.
type guest struct {
	who          visitor
	sock         *wire.Socket
	served, left atomic.Int64 // streams that went to their end, and that he reset
	ended        atomic.Bool
}

type guestKey struct{}

// welcome puts the guest into the context of a connection's requests.
func welcome(ctx context.Context, c net.Conn) context.Context {
	g := &guest{}
	if ap, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		g.who.peer = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	if t, ok := c.(*tls.Conn); ok {
		state := t.ConnectionState()
		g.who.tls, g.who.sni, g.who.alpn = true, state.ServerName, state.NegotiatedProtocol
		g.sock, _ = t.NetConn().(*wire.Socket)
	}
	return context.WithValue(ctx, guestKey{}, g)
}

func guestOf(r *http.Request) *guest {
	g, _ := r.Context().Value(guestKey{}).(*guest)
	if g == nil {
		g = &guest{}
	}
	return g
}

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
	if g.left.Add(1)-g.served.Load() >= maxResets && g.sock != nil && !g.ended.Swap(true) {
		s.counters.http2Error("rapid_reset")
		g.sock.Abort()
	}
}
