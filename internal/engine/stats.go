package engine

import "github.com/throughline/throughline/internal/judge"

// PartitionStats is a partition's state for people and metrics.
type PartitionStats struct {
	Number                int
	Up                    bool
	Error                 string // why it is not up
	Acked                 uint64
	InFlight              int64
	SyncQueue, AsyncQueue int
	SyncMax, AsyncMax     int
	Panics, Rebuilds      int64
	// Of copies: how many found their place before others that had come first, how
	// many came when it had passed, and how many wait.
	Reordered, Late, Waiting int64
	Revision                 string
	Judge                    judge.Stats
}

// Stats may be called at any time.
func (p *Partition) Stats() PartitionStats {
	s := PartitionStats{
		Number: p.cfg.Number, Up: p.up.Load(), Acked: p.acked.Load(), InFlight: p.inFlight.Load(),
		SyncQueue: len(p.sync), AsyncQueue: len(p.async) + len(p.rest), SyncMax: cap(p.sync), AsyncMax: cap(p.async) + cap(p.rest),
		Panics: p.panics.Load(), Rebuilds: p.resets.Load(),
		Reordered: p.copies.reordered.Load(), Late: p.copies.lateAll.Load(), Waiting: p.copies.length.Load(),
	}
	if e := p.lastErr.Load(); e != nil {
		s.Error = *e
	}
	if r := p.revision.Load(); r != nil {
		s.Revision = *r
	}
	if j := p.stats.Load(); j != nil {
		s.Judge = *j
	}
	return s
}
