package edge

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// nobody is a Decider that wants nothing.
type nobody struct{}

func (nobody) Decide(*wire.Exchange, wire.Phase) wire.Decision { return wire.Decision{} }

func (nobody) Indifferent(string, string, *wire.Head) bool { return true }

const browserGet = "GET /small?id=42&utm_source=mail HTTP/1.1\r\nHost: shop.example.test\r\n" +
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.9\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://shop.example.test/account/login\r\n" +
	"Cookie: sid=s%3Aq1w2e3r4t5y6u7i8o9p0.abcdefghij; _ga=GA1.2.123456789.1700000000; theme=dark\r\n" +
	"Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\r\n"

// fixed is an origin that answers every head with the same bytes and allocates
// nothing.
func fixed(t testing.TB, size int) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nServer: shop\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " + itoa(size) + "\r\n\r\n" + strings.Repeat("x", size))
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				b := make([]byte, 64<<10)
				n := 0
				for {
					k, err := c.Read(b[n:])
					if err != nil {
						return
					}
					n += k
					if bytes.HasSuffix(b[:n], []byte("\r\n\r\n")) {
						n = 0
						if _, err := c.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// asker sends the same request again and again and reads answers of one length.
type asker struct {
	c    net.Conn
	b    []byte
	want int
}

func newAsker(t testing.TB, addr string) *asker {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	a := &asker{c: c, b: make([]byte, 4<<10)}
	if _, err := io.WriteString(c, browserGet); err != nil {
		t.Fatal(err)
	}
	for !bytes.Contains(a.b[:a.want], []byte("\r\n\r\n")) {
		n, err := c.Read(a.b[a.want:])
		if err != nil {
			t.Fatal(err)
		}
		a.want += n
	}
	head := bytes.Index(a.b, []byte("\r\n\r\n")) + 4
	for a.want < head+1500 {
		n, err := c.Read(a.b[a.want:])
		if err != nil {
			t.Fatal(err)
		}
		a.want += n
	}
	return a
}

var getBytes = []byte(browserGet)

func (a *asker) ask(t testing.TB) {
	if _, err := a.c.Write(getBytes); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < a.want; {
		k, err := a.c.Read(a.b)
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
}

func BenchmarkRelay(b *testing.B) {
	origin := fixed(b, 1500)
	b.Run("peer=direct", func(b *testing.B) { ask(b, strings.TrimPrefix(origin, "http://")) })
	b.Run("peer=throughline", func(b *testing.B) { ask(b, start(b, origin, nobody{}, nil).addr) })
	b.Run("peer=ReverseProxy", func(b *testing.B) {
		u, err := url.Parse(origin)
		if err != nil {
			b.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		srv := &http.Server{Handler: httputil.NewSingleHostReverseProxy(u)}
		go func() { _ = srv.Serve(ln) }()
		defer func() { _ = srv.Close() }()
		ask(b, ln.Addr().String())
	})
}

func ask(b *testing.B, addr string) {
	a := newAsker(b, addr)
	b.ReportAllocs()
	for b.Loop() {
		a.ask(b)
	}
}

// BenchmarkIdleConnection reports what a visitor's connection holds in heap and
// stack between two requests, after a collection: ours less what a connection
// costs both sides in any case.
func BenchmarkIdleConnection(b *testing.B) {
	b.Run("goroutine", func(b *testing.B) { idleConnections(b, false) })
	b.Run("lane", func(b *testing.B) { idleConnections(b, true) })
}

func idleConnections(b *testing.B, lanes bool) {
	const n = 5000
	held := func(addr string, serve bool) (heap, stack float64) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		conns := make([]net.Conn, n)
		for i := range conns {
			if serve {
				conns[i] = newAsker(b, addr).c
			} else if c, err := net.Dial("tcp", addr); err == nil {
				conns[i] = c
			}
		}
		time.Sleep(300 * time.Millisecond)
		for range 5 { // stacks shrink by half at a time
			runtime.GC()
		}
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(conns)
		per := func(after, before uint64) float64 { return (float64(after) - float64(before)) / n }
		return per(after.HeapInuse, before.HeapInuse), per(after.StackInuse, before.StackInuse)
	}
	for b.Loop() {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		var kept []net.Conn
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				kept = append(kept, c)
			}
		}()
		bareHeap, bareStack := held(ln.Addr().String(), false)
		_ = ln.Close()
		s := start(b, fixed(b, 1500), nobody{}, func(c *Config) { c.NoLanes = !lanes })
		heap, stack := held(s.addr, true)
		heap, stack = heap-bareHeap, stack-bareStack
		b.ReportMetric(heap, "heap_bytes/conn")
		b.ReportMetric(stack, "stack_bytes/conn")
		b.ReportMetric(heap+stack, "bytes/conn")
	}
}
