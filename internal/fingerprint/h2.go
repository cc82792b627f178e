package fingerprint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2/hpack"
)

// Bounds of what an H2Tap looks at, and of what it tells.
const (
	maxOpening  = 64 << 10 // of a connection, up to the end of its first request's head
	maxBlock    = 32 << 10 // of that head
	maxFrame    = 16 << 10 // what we let clients send
	maxSettings = 24
	maxPriority = 12
	maxNames    = 100
)

// H2 is how a client opens a connection of HTTP/2.
type H2 struct {
	// Print is SETTINGS in their order, the connection's WINDOW_UPDATE, PRIORITY
	// frames and the order of pseudo-header fields, as Akamai has them in its paper
	// of 2017: "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p".
	Print string
	// First are the prints of the first request's header fields.
	First Headers
}

// H2Tap takes the print of a connection's opening off the bytes that the client
// sends, up to its first request, and then looks at nothing more. Feed is for one
// goroutine; Result for any.
type H2Tap struct {
	phase  phase
	head   [9]byte // of the frame, or what has come of the preface
	got    int     // of head or preface
	left   int     // of the frame
	seen   int     // of the connection
	buf    *[]byte // a head's block as far as it has come, then the frame's payload
	block  int     // length of that block
	opens  uint32  // the stream whose block it is; 0: none yet
	window uint32

	settings, priorities []byte // as they stand in the print
	nSettings, nPriority int

	result atomic.Pointer[H2]
	fault  atomic.Pointer[error]
}

type phase uint8

