package fingerprint

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var record = flag.Bool("record", false, "record into testdata: the real clients that are here, and the published captures' hellos")

// client is a real client as a test runs it.
type client struct {
	family  string
	program string // "": it is in this process
	version func(t testing.TB, path string) string
	// visit visits a URL until the witness has seen enough.
	visit func(t testing.TB, path string, w *witness)
}

// kept is what testdata keeps of a client.
type kept struct {
	Family  string      `json:"family"`
	Version string      `json:"version"`
	H2      []recording `json:"h2"` // where h2 and http/1.1 are offered
	H1      []recording `json:"h1"` // where only http/1.1 is
}

func says(args ...string) func(t testing.TB, path string) string {
	return func(t testing.TB, path string) string {
		t.Helper()
		out, err := exec.Command(path, args...).Output()
		must(t, err)
		first, _, _ := strings.Cut(string(out), "\n")
		return strings.TrimSpace(first)
	}
}

// runs gives a visit by a program that ends by itself.
func runs(args ...string) func(t testing.TB, path string, w *witness) {
	return func(t testing.TB, path string, w *witness) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		args := slices.Clone(args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "URL", w.url)
		}
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Dir = t.TempDir()
		cmd.Env = environment(cmd.Dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, out)
		}
		w.waitFor(t, func(all []recording) bool { return len(all) > 0 && (all[0].H2 != "" || len(all[0].Requests) > 0) })
	}
}

func environment(home string) []string {
	return append(os.Environ(), "HOME="+home, "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=", "ALL_PROXY=", "all_proxy=", "NO_PROXY=*", "MOZ_HEADLESS=1",
		"NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_NO_WARNINGS=1", "PYTHONWARNINGS=ignore")
}

// whole tells when a browser has loaded the page with all its parts, and has asked
// for a WebSocket on a connection of its own.
func whole(all []recording) bool {
	requests, streams, socket := 0, false, false
	for _, r := range all {
		requests += len(r.Requests)
		streams = streams || r.H2 != ""
		socket = socket || len(r.Requests) > 0 && strings.HasPrefix(r.Requests[0].Text, "GET /ws ")
	}
	return socket && (streams || requests >= 4)
}

func fleet() []client {
	python := "import ssl,sys,urllib.request as u\nu.urlopen('URL',context=ssl._create_unverified_context()).read()"
	return []client{
		{"chromium", "chromium", says("--version"), chromium},
		{"firefox", "firefox-esr", says("--version"), firefox},
		{"curl", "curl", says("--version"), runs("-sk", "--noproxy", "*", "-4", "URL")},
		{"wget", "wget", says("--version"), runs("-q", "--no-proxy", "--no-check-certificate", "-O", "/dev/null", "URL")},
		{"nghttp", "nghttp", says("--version"), func(t testing.TB, path string, w *witness) {
			if w.h2(t) {
				runs("-n", "URL")(t, path, w)
			}
		}},
		{"node", "node", says("--version"), func(t testing.TB, path string, w *witness) {
			runs("-e", "fetch('URL').then(r => r.text())")(t, path, w)
		}},
		{"node-http2", "node", says("--version"), func(t testing.TB, path string, w *witness) {
			if w.h2(t) {
				runs("-e", "const c = require('http2').connect('URL'); const r = c.request({':path': '/'}); r.resume(); r.on('end', () => c.close())")(t, path, w)
			}
		}},
		{"python", "python3", says("-c", "import ssl,sys; print(sys.version.split()[0], ssl.OPENSSL_VERSION)"), runs("-c", python)},
		{"go", "", func(testing.TB, string) string { return runtime.Version() }, func(t testing.TB, _ string, w *witness) {
			c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
			resp, err := c.Get(w.url)
			must(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			c.CloseIdleConnections()
		}},
	}
}

// h2 tells whether a witness offers it; a client that speaks nothing else stays away
// from the other.
func (w *witness) h2(t testing.TB) bool {
	c, err := tls.Dial("tcp", strings.Trim(w.url, "htps:/"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	must(t, err)
	defer func() { _ = c.Close() }()
	is := c.ConnectionState().NegotiatedProtocol == "h2"
	w.waitFor(t, func(all []recording) bool { return len(all) == 1 })
	w.mu.Lock()
	w.seen = nil
	w.mu.Unlock()
	return is
}

func chromium(t testing.TB, path string, w *witness) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
		"--disable-background-networking", "--ignore-certificate-errors", "--user-data-dir="+dir, "--remote-debugging-port=0", w.url)
	cmd.Env, cmd.WaitDelay = environment(dir), time.Second
	must(t, cmd.Start())
	defer func() {
		cancel()
		_ = cmd.Wait()
	}()
	w.waitFor(t, whole)
}

// firefox is told through Marionette that any certificate will do.
func firefox(t testing.TB, path string, w *witness) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	must(t, ln.Close())
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "user.js"), []byte(`user_pref("marionette.port", `+port+`);
user_pref("network.proxy.type", 0);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
`), 0o600))
	cmd := exec.CommandContext(ctx, path, "--headless", "--marionette", "--no-remote", "--profile", dir)
	cmd.Env, cmd.WaitDelay = environment(dir), time.Second
	must(t, cmd.Start())
	defer func() {
		cancel()
		_ = cmd.Wait()
	}()
	var c net.Conn
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if c, err = net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(time.Minute)))
	answer := func() {
		n := 0
		for b := make([]byte, 1); ; {
			_, err := io.ReadFull(c, b)
			must(t, err)
			if b[0] == ':' {
				break
			}
			n = n*10 + int(b[0]-'0')
		}
		_, err := io.CopyN(io.Discard, c, int64(n))
		must(t, err)
	}
	say := func(text string) {
		_, err := fmt.Fprintf(c, "%d:%s", len(text), text)
		must(t, err)
	}
	answer()
	say(`[0,1,"WebDriver:NewSession",{"acceptInsecureCerts":true}]`)
	answer()
	say(`[0,2,"WebDriver:Navigate",{"url":"` + w.url + `"}]`)
	w.waitFor(t, whole)
}

