package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// A balancer that works below HTTP tells by a header before everything else whom
// it speaks for: the PROXY protocol, version 1 in text and 2 in binary.

// Bounds of a header. Version 2 allows 64 KiB of extras, of which balancers send
// some dozens of bytes; a certificate's names are the most.
const (
	maxProxyLine   = 107
	maxProxyBinary = 4 << 10
)

// proxySignature begins version 2.
var proxySignature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// errProxyHeader says that what came is no header of the PROXY protocol.
var errProxyHeader = errors.New("no header of the PROXY protocol")

// announcement is whom a header speaks for; invalid where the sender speaks for
// itself or knows none.
type announcement struct {
	netip.AddrPort
	ended bool // his TLS ended at the sender
}

// announced reads the header of a peer that is to send one, and takes the address
// in it for the peer's. It tells whether the connection goes on. The header takes
// no longer than a request's head may.
func (v *visit) announced(from []netip.Prefix) bool {
	if len(from) == 0 || !isTrusted(v.who.peer.Addr(), from) {
		return true
	}
	v.sock.DueRead(v.s.cfg.HeadTimeout)
	source, err := readProxyHeader(v.sock)
	if err == io.EOF { // it looked whether we listen, and sent nothing
		return false
	}
	if err != nil {
		v.s.counters.proxyHeaders.Add(1)
		v.s.cfg.Logger.Debug("connection refused", "peer", v.who.peer.String(), "error", err.Error())
		return false
	}
	v.sock.DueRead(0)
	v.who.relayed = source.ended
	if source.IsValid() {
		v.who.peer, v.who.shown = source.AddrPort, nil           // the first packet was the sender's
		v.sock.Remote = net.TCPAddrFromAddrPort(source.AddrPort) // for net/http, which asks
	}
	return true
}

// readProxyHeader reads a header, and not a byte more: what follows may be TLS.
// The source is invalid where the sender speaks for itself or knows none. io.EOF
// says that nothing came at all.
func readProxyHeader(r io.Reader) (source announcement, err error) {
	// Shorter than the shortest of both versions, so never too much.
	var first [16]byte
	n, err := io.ReadFull(r, first[:12])
	switch {
	case n == 0 && err == io.EOF:
		return source, err
	case err != nil:
		return source, fmt.Errorf("%w: %w", errProxyHeader, err)
	case bytes.Equal(first[:12], proxySignature):
		return readProxyBinary(r, first)
	case string(first[:6]) == "PROXY ":
		return readProxyLine(r, first[:12])
	}
	return source, errProxyHeader
}

// readProxyLine reads the rest of version 1.
func readProxyLine(r io.Reader, first []byte) (source announcement, err error) {
	var buf [maxProxyLine]byte
	n := copy(buf[:], first)
	for !bytes.HasSuffix(buf[:n], []byte("\r\n")) {
		if n == len(buf) {
			return source, fmt.Errorf("%w: a line of more than %d bytes", errProxyHeader, maxProxyLine)
		}
		if _, err := io.ReadFull(r, buf[n:n+1]); err != nil {
			return source, fmt.Errorf("%w: %w", errProxyHeader, err)
		}
		n++
	}
	line := string(buf[len("PROXY ") : n-len("\r\n")])
	if line == "UNKNOWN" || strings.HasPrefix(line, "UNKNOWN ") {
		return source, nil
	}
	parts := strings.Split(line, " ")
	if len(parts) != 5 || parts[0] != "TCP4" && parts[0] != "TCP6" {
		return source, fmt.Errorf("%w: %q", errProxyHeader, line)
	}
	for i := range 2 { // the destination is checked and not used
		a, err := netip.ParseAddr(parts[1+i])
		if err != nil || a.Zone() != "" || a.Is4() != (parts[0] == "TCP4") {
			return announcement{}, fmt.Errorf("%w: address %q", errProxyHeader, parts[1+i])
		}
		port, err := strconv.ParseUint(parts[3+i], 10, 16)
		if err != nil || strconv.FormatUint(port, 10) != parts[3+i] {
			return announcement{}, fmt.Errorf("%w: port %q", errProxyHeader, parts[3+i])
		}
		if i == 0 {
			source.AddrPort = netip.AddrPortFrom(a.Unmap(), uint16(port))
		}
	}
	return source, nil
}

// readProxyBinary reads the rest of version 2.
func readProxyBinary(r io.Reader, first [16]byte) (source announcement, err error) {
	if _, err := io.ReadFull(r, first[12:]); err != nil {
		return source, fmt.Errorf("%w: %w", errProxyHeader, err)
	}
	size := int(binary.BigEndian.Uint16(first[14:]))
	if first[12]>>4 != 2 {
		return source, fmt.Errorf("%w: version %d", errProxyHeader, first[12]>>4)
	}
	if size > maxProxyBinary {
		return source, fmt.Errorf("%w: %d bytes, at most %d", errProxyHeader, size, maxProxyBinary)
	}
	rest := make([]byte, size)
	if _, err := io.ReadFull(r, rest); err != nil {
		return source, fmt.Errorf("%w: %w", errProxyHeader, err)
	}
	switch command := first[12] & 0xf; command {
	case 0: // LOCAL: the sender speaks for itself; what else it says does not count
		return source, nil
	case 1:
	default:
		return source, fmt.Errorf("%w: command %d", errProxyHeader, command)
	}
	var addr int // of one address
	switch family := first[13]; family {
	case 0x00: // it knows none
		err = source.extras(rest)
		return source, err
	case 0x11:
		addr = 4
	case 0x21:
		addr = 16
	case 0x31: // a Unix socket of the sender's: whose it is, is its own affair
		if size < 216 {
			return source, fmt.Errorf("%w: it is too short", errProxyHeader)
		}
		err = source.extras(rest[216:])
		return source, err
	default:
		return source, fmt.Errorf("%w: family and transport %#x", errProxyHeader, family)
	}
	if size < 2*addr+4 {
		return source, fmt.Errorf("%w: it is too short", errProxyHeader)
	}
	a, _ := netip.AddrFromSlice(rest[:addr])
	source.AddrPort = netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(rest[2*addr:]))
	if err := source.extras(rest[2*addr+4:]); err != nil {
		return announcement{}, err
	}
	return source, nil
}

// extras passes over what follows the addresses: type, length, value. One says
// whether the sender ended the visitor's TLS (PP2_TYPE_SSL, PP2_CLIENT_SSL).
func (a *announcement) extras(b []byte) error {
	for len(b) > 0 {
		if len(b) < 3 || len(b)-3 < int(binary.BigEndian.Uint16(b[1:])) {
			return fmt.Errorf("%w: an extra goes past its end", errProxyHeader)
		}
		if b[0] == 0x20 && b[1]|b[2] != 0 {
			a.ended = a.ended || b[3]&1 != 0
		}
		b = b[3+int(binary.BigEndian.Uint16(b[1:])):]
	}
	return nil
}
