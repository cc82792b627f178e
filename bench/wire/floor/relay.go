//go:build linux

package main

import (
	"io"
	"net"
	"sync"
	"syscall"
	"unsafe"
)

// pool keeps connections to the origin; the one used last is used next.
type pool struct {
	origin string
	mu     sync.Mutex
	idle   []syscall.RawConn
}

func (p *pool) get() (syscall.RawConn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := net.Dial("tcp", p.origin)
	if err != nil {
		return nil, err
	}
	return c.(syscall.Conn).SyscallConn()
}

func (p *pool) put(c syscall.RawConn) {
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
}

// relay serves one visitor. Like the engine's own it waits only where nothing can
// have come yet, and leaves the system calls that would tell so out.
func relay(visitor net.Conn, p *pool) error {
	raw, err := visitor.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	buf := make([]byte, 16<<10)
	err = raw.Read(func(fd uintptr) bool {
		n, wait, err := receive(fd, buf)
		if wait {
			return false
		}
		if err == nil {
			n, err = p.exchange(buf, n)
		}
		if err == nil {
			err = send(fd, buf[:n])
		}
		failed = err
		return err != nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// exchange sends what buf begins with and puts the answer in its place.
func (p *pool) exchange(buf []byte, n int) (int, error) {
	c, err := p.get()
	if err != nil {
		return 0, err
	}
	sent := false
	var failed error
	err = c.Read(func(fd uintptr) bool {
		if !sent {
			sent = true
			failed = send(fd, buf[:n])
			return failed != nil
		}
		var wait bool
		n, wait, failed = receive(fd, buf)
		return !wait
	})
	if failed != nil {
		return 0, failed
	}
	p.put(c)
	return n, err
}

func receive(fd uintptr, b []byte) (n int, wait bool, err error) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	switch {
	case errno == syscall.EAGAIN:
		return 0, true, nil
	case errno != 0:
		return 0, false, errno
	case r == 0:
		return 0, false, io.EOF
	}
	return int(r), false, nil //nolint:gosec // a length
}

func send(fd uintptr, b []byte) error {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	switch {
	case errno != 0:
		return errno
	case int(r) != len(b): //nolint:gosec // a length
		return io.ErrShortWrite
	}
	return nil
}
