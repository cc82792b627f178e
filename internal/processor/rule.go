package processor

// Policy is how the kernel treats a thread that wakes.
type Policy int

const (
	// Normal is SCHED_OTHER: it may preempt who runs.
	Normal Policy = iota
	// Batch is SCHED_BATCH: it waits until who runs waits, or has had his slice.
	Batch
)

func (p Policy) String() string {
	if p == Batch {
		return "SCHED_BATCH"
	}
	return "SCHED_OTHER"
}

const (
	// crowdedBelow is the idle share below which a single look makes us Normal: what
	// waits behind a busy neighbour waits now.
	crowdedBelow = 0.25
	// calmAbove is the idle share above which a look speaks for Batch. Between the two
	// all stays as it is.
	calmAbove = 0.40
	// calmLooks in a row make us Batch again: what comes in waves is crowded between
	// them too.
	calmLooks = 5
)

// Rule decides by the idle share of the processors, look by look. The zero Rule
// takes them for idle.
type Rule struct {
	crowded bool
	calm    int // looks in a row that spoke for Batch, while crowded
}

// Policy is what was decided last.
func (r *Rule) Policy() Policy {
	if r.crowded {
		return Normal
	}
	return Batch
}

// Next decides after one more look, at which this share of the time since the one
// before was idle, 0 to 1. What is no number is no sign of idleness.
func (r *Rule) Next(idleShare float64) Policy {
	switch {
	case idleShare > calmAbove:
		if r.calm++; r.calm >= calmLooks {
			r.crowded = false
		}
	case idleShare >= crowdedBelow:
		r.calm = 0
	default:
		r.crowded, r.calm = true, 0
	}
	if !r.crowded {
		r.calm = 0
	}
	return r.Policy()
}
