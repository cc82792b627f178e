package origin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Pool is the pooled connections of one origin, which may be several hosts alike.
// Safe for concurrent use.
type Pool struct {
	o       Options
	sweeper *wire.Sweeper
	tls     *tls.Config // nil: in the clear
	fixed   []string    // hosts that are known by address
	names   []*name     // and by name
	addrs   []string    // both, in their order
	asks    *tls.Config // what health checks use in place of tls
	health  *site.Health
	ends    atomic.Pointer[[]*Endpoint] // all of them, replaced as a whole
	running context.Context             // ends with close
	stop    context.CancelFunc

	protocol site.Protocol

	due        atomic.Int64          // Unix millis: names are to be resolved again
	unresolved atomic.Pointer[error] // why not all names are; nil: they are
	resolving  sync.Mutex            // one resolution at a time
	mu         sync.Mutex            // background takes on nothing once running has ended
	asking     *lookup               // under mu
	background sync.WaitGroup
}

// HeaderTimeout is how long a response head may take.
func (p *Pool) HeaderTimeout() time.Duration { return p.o.HeaderTimeout }

// Limits bound a response head.
func (p *Pool) Limits() wire.Limits { return wire.Limits{Bytes: int(p.o.MaxHead), Fields: 1000} }

// HTTP1 tells whether all of the connections speak HTTP/1.1.
func (p *Pool) HTTP1() bool { return p.protocol != site.HTTP2 && p.protocol != site.AutoProtocol }

// Conn is one connection to an origin, in use by one exchange.
type Conn struct {
	In   wire.Input // what was read of it and not yet used
	sock *wire.Socket
	pool *Pool
	end  *Endpoint
	tls  *tls.Conn // nil in the clear
	used bool      // it served an exchange before
	put  int64     // when it became idle, or shortly before, in milliseconds by the Sweeper's clock
	// h2 is the exchange on a connection to an origin that speaks HTTP/2, which
	// others use too; nil: the socket speaks HTTP/1.1.
	h2 *muxCall
}

// Used tells whether the connection served an exchange before, so that a failure
// may be its age's.
func (c *Conn) Used() bool { return c.used }

// DueRead bounds all reads from now on; 0 takes the bound away. When it is over
// the connection is too.
func (c *Conn) DueRead(after time.Duration) {
	if c.h2 != nil {
		c.h2.dueRead(after)
		return
	}
	c.sock.DueRead(after)
}

// PauseAt lets reads fail at a time with os.ErrDeadlineExceeded, and go on when
// it is moved; the zero time takes it away.
func (c *Conn) PauseAt(at time.Time) {
	if c.h2 != nil {
		c.h2.pauseAt(at)
		return
	}
	_ = c.sock.SetReadDeadline(at)
}

// Late tells whether DueRead's bound, or the one on writes, ended the connection.
func (c *Conn) Late() bool {
	if c.h2 != nil {
		return c.h2.late.Load()
	}
	return c.sock.Late()
}

// Abort wakes whoever waits for the connection, which is over. Safe to call from
// any goroutine.
func (c *Conn) Abort() {
	if c.h2 != nil {
		c.h2.abort()
		return
	}
	c.sock.Abort()
}

// maxTries bounds how many hosts one request tries to connect to.
const maxTries = 3

// Get picks a host and takes an idle connection to it, or opens one. A host that
// can't be connected to is passed over for another.
func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	return p.get(ctx, !p.HTTP1())
}

// GetHTTP1 is Get for what HTTP/1.1 alone can do: a switch of protocols.
func (p *Pool) GetHTTP1(ctx context.Context) (*Conn, error) { return p.get(ctx, false) }

func (p *Pool) get(ctx context.Context, shared bool) (*Conn, error) {
	var first error
	var tried [maxTries]*Endpoint
	ends, err := p.hosts(ctx)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		e := p.pick(ends, tried[:try])
		c, err := e.conn(ctx, shared)
		if err == nil {
			return c, nil
		}
		if Exhausted(err) {
			return nil, err // no other host can be reached either
		}
		if ctx.Err() == nil {
			e.failed(err)
		}
		if first == nil {
			first = err
		}
		tried[try] = e
		if try+1 >= min(len(ends), maxTries) || ctx.Err() != nil {
			return nil, first
		}
	}
}

