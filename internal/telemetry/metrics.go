package telemetry

import (
	"net/http"
	"sort"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is a Prometheus registry fed by functions that are asked at scrape
// time.
type Metrics struct{ reg *prometheus.Registry }

// NewMetrics returns a registry with the Go runtime's and the process's own.
func NewMetrics() *Metrics {
	m := &Metrics{reg: prometheus.NewRegistry()}
	m.reg.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Counter adds a rising count.
func (m *Metrics) Counter(name, help string, fn func() int64) {
	m.reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(fn()) }))
}

// Gauge adds a value that goes up and down.
func (m *Metrics) Gauge(name, help string, fn func() float64) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, fn))
}

// CounterVec adds counts by one label, such as what was shed by reason.
func (m *Metrics) CounterVec(name, help, label string, fn func() map[string]int64) {
	m.reg.MustRegister(&vec{desc: prometheus.NewDesc(name, help, []string{label}, nil), fn: fn})
}

type vec struct {
	desc *prometheus.Desc
	fn   func() map[string]int64
}

func (v *vec) Describe(ch chan<- *prometheus.Desc) { ch <- v.desc }

func (v *vec) Collect(ch chan<- prometheus.Metric) {
	counts := v.fn()
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		ch <- prometheus.MustNewConstMetric(v.desc, prometheus.CounterValue, float64(counts[k]), k)
	}
}

// Health answers whether the process is alive and whether it is ready, in words.
type Health interface {
	// Ready returns what stands in the way of readiness, empty when ready.
	Ready() []string
}

// Handler serves /metrics, /healthz and /readyz for the admin listener.
func Handler(m *Metrics, h Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		problems := h.Ready()
		if len(problems) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		for _, p := range problems {
			_, _ = w.Write([]byte(p + "\n"))
		}
		if len(problems) == 0 {
			_, _ = w.Write([]byte("ready\n"))
		}
	})
	return mux
}
