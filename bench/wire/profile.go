package main

import (
	"os"
	"path/filepath"

	"github.com/google/pprof/profile"
)

// mergeProfiles makes one of the profiles that our processes leave when they end.
func (l *lab) mergeProfiles(to string) error {
	l.stop()
	files, err := filepath.Glob(l.path("*.pprof"))
	if err != nil {
		return err
	}
	return merge(files, to)
}

// merge leaves out where the files of a machine lie, which the compiler does not ask
// for: it goes by the names of functions and lines within them.
func merge(files []string, to string) error {
	all := make([]*profile.Profile, len(files))
	for i, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		all[i], err = profile.Parse(f)
		_ = f.Close() // it was only read
		if err != nil {
			return err
		}
	}
	one, err := profile.Merge(all)
	if err != nil {
		return err
	}
	for _, m := range one.Mapping {
		m.File, m.BuildID = "", ""
	}
	for _, f := range one.Function {
		f.Filename = ""
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	if err := one.Write(f); err != nil {
		_ = f.Close() // the first fault counts
		return err
	}
	return f.Close()
}
