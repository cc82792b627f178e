package fingerprint

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// packets gives the packets of a capture file, pcap or pcapng, from their IP header
// on.
func packets(file []byte) (out [][]byte, err error) {
	if len(file) < 24 {
		return nil, fmt.Errorf("no capture")
	}
	if binary.LittleEndian.Uint32(file) == 0xa1b2c3d4 {
		link := binary.LittleEndian.Uint32(file[20:])
		for b := file[24:]; len(b) >= 16; {
			n := binary.LittleEndian.Uint32(b[8:])
			out = append(out, unlinked(b[16:16+n], link))
			b = b[16+n:]
		}
		return out, nil
	}
	if binary.LittleEndian.Uint32(file) != 0x0a0d0d0a {
		return nil, fmt.Errorf("no capture")
	}
	var links []uint32
	for b := file; len(b) >= 12; {
		kind, n := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		switch kind {
		case 1:
			links = append(links, uint32(binary.LittleEndian.Uint16(b[8:])))
		case 6:
			size := binary.LittleEndian.Uint32(b[20:])
			out = append(out, unlinked(b[28:28+size], links[binary.LittleEndian.Uint32(b[8:])]))
		}
		b = b[n:]
	}
	return out, nil
}

// unlinked takes the link's header off.
func unlinked(p []byte, link uint32) []byte {
	switch link {
	case 0: // BSD loopback
		return p[4:]
	case 1: // Ethernet
		for p = p[12:]; len(p) > 4 && binary.BigEndian.Uint16(p) == 0x8100; {
			p = p[4:]
		}
		return p[2:]
	case 113: // Linux's any
		return p[16:]
	}
	return p // bare IP
}

// flow is one direction of a connection.
type flow struct {
	transport string
	from, to  netip.AddrPort
}

// segment is a piece of a flow's payload.
type segment struct {
	seq     uint32
	payload []byte
}

// flows sorts the packets' payload by the connection it belongs to.
func flows(all [][]byte) map[flow][]segment {
	out := map[flow][]segment{}
	for _, p := range all {
		if len(p) < 20 {
			continue
		}
		var from, to netip.Addr
		var next byte
		switch p[0] >> 4 {
		case 4:
			from, to, next = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20])), p[9]
			size := int(binary.BigEndian.Uint16(p[2:]))
			if size >= 20 && size <= len(p) {
				p = p[:size]
			}
			p = p[int(p[0]&15)*4:]
		case 6:
			if len(p) < 40 {
				continue
			}
			from, to, next = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40])), p[6]
			p = p[40:min(len(p), 40+int(binary.BigEndian.Uint16(p[4:])))]
		default:
			continue
		}
		if len(p) < 8 {
			continue
		}
		f := flow{from: netip.AddrPortFrom(from, binary.BigEndian.Uint16(p)), to: netip.AddrPortFrom(to, binary.BigEndian.Uint16(p[2:]))}
		switch {
		case next == 6 && len(p) >= 20 && int(p[12]>>4)*4 <= len(p):
			f.transport = "tcp"
			if data := p[int(p[12]>>4)*4:]; len(data) > 0 {
				out[f] = append(out[f], segment{binary.BigEndian.Uint32(p[4:]), data})
			}
		case next == 17:
			f.transport = "udp"
			out[f] = append(out[f], segment{uint32(len(out[f])), p[8:]})
		}
	}
	return out
}

// stream joins the segments of a TCP flow, as far as they join.
func stream(l []segment) (b []byte) {
	l = slices.Clone(l)
	first := l[0].seq
	slices.SortStableFunc(l, func(x, y segment) int { return cmp.Compare(int32(x.seq-first), int32(y.seq-first)) })
	at := l[0].seq
	for _, s := range l {
		if over := int(int32(at - s.seq)); over >= 0 && over < len(s.payload) {
			b = append(b, s.payload[over:]...)
			at = s.seq + uint32(len(s.payload))
		} else if over < 0 {
			break
		}
	}
	return b
}

