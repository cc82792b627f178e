package fingerprint

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// Transport is what carries the handshake; JA4 begins with it.
type Transport byte

// Transports.
const (
	TCP  Transport = 't'
	QUIC Transport = 'q'
	DTLS Transport = 'd'
)

// TLS are the prints of a ClientHello.
type TLS struct {
	JA3 string // MD5 in hex
	JA4 string
	// Stable is our own: JA4's contents without what comes and goes on the same
	// client when it resumes a session, asks by address or offers another protocol,
	// and with its groups.
	Stable string
	// Grease says that the hello has values that mean nothing (RFC 8701).
	Grease bool
}

// Lengths of the prints.
const (
	ja3Len    = 2 * md5.Size
	ja4Len    = 36
	stableLen = 20
)

// Prints computes the prints, with one allocation.
func (h *Hello) Prints(t Transport) TLS {
	var room [1536]byte
	var all [ja3Len + ja4Len + stableLen]byte
	sum := md5.Sum(h.AppendJA3(room[:0]))
	out := hex.AppendEncode(all[:0], sum[:])
	out = h.appendJA4(out, t)
	out = h.appendStable(out)
	s := string(out)
	return TLS{JA3: s[:ja3Len], JA4: s[ja3Len : ja3Len+ja4Len], Stable: s[ja3Len+ja4Len:], Grease: h.greases()}
}

// greases tells whether the first cipher, or any extension, means nothing.
func (h *Hello) greases() bool {
	if h.Ciphers.Len() > 0 && isGrease(h.Ciphers.At(0)) {
		return true
	}
	var kinds [64]uint16
	return slices.ContainsFunc(h.AppendExtensions(kinds[:0]), isGrease)
}

// AppendJA3 appends the text that JA3 is the MD5 of.
func (h *Hello) AppendJA3(b []byte) []byte {
	b = strconv.AppendUint(b, uint64(h.Version), 10)
	b = appendDecimals(append(b, ','), h.Ciphers)
	var kinds [64]uint16
	b = append(b, ',')
	first := true
	for _, v := range h.AppendExtensions(kinds[:0]) {
		if !isGrease(v) {
			b = appendDecimal(b, v, &first)
		}
	}
	b = appendDecimals(append(b, ','), h.Groups)
	b = append(b, ',')
	for i, p := range h.Points {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(p), 10)
	}
	return b
}

func appendDecimals(b []byte, l List) []byte {
	first := true
	for i := range l.Len() {
		if v := l.At(i); !isGrease(v) {
			b = appendDecimal(b, v, &first)
		}
	}
	return b
}

func appendDecimal(b []byte, v uint16, first *bool) []byte {
	if !*first {
		b = append(b, '-')
	}
	*first = false
	return strconv.AppendUint(b, uint64(v), 10)
}

// AppendJA4Raw appends what JA4 hashes, in its raw form (JA4_r).
func (h *Hello) AppendJA4Raw(b []byte, t Transport) []byte {
	var ciphers, extensions [64]uint16
	c, e, count := h.sorted(ciphers[:0], extensions[:0])
	b = h.appendHead(b, t, len(c), count)
	b = appendHex(append(b, '_'), c)
	return h.appendExtensions(append(b, '_'), e)
}

func (h *Hello) appendJA4(b []byte, t Transport) []byte {
	var room [1024]byte
	var ciphers, extensions [64]uint16
	c, e, count := h.sorted(ciphers[:0], extensions[:0])
	b = h.appendHead(b, t, len(c), count)
	b = appendSum(append(b, '_'), appendHex(room[:0], c), 6)
	if len(e) == 0 {
		return append(b, "_000000000000"...)
	}
	return appendSum(append(b, '_'), h.appendExtensions(room[:0], e), 6)
}

// sorted gives ciphers and extensions without GREASE, sorted; SNI and ALPN are
// counted and left out.
func (h *Hello) sorted(c, e []uint16) (ciphers, extensions []uint16, count int) {
	c = appendKnown(c, h.Ciphers)
	slices.Sort(c)
	all := h.AppendExtensions(e)
	for _, v := range all {
		if isGrease(v) {
			continue
		}
		count++
		if v != extServerName && v != extProtocols {
			e = append(e, v) // behind what is read
		}
	}
	slices.Sort(e)
	return c, e, count
}

