package main

import (
	"context"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/hub"
	"github.com/throughline/throughline/internal/telemetry"
)

// status answers the Status page from everybody's counters.
func (a *app) status(ctx context.Context) hub.Status {
	s := hub.Status{
		Version: version, Started: a.started.UTC().Format(time.RFC3339Nano),
		Policy: a.policyStatus(), Journal: a.journalStatus(), Warehouse: a.warehouseStatus(ctx),
		Visible: latency(&a.visible), Decision: latency(&a.decision), Shed: a.shed.Counts(), Problems: a.Ready(),
		Sites: []hub.SiteStatus{}, Data: []hub.DataStatus{},
	}
	c := a.edge.Counters()
	for _, st := range a.set.sites {
		per := c.PerSite[st.Name]
		s.Sites = append(s.Sites, hub.SiteStatus{Name: st.Name, Hosts: st.Hosts, Origin: st.Origin, Mode: string(st.Mode),
			Bypass: st.Switch.Bypassed(), Failure: string(st.Failure), Requests: per.Requests, Errors: per.OriginErrors})
	}
	e := a.engine.Stats()
	s.Engine = hub.EngineStatus{Requests: c.Requests, Matched: e.Matched, Panics: e.Panics + c.DeciderPanics,
		Actions: e.Enforced, Missed: e.Missed}
	for _, p := range a.parts {
		ps := p.Stats()
		s.Engine.Sessions += ps.Judge.Sessions
		s.Engine.Queue += int64(ps.SyncQueue + ps.AsyncQueue)
		s.Engine.QueueMax += int64(ps.SyncMax + ps.AsyncMax)
		s.Engine.RuleFault += ps.Judge.RuleErrors
		s.Engine.Panics += ps.Panics
	}
	for _, in := range a.ingests {
		s.Engine.Events += in.Stats(ctx).Events
	}
	for _, d := range a.geo.Status() {
		s.Data = append(s.Data, hub.DataStatus{Name: d.Name, State: d.State, Detail: d.Detail})
	}
	for _, f := range s.Policy.Faults {
		s.Problems = append(s.Problems, "policy refused: "+f)
	}
	s.Healthy = len(s.Problems) == 0
	return s
}

// Ready implements telemetry.Health: what stands in the way, worst first.
func (a *app) Ready() []string {
	problems := []string{}
	for _, p := range a.parts {
		if s := p.Stats(); !s.Up {
			problems = append(problems, fmt.Sprintf("partition %d records nothing; traffic flows by the failure policy: %s", s.Number, s.Error))
		}
	}
	if j := a.journal.Stats(); j.State != "ok" {
		problems = append(problems, "journal "+j.State+": "+j.Error)
	}
	for _, in := range a.ingests {
		if s := in.Stats(context.Background()); s.LastError != "" {
			problems = append(problems, "warehouse does not take events (the journal keeps them): "+s.LastError)
		}
	}
	return problems
}

func (a *app) policyStatus() hub.PolicyStatus {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	p := a.policy.snap
	out := hub.PolicyStatus{Revision: p.Revision, Since: a.policy.since.UTC().Format(time.RFC3339Nano),
		Specs: len(p.Specs), Labels: len(p.Labels), Signatures: len(p.Signatures), Workflows: len(p.Workflows), Faults: []string{}}
	out.Faults = append(out.Faults, a.policy.faults...)
	return out
}

func (a *app) journalStatus() hub.JournalStatus {
	j := a.journal.Stats()
	return hub.JournalStatus{State: j.State, Entries: j.Entries, Bytes: j.Bytes, InFlight: j.InFlight, Error: j.Error}
}

func (a *app) warehouseStatus(ctx context.Context) hub.WarehouseStatus {
	out := hub.WarehouseStatus{State: "ok", Backend: "DuckDB"}
	for _, in := range a.ingests {
		s := in.Stats(ctx)
		if s.LastError != "" {
			out.State, out.Error = "degraded", s.LastError
		}
		out.Lag += int64(s.Lag)
	}
	o, err := a.store.Overview(ctx, now()-24*time.Hour.Microseconds())
	if err != nil {
		out.State, out.Error = "down", err.Error()
		return out
	}
	out.Events, out.Sessions, out.Bytes = o.Events, o.Sessions, o.Bytes
	return out
}

func latency(l *telemetry.Latency) hub.LatencyStatus {
	n, q := l.Quantiles(now(), 0.5, 0.95, 0.99)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return hub.LatencyStatus{Count: n, P50MS: ms(q[0]), P95MS: ms(q[1]), P99MS: ms(q[2])}
}

// connectMetrics hands everybody's counters to Prometheus.
func (a *app) connectMetrics() {
	m := a.metrics
	m.Counter("throughline_requests_total", "Requests relayed or answered.", func() int64 { return a.edge.Counters().Requests })
	m.Counter("throughline_requests_answered_total", "Requests the engine answered instead of the origin.", func() int64 { return a.edge.Counters().Answered })
	m.Counter("throughline_requests_bypassed_total", "Requests relayed under a bypass.", func() int64 { return a.edge.Counters().Bypassed })
	m.CounterVec("throughline_origin_errors_total", "Failed requests to an origin.", "kind", func() map[string]int64 { return a.edge.Counters().OriginErrors })
	m.Gauge("throughline_requests_active", "Exchanges in flight.", func() float64 { return float64(a.edge.Counters().Active) })
	m.Counter("throughline_matched_total", "Requests that a Spec matched.", func() int64 { return a.engine.Stats().Matched })
	m.Counter("throughline_deadline_missed_total", "Sync verdicts that came too late.", func() int64 { return a.engine.Stats().Missed })
	m.Counter("throughline_panics_total", "Panics survived.", func() int64 { return a.engine.Stats().Panics + a.edge.Counters().DeciderPanics })
	m.CounterVec("throughline_actions_total", "Actions enforced.", "action", func() map[string]int64 { return a.engine.Stats().Enforced })
	m.CounterVec("throughline_shed_total", "Observations not recorded.", "reason", a.shed.Counts)
	m.Gauge("throughline_journal_bytes", "Size of the journal.", func() float64 { return float64(a.journal.Stats().Bytes) })
	m.Gauge("throughline_live_sessions", "Sessions the judge holds.", func() float64 {
		n := int64(0)
		for _, p := range a.parts {
			n += p.Stats().Judge.Sessions
		}
		return float64(n)
	})
	m.Gauge("throughline_queue_length", "Observations waiting for the judge.", func() float64 {
		n := 0
		for _, p := range a.parts {
			s := p.Stats()
			n += s.SyncQueue + s.AsyncQueue
		}
		return float64(n)
	})
	m.Counter("throughline_events_total", "Events searchable since the start.", func() int64 {
		var n int64
		for _, in := range a.ingests {
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
