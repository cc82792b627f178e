//go:build linux

package origin

import (
	"context"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Where there is no descriptor to be had an idle connection stays as good as it was.
func TestReleaseWithoutDescriptors(t *testing.T) {
	const child = "TL_TEST_EXHAUSTED"
	if os.Getenv(child) == "" {
		c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		c.Env = append(os.Environ(), child+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	st := &site.Site{Name: "shop", Origin: "http://" + ln.Addr().String()}
	set, err := Open(st, Options{}, wire.NewSweeper())
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	p := set.Pool("")
	var cs []*Conn
	for range 5 {
		c, err := p.Get(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	for _, c := range cs {
		c.Put()
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Near().Release(); !ok {
		if n := p.Idle(); n != 5 {
			t.Errorf("%d of 5 idle connections are left", n)
		}
	}
}
