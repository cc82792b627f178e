package journal

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkGathered is the CPU time of an entry when so many come at once and the
// next only when they have gone to the store. The time of looking at the clock in
// between is in it, of a reader that follows not.
func BenchmarkGathered(b *testing.B) {
	for _, burst := range []int{0, 1, 4, 20} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) { gathered(b, burst) })
	}
}

func gathered(b *testing.B, burst int) {
	j, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	w, err := j.Writer(b.Context(), 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	r, err := j.Reader(b.Context(), 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	past, end := context.WithTimeout(b.Context(), time.Millisecond)
	defer end()
	if _, err := r.Batch(past, 1); !errors.Is(err, context.DeadlineExceeded) { // from here on it follows
		b.Fatal(err)
	}
	e := typical()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	n := 0
	for b.Loop() {
		for range burst {
			if err := w.Append(&e, func(uint64, error) {}); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(30 * time.Millisecond)
		if n++; n%60 == 0 && burst > 0 {
			if _, err := r.Batch(past, 10_000); err != nil {
				b.Fatal(err)
			}
		}
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/1000/float64(n*max(1, burst)), "cpu_us/entry")
}
