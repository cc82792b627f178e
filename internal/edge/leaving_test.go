package edge

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// unanswering is an address to which connecting takes for ever: its queue is full,
// and nobody accepts.
func unanswering(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(sa.(*syscall.SockaddrInet4).Port))
	for range 16 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue is never full")
	return ""
}

// A visitor who leaves while the origin is being connected to is gone; the origin
// has not failed.
func TestAVisitorLeavesBeforeTheOriginIsThere(t *testing.T) {
	t.Parallel()
	s, transport := startTLS(t, "http://"+unanswering(t), nobody{})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := transport.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	eventually(t, "the origin is being connected to", func() bool { return s.Counters().Active == 1 })
	time.Sleep(20 * time.Millisecond)
	cancel()
	<-ended
	eventually(t, "the exchange ends", func() bool { return s.Counters().Active == 0 })
	if c := s.Counters(); c.ClientGone != 1 || len(c.OriginErrors) != 0 {
		t.Errorf("%d gone, errors %v", c.ClientGone, c.OriginErrors)
	}
}
