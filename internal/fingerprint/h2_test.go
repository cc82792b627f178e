package fingerprint

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// opening writes what a client opens a connection with.
type opening struct {
	bytes.Buffer
	*http2.Framer
	hpack bytes.Buffer
	enc   *hpack.Encoder
}

func newOpening() *opening {
	o := new(opening)
	o.WriteString(preface)
	o.Framer = http2.NewFramer(&o.Buffer, nil)
	o.enc = hpack.NewEncoder(&o.hpack)
	return o
}

// block encodes fields.
func (o *opening) block(fields ...string) []byte {
	o.hpack.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = o.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(o.hpack.Bytes())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// page is a browser's first request.
var page = []string{
	":method", "GET", ":authority", "shop.example.test", ":scheme", "https", ":path", "/page",
	"sec-ch-ua", `"Chromium";v="156"`, "user-agent", "Mozilla/5.0 (X11; Linux x86_64)", "accept", "text/html", "sec-fetch-mode", "navigate", "cookie", "sid=1",
}

// browser opens as Chromium does.
func browser(t testing.TB) *opening {
	o := newOpening()
	must(t, o.WriteSettings(http2.Setting{ID: 1, Val: 65536}, http2.Setting{ID: 2, Val: 0}, http2.Setting{ID: 4, Val: 6291456}, http2.Setting{ID: 6, Val: 262144}))
	must(t, o.WriteWindowUpdate(0, 15663105))
	must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: o.block(page...), EndHeaders: true, EndStream: true,
		Priority: http2.PriorityParam{Exclusive: true, Weight: 255}}))
	return o
}

func opened(b []byte, n int) (*H2, error) {
	var tap H2Tap
	for piece := range slices.Chunk(b, n) {
		tap.Feed(piece)
	}
	return tap.Result(), tap.Err()
}

func TestOpeningOfABrowser(t *testing.T) {
	o := browser(t)
	must(t, o.WriteSettings(http2.Setting{ID: 9, Val: 9})) // after the first request
	must(t, o.WriteData(1, true, make([]byte, 9000)))
	before := bytes.Clone(o.Bytes())
	for n := 1; n < o.Len(); n++ {
		got, err := opened(o.Bytes(), n)
		if err != nil || got == nil {
			t.Fatalf("reads of %d: %v", n, err)
		}
		if want := "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p"; got.Print != want {
			t.Fatalf("reads of %d: %s, want %s", n, got.Print, want)
		}
		if got.First.Kind != Navigation || got.First.Agent != "Mozilla/5.0 (X11; Linux x86_64)" || !strings.HasPrefix(got.First.Order, "h2n04_") {
			t.Fatalf("reads of %d: %+v", n, got.First)
		}
	}
	if !bytes.Equal(o.Bytes(), before) {
		t.Fatal("the tap changed the bytes")
	}
}

func TestOpeningsOfManyShapes(t *testing.T) {
	for _, c := range []struct {
		name, want string
		write      func(o *opening)
	}{
		{"nothing but a request", "|00|0|m,s,p,a", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: o.block(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a")}))
		}},
		{"an empty SETTINGS, a tree of priorities", "|00|3:0:0:201,5:1:3:1|m,p", func(o *opening) {
			must(t, o.WriteSettings())
			must(t, o.WritePriority(3, http2.PriorityParam{Weight: 200}))
			must(t, o.WritePriority(5, http2.PriorityParam{Exclusive: true, StreamDep: 3}))
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: o.block(":method", "GET", ":path", "/")}))
		}},
		{"two SETTINGS, an acknowledgement, a PING, a window of a stream", "3:100;g;4:1|77|0|m", func(o *opening) {
			must(t, o.WriteSettings(http2.Setting{ID: 3, Val: 100}, http2.Setting{ID: 0x5a5a, Val: 12345}))
			must(t, o.WritePing(false, [8]byte{}))
			must(t, o.WriteSettingsAck())
			must(t, o.WriteSettings(http2.Setting{ID: 4, Val: 1}))
			must(t, o.WriteWindowUpdate(3, 5))
			must(t, o.WriteWindowUpdate(0, 77))
			must(t, o.WriteWindowUpdate(0, 78))
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: o.block(":method", "GET")}))
		}},
		{"a head in pieces, padded, with an unknown pseudo-header field", "|00|0|m,?", func(o *opening) {
			b := o.block(":method", "CONNECT", ":protocol", "websocket", "a", strings.Repeat("x", 500))
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:3], PadLength: 100, Priority: http2.PriorityParam{Weight: 1}}))
			must(t, o.WriteContinuation(1, false, b[3:4]))
			must(t, o.WriteContinuation(1, false, nil))
			must(t, o.WriteContinuation(1, true, b[4:]))
		}},
		{"a frame of an unknown type", "|00|0|m", func(o *opening) {
			must(t, o.WriteRawFrame(0x2b, 9, 0, make([]byte, 9000)))
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: o.block(":method", "GET")}))
		}},
	} {
		o := newOpening()
		c.write(o)
		for _, n := range []int{1, 7, o.Len()} {
			if got, err := opened(o.Bytes(), n); err != nil || got == nil || got.Print != c.want {
				t.Errorf("%s, reads of %d: %+v, %v, want %s", c.name, n, got, err, c.want)
			}
		}
	}
}

func TestOpeningsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name, want string
		write      func(o *opening)
	}{
		{"another preface", "the preface is another", func(o *opening) { o.Reset(); o.WriteString("GET / HTTP/1.1\r\n\r\n") }},
		{"a huge frame", "a frame of 65536 bytes", func(o *opening) { o.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0}) }},
		{"a flood of SETTINGS", "no request within 65536 bytes", func(o *opening) {
			for range 2000 {
				must(t, o.WriteSettings(http2.Setting{ID: 1, Val: 1}, http2.Setting{ID: 2, Val: 4294967295}, http2.Setting{ID: 3}, http2.Setting{ID: 4}))
			}
		}},
		{"a flood of PRIORITY", "no request within 65536 bytes", func(o *opening) {
			for range 9000 {
				must(t, o.WritePriority(4294967295>>1, http2.PriorityParam{StreamDep: 4294967295 >> 1, Exclusive: true, Weight: 255}))
			}
		}},
		{"a flood of CONTINUATION", "a head of more than 32768 bytes", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: o.block(":method", "GET")}))
			for range 9 {
				must(t, o.WriteContinuation(1, false, make([]byte, 5000)))
			}
		}},
		{"a flood of empty CONTINUATION", "no request within 65536 bytes", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: o.block(":method", "GET")}))
			for range 9000 {
				must(t, o.WriteContinuation(1, false, nil))
			}
		}},
		{"a CONTINUATION of nothing", "a CONTINUATION of nothing", func(o *opening) { must(t, o.WriteContinuation(1, true, o.block(":method", "GET"))) }},
		{"a frame within a head", "a frame stands within a head", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: o.block(":method", "GET")}))
			must(t, o.WritePing(false, [8]byte{}))
		}},
		{"a head of another stream's within a head", "a frame stands within a head", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: o.block(":method", "GET")}))
			must(t, o.WriteContinuation(3, true, nil))
		}},
		{"padding past the end", "a malformed HEADERS frame", func(o *opening) { o.Write([]byte{0, 0, 2, 1, flagPadded | flagEndHeaders, 0, 0, 0, 1, 9, 0}) }},
		{"a request on no stream", "a malformed HEADERS frame", func(o *opening) { o.Write([]byte{0, 0, 1, 1, flagEndHeaders, 0, 0, 0, 0, 0x82}) }},
		{"a head of noise", "the first head", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff}}))
		}},
		{"half a head", "the first head", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: []byte{0x40, 9, 'a'}}))
		}},
		{"a head without a request", "it has no pseudo-header fields", func(o *opening) {
			must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: o.block("a", "b")}))
		}},
	} {
		o := newOpening()
		c.write(o)
		for _, n := range []int{1, o.Len()} {
			var tap H2Tap
			for piece := range slices.Chunk(o.Bytes(), n) {
				tap.Feed(piece)
			}
			if got, err := tap.Result(), tap.Err(); got != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, reads of %d: %+v, %v, want %q", c.name, n, got, err, c.want)
			}
			if tap.buf != nil || len(tap.settings)+len(tap.priorities) > 1024 {
				t.Errorf("%s: %d and %d bytes are kept", c.name, len(tap.settings), len(tap.priorities))
			}
		}
	}
}

// Heads that refer to each other would tell one visitor's fields to another.
func TestOpeningsShareNoTable(t *testing.T) {
	for range 20 {
		o := newOpening()
		must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: o.block(append(page, "secret", "mine")...)}))
		if got, err := opened(o.Bytes(), o.Len()); got == nil {
			t.Fatal(err)
		}
		o = newOpening()
		must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: []byte{0x82, 0x80 | 62}}))
		if got, err := opened(o.Bytes(), o.Len()); got != nil || err == nil {
			t.Fatalf("an entry of an earlier connection's table is there: %+v", got)
		}
	}
}

// A table may be made smaller at a head's start; the next connection's is whole.
func TestOpeningWithASmallTable(t *testing.T) {
	for range 5 {
		o := newOpening()
		must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: append([]byte{0x20}, o.block(":method", "GET", "a", "b")...)}))
		if got, err := opened(o.Bytes(), o.Len()); got == nil {
			t.Fatal(err)
		}
		o = newOpening()
		if got, err := opened(browser(t).Bytes(), 999); got == nil {
			t.Fatal(err)
		}
		must(t, o.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true,
			BlockFragment: append(o.block(":method", "GET", "own", "1"), 0x80|62)}))
		if got, err := opened(o.Bytes(), o.Len()); got == nil {
			t.Fatalf("the connection's own entry is not there: %v", err)
		}
	}
}

func FuzzH2Tap(f *testing.F) {
	f.Add(browser(f).Bytes(), 5)
	f.Add([]byte(preface+"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01"), 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		b = append([]byte(preface), b...)
		whole, err := opened(b, len(b))
		pieces, perr := opened(b, min(max(n, 1), len(b)))
		if (whole == nil) != (pieces == nil) || (err == nil) != (perr == nil) || whole != nil && *whole != *pieces {
			t.Fatalf("at once %+v, %v; in pieces %+v, %v", whole, err, pieces, perr)
		}
		if whole != nil && len(whole.Print) > 1200 {
			t.Fatalf("a print of %d bytes", len(whole.Print))
		}
	})
}
