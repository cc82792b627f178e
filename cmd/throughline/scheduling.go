package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/throughline/throughline/internal/processor"
)

// What `scheduling` may say.
const (
	scheduleAuto   = "auto"   // as internal/processor sees fit
	scheduleSystem = "system" // as whoever starts the process has it
)

func checkScheduling(v string, bad func(field, wrong, right string)) {
	if v != scheduleAuto && v != scheduleSystem {
		bad("scheduling", fmt.Sprintf("%q is no way to be scheduled", v), "auto or system")
	}
}

// What `lanes` may say.
const (
	lanesAuto = "auto" // as internal/edge sees fit
	lanesNone = "none"
)

func checkLanes(v string, bad func(field, wrong, right string)) {
	if v != lanesAuto && v != lanesNone {
		bad("lanes", fmt.Sprintf("%q is no way to serve connections", v), "auto or none")
	}
}

// startScheduling lasts as long as the process serves anybody, a successor's
// visitors or its own: ctx is not the one that asks it to stop.
func startScheduling(ctx context.Context, set *settings, log *slog.Logger) *processor.Watch {
	if set.Scheduling != scheduleAuto {
		return nil
	}
	return processor.Start(ctx, log)
}

func (a *app) schedulingMetrics() {
	a.metrics.Gauge("throughline_scheduling_batch", "1 while Throughline has itself scheduled as SCHED_BATCH, else 0.", func() float64 {
		if a.scheduling.Batch() {
			return 1
		}
		return 0
	})
	a.metrics.Gauge("throughline_lanes", "Loops over which connections that ride are spread.", func() float64 { return float64(a.edge.Counters().Lanes) })
	a.metrics.Gauge("throughline_connections_riding", "Visitors' connections that ride in a lane now, without a goroutine of their own.", func() float64 { return float64(a.edge.Counters().Riding) })
	a.metrics.CounterVec("throughline_lane_changes_total", "Visitors' connections that boarded a lane, and that alighted to be served by a goroutine.", "what", func() map[string]int64 {
		c := a.edge.Counters()
		return map[string]int64{"boarded": c.Boarded, "alighted": c.Alighted}
	})
	a.metrics.Counter("throughline_scheduling_changes_total", "Changes between SCHED_BATCH and SCHED_OTHER since the start.", a.scheduling.Changes)
}
