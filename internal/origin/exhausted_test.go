package origin

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// elsewhere runs the test in a process of its own, and tells whether this is it: a limit
// on descriptors holds for a process.
func elsewhere(t *testing.T) bool {
	t.Helper()
	const child = "TL_TEST_EXHAUSTED"
	if os.Getenv(child) != "" {
		return true
	}
	c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), child+"=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// exhaust lets the process open no other descriptor.
func exhaust(t *testing.T) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
}

// Without descriptors of our own no host is to blame: none is taken out, and no
// other is tried.
func TestExhaustionIsNoHostsFault(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	st := &site.Site{Name: "shop", Origin: "http://" + ln.Addr().String(), Addresses: []string{ln.Addr().String(), "127.0.0.2:1"}}
	set, err := Open(st, Options{MaxFails: 1}, wire.NewSweeper())
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	exhaust(t)
	for range 5 {
		if _, err := set.Pool("").Get(context.Background()); !Exhausted(err) {
			t.Errorf("%v", err)
		}
	}
	for _, e := range set.Pool("").Endpoints() {
		if !e.Up || e.Failures != 0 {
			t.Errorf("%+v", e)
		}
	}
	if Exhausted(fmt.Errorf("dial: %w", syscall.ECONNREFUSED)) {
		t.Error("a refusal is the host's")
	}
}