func goldenOf(family string) string { return filepath.Join("testdata", "clients", family+".json") }

// recorded gives what testdata keeps.
func recordedClients(t testing.TB) (out []kept) {
	t.Helper()
	files, err := filepath.Glob(goldenOf("*"))
	must(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		var k kept
		if err := json.Unmarshal(text, &k); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, k)
	}
	if len(out) < 8 {
		t.Fatalf("only %d recorded clients", len(out))
	}
	return out
}

// What was recorded of real clients makes what it made.
func TestRecordedClients(t *testing.T) {
	for _, k := range recordedClients(t) {
		for _, r := range slices.Concat(k.H2, k.H1) {
			got, err := tapped(records(r.Hello, 512), 100)
			if err != nil || got.JA3 != r.JA3 || got.JA4 != r.JA4 || got.Stable != r.Stable {
				t.Errorf("%s: %+v, %v, want %s %s %s", k.Version, got, err, r.JA3, r.JA4, r.Stable)
			}
			agree(t, r.Hello)
			if len(r.Opening) > 0 {
				h2, err := opened(r.Opening, 10)
				if err != nil || h2 == nil || h2.Print != r.H2 || h2.First.Order != r.Order || h2.First.Agent != r.Agent {
					t.Errorf("%s: %+v, %v, want %s %s", k.Version, h2, err, r.H2, r.Order)
				}
			}
			for _, h := range r.Requests {
				if got := printed(h.Text); got.Order != h.Order || got.Agent != r.Agent {
					t.Errorf("%s: %+v, want %s of\n%s", k.Version, got, h.Order, h.Text)
				}
			}
		}
	}
}

// The clients that are here: whatever their version, their connections agree with
// each other, and one that was recorded does as it did.
func TestRealClients(t *testing.T) {
	for _, c := range fleet() {
		t.Run(c.family, func(t *testing.T) {
			path := ""
			if c.program != "" {
				path = installed(t, c.program)
			}
			now := kept{Family: c.family, Version: c.version(t, path)}
			both, plain := witnessed(t, "h2", "http/1.1"), witnessed(t, "http/1.1")
			c.visit(t, path, both)
			c.visit(t, path, plain)
			now.H2, now.H1 = both.all(), plain.all()
			stable(t, now)
			if *record {
				write(t, now)
				return
			}
			text, err := os.ReadFile(goldenOf(c.family))
			must(t, err)
			var then kept
			must(t, json.Unmarshal(text, &then))
			if now.Version != then.Version {
				t.Logf("%s was recorded, %s is here", then.Version, now.Version)
				return
			}
			for _, r := range slices.Concat(now.H2, now.H1) {
				if r.Stable != then.main().Stable {
					t.Errorf("the stable hash is %s, and was %s", r.Stable, then.main().Stable)
				}
			}
			if now.main().H2 != then.main().H2 {
				t.Errorf("HTTP/2 is %s, and was %s", now.main().H2, then.main().H2)
			}
		})
	}
}

// main is the connection of the page.
func (k *kept) main() *recording {
	for i := range k.H2 {
		if k.H2[i].H2 != "" {
			return &k.H2[i]
		}
	}
	return &k.H1[0]
}

// stable checks what must hold of all connections of one client: one stable hash,
// and one ticket ID among those that resumed.
func stable(t *testing.T, k kept) {
	t.Helper()
	first := k.main()
	for _, list := range [][]recording{k.H2, k.H1} {
		given := map[string]bool{}
		for _, r := range list {
			if r.Stable != first.Stable {
				t.Errorf("the stable hash is %s and %s: %s, %s", first.Stable, r.Stable, first.JA4, r.JA4)
			}
			if r.Resumed && !given[r.ticket] {
				t.Errorf("a resumed connection has an ID that was not given: %q", r.ticket)
			}
			if !r.Resumed && given[r.ticket] && r.ticket != "" {
				t.Errorf("a new session has the ID of another: %s", r.ticket)
			}
			given[r.ticket] = true
		}
	}
	if k.Family == "chromium" && !slices.ContainsFunc(k.H1, func(r recording) bool { return r.Resumed }) {
		t.Error("Chromium did not resume")
	}
}

// write keeps of each kind of connection one.
func write(t *testing.T, k kept) {
	t.Helper()
	for _, list := range []*[]recording{&k.H2, &k.H1} {
		var some []recording
		seen := map[string]bool{}
		for _, r := range *list {
			key := r.H2
			for _, h := range r.Requests {
				key = h.Order
			}
			if !seen[key] && (r.H2 != "" || len(r.Requests) > 0) {
				seen[key] = true
				some = append(some, r)
			}
		}
		*list = some
	}
	text, err := json.MarshalIndent(k, "", " ")
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(goldenOf(k.Family)), 0o755))
	must(t, os.WriteFile(goldenOf(k.Family), append(text, '\n'), 0o644))
}