// fromTCP finds the first ClientHello of a stream, which may stand behind a proxy's
// own words.
func fromTCP(b []byte) (got TLS, msg []byte, ok bool) {
	for i := range b {
		if b[i] == 22 && i+6 < len(b) && b[i+1] == 3 && b[i+5] == 1 {
			if got, err := tapped(b[i:], len(b)); err == nil {
				return got, handshake(b[i:]), true
			}
		}
	}
	return TLS{}, nil, false
}

// handshake is the first message of a stream of records.
func handshake(b []byte) (msg []byte) {
	for len(b) > 5 && b[0] == 22 {
		n := min(5+int(b[3])<<8+int(b[4]), len(b))
		msg, b = append(msg, b[5:n]...), b[n:]
	}
	return msg[:4+int(msg[1])<<16+int(msg[2])<<8+int(msg[3])]
}

// fromQUIC takes the ClientHello out of the Initial packets of a flow (RFC 9001 5).
func fromQUIC(l []segment) (got TLS, msg []byte, ok bool) {
	crypto := map[int][]byte{} // by offset
	for _, s := range l {
		for p := s.payload; len(p) > 7 && p[0]&0xf0 == 0xc0; {
			plain, rest, ok := initial(p)
			if !ok {
				break
			}
			frames(plain, crypto)
			p = rest
		}
	}
	for _, at := range slices.Sorted(func(yield func(int) bool) {
		for k := range crypto {
			if !yield(k) {
				return
			}
		}
	}) {
		if at > len(msg) {
			break
		}
		msg = append(msg[:at], crypto[at]...)
	}
	var h Hello
	if len(msg) < 4 {
		return TLS{}, nil, false
	}
	msg = msg[:min(len(msg), 4+int(msg[1])<<16+int(msg[2])<<8+int(msg[3]))]
	if h.Parse(msg) != nil {
		return TLS{}, nil, false
	}
	return h.Prints(QUIC), msg, true
}

// initial opens an Initial packet of version 1 by the keys that everybody knows.
func initial(p []byte) (plain, rest []byte, ok bool) {
	if binary.BigEndian.Uint32(p[1:]) != 1 {
		return nil, nil, false
	}
	c := cut{b: p[5:]}
	dcid := c.take(c.u8())
	c.take(c.u8())
	c.take(varint(&c)) // token
	size := varint(&c)
	if c.bad || size > len(c.b) || size < 20 {
		return nil, nil, false
	}
	head := len(p) - len(c.b)
	rest = c.b[size:]
	p = bytes.Clone(p[:head+size])
	secret, err := hkdf.Extract(sha256.New, dcid, []byte("\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"))
	if err != nil {
		return nil, nil, false
	}
	expand := func(from []byte, label string, n int) []byte {
		info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "+label+"\x00"...)
		out, err := hkdf.Expand(sha256.New, from, string(info), n)
		if err != nil {
			panic(err)
		}
		return out
	}
	client := expand(secret, "client in", 32)
	key, iv, hp := expand(client, "quic key", 16), expand(client, "quic iv", 12), expand(client, "quic hp", 16)
	block, _ := aes.NewCipher(hp)
	var mask [16]byte
	block.Encrypt(mask[:], p[head+4:head+20])
	p[0] ^= mask[0] & 0x0f
	n := int(p[0]&3) + 1
	for i := range n {
		p[head+i] ^= mask[1+i]
		iv[12-n+i] ^= p[head+i]
	}
	block, _ = aes.NewCipher(key)
	aead, _ := cipher.NewGCM(block)
	plain, err = aead.Open(nil, iv, p[head+n:], p[:head+n])
	return plain, rest, err == nil
}

func varint(c *cut) int {
	first := c.u8()
	v := first & 0x3f
	for range 1<<(first>>6) - 1 {
		v = v<<8 | c.u8()
	}
	return v
}

// frames gathers the CRYPTO frames of an Initial packet.
func frames(plain []byte, crypto map[int][]byte) {
	for c := (cut{b: plain}); len(c.b) > 0 && !c.bad; {
		switch c.u8() {
		case 0, 1: // padding, ping
		case 6:
			at := varint(&c)
			crypto[at] = c.take(varint(&c))
		default:
			return
		}
	}
}
