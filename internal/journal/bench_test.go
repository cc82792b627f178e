package journal

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkFollowed is the CPU time of an entry on its way through the journal to
// a reader that takes what came every 100 ms, as the warehouse does. Entries come
// in bursts, as the judge's do: five at 200 Events a second.
func BenchmarkFollowed(b *testing.B) {
	for _, burst := range []int{1, 5, 25} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) { followed(b, burst, time.Duration(burst)*time.Millisecond) })
	}
}

// BenchmarkGathered is the CPU time of an entry when so many come at once, and the
// next only when they have gone to the store as one message. That of burst 0 is what
// a journal takes in 30 ms in which nothing comes.
func BenchmarkGathered(b *testing.B) {
	for _, burst := range []int{0, 1, 4, 20} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) { followed(b, burst, 30*time.Millisecond) })
	}
}

func followed(b *testing.B, burst int, pause time.Duration) {
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
	n, looked := 0, time.Now()
	for b.Loop() {
		for range burst {
			if err := w.Append(&e, func(uint64, error) {}); err != nil {
				b.Fatal(err)
			}
			n++
		}
		time.Sleep(pause)
		if burst == 0 {
			n++
		} else if time.Since(looked) > 100*time.Millisecond {
			if _, err := r.Batch(past, 10_000); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				b.Fatal(err)
			}
			looked = time.Now()
		}
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/1000/float64(n), "cpu_us/event")
}

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
