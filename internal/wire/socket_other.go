//go:build !linux

package wire

// Elsewhere than on Linux a Socket reads and writes as the standard library does.

// Read implements io.Reader.
func (s *Socket) Read(p []byte) (int, error) {
	n, err := s.carrier.Read(p)
	if err != nil {
		err = s.reason(err)
	}
	return n, err
}

// Write implements io.Writer.
func (s *Socket) Write(p []byte) (int, error) {
	s.writeDue.Store(s.sweeper.in(s.Stall))
	n, err := s.carrier.Write(p)
	s.writeDue.Store(0)
	if err != nil {
		err = s.reason(err)
	}
	return n, err
}

// ReadTurns reads into in and lets t take what came, until it says that it is
// enough.
func (s *Socket) ReadTurns(in *Input, t Turner) error {
	for {
		if err := in.Fill(s); err != nil || !t.Turn() {
			return err
		}
		in.Release()
	}
}

// Exchange sends a request whole and reads the first bytes of what comes back.
// Whether the connection has ended shows only then.
func (s *Socket) Exchange(request []byte, in *Input, _ bool) (sent bool, err error) {
	if _, err := s.Write(request); err != nil {
		return true, err
	}
	return true, in.Fill(s)
}

// Quiet can't tell here.
func (s *Socket) Quiet() error { return nil }

// The steps belong to Linux.
func (s *Socket) readStep(uintptr) bool  { return true }
func (s *Socket) writeStep(uintptr) bool { return true }
