package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// dataFormat is the version of the data folder's layout that this build writes.
// The stores in it carry schema versions of their own.
const dataFormat = 2

// upgrade brings a folder from version v to v+1. Version 0 is a folder without
// a format file.
func upgrade(_ string, v int) error {
	switch v {
	case 0: // the first layout: nothing to move
		return nil
	case 1: // the journal goes on in packs, which builds before it would take for damage
		return nil
	default:
		return fmt.Errorf("no upgrade from version %d", v)
	}
}

// openFormat checks the folder's version and upgrades it step by step.
func openFormat(dir string) error {
	path := filepath.Join(dir, "format")
	have := 0
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("data folder: %w", err)
	default:
		have, err = strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || have < 0 {
			return fmt.Errorf("data folder: %s holds %q; want a version number", path, text)
		}
	}
	if have > dataFormat {
		return fmt.Errorf("data folder %s has version %d, this build knows up to %d: use a newer throughline, or another folder", dir, have, dataFormat)
	}
	for v := have; v < dataFormat; v++ {
		if err := upgrade(dir, v); err != nil {
			return fmt.Errorf("data folder %s: upgrade from version %d: %w", dir, v, err)
		}
		if err := writeAtomic(path, []byte(strconv.Itoa(v+1)+"\n")); err != nil {
			return err
		}
	}
	return nil
}
