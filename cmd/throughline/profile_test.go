package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProfiled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpu.pprof")
	failed := errors.New("what the command answers")
	if err := profiled(file, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("answered %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) { // pprof's are gzip
		t.Errorf("no profile: %q, %v", b, err)
	}
	err := profiled(filepath.Join(t.TempDir(), "none", "cpu.pprof"), func() error {
		t.Error("ran without its profile")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "--cpu-profile: open ") {
		t.Errorf("a file that can't be made: %v", err)
	}
	if err := profiled("", func() error { return nil }); err != nil {
		t.Error(err)
	}
}
