//go:build linux && !386 && !s390x

package fingerprint

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"
)

// Options of a socket that package syscall does not name.
const (
	tcpSaveSYN  = 27
	tcpSavedSYN = 28
)

// KeepSYN asks the kernel to keep the SYN of each connection of a listener until it
// is asked for it.
func KeepSYN(listener syscall.RawConn) error {
	var err error
	if cerr := listener.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpSaveSYN, 1) }); cerr != nil {
		return fmt.Errorf("keep SYN: %w", cerr)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOPROTOOPT):
		return fmt.Errorf("keep SYN: %w by this kernel", errors.ErrUnsupported)
	}
	return fmt.Errorf("keep SYN: %w", err)
}

// SavedSYN is the signature of a connection's SYN. The kernel gives it out once.
func SavedSYN(conn syscall.RawConn) (string, error) {
	var packet [512]byte
	n, errno := uint32(len(packet)), syscall.Errno(0)
	err := conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpSavedSYN,
			uintptr(unsafe.Pointer(&packet[0])), uintptr(unsafe.Pointer(&n)), 0)
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("saved SYN: %w", err)
	case errno != 0:
		return "", fmt.Errorf("saved SYN: %w", errno)
	case n == 0:
		return "", fmt.Errorf("%w: the kernel has kept none", errSYN)
	}
	return SYN(packet[:n])
}