const (
	inPreface phase = iota
	inHead
	inPayload
	over
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Frame types that a print looks into, and flags.
const (
	frameHeaders      = 1
	framePriority     = 2
	frameSettings     = 4
	frameWindowUpdate = 8
	frameContinuation = 9

	flagAck        = 0x01
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

// errOpening says that what came does not open a connection of HTTP/2.
var errOpening = errors.New("no opening of HTTP/2")

// Result is the print, nil as long as there is none.
func (t *H2Tap) Result() *H2 { return t.result.Load() }

// Err says why there will be no print.
func (t *H2Tap) Err() error {
	if p := t.fault.Load(); p != nil {
		return *p
	}
	return nil
}

// Feed looks at the bytes that were read next, and keeps none of them.
func (t *H2Tap) Feed(p []byte) {
	for len(p) > 0 && t.phase != over {
		n := t.feed(p)
		p = p[n:]
		if t.seen += n; t.seen > maxOpening && t.phase != over {
			t.refuse("no request within %d bytes", maxOpening)
		}
	}
}

// feed takes a part of p, and tells how much.
func (t *H2Tap) feed(p []byte) (n int) {
	switch t.phase {
	case inPreface:
		n = min(len(p), len(preface)-t.got)
		if string(p[:n]) != preface[t.got:t.got+n] {
			t.refuse("the preface is another")
		} else if t.got += n; t.got == len(preface) {
			t.phase, t.got = inHead, 0
		}
	case inHead:
		n = copy(t.head[t.got:], p)
		if t.got += n; t.got == len(t.head) {
			t.got = 0
			t.begin()
		}
	case inPayload:
		n = min(len(p), t.left)
		if t.buf != nil {
			*t.buf = append(*t.buf, p[:n]...)
		}
		if t.left -= n; t.left == 0 {
			t.end()
		}
	}
	return n
}

// begin begins a frame.
func (t *H2Tap) begin() {
	t.left = int(t.head[0])<<16 | int(t.head[1])<<8 | int(t.head[2])
	if t.left > maxFrame {
		t.refuse("a frame of %d bytes", t.left)
		return
	}
	kind := t.head[3]
	if t.opens != 0 && (kind != frameContinuation || t.stream() != t.opens) {
		t.refuse("a frame stands within a head")
		return
	}
	switch kind {
	case frameHeaders, framePriority, frameSettings, frameWindowUpdate, frameContinuation:
		if t.buf == nil {
			t.buf = helloBuffers.Get().(*[]byte)
			*t.buf = (*t.buf)[:0]
		}
	default:
		t.release() // not looked into
	}
	t.phase = inPayload
	if t.left == 0 {
		t.end()
	}
}

func (t *H2Tap) stream() uint32 { return binary.BigEndian.Uint32(t.head[5:]) & 0x7fffffff }

// end ends a frame.
func (t *H2Tap) end() {
	t.phase = inHead
	if t.buf == nil {
		return
	}
	b, flags := (*t.buf)[t.block:], t.head[4]
	switch t.head[3] {
	case frameSettings:
		if flags&flagAck == 0 {
			t.setting(b)
		}
	case frameWindowUpdate:
		if t.stream() == 0 && t.window == 0 && len(b) == 4 {
			t.window = binary.BigEndian.Uint32(b) & 0x7fffffff
		}
	case framePriority:
		if len(b) == 5 {
			t.priority(b)
		}
	case frameHeaders:
		f, ok := fragment(b, flags)
		if !ok || t.stream() == 0 {
			t.refuse("a malformed HEADERS frame")
			return
		}
		t.opens = t.stream()
		t.extend(f, flags)
		return
	case frameContinuation:
		if t.opens == 0 {
			t.refuse("a CONTINUATION of nothing")
			return
		}
		t.extend(b, flags)
		return
	}
	*t.buf = (*t.buf)[:t.block]
}

// fragment is what of a HEADERS frame belongs to the head.
func fragment(b []byte, flags byte) (f []byte, ok bool) {
	c, pad := cut{b: b}, 0
	if flags&flagPadded != 0 {
		pad = c.u8()
	}
	if flags&flagPriority != 0 {
		c.take(5)
	}
	if c.bad || pad > len(c.b) {
		return nil, false
	}
	return c.b[:len(c.b)-pad], true
}

// extend adds a fragment to the head, which lies in the same buffer before it.
func (t *H2Tap) extend(f []byte, flags byte) {
	if t.block += len(f); t.block > maxBlock {
		t.refuse("a head of more than %d bytes", maxBlock)
		return
	}
	*t.buf = append((*t.buf)[:t.block-len(f)], f...)
	if flags&flagEndHeaders == 0 {
		return
	}
	r := blockReaders.Get().(*blockReader)
	first, pseudo, err := r.read((*t.buf)[:t.block])
	if err != nil {
		t.refuse("the first head: %w", err) // and the reader is not used again
		return
	}
	t.result.Store(&H2{Print: t.print(pseudo), First: first})
	r.forget()
	blockReaders.Put(r)
	t.phase = over
	t.release()
}

// setting adds settings to the print. One of those that mean nothing, which
// Chromium sends with a value by chance, stands as g.
func (t *H2Tap) setting(b []byte) {
	for ; len(b) >= 6 && t.nSettings < maxSettings; b = b[6:] {
		if t.nSettings++; t.nSettings > 1 {
			t.settings = append(t.settings, ';')
		}
		id := binary.BigEndian.Uint16(b)
		if id&0x0f0f == 0x0a0a {
			t.settings = append(t.settings, 'g')
			continue
		}
		t.settings = strconv.AppendUint(t.settings, uint64(id), 10)
		t.settings = append(t.settings, ':')
		t.settings = strconv.AppendUint(t.settings, uint64(binary.BigEndian.Uint32(b[2:])), 10)
	}
}

// priority adds a PRIORITY frame: stream, exclusive, the stream it depends on,
// weight.
func (t *H2Tap) priority(b []byte) {
	if t.nPriority == maxPriority {
		return
	}
	if t.nPriority++; t.nPriority > 1 {
		t.priorities = append(t.priorities, ',')
	}
	on := binary.BigEndian.Uint32(b)
	for i, v := range [...]uint32{t.stream(), on >> 31, on & 0x7fffffff, uint32(b[4]) + 1} {
		if i > 0 {
			t.priorities = append(t.priorities, ':')
		}
		t.priorities = strconv.AppendUint(t.priorities, uint64(v), 10)
	}
}

func (t *H2Tap) print(pseudo []byte) string {
	var room [256]byte
	b := append(append(room[:0], t.settings...), '|')
	if t.window == 0 {
		b = append(b, '0', '0')
	} else {
		b = strconv.AppendUint(b, uint64(t.window), 10)
	}
	b = append(b, '|')
	if t.nPriority == 0 {
		b = append(b, '0')
	}
	b = append(append(b, t.priorities...), '|')
	for i, c := range pseudo {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c)
	}
	return string(b)
}

func (t *H2Tap) refuse(why string, args ...any) {
	err := fmt.Errorf("%w: %w", errOpening, fmt.Errorf(why, args...))
	t.fault.Store(&err)
	t.phase = over
	t.release()
}

// release gives the buffer back.
func (t *H2Tap) release() {
	if t.buf != nil && cap(*t.buf) <= 8<<10 {
		helloBuffers.Put(t.buf)
	}
	t.buf, t.block = nil, 0
}

// blockReader decodes a connection's first head.
type blockReader struct {
	dec    *hpack.Decoder
	pseudo []byte
	method string
	fields []hpack.HeaderField
}

var blockReaders = sync.Pool{New: func() any {
	r := new(blockReader)
	r.dec = hpack.NewDecoder(tableSize, r.emit)
	r.dec.SetMaxStringLength(maxBlock)
	return r
}}

// tableSize is what HPACK begins with.
const tableSize = 4096

var errNoPseudo = errors.New("it has no pseudo-header fields")

func (r *blockReader) read(block []byte) (first Headers, pseudo []byte, err error) {
	if _, err := r.dec.Write(block); err != nil {
		return Headers{}, nil, err
	}
	if err := r.dec.Close(); err != nil {
		return Headers{}, nil, err
	}
	if len(r.pseudo) == 0 {
		return Headers{}, nil, errNoPseudo
	}
	return HeadersOf("h2", r.method, func(yield func(name, value string) bool) {
		for _, f := range r.fields {
			if !yield(f.Name, f.Value) {
				return
			}
		}
	}), r.pseudo, nil
}

func (r *blockReader) emit(f hpack.HeaderField) {
	if !f.IsPseudo() {
		if len(r.fields) < maxNames {
			r.fields = append(r.fields, f)
		}
		return
	}
	if f.Name == ":method" {
		r.method = f.Value
	}
	c := byte('?')
	if slices.Contains([]string{":method", ":authority", ":scheme", ":path"}, f.Name) {
		c = f.Name[1]
	}
	if len(r.pseudo) < 8 {
		r.pseudo = append(r.pseudo, c)
	}
}

// forget empties the reader, its table included, for the next connection.
func (r *blockReader) forget() {
	r.dec.SetMaxDynamicTableSize(0)
	r.dec.SetMaxDynamicTableSize(tableSize)
	clear(r.fields)
	r.fields, r.pseudo, r.method = r.fields[:0], r.pseudo[:0], ""
}
