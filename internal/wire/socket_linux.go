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
	s.rd.buf, s.rd.stage = p, plain
	return s.awaitRead()
}

// ReadLazily reads into in, which takes a buffer only when there is something to
// read: an idle connection holds none.
func (s *Socket) ReadLazily(in *Input) error {
	s.rd.lend, s.rd.stage = in, plain
	n, err := s.awaitRead()
	s.rd.lend = nil
	in.w += n
	return err
}

// Exchange sends a request whole and reads the first bytes of what comes back
// into in, which must be empty. A connection that was used before is first
// looked at: one that has ended, or on which something came unasked, answers
// ErrStale or ErrPoisoned with nothing sent. sent tells whether the request may
// have reached the other side.
func (s *Socket) Exchange(request []byte, in *Input, used bool) (sent bool, err error) {
	in.hold()
	s.rd.buf, s.rd.send, s.rd.sent = in.buf, request, 0
	s.rd.stage = sending
	if used {
		s.rd.stage = probing
	}
	n, err := s.awaitRead()
	sent = s.rd.sent > 0
	if err == nil && s.rd.stage != waiting { // the kernel's buffer was full: send the rest first
		rest := request[s.rd.sent:]
		s.rd.send = nil
		if _, err = s.Write(rest); err == nil {
			n, err = s.Read(in.buf)
		}
		sent = true
	}
	s.rd.send = nil
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
	switch {
	case err == nil && errno == syscall.EAGAIN:
		return nil
	case err == nil && errno == 0 && n > 0:
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
	if s.rd.lend == nil {
		s.rd.buf = nil
	}
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
		for d.sent < len(d.send) {
			n, errno := sysWrite(fd, d.send[d.sent:])
			if errno == syscall.EAGAIN {
				return true
			}
			if errno != 0 {
				d.err = errno
				return true
			}
			d.sent += n
		}
		// What comes back wakes the poller, which was armed before: no look is
		// needed until then.
		d.stage = waiting
		return false
	}
	if d.lend != nil {
		d.lend.hold()
		d.buf = d.lend.buf[d.lend.w:]
	}
	n, errno := sysRead(fd, d.buf)
	if errno == syscall.EAGAIN {
		if d.lend != nil {
			d.buf = nil
			d.lend.Release()
		}
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

// Write implements io.Writer.
func (s *Socket) Write(p []byte) (int, error) {
	d := &s.wr
	d.buf, d.n, d.err = p, 0, nil
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

func (s *Socket) writeStep(fd uintptr) bool {
	d := &s.wr
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
