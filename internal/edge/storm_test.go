package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// moody is an origin that behaves as the path says.
func moody(t *testing.T) string {
	hang := make(chan struct{})
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	url := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			path := strings.Fields(h)[1]
			if path != "/early" {
				if m := lengthOf.FindStringSubmatch(h); m != nil {
					if _, err := io.CopyN(io.Discard, r, int64(leading(m[1], 10))); err != nil {
						return
					}
				}
			}
			switch path {
			case "/reset":
				_ = c.(*net.TCPConn).SetLinger(0)
				return
			case "/silent":
				return
			case "/garbage":
				_, _ = io.WriteString(c, "garbage\r\n\r\n")
				return
			case "/two":
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok")
				return
			case "/stall":
				<-hang
				return
			case "/short":
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok")
				return
			case "/chunks":
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n2\r\noops")
				return
			case "/middle":
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok")
				time.Sleep(20 * time.Millisecond) // else the reset overtakes the head
				_ = c.(*net.TCPConn).SetLinger(0)
				return
			case "/early": // it has not read the body, and waits a little with the reset
				_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, r)
				return
			case "/extra":
				_, _ = io.WriteString(c, ok+"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
			default:
				_, _ = io.WriteString(c, ok)
			}
		}
	})
	t.Cleanup(func() { close(hang) }) // before the origin waits for its connections
	return url
}

// TestAStorm lets many visitors at once ask an origin that fails in every way, some
// of them vanishing in the middle: each gets the status that is right, the counters
// name each reason exactly, and nothing is left over of goroutines, connections and
// descriptors.
func TestAStorm(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles()
	want := map[string]string{
		"/ok": "200 ok", "/reset": "502", "/silent": "502", "/garbage": "502", "/two": "502", "/stall": "504",
		"/short": "200 cut", "/chunks": "200 cut", "/middle": "200 cut", "/early": "413", "/extra": "200 ok",
	}
	kinds := map[string]int64{"reset": 2, "broken": 2, "timeout": 1, "cut off": 3}
	for _, proto := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(proto, func(t *testing.T) {
			const rounds = 12
			cert, key := certificate(t, t.TempDir(), "shop.example")
			s := start(t, moody(t), nobody{}, func(c *Config) {
				c.Origin.HeaderTimeout = 4 * time.Second // far longer than all others take, on a busy machine too
				c.Listeners = append(c.Listeners, Listener{Addr: "127.0.0.1:0", CertFile: cert, KeyFile: key})
			})
			_, transport := startTLS(t, "http://127.0.0.1:1", nobody{})
			url := s.url
			if proto == "HTTP/2" {
				url = "https://" + s.Addrs()[1].String()
			}
			client := &http.Client{Transport: transport}
			var mu sync.Mutex
			wrong := map[string]int{}
			var all sync.WaitGroup
			for range rounds {
				for path, right := range want {
					all.Go(func() {
						if got := askMoody(client, url+path); got != right {
							mu.Lock()
							wrong[fmt.Sprintf("%s got %s, want %s", path, got, right)]++
							mu.Unlock()
						}
					})
				}
				all.Go(func() { vanish(t, client, s, proto, url) })
			}
			all.Wait()
			if len(wrong) > 0 {
				t.Errorf("%v", wrong)
			}
			defer func() {
				if t.Failed() {
					t.Logf("%+v", s.Counters())
				}
			}()
			eventually(t, "those who vanished are counted", func() bool { return s.Counters().ClientGone >= rounds })
			c := s.Counters()
			errs := map[string]int64{}
			for k, n := range kinds {
				errs[k] = n * rounds
			}
			if !maps.Equal(c.OriginErrors, errs) || c.ClientGone != rounds || c.Faults != 0 || c.Malformed != 0 || c.Requests != int64(rounds*(len(want)+1)) {
				t.Errorf("%+v\nwant errors %v, %d gone, %d requests", c, errs, rounds, rounds*(len(want)+1))
			}
			transport.CloseIdleConnections()
			eventually(t, "no exchange and no connection is left", func() bool { c := s.Counters(); return c.Active == 0 && c.Connections == 0 })
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := s.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	// What the origins and the runtime keep for a while is little beside 12 x 12 x 2.
	eventually(t, "nothing is left", func() bool { return runtime.NumGoroutine() <= goroutines+3 && openFiles() <= files+3 })
}

func askMoody(client *http.Client, url string) string {
	var body io.Reader
	method := http.MethodGet
	if strings.HasSuffix(url, "/early") {
		method, body = http.MethodPost, io.MultiReader(bytes.NewReader(make([]byte, 200_000)))
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		if strings.Contains(err.Error(), "stream error") {
			return "200 cut" // over HTTP/2 the reset may overtake the head
		}
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Sprint(resp.StatusCode, " cut")
	case resp.StatusCode != 200:
		return fmt.Sprint(resp.StatusCode)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(text))
}

// vanish begins an upload and leaves.
func vanish(t *testing.T, client *http.Client, s *rig, proto, url string) {
	if proto == "HTTP/1.1" {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc")
		time.Sleep(100 * time.Millisecond)
		_ = c.Close()
		return
	}
	pr, pw := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/upload", pr)
	req.ContentLength = 100_000
	go func() {
		_, _ = io.WriteString(pw, "abc")
		time.Sleep(100 * time.Millisecond)
		cancel()
		_ = pw.CloseWithError(io.ErrUnexpectedEOF)
	}()
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// openFiles counts this process's descriptors, 0 where that can't be told.
func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
