package processor

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	tasks = "/proc/self/task" // names every thread
	// passes over the threads, of which the last finds nothing to do. Those of many
	// threads that come and go may never end: what is left then, the next look finds.
	passes = 16
	// mostProcessors is what a kernel can be built for; a mask must have room for all.
	mostProcessors = 8192
)

func ofSystem() (threads, func() ([]byte, error)) {
	return kernel{}, func() ([]byte, error) { return os.ReadFile("/proc/stat") }
}

// yield is a system call that may last: the runtime can go on without the thread.
func yield() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// kernel implements threads.
type kernel struct{}

func (kernel) started() (Policy, error) {
	attr, err := unix.SchedGetAttr(os.Getpid(), 0)
	if err != nil {
		return Normal, fmt.Errorf("ask how the process is scheduled: %w", err)
	}
	switch attr.Policy {
	case unix.SCHED_NORMAL:
		return Normal, nil
	case unix.SCHED_BATCH:
		return Batch, nil
	}
	return Normal, fmt.Errorf("the process was started with a policy of another kind (%d)", attr.Policy)
}

// scheduleAll goes over the threads until it finds none to change: one that was not
// yet changed may have created another behind its back.
func (k kernel) scheduleAll(p Policy) error {
	for range passes {
		changed, err := k.pass(p)
		if err != nil || changed == 0 {
			return err
		}
	}
	return nil
}

func (kernel) pass(p Policy) (changed int, err error) {
	dir, err := os.Open(tasks)
	if err != nil {
		return 0, err
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close() // it was only read
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		thread, err := strconv.Atoi(name)
		if err != nil {
			return changed, fmt.Errorf("%s: %q is no thread's number", tasks, name)
		}
		did, err := schedule(thread, p)
		if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended meanwhile
			return changed, fmt.Errorf("schedule a thread as %s: %w", p, err)
		}
		if did {
			changed++
		}
	}
	return changed, nil
}

func (kernel) scheduleOwn(p Policy) error {
	_, err := schedule(0, p)
	return err
}

// schedule tells whether the thread had to be changed. One with a policy of another
// kind was given it by somebody who knows why, and keeps it.
func schedule(thread int, p Policy) (changed bool, err error) {
	want := uint32(unix.SCHED_NORMAL)
	if p == Batch {
		want = unix.SCHED_BATCH
	}
	now, err := unix.SchedGetAttr(thread, 0)
	if err != nil || now.Policy == want || now.Policy != unix.SCHED_NORMAL && now.Policy != unix.SCHED_BATCH {
		return false, err
	}
	// The kernel takes what is not said for a wish too, but for the clamps of
	// utilisation. The runtime is left out: it would set a slice of the thread's own.
	err = unix.SchedSetAttr(thread, &unix.SchedAttr{Policy: want, Nice: now.Nice, Flags: now.Flags & unix.SCHED_FLAG_RESET_ON_FORK}, 0)
	return err == nil, err
}

// processors asks for the process's first thread: others may be bound more narrowly
// for a while.
func (kernel) processors() (func(int) bool, error) {
	mask := unix.NewCPUSet(mostProcessors)
	if err := unix.SchedGetaffinityDynamic(os.Getpid(), mask); err != nil {
		return nil, fmt.Errorf("ask for the processors that we may run on: %w", err)
	}
	return mask.IsSet, nil
}
