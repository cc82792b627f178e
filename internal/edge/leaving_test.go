//go:build linux

package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// unreachable is an origin that answers no attempt to connect: its queue is full.
func unreachable(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
	for range 8 {
		c, err := net.DialTimeout("tcp", addr, 500*time.Millisecond)
		if err != nil {
			return "http://" + addr
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
	s, transport := startTLS(t, unreachable(t), nobody{})
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
