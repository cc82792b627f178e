package wire

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Lane waits for many connections in one goroutine and takes each further there. What
// a goroutine for each connection costs beside is left out: no stack stands by while
// a connection is idle, nobody is switched to twice in an exchange, and what one
// exchange has in the caches of a processor is there for the next. Whoever runs in
// the Lane must not wait, or all wait with him: what may take longer leaves it.
//
// A Lane waits by its own epoll instance and parks in the runtime's poller, so that
// the scheduler loses no thread to it. Its goroutine alone has its connections; others
// have Post, and Stop.
type Lane struct {
	clock *Sweeper
	ep    int
	bell  int // an eventfd that wakes the Lane for its inbox
	park  *os.File
	raw   syscall.RawConn
	tick  func(now time.Duration)
	every time.Duration

	rides  []*Ride // by place; nil: the place is free
	free   []uint32
	gone   uint32 // how many rides have ended, by which a place's next one is told from it
	count  int
	events [maxEvents]unix.EpollEvent
	now    time.Duration // on clock, as of the last look at what happened
	due    time.Duration // the next tick
	armed  bool
	busy   atomic.Int64

	mu    sync.Mutex
	inbox []func()
	ended bool
	done  chan struct{}
}

// HasLanes tells whether there are Lanes on this system.
const HasLanes = true

// ProcessTime is how long the process has used processors.
func ProcessTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// maxEvents bounds what is taken from the kernel at once.
const maxEvents = 256

// stint is how long a Lane runs before it lets others run who have no processor.
const stint = time.Millisecond

// again is how many events at once make it likely that others came meanwhile.
const again = 4

// ErrEnded says that a Lane has been stopped.
var ErrEnded = errors.New("wire: the lane has ended")

// Rider takes a connection further when there may be something to read, or it has
// ended. It runs in the Lane and must not wait.
type Rider interface{ Ready() }

// Ride is a connection in a Lane. All of it is for the Lane's goroutine.
type Ride struct {
	lane  *Lane
	rider Rider
	fd    int
	at    uint32
	gen   uint32
	// Ready says that an event came for it in this round, and its rider has not been
	// told yet.
	Ready bool
	// Ended says that the other side has ended its half, or all of it: no event will
	// tell so again.
	Ended bool
}

// NewLane begins a Lane. It calls tick about as often as every says while there are
// connections, with the time on the clock of w.
func NewLane(w *Sweeper, every time.Duration, tick func(now time.Duration)) (*Lane, error) {
	l := &Lane{clock: w, every: every, tick: tick, done: make(chan struct{})}
	var err error
	if l.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(l.ep)
		return nil, err
	}
	fail := func(err error) (*Lane, error) {
		_, _ = unix.Close(l.bell), unix.Close(l.ep)
		return nil, err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: -1}
	if err := unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, l.bell, &ev); err != nil {
		return fail(err)
	}
	if err := unix.SetNonblock(l.ep, true); err != nil { // or the runtime would not poll it
		return fail(err)
	}
	l.park = os.NewFile(uintptr(l.ep), "lane")
	if l.raw, err = l.park.SyscallConn(); err == nil {
		err = l.park.SetReadDeadline(time.Time{}) // which tells whether it does
	}
	if err != nil {
		_, _ = unix.Close(l.bell), l.park.Close()
		return nil, err
	}
	go l.run()
	return l, nil
}

// Post has f run in the Lane. It is an error if nobody will. Safe to call from any
// goroutine, the Lane's too.
func (l *Lane) Post(f func()) error {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return ErrEnded
	}
	l.inbox = append(l.inbox, f)
	first := len(l.inbox) == 1
	l.mu.Unlock()
	if first {
		one := [8]byte{1} // whatever order bytes are in, it is not zero
		_, _ = unix.Write(l.bell, one[:])
	}
	return nil
}

// Stop ends the Lane, whose riders must have left, and waits for it. What was posted
// before it has run.
func (l *Lane) Stop() {
	_ = l.Post(func() {
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
	})
	<-l.done
}

// Busy is how long the Lane has run rather than waited, by the clock on the wall.
func (l *Lane) Busy() time.Duration { return time.Duration(l.busy.Load()) }

// Now is when the Lane last looked at what happened, on the Sweeper's clock. It is for
// those who run in it.
func (l *Lane) Now() time.Duration { return l.now }

// Board takes over a descriptor of a connection that does not block. Ready is called
// for what is there already, too.
func (l *Lane) Board(fd int, rider Rider) (*Ride, error) {
	at := uint32(len(l.rides)) //nolint:gosec // far fewer
	if n := len(l.free); n > 0 {
		at = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		l.rides = append(l.rides, nil)
	}
	r := &Ride{lane: l, rider: rider, fd: fd, at: at, gen: l.gone}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: int32(at), Pad: int32(l.gone)} //nolint:gosec // bits
	if err := unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		l.free = append(l.free, at)
		return nil, err
	}
	l.rides[at] = r
	l.count++
	return r, nil
}

func (l *Lane) run() {
	defer l.end()
	for {
		err := l.raw.Read(l.step)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			l.armed = false
			_ = l.park.SetReadDeadline(time.Time{}) // else it would go on
			l.look()
			l.onTime()
		case err != nil, l.over():
			return
		}
		if !l.armed && l.count > 0 {
			l.armed = true
			_ = l.park.SetReadDeadline(time.Now().Add(l.every))
		}
	}
}

