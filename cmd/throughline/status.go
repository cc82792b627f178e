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
	for _, st := range a.sites() {
		per := c.PerSite[st.Name]
		ends := []hub.EndpointStatus{}
		for _, e := range a.edge.Endpoints(st.Name) {
			if !e.Up {
				s.Problems = append(s.Problems, fmt.Sprintf("site %s: its origin's address %s is down: %s", st.Name, e.Addr, e.Error))
			}
			ends = append(ends, hub.EndpointStatus{Address: e.Addr, Up: e.Up, Error: e.Error, Responses: e.Responses, Failures: e.Failures})
		}
		s.Sites = append(s.Sites, hub.SiteStatus{Name: st.Name, Hosts: st.Hosts, Origin: st.Origin, Mode: string(st.InForce()),
			Set: string(st.Mode), Failure: string(st.Failure), Requests: per.Requests, Errors: per.OriginErrors, Endpoints: ends})
	}
	s.Edge = hub.EdgeStatus{Connections: c.Connections, Active: c.Active, ClientsGone: c.ClientGone, NoSYN: c.NoSYN,
		Refused: refusals(c), OriginErrors: c.OriginErrors}
	e := a.engine.Stats()
	s.Engine = hub.EngineStatus{Requests: c.Requests, Matched: e.Matched, Panics: e.Panics + c.DeciderPanics,
		Actions: e.Enforced, Missed: e.Missed}
	for _, p := range a.partitions() {
		ps := p.Stats()
		s.Engine.Sessions += ps.Judge.Sessions
		s.Engine.Queue += int64(ps.SyncQueue + ps.AsyncQueue)
		s.Engine.QueueMax += int64(ps.SyncMax + ps.AsyncMax)
		s.Engine.RuleFault += ps.Judge.RuleErrors
		s.Engine.Panics += ps.Panics
	}
	for _, in := range a.following() {
		s.Engine.Events += in.Stats(ctx).Events
	}
	for _, d := range a.geo.Status() {
		s.Data = append(s.Data, hub.DataStatus{Name: d.Name, State: d.State, Detail: d.Detail, Licence: d.Licence})
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
	for _, p := range a.partitions() {
		if s := p.Stats(); !s.Up {
			problems = append(problems, fmt.Sprintf("partition %d records nothing; traffic flows by the failure policy: %s", s.Number, s.Error))
		}
	}
	if j := a.journal.Stats(); j.State != "ok" {
		problems = append(problems, "journal "+j.State+": "+j.Error)
	}
	for _, in := range a.following() {
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
	a.fresh(ctx)
	for _, in := range a.following() {
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
