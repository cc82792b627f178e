package main

import "time"

// deferred is what Events cost us after the requests: they are stored in batches of up
// to ten seconds, most of them behind the load that was measured.
type deferred struct {
	lab     *lab
	s       scenario
	idle    float64 // of a second without load
	used    time.Duration
	started time.Time
}

const (
	warmFor  = 8 * time.Second
	restFor  = 4 * time.Second  // in which idling is measured
	storedBy = 11 * time.Second // after the load
)

// begin warms our process up and measures what idling takes, after what came before is
// stored. In its first seconds every Event lies in memory that was never used, which
// the kernel has yet to give and to clear: on a virtual machine that costs more than all
// else of it, and once.
func (d *deferred) begin() error {
	if !d.s.events {
		return nil
	}
	pid := d.lab.pid("throughline", d.s)
	if !d.lab.warm[pid] {
		twice := d.s
		twice.rate *= 2
		if _, err := d.lab.measure(twice, "throughline", warmFor); err != nil {
			return err
		}
		d.lab.warm[pid] = true
	}
	time.Sleep(storedBy)
	before := cpu(pid)
	time.Sleep(restFor)
	d.used, d.started = cpu(pid), time.Now()
	d.idle = (d.used - before).Seconds() / restFor.Seconds()
	return nil
}

// end waits until all is stored, and adds to each request its share of what was used
// while nothing was measured, less what idling would have.
func (d *deferred) end(samples []map[string]float64, length time.Duration) {
	if !d.s.events {
		return
	}
	time.Sleep(storedBy)
	used := cpu(d.lab.pid("throughline", d.s)) - d.used
	rest := time.Since(d.started) - time.Duration(len(samples))*length
	n, measured := 0.0, 0.0
	for _, m := range samples {
		n += m["n"]
		measured += m["n"] * m["cpu_per_request"]
	}
	share := (used.Seconds()-d.idle*rest.Seconds())*1e6/n - measured/n
	for _, m := range samples {
		m["cpu_per_request"] += max(0, share)
	}
}