// appendHead appends the part of JA4 that people read.
func (h *Hello) appendHead(b []byte, t Transport, ciphers, extensions int) []byte {
	b = append(b, byte(t))
	b = append(b, versionText(h.highest())...)
	if h.Named {
		b = append(b, 'd')
	} else {
		b = append(b, 'i')
	}
	b = appendTwo(b, ciphers)
	b = appendTwo(b, extensions)
	if len(h.Protocol) == 0 {
		return append(b, "00"...)
	}
	first, last := h.Protocol[0], h.Protocol[len(h.Protocol)-1]
	if isAlnum(first) && isAlnum(last) {
		return append(b, first, last)
	}
	return append(b, hexDigits[first>>4], hexDigits[last&0xf])
}

func (h *Hello) appendExtensions(b []byte, sorted []uint16) []byte {
	b = appendHex(b, sorted)
	start := len(b)
	for i := range h.Signatures.Len() {
		if v := h.Signatures.At(i); !isGrease(v) {
			if len(b) == start {
				b = append(b, '_')
			} else {
				b = append(b, ',')
			}
			b = appendHex4(b, v)
		}
	}
	return b
}

// highest is the version that the client wants most.
func (h *Hello) highest() uint16 {
	if !h.Versioned {
		return h.Version
	}
	top := uint16(0)
	for i := range h.Versions.Len() {
		if v := h.Versions.At(i); !isGrease(v) && v > top {
			top = v
		}
	}
	return top
}

func versionText(v uint16) string {
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	case 0xfeff:
		return "d1"
	case 0xfefd:
		return "d2"
	case 0xfefc:
		return "d3"
	}
	return "00"
}

// passing tells the extensions that come and go on the same client: server name,
// ALPN and application settings (ALPS, under its old and its new number) with what
// is asked for; padding, session ticket, pre-shared key and early data with
// resumption; cookie with a retry. Chromium's WebSockets go without ALPS, Firefox's
// without compressed certificates.
func passing(v uint16) bool {
	switch v {
	case extServerName, extProtocols, 0x4469, 0x44cd, 0x001b, 0x0015, 0x0023, 0x0029, 0x002a, 0x002c:
		return true
	}
	return false
}

// appendStable appends our own hash: "s", the version, "_" and 64 bits in hex over
// ciphers and extensions, sorted, signature algorithms and groups, in their order.
// The first letter changes when its making does.
func (h *Hello) appendStable(b []byte) []byte {
	var room [1536]byte
	var list [64]uint16
	c := appendKnown(list[:0], h.Ciphers)
	slices.Sort(c)
	t := append(appendHex(room[:0], c), '|')
	e := slices.DeleteFunc(h.AppendExtensions(list[:0]), func(v uint16) bool { return isGrease(v) || passing(v) })
	slices.Sort(e)
	t = append(appendHex(t, e), '|')
	t = append(appendHex(t, appendKnown(list[:0], h.Signatures)), '|')
	t = appendHex(t, appendKnown(list[:0], h.Groups))
	b = append(b, 's')
	b = append(b, versionText(h.highest())...)
	return appendSum(append(b, '_'), t, 8)
}

// appendKnown appends a list without GREASE.
func appendKnown(to []uint16, l List) []uint16 {
	for i := range l.Len() {
		if v := l.At(i); !isGrease(v) {
			to = append(to, v)
		}
	}
	return to
}

// appendSum appends the first bytes of a text's SHA-256 in hex, zeros for no text.
func appendSum(b, text []byte, bytes int) []byte {
	if len(text) == 0 {
		for range 2 * bytes {
			b = append(b, '0')
		}
		return b
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(b, sum[:bytes])
}

const hexDigits = "0123456789abcdef"

func appendHex4(b []byte, v uint16) []byte {
	return append(b, hexDigits[v>>12], hexDigits[v>>8&0xf], hexDigits[v>>4&0xf], hexDigits[v&0xf])
}

func appendHex(b []byte, l []uint16) []byte {
	for i, v := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHex4(b, v)
	}
	return b
}

func appendTwo(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, byte('0'+n/10), byte('0'+n%10))
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// IsJA3 tells whether a text could be a JA3.
func IsJA3(s string) bool { return len(s) == ja3Len && isHex(s) }

// IsJA4 tells whether a text could be a JA4.
func IsJA4(s string) bool {
	if len(s) != ja4Len || s[10] != '_' || s[23] != '_' || !isHex(s[11:23]) || !isHex(s[24:]) {
		return false
	}
	for i := range 10 {
		if !isAlnum(s[i]) {
			return false
		}
	}
	return s[0] == byte(TCP) || s[0] == byte(QUIC) || s[0] == byte(DTLS)
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
