package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// vector is a request of testdata/hostile.txt.
type vector struct {
	name, want, origin string
	send               []byte
}

var escape = regexp.MustCompile(`\\(x[0-9a-fA-F]{2}|[nrt0])`)

func vectors(t *testing.T) (out []vector) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "hostile.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "\n=== ")[1:] {
		lines := strings.Split(block, "\n")
		v := vector{name: lines[0]}
		var ok1, ok2 bool
		v.want, ok1 = strings.CutPrefix(lines[1], "want: ")
		v.origin, ok2 = strings.CutPrefix(lines[2], "origin: ")
		if !ok1 || !ok2 || len(lines) < 4 {
			t.Fatalf("%s: wants want:, origin: and a request", v.name)
		}
		for _, l := range lines[3:] {
			end := "\r\n"
			if strings.HasSuffix(l, `\`) {
				l, end = strings.TrimSuffix(l, `\`), ""
			}
			v.send = append(v.send, escape.ReplaceAllStringFunc(l, func(e string) string {
				switch e[1] {
				case 'n':
					return "\n"
				case 'r':
					return "\r"
				case 't':
					return "\t"
				case '0':
					return "\x00"
				}
				n, _ := strconv.ParseUint(e[2:], 16, 8)
				return string([]byte{byte(n)})
			})+end...)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		t.Fatal("no requests")
	}
	return out
}

// witness is an origin that remembers what whole requests it got, as net/http
// reads them.
type witness struct {
	mu   sync.Mutex
	seen []string
	url  string
}

func newWitness(t *testing.T) *witness {
	w := &witness{}
	w.url = serveOrigin(t, func(rw http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // it saw that the request was none
		}
		w.mu.Lock()
		w.seen = append(w.seen, r.Method+" "+r.RequestURI)
		w.mu.Unlock()
		_, _ = io.WriteString(rw, "ok")
	})
	return w
}

func (w *witness) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.seen, ", ")
	w.seen = nil
	if s == "" {
		return "-"
	}
	return s
}

// send sends pieces one after the other, ends its half, and returns the statuses
// that come back.
func send(t *testing.T, addr string, pieces ...[]byte) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(100 * time.Microsecond)
		}
		if _, err := c.Write(p); err != nil {
			break // refused already
		}
	}
	_ = c.(*net.TCPConn).CloseWrite()
	all, _ := io.ReadAll(c) // a reset ends it as well
	var statuses []string
	r := bufio.NewReader(bytes.NewReader(all))
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, strconv.Itoa(resp.StatusCode))
	}
	if len(statuses) == 0 {
		return "-"
	}
	return strings.Join(statuses, " ")
}

func bytewise(b []byte) (out [][]byte) {
	for i := range b {
		out = append(out, b[i:i+1])
	}
	return out
}

// TestHostileRequests sends each request whole, split in two at every byte, and
// byte by byte: always the same is answered and reaches the origin.
func TestHostileRequests(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			w := newWitness(t)
			s := start(t, w.url, nobody{}, nil)
			check := func(how string, pieces ...[]byte) {
				t.Helper()
				got := send(t, s.addr, pieces...)
				if seen := w.take(); got != v.want || seen != v.origin {
					t.Fatalf("%s: answered %s, the origin got %q; want %s and %q", how, got, seen, v.want, v.origin)
				}
			}
			check("whole", v.send)
			check("byte by byte", bytewise(v.send)...)
			for i := 1; i < len(v.send); i++ {
				check(fmt.Sprintf("split at %d", i), v.send[:i], v.send[i:])
			}
		})
	}
}

// TestWeAreNoMoreLenient sends the same to nginx and HAProxy: what both refuse to
// pass on, we do too.
func TestWeAreNoMoreLenient(t *testing.T) {
	w := newWitness(t)
	peers := map[string]string{"nginx": startNginx(t, w.url), "haproxy": startHAProxy(t, w.url)}
	if peers["nginx"] == "" || peers["haproxy"] == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("nginx or haproxy is missing: in CI the comparison must run")
		}
		t.Skip("nginx or haproxy is missing: the comparison is left out")
	}
	mine := newWitness(t) // apart: what a peer passes on late is not ours
	s := start(t, mine.url, nobody{}, nil)
	for _, v := range vectors(t) {
		ours := send(t, s.addr, v.send)
		reached := mine.take()
		line := fmt.Sprintf("%-45s us %-8s", v.name, ours)
		refused := true
		for _, name := range []string{"nginx", "haproxy"} {
			if peers[name] == "" {
				continue
			}
			got := send(t, peers[name], v.send)
			through := w.take()
			refused = refused && through == "-"
			line += fmt.Sprintf("  %s %-8s", name, got)
			if through != "-" && through != reached {
				line += " (passes " + through + ")"
			}
		}
		t.Log(line)
		if refused && reached != "-" {
			t.Errorf("%s: only we pass it on: %s", v.name, reached)
		}
	}
}

// peer runs a program in a folder until the test ends, and waits until it listens.
func peer(t *testing.T, addr, dir, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		return ""
	}
	c := exec.Command(program, args...)
	c.Dir = dir
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() })
	for range 400 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not listen: %s", program, out.String())
	return ""
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func startNginx(t *testing.T, origin string) string {
	dir, addr := t.TempDir(), freeAddr(t)
	conf := "daemon off; worker_processes 1; pid nginx.pid; error_log nginx.err crit;\nevents {}\nhttp { access_log off;\n" +
		"client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n" +
		"server { listen " + addr + "; location / { proxy_pass " + origin + "; proxy_http_version 1.1; proxy_request_buffering off; } } }\n"
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return peer(t, addr, dir, "nginx", "-p", dir, "-c", "nginx.conf", "-e", "nginx.err")
}

func startHAProxy(t *testing.T, origin string) string {
	dir, addr := t.TempDir(), freeAddr(t)
	conf := "defaults\n mode http\n timeout client 10s\n timeout server 10s\n timeout connect 5s\n" +
		"listen l\n bind " + addr + "\n server o " + strings.TrimPrefix(origin, "http://") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return peer(t, addr, dir, "haproxy", "-f", "haproxy.cfg")
}
