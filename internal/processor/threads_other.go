//go:build !linux

package processor

func yield() {}

// ofSystem has nothing to offer elsewhere than on Linux.
func ofSystem() (threads, func() ([]byte, error)) { return nil, nil }
