package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/hub"
)

// succeeding is a serve whose process is replaced: its log is a file, since a
// pipe would tie the processes together.
type succeeding struct {
	*server
	logFile string
}

func startSucceeding(t *testing.T, s *server, env ...string) *succeeding {
	t.Helper()
	g := &succeeding{s, filepath.Join(s.dir, "log")}
	f, err := os.Create(g.logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s.cmd = exec.Command(binary(t), "serve", "--config", filepath.Join(s.dir, "throughline.yaml"))
	s.cmd.Stderr = f
	s.cmd.Env = append(os.Environ(), env...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	cmd := s.cmd
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		for _, pid := range g.pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = cmd.Process.Kill()
		<-ended
	})
	eventually(t, "it serves", func() bool {
		for _, l := range g.lines("visitors") {
			s.site = "http://" + l.Listen
		}
		for _, l := range g.lines("hub") {
			s.hub = l.URL
		}
		return s.site != "" && s.hub != ""
	})
	return g
}

type logLine struct {
	Msg, Listen, URL, Field string
	To                      int
}

func (g *succeeding) lines(msg string) (out []logLine) {
	text, _ := os.ReadFile(g.logFile)
	for line := range bytes.Lines(text) {
		var l logLine
		if json.Unmarshal(line, &l) == nil && l.Msg == msg {
			out = append(out, l)
		}
	}
	return out
}

// pids are those of the successors.
func (g *succeeding) pids() (out []int) {
	for _, l := range g.lines("handing over") {
		out = append(out, l.To)
	}
	return out
}

func (g *succeeding) text() string {
	text, _ := os.ReadFile(g.logFile)
	return string(text)
}

// TestRestartLosesNothing replaces the process, by command and by signal, under
// traffic on new and on kept connections that no client would send twice. No
// request fails, each is an Event in the end, and what lasts longer goes on.
func TestRestartLosesNothing(t *testing.T) {
	release := make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/download" {
			_, _ = io.WriteString(w, "first ")
			_ = http.NewResponseController(w).Flush()
			<-release
		}
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(origin.Close)
	s := newServer(t, origin.URL)
	config := filepath.Join(s.dir, "throughline.yaml")
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	g := startSucceeding(t, s)

	download, err := http.Get(s.site + "/download")
	if err != nil {
		t.Fatal(err)
	}
	var served, failed atomic.Int64
	var done atomic.Bool
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			tr := &http.Transport{DisableKeepAlives: i%2 == 0}
			defer tr.CloseIdleConnections()
			for !done.Load() {
				// A body of unknown origin: the client sends nothing twice.
				r, _ := http.NewRequest(http.MethodGet, s.site+"/page", io.NopCloser(strings.NewReader("x")))
				r.Header.Set("Cookie", "sid="+fmt.Sprintf(sidOf, 7+i))
				resp, err := tr.RoundTrip(r)
				var body []byte
				if err == nil {
					body, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				if err != nil || resp.StatusCode != 200 || string(body) != "hello" {
					failed.Add(1)
					t.Errorf("after %d requests: %v", served.Load(), err)
					return
				}
				served.Add(1)
			}
		})
	}
	more := func(what string) {
		t.Helper()
		n := served.Load()
		eventually(t, what, func() bool { return served.Load() > n+300 || failed.Load() > 0 })
	}
	more("traffic flows")

	write(t, config, string(good)+"nonsense: 1\n")
	if out, err := tool(t, "", "restart", "--data", s.data); err == nil || !strings.Contains(out, "the successor ended") {
		t.Errorf("a restart into a faulty configuration: %v %s", err, out)
	}
	more("the old process goes on")
	write(t, config, string(good))

	if out := mustTool(t, "", "restart", "--data", s.data); !strings.Contains(out, "the new process serves") {
		t.Errorf("it said %q", out)
	}
	more("the second process serves")
	pids := g.pids()
	if len(pids) != 1 {
		t.Fatalf("successors %v\n%s", pids, g.text())
	}
	if err := syscall.Kill(pids[0], syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the third process serves", func() bool { return len(g.lines("handed over")) == 2 })
	more("traffic flows on")
	done.Store(true)
	wg.Wait()

	close(release) // it began two processes ago
	if body, err := io.ReadAll(download.Body); err != nil || string(body) != "first hello" {
		t.Errorf("the download: %q %v", body, err)
	}
	want := served.Load()
	eventually(t, fmt.Sprintf("all %d requests are events", want), func() bool { return s.events(t) >= want })
	var all hub.SessionList
	s.get(t, "/api/v1/sessions?limit=100", &all)
	total := int64(0)
	for _, one := range all.Sessions {
		if strings.HasPrefix(one.ID, "-") {
			t.Errorf("%+v", one)
		}
		total += int64(one.Events)
	}
	if total < want || total > want+1 { // the download is one when its request was observed
		t.Errorf("%d events of %d requests", total, want)
	}
	last := g.pids()[1]
	if err := syscall.Kill(last, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all have ended", func() bool {
		return syscall.Kill(last, 0) != nil && syscall.Kill(pids[0], 0) != nil && s.cmd.Process.Signal(syscall.Signal(0)) != nil
	})
	if t.Failed() {
		t.Log(g.text())
	}
}

