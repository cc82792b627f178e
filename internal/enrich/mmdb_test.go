package enrich

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// object is a record for the writer below: pairs of a key and a value.
type object []any

// mmdb writes a MaxMind database (format 2.0, IPv4, 24-bit records) in which each
// address has its record.
func mmdb(records map[string]object) []byte {
	type node struct {
		child [2]*node
		data  int // 1 + offset of the leaf's record
		n     int
	}
	root, data := &node{}, []byte{}
	var nodes []*node
	addrs := make([]string, 0, len(records))
	for a := range records {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	for _, a := range addrs {
		ip := netip.MustParseAddr(a).As4()
		at := root
		for i := range 32 {
			b := ip[i/8] >> (7 - i%8) & 1
			if at.child[b] == nil {
				at.child[b] = &node{}
			}
			at = at.child[b]
		}
		at.data = 1 + len(data)
		data = append(data, field(records[a])...)
	}
	var number func(*node)
	number = func(n *node) {
		if n == nil || n.data > 0 {
			return
		}
		n.n = len(nodes)
		nodes = append(nodes, n)
		number(n.child[0])
		number(n.child[1])
	}
	number(root)
	var out bytes.Buffer
	for _, n := range nodes {
		for _, c := range n.child {
			v := len(nodes) // nothing is known
			switch {
			case c == nil:
			case c.data > 0:
				v = len(nodes) + 16 + c.data - 1
			default:
				v = c.n
			}
			out.Write([]byte{byte(v >> 16), byte(v >> 8), byte(v)})
		}
	}
	out.Write(make([]byte, 16))
	out.Write(data)
	out.WriteString("\xab\xcd\xefMaxMind.com")
	out.Write(field(object{"node_count", uint32(len(nodes)), "record_size", uint16(24), "ip_version", uint16(4),
		"database_type", "Test", "binary_format_major_version", uint16(2), "binary_format_minor_version", uint16(0),
		"build_epoch", uint64(1767225600), "languages", []any{"en"}, "description", object{"en", "a test"}}))
	return out.Bytes()
}

// field encodes a value of the data section.
func field(v any) []byte {
	control := func(kind, size int) []byte {
		var b []byte
		if kind <= 7 {
			b = []byte{byte(kind << 5)}
		} else {
			b = []byte{0, byte(kind - 7)}
		}
		if size < 29 {
			b[0] |= byte(size)
			return b
		}
		b[0] |= 29
		return append(b, byte(size-29))
	}
	number := func(kind int, n uint64) []byte {
		raw := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00")
		return append(control(kind, len(raw)), raw...)
	}
	switch v := v.(type) {
	case string:
		return append(control(2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(control(3, 8), math.Float64bits(v))
	case uint16:
		return number(5, uint64(v))
	case uint32:
		return number(6, uint64(v))
	case uint64:
		return number(9, v)
	case []any:
		out := control(11, len(v))
		for _, e := range v {
			out = append(out, field(e)...)
		}
		return out
	case object:
		out := control(7, len(v)/2)
		for _, e := range v {
			out = append(out, field(e)...)
		}
		return out
	}
	panic(fmt.Sprintf("no field of type %T", v))
}

func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
