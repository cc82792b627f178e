package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLatencyQuantilesWithinResolution(t *testing.T) {
	var l Latency
	now := int64(1_700_000_000_000_000)
	for i := 1; i <= 1000; i++ {
		l.Observe(now, time.Duration(i)*time.Millisecond)
	}
	n, q := l.Quantiles(now, 0.5, 0.95, 0.99)
	if n != 1000 {
		t.Fatalf("count = %d", n)
	}
	for i, want := range []time.Duration{500, 950, 990} {
		want *= time.Millisecond
		if q[i] < want*91/100 || q[i] > want*109/100 {
			t.Errorf("quantile %d = %v, want %v within 9 %%", i, q[i], want)
		}
	}
}

func TestLatencyForgetsAfterTheWindow(t *testing.T) {
	var l Latency
	now := int64(1_700_000_000_000_000)
	l.Observe(now, time.Second)
	if n, _ := l.Quantiles(now+int64((Window-20*time.Second)/time.Microsecond), 0.5); n != 1 {
		t.Fatalf("within the window: %d", n)
	}
	if n, _ := l.Quantiles(now+int64((Window+20*time.Second)/time.Microsecond), 0.5); n != 0 {
		t.Fatalf("after the window: %d", n)
	}
}

type notReady []string

func (n notReady) Ready() []string { return n }

func TestAdminHandler(t *testing.T) {
	m := NewMetrics()
	m.Counter("throughline_events_total", "Events.", func() int64 { return 42 })
	m.CounterVec("throughline_shed_total", "Shed.", "reason", func() map[string]int64 { return map[string]int64{"x": 1, "a": 2} })
	get := func(h Health, path string) (int, string) {
		w := httptest.NewRecorder()
		Handler(m, h).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get(notReady(nil), "/metrics"); code != 200 ||
		!strings.Contains(body, "throughline_events_total 42") || !strings.Contains(body, `throughline_shed_total{reason="x"} 1`) {
		t.Fatalf("%d %s", code, body)
	}
	if code, body := get(notReady{"journal: down"}, "/readyz"); code != 503 || !strings.Contains(body, "journal: down") {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := get(notReady{"journal: down"}, "/healthz"); code != 200 {
		t.Fatalf("alive = %d", code)
	}
	if code, _ := get(notReady(nil), "/readyz"); code != 200 {
		t.Fatalf("ready = %d", code)
	}
}
