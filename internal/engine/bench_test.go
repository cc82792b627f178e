package engine

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// BenchmarkPaced is what Events cost that come now and then, among much else that
// wants the caches: their visitors' time, and the CPU of all with the judge.
func BenchmarkPaced(b *testing.B) {
	w := newWorld(b)
	p := start(b, PartitionConfig{}, forgetful{newMemLog()}, w.shed)
	w.judgedBy(p)
	if err := w.e.SetPolicy(b.Context(), w.load(shopping)); err != nil {
		b.Fatal(err)
	}
	other := make([]byte, 1<<20)
	busy := func() {
		for i := 0; i < len(other); i += 64 {
			other[i]++
		}
	}
	x := viewed(w)
	var within time.Duration
	round := func(events bool) time.Duration {
		from := cpu(b)
		for range 200 {
			time.Sleep(5 * time.Millisecond)
			busy()
			if !events {
				continue
			}
			x.ID, x.Note = x.ID+1, nil
			began := time.Now()
			w.e.Decide(x, wire.PhaseRequestHead)
			w.e.Decide(x, wire.PhaseResponseHead)
			w.e.Decide(x, wire.PhaseEnd)
			within += time.Since(began)
		}
		return cpu(b) - from
	}
	round(true) // what is made once
	within = 0
	all, n := time.Duration(0), 0
	for b.Loop() {
		all += round(true) - round(false)
		n += 200
	}
	b.ReportMetric(float64(all.Microseconds())/float64(n), "cpu_us/event")
	b.ReportMetric(float64(within.Microseconds())/float64(n), "visitor_us/event")
	stop(b, p)
}

// viewed is a page that a browser asked for and was given.
func viewed(w *world) *wire.Exchange {
	x := w.exchange(site.Active, "GET", "/product/1042?lang=en", "Host", "shop.example",
		"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"Accept", "text/html,application/xhtml+xml", "Accept-Language", "en-GB,en;q=0.9", "Accept-Encoding", "gzip, br", "Referer", "https://shop.example/",
		"Sec-Fetch-Mode", "navigate", "Cookie", "sid=0123456789abcdef0123456789abcdef; _ga=GA1.2.1234567890.1700000000; theme=dark", "Connection", "keep-alive")
	respond(x, 200, "Content-Type", "text/html; charset=utf-8", "Content-Length", "1500", "Cache-Control", "no-store", "Server", "origin", "Date", "Mon, 05 Jan 2026 10:00:00 GMT")
	return x
}

// BenchmarkWhole is reading an exchange, with caches warm.
func BenchmarkWhole(b *testing.B) {
	w := newWorld(b)
	if err := w.e.SetPolicy(b.Context(), w.load(shopping)); err != nil {
		b.Fatal(err)
	}
	x := viewed(w)
	n := &note{rules: w.e.policy.Load(), site: w.site, judge: w.judge}
	w.e.take(x, n, n.rules.match(&x.Request).Plan)
	b.ReportAllocs()
	for b.Loop() {
		w.e.whole(x, n)
	}
}

// forgetful is a log that costs nothing.
type forgetful struct{ Log }

func (f forgetful) Recorder(context.Context, uint64) (Recorder, error) { return &nowhere{}, nil }

type nowhere struct{ seq uint64 }

func (n *nowhere) Append(_ *journey.Entry, ack func(uint64, error)) error {
	n.seq++
	ack(n.seq, nil)
	return nil
}

func (*nowhere) Send()                       {}
func (*nowhere) Flush(context.Context) error { return nil }
func (*nowhere) Close() error                { return nil }

const shopping = `
kind: spec
name: Product
type: product_view
match: {method: GET, path: "/product/{id}"}
request: {path.id: product_id, query.lang: language}
response: {status: response_status}
`

// cpu is what the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
