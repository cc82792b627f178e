package fingerprint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// errSYN says that headers are not those of a client's first packet.
var errSYN = errors.New("no SYN")

// SYN reads the IP and TCP headers of a connection's first packet and writes what
// of them is the system's: IP version, the TTL it began with, window, MSS, window
// scale, the options in their order, and quirks.
//
//	4:64:64240:1460:7:mss,sok,ts,nop,ws:df
func SYN(packet []byte) (string, error) {
	var s syn
	tcp, err := s.ip(packet)
	if err != nil {
		return "", err
	}
	if err := s.tcp(tcp); err != nil {
		return "", err
	}
	b := make([]byte, 0, 96)
	b = append(b, s.version, ':')
	b = strconv.AppendUint(b, uint64(began(s.ttl)), 10)
	b = strconv.AppendUint(append(b, ':'), uint64(s.window), 10)
	b = strconv.AppendUint(append(b, ':'), uint64(s.mss), 10)
	b = strconv.AppendUint(append(b, ':'), uint64(s.scale), 10)
	b = append(append(b, ':'), s.options...)
	b = append(append(b, ':'), s.quirks...)
	return string(b), nil
}

// syn gathers what a packet says.
type syn struct {
	version         byte // '4' or '6'
	ttl, scale      byte
	window, mss     uint16
	options, quirks []byte
}

func (s *syn) quirk(name string) { s.quirks = list(s.quirks, name) }

func list(b []byte, name string) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	return append(b, name...)
}

// began is the TTL that a system sent a packet with: each hop takes one off, and
// systems begin with few values.
func began(ttl byte) byte {
	switch {
	case ttl <= 32:
		return 32
	case ttl <= 64:
		return 64
	case ttl <= 128:
		return 128
	}
	return 255
}

// ip reads the IP header and gives what is behind it.
func (s *syn) ip(p []byte) (tcp []byte, err error) {
	if len(p) == 0 {
		return nil, fmt.Errorf("%w: nothing there", errSYN)
	}
	switch p[0] >> 4 {
	case 4:
		return s.ip4(p)
	case 6:
		return s.ip6(p)
	}
	return nil, fmt.Errorf("%w: IP version %d", errSYN, p[0]>>4)
}

func (s *syn) ip4(p []byte) (tcp []byte, err error) {
	size := int(p[0]&0xf) * 4
	if size < 20 || len(p) < size {
		return nil, fmt.Errorf("%w: an IPv4 header of %d bytes in %d", errSYN, size, len(p))
	}
	if p[9] != 6 {
		return nil, fmt.Errorf("%w: protocol %d, not TCP", errSYN, p[9])
	}
	flags, id := binary.BigEndian.Uint16(p[6:]), binary.BigEndian.Uint16(p[4:])
	if flags&0x3fff != 0 {
		return nil, fmt.Errorf("%w: a fragment", errSYN)
	}
	s.version, s.ttl = '4', p[8]
	switch whole := flags&0x4000 != 0; {
	case whole && id != 0:
		s.quirk("df")
		s.quirk("id+")
	case whole:
		s.quirk("df")
	case id == 0:
		s.quirk("id-")
	}
	if size > 20 {
		s.quirk("ipopt")
	}
	return p[size:], nil
}

// maxExtensions bounds how many headers stand between IPv6's and TCP's.
const maxExtensions = 4

func (s *syn) ip6(p []byte) (tcp []byte, err error) {
	if len(p) < 40 {
		return nil, fmt.Errorf("%w: an IPv6 header of %d bytes", errSYN, len(p))
	}
	s.version, s.ttl = '6', p[7]
	if binary.BigEndian.Uint32(p)&0xfffff != 0 {
		s.quirk("flow")
	}
	next, rest := p[6], p[40:]
	for range maxExtensions {
		if next != 0 && next != 43 && next != 60 { // hop-by-hop, routing, destination
			break
		}
		if len(rest) < 2 || len(rest) < 8*(1+int(rest[1])) {
			return nil, fmt.Errorf("%w: an extension header goes past the end", errSYN)
		}
		next, rest = rest[0], rest[8*(1+int(rest[1])):]
		s.quirk("ipopt")
	}
	if next != 6 {
		return nil, fmt.Errorf("%w: protocol %d, not TCP", errSYN, next)
	}
	return rest, nil
}

// TCP flags.
const (
	flagSYN = 0x02
	flagACK = 0x10
	flagsEC = 0xc0 // ECN is asked for
)

func (s *syn) tcp(p []byte) error {
	if len(p) < 20 {
		return fmt.Errorf("%w: a TCP header of %d bytes", errSYN, len(p))
	}
	size := int(p[12]>>4) * 4
	if size < 20 || len(p) < size {
		return fmt.Errorf("%w: a TCP header of %d bytes in %d", errSYN, size, len(p))
	}
	if p[13]&flagSYN == 0 || p[13]&flagACK != 0 {
		return fmt.Errorf("%w: flags %#02x", errSYN, p[13])
	}
	if p[13]&flagsEC == flagsEC {
		s.quirk("ecn")
	}
	s.window = binary.BigEndian.Uint16(p[14:])
	return s.tcpOptions(p[20:size])
}

// tcpOptions reads the options. What follows their end is padding.
func (s *syn) tcpOptions(o []byte) error {
	for len(o) > 0 {
		kind := o[0]
		switch kind {
		case 0:
			s.options = list(s.options, "eol")
			return nil
		case 1:
			s.options = list(s.options, "nop")
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return fmt.Errorf("%w: option %d goes past the end", errSYN, kind)
		}
		body := o[2:o[1]]
		o = o[o[1]:]
		want, name := -1, ""
		switch kind {
		case 2:
			want, name = 2, "mss"
		case 3:
			want, name = 1, "ws"
		case 4:
			want, name = 0, "sok"
		case 8:
			want, name = 8, "ts"
		default:
			name = "?" + strconv.Itoa(int(kind))
		}
		if want >= 0 && len(body) != want {
			return fmt.Errorf("%w: option %d of %d bytes", errSYN, kind, len(body))
		}
		s.options = list(s.options, name)
		switch kind {
		case 2:
			s.mss = binary.BigEndian.Uint16(body)
		case 3:
			s.scale = body[0]
		case 8:
			if binary.BigEndian.Uint32(body) == 0 {
				s.quirk("ts0")
			}
		}
	}
	return nil
}
