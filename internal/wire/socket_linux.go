package wire

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// Read implements io.Reader.
func (s *Socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.rd.inside { // it would wait for itself
		return 0, errNested
	}
	s.rd.buf, s.rd.stage = p, plain
	return s.awaitRead()
}

// ReadTurns reads into in, which takes a buffer only when there is something to
// read: an idle connection holds none. t takes all of what came and says whether
// to wait for more. ReadTurns answers nil when it does not, and in may then hold
// something. t runs within the reading, and so must not read. That is the gain:
// what comes during a turn is an event that is not lost, so that the wait for the
// next request begins without a system call to see whether it has come already.
func (s *Socket) ReadTurns(in *Input, t Turner) error {
	s.rd.lend, s.rd.turner, s.rd.stage = in, t, turning
	_, err := s.awaitRead()
	s.rd.lend, s.rd.turner = nil, nil
	return err
}

// Exchange sends a request whole and reads the first bytes of what comes back
// into in, which must be empty. A connection that was used before is first
// looked at: one that has ended, or on which something came unasked, answers
// ErrStale or ErrPoisoned with nothing sent. sent tells whether the request may
// have reached the other side.
func (s *Socket) Exchange(request []byte, in *Input, used bool) (sent bool, err error) {
	in.hold()
	d := s.writing()
	s.rd.buf, d.send, d.sent = in.buf, request, 0
	s.rd.stage = sending
	if used {
		s.rd.stage = probing
	}
	n, err := s.awaitRead()
	sent = d.sent > 0
	if err == nil && s.rd.stage != waiting { // the kernel's buffer was full: send the rest first
		rest := request[d.sent:]
		d.send = nil
		if _, err = s.Write(rest); err == nil {
			n, err = s.Read(in.buf)
		}
		sent = true
	}
	d.send = nil
	in.w = n
	return sent, err
}

// Quiet looks, without waiting, whether an idle connection still stands and
// nothing came on it: nil, ErrStale or ErrPoisoned.
func (s *Socket) Quiet() error {
	var n int
	var errno syscall.Errno
	err := s.raw.Control(func(fd uintptr) {
		var b [1]byte
		r, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		n, errno = int(r), e //nolint:gosec // a length
	})
	if err != nil {
		return ErrStale
	}
	return quiet(n, errno)
}

// quiet is what a look says.
func quiet(n int, errno syscall.Errno) error {
	switch {
	case errno == syscall.EAGAIN:
		return nil
	case errno == 0 && n > 0:
		return ErrPoisoned
	}
	return ErrStale
}

func (s *Socket) awaitRead() (int, error) {
	s.rd.n, s.rd.err = 0, nil
	if s.late.Load() { // what comes after a shutdown would still be read
		return 0, os.ErrDeadlineExceeded
	}
	err := s.raw.Read(s.rd.call)
	s.rd.buf = nil
	if err == nil {
		err = s.rd.err
	}
	if err != nil {
		return 0, s.reason(err)
	}
	return s.rd.n, nil
}

// readStep runs whenever the connection may be readable; false waits on.
func (s *Socket) readStep(fd uintptr) bool {
	d := &s.rd
	switch d.stage {
	case turning:
		return s.turns(fd)
	case probing:
		n, errno := sysRead(fd, d.buf)
		switch {
		case errno == syscall.EAGAIN:
		case errno == 0 && n > 0:
			d.err = ErrPoisoned
			return true
		default:
			d.err = ErrStale
			return true
		}
		d.stage = sending
		fallthrough
	case sending:
		for w := s.wr; w.sent < len(w.send); {
			n, errno := sysWrite(fd, w.send[w.sent:])
			if errno == syscall.EAGAIN {
				return true
			}
			if errno != 0 {
				d.err = errno
				return true
			}
			w.sent += n
		}
		// What comes back wakes the poller, which was armed before: no look is
		// needed until then.
		d.stage = waiting
		return false
	}
	n, errno := sysRead(fd, d.buf)
	if errno == syscall.EAGAIN {
		return false
	}
	switch {
	case errno != 0:
		d.err = errno
	case n == 0:
		d.err = io.EOF
	default:
		d.n = n
	}
	return true
}

// turns is readStep for ReadTurns.
func (s *Socket) turns(fd uintptr) bool {
	d := &s.rd
	for {
		if s.late.Load() {
			d.err = os.ErrDeadlineExceeded
			return true
		}
		d.lend.hold()
		room := d.lend.buf[d.lend.w:]
		n, errno := sysRead(fd, room)
		switch {
		case errno == syscall.EAGAIN:
			d.settled = d.turned
			d.lend.Release()
			return false
		case errno != 0:
			d.err = errno
			return true
		case n == 0:
			d.err = io.EOF
			return true
		}
		d.lend.w += n
		d.inside, d.fd = true, fd
		goOn := d.turner.Turn()
		d.inside, d.turned = false, true
		if !goOn {
			return true
		}
		// A read that left room has emptied the connection, and what came since is
		// an event of its own. But an end that came with the data is none: after the
		// first turn, where many clients end their half, it is looked for at once,
		// and later on by the Sweeper.
		if d.settled && n < len(room) {
			d.lend.Release()
			s.restDue.Store(s.sweeper.now.Load() + lookEvery)
			return false
		}
	}
}

// Write implements io.Writer.
func (s *Socket) Write(p []byte) (int, error) {
	done := 0
	if s.rd.inside { // which keeps the descriptor open: no need to ask for it
		if n, errno := sysWrite(s.rd.fd, p); errno == 0 {
			if n == len(p) {
				return n, nil
			}
			done = n
		}
	}
	d := s.writing()
	d.buf, d.n, d.err = p, done, nil
	err := s.raw.Write(d.call)
	d.buf = nil
	if d.waited {
		d.waited = false
		s.writeDue.Store(0)
	}
	if err == nil {
		err = d.err
	}
	if err != nil {
		return d.n, s.reason(err)
	}
	return d.n, nil
}

func (s *Socket) writing() *writing {
	if s.wr == nil {
		s.wr = &writing{call: s.writeStep}
	}
	return s.wr
}

func (s *Socket) writeStep(fd uintptr) bool {
	d := s.wr
	for d.n < len(d.buf) {
		n, errno := sysWrite(fd, d.buf[d.n:])
		if errno == syscall.EAGAIN {
			d.waited = true
			s.writeDue.Store(s.sweeper.in(s.Stall))
			return false
		}
		if errno != 0 {
			d.err = errno
			return true
		}
		d.n += n
	}
	return true
}
