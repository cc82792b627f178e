//go:build !linux || 386 || s390x

package fingerprint

import (
	"errors"
	"fmt"
	"syscall"
)

// KeepSYN is for Linux.
func KeepSYN(syscall.RawConn) error {
	return fmt.Errorf("keep SYN: %w on this system", errors.ErrUnsupported)
}

// SavedSYN is for Linux.
func SavedSYN(syscall.RawConn) (string, error) {
	return "", fmt.Errorf("saved SYN: %w on this system", errors.ErrUnsupported)
}
