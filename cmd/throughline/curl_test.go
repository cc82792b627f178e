package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func curl(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is missing (script/tools installs it)")
		}
		t.Skip("curl is missing")
	}
	c := exec.CommandContext(t.Context(), path, append([]string{"-sS", "--noproxy", "*", "--max-time", "60"}, args...)...)
	c.Stdin = stdin
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("curl %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// peak is the most memory the process has held, in MB.
func (s *server) peak(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Skip("no VmHWM here")
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n >> 10
}

// TestCurl does with the binary what people try first.
func TestCurl(t *testing.T) {
	o := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, "%s %d", r.Proto, n)
	}))
	t.Cleanup(o.Close)
	s := newServer(t, o.URL)
	s.start(t)
	const code = "\n%{http_code} %{http_version}"
	if got := curl(t, nil, "--http1.0", "-w", code, s.site+"/"); got != "HTTP/1.0 0\n200 1" {
		t.Errorf("--http1.0: %q", got)
	}
	file := filepath.Join(t.TempDir(), "body")
	write(t, file, strings.Repeat("x", 2<<20))
	if got := curl(t, nil, "--expect100-timeout", "30", "--max-time", "20", "-H", "Expect: 100-continue", "-T", file, "-w", code, s.site+"/put"); got != "HTTP/1.1 2097152\n200 1.1" {
		t.Errorf("--expect100-timeout: %q", got) // without a 100 it would send nothing for 30 s
	}
}

// TestAGigabyte goes up and comes down whole, and the process does not grow by it.
func TestAGigabyte(t *testing.T) {
	const size = 1 << 30
	block := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	o := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			for n := 0; n < size; n += len(block) {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n, " ", r.ContentLength)
	}))
	t.Cleanup(o.Close)
	s := newServer(t, o.URL)
	s.start(t)
	_ = curl(t, nil, s.site+"/small", "-X", "POST", "-d", "x")
	before := s.peak(t)
	sparse := filepath.Join(t.TempDir(), "gigabyte")
	write(t, sparse, "")
	if err := os.Truncate(sparse, size); err != nil {
		t.Fatal(err)
	}
	if got := curl(t, nil, "-T", sparse, s.site+"/upload"); got != fmt.Sprint(size, " ", size) {
		t.Errorf("the origin got %q", got)
	}
	if got := curl(t, &zeros{size / 4}, "-T", "-", s.site+"/upload"); got != fmt.Sprint(size/4, " ", -1) {
		t.Errorf("in chunks the origin got %q", got)
	}
	if got := curl(t, nil, "-o", os.DevNull, "-w", "%{size_download}", s.site+"/download"); got != strconv.Itoa(size) {
		t.Errorf("%s bytes came down", got)
	}
	if after := s.peak(t); after > before+32 {
		t.Errorf("the process grew from %d to %d MB", before, after)
	} else {
		t.Logf("%d MB at most, %d before", after, before)
	}
}

// zeros is a body whose length nobody knows before.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	clear(p[:n])
	z.left -= n
	return n, nil
}
