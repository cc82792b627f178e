package edge

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// witness is an origin that takes everything for a request that anybody might, and
// remembers what whole requests it got. A strict one would hide what was let
// through to it.
type witness struct {
	url string

	mu      sync.Mutex
	seen    []string // request lines without the version
	raw     bytes.Buffer
	reading int // connections in the midst of a request
	// answer is what it answers with; nil: a plain 200.
	answer func(line string) string
}

func newWitness(t *testing.T) *witness {
	w := &witness{}
	w.url = rawOrigin(t, w.serve)
	return w
}

func (w *witness) serve(c net.Conn, plain *bufio.Reader) {
	r := bufio.NewReader(io.TeeReader(plain, lockedWriter{w}))
	for {
		if _, err := r.Peek(1); err != nil {
			return
		}
		w.busy(1)
		line, ok := lenientRequest(r)
		if ok {
			w.mu.Lock()
			w.seen = append(w.seen, line)
			w.mu.Unlock()
		}
		w.busy(-1)
		if !ok {
			return
		}
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		if strings.HasPrefix(line, "HEAD ") {
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
		}
		if w.answer != nil {
			answer = w.answer(line)
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

type lockedWriter struct{ w *witness }

func (l lockedWriter) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.raw.Write(p)
}

func (w *witness) busy(by int) {
	w.mu.Lock()
	w.reading += by
	w.mu.Unlock()
}

// take gives the requests since the last time, once no part of one is under way.
func (w *witness) take() string { s, _ := w.takeRaw(); return s }

// takeRaw gives the bytes too.
func (w *witness) takeRaw() (lines, raw string) {
	for range 400 {
		w.mu.Lock()
		quiet := w.reading == 0
		w.mu.Unlock()
		if quiet {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, raw = strings.Join(w.seen, ", "), w.raw.String()
	w.seen = nil
	w.raw.Reset()
	if lines == "" {
		lines = "-"
	}
	return lines, raw
}

// lenientRequest reads a request as the most careless of origins would: lines end
// with a line feed, a coding counts if it has "chunked" in it, a length if it begins
// with digits.
func lenientRequest(r *bufio.Reader) (line string, ok bool) {
	chunked, length := false, 0
	for {
		l, err := r.ReadString('\n')
		if err != nil {
			return "", false
		}
		l = strings.TrimRight(l, "\r\n")
		if line == "" {
			line = l
			continue
		}
		if l == "" {
			break
		}
		name, value, _ := strings.Cut(strings.ToLower(l), ":")
		switch strings.TrimSpace(name) {
		case "transfer-encoding":
			chunked = chunked || strings.Contains(value, "chunked")
		case "content-length":
			length = leading(strings.TrimLeft(strings.TrimSpace(value), "+"), 10)
		}
	}
	line = inOriginForm(line)
	if !chunked {
		_, err := r.Discard(length)
		return line, err == nil
	}
	for {
		l, err := r.ReadString('\n')
		if err != nil {
			return "", false
		}
		n := leading(strings.TrimSpace(l), 16)
		if n == 0 {
			break
		}
		if _, err := r.Discard(n); err != nil {
			return "", false
		}
		if _, err := r.ReadString('\n'); err != nil {
			return "", false
		}
	}
	for {
		if l, err := r.ReadString('\n'); err != nil {
			return "", false
		} else if strings.TrimSpace(l) == "" {
			return line, true
		}
	}
}

// inOriginForm leaves the version out and makes "GET http://a/b" a "GET /b", which is
// the same.
func inOriginForm(line string) string {
	if i := strings.LastIndex(line, " HTTP/"); i > 0 {
		line = line[:i]
	}
	method, target, _ := strings.Cut(line, " ")
	if rest, ok := strings.CutPrefix(target, "http://"); ok {
		_, path, _ := strings.Cut(rest, "/")
		line = method + " /" + path
	}
	return line
}

// leading is the number that s begins with, 0 if there is none.
func leading(s string, base int) int {
	end := 0
	for end < len(s) && end < 7 {
		if _, err := strconv.ParseUint(s[:end+1], base, 63); err != nil {
			break
		}
		end++
	}
	n, _ := strconv.ParseUint(s[:end], base, 31)
	return int(n) //nolint:gosec // 31 bits
}
