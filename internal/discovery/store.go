package discovery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// kept is what is written down: shapes, and nothing of who sent them.
type kept struct {
	Version int     `json:"version"`
	Shapes  []Shape `json:"shapes"`
}

const keptVersion = 1

// Read reads what a Learner has saved; nothing when there is no file.
func Read(path string) ([]Shape, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the data folder's own
	if errors.Is(err, fs.ErrNotExist) {
		return []Shape{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("discovery: %s: %w", path, err)
	}
	if k.Version != keptVersion {
		return nil, fmt.Errorf("discovery: %s has version %d, this build knows %d; `throughline discover --clear` begins anew", path, k.Version, keptVersion)
	}
	return k.Shapes, nil
}

// Load goes on with what was saved.
func (l *Learner) Load(path string) error {
	shapes, err := Read(path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range shapes[:min(len(shapes), maxShapes)] {
		s := shapes[i].clone()
		if s.Statuses == nil {
			s.Statuses = map[string]int64{}
		}
		l.shapes[strings.Join([]string{s.Site, s.Method, s.Path, s.Type}, " ")] = &s
		l.remember(&s)
	}
	l.changed = false
	return nil
}

// remember takes the words of a shape as sent by enough.
func (l *Learner) remember(s *Shape) {
	known := func(at uint64, w string) {
		if l.among(at, w) {
			for who := range uint64(Visitors) {
				l.sent(at, w, who)
			}
		}
	}
	prefix := ""
	for _, part := range strings.Split(strings.Trim(s.Path, "/"), "/") {
		if part != "" && part != "**" && !strings.HasPrefix(part, "{") {
			known(l.hash("path", s.Site, s.Method, prefix), part)
		}
		prefix += "/" + part
	}
	scope := l.hash("shape", s.Site, s.Method, s.Path, s.Type)
	for _, f := range s.Fields {
		at := l.hash("field", f.In, string(binary.LittleEndian.AppendUint64(nil, scope)))
		for _, step := range fieldSteps(f.In, f.Name) {
			known(at, step)
			at = l.hash("within", step, string(binary.LittleEndian.AppendUint64(nil, at)))
		}
	}
}

// Save writes what was learnt, when there is something new.
func (l *Learner) Save(path string) error {
	shapes := l.Shapes("")
	l.mu.Lock()
	changed := l.changed
	l.changed = false
	l.mu.Unlock()
	if !changed {
		return nil
	}
	text, err := json.MarshalIndent(kept{keptVersion, shapes}, "", " ")
	if err == nil {
		err = replace(path, append(text, '\n'))
	}
	if err != nil {
		l.mu.Lock()
		l.changed = true
		l.mu.Unlock()
		return fmt.Errorf("discovery: %w", err)
	}
	return nil
}

// replace writes a file whole.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".discovery-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
