package fingerprint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// maxRecord is what the plain text of a TLS record may hold.
const maxRecord = 16 << 10

// errIncomplete says that a hello has only begun to come.
var errIncomplete = errors.New("no whole ClientHello has come")

// HelloTap takes the prints of a connection's first ClientHello off the bytes as
// they are read, in however many records and reads it comes. It is a part of its
// owner and holds a buffer only while a hello comes that did not come in one read.
// A second hello, which a retry asks for, is not looked at.
type HelloTap struct {
	head  [5]byte // of the record: type, version, length
	heads uint8   // bytes of it there are
	done  bool
	left  int     // of the record
	buf   *[]byte // the message as far as it has come
	tls   TLS
	err   error
}

// helloBuffers are those of taps whose hello is coming. Browsers' fit in.
var helloBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// Done tells whether the tap has seen all it wants.
func (t *HelloTap) Done() bool { return t.done }

// Feed looks at the bytes that were read next, and keeps none of them.
func (t *HelloTap) Feed(p []byte) {
	for len(p) > 0 && !t.done {
		if t.left == 0 {
			n := copy(t.head[t.heads:], p)
			t.heads += uint8(n)
			p = p[n:]
			if int(t.heads) == len(t.head) {
				t.record()
			}
			continue
		}
		n := min(len(p), t.left)
		t.message(p[:n])
		t.left -= n
		p = p[n:]
	}
}

// record begins a record.
func (t *HelloTap) record() {
	t.heads, t.left = 0, int(binary.BigEndian.Uint16(t.head[3:]))
	switch {
	case t.head[0] != 22 || binary.BigEndian.Uint16(t.head[1:]) >= 0x1000: // as crypto/tls has it
		t.end(fmt.Errorf("%w: no record of a handshake", errHello))
	case t.left == 0 || t.left > maxRecord:
		t.end(fmt.Errorf("%w: a record of %d bytes", errHello, t.left))
	}
}

// message takes what came of the handshake message.
func (t *HelloTap) message(part []byte) {
	msg := part
	if t.buf != nil {
		*t.buf = append(*t.buf, part[:min(len(part), 4+MaxHello)]...)
		msg = *t.buf
	}
	if len(msg) >= 4 {
		whole := 4 + int(msg[1])<<16 + int(msg[2])<<8 + int(msg[3])
		switch {
		case msg[0] != 1:
			t.end(fmt.Errorf("%w: its type is another", errHello))
			return
		case whole > 4+MaxHello:
			t.end(fmt.Errorf("%w: %d bytes, at most %d are looked at", errHello, whole, MaxHello))
			return
		case len(msg) >= whole:
			var h Hello
			err := h.Parse(msg[:whole])
			if err == nil {
				t.tls = h.Prints(TCP)
			}
			t.end(err)
			return
		}
	}
	if t.buf == nil {
		t.buf = helloBuffers.Get().(*[]byte)
		*t.buf = append((*t.buf)[:0], part...)
	}
}

// Result gives the prints and lets go of the buffer. The error says why there are
// none.
func (t *HelloTap) Result() (TLS, error) {
	if !t.done {
		t.end(errIncomplete)
	}
	return t.tls, t.err
}

func (t *HelloTap) end(err error) {
	t.done, t.err = true, err
	if t.buf == nil {
		return
	}
	if cap(*t.buf) <= 8<<10 {
		helloBuffers.Put(t.buf)
	}
	t.buf = nil
}
