package fingerprint

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
)

// syn4 and syn6 are headers as Linux sends them.
func syn4(t testing.TB) []byte {
	b, err := hex.DecodeString("4500003c1a2b40004006aabb0a0000010a000002" + "d43101bb00000001000000" + "00a002faf0abcd0000" + "020405b40402080a0102030400000000" + "01030307")
	must(t, err)
	return b
}

func syn6(t testing.TB) []byte {
	v4 := syn4(t)
	b := append([]byte{0x60, 1, 2, 3, 0, byte(len(v4) - 20), 6, 57}, make([]byte, 32)...)
	return append(b, v4[20:]...)
}

func TestSYN(t *testing.T) {
	change := func(b []byte, fn func(b []byte) []byte) []byte { return fn(b) }
	for _, c := range []struct {
		name, want string
		packet     []byte
	}{
		{"Linux", "4:64:64240:1460:7:mss,sok,ts,nop,ws:df,id+", syn4(t)},
		{"Linux over IPv6", "6:64:64240:1460:7:mss,sok,ts,nop,ws:flow", syn6(t)},
		{"some hops away", "4:64:64240:1460:7:mss,sok,ts,nop,ws:df,id+", change(syn4(t), func(b []byte) []byte { b[8] = 41; return b })},
		{"Windows' TTL", "4:128:64240:1460:7:mss,sok,ts,nop,ws:df,id+", change(syn4(t), func(b []byte) []byte { b[8] = 113; return b })},
		{"ECN, no ID, time from zero", "4:255:64240:1460:7:mss,sok,ts,nop,ws:df,ecn,ts0", change(syn4(t), func(b []byte) []byte {
			b[4], b[5], b[8], b[33] = 0, 0, 200, 0xc2
			clear(b[48:52])
			return b
		})},
		{"no options", "4:64:64240:0:0::df,id+", change(syn4(t), func(b []byte) []byte { b[32] = 0x50; return b[:40] })},
		{"an unknown option, then padding", "4:64:64240:0:0:?34,eol:df,id+", change(syn4(t), func(b []byte) []byte {
			b[32] = 0x70
			return append(b[:40], 34, 4, 1, 2, 0, 9, 9, 9)
		})},
		{"IP options", "4:64:64240:1460:7:mss,sok,ts,nop,ws:df,id+,ipopt", change(syn4(t), func(b []byte) []byte {
			return append(append([]byte{0x46}, append(b[1:20:20], 1, 1, 1, 0)...), b[20:]...)
		})},
		{"an extension header", "6:64:64240:1460:7:mss,sok,ts,nop,ws:flow,ipopt", change(syn6(t), func(b []byte) []byte {
			b[6] = 60
			return append(append(b[:40:40], 6, 0, 1, 4, 0, 0, 0, 0), b[40:]...)
		})},
	} {
		if got, err := SYN(c.packet); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestMalformedSYNIsRefused(t *testing.T) {
	change := func(b []byte, fn func(b []byte)) []byte { fn(b); return b }
	for _, c := range []struct {
		want   string
		packet []byte
	}{
		{"nothing there", nil},
		{"IP version 0", []byte{0}},
		{"an IPv4 header of 16 bytes", change(syn4(t), func(b []byte) { b[0] = 0x44 })},
		{"an IPv4 header of 60 bytes in 40", change(syn4(t), func(b []byte) { b[0] = 0x4f })[:40]},
		{"protocol 17", change(syn4(t), func(b []byte) { b[9] = 17 })},
		{"a fragment", change(syn4(t), func(b []byte) { b[7] = 1 })},
		{"an IPv6 header of 30", syn6(t)[:30]},
		{"protocol 44", change(syn6(t), func(b []byte) { b[6] = 44 })},
		{"an extension header goes past", change(syn6(t), func(b []byte) { b[6], b[41] = 0, 255 })},
		{"a TCP header of 10", syn4(t)[:30]},
		{"a TCP header of 16 bytes", change(syn4(t), func(b []byte) { b[32] = 0x40 })},
		{"a TCP header of 60 bytes in 40", change(syn4(t), func(b []byte) { b[32] = 0xf0 })},
		{"flags 0x12", change(syn4(t), func(b []byte) { b[33] = 0x12 })},
		{"flags 0x10", change(syn4(t), func(b []byte) { b[33] = 0x10 })},
		{"option 2 goes past", change(syn4(t), func(b []byte) { b[41] = 60 })},
		{"option 2 goes past", change(syn4(t), func(b []byte) { b[41] = 1 })},
		{"option 3 of 2 bytes", change(syn4(t), func(b []byte) { b[56], b[57] = 3, 4 })},
		{"option 2 of 1 bytes", change(syn4(t), func(b []byte) { b[41] = 3 })},
	} {
		if got, err := SYN(c.packet); !errors.Is(err, errSYN) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %v, want %q", got, err, c.want)
		}
	}
}

func TestSavedSYNOfARealConnection(t *testing.T) {
	for network, addr := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		var conf net.ListenConfig
		conf.SetMultipathTCP(false)
		ln, err := conf.Listen(t.Context(), network, addr)
		if err != nil {
			t.Logf("%s is not here: %v", network, err)
			continue
		}
		defer func() { _ = ln.Close() }()
		raw, err := ln.(*net.TCPListener).SyscallConn()
		must(t, err)
		if err := KeepSYN(raw); errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial(network, ln.Addr().String())
		must(t, err)
		defer func() { _ = client.Close() }()
		server, err := ln.Accept()
		must(t, err)
		defer func() { _ = server.Close() }()
		conn, err := server.(*net.TCPConn).SyscallConn()
		must(t, err)
		got, err := SavedSYN(conn)
		if err != nil || !strings.HasPrefix(got, network[3:]+":") || !strings.Contains(got, ":mss,") || len(strings.Split(got, ":")) != 7 {
			t.Errorf("%s: %q, %v", network, got, err)
		}
		if _, err := SavedSYN(conn); !errors.Is(err, errSYN) {
			t.Errorf("%s: a second time: %v", network, err)
		}
	}
}

func FuzzSYN(f *testing.F) {
	f.Add(syn4(f))
	f.Add(syn6(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := SYN(b)
		if (err == nil) != (strings.Count(got, ":") == 6) || len(got) > 400 {
			t.Fatalf("%q, %v", got, err)
		}
		if err == nil && len(b) >= 4 && b[0]>>4 == 4 && binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			t.Fatal("a fragment is read")
		}
	})
}
