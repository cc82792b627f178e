package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Modes that a key file must not have. Mounted secrets are often readable by a
// group of their own, which the one in the data folder never is.
const (
	OwnerOnly   fs.FileMode = 0o077
	GroupReads  fs.FileMode = 0o027
	largestFile             = 16 << 10
)

// LoadOrCreate reads the key file of a data folder, or makes one.
func LoadOrCreate(path string, now time.Time) (Ring, error) {
	r, err := Load(path, OwnerOnly)
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if r, err = New(now); err != nil {
		return r, err
	}
	switch err = write(path, r, os.Link); {
	case errors.Is(err, fs.ErrExist): // somebody was faster
		return Load(path, OwnerOnly)
	case err != nil:
		return Ring{}, fmt.Errorf("create key: %w", err)
	}
	return r, nil
}

// Load reads a key file that others may not read.
func Load(path string, refused fs.FileMode) (Ring, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's own file
	if err != nil {
		return Ring{}, fmt.Errorf("key: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Ring{}, fmt.Errorf("key: %w", err)
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return Ring{}, fmt.Errorf("key %s is no file", path)
	case mode.Perm()&refused != 0:
		return Ring{}, fmt.Errorf("key %s has mode %v: others than its owner can read or write it; want %v", path, mode.Perm(), mode.Perm()&^refused)
	case info.Size() > largestFile:
		return Ring{}, fmt.Errorf("key %s has %d bytes: that is no key file", path, info.Size())
	}
	text, err := io.ReadAll(io.LimitReader(f, largestFile))
	if err != nil {
		return Ring{}, fmt.Errorf("key %s: %w", path, err)
	}
	r, err := Parse(string(text))
	if err != nil {
		return Ring{}, fmt.Errorf("key %s: %w", path, err)
	}
	return r, nil
}

// Save replaces a key file, so that a crash leaves the old or the new.
func Save(path string, r Ring) error {
	if err := write(path, r, os.Rename); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

// write makes the file beside and puts it in its place when it is on disk. It is
// never readable by others, not even for a moment.
func write(path string, r Ring, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(r.text())
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = place(f.Name(), path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
