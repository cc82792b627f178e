package telemetry

import (
	"math"
	"sync"
	"time"
)

// Window is how far back a Latency looks.
const Window = 5 * time.Minute

const (
	slots   = 30  // of ten seconds each
	buckets = 208 // eight to each doubling, from 1 µs to 65 s
)

// Latency is a distribution over the last five minutes, in bounded memory and
// with 9 % resolution. Safe for concurrent use.
type Latency struct {
	mu    sync.Mutex
	slot  [slots][buckets]uint32
	epoch [slots]int64
}

// Observe adds one duration seen at the time given (Unix micros).
func (l *Latency) Observe(now int64, d time.Duration) {
	e := now / (10 * int64(time.Second/time.Microsecond))
	i := int(e % slots)
	l.mu.Lock()
	if l.epoch[i] != e {
		l.slot[i], l.epoch[i] = [buckets]uint32{}, e
	}
	l.slot[i][bucket(d)]++
	l.mu.Unlock()
}

func bucket(d time.Duration) int {
	us := float64(d) / float64(time.Microsecond)
	if us <= 1 {
		return 0
	}
	return min(int(math.Log2(us)*8), buckets-1)
}

// Quantiles returns how many were observed in the window ending now and their
// quantiles for each q in 0..1, in the order given.
func (l *Latency) Quantiles(now int64, qs ...float64) (count int64, out []time.Duration) {
	var sum [buckets]int64
	e := now / (10 * int64(time.Second/time.Microsecond))
	l.mu.Lock()
	for i := range l.slot {
		if l.epoch[i] > e-slots && l.epoch[i] <= e {
			for b, n := range l.slot[i] {
				sum[b] += int64(n)
				count += int64(n)
			}
		}
	}
	l.mu.Unlock()
	out = make([]time.Duration, len(qs))
	if count == 0 {
		return 0, out
	}
	for i, q := range qs {
		want, seen := int64(math.Ceil(q*float64(count))), int64(0)
		for b, n := range sum {
			if seen += n; seen >= max(want, 1) {
				out[i] = time.Duration(math.Exp2((float64(b)+0.5)/8) * float64(time.Microsecond))
				break
			}
		}
	}
	return count, out
}
