package origin

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// mux is a connection to an origin that speaks HTTP/2: many streams at once. One
// goroutine reads; what is to be sent is gathered in out and leaves by a
// goroutine that lives while there is something, so that neither the reader nor
// a visitor ever waits for the socket.
//
// Invariants, under mu: streams holds those that are not over on both sides, and
// with reserved never outnumbers max; broken, once set, stays.
type mux struct {
	o    *Options
	link io.ReadWriteCloser
	wake func() // ends waits for link, from any goroutine
	fr   *http2.Framer

	mu       sync.Mutex
	out      []byte // frames to be sent
	spare    []byte
	flushing bool
	enc      *hpack.Encoder
	block    bytes.Buffer
	streams  map[uint32]*stream
	reserved int    // streams that are promised
	next     uint32 // the next stream's id
	max      int    // streams the origin allows at once
	initial  int64  // what it takes of a new stream before it says more
	frame    int    // and in one frame
	window   int64  // of all streams together
	owed     int    // bytes that came and were not credited
	used     bool
	leaving  bool // no new streams
	broken   error
	settled  chan struct{} // closed by the first settings, or the end

	timer  *time.Timer
	idle   time.Time // since when there is no stream
	heard  time.Time // when a frame came last
	pinged time.Time
	moved  bool // headers or data came since the last ping
	futile int  // frames that brought nothing, since something went either way
}

// Flow control toward us: a stream's window bounds what we keep for a visitor
// who reads slowly; all together are bounded by their number.
const (
	streamWindow = 256 << 10
	muxWindow    = 1 << 30
	creditAt     = 1 << 20 // of the connection
	outRoom      = 64 << 10
	outFlood     = 1 << 20 // an origin makes us answer more than it reads
	maxFutile    = 10_000  // or sends what brings nothing, one after the other
	maxStreams   = 1000    // of one connection, whatever the origin allows
	tableSize    = 4096
	// minPing is what gRPC's servers ask for between two pings when they sent
	// nothing in between.
	minPing = 6 * time.Minute
)

var (
	// errRefused says that the origin did not process a request: it may be made
	// again.
	errRefused = errors.New("origin: the request was not processed")
	errNotH2   = errors.New("origin: it does not speak HTTP/2")
	errFlood   = errors.New("origin: it asks for more answers than it reads")
	errFutile  = errors.New("origin: it floods us with frames that bring nothing")
	errSilence = fmt.Errorf("origin: no answer to a ping: %w", os.ErrDeadlineExceeded)
)

// ResetError says that the origin reset a stream.
type ResetError struct{ Code string }

func (e *ResetError) Error() string { return "origin: it reset the stream: " + e.Code }

// Unwrap tells the kind of failure.
func (e *ResetError) Unwrap() error { return syscall.ECONNRESET }

// newMux greets the origin and reads from then on; settled tells when it has
// greeted back.
func newMux(o *Options, link io.ReadWriteCloser, wake func()) *mux {
	m := &mux{o: o, link: link, wake: wake, streams: map[uint32]*stream{}, next: 1, max: 100, initial: 65535, frame: 16384, window: 65535,
		settled: make(chan struct{})}
	m.fr = http2.NewFramer(gather{m}, bufio.NewReaderSize(link, 16<<10))
	m.fr.SetReuseFrames()
	m.fr.SetMaxReadFrameSize(16384)
	m.fr.MaxHeaderListSize = uint32(min(o.MaxHead, 16<<20)) //nolint:gosec // bounded
	m.fr.ReadMetaHeaders = hpack.NewDecoder(tableSize, nil)
	m.enc = hpack.NewEncoder(&m.block)
	m.enc.SetMaxDynamicTableSizeLimit(tableSize)
	m.heard = time.Now()
	m.idle = m.heard
	m.mu.Lock()
	m.out = append(m.out, http2.ClientPreface...)
	_ = m.fr.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: m.fr.MaxHeaderListSize})
	_ = m.fr.WriteWindowUpdate(0, muxWindow-65535)
	m.timer = time.AfterFunc(m.every(), m.tick)
	m.send()
	m.mu.Unlock()
	go m.run()
	return m
}

// gather is where the framer writes to; under mu.
type gather struct{ m *mux }

func (g gather) Write(p []byte) (int, error) {
	if g.m.broken == nil {
		g.m.out = append(g.m.out, p...)
	}
	return len(p), nil
}

