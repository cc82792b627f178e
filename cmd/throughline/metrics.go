package main

import (
	"context"

	"github.com/throughline/throughline/internal/edge"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/origin"
	"github.com/throughline/throughline/internal/telemetry"
)

// connectMetrics hands everybody's counters to Prometheus.
func (a *app) connectMetrics() {
	m := a.metrics
	a.certificateMetrics()
	a.schedulingMetrics()
	m.Counter("throughline_requests_total", "Requests relayed or answered.", func() int64 { return a.edge.Counters().Requests })
	m.Counter("throughline_requests_answered_total", "Requests the engine answered instead of the origin.", func() int64 { return a.edge.Counters().Answered })
	m.Counter("throughline_requests_bypassed_total", "Requests relayed under a bypass.", func() int64 { return a.edge.Counters().Bypassed })
	m.CounterVec("throughline_worker_requests_total", "Requests from workers at a CDN, by what came of their key and of the origin they named.", "result", func() map[string]int64 {
		c := a.edge.Counters().Workers
		return map[string]int64{"accepted": c.Accepted, "missing_key": c.Missing, "wrong_key": c.Wrong, "refused": c.Refused, "foreign_origin": c.ForeignOrigin}
	})
	m.CounterVec("throughline_sidechain_total", "Requests signed, refused as a loop, or stripped of a signature that is not ours.", "result", func() map[string]int64 {
		c := a.edge.Counters().Sidechain
		return map[string]int64{"signed": c.Signed, "loop": c.Loops, "foreign_signature": c.Foreign}
	})
	m.CounterVec("throughline_origin_errors_total", "Failed requests to an origin.", "kind", func() map[string]int64 { return a.edge.Counters().OriginErrors })
	m.CounterVec("throughline_origin_address_failures_total", "Failures of each address of an origin.", "address", func() map[string]int64 {
		out := map[string]int64{}
		for _, e := range a.endpoints() {
			out[e.Addr] += e.Failures
		}
		return out
	})
	m.CounterVec("throughline_origin_address_responses_total", "Responses of each address of an origin.", "address", func() map[string]int64 {
		out := map[string]int64{}
		for _, e := range a.endpoints() {
			out[e.Addr] += e.Responses
		}
		return out
	})
	m.Gauge("throughline_origin_addresses_down", "Addresses of origins that are left out now.", func() float64 {
		n := 0
		for _, e := range a.endpoints() {
			if !e.Up {
				n++
			}
		}
		return float64(n)
	})
	m.Gauge("throughline_requests_active", "Exchanges in flight.", func() float64 { return float64(a.edge.Counters().Active) })
	m.Counter("throughline_probes_total", "Probes of the health target.", func() int64 { return a.edge.Counters().Probes })
	m.Gauge("throughline_connections", "Visitors' connections open now.", func() float64 { return float64(a.edge.Counters().Connections) })
	m.CounterVec("throughline_refused_total", "Connections and requests that were not relayed.", "reason", func() map[string]int64 {
		return refusals(a.edge.Counters())
	})
	m.CounterVec("throughline_http2_errors_total", "Streams and connections of HTTP/2 ended for what the visitor did.", "kind", func() map[string]int64 { return a.edge.Counters().HTTP2Errors })
	m.CounterVec("throughline_bodies_let_go_total", "Held bodies that were judged in part.", "reason", func() map[string]int64 {
		c := a.edge.Counters()
		return map[string]int64{"oversize": c.Oversize, "slow": c.Slow}
	})
	m.Counter("throughline_clients_gone_total", "Visitors who left before their response had ended.", func() int64 { return a.edge.Counters().ClientGone })
	m.Counter("throughline_first_packets_missing_total", "Connections whose first packet was wanted (fingerprint.syn) and not kept by the system.", func() int64 { return a.edge.Counters().NoSYN })
	m.Counter("throughline_bad_reroutes_total", "Reroutes to an origin that the site does not have.", func() int64 { return a.edge.Counters().BadReroutes })
	m.Counter("throughline_matched_total", "Requests that a Spec matched.", func() int64 { return a.engine.Stats().Matched })
	m.Counter("throughline_deadline_missed_total", "Sync verdicts that came too late.", func() int64 { return a.engine.Stats().Missed })
	m.Counter("throughline_panics_total", "Panics survived.", func() int64 {
		return a.engine.Stats().Panics + a.edge.Counters().DeciderPanics + a.edge.Counters().Faults
	})
	m.CounterVec("throughline_actions_total", "Actions enforced.", "action", func() map[string]int64 { return a.engine.Stats().Enforced })
	m.CounterVec("throughline_shed_total", "Observations not recorded.", "reason", a.shed.Counts)
	m.Gauge("throughline_journal_bytes", "Size of the journal.", func() float64 { return float64(a.journal.Stats().Bytes) })
	m.Gauge("throughline_live_sessions", "Sessions the judge holds.", func() float64 {
		n := int64(0)
		for _, p := range a.partitions() {
			n += p.Stats().Judge.Sessions
		}
		return float64(n)
	})
	m.Gauge("throughline_queue_length", "Observations waiting for the judge.", func() float64 {
		n := 0
		for _, p := range a.partitions() {
			s := p.Stats()
			n += s.SyncQueue + s.AsyncQueue + int(s.Waiting)
		}
		return float64(n)
	})
	copies := func(of func(engine.PartitionStats) int64) func() int64 {
		return func() (n int64) {
			for _, p := range a.partitions() {
				n += of(p.Stats())
			}
			return n
		}
	}
	m.Counter("throughline_copies_reordered_total", "Mirrored requests that came after newer ones and found their place.",
		copies(func(s engine.PartitionStats) int64 { return s.Reordered }))
	m.Counter("throughline_copies_late_total", "Mirrored requests that came when their place had passed.",
		copies(func(s engine.PartitionStats) int64 { return s.Late }))
	m.Counter("throughline_events_total", "Events searchable since the start.", func() int64 {
		var n int64
		for _, in := range a.following() {
			n += in.Stats(context.Background()).Events
		}
		return n
	})
	for name, l := range map[string]*telemetry.Latency{"visible": &a.visible, "decision": &a.decision} {
		m.Gauge("throughline_"+name+"_p95_seconds", "95th percentile over five minutes.", func() float64 {
			_, q := l.Quantiles(now(), 0.95)
			return q[0].Seconds()
		})
	}
}

// refusals are what was not relayed, by reason.
func refusals(c edge.Counters) map[string]int64 {
	return map[string]int64{"over_limit": c.OverLimit, "unknown_host": c.Refused, "malformed": c.Malformed, "slow_head": c.SlowHeads,
		"handshake": c.Handshakes, "accept": c.AcceptErrors, "proxy_header": c.ProxyHeaders}
}

// endpoints are the addresses of all sites' origins.
func (a *app) endpoints() (all []origin.EndpointState) {
	for _, st := range a.sites() {
		all = append(all, a.edge.Endpoints(st.Name)...)
	}
	return all
}
