//go:build unix

package fingerprint

import (
	"encoding/json"
	"os"
	"syscall"
	"testing"
)

// spent reports what a benchmark takes of the processor: on a machine that others
// use too, the clock says less.
func spent(b *testing.B) func() {
	var before, after syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	return func() {
		must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
		used := after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(used)/float64(b.N), "cpu_ns/op")
	}
}

func recordedChromium(b *testing.B) kept {
	b.Helper()
	text, err := os.ReadFile(goldenOf("chromium"))
	must(b, err)
	var k kept
	must(b, json.Unmarshal(text, &k))
	return k
}

// BenchmarkHello is what a connection costs: the tap, JA3, JA4 and the stable hash
// of a browser's hello that comes in two reads.
func BenchmarkHello(b *testing.B) {
	k := recordedChromium(b)
	stream := records(k.main().Hello, maxRecord)
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		var tap HelloTap
		tap.Feed(stream[:517])
		tap.Feed(stream[517:])
		if _, err := tap.Result(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHTTP2 is what the opening of a browser's HTTP/2 costs.
func BenchmarkHTTP2(b *testing.B) {
	k := recordedChromium(b)
	opening := k.main().Opening
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		var tap H2Tap
		tap.Feed(opening)
		if tap.Result() == nil {
			b.Fatal(tap.Err())
		}
	}
}

// BenchmarkHTTP2Later is what the tap costs each read after it has its print.
func BenchmarkHTTP2Later(b *testing.B) {
	k := recordedChromium(b)
	var tap H2Tap
	tap.Feed(k.main().Opening)
	more := make([]byte, 16<<10)
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		tap.Feed(more)
	}
}

// BenchmarkHeaders is what the fields of a browser's navigation cost.
func BenchmarkHeaders(b *testing.B) {
	fields := lines(visit)
	type field struct{ name, value string }
	var all []field
	for n, v := range fields {
		all = append(all, field{n, v})
	}
	each := func(yield func(name, value string) bool) {
		for _, f := range all {
			if !yield(f.name, f.value) {
				return
			}
		}
	}
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		HeadersOf("h1", "GET", each)
	}
}

// BenchmarkSYN is what a SYN's signature costs, without asking the kernel for it.
func BenchmarkSYN(b *testing.B) {
	packet := syn4(b)
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		if _, err := SYN(packet); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDoubts is what comparing what a client says with what it shows costs.
func BenchmarkDoubts(b *testing.B) {
	k := recordedChromium(b)
	f := shown(b, *k.main())[0]
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		if Doubts(f) != nil {
			b.Fatal("Chromium is doubted")
		}
	}
}
