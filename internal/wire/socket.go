package wire

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Errors of Socket.Exchange that say: this connection was no good before the
// request left, take another.
var (
	ErrStale    = errors.New("wire: the connection has ended")
	ErrPoisoned = errors.New("wire: bytes came before they were asked for")
)

var errNested = errors.New("wire: a read within a turn of the same connection's reading")

// Socket is a TCP connection whose reads and writes go to the kernel directly
// and use the runtime's poller for waiting only (the system calls don't block,
// so the scheduler need not be told). It is a net.Conn for crypto/tls too.
// Invariants: one goroutine reads and one writes at a time; deadlines are set by
// DueRead and Stall and kept by the Sweeper.
type Socket struct {
	carrier
	sweeper  *Sweeper
	readDue  atomic.Int64
	writeDue atomic.Int64
	watchDue atomic.Int64
	restDue  atomic.Int64 // a look at who waits in ReadTurns without having looked
	ended    atomic.Bool  // a look saw the other side's end
	late     atomic.Bool
	// Stall bounds every wait of a Write for the other side to take more; 0: none.
	// Set before the first Write.
	Stall time.Duration
	// Owner hears what becomes of the connection; nil: nobody. Set before others use
	// the Socket.
	Owner Owner
	// Remote is who is on the other side, where somebody else holds the connection
	// for them; nil: who holds it. Set before others use the Socket.
	Remote net.Addr
	closed atomic.Bool
	at     int32 // in the Sweeper's set
	raw    syscall.RawConn
	rd     reading
	wr     *writing // nil until it is needed, which on an idle visitor's it never was
}

// carrier is a connection as the runtime's poller knows it: a *net.TCPConn, or what
// came back from a Lane.
type carrier interface {
	net.Conn
	syscall.Conn
	CloseRead() error
	CloseWrite() error
	SetLinger(seconds int) error
}

// Owner is whose a Socket is.
type Owner interface {
	// Gone says, on a watched connection, that the other side has ended it. It is
	// the Sweeper that calls, and must not be kept waiting.
	Gone()
	// Closed says, once, that the connection has been closed here.
	Closed()
}

// reading is the state of a Read, kept to save allocations.
type reading struct {
	buf  []byte
	n    int
	err  error
	call func(fd uintptr) bool
	// Of ReadTurns: where to, and who takes what comes; it runs now; it has run; a
	// look behind it found that the other side keeps the connection.
	lend                    *Input
	turner                  Turner
	fd                      uintptr // while inside
	inside, turned, settled bool
	stage                   stage
}

// writing is the state of a Write.
type writing struct {
	buf  []byte
	n    int
	err  error
	call func(fd uintptr) bool
	// waited says that the other side did not take everything at once.
	waited bool
	// Of an exchange: what is sent first, and how far it is.
	send []byte
	sent int
}

type stage uint8

const (
	plain stage = iota
	probing
	sending
	waiting
	turning
)

// Turner takes what ReadTurns has read, and tells whether to wait for more.
type Turner interface{ Turn() (goOn bool) }

// NewSocket takes over a connection.
func NewSocket(c *net.TCPConn, w *Sweeper) (*Socket, error) { return newSocket(c, w) }

func newSocket(c carrier, w *Sweeper) (*Socket, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Socket{carrier: c, sweeper: w, raw: raw}
	s.rd.call = s.readStep
	w.add(s)
	return s, nil
}

// RemoteAddr is Remote, or else the address of who holds the connection.
func (s *Socket) RemoteAddr() net.Addr {
	if s.Remote != nil {
		return s.Remote
	}
	return s.carrier.RemoteAddr()
}

// DueRead bounds all reads from now on; 0 takes the bound away.
func (s *Socket) DueRead(after time.Duration) { s.readDue.Store(s.sweeper.in(after)) }

// A watched connection is looked at this often, and one whose other side has
// ended its half gets this long: it may have sent its last and still listen.
const (
	lookEvery = 1000 // milliseconds
	halfGrace = 2000
)

// Watch looks now and then whether the other side is still there, while nobody
// reads: until Unwatch.
func (s *Socket) Watch() {
	if s.ended.Load() {
		s.ended.Store(false)
	}
	s.watchDue.Store(s.sweeper.now.Load() + lookEvery)
}

// Unwatch ends watching; a call of Owner.Gone may be under way.
func (s *Socket) Unwatch() {
	if s.watchDue.Load() != 0 {
		s.watchDue.Store(0)
	}
}

// look is the Sweeper's.
func (s *Socket) look(due, now int64) {
	next := now + lookEvery
	switch err := s.Quiet(); {
	case err == nil, err == ErrPoisoned: // the latter is the next request
	case s.ended.Swap(true):
		if s.watchDue.CompareAndSwap(due, 0) {
			s.Owner.Gone()
		}
		return
	default:
		next = now + halfGrace
	}
	s.watchDue.CompareAndSwap(due, next)
}

// lookAtRest is the Sweeper's: it wakes who waits for a connection whose other
// side had ended it before the wait began, which no event tells.
func (s *Socket) lookAtRest() {
	if s.Quiet() == ErrStale {
		_ = s.CloseRead()
	}
}

// Late tells whether the Sweeper ended the connection.
func (s *Socket) Late() bool { return s.late.Load() }

// Abort wakes whoever waits for the connection, which is over. Safe to call from
// any goroutine, also after Close.
func (s *Socket) Abort() {
	_ = s.CloseRead()
	_ = s.CloseWrite()
}

// Close closes the connection.
func (s *Socket) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.sweeper.remove(s)
	err := s.carrier.Close()
	if s.Owner != nil {
		s.Owner.Closed()
	}
	return err
}

// reason is what an end or a failure really was.
func (s *Socket) reason(err error) error {
	if s.late.Load() {
		return os.ErrDeadlineExceeded
	}
	return err
}
