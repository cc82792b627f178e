package journal

import (
	"errors"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	j, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	w, err := j.Writer(b.Context(), 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	e := entry(1, 400)
	b.ReportAllocs()
	for b.Loop() {
		err := w.Append(e, func(uint64, error) {})
		for errors.Is(err, ErrBusy) {
			_ = w.Flush(b.Context())
			err = w.Append(e, func(uint64, error) {})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