// Exhausted tells of an error that is ours, not the origin's: there are no
// descriptors, ports or memory left for another connection.
func Exhausted(err error) bool {
	for _, own := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// conn takes an idle connection or opens one.
func (e *Endpoint) conn(ctx context.Context, shared bool) (*Conn, error) {
	if shared {
		return e.share(ctx)
	}
	if c := e.take(); c != nil {
		return c, nil
	}
	if c := e.handedBack(); c != nil {
		return c, nil
	}
	return e.pool.dial(ctx, e, e.pool.tls, "http/1.1")
}

// dial opens a connection that speaks one of the protocols; conf is nil in the
// clear.
func (p *Pool) dial(ctx context.Context, e *Endpoint, conf *tls.Config, protocols ...string) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*p.o.DialTimeout)
	defer cancel()
	d := net.Dialer{Timeout: p.o.DialTimeout, KeepAlive: 30 * time.Second}
	nc, err := d.DialContext(ctx, "tcp", e.addr)
	if err != nil {
		return nil, err
	}
	sock, err := wire.NewSocket(nc.(*net.TCPConn), p.sweeper)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	sock.Stall = p.o.StallTimeout
	c := &Conn{sock: sock, pool: p, end: e}
	c.In.Bound = int(p.o.MaxHead)
	if conf == nil {
		return c, nil
	}
	if len(protocols) != 1 || protocols[0] != conf.NextProtos[0] {
		conf = conf.Clone()
		conf.NextProtos = protocols
	}
	c.tls = tls.Client(sock, conf)
	// The Sweeper's deadline, since the Socket's own calls know no other.
	sock.DueRead(p.o.DialTimeout)
	stop := context.AfterFunc(ctx, sock.Abort)
	err = c.tls.HandshakeContext(context.Background())
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	sock.DueRead(0)
	return c, nil
}

// Put gives the connection back after an exchange that used up exactly what it
// asked for.
func (c *Conn) Put() {
	if c.h2 != nil {
		c.In.Drop()
		c.h2.put()
		return
	}
	if c.In.Len() > 0 {
		c.Close()
		return
	}
	c.In.Release()
	c.sock.DueRead(0)
	c.used, c.put = true, c.pool.sweeper.Lately()
	if !c.end.keep(c) {
		c.Close()
	}
}

// Close closes the connection instead of giving it back.
func (c *Conn) Close() {
	c.In.Drop()
	if c.h2 != nil {
		c.h2.close()
		return
	}
	_ = c.sock.Close()
}

// Failed says that the origin gave no response on this connection, and why.
func (c *Conn) Failed(err error) { c.host().failed(err) }

// Answered says that the origin gave one.
func (c *Conn) Answered() { c.host().answered() }

func (c *Conn) host() *Endpoint {
	if c.h2 != nil {
		return c.h2.host()
	}
	return c.end
}

func (p *Pool) close() {
	p.mu.Lock()
	p.stop()
	p.mu.Unlock()
	p.background.Wait()
	for _, e := range p.list() {
		e.close()
	}
}

// Idle is how many connections wait for use.
func (p *Pool) Idle() (n int) {
	for _, e := range p.list() {
		n += int(e.held.Load())
		e.mu.Lock()
		n += len(e.idle)
		for _, m := range e.muxes {
			if m.quiet() {
				n++
			}
		}
		e.mu.Unlock()
	}
	return n
}

// Exchange sends a request whole and reads the first bytes of the answer into
// In. A connection that has ended since it was used, or on which something came
// unasked, answers wire.ErrStale or wire.ErrPoisoned with nothing sent.
func (c *Conn) Exchange(request []byte) (sent bool, err error) {
	if c.h2 != nil {
		if _, err := c.h2.Write(request); err != nil {
			return true, err
		}
		return true, c.Fill()
	}
	if c.tls == nil {
		return c.sock.Exchange(request, &c.In, c.used)
	}
	if err := c.Fresh(); err != nil {
		return false, err
	}
	if _, err := c.tls.Write(request); err != nil {
		return true, err
	}
	return true, c.Fill()
}

// Fresh looks at a connection that was used before, without waiting.
func (c *Conn) Fresh() error {
	if !c.used || c.h2 != nil {
		return nil
	}
	return c.sock.Quiet()
}

// Fill reads more into In.
func (c *Conn) Fill() error {
	if c.h2 != nil {
		return c.In.Fill(c.h2)
	}
	if c.tls != nil {
		return c.In.Fill(c.tls)
	}
	return c.In.Fill(c.sock)
}

// Read reads past In, which must be empty.
func (c *Conn) Read(p []byte) (int, error) {
	if c.h2 != nil {
		return c.h2.Read(p)
	}
	if c.tls != nil {
		return c.tls.Read(p)
	}
	return c.sock.Read(p)
}

// Write sends more of a request.
func (c *Conn) Write(p []byte) (int, error) {
	if c.h2 != nil {
		return c.h2.Write(p)
	}
	if c.tls != nil {
		return c.tls.Write(p)
	}
	return c.sock.Write(p)
}

// CloseWrite ends our half.
func (c *Conn) CloseWrite() error {
	if c.h2 != nil {
		return c.h2.closeWrite()
	}
	if c.tls != nil {
		return c.tls.CloseWrite()
	}
	return c.sock.CloseWrite()
}
