package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// A thousand visitors who never finish their head cost nobody else anything, and
// are sent away in time.
func TestAThousandSlowVisitors(t *testing.T) {
	const n = 1000
	origin, _ := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	s := start(t, origin, nobody{}, func(c *Config) { c.HeadTimeout = 3 * time.Second })
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		conns[i] = c
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		if resp, body := get(t, s.url, nil); resp.StatusCode != 200 || body != "ok" {
			t.Fatalf("%d %q", resp.StatusCode, body)
		}
	}
	var wg sync.WaitGroup
	wrong := make(chan string, n)
	for _, c := range conns {
		wg.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			if got, _ := io.ReadAll(c); !strings.HasPrefix(string(got), "HTTP/1.1 408 ") {
				wrong <- string(got)
			}
		})
	}
	wg.Wait()
	if len(wrong) > 0 {
		t.Errorf("%d of %d were told something else, the first %q", len(wrong), n, <-wrong)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	eventually(t, "none is left", func() bool { return s.Counters().Connections == 0 })
	if c := s.Counters(); c.SlowHeads != n {
		t.Errorf("%d counted", c.SlowHeads)
	}
}

// What an origin may do to a response, and what its visitor sees: a body that is
// not whole never looks whole, and nothing of it reaches another visitor.
func TestOriginsThatLie(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, answer, status, body string }{
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "502", ""},
		{"length and coding", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "502", ""},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "502", ""},
		{"fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", "502", ""},
		{"a space before the colon", "HTTP/1.1 200 OK\r\nSet-Cookie : a=b\r\nContent-Length: 2\r\n\r\nok", "502", ""},
		{"endless head", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 400), "502", ""},
		{"endless interim responses", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "502", ""},
		{"longer than it says", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "200", "ok"},
		{"a body where none may be", "HTTP/1.1 204 No Content\r\n\r\nevil", "204", ""},
		{"shorter than it says", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", "200", "cut off"},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n", "200", "cut off"},
		{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "200", "cut off"},
		{"more behind the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "200", "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, want := range []wire.BodyWant{wire.BodyNone, wire.BodyCopy, wire.BodyHold} {
				conns := 0
				var mu sync.Mutex
				origin := rawOrigin(t, func(conn net.Conn, r *bufio.Reader) {
					mu.Lock()
					conns++
					mu.Unlock()
					if _, err := readHead(r); err == nil {
						_, _ = io.WriteString(conn, c.answer)
					}
					if strings.HasPrefix(c.name, "longer") || strings.HasPrefix(c.name, "more") || strings.HasPrefix(c.name, "a body") {
						_, _ = readHead(r) // it would serve again
					}
				})
				s := start(t, origin, newRecorder(at(1, wire.Decision{Response: want})), nil)
				for i := range 2 {
					conn := dial(t, s.addr)
					conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
					resp, err := http.ReadResponse(conn.r, nil)
					for err == nil && resp.StatusCode < 200 {
						resp, err = http.ReadResponse(conn.r, nil)
					}
					if err != nil {
						if want == wire.BodyHold && c.body == "cut off" {
							continue
						}
						t.Fatalf("want %d: %v", want, err)
					}
					body, err := io.ReadAll(resp.Body)
					got := string(body)
					if err != nil {
						got = "cut off"
					}
					status := fmt.Sprint(resp.StatusCode)
					held := want == wire.BodyHold && c.body == "cut off" && status == "502"
					if !held && (status != c.status || c.status != "502" && got != c.body) {
						t.Errorf("want %d: %s %q, want %s %q", want, status, got, c.status, c.body)
					}
					mu.Lock()
					if conns != i+1 {
						t.Errorf("want %d: the connection served %d requests", want, i+1)
					}
					mu.Unlock()
				}
			}
		})
	}
}
