package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// withMetrics gives the server a page of metrics and more lines of configuration.
func (s *server) withMetrics(t *testing.T, origin, more string) (admin string) {
	t.Helper()
	admin = freeAddress(t)
	write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\nadmin: %q\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\n%s"+
		"sites: [{name: shop, hosts: [\"*\"], origin: %q}]\n", admin, more, origin))
	return admin
}

// gauge reads one line of the metrics.
func gauge(t *testing.T, admin, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` ([0-9.e+]+)$`).FindStringSubmatch(metrics(t, admin))
	if m == nil {
		return -1
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(f)
}

// descriptors counts what the process has open.
func (s *server) descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	return len(list)
}

// allowDescriptors changes the limit of the running process.
func (s *server) allowDescriptors(t *testing.T, n int) {
	t.Helper()
	limit := syscall.Rlimit{Cur: uint64(n), Max: 20_000}
	var old syscall.Rlimit
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(s.cmd.Process.Pid), syscall.RLIMIT_NOFILE, 0, uintptr(unsafe.Pointer(&old)), 0, 0); errno == 0 {
		limit.Max = old.Max
	}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(s.cmd.Process.Pid), syscall.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0); errno != 0 {
		t.Skip("the limit can't be changed here: ", errno)
	}
}

// visitor is a connection on which requests are made by hand.
type visitor struct {
	net.Conn
	r *bufio.Reader
}

func newVisitor(t *testing.T, s *server) *visitor {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.site, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &visitor{c, bufio.NewReader(c)}
}

// ask returns the status, 0 if there is none within the time.
func (v *visitor) ask(within time.Duration) int {
	_ = v.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(v, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(v.r, nil)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}

// TestNoDescriptorLeft takes the descriptors away while it serves: whoever is there
// gets a 503, the metrics name the reason, and once there are some again everything
// goes on, with nothing left over.
func TestNoDescriptorLeft(t *testing.T) {
	origin := shopOrigin(t).URL
	s := newServer(t, origin)
	admin := s.withMetrics(t, origin, "")
	s.start(t)
	eventually(t, "the metrics are there", func() bool { return gauge(t, admin, "throughline_connections") >= 0 })
	const n = 20
	var there []*visitor
	for range n {
		there = append(there, newVisitor(t, s))
	}
	eventually(t, "all are accepted", func() bool { return gauge(t, admin, "throughline_connections") == n })
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	s.allowDescriptors(t, 3) // less than it has: none can be added
	for i, v := range there {
		if got := v.ask(10 * time.Second); got != http.StatusServiceUnavailable {
			t.Errorf("visitor %d: %d", i, got)
		}
	}
	late := newVisitor(t, s) // waits in the kernel's queue
	if got := late.ask(500 * time.Millisecond); got != 0 {
		t.Errorf("one who could not be accepted got %d", got)
	}
	s.allowDescriptors(t, 20_000)
	there = append(there, newVisitor(t, s))
	for i, v := range there {
		if got := v.ask(10 * time.Second); got != http.StatusOK {
			t.Errorf("visitor %d, when there are descriptors again: %d", i, got)
		}
	}
	if got := gauge(t, admin, `throughline_origin_errors_total{kind="exhausted"}`); got != n {
		t.Errorf("%d counted as exhausted, want %d", got, n)
	}
	if got := gauge(t, admin, `throughline_refused_total{reason="accept"}`); got < 1 {
		t.Errorf("%d failures of accept are counted", got)
	}
	for _, v := range append(there, late) {
		_ = v.Close()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	eventually(t, "no connection is left", func() bool { return gauge(t, admin, "throughline_connections") == 0 })
}

// TestFewDescriptors starts with few: visitors beyond are told at once instead of
// left waiting, and none of those within fails.
func TestFewDescriptors(t *testing.T) {
	origin := shopOrigin(t).URL
	s := newServer(t, origin)
	admin := s.withMetrics(t, origin, "")
	const files = 400
	s.files = files
	s.start(t)
	room := visitorsWithin(files)
	eventually(t, "the metrics are there", func() bool { return gauge(t, admin, "throughline_connections") >= 0 })
	before := s.descriptors(t)
	got := map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	release := make(chan struct{})
	// All are there at once, but few ask at once: each that does needs a connection to
	// the origin for as long as it takes, and for those a third is left.
	asking := make(chan struct{}, 32)
	for range room + 50 {
		v := newVisitor(t, s)
		all.Go(func() {
			asking <- struct{}{}
			status := v.ask(20 * time.Second)
			<-asking
			mu.Lock()
			got[status]++
			mu.Unlock()
			<-release
			_ = v.Close()
		})
	}
	eventually(t, "everybody is answered", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return got[0]+got[200]+got[503] == room+50
	})
	if got[503] != 50 || got[200] != room {
		t.Errorf("answered %v; want %d times 200 and 50 times 503", got, room)
	}
	close(release)
	all.Wait()
	eventually(t, "no connection is left", func() bool { return gauge(t, admin, "throughline_connections") == 0 })
	if n := gauge(t, admin, `throughline_refused_total{reason="over_limit"}`); n != 50 {
		t.Errorf("%d counted as over the limit", n)
	}
	// What stays are idle connections to the origin, which are bounded.
	if after := s.descriptors(t); after > before+256+8 {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}

// TestTenThousandIdleVisitors keeps their connections while others are served: no
// request fails, and each of them is served in the end.
func TestTenThousandIdleVisitors(t *testing.T) {
	want := 10_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if room := min(visitorsWithin(limit.Cur)-200, int(limit.Cur)-1000); room < want { //nolint:gosec // a limit
		t.Logf("the limit on open files, %d, allows %d instead of %d", limit.Cur, room, want)
		want = room
	}
	origin := shopOrigin(t).URL
	s := newServer(t, origin)
	admin := s.withMetrics(t, origin, "limits: {idle_timeout: 10m}\n")
	s.start(t)
	idle := make([]*visitor, want)
	var all sync.WaitGroup
	var mu sync.Mutex
	failed := map[string]int{}
	fail := func(what string, status int) {
		mu.Lock()
		failed[fmt.Sprint(what, " got ", status)]++
		mu.Unlock()
	}
	askAll := func(what string) {
		for k := range 8 {
			all.Go(func() {
				for i := k; i < want; i += 8 {
					if got := idle[i].ask(20 * time.Second); got != 200 {
						fail(what, got)
					}
				}
			})
		}
	}
	for i := range idle {
		idle[i] = newVisitor(t, s)
	}
	askAll("a new visitor")
	all.Wait()
	if n := gauge(t, admin, "throughline_connections"); n < want {
		t.Errorf("%d connections are open, want %d", n, want)
	}
	for range 32 { // the load beside them
		v := newVisitor(t, s)
		all.Go(func() {
			for range 300 {
				if got := v.ask(20 * time.Second); got != 200 {
					fail("one under load", got)
				}
			}
		})
	}
	askAll("one who was idle")
	all.Wait()
	if len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	for _, v := range idle {
		_ = v.Close()
	}
	eventually(t, "their connections are closed", func() bool { return gauge(t, admin, "throughline_connections") <= 32 })
}
