package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// policiesOf counts the threads of a process by their policy.
func policiesOf(t *testing.T, pid int) map[uint32]int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	out := map[uint32]int{}
	for _, e := range entries {
		thread, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if attr, err := unix.SchedGetAttr(thread, 0); err == nil { // else it has ended
			out[attr.Policy]++
		}
	}
	return out
}

// TestScheduling holds the threads of a running server to what its metrics say. Its
// successor, told to leave scheduling alone, has it as the first was started.
func TestScheduling(t *testing.T) {
	own, err := unix.SchedGetAttr(os.Getpid(), 0)
	if err != nil || own.Policy != unix.SCHED_NORMAL {
		t.Fatalf("the tests are to be run as SCHED_OTHER: %+v %v", own, err)
	}
	s, admin := newServer(t, shopOrigin(t).URL), freeAddress(t)
	config := filepath.Join(s.dir, "throughline.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	with := func(scheduling string) {
		write(t, config, strings.Replace(string(text), `admin: ""`, fmt.Sprintf("admin: %q\nscheduling: %s", admin, scheduling), 1))
	}
	with("auto")
	g := startSucceeding(t, s)
	batch := regexp.MustCompile(`(?m)^throughline_scheduling_batch ([01])$`)
	said := func() string {
		t.Helper()
		m := batch.FindStringSubmatch(metrics(t, admin))
		if m == nil {
			t.Fatal("the metrics do not say")
		}
		return m[1]
	}
	if strings.Contains(g.text(), "operation not permitted") {
		t.Skipf("the kernel does not let us: %s", g.text())
	}
	for _, line := range []string{"scheduling is left as it is", "times can't be told"} {
		if strings.Contains(g.text(), line) {
			t.Fatal(g.text())
		}
	}
	var before, after string
	var threads map[uint32]int
	eventually(t, "the threads are scheduled as the metrics say", func() bool {
		before, threads, after = said(), policiesOf(t, s.cmd.Process.Pid), said()
		want := map[string]uint32{"0": unix.SCHED_NORMAL, "1": unix.SCHED_BATCH}[before]
		return before == after && len(threads) == 1 && threads[want] > 1
	})

	with("system")
	mustTool(t, "", "restart", "--data", s.data)
	pids := g.pids()
	if len(pids) != 1 {
		t.Fatalf("successors %v\n%s", pids, g.text())
	}
	if got := policiesOf(t, pids[0]); len(got) != 1 || got[unix.SCHED_NORMAL] < 2 {
		t.Errorf("threads of the successor by policy: %v", got)
	}
	if got := said(); got != "0" {
		t.Errorf("the successor says %s", got)
	}
}
