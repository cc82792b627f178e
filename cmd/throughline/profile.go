package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profiled runs a command and leaves a profile of what took the processor in a file,
// "" for none. What the command answers comes first.
func profiled(file string, command func() error) error {
	if file == "" {
		return command()
	}
	f, err := os.Create(file) //nolint:gosec // the operator's own
	if err != nil {
		return fmt.Errorf("--cpu-profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(fmt.Errorf("--cpu-profile: %w", err), f.Close())
	}
	err = command()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}
