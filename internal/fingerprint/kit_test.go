package fingerprint

import (
	"encoding/binary"
	"slices"
)

// offer is a ClientHello as a test wants it.
type offer struct {
	version    uint16
	ciphers    []uint16
	extensions []extension
	bare       bool // from before there were extensions
}

type extension struct {
	kind uint16
	body []byte
}

// message writes the handshake message.
func (o offer) message() []byte {
	b := binary.BigEndian.AppendUint16([]byte{1, 0, 0, 0}, o.version)
	b = append(b, make([]byte, 32)...)
	b = append(b, 0)
	b = append(b, counted16(numbers(o.ciphers...))...)
	b = append(b, 1, 0)
	if !o.bare {
		var list []byte
		for _, e := range o.extensions {
			list = binary.BigEndian.AppendUint16(list, e.kind)
			list = append(list, counted16(e.body)...)
		}
		b = append(b, counted16(list)...)
	}
	n := len(b) - 4
	b[1], b[2], b[3] = byte(n>>16), byte(n>>8), byte(n)
	return b
}

func numbers(l ...uint16) (b []byte) {
	for _, v := range l {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func counted8(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }

func counted16(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func groups(l ...uint16) extension     { return extension{extGroups, counted16(numbers(l...))} }
func points(l ...byte) extension       { return extension{extPoints, counted8(l)} }
func signatures(l ...uint16) extension { return extension{extSignatures, counted16(numbers(l...))} }
func versions(l ...uint16) extension {
	return extension{extSupportedVersions, counted8(numbers(l...))}
}
func empty(kind uint16) extension { return extension{kind: kind} }

func protocols(l ...string) extension {
	var b []byte
	for _, p := range l {
		b = append(b, counted8([]byte(p))...)
	}
	return extension{extProtocols, counted16(b)}
}

func named(host string) extension {
	return extension{extServerName, counted16(append([]byte{0}, counted16([]byte(host))...))}
}

// records puts a message into records of at most n bytes each.
func records(msg []byte, n int) (b []byte) {
	for part := range slices.Chunk(msg, n) {
		b = append(b, 22, 3, 1)
		b = append(b, counted16(part)...)
	}
	return b
}
