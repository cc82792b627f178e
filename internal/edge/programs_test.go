package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// program finds a program by one of its names. In CI those that script/tools
// installs must be there.
func program(t *testing.T, required bool, names ...string) string {
	t.Helper()
	if p := os.Getenv("TL_CHROMIUM"); p != "" && names[0] == "chromium" {
		return p
	}
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
	}
	if required && os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing (script/tools installs it)", names[0])
	}
	t.Skipf("%s is missing: what it sends is left out", names[0])
	return ""
}

// runProgram runs a program to its end.
func runProgram(t *testing.T, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "HOME="+c.Dir, "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=", "MOZ_HEADLESS=1")
	c.WaitDelay = time.Second
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", filepath.Base(path), err, out.String(), errs.String())
	}
	return out.String()
}

func chromium(t *testing.T) (path string, args []string) {
	t.Helper()
	return program(t, true, "chromium", "google-chrome", "chromium-browser"), []string{"--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server", "--disable-background-networking", "--user-data-dir=" + t.TempDir()}
}

// tap is a wire on which both directions of every connection are recorded.
type tap struct {
	addr string
	mu   sync.Mutex
	up   []*bytes.Buffer
	down []*bytes.Buffer
}

func newTap(t *testing.T, target string) *tap {
	t.Helper()
	p := &tap{}
	url := rawTap(t, func(c net.Conn) {
		o, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		up, down := &bytes.Buffer{}, &bytes.Buffer{}
		p.mu.Lock()
		p.up, p.down = append(p.up, up), append(p.down, down)
		p.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { p.copy(o, c, up) })
		both.Go(func() { p.copy(c, o, down) })
		both.Wait()
		_ = o.Close()
	})
	p.addr = url
	return p
}

func (p *tap) copy(to, from net.Conn, record *bytes.Buffer) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		p.mu.Lock()
		record.Write(b[:n])
		p.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			_ = to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// rawTap accepts connections until the test ends, and then closes them.
func rawTap(t *testing.T, fn func(net.Conn)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() { fn(c); _ = c.Close() })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

var (
	lengthOf  = regexp.MustCompile(`(?i)\r\nContent-Length:[ \t]*(\d+)`)
	isChunked = regexp.MustCompile(`(?i)\r\nTransfer-Encoding:[ \t]*chunked`)
)

// messages cuts what was recorded into messages, heads with their bodies.
func (p *tap) messages(list []*bytes.Buffer) (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range list {
		rest := b.String()
		for rest != "" {
			head := strings.Index(rest, "\r\n\r\n")
			if head < 0 {
				out = append(out, rest)
				break
			}
			end := head + 4
			switch m := lengthOf.FindStringSubmatch(rest[:end]); {
			case isChunked.MatchString(rest[:end]):
				if i := strings.Index(rest[head:], "\r\n0\r\n\r\n"); i >= 0 {
					end = head + i + 7
				}
			case m != nil:
				n, _ := strconv.Atoi(m[1])
				end = min(end+n, len(rest))
			case strings.HasPrefix(rest, "HTTP/1.0 "), strings.Contains(rest[:end], "\r\nConnection: close\r\n"):
				end = len(rest)
			}
			out = append(out, rest[:end])
			rest = rest[end:]
		}
	}
	slices.Sort(out)
	return out
}

var (
	closeLine = regexp.MustCompile(`(?i)\r\nConnection:[ \t]*close\r\n`)
	hopLines  = regexp.MustCompile(`(?i)\r\n(Connection|Keep-Alive):[^\r]*`)
	hostLine  = regexp.MustCompile(`(?i)\r\nHost:[ \t]*([^\r]*)\r\n`)
)

// changed is all that may change in a request: what ends our connection stays
// behind, and the visitor's address is added.
func changed(request string) string {
	head := strings.Index(request, "\r\n\r\n") + 2
	h := closeLine.ReplaceAllString(request[:head], "\r\n")
	host := ""
	if m := hostLine.FindStringSubmatch(h); m != nil {
		host = "X-Forwarded-Host: " + m[1] + "\r\n"
	}
	return h + "X-Forwarded-For: 127.0.0.1\r\n" + host + "X-Forwarded-Proto: http\r\n" + request[head:]
}

// onlyHops leaves out what belongs to a connection of its own.
func onlyHops(response string) string {
	head := strings.Index(response, "\r\n\r\n") + 2
	return hopLines.ReplaceAllString(response[:head], "") + response[head:]
}

// between puts a tap before us and one behind.
func between(t *testing.T, origin string) (front, back *tap) {
	back = newTap(t, strings.TrimPrefix(origin, "http://"))
	s := start(t, "http://"+back.addr, nobody{}, nil)
	return newTap(t, s.addr), back
}

