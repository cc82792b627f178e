package fingerprint

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxHello bounds a ClientHello. Browsers send up to 2.5 KiB of it.
const MaxHello = 16 << 10

// Extensions that a print looks into.
const (
	extServerName        = 0x0000
	extGroups            = 0x000a
	extPoints            = 0x000b
	extSignatures        = 0x000d
	extProtocols         = 0x0010
	extSupportedVersions = 0x002b
)

// Hello is what the prints need of a ClientHello, in the order of the wire and with
// GREASE. Lists are views of the message: they hold as long as its bytes do.
type Hello struct {
	Version    uint16 // legacy_version
	Ciphers    List
	Groups     List
	Signatures List
	Versions   List // of the extension
	Points     []byte
	Protocol   []byte // the first of ALPN
	// Versioned says that supported_versions is there, Named that server_name is.
	Versioned, Named bool

	extensions []byte // as they came, well formed
}

// AppendExtensions appends the types of the extensions.
func (h *Hello) AppendExtensions(to []uint16) []uint16 {
	for c := (cut{b: h.extensions}); len(c.b) > 0; {
		to = append(to, uint16(c.u16()))
		c.take(c.u16())
	}
	return to
}

// List is a list of 16-bit numbers as the wire has it.
type List []byte

// Len is how many there are.
func (l List) Len() int { return len(l) / 2 }

// At is the number at i.
func (l List) At(i int) uint16 { return binary.BigEndian.Uint16(l[2*i:]) }

// isGrease tells the values of RFC 8701, which mean nothing but that a receiver
// must get over them.
func isGrease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// errHello says that a message is no ClientHello.
var errHello = errors.New("no ClientHello")

// cut takes apart a message: each method takes what it names off the front.
type cut struct {
	b   []byte
	bad bool
}

func (c *cut) take(n int) []byte {
	if n > len(c.b) {
		c.b, c.bad = nil, true
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cut) u8() int {
	if v := c.take(1); v != nil {
		return int(v[0])
	}
	return 0
}

func (c *cut) u16() int {
	if v := c.take(2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

// ends tells whether everything has been taken, and nothing more.
func (c *cut) ends() bool { return !c.bad && len(c.b) == 0 }

// Parse reads a ClientHello, its handshake header included. It accepts whatever
// crypto/tls does, and what is well formed besides.
func (h *Hello) Parse(msg []byte) error {
	*h = Hello{}
	if len(msg) < 4 || msg[0] != 1 {
		return fmt.Errorf("%w: its type is another", errHello)
	}
	if n := int(msg[1])<<16 | int(msg[2])<<8 | int(msg[3]); n != len(msg)-4 {
		return fmt.Errorf("%w: %d bytes announced, %d there", errHello, n, len(msg)-4)
	}
	c := cut{b: msg[4:]}
	h.Version = uint16(c.u16())
	c.take(32) // random
	c.take(c.u8())
	h.Ciphers = c.take(c.u16())
	c.take(c.u8()) // compression
	if c.bad || len(h.Ciphers)%2 != 0 {
		return fmt.Errorf("%w: it ends before its extensions", errHello)
	}
	if len(c.b) == 0 {
		return nil // as before there were extensions
	}
	h.extensions = c.take(c.u16())
	if !c.ends() {
		return fmt.Errorf("%w: the extensions don't end with it", errHello)
	}
	list := cut{b: h.extensions}
	for len(list.b) > 0 {
		kind := uint16(list.u16())
		body := cut{b: list.take(list.u16())}
		if list.bad {
			return fmt.Errorf("%w: extension %#04x goes past the end", errHello, kind)
		}
		if !h.extension(kind, &body) {
			return fmt.Errorf("%w: extension %#04x is malformed", errHello, kind)
		}
	}
	return nil
}

// extension reads an extension that a print looks into. It tells whether it is well
// formed. One that stands twice, which no server accepts, counts as it stood last.
func (h *Hello) extension(kind uint16, body *cut) (ok bool) {
	switch kind {
	case extServerName:
		h.Named = true
		return true
	case extGroups:
		h.Groups = body.take(body.u16())
		return body.ends() && len(h.Groups)%2 == 0
	case extPoints:
		h.Points = body.take(body.u8())
		return body.ends()
	case extSignatures:
		h.Signatures = body.take(body.u16())
		return body.ends() && len(h.Signatures)%2 == 0
	case extProtocols:
		names := cut{b: body.take(body.u16())}
		h.Protocol = nil
		for first := true; len(names.b) > 0; first = false {
			name := names.take(names.u8())
			if first {
				h.Protocol = name
			}
		}
		return body.ends() && !names.bad
	case extSupportedVersions:
		h.Versioned = true
		h.Versions = body.take(body.u8())
		return body.ends() && len(h.Versions)%2 == 0
	}
	return true
}
