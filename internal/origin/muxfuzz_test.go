package origin

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// FuzzMux lets an origin say anything at all: whatever it is, the exchange ends, what
// is given as an answer is one, and nothing is left promised.
func FuzzMux(f *testing.F) {
	seed := func(say func(fr *http2.Framer, block func(...string) []byte)) {
		var out, heads bytes.Buffer
		enc := hpack.NewEncoder(&heads)
		fr := http2.NewFramer(&out, nil)
		_ = fr.WriteSettings()
		say(fr, func(list ...string) []byte {
			heads.Reset()
			for i := 0; i < len(list); i += 2 {
				_ = enc.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]})
			}
			return bytes.Clone(heads.Bytes())
		})
		f.Add(out.Bytes())
	}
	head := func(fr *http2.Framer, end bool, b []byte) {
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b, EndHeaders: true, EndStream: end})
	}
	seed(func(fr *http2.Framer, b func(...string) []byte) {
		head(fr, false, b(":status", "200", "content-length", "2"))
		_ = fr.WriteData(1, true, []byte("ok"))
	})
	seed(func(fr *http2.Framer, b func(...string) []byte) {
		head(fr, false, b(":status", "103", "link", "x"))
		head(fr, false, b(":status", "200"))
		_ = fr.WriteData(1, false, []byte("ok"))
		head(fr, true, b("x-sum", "1"))
	})
	seed(func(fr *http2.Framer, b func(...string) []byte) {
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b(":status", "204"), EndStream: true})
		_ = fr.WriteContinuation(1, true, b("x", "y"))
		_ = fr.WritePing(false, [8]byte{})
		_ = fr.WriteWindowUpdate(1, 5)
		_ = fr.WriteGoAway(1, http2.ErrCodeNo, nil)
	})
	seed(func(fr *http2.Framer, _ func(...string) []byte) { _ = fr.WriteRSTStream(1, http2.ErrCodeRefusedStream) })
	f.Fuzz(func(t *testing.T, said []byte) {
		o := Options{MaxHead: 4 << 10}
		o.defaults()
		ours, theirs := net.Pipe()
		p := &Pool{o: o}
		e := &Endpoint{pool: p, addr: "a"}
		m := newMux(&p.o, ours, func() { _ = ours.Close() })
		drained := make(chan struct{})
		go func() { defer close(drained); _, _ = io.Copy(io.Discard, theirs) }()
		if ok, used, _ := m.reserve(); ok {
			c := e.call(m, used)
			c.h2.alone = true
			c.In.Bound = 4 << 10
			go func() {
				_ = theirs.SetWriteDeadline(time.Now().Add(5 * time.Second))
				_, _ = theirs.Write(said)
				_ = theirs.Close()
			}()
			if got, err := converse(c, p, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"); err == nil && len(got) < 4 {
				t.Errorf("%q is no answer", got)
			}
			c.Close()
		}
		_ = theirs.Close()
		<-drained
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.streams)+m.reserved != 0 {
			t.Errorf("%d streams, %d promised", len(m.streams), m.reserved)
		}
	})
}
