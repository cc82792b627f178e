// Package processor has the kernel schedule the process so that it suits those who
// share the processors with it, as long as that costs it nothing.
//
// A relay wakes because bytes came, and whoever sent them often runs on the same
// processor at that moment: the origin, a balancer or a CDN's agent on the same
// machine, or another thread of our own. Scheduled as SCHED_OTHER (the kernel also
// says SCHED_NORMAL), the thread that wakes may take the processor from the sender
// in the midst of its work. The sender has to be switched back to afterwards, only
// to find that it had nothing left to do but wait, with caches that others have
// filled meanwhile. At low and middling load that is the common case. A thread that is scheduled as SCHED_BATCH preempts
// nobody when it wakes (check_preempt_wakeup_fair in the kernel): the sender goes on
// to where it waits by itself, and then our thread runs. Its share of the processors
// is the same.
//
// Where every processor is busy the same rule does harm. Who never waits of his own
// accord keeps the processor until his slice is over, and we would stand behind him
// with each wake-up. Then the process is SCHED_OTHER again.
//
// What decides must not depend on how we are scheduled, or the two would chase each
// other. It is the share of time in which the processors that we may run on were
// idle, of /proc/stat: whoever runs first, work takes as long. Rule turns it into
// a Policy and knows neither clock nor files; Watch looks once a second and tells
// the kernel. Nothing else of a thread changes, not its nice value either, and
// a process that was started with a policy of another kind is left alone.
//
// Work of our own that lasts gives way too: Watch.GiveWay.
//
// Elsewhere than on Linux there is nothing to tell, and nothing is done.
package processor