// send lets leave what is gathered. Under mu.
func (m *mux) send() {
	if !m.flushing && len(m.out) > 0 && m.broken == nil {
		m.flushing = true
		go m.flush()
	}
}

func (m *mux) flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.out) > 0 && m.broken == nil {
		b := m.out
		m.out, m.spare = m.spare[:0], nil
		m.mu.Unlock()
		_, err := m.link.Write(b)
		m.mu.Lock()
		if cap(b) <= 4*outRoom {
			m.spare = b[:0]
		}
		if err != nil {
			m.fail(err)
			break
		}
		m.unblock()
	}
	m.flushing = false
	m.settle()
}

// unblock wakes those who wait for room or for the connection's window.
func (m *mux) unblock() {
	for _, s := range m.streams {
		if s.blocked {
			s.wcond.Signal()
		}
	}
}

// run reads frames until the connection ends.
func (m *mux) run() {
	for {
		f, err := m.fr.ReadFrame()
		m.mu.Lock()
		m.heard = time.Now()
		var bad http2.StreamError
		if errors.As(err, &bad) {
			m.malformed(bad)
			err = nil
		} else if err == nil {
			err = m.take(f)
		}
		if len(m.out) > outFlood {
			err = errFlood
		}
		if err != nil {
			m.fail(err)
		}
		m.send()
		over := m.broken != nil
		m.mu.Unlock()
		if over {
			_ = m.link.Close()
			return
		}
	}
}

// fail ends the connection and all its streams. Under mu. The reader closes it.
func (m *mux) fail(err error) {
	if m.broken != nil {
		return
	}
	select {
	case <-m.settled:
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	default:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%w: %w", errNotH2, err)
		}
		close(m.settled)
	}
	m.broken, m.leaving, m.out = err, true, nil
	for id, s := range m.streams {
		delete(m.streams, id)
		s.over(err)
	}
	m.timer.Stop()
	m.wake()
}

// settle closes a connection that is to take no more streams and has none.
func (m *mux) settle() {
	if len(m.streams)+m.reserved > 0 || m.broken != nil {
		return
	}
	if m.idle.IsZero() {
		m.idle = time.Now()
	}
	if m.leaving && !m.flushing {
		m.fail(errRefused)
	}
}

// leave lets no new streams begin, says so, and ends with the last one.
func (m *mux) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil || m.leaving {
		return
	}
	m.leaving = true
	_ = m.fr.WriteGoAway(0, http2.ErrCodeNo, nil)
	m.send() // its end settles
}

// abandon ends it at once.
func (m *mux) abandon(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail(err)
}

// reserve promises a stream. gone says that there never will be one again.
func (m *mux) reserve() (ok, used, gone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.broken != nil, m.leaving:
		return false, false, true
	case m.next > 1<<31-1-4*maxStreams:
		m.leaving = true
		m.settle()
		return false, false, true
	case len(m.streams)+m.reserved >= m.max:
		return false, false, false
	}
	m.reserved++
	m.idle = time.Time{}
	used, m.used = m.used, true
	return true, used, false
}

// release takes a promise back.
func (m *mux) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reserved--
	m.settle()
}

func (m *mux) quiet() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.broken == nil && len(m.streams)+m.reserved == 0
}

func (m *mux) every() time.Duration {
	return max(min(m.o.PingAfter, m.o.PingTimeout, m.o.IdleTimeout)/2, time.Millisecond)
}

// tick looks after the connection: one that nobody uses ends, one that has gone
// silent under its streams is asked for a sign of life.
func (m *mux) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return
	}
	now := time.Now()
	switch {
	case m.pinged.After(m.heard):
		if now.Sub(m.pinged) >= m.o.PingTimeout {
			m.fail(errSilence)
			return
		}
	case len(m.streams)+m.reserved == 0:
		if now.Sub(m.idle) >= m.o.IdleTimeout && !m.leaving {
			m.leaving = true
			_ = m.fr.WriteGoAway(0, http2.ErrCodeNo, nil)
			m.send()
		}
	default:
		m.ping(now)
	}
	m.timer.Reset(m.every())
}

// ping asks for a sign of life after a silence. Under mu.
func (m *mux) ping(now time.Time) {
	if now.Sub(m.heard) < m.o.PingAfter || m.pinged.After(m.heard) || !m.moved && now.Sub(m.pinged) < minPing {
		return
	}
	m.pinged, m.moved = now, false
	_ = m.fr.WritePing(false, [8]byte{'a', 'l', 'i', 'v', 'e', '?'})
	m.send()
}
