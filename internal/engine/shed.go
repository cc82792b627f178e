package engine

import "sync/atomic"

// Reason says why an observation was not recorded.
type Reason int

// Reasons for shedding, in the order of Reasons.
const (
	ShedSyncQueue  Reason = iota // the sync lane was full
	ShedAsyncQueue               // the async lane was full
	ShedJournal                  // the journal does not accept
	ShedStopping                 // the engine is stopping
	ShedFault                    // the judge panicked on it, or refused it
	ShedCapture                  // capture panicked on it
	ShedTooLarge                 // the journal has a bound that it passed
	shedReasons
)

func (r Reason) String() string {
	switch r {
	case ShedSyncQueue:
		return "sync_queue_full"
	case ShedAsyncQueue:
		return "async_queue_full"
	case ShedJournal:
		return "journal_unavailable"
	case ShedStopping:
		return "stopping"
	case ShedFault:
		return "judge_fault"
	case ShedTooLarge:
		return "entry_too_large"
	default:
		return "capture_fault"
	}
}

// Shed counts what was accepted from nobody, by reason. Safe for concurrent use.
type Shed struct{ n [shedReasons]atomic.Int64 }

func (s *Shed) add(r Reason, n int) { s.n[r].Add(int64(n)) }

// Counts returns the counts of every reason, zeros included.
func (s *Shed) Counts() map[string]int64 {
	m := make(map[string]int64, shedReasons)
	for r := range shedReasons {
		m[r.String()] = s.n[r].Load()
	}
	return m
}
