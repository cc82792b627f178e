package wire

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes.
const (
	inToken  = 1 << iota // RFC 9110 5.6.2 tchar
	inValue              // field-vchar, obs-text, space and tab
	inTarget             // what a target may hold: no control, space or "#"; bytes over 0x7f as some clients send them
	inHost               // of a Host: reg-name, address or port
)

// chars is a table, not code, since every byte of a head is looked up in it.
var chars = func() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		alnum := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if alnum || oneOf(c, "!#$%&'*+-.^_`|~") {
			t[i] |= inToken
		}
		if c == '\t' || c >= 0x20 && c != 0x7f {
			t[i] |= inValue
		}
		if c > 0x20 && c != 0x7f && c != '#' {
			t[i] |= inTarget
		}
		if alnum || oneOf(c, "-._~%!$&'()*+,;=:[]") {
			t[i] |= inHost
		}
	}
	return t
}()

func oneOf(c byte, set string) bool {
	for i := range len(set) {
		if set[i] == c {
			return true
		}
	}
	return false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 32
	}
	return c
}

func isToken(b []byte) bool {
	for _, c := range b {
		if chars[c]&inToken == 0 {
			return false
		}
	}
	return len(b) > 0
}

// Of eight bytes at once (Hacker's Delight 6-1).
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// controls marks the bytes of x that are control characters by their highest bit. The
// first mark is right, those behind it may not be.
func controls(x uint64) uint64 {
	del := x ^ 0x7f*ones
	return ((x-0x20*ones)&^x | (del-ones)&^del) & highs
}

// control is where the first control character from i on stands, len(b) or more when
// there is none.
func control(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if c := controls(binary.LittleEndian.Uint64(b[i:])); c != 0 {
			return i + bits.TrailingZeros64(c)/8
		}
	}
	for i < len(b) && b[i] >= 0x20 && b[i] != 0x7f {
		i++
	}
	return i
}

// badText tells whether v holds a control character other than tab.
func badText(v []byte) bool {
	for i := control(v, 0); i < len(v); i = control(v, i+1) {
		if v[i] != '\t' {
			return true
		}
	}
	return false
}

// is compares a name with one in lower case of the same length.
func is(name []byte, low string) bool {
	if len(name) != len(low) {
		return false
	}
	for i := range len(name) {
		if lower(name[i]) != low[i] {
			return false
		}
	}
	return true
}

func trim(v []byte) []byte {
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}
