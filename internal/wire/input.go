package wire

import (
	"errors"
	"io"
	"sync"
)

// ErrFull says that an Input has no room left below its bound.
var ErrFull = errors.New("wire: the buffer is full")

const inputSize = 16 << 10

var inputs = sync.Pool{New: func() any { b := make([]byte, inputSize); return &b }}

// Input holds what was read from a connection and not yet used. Its buffer comes
// from a pool and goes back while nothing is held. Bytes that are views of it
// (a Message's) hold until the next Fill, Take to the end, or Release.
type Input struct {
	buf   []byte
	lent  *[]byte // the pool's
	r, w  int
	Bound int // most bytes it grows to; 0: 16 KiB
}

// Bytes is what is there.
func (in *Input) Bytes() []byte { return in.buf[in.r:in.w] }

// Len is how much is there.
func (in *Input) Len() int { return in.w - in.r }

// Take uses up n bytes.
func (in *Input) Take(n int) {
	in.r += n
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
}

// Lend gives a buffer to use in place of the pool's, where there is none now. It is
// the lender's again once all that is read into it has been used up or dropped.
func (in *Input) Lend(b []byte) {
	if in.buf == nil {
		in.buf = b
	}
}

// hold makes sure that there is a buffer with room at its end.
func (in *Input) hold() {
	if in.buf == nil {
		in.lent = inputs.Get().(*[]byte)
		in.buf = *in.lent
	}
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
}

// Release gives the buffer back if nothing is held.
func (in *Input) Release() {
	if in.r != in.w || in.buf == nil {
		return
	}
	if in.lent != nil {
		inputs.Put(in.lent)
	}
	in.buf, in.lent, in.r, in.w = nil, nil, 0, 0
}

// Drop forgets what is held and gives the buffer back.
func (in *Input) Drop() {
	in.r, in.w = 0, 0
	in.Release()
}

// Fill reads once more from src behind what is there; it moves and grows the
// buffer as needed, up to the bound.
func (in *Input) Fill(src io.Reader) error {
	in.hold()
	if in.w == len(in.buf) {
		if err := in.room(); err != nil {
			return err
		}
	}
	n, err := src.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

func (in *Input) room() error {
	if in.r > 0 {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
		return nil
	}
	if len(in.buf) >= max(in.Bound, inputSize) {
		return ErrFull
	}
	grown := make([]byte, min(2*len(in.buf), in.Bound))
	in.w = copy(grown, in.buf[:in.w])
	if in.lent != nil {
		inputs.Put(in.lent)
	}
	in.buf, in.lent = grown, nil
	return nil
}

// Put appends bytes that were read by another way, such as the beginning of the
// next message behind a body.
func (in *Input) Put(p []byte) {
	for len(p) > 0 {
		in.hold()
		if in.w == len(in.buf) {
			if in.room() != nil { // beyond the bound what was read is kept all the same
				grown := make([]byte, in.w+len(p))
				copy(grown, in.buf[:in.w])
				in.buf, in.lent = grown, nil
			}
		}
		n := copy(in.buf[in.w:], p)
		in.w += n
		p = p[n:]
	}
}