// same compares both taps.
func same(t *testing.T, front, back *tap, least int) {
	t.Helper()
	var want, got []string
	for range 200 { // the last bytes may still be on their way into the record
		want = nil
		for _, r := range front.messages(front.up) {
			if strings.Contains(r, "\r\n\r\n") {
				want = append(want, changed(r))
			}
		}
		slices.Sort(want)
		if got = back.messages(back.up); slices.Equal(got, want) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the origin got\n%q, want\n%q", got, want)
	}
	if len(got) < least {
		t.Errorf("only %d requests were seen", len(got))
	}
	var answered, passedOn []string
	for range 200 {
		answered, passedOn = nil, nil
		for _, r := range back.messages(back.down) {
			answered = append(answered, onlyHops(r))
		}
		for _, r := range front.messages(front.down) {
			passedOn = append(passedOn, onlyHops(r))
		}
		slices.Sort(answered)
		slices.Sort(passedOn)
		if slices.Equal(answered, passedOn) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the client got\n%q, want\n%q", passedOn, answered)
}

const nodeClient = `
const http = require("http");
const go = o => new Promise((done, bad) => { const r = http.request(process.argv[1] + o.path, o, a => { a.resume(); a.on("end", done) }); r.on("error", bad); (o.write || []).forEach(w => r.write(w)); r.end() });
(async () => {
  await go({path: "/a?b=%20c"});
  await go({path: "/b", method: "POST", headers: {"content-type": "application/json", "X-MiXeD": "1"}, write: ["{", "}"]});
  const f = await fetch(process.argv[1] + "/fetch", {method: "PUT", body: "text"}); await f.text();
})();`

const pythonClient = `
import sys, http.client, urllib.request
urllib.request.urlopen(sys.argv[1] + "/urllib?x=1", data=b"a=b").read()
c = http.client.HTTPConnection(sys.argv[1][7:])
for i in range(2):
    c.request("GET", "/client", headers={"X-a": "1", "x-A": "2"}); c.getresponse().read()
c.request("POST", "/chunks", body=iter([b"one", b"two"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}); c.getresponse().read()`

// TestHeadsOfRealClients sends what real programs send through us.
func TestHeadsOfRealClients(t *testing.T) {
	t.Parallel()
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>shop</title>")
	})
	for name, run := range map[string]func(t *testing.T, url string) (requests int){
		"curl": func(t *testing.T, url string) int {
			curl := program(t, true, "curl")
			file := filepath.Join(t.TempDir(), "body")
			write(t, file, strings.Repeat("x", 5000))
			for _, args := range [][]string{{url + "/a/../b?c", "--path-as-is"}, {"-d", "a=b", url, url}, {"-T", file, url + "/put"}, {"-F", "f=@" + file, url}, {"--http1.0", url},
				{"--compressed", "-H", "X-Empty;", "-H", "x-CASE:  v", "-b", "a=1; b=2", "-e", "http://r/", url}, {"-H", "Transfer-Encoding: chunked", "-d", "@" + file, url},
				{"--expect100-timeout", "0.2", "-H", "Expect: 100-continue", "-d", "a=b", url}} {
				runProgram(t, curl, append([]string{"-sS", "-f", "-o", "/dev/null", "-o", "/dev/null"}, args...)...)
			}
			return 9
		},
		"node": func(t *testing.T, url string) int {
			runProgram(t, program(t, true, "node"), "-e", nodeClient, url)
			return 3
		},
		"python3": func(t *testing.T, url string) int {
			runProgram(t, program(t, true, "python3"), "-c", pythonClient, url)
			return 4
		},
		"go": func(t *testing.T, url string) int {
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			for i, body := range []io.Reader{nil, strings.NewReader("abc"), io.LimitReader(zeroReader{}, 3)} {
				req, _ := http.NewRequest([]string{"GET", "POST", "PUT"}[i], url+"/go", body)
				resp, err := (&http.Client{Transport: tr}).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			return 3
		},
		"chromium": func(t *testing.T, url string) int {
			path, args := chromium(t)
			if out := runProgram(t, path, append(args, "--dump-dom", url+"/page")...); !strings.Contains(out, "<title>shop</title>") {
				t.Errorf("the page is %q", out)
			}
			return 1
		},
		"firefox": func(t *testing.T, url string) int {
			runProgram(t, program(t, false, "firefox", "firefox-esr"), "--headless", "--no-remote", "--profile", t.TempDir(), "--screenshot", filepath.Join(t.TempDir(), "page.png"), url+"/page")
			return 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			front, back := between(t, origin)
			same(t, front, back, run(t, "http://"+front.addr))
			if os.Getenv("TL_RECORD_HEADS") != "" {
				record(t, "heads", name, front.messages(front.up))
			}
		})
	}
}

