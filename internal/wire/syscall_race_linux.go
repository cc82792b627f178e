//go:build linux && race

package wire

import (
	"errors"
	"syscall"
)

// Under the race detector the calls go through package syscall, which tells it
// that what one side wrote before sending has happened before the other reads.

func sysRead(fd uintptr, p []byte) (int, syscall.Errno) { return retried(syscall.Read, fd, p) }

func sysWrite(fd uintptr, p []byte) (int, syscall.Errno) { return retried(syscall.Write, fd, p) }

func retried(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := call(int(fd), p) //nolint:gosec // a descriptor
		var errno syscall.Errno
		if errors.As(err, &errno); errno != syscall.EINTR {
			return n, errno
		}
	}
}
