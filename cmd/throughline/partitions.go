package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/throughline/throughline/internal/site"
)

// assignPartitions gives each site the partition it had before, by name, so
// that reordering or removing sites never mixes their journeys.
func assignPartitions(dir string, sites []*site.Site) error {
	path := filepath.Join(dir, "partitions.json")
	known := map[string]int{}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("partitions: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(text, &known); err != nil {
			return fmt.Errorf("partitions: %s: %w", path, err)
		}
	}
	next, added := 0, false
	for _, n := range known {
		next = max(next, n+1)
	}
	for _, s := range sites {
		n, ok := known[s.Name]
		if !ok {
			n, known[s.Name], added = next, next, true
			next++
		}
		if n > 1023 {
			return fmt.Errorf("partitions: more than 1024 sites have been served from %s", dir)
		}
		s.Partition = n
	}
	if !added {
		return nil
	}
	text, err = json.MarshalIndent(known, "", "  ")
	if err != nil {
		return fmt.Errorf("partitions: %w", err)
	}
	return writeAtomic(path, append(text, '\n'))
}

// writeAtomic replaces a file whole, so that a crash leaves the old or the new.
func writeAtomic(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
