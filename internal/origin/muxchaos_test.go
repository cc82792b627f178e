package origin

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// An origin of HTTP/2 that does what it must not, or nothing. On its second
// connection, where there is one, it behaves: whatever the first one did, the next
// request is served, and nothing is left behind.
func TestOriginsOfHTTP2ThatMisbehave(t *testing.T) {
	t.Parallel()
	const head = 8 << 10
	head200 := []string{":status 200", "content-length 4"}
	for _, c := range []struct {
		name  string
		greet []http2.Setting
		first func(c *script2) // what it does when it has been asked on stream 1
		want  string           // the answer, or
		err   string           // the failure's text
		again string           // which connection serves the next
	}{
		{"resets the stream", fair, func(c *script2) { _ = c.WriteRSTStream(1, http2.ErrCodeInternal) }, "", "INTERNAL_ERROR", "1"},
		{"resets it behind the head", fair, func(c *script2) {
			c.head(1, false, head200...)
			_ = c.WriteRSTStream(1, http2.ErrCodeCancel)
		}, "", "CANCEL", "1"},
		{"refuses it once", fair, func(c *script2) { _ = c.WriteRSTStream(1, http2.ErrCodeRefusedStream) }, "200 fine", "", "1"},
		{"goes, and has not looked at it", fair, func(c *script2) { _ = c.WriteGoAway(0, http2.ErrCodeNo, nil) }, "200 fine", "", "2"},
		{"goes angrily, and has not looked at it", fair, func(c *script2) {
			_ = c.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("calm"))
			_ = c.Close()
		}, "200 fine", "", "2"},
		{"goes, and answers", fair, func(c *script2) {
			_ = c.WriteGoAway(1, http2.ErrCodeNo, nil)
			c.fine(1)
		}, "200 fine", "", "2"},
		{"goes, and does not answer", fair, func(c *script2) {
			_ = c.WriteGoAway(1, http2.ErrCodeNo, nil)
			_ = c.Close()
		}, "", "EOF", "2"},
		{"hangs up", fair, func(c *script2) { _ = c.Close() }, "", "EOF", "2"},
		{"hangs up in the body", fair, func(c *script2) {
			c.head(1, false, head200...)
			_ = c.WriteData(1, false, []byte("fi"))
			_ = c.Close()
		}, "", "EOF", "2"},
		{"never answers", fair, func(*script2) {}, "", "timeout", "1"},
		{"says nothing any more", fair, func(c *script2) {
			for { // no pings are answered either
				if _, err := c.ReadFrame(); err != nil {
					return
				}
			}
		}, "", "timeout", "2"},
		{"says too long a length", fair, func(c *script2) {
			c.head(1, false, head200...)
			_ = c.WriteData(1, true, []byte("fin"))
		}, "", "not as long", "1"},
		{"says too long a length and sends nothing", fair, func(c *script2) { c.head(1, true, head200...) }, "", "not as long", "1"},
		{"says too short a length", fair, func(c *script2) {
			c.head(1, false, head200...)
			_ = c.WriteData(1, true, []byte("finest"))
		}, "", "behind the stream's end", "1"},
		{"says two lengths", fair, func(c *script2) { c.head(1, true, ":status 200", "content-length 0", "content-length 0") }, "", "content-length", "1"},
		{"says a length with a sign", fair, func(c *script2) { c.head(1, true, ":status 200", "content-length +0") }, "", "content-length", "1"},
		{"sends a body where none may be", fair, func(c *script2) {
			c.head(1, false, ":status 204")
			_ = c.WriteData(1, true, []byte("fine"))
		}, "", "behind the stream's end", "1"},
		{"sends data before the head", fair, func(c *script2) { _ = c.WriteData(1, true, []byte("fine")) }, "", "behind the stream's end", "1"},
		{"has no status", fair, func(c *script2) { c.head(1, true, "x y") }, "", "status", "1"},
		{"has a status of letters", fair, func(c *script2) { c.head(1, true, ":status abc") }, "", "status", "1"},
		{"has a status of one digit", fair, func(c *script2) { c.head(1, true, ":status 7") }, "", "status", "1"},
		{"has two statuses", fair, func(c *script2) { c.head(1, true, ":status 200", ":status 204") }, "", "malformed", "1"},
		{"switches protocols", fair, func(c *script2) { c.head(1, false, ":status 101", "upgrade x") }, "", "status", "1"},
		{"ends with an interim response", fair, func(c *script2) { c.head(1, true, ":status 103") }, "", "status", "1"},
		{"has a field of one connection", fair, func(c *script2) { c.head(1, true, ":status 200", "connection close") }, "", "does not have", "1"},
		{"has a coding", fair, func(c *script2) { c.head(1, true, ":status 200", "transfer-encoding chunked") }, "", "does not have", "1"},
		{"has a name in upper case", fair, func(c *script2) { c.head(1, true, ":status 200", "X-A b") }, "", "malformed", "1"},
		{"has a line end in a value", fair, func(c *script2) { c.head(1, true, ":status 200", "x a\r\nset-cookie: b=c") }, "", "malformed", "1"},
		{"has trailers with a status", fair, func(c *script2) {
			c.head(1, false, ":status 200")
			c.head(1, true, ":status 200")
		}, "", "behind the stream's end", "1"},
		{"has trailers that do not end it", fair, func(c *script2) {
			c.head(1, false, ":status 200")
			c.head(1, false, "x y")
		}, "", "behind the stream's end", "1"},
		{"has too large a head", fair, func(c *script2) {
			c.head(1, true, ":status 200", "x "+strings.Repeat("y", head-500), "z "+strings.Repeat("y", 1000))
		}, "", "too large", "1"},
		{"never ends its head", fair, func(c *script2) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.fields(":status 200")})
			for range 1 << 16 {
				if c.WriteContinuation(1, false, c.fields("x "+strings.Repeat("y", 1000))) != nil {
					return
				}
			}
			panic("64 MB of a head were taken")
		}, "", "PROTOCOL_ERROR", "2"},
		{"never ends its head, in empty pieces", fair, func(c *script2) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.fields(":status 200")})
			for c.WriteContinuation(1, false, nil) == nil {
			}
		}, "", "timeout", "2"},
		{"compresses wrongly", fair, func(c *script2) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff}, EndHeaders: true})
		}, "", "COMPRESSION_ERROR", "2"},
		{"pushes", fair, func(c *script2) {
			_ = c.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: c.fields(":method GET", ":path /y", ":scheme http", ":authority a"), EndHeaders: true})
		}, "", "PROTOCOL_ERROR", "2"},
		{"answers what nobody asked", fair, func(c *script2) { c.fine(7) }, "", "PROTOCOL_ERROR", "2"},
		{"answers on a stream of its own", fair, func(c *script2) { c.fine(2) }, "", "PROTOCOL_ERROR", "2"},
		{"resets what nobody asked", fair, func(c *script2) { _ = c.WriteRSTStream(9, http2.ErrCodeCancel) }, "", "PROTOCOL_ERROR", "2"},
		{"opens a window too far", fair, func(c *script2) {
			_ = c.WriteWindowUpdate(0, 1<<31-1)
			_ = c.WriteWindowUpdate(0, 1<<31-1)
		}, "", "FLOW_CONTROL_ERROR", "2"},
		{"opens a stream's window too far", fair, func(c *script2) {
			_ = c.WriteWindowUpdate(1, 1<<31-1)
			_ = c.WriteWindowUpdate(1, 1<<31-1)
		}, "", "window", "1"},
		{"opens a window by nothing", fair, func(c *script2) { _ = c.WriteRawFrame(http2.FrameWindowUpdate, 0, 0, make([]byte, 4)) }, "", "PROTOCOL_ERROR", "2"},
		{"has a setting that may not be", fair, func(c *script2) { _ = c.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1}) }, "", "PROTOCOL_ERROR", "2"},
		{"sends more than its window", fair, func(c *script2) {
			c.head(1, false, ":status 200")
			for range streamWindow/16384 + 1 {
				_ = c.WriteData(1, false, make([]byte, 16384))
			}
			_, _ = c.next(http2.FrameRSTStream)
		}, "", "behind the stream's end", ""},
		{"sends too large a frame", fair, func(c *script2) { _ = c.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 16385)) }, "", "frame too large", "2"},
		{"floods with pings", fair, func(c *script2) {
			for c.WritePing(false, [8]byte{1}) == nil {
			}
		}, "", "flood", "2"},
		{"floods with settings", fair, func(c *script2) {
			for c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535}) == nil {
			}
		}, "", "flood", "2"},
		{"floods with empty pieces", fair, func(c *script2) {
			c.head(1, false, head200...)
			for c.WriteData(1, false, nil) == nil {
			}
		}, "", "flood", "2"},
		{"floods with padding", fair, func(c *script2) {
			c.head(1, false, head200...)
			for c.WriteDataPadded(1, false, nil, make([]byte, 100)) == nil {
			}
		}, "", "flood", "2"},
		{"floods with resets of what is over", fair, func(c *script2) {
			_ = c.WriteRSTStream(1, http2.ErrCodeInternal)
			for c.WriteRSTStream(1, http2.ErrCodeInternal) == nil {
			}
		}, "", "INTERNAL_ERROR", ""},
		{"floods with priorities", fair, func(c *script2) {
			for c.WritePriority(1, http2.PriorityParam{StreamDep: 3}) == nil {
			}
		}, "", "flood", "2"},
		{"sends 1,000 empty pieces", fair, func(c *script2) {
			c.head(1, false, head200...)
			for range 1000 {
				_ = c.WriteData(1, false, nil)
			}
			_ = c.WriteData(1, true, []byte("fine"))
		}, "200 fine", "", "1"},
		{"answers pings late and then all at once", fair, func(c *script2) {
			for range 100 {
				_ = c.WritePing(true, [8]byte{9}) // to nothing
			}
			c.fine(1)
		}, "200 fine", "", "1"},
		{"uses frames that nobody knows", fair, func(c *script2) {
			_ = c.WriteRawFrame(0x77, 0xff, 1, []byte("?"))
			_ = c.WritePriority(1, http2.PriorityParam{StreamDep: 3, Weight: 1})
			c.fine(1)
		}, "200 fine", "", "1"},
		{"answers in one byte at a time", fair, func(c *script2) {
			c.head(1, false, ":status 200")
			for _, b := range []byte("fine") {
				_ = c.WriteDataPadded(1, false, []byte{b}, make([]byte, 200))
			}
			_ = c.WriteData(1, true, nil)
		}, "200 fine", "", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var served atomic.Value // the connection of the last answer that was in order
			url, _ := scripted(t, c.greet, func(o *script2) {
				if o.n == 1 {
					if _, ok := o.request(); !ok {
						return
					}
					c.first(o)
				}
				for {
					s, ok := o.request()
					if !ok {
						return
					}
					served.Store(fmt.Sprint(o.n))
					o.fine(s)
				}
			})
			o := Options{MaxHead: head, HeaderTimeout: 2 * time.Second, StallTimeout: 2 * time.Second}
			if c.name == "says nothing any more" || strings.HasSuffix(c.name, "in empty pieces") {
				o.HeaderTimeout, o.PingAfter, o.PingTimeout = time.Minute, 100*time.Millisecond, 100*time.Millisecond
			}
			p := h2Pool(t, url, o)
			if strings.HasPrefix(c.name, "sends more than") {
				overrun(t, p)
			} else {
				got, err := fetch(t, p, "GET", "")
				switch {
				case c.err == "" && (err != nil || got != c.want):
					t.Fatalf("%q %v", got, err)
				case c.err == "timeout" && !errors.Is(err, os.ErrDeadlineExceeded):
					t.Fatalf("%q, %v", got, err)
				case c.err != "" && c.err != "timeout" && (err == nil || !strings.Contains(err.Error(), c.err)):
					t.Fatalf("%q, want a failure with %q: %v", got, c.err, err)
				}
			}
			got, err := fetch(t, p, "GET", "")
			if c.again == "" && err != nil { // it may come before what the origin did has been noticed
				soon(t, "the next request is served", func() bool { got, err = fetch(t, p, "GET", ""); return err == nil })
			}
			if err != nil || got != "200 fine" {
				t.Fatalf("the next request: %q %v", got, err)
			}
			if served.Load() != c.again && c.again != "" {
				t.Errorf("connection %v served it", served.Load())
			}
		})
	}
}

