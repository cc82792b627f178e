//go:build linux

package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair is a Socket and who is on its other side.
func pair(t *testing.T) (*Socket, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSocket(c.(*net.TCPConn), NewSweeper())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = s.Close(), far.Close() })
	return s, far.(*net.TCPConn)
}

func send(t *testing.T, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// within answers what comes of a channel, which must not be long.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("never: %s", what)
		panic("unreachable")
	}
}

// turns is a Turner that takes everything and calls do.
type turns struct {
	in *Input
	do func(text string) bool
}

func (r turns) Turn() bool {
	text := string(r.in.Bytes())
	r.in.Take(r.in.Len())
	return r.do(text)
}

// readTurns runs ReadTurns, and says how it ended.
func readTurns(s *Socket, do func(string) bool) <-chan error {
	ended := make(chan error, 1)
	in := &Input{}
	go func() { ended <- s.ReadTurns(in, turns{in, do}) }()
	return ended
}

// arrived waits until so many bytes lie in the kernel unread.
func arrived(t *testing.T, s *Socket, want int) {
	t.Helper()
	b := make([]byte, want)
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		n := 0
		if err := s.raw.Control(func(fd uintptr) {
			n, _, _ = syscall.Recvfrom(int(fd), b, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}); err != nil {
			t.Fatal(err)
		}
		if n == want {
			return
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%d bytes of %d arrive", n, want)
		}
	}
}

// What comes while a turn lasts, whose event comes before the wait begins, is
// read all the same.
func TestNothingIsLostBetweenTurns(t *testing.T) {
	s, far := pair(t)
	got, goOn := make(chan string), make(chan bool)
	ended := readTurns(s, func(text string) bool { got <- text; return <-goOn })
	send(t, far, "first")
	for i := range 300 {
		if text := within(t, "a turn", got); text != "first" && text != "next" {
			t.Fatalf("turn %d: %q", i, text)
		}
		if i%3 != 0 { // before the wait, or else in it
			send(t, far, "next")
			arrived(t, s, len("next"))
			if i%3 == 2 { // the runtime has seen the event
				time.Sleep(2 * time.Millisecond)
			}
		}
		goOn <- true
		if i%3 == 0 {
			send(t, far, "next")
		}
	}
	within(t, "a turn", got)
	goOn <- false
	if err := within(t, "the end", ended); err != nil {
		t.Errorf("ended with %v by itself", err)
	}
}

// A read that fills the buffer's room to the last byte says nothing of what is
// behind it.
func TestTurnsGoOnBehindAFullBuffer(t *testing.T) {
	s, far := pair(t)
	const long = 2*inputSize + 100
	n := 0
	got, goOn, all := make(chan string), make(chan bool), make(chan bool)
	ended := readTurns(s, func(text string) bool {
		if text == "keep" || text == "hold" {
			got <- text
			return <-goOn
		}
		if n += len(text); n == long {
			close(all)
		}
		return true
	})
	for range 2 {
		send(t, far, "keep")
		within(t, "a turn", got)
		goOn <- true
		time.Sleep(20 * time.Millisecond) // the wait has begun
	}
	send(t, far, "hold")
	within(t, "a turn", got)
	send(t, far, strings.Repeat("x", long))
	arrived(t, s, long)
	goOn <- true
	within(t, "every byte", all)
	_ = far.CloseWrite()
	if err := within(t, "the end", ended); err != io.EOF {
		t.Errorf("ended with %v", err)
	}
}

// An end that came in one packet with the first message is seen at once: no
// Sweeper runs here.
func TestEndWithTheFirstMessage(t *testing.T) {
	for _, waits := range []bool{false, true} {
		s, far := pair(t)
		s.sweeper.remove(s)
		var ended <-chan error
		read := func() { ended = readTurns(s, func(string) bool { return true }) }
		if waits {
			read()
			time.Sleep(20 * time.Millisecond)
		}
		cork(t, far)
		send(t, far, "all I have to say")
		_ = far.CloseWrite()
		if !waits {
			arrived(t, s, len("all I have to say"))
			read()
		}
		if err := within(t, "the end", ended); err != io.EOF {
			t.Errorf("ended with %v", err)
		}
	}
}

