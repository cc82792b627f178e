//go:build linux

package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newLane is one that ends with the test.
func newLane(t *testing.T, tick func(time.Duration)) (*Lane, *Sweeper) {
	t.Helper()
	w := NewSweeper()
	if tick == nil {
		tick = func(time.Duration) {}
	}
	l, err := NewLane(w, 20*time.Millisecond, tick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l, w
}

// inLane runs f in the lane and waits for it.
func inLane(t *testing.T, l *Lane, f func()) {
	t.Helper()
	done := make(chan struct{})
	if err := l.Post(func() { defer close(done); f() }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("what was posted does not run")
	}
}

// loopback is two ends of a connection, the second a descriptor for a Lane.
func loopback(t *testing.T, w *Sweeper) (*net.TCPConn, int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	o, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSocket(o.(*net.TCPConn), w)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := s.Detach()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), fd
}

// echo sends back what comes, and counts.
type echo struct {
	*Ride
	buf  [64]byte
	seen atomic.Int64
	over chan error // gets why it ended
}

func (e *echo) Ready() {
	e.seen.Add(1)
	for {
		n, wait, err := e.Read(e.buf[:])
		if wait {
			return
		}
		if err != nil {
			e.Close()
			e.over <- err
			return
		}
		if k, err := e.Write(e.buf[:n]); err != nil || k < n {
			panic("no room for an echo")
		}
	}
}

func board(t *testing.T, l *Lane, fd int) *echo {
	t.Helper()
	e := &echo{over: make(chan error, 1)}
	inLane(t, l, func() {
		var err error
		if e.Ride, err = l.Board(fd, e); err != nil {
			t.Error(err)
		}
	})
	return e
}

// No event may be lost, however many come while the lane goes to sleep.
func TestALaneMissesNothing(t *testing.T) {
	l, w := newLane(t, nil)
	var all sync.WaitGroup
	for range 16 {
		c, fd := loopback(t, w)
		e := board(t, l, fd)
		all.Go(func() {
			b := make([]byte, 8)
			for i := range 300 {
				want := bytes.Repeat([]byte{byte(i)}, 1+i%8)
				if _, err := c.Write(want); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(c, b[:len(want)]); err != nil || !bytes.Equal(b[:len(want)], want) {
					t.Errorf("echo %d: %v", i, err)
					return
				}
			}
			_ = c.CloseWrite()
			if err := <-e.over; err != io.EOF {
				t.Error(err)
			}
		})
	}
	for range 4 {
		all.Go(func() {
			for range 300 {
				inLane(t, l, func() {})
			}
		})
	}
	all.Wait()
	inLane(t, l, func() {
		if l.count != 0 || len(l.free) != len(l.rides) {
			t.Errorf("%d rides left, %d of %d places free", l.count, len(l.free), len(l.rides))
		}
	})
}

// What came before a connection boarded is told too, an end among it.
func TestALaneTellsWhatWasThere(t *testing.T) {
	l, w := newLane(t, nil)
	c, fd := loopback(t, w)
	_, _ = io.WriteString(c, "early")
	_ = c.CloseWrite()
	time.Sleep(20 * time.Millisecond)
	e := board(t, l, fd)
	if b, err := io.ReadAll(c); err != nil || string(b) != "early" {
		t.Errorf("%q %v", b, err)
	}
	if err := <-e.over; err != io.EOF || !e.Ended {
		t.Errorf("%v, ended: %v", err, e.Ended)
	}
}

// Ticks come while there are connections, whether they are busy or not.
func TestALaneTicks(t *testing.T) {
	var ticks atomic.Int64
	l, w := newLane(t, func(time.Duration) { ticks.Add(1) })
	time.Sleep(100 * time.Millisecond)
	if n := ticks.Load(); n != 0 {
		t.Errorf("%d ticks for nobody", n)
	}
	c, fd := loopback(t, w)
	e := board(t, l, fd)
	for begun := time.Now(); ticks.Load() < 5; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it does not tick")
		}
		_, _ = c.Write([]byte("."))
	}
	had := ticks.Load()
	for begun := time.Now(); ticks.Load() < had+5; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it does not tick at rest")
		}
	}
	inLane(t, l, e.Close)
	time.Sleep(60 * time.Millisecond)
	had = ticks.Load()
	inLane(t, l, func() {}) // it still runs
	time.Sleep(100 * time.Millisecond)
	if n := ticks.Load(); n > had+1 {
		t.Errorf("%d ticks more, for nobody", n-had)
	}
}

// A place that is used again does not get the events of who had it before.
func TestPlacesAreUsedAgain(t *testing.T) {
	l, w := newLane(t, nil)
	c1, fd1 := loopback(t, w)
	c2, fd2 := loopback(t, w)
	old := board(t, l, fd1)
	inLane(t, l, func() {
		_, _ = io.WriteString(c1, "for the first")
		ev := unix.EpollEvent{Fd: int32(old.at), Pad: int32(old.gen)} //nolint:gosec // as in Board
		if l.of(&ev) != old.Ride {
			t.Error("its event is not its own")
		}
		old.Close()
		e := &echo{over: make(chan error, 1)}
		var err error
		if e.Ride, err = l.Board(fd2, e); err != nil || e.at != old.at {
			t.Errorf("at %d, want %d: %v", e.at, old.at, err)
		}
		if l.of(&ev) != nil {
			t.Error("an event of the first one reached the second")
		}
	})
	if _, err := io.WriteString(c2, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c2, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestWhatEndedTakesNothing(t *testing.T) {
	w := NewSweeper()
	l, err := NewLane(w, time.Second, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	c, fd := loopback(t, w)
	board(t, l, fd)
	l.Stop()
	if err := l.Post(func() {}); !errors.Is(err, ErrEnded) {
		t.Errorf("%v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("its connection stays open")
	}
}

// A Socket that is detached and attached again is the same connection, with deadlines
// and all, and its Owner hears of one end only.
func TestDetachAndAttach(t *testing.T) {
	w := NewSweeper()
	c, fd := loopback(t, w)
	own := &counted{}
	for range 3 {
		s, err := Attach(fd, w)
		if err != nil {
			t.Fatal(err)
		}
		s.Owner = own
		if got, want := s.RemoteAddr().String(), c.LocalAddr().String(); got != want {
			t.Errorf("remote address %s, want %s", got, want)
		}
		if got, want := s.LocalAddr().String(), c.RemoteAddr().String(); got != want {
			t.Errorf("local address %s, want %s", got, want)
		}
		_, _ = io.WriteString(c, "ping")
		b := make([]byte, 4)
		if _, err := io.ReadFull(s, b); err != nil || string(b) != "ping" {
			t.Errorf("%q %v", b, err)
		}
		if _, err := s.Write(b); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(c, b); err != nil {
			t.Error(err)
		}
		if fd, err = s.Detach(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Detach(); err == nil {
			t.Error("it was detached twice")
		}
		if _, err := s.Read(b); err == nil {
			t.Error("it still reads")
		}
	}
	s, err := Attach(fd, w)
	if err != nil {
		t.Fatal(err)
	}
	s.Owner = own
	s.DueRead(50 * time.Millisecond)
	if _, err := s.Read(make([]byte, 1)); err == nil || !s.Late() {
		t.Errorf("no deadline: %v", err)
	}
	if _, err := s.Detach(); err == nil {
		t.Error("what is late was detached")
	}
	if err := s.SetLinger(0); err != nil {
		t.Error(err)
	}
	_ = s.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
	if n := own.closed.Load(); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}

type counted struct{ closed atomic.Int64 }

func (*counted) Gone()     {}
func (c *counted) Closed() { c.closed.Add(1) }