// overrun asks and does not read: what an origin may send is bounded by the window,
// and so is what is kept of it.
func overrun(t *testing.T, p *Pool) {
	c, err := p.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	soon(t, "the stream is reset", func() bool {
		s := c.h2.stream()
		s.m.mu.Lock()
		defer s.m.mu.Unlock()
		return s.err != nil && len(s.buf) == 0
	})
}

// An origin that never opens its window does not keep a visitor's upload for ever,
// and learns that it was given up.
func TestAnOriginOfHTTP2ThatTakesNothing(t *testing.T) {
	t.Parallel()
	for name, greet := range map[string][]http2.Setting{
		"not a byte": {{ID: http2.SettingInitialWindowSize, Val: 0}},
		"some":       {{ID: http2.SettingInitialWindowSize, Val: 100}},
	} {
		told := make(chan http2.ErrCode, 1)
		url, _ := scripted(t, greet, func(o *script2) {
			if _, ok := o.request(); ok {
				f, _ := o.next(http2.FrameRSTStream)
				told <- f.code
				o.serveFine()
			}
		})
		p := h2Pool(t, url, Options{StallTimeout: 200 * time.Millisecond})
		if _, err := fetch(t, p, "POST", strings.Repeat("x", 1000)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if code := <-told; code != http2.ErrCodeCancel {
			t.Errorf("%s: it was told %v", name, code)
		}
		if got, err := fetch(t, p, "GET", ""); err != nil || got != "200 fine" {
			t.Errorf("%s: then %q %v", name, got, err)
		}
	}
}

// One that refuses every stream is asked a few times, and no more.
func TestAnOriginOfHTTP2ThatAlwaysRefuses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	url, conns := scripted(t, fair, func(o *script2) {
		for {
			s, ok := o.request()
			if !ok {
				return
			}
			asked.Add(1)
			_ = o.WriteRSTStream(s, http2.ErrCodeRefusedStream)
		}
	})
	p := h2Pool(t, url, Options{})
	if _, err := fetch(t, p, "POST", "abc"); !isReset(err, "REFUSED_STREAM") {
		t.Errorf("%v", err)
	}
	if n := asked.Load(); n != 1+maxMoves || conns.Load() != 1 {
		t.Errorf("asked %d times on %d connections", n, conns.Load())
	}
	// Longer than what is kept: it can't be sent again, and half of it never is.
	asked.Store(0)
	if _, err := fetch(t, p, "POST", strings.Repeat("x", maxAgain+1)); err == nil || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

// One that goes again and again is not followed for ever either.
func TestAnOriginOfHTTP2ThatAlwaysGoes(t *testing.T) {
	t.Parallel()
	url, conns := scripted(t, fair, func(o *script2) {
		if _, ok := o.request(); ok {
			_ = o.WriteGoAway(0, http2.ErrCodeNo, nil)
			_, _ = o.next()
		}
	})
	if _, err := fetch(t, h2Pool(t, url, Options{}), "GET", ""); err == nil {
		t.Error("it was served by nobody")
	}
	if n := conns.Load(); n != 1+maxMoves {
		t.Errorf("%d connections", n)
	}
}

// One that takes back, on each connection, what it allowed at first must not be
// dialled without end.
func TestAnOriginOfHTTP2ThatAllowsNoStreams(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"from the start": false, "a little later": true} {
		greet := []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 0}}
		if late {
			greet = []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 1}}
		}
		url, conns := scripted(t, greet, func(o *script2) {
			if late {
				_ = o.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
			}
			_, _ = o.next()
		})
		p := h2Pool(t, url, Options{DialTimeout: 300 * time.Millisecond})
		ended := make(chan error, 8)
		for range cap(ended) {
			go func() {
				c, err := p.Get(t.Context())
				if err == nil { // the second settings were not there yet
					c.Close()
				}
				ended <- err
			}()
		}
		for range cap(ended) {
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: still dialling, %d connections", name, conns.Load())
			}
		}
		before := conns.Load()
		time.Sleep(100 * time.Millisecond)
		if n := conns.Load(); n != before {
			t.Errorf("%s: nobody waits, and it is dialled: %d connections, then %d", name, before, n)
		}
	}
}