// cork lets what is sent wait for the end.
func cork(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, 1) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An end that came together with a later message has no event of its own. The
// Sweeper finds it.
func TestEndWithALaterMessage(t *testing.T) {
	s, far := pair(t)
	got, goOn := make(chan string), make(chan bool)
	ended := readTurns(s, func(text string) bool { got <- text; return <-goOn })
	for range 2 {
		send(t, far, "keep")
		within(t, "a turn", got)
		goOn <- true
		time.Sleep(20 * time.Millisecond) // the wait has begun
	}
	send(t, far, "hold")
	within(t, "a turn", got)
	cork(t, far)
	send(t, far, "last")
	_ = far.CloseWrite()
	arrived(t, s, len("last"))
	goOn <- true
	if text := within(t, "the last turn", got); text != "last" {
		t.Fatal(text)
	}
	goOn <- true
	if err := within(t, "the end", ended); err != io.EOF {
		t.Errorf("ended with %v", err)
	}
}

// Deadlines end a wait that began without a look.
func TestDeadlineBetweenTurns(t *testing.T) {
	s, far := pair(t)
	got := make(chan string, 1)
	ended := readTurns(s, func(text string) bool {
		s.DueRead(30 * time.Millisecond)
		got <- text
		return true
	})
	for range 2 {
		send(t, far, "keep")
		within(t, "a turn", got)
	}
	if err := within(t, "the end", ended); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}

// A read within a turn would wait for itself for ever.
func TestReadWithinATurn(t *testing.T) {
	s, far := pair(t)
	read := make(chan error, 1)
	ended := readTurns(s, func(string) bool {
		_, err := s.Read(make([]byte, 10))
		read <- err
		return false
	})
	send(t, far, "read me")
	if err := within(t, "a read that fails", read); err != errNested {
		t.Errorf("read: %v", err)
	}
	within(t, "the end", ended)
	send(t, far, "again")
	b := make([]byte, 10)
	if n, err := s.Read(b); err != nil || string(b[:n]) != "again" {
		t.Errorf("read %q, %v after the turns", b[:n], err)
	}
}

// Who leaves the Sweeper, and in which order, is nothing to the others.
func TestSweeperKeepsTheOthers(t *testing.T) {
	w := NewSweeper()
	var socks []*Socket
	for range 5 {
		s, _ := pair(t)
		s.sweeper.remove(s)
		s.sweeper = w
		w.add(s)
		socks = append(socks, s)
	}
	for _, i := range []int{4, 1, 0} { // the last, one between, the first
		_ = socks[i].Close()
		w.remove(socks[i]) // again
	}
	w.mu.Lock()
	for i, s := range w.set {
		if int(s.at) != i {
			t.Errorf("at %d stands who thinks to be at %d", i, s.at)
		}
	}
	if len(w.set) != 2 {
		t.Errorf("%d are left", len(w.set))
	}
	w.mu.Unlock()
	for _, i := range []int{2, 3} {
		socks[i].DueRead(time.Millisecond)
		if _, err := socks[i].Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// A Sweeper looks as often as the shortest time asks for, and not more often.
func TestSweeperLooksAsOftenAsNeeded(t *testing.T) {
	w := NewSweeper()
	for _, c := range []struct {
		ask     time.Duration
		sockets int
		want    time.Duration
	}{
		{0, 1, maxSweep},
		{75 * time.Second, 1, maxSweep},
		{500 * time.Millisecond, 1, 50 * time.Millisecond},
		{10 * time.Second, 1, 50 * time.Millisecond}, // the shortest counts
		{50 * time.Millisecond, 1, minSweep},
		{time.Millisecond, 100_000, 100_000 * perSocket},
	} {
		due := w.in(c.ask)
		if c.ask > 0 && due <= c.ask.Milliseconds() {
			t.Errorf("%s: due at %d ms, which may be too early", c.ask, due)
		}
		if got := w.between(c.sockets); got != c.want {
			t.Errorf("%s, %d sockets: a look each %s, want %s", c.ask, c.sockets, got, c.want)
		}
	}
	if w.in(0) != 0 {
		t.Error("no bound is one")
	}
}

// A time can be asked for while a sweep is under way, by whoever it calls too.
func TestSweeperIsAskedWithinASweep(t *testing.T) {
	w := NewSweeper()
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := make(chan error, 1)
	go func() {
		w.in(30 * time.Millisecond)
		asked <- nil
	}()
	if err := within(t, "a time asked for", asked); err != nil {
		t.Error(err)
	}
}
