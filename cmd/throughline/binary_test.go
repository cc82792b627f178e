package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests run the binary as its users do. They build it once, without the
// race detector, which `make test-go` uses on every package.
var build = sync.OnceValues(func() (string, error) {
	if p := os.Getenv("TL_BINARY"); p != "" {
		return filepath.Abs(p)
	}
	dir, err := os.MkdirTemp("", "throughline-test-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "throughline")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
})

func binary(t *testing.T) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// tool runs a command to its end.
func tool(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary(t), args...)
	c.Stdin = strings.NewReader(stdin)
	c.Dir = filepath.Join("..", "..")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

func mustTool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := tool(t, stdin, args...)
	if err != nil {
		t.Fatalf("throughline %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// server is a running `throughline serve`.
type server struct {
	cmd       *exec.Cmd
	dir, data string
	site, hub string
	token     string
	log       *safeBuffer
	files     int // its limit on open files; 0: ours
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// testPolicy counts per cookie, so that a test sees counters go on.
const testPolicy = `kind: session
cookies: [sid]
---
kind: spec
name: Page
type: page_view
match: {method: GET, path: "/**"}
request: {path: url_path, query.user: username}
---
kind: spec
name: Login
type: authentication_attempt
match: {method: POST, path: /login, content_type: application/x-www-form-urlencoded}
processing: sync
request: {form.user: username}
outcome: [{is: failure, status: 401}]
---
kind: label
id: hundred_pages
title: A hundred pages
severity: medium
points: 40
on: [page_view]
when: session.count("page_view") >= 100
---
kind: label
id: failed_login
title: Failed to sign in
severity: high
points: 80
on: [authentication_attempt]
when: event.outcome == "failure"
---
kind: workflow
name: Stop
trigger: {rating: malicious}
on: [authentication_attempt]
do: [stop]
---
kind: action
name: stop
type: block
status: 403
body: stopped
`

// newServer writes a configuration for an origin and prepares a data folder with
// a token; start runs it.
func newServer(t *testing.T, origin string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{dir: dir, data: filepath.Join(dir, "data")}
	config := fmt.Sprintf("listen: 127.0.0.1:0\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\npolicy: policy\ndrain: 5s\n"+
		"sites: [{name: shop, hosts: [\"*\"], origin: %q, mode: active, deadline: 2s}]\n", origin)
	write(t, filepath.Join(dir, "throughline.yaml"), config)
	write(t, filepath.Join(dir, "policy", "policy.yaml"), testPolicy)
	s.token = strings.TrimSpace(mustTool(t, "", "token", "create", "test", "--role", "admin", "--data", s.data))
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *server) start(t *testing.T) {
	t.Helper()
	s.log = &safeBuffer{}
	r, w := io.Pipe()
	s.cmd = exec.Command(binary(t), "serve", "--config", filepath.Join(s.dir, "throughline.yaml"))
	if s.files > 0 {
		s.cmd = exec.Command("/bin/sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, s.files)}, s.cmd.Args...)...)
	}
	s.cmd.Stderr = io.MultiWriter(s.log, w)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := s.cmd, make(chan struct{})
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	found := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(r)
		s.site, s.hub = "", ""
		for lines.Scan() {
			var l struct{ Msg, Listen, URL string }
			if json.Unmarshal(lines.Bytes(), &l) != nil {
				continue
			}
			switch l.Msg {
			case "visitors":
				s.site = "http://" + l.Listen
			case "hub":
				s.hub = l.URL
			}
			if s.site != "" && s.hub != "" {
				found <- nil
				_, _ = io.Copy(io.Discard, r)
				return
			}
		}
		found <- errors.New("it ended before it listened")
	}()
	go func() { _ = cmd.Wait(); _ = w.Close(); close(ended) }()
	select {
	case err := <-found:
		if err != nil {
			t.Fatalf("%v\n%s", err, s.log)
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("not up after a minute\n%s", s.log)
	}
}

func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process ends", func() bool { return s.cmd.Process.Signal(syscall.Signal(0)) != nil })
}

// get asks the API.
func (s *server) get(t *testing.T, path string, out any) {
	t.Helper()
	if err := s.tryGet(path, out); err != nil {
		t.Fatal(err)
	}
}

func (s *server) tryGet(path string, out any) error {
	req, err := http.NewRequest(http.MethodGet, s.hub+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %d %s", path, resp.StatusCode, body)
	}
	return json.Unmarshal(body, out)
}

// eventually waits, long, for something that comes about by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("in 30 s it did not happen that %s", what)
}
