package fingerprint

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMalformedHellosAreRefused(t *testing.T) {
	with := func(e ...extension) []byte {
		return offer{version: 0x0303, ciphers: []uint16{0x1301}, extensions: e}.message()
	}
	change := func(fn func(b []byte) []byte) []byte { return fn(with(groups(29))) }
	for want, msg := range map[string][]byte{
		"its type is another":              change(func(b []byte) []byte { b[0] = 2; return b }),
		"bytes announced":                  change(func(b []byte) []byte { return append(b, 0) }),
		"it ends before its extensions":    {1, 0, 0, 3, 3, 3, 0},
		"the extensions don't end with it": change(func(b []byte) []byte { b[3]++; return append(b, 0) }),
		"extension 0x000a goes past":       change(func(b []byte) []byte { b[len(b)-5]++; return b }),
		"extension 0x000a is malformed":    with(extension{extGroups, []byte{0, 1, 29}}),
		"extension 0x000b is malformed":    with(extension{extPoints, []byte{2, 0}}),
		"extension 0x000d is malformed":    with(extension{extSignatures, []byte{0, 2, 4, 3, 9}}),
		"extension 0x0010 is malformed":    with(extension{extProtocols, []byte{0, 3, 3, 'h', '2'}}),
		"extension 0x002b is malformed":    with(extension{extSupportedVersions, []byte{3, 3, 4, 3}}),
	} {
		err := new(Hello).Parse(msg)
		if !errors.Is(err, errHello) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// tapped feeds a stream in pieces of n bytes.
func tapped(b []byte, n int) (TLS, error) {
	var tap HelloTap
	for piece := range slices.Chunk(b, n) {
		tap.Feed(piece)
	}
	return tap.Result()
}

func TestTapReadsAnyPieces(t *testing.T) {
	msg := chrome().message()
	want := parsed(t, chrome()).Prints(TCP)
	for _, record := range []int{1, 2, 3, 4, 5, 63, len(msg) - 1, len(msg)} {
		// More handshake follows in the last record, and more records.
		stream := append(records(append(slices.Clone(msg), 1, 2, 3), record), 23, 3, 3, 0, 1, 0)
		before := slices.Clone(stream)
		for _, read := range []int{1, 2, 5, 6, 100, len(stream)} {
			if got, err := tapped(stream, read); err != nil || got != want {
				t.Errorf("records of %d, reads of %d: %v, %v", record, read, got, err)
			}
		}
		if !bytes.Equal(stream, before) {
			t.Fatal("the tap changed the bytes")
		}
	}
}

func TestTapKeepsToItsBounds(t *testing.T) {
	large := make([]byte, MaxHello+1)
	large = append([]byte{1, 0, byte(len(large) >> 8), byte(len(large))}, large...)
	for name, c := range map[string]struct {
		stream []byte
		want   string
	}{
		"plain HTTP":       {[]byte("GET / HTTP/1.1\r\n\r\n"), "no record of a handshake"},
		"SSL 2.0":          {[]byte{0x80, 0x2e, 1, 0, 2, 0, 0x15}, "no record of a handshake"},
		"an empty record":  {[]byte{22, 3, 1, 0, 0, 22, 3, 1}, "a record of 0 bytes"},
		"a huge record":    {[]byte{22, 3, 1, 0x40, 1}, "a record of 16385 bytes"},
		"a ServerHello":    {records([]byte{2, 0, 0, 1, 0}, 9), "its type is another"},
		"a huge hello":     {records(large, 1000), "at most 16384 are looked at"},
		"half a hello":     {records(chrome().message(), 9999)[:100], "no whole ClientHello has come"},
		"a hello of noise": {records([]byte{1, 0, 0, 2, 0, 0}, 9), "it ends before its extensions"},
	} {
		for _, read := range []int{1, len(c.stream)} {
			var tap HelloTap
			for piece := range slices.Chunk(c.stream, read) {
				tap.Feed(piece)
			}
			got, err := tap.Result()
			if err == nil || !strings.Contains(err.Error(), c.want) || got != (TLS{}) {
				t.Errorf("%s: %v, %v, want %q", name, got, err, c.want)
			}
			if tap.buf != nil {
				t.Errorf("%s: the buffer is kept", name)
			}
		}
	}
}

func TestTapOfAnOrdinaryHelloAllocatesOnlyItsPrints(t *testing.T) {
	stream := records(chrome().message(), 9999)
	n := testing.AllocsPerRun(100, func() {
		var tap HelloTap
		tap.Feed(stream[:100])
		tap.Feed(stream[100:])
		if _, err := tap.Result(); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// heard gives what crypto/tls makes of a hello, nil when it accepts none.
func heard(stream []byte) (info *tls.ClientHelloInfo) {
	conn := &recorded{Reader: bytes.NewReader(stream)}
	_ = tls.Server(conn, &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		info = i
		return nil, errors.New("enough")
	}}).Handshake()
	return info
}

// recorded is a connection on which only what was recorded comes.
type recorded struct {
	io.Reader
	net.Conn
}

func (r *recorded) Read(p []byte) (int, error)       { return r.Reader.Read(p) }
func (r *recorded) Write(p []byte) (int, error)      { return len(p), nil }
func (r *recorded) Close() error                     { return nil }
func (r *recorded) SetWriteDeadline(time.Time) error { return nil }

// agree checks that we take every hello that crypto/tls takes, and for the same.
func agree(t *testing.T, msg []byte) {
	t.Helper()
	info := heard(records(msg, maxRecord))
	if info == nil {
		return
	}
	var h Hello
	if err := h.Parse(msg); err != nil {
		t.Fatalf("crypto/tls takes a hello, we don't: %v\n%x", err, msg)
	}
	same := func(what string, ours List, theirs []uint16) {
		t.Helper()
		if !bytes.Equal(ours, numbers(theirs...)) {
			t.Fatalf("%s: %x, to crypto/tls %x", what, []byte(ours), theirs)
		}
	}
	same("ciphers", h.Ciphers, info.CipherSuites)
	same("extensions", numbers(h.AppendExtensions(nil)...), info.Extensions)
	if h.Versions.Len() > 0 {
		same("versions", h.Versions, info.SupportedVersions)
	}
	var curves, schemes []uint16
	for _, c := range info.SupportedCurves {
		curves = append(curves, uint16(c))
	}
	for _, s := range info.SignatureSchemes {
		schemes = append(schemes, uint16(s))
	}
	same("groups", h.Groups, curves)
	same("signatures", h.Signatures, schemes)
	if !bytes.Equal(h.Points, info.SupportedPoints) {
		t.Fatalf("points: %x, to crypto/tls %x", h.Points, info.SupportedPoints)
	}
	if len(info.SupportedProtos) > 0 && string(h.Protocol) != info.SupportedProtos[0] {
		t.Fatalf("protocol: %q, to crypto/tls %q", h.Protocol, info.SupportedProtos)
	}
	if h.Named != slices.Contains(info.Extensions, extServerName) {
		t.Fatal("one of us sees a server name")
	}
}

func TestHelloReadsAsCryptoTLSDoes(t *testing.T) {
	o := chrome()
	// Where crypto/tls looks into an extension, it must hold something.
	for i, e := range o.extensions {
		switch e.kind {
		case 0x0005:
			o.extensions[i].body = []byte{1, 0, 0, 0, 0}
		case 0x0033:
			o.extensions[i].body = counted16(nil)
		case 0x002d:
			o.extensions[i].body = []byte{1, 1}
		case 0xff01:
			o.extensions[i].body = []byte{0}
		}
	}
	msg := o.message()
	if heard(records(msg, maxRecord)) == nil {
		t.Fatal("crypto/tls does not take the example")
	}
	agree(t, msg)
	agree(t, offer{version: 0x0301, ciphers: []uint16{4, 5}, bare: true}.message())
}

func FuzzHello(f *testing.F) {
	f.Add(chrome().message())
	f.Add(offer{version: 0x0301, ciphers: []uint16{4, 5}, bare: true}.message())
	f.Add(offer{version: 0x0303, ciphers: []uint16{4}, extensions: []extension{groups(29), points(0), protocols("h2"), named("a.b"), versions(0x304), signatures(0x403)}}.message())
	f.Fuzz(func(t *testing.T, msg []byte) {
		var h Hello
		if h.Parse(msg) == nil {
			p := h.Prints(TCP)
			if len(p.JA3) != ja3Len || len(p.JA4) != ja4Len || len(p.Stable) != stableLen {
				t.Fatalf("%+v", p)
			}
		}
		if len(msg) > 4 && len(msg) <= MaxHello {
			n := len(msg) - 4 // what follows would be another message
			msg[1], msg[2], msg[3] = byte(n>>16), byte(n>>8), byte(n)
			agree(t, msg)
		}
	})
}

func FuzzHelloTap(f *testing.F) {
	f.Add(records(chrome().message(), 100), 7)
	f.Add(records(chrome().message(), 9999), 9999)
	f.Fuzz(func(t *testing.T, stream []byte, n int) {
		whole, err := tapped(stream, max(len(stream), 1))
		pieces, perr := tapped(stream, min(max(n, 1), max(len(stream), 1)))
		if whole != pieces || (err == nil) != (perr == nil) {
			t.Fatalf("at once %v, %v; in pieces of %d %v, %v", whole, err, n, pieces, perr)
		}
	})
}