// TestSocketActivation is systemd's way: the socket exists before the process.
func TestSocketActivation(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := newServer(t, shopOrigin(t).URL)
	text, err := os.ReadFile(filepath.Join(s.dir, "throughline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "throughline.yaml"), strings.Replace(string(text), "listen: 127.0.0.1:0", "listen: "+ln.Addr().String(), 1))
	early := make(chan error, 1)
	go func() { // before there is a process
		_, err := visit("http://"+ln.Addr().String(), "/early", fmt.Sprintf(sidOf, 1))
		early <- err
	}()
	s.cmd = exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" serve --config "$1"`, binary(t), filepath.Join(s.dir, "throughline.yaml"))
	s.cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=throughline.socket")
	s.cmd.ExtraFiles = []*os.File{f}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() }()
	select {
	case err := <-early:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("who came early was never served")
	}
}

// TestReload changes sites while visitors keep their connections.
func TestReload(t *testing.T) {
	named := func(name string) string {
		o := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
		t.Cleanup(o.Close)
		return o.URL
	}
	one, two := named("one"), named("two")
	s := newServer(t, one)
	config := filepath.Join(s.dir, "throughline.yaml")
	sites := func(rest string) {
		t.Helper()
		write(t, config, "listen: 127.0.0.1:0\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\npolicy: policy\ndrain: 5s\n"+rest)
	}
	sites(fmt.Sprintf("sites: [{name: a, hosts: [a.test], origin: %q}, {name: b, hosts: [b.test], origin: %q}]\n", one, one))
	g := startSucceeding(t, s)

	conn, err := net.Dial("tcp", strings.TrimPrefix(s.site, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxConnsPerHost: 1, DialContext: func(context.Context, string, string) (net.Conn, error) {
		if c := conn; c != nil {
			conn = nil
			return c, nil
		}
		return nil, fmt.Errorf("the connection was dropped")
	}}
	defer tr.CloseIdleConnections()
	ask := func(host, want string) {
		t.Helper()
		r, _ := http.NewRequest(http.MethodGet, s.site+"/page", nil)
		r.Host = host
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, body); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	reloaded := func(msg string, turn func()) {
		t.Helper()
		n := len(g.lines(msg))
		turn()
		eventually(t, "the log says: "+msg, func() bool { return len(g.lines(msg)) > n })
	}
	hup := func() { _ = s.cmd.Process.Signal(syscall.SIGHUP) }
	ask("a.test", "200 one")
	ask("b.test", "200 one")
	// b goes, c comes, a moves and has a page; the limit can't change.
	write(t, filepath.Join(s.dir, "421.html"), "<p>nobody here")
	reloaded("configuration in force", func() {
		sites(fmt.Sprintf("limits: {head: 32KiB}\nerror_pages: [{status: 421, file: 421.html}]\n"+
			"sites: [{name: a, hosts: [a.test], origin: %q}, {name: c, hosts: [c.test], origin: %q}]\n", two, one))
		hup()
	})
	ask("a.test", "200 two")
	ask("b.test", "421 <p>nobody here")
	ask("c.test", "200 one")
	if l := g.lines("a change takes a restart; `throughline restart` drops nothing"); len(l) == 0 || l[0].Field != "limits" {
		t.Errorf("no word of what takes a restart: %+v", l)
	}
	eventually(t, "the new site's event is searchable", func() bool { return s.events(t) == 4 })

	// A mode switched in the Hub outlives reloads and restarts.
	s.switchMode(t, "c", "bypass")
	reloaded("configuration refused, the running one stays", func() {
		sites("sites: [{name: a, hosts: [a.test], origin: nowhere}]\n")
		hup()
	})
	ask("a.test", "200 two")
	reloaded("configuration in force", func() { // by the file's change alone
		sites(fmt.Sprintf("sites: [{name: a, hosts: [a.test], origin: %q}, {name: c, hosts: [c.test, d.test], origin: %q}]\n", one, two))
	})
	ask("d.test", "200 two")
	if m := s.modes(t); m["a"] != "pass-through" || m["c"] != "bypass" {
		t.Errorf("modes %v", m)
	}
	mustTool(t, "", "restart", "--data", s.data)
	if m := s.modes(t); m["a"] != "pass-through" || m["c"] != "bypass" {
		t.Errorf("after a restart: modes %v", m)
	}
	s.switchMode(t, "c", "configured")
	if m := s.modes(t); m["c"] != "pass-through" {
		t.Errorf("back to the configured one: %v", m)
	}
	if t.Failed() {
		t.Log(g.text())
	}
}

func (s *server) modes(t *testing.T) map[string]string {
	t.Helper()
	var st hub.Status
	s.get(t, "/api/v1/status", &st)
	out := map[string]string{}
	for _, one := range st.Sites {
		out[one.Name] = one.Mode
	}
	return out
}

func (s *server) switchMode(t *testing.T, site, mode string) {
	t.Helper()
	r, _ := http.NewRequest(http.MethodPost, s.hub+"/api/v1/sites/"+site+"/mode", strings.NewReader(`{"mode":"`+mode+`"}`))
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("switch %s to %s: %d", site, mode, resp.StatusCode)
	}
}
