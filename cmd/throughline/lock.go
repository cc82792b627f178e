package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// errLocked says that another process has the data folder.
var errLocked = errors.New("in use")

// dataLock is held for as long as a process uses a data folder: two processes
// on one journal would acknowledge the same sequence twice. The kernel drops it
// with the process, however that ends.
type dataLock struct{ f *os.File }

func lockData(dir string) (*dataLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(f.Name())
		_ = f.Close()
		return nil, fmt.Errorf("data folder %s is %w by process %s", dir, errLocked, strings.TrimSpace(string(holder)))
	}
	if err := f.Truncate(0); err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("data folder: %w", err)
		}
	}
	return &dataLock{f}, nil
}

func (l *dataLock) release() { _ = l.f.Close() }