// Streams that are given up at once, as by a visitor who resets as fast as he asks,
// leave nothing, cost the others nothing, and each is told to the origin.
func TestManyStreamsAreGivenUp(t *testing.T) {
	t.Parallel()
	const n = 2000
	var resets atomic.Int32
	url, conns := scripted(t, fair, func(o *script2) {
		for {
			f, ok := o.next(http2.FrameHeaders, http2.FrameRSTStream)
			switch {
			case !ok:
				return
			case f.kind == http2.FrameRSTStream:
				resets.Add(1)
			case f.stream > 2*n: // the last one
				o.fine(f.stream)
			}
		}
	})
	p := h2Pool(t, url, Options{})
	for range n {
		c, err := p.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		c.Abort()
		if _, err := c.Read(make([]byte, 10)); err == nil {
			t.Fatal("there was something to read")
		}
		c.Close()
	}
	if got, err := fetch(t, p, "GET", ""); err != nil || got != "200 fine" {
		t.Errorf("%q %v", got, err)
	}
	soon(t, "the origin is told of each", func() bool { return resets.Load() == n })
	m := p.list()[0].muxes[0]
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.streams) != 0 || m.reserved != 0 || conns.Load() != 1 {
		t.Errorf("%d streams, %d promised, %d connections", len(m.streams), m.reserved, conns.Load())
	}
}

