package wire

import (
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Detach takes the connection out of the runtime's poller, and the Socket's hands:
// what it answers is a descriptor that does not block, for a Lane or for Attach. The
// Socket is of no use any more, and its Owner does not hear of it. On an error nothing
// has changed. Nobody may read or write meanwhile.
func (s *Socket) Detach() (fd int, err error) {
	if s.late.Load() || s.closed.Load() {
		return -1, os.ErrDeadlineExceeded
	}
	fd = -1
	if cerr := s.raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil {
		return -1, cerr
	}
	if err != nil {
		return -1, err
	}
	if s.closed.Swap(true) {
		_ = unix.Close(fd)
		return -1, net.ErrClosed
	}
	s.sweeper.remove(s)
	_ = s.carrier.Close()
	return fd, nil
}

// Attach makes a Socket of a descriptor that does not block. It needs no other one.
func Attach(fd int, w *Sweeper) (*Socket, error) {
	f := os.NewFile(uintptr(fd), "connection") //nolint:gosec // a descriptor
	if f == nil {
		return nil, net.ErrClosed
	}
	err := f.SetReadDeadline(time.Time{}) // which tells whether the runtime polls it
	var s *Socket
	if err == nil {
		s, err = newSocket(&fileCarrier{f}, w)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

// fileCarrier is a connection that package net would take only with a descriptor more,
// and there may be none.
type fileCarrier struct{ *os.File }

func (f *fileCarrier) CloseRead() error {
	return f.do(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) })
}
func (f *fileCarrier) CloseWrite() error {
	return f.do(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
}

// SetLinger is that of net.TCPConn.
func (f *fileCarrier) SetLinger(sec int) error {
	l := unix.Linger{}
	if sec >= 0 {
		l = unix.Linger{Onoff: 1, Linger: int32(sec)} //nolint:gosec // as given
	}
	return f.do(func(fd int) error { return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &l) })
}

func (f *fileCarrier) LocalAddr() net.Addr  { return f.addr(unix.Getsockname) }
func (f *fileCarrier) RemoteAddr() net.Addr { return f.addr(unix.Getpeername) }

func (f *fileCarrier) addr(of func(int) (unix.Sockaddr, error)) net.Addr {
	a := &net.TCPAddr{}
	_ = f.do(func(fd int) error {
		sa, err := of(fd)
		switch sa := sa.(type) {
		case *unix.SockaddrInet4:
			a = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))) //nolint:gosec // a port
		case *unix.SockaddrInet6:
			a = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))) //nolint:gosec // a port
		}
		return err
	})
	return a
}

func (f *fileCarrier) do(call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = call(int(fd)) }); err != nil { //nolint:gosec // a descriptor
		return err
	}
	if failed != nil {
		return os.NewSyscallError("socket", failed)
	}
	return nil
}
