package processor

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// try skips where a sandbox forbids what is tested.
func try(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, unix.EPERM) {
		t.Skip("the kernel does not let us: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// asBefore has the threads as they are now when the test has ended.
func asBefore(t *testing.T) {
	t.Helper()
	origin, err := kernel{}.started()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel{}.scheduleAll(origin) })
}

// thread is one of ours that stays while the test runs, and ends with it. It is not
// the process's first, which would stay as prepare has left it: that one never ends.
func thread(t *testing.T, prepare func()) (number int) {
	t.Helper()
	known, ended := make(chan int), make(chan struct{})
	var live func()
	live = func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			other := make(chan struct{})
			go func() {
				defer close(other)
				live() // elsewhere, since this one is taken
			}()
			<-other
			runtime.UnlockOSThread()
			return
		}
		if prepare != nil {
			prepare()
		}
		known <- unix.Gettid()
		<-ended
	}
	go live()
	number = <-known
	t.Cleanup(func() {
		close(ended)
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if _, err := os.Stat(tasks + "/" + strconv.Itoa(number)); err != nil {
				return
			}
		}
		t.Errorf("thread %d does not end", number)
	})
	return number
}

func attributes(t *testing.T, thread int) unix.SchedAttr {
	t.Helper()
	attr, err := unix.SchedGetAttr(thread, 0)
	try(t, err)
	return *attr
}

// policies are those of all threads.
func policies(t *testing.T) map[int]uint32 {
	t.Helper()
	out := map[int]uint32{}
	entries, err := os.ReadDir(tasks)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		number, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		attr, err := unix.SchedGetAttr(number, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		try(t, err)
		out[number] = attr.Policy
	}
	return out
}

func TestEveryThreadIsScheduled(t *testing.T) {
	asBefore(t)
	plain := thread(t, nil)
	nice := thread(t, func() {
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19); err != nil {
			t.Error(err)
		}
	})
	resets := thread(t, func() {
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Flags: unix.SCHED_FLAG_RESET_ON_FORK, Nice: int32(niceness(t))}, 0); err != nil {
			t.Error(err)
		}
	})
	other := thread(t, func() {
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_IDLE}, 0); err != nil {
			t.Error(err)
		}
	})
	before := map[int]unix.SchedAttr{}
	for _, n := range []int{plain, nice, resets, other} {
		before[n] = attributes(t, n)
	}
	if before[nice].Nice != 19 || before[resets].Flags != unix.SCHED_FLAG_RESET_ON_FORK || before[other].Policy != unix.SCHED_IDLE {
		t.Fatalf("the threads are not as they should be: %+v", before)
	}
	for _, p := range []Policy{Batch, Normal, Batch} {
		try(t, kernel{}.scheduleAll(p))
		want := map[Policy]uint32{Batch: unix.SCHED_BATCH, Normal: unix.SCHED_NORMAL}[p]
		for number, got := range policies(t) {
			if number != other && got != want {
				t.Errorf("%v: thread %d has policy %d", p, number, got)
			}
		}
		for number, was := range before {
			if number != other {
				was.Policy = want
			}
			if got := attributes(t, number); got != was {
				t.Errorf("%v: %+v became %+v", p, was, got)
			}
		}
		if changed, err := (kernel{}).pass(p); err != nil || changed > 0 {
			t.Errorf("%v: one more pass changed %d threads: %v", p, changed, err)
		}
	}
	heir := thread(t, nil)
	if got := attributes(t, heir); got.Policy != unix.SCHED_BATCH {
		t.Errorf("a later thread has policy %d", got.Policy)
	}
}

// niceness is what the tests run with.
func niceness(t *testing.T) int {
	t.Helper()
	return int(attributes(t, os.Getpid()).Nice)
}

// Threads come and go while all are being changed.
func TestThreadsThatComeAndGo(t *testing.T) {
	asBefore(t)
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for range 4 {
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					runtime.LockOSThread()
				}()
				<-ended
			}
		})
	}
	var err error
	for i := range 200 {
		if err = (kernel{}).scheduleAll(Policy(i % 2)); err != nil {
			break
		}
	}
	close(stop)
	churn.Wait()
	try(t, err)
	// While threads end, the kernel may leave one out that lives when it names all.
	for range 100 {
		try(t, kernel{}.scheduleAll(Batch))
		left := policies(t)
		maps.DeleteFunc(left, func(_ int, p uint32) bool { return p == unix.SCHED_BATCH })
		if len(left) == 0 {
			return
		}
	}
	t.Errorf("%v", policies(t))
}

func TestAThreadThatIsGone(t *testing.T) {
	if _, err := schedule(1<<30, Batch); !errors.Is(err, unix.ESRCH) {
		t.Errorf("%v", err)
	}
}

// The whole of it, on this machine: what it reads can be read, and the threads are
// what the watch says.
func TestTheWatchOnThisKernel(t *testing.T) {
	asBefore(t)
	own, stat := ofSystem()
	var text bytes.Buffer
	w := &Watch{log: slog.New(slog.NewTextHandler(&text, nil)), threads: own, stat: stat}
	try(t, own.scheduleAll(Normal))
	if all, err := w.times(); err != nil || len(all) < 1 || len(all) > 8192 {
		t.Fatalf("%v %v", all, err)
	}
	load := &clock{percents: both(0, 10, 90, 90, 90, 90, 90)}
	w.stat = load.stat
	var got []Policy
	for on := w.begin(); on; on = len(load.percents) > 0 && w.look() {
		want := uint32(unix.SCHED_NORMAL)
		if w.Batch() {
			want = unix.SCHED_BATCH
		}
		for number, p := range policies(t) {
			if p != want {
				t.Errorf("thread %d has policy %d, the watch says %d", number, p, want)
			}
		}
		got = append(got, w.policy())
	}
	if want := []Policy{Batch, Normal, Normal, Normal, Normal, Normal, Batch}; !slices.Equal(got, want) || text.Len() > 0 {
		t.Errorf("%v, want %v: %s", got, want, &text)
	}
	var inside uint32
	w.AsStarted(func() { inside = attributes(t, 0).Policy })
	if inside != unix.SCHED_NORMAL {
		t.Errorf("what starts within has policy %d", inside)
	}
	for number, p := range policies(t) {
		if p != unix.SCHED_BATCH {
			t.Errorf("afterwards thread %d has policy %d", number, p)
		}
	}
}

// Start and its end, by the real clock; what it decides is the machine's affair.
func TestStart(t *testing.T) {
	asBefore(t)
	var text bytes.Buffer
	w := Start(t.Context(), slog.New(slog.NewTextHandler(&text, nil)))
	if w == nil || !w.Batch() {
		if attr, err := unix.SchedGetAttr(0, 0); err == nil {
			try(t, unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_BATCH, Nice: attr.Nice}, 0))
		}
		t.Fatalf("not scheduled: %s", &text)
	}
	if w.Changes() != 0 {
		t.Errorf("%d changes", w.Changes())
	}
}