// record keeps what a program said, for where it is not installed. The port, which
// is another each time, becomes 80.
func record(t *testing.T, kind, name string, messages []string) {
	all := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(strings.Join(slices.Compact(messages), ""), "127.0.0.1:80")
	if err := os.MkdirAll(filepath.Join("testdata", kind), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join("testdata", kind, name+".http"), all)
}

// TestRecordedHeads sends again what programs have sent (testdata/heads, recorded
// by TestHeadsOfRealClients when TL_RECORD_HEADS is set).
func TestRecordedHeads(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "heads", "*.http"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			recorded := (&tap{}).messages([]*bytes.Buffer{bytes.NewBuffer(text)})
			w := newWitness(t)
			s := start(t, w.url, nobody{}, nil)
			for _, r := range recorded {
				send(s.addr, []byte(r))
				if _, got := w.takeRaw(); got != changed(r) {
					t.Errorf("the origin got\n%q, want\n%q", got, changed(r))
				}
			}
		})
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestHeadsOfRealServers brings back what real servers answer.
func TestHeadsOfRealServers(t *testing.T) {
	t.Parallel()
	addr := func(t *testing.T) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		return ln.Addr().String()
	}
	serve := func(t *testing.T, at, path string, args ...string) {
		c := exec.Command(path, args...)
		c.Dir = t.TempDir()
		write(t, filepath.Join(c.Dir, "index.html"), "<!doctype html>")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		eventually(t, "it listens", func() bool {
			c, err := net.Dial("tcp", at)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
	for name, start := range map[string]func(t *testing.T, at string){
		"node": func(t *testing.T, at string) {
			_, port, _ := net.SplitHostPort(at)
			serve(t, at, program(t, true, "node"), "-e", `require("http").createServer((q, a) => { q.resume(); a.setHeader("X-MiXeD", ["1", "2"]); a.write("one"); setTimeout(() => a.end("two"), 5) }).listen(`+port+`, "127.0.0.1")`)
		},
		"python3": func(t *testing.T, at string) {
			_, port, _ := net.SplitHostPort(at)
			serve(t, at, program(t, true, "python3"), "-m", "http.server", "--bind", "127.0.0.1", port)
		},
		"go": func(t *testing.T, at string) {
			ln, err := net.Listen("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			o := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "sid", Value: "1", HttpOnly: true})
				w.Header()["x-lower"] = []string{"a", "b"}
				if r.URL.Path == "/r" {
					_ = http.NewResponseController(w).Flush()
				}
				_, _ = io.WriteString(w, "<!doctype html>")
			}))
			_ = o.Listener.Close()
			o.Listener = ln
			o.Start()
			t.Cleanup(o.Close)
		},
		"nginx": func(t *testing.T, at string) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "nginx.conf"), "daemon off; pid nginx.pid; error_log nginx.err crit;\nevents {}\nhttp { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n"+
				"server { listen "+at+"; add_header X-A 'b  c'; location / { return 200 hello; } location /r { return 301 /; } } }\n")
			serve(t, at, program(t, true, "nginx"), "-p", dir, "-c", "nginx.conf", "-e", "nginx.err")
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := addr(t)
			start(t, at)
			front, back := between(t, "http://"+at)
			for _, path := range []string{"/", "/r", "/none"} {
				c := dial(t, front.addr)
				for range 2 {
					_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
					resp, err := http.ReadResponse(c.r, nil)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					if resp.Close {
						break
					}
				}
			}
			same(t, front, back, 3)
			if os.Getenv("TL_RECORD_HEADS") != "" {
				record(t, "answers", name, back.messages(back.down))
			}
		})
	}
}

// TestRecordedAnswers answers again what servers have answered (testdata/answers,
// recorded by TestHeadsOfRealServers when TL_RECORD_HEADS is set): all of it comes
// back as it was said, but for what belongs to one connection.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "answers", "*.http"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, answer := range (&tap{}).messages([]*bytes.Buffer{bytes.NewBuffer(text)}) {
				origin := rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
					if _, err := readHead(r); err == nil {
						_, _ = io.WriteString(c, answer)
						_ = c.(*net.TCPConn).CloseWrite()
						_, _ = io.Copy(io.Discard, r)
					}
				})
				s := start(t, origin, nobody{}, nil)
				c := dial(t, s.addr)
				c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				want := onlyHops(answer)
				got := c.head()
				if rest := len(answer) - strings.Index(answer, "\r\n\r\n") - 4; rest > 0 {
					got += c.bytes(rest)
				}
				if got = onlyHops(got); got != want {
					t.Errorf("the client got\n%q, want\n%q", got, want)
				}
			}
		})
	}
}