// A storm of origins that do everything at once: whatever comes of each request, all
// of them end, and nothing is left.
func TestAStormOfHTTP2(t *testing.T) {
	before := runtime.NumGoroutine()
	url, _ := scripted(t, []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 7}}, func(o *script2) {
		for i := o.n; ; i++ {
			s, ok := o.request()
			if !ok {
				return
			}
			switch i % 11 {
			case 0:
				_ = o.WriteRSTStream(s, http2.ErrCodeRefusedStream)
			case 1:
				_ = o.WriteRSTStream(s, http2.ErrCodeInternal)
			case 2:
				_ = o.WriteGoAway(s, http2.ErrCodeNo, nil)
				o.fine(s)
			case 3:
				_ = o.WriteGoAway(s-1, http2.ErrCodeNo, nil)
			case 4:
				return
			case 5:
				o.head(s, false, ":status 200", "content-length 4")
				_ = o.WriteData(s, true, []byte("f"))
			case 6: // nothing
			case 7:
				_ = o.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i * 100)}) //nolint:gosec // small
				o.fine(s)
			default:
				o.fine(s)
			}
		}
	})
	p := h2Pool(t, url, Options{HeaderTimeout: 300 * time.Millisecond, StallTimeout: 300 * time.Millisecond, DialTimeout: 2 * time.Second})
	var fine, failed atomic.Int32
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for j := range 25 {
				method, body := "GET", ""
				if (i+j)%3 == 0 {
					method, body = "POST", strings.Repeat("x", (i*j)%5000)
				}
				if got, err := fetch(t, p, method, body); err == nil && got == "200 fine" {
					fine.Add(1)
				} else if err == nil {
					t.Errorf("%q is no answer of the origin's", got)
				} else {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if fine.Load() < 100 || failed.Load() < 100 {
		t.Errorf("%d were served, %d failed", fine.Load(), failed.Load())
	}
	for _, m := range p.list()[0].muxes {
		m.mu.Lock()
		if len(m.streams)+m.reserved > 0 {
			t.Errorf("%d streams, %d promised", len(m.streams), m.reserved)
		}
		m.mu.Unlock()
	}
	p.close()
	soon(t, fmt.Sprintf("no more than %d goroutines run", before), func() bool { return runtime.NumGoroutine() <= before+4 })
}