func (l *Lane) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended && len(l.inbox) == 0
}

// end leaves nothing behind. A Lane that failed, which the runtime's poller gives no
// reason for, takes its connections with it.
func (l *Lane) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.open()
	for _, r := range l.rides {
		if r != nil {
			r.Close()
		}
	}
	_, _ = unix.Close(l.bell), l.park.Close()
	close(l.done)
}

// step runs whenever there may be events; false waits for some.
func (l *Lane) step(uintptr) (enough bool) {
	begun := l.look()
	yield := begun + stint
	for over := false; ; {
		n, rung := l.harvest(), false
		for i := range l.events[:n] { // first all, so that nobody takes one for open that is not
			ev := &l.events[i]
			if ev.Fd == -1 {
				rung = true
			} else if r := l.of(ev); r != nil {
				r.Ready = true
				if ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
					r.Ended = true
				}
			}
		}
		for i := range l.events[:n] {
			if r := l.of(&l.events[i]); r != nil && r.Ready {
				r.Ready = false
				r.rider.Ready()
			}
		}
		if rung {
			l.open()
			over = l.over()
		}
		l.look()
		l.onTime()
		if n < again {
			l.busy.Add(int64(l.now - begun))
			return over || !l.armed && l.count > 0
		}
		if l.now >= yield {
			runtime.Gosched()
			l.busy.Add(int64(l.now - begun))
			begun = l.look()
			yield = begun + stint
		}
	}
}

// look looks at the clock.
func (l *Lane) look() time.Duration {
	l.now = time.Since(l.clock.start)
	return l.now
}

func (l *Lane) onTime() {
	if l.now >= l.due && l.count > 0 {
		l.due = l.now + l.every
		l.tick(l.now)
	}
}

// of is whose event it is, nil when he has left.
func (l *Lane) of(ev *unix.EpollEvent) *Ride {
	if ev.Fd < 0 || int(ev.Fd) >= len(l.rides) {
		return nil
	}
	if r := l.rides[ev.Fd]; r != nil && r.gen == uint32(ev.Pad) { //nolint:gosec // bits
		return r
	}
	return nil
}

// harvest takes events that are there, without waiting.
func (l *Lane) harvest() int {
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.ep), uintptr(unsafe.Pointer(&l.events)), maxEvents, 0, 0, 0)
		switch e {
		case 0:
			return int(n) //nolint:gosec // a count
		case unix.EINTR:
		default:
			return 0
		}
	}
}

// open runs what was posted.
func (l *Lane) open() {
	var b [8]byte
	_, _ = unix.Read(l.bell, b[:])
	l.mu.Lock()
	posted := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, f := range posted {
		f()
	}
}

// Fill reads once into in, which takes a buffer only when there is something to read.
// It tells whether to wait for more; what left no room may have left more behind.
func (r *Ride) Fill(in *Input) (full, wait bool, err error) {
	in.hold()
	room := in.buf[in.w:]
	n, wait, err := r.Read(room)
	in.w += n
	if n == 0 {
		in.Release()
	}
	return n == len(room), wait, err
}

// Read reads what is there: nothing, where it is to wait.
func (r *Ride) Read(p []byte) (n int, wait bool, err error) {
	n, errno := sysRead(uintptr(r.fd), p) //nolint:gosec // a descriptor
	switch {
	case errno == unix.EAGAIN:
		return 0, true, nil
	case errno != 0:
		return 0, false, errno
	case n == 0:
		return 0, false, io.EOF
	}
	return n, false, nil
}

// Write sends as much as the kernel takes at once.
func (r *Ride) Write(p []byte) (n int, err error) {
	n, errno := sysWrite(uintptr(r.fd), p) //nolint:gosec // a descriptor
	switch {
	case errno == unix.EAGAIN:
		return 0, nil
	case errno != 0:
		return 0, errno
	}
	return n, nil
}

// Quiet is Socket.Quiet.
func (r *Ride) Quiet() error {
	var b [1]byte
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(r.fd), uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0) //nolint:gosec // a descriptor
	return quiet(int(n), errno)                                                                                                                          //nolint:gosec // a length
}

// Close ends the connection.
func (r *Ride) Close() {
	if fd := r.alight(); fd >= 0 {
		_ = unix.Close(fd)
	}
}

// Reset ends it so that the other side takes nothing for whole.
func (r *Ride) Reset() {
	if r.fd >= 0 {
		_ = unix.SetsockoptLinger(r.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	r.Close()
}

// Release gives the descriptor back.
func (r *Ride) Release() (fd int) {
	l := r.lane
	if r.fd >= 0 {
		_ = unix.EpollCtl(l.ep, unix.EPOLL_CTL_DEL, r.fd, nil)
	}
	return r.alight()
}

func (r *Ride) alight() (fd int) {
	fd = r.fd
	if fd < 0 {
		return fd
	}
	l := r.lane
	l.rides[r.at] = nil
	l.free = append(l.free, r.at)
	l.count--
	l.gone++
	r.fd = -1
	return fd
}
