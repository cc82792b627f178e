package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestInitWritesWhatServeTakes(t *testing.T) {
	dir := t.TempDir()
	mustTool(t, "", "init", "--origin", "http://127.0.0.1:3000", "--dir", dir)
	mustTool(t, "", "serve", "--config", filepath.Join(dir, "throughline.yaml"), "--check")
	mustTool(t, "", "policy", "check", filepath.Join(dir, "policy"))
	if out, err := tool(t, "", "init", "--dir", dir); err == nil || !strings.Contains(out, "nothing written") {
		t.Fatalf("it overwrote: %v %s", err, out)
	}
}

func TestAFaultyConfigurationSaysEverythingAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.yaml")
	write(t, path, "listen: here\nlog: {level: loud}\nsites:\n  - name: a\n    hosts: [x]\n    origin: ftp://x\n    mode: turbo\nretention: soon\nscheduling: batch\nlanes: fast\n")
	out, err := tool(t, "", "serve", "--config", path, "--check")
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"bad.yaml:1:9: listen:", "bad.yaml:2:14: log.level:", ": sites[0].origin:", ": sites[0].mode:", "bad.yaml:8:12: retention:",
		`bad.yaml:9:13: scheduling: "batch" is no way to be scheduled; want auto or system`,
		`bad.yaml:10:8: lanes: "fast" is no way to serve connections; want auto or none`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	write(t, path, "limits: {connections: 0, head: 1KiB, stall_timeout: 1ms}\nsites:\n  - {name: a, hosts: [x], origin: 'http://x', origin_tls: {ca: none.pem}}\n"+
		"  - {name: b, hosts: [y], origin: 'https://x', origin_tls: {server_name: 'x:443'}}\n")
	out, _ = tool(t, "", "serve", "--config", path, "--check")
	for _, want := range []string{"limits.connections: 0 is", "limits.head:", "limits.stall_timeout:", "sites[0].origin_tls: does nothing",
		"sites[0].origin_tls.ca: can't be read", "sites[1].origin_tls.server_name:"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	keys := filepath.Join(filepath.Dir(path), "ticket.keys")
	write(t, keys, "not a key\n")
	if err := os.Chmod(keys, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, path, "fingerprint: {ticket_id: true, ticket_keys: ticket.keys, headers: {ja3: 'a b', ja4: 'x:y'}}\nsites: [{name: a, hosts: [x], origin: 'http://x'}]\n")
	out, _ = tool(t, "", "serve", "--config", path, "--check")
	for _, want := range []string{"fingerprint.ticket_id: does nothing, since no TLS ends here", "fingerprint.ticket_keys: ticket keys: ", "line 1: 9 characters: want 64 hex digits",
		`fingerprint.headers.ja3: "a b" is no name`, `fingerprint.headers.ja4: "x:y" is no name`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	write(t, path, "fingerprint: {ticket_keys: ticket.keys}\nsites: [{name: a, hosts: [x], origin: 'http://x'}]\n")
	if out, _ = tool(t, "", "serve", "--config", path, "--check"); !strings.Contains(out, "fingerprint.ticket_keys: does nothing") {
		t.Error(out)
	}
	write(t, path, "sites:\n  - {name: a, hosts: [x], origin: 'http://x', addresses: ['10.0.0.1:0', 'a b', 'ok:81'], origin_host: 'http://y', health: {path: up, status: 99, interval: 1s, timeout: 2s}}\n")
	out, _ = tool(t, "", "serve", "--config", path, "--check")
	for _, want := range []string{"sites[0].addresses[0]:", "sites[0].addresses[1]:", "sites[0].origin_host:", "sites[0].health.path:", "sites[0].health.status:", "sites[0].health.timeout:"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	write(t, filepath.Join(filepath.Dir(path), "big.html"), strings.Repeat("x", 257<<10))
	write(t, path, "sites:\n  - {name: a, hosts: [x], origin: 'http://x', mode: off, maintenance: {page: page.exe, retry_after: soon}, error_pages: [{status: 200, file: a.html}, {status: 502, file: none.html}]}\n"+
		"  - {name: b, hosts: [y], origin: 'http://x', maintenance: {}}\nerror_pages: [{status: 503, file: big.html}]\nhealth: {path: health, hosts: ['*'], from: [nowhere], notice: soon}\nlinger: long\n")
	out, _ = tool(t, "", "serve", "--config", path, "--check")
	for _, want := range []string{`sites[0].mode: "off" is no mode`, `sites[0].maintenance.page: "`, "has no extension", "sites[0].maintenance.retry_after:",
		"sites[0].error_pages[0].status: 200 is no status", "sites[0].error_pages[1].file: can't be read", "sites[1].maintenance: says nothing",
		"error_pages[0].file: ", "of at most 256 KiB", `health.path: "health" is no path`, `health.hosts[0]: "*" is no host`, "health.from[0]:", "health.notice:", "linger:"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	write(t, path, "sites: []\nlisen: :80\nhub: {port: 1}\n")
	if out, _ := tool(t, "", "serve", "--config", path, "--check"); !strings.Contains(out, ":2:1: lisen:") || !strings.Contains(out, "hub.port") {
		t.Errorf("unknown fields: %s", out)
	}
}

// A draft is tried against the scripts that the running policy passes.
func TestScriptsCanTryADraft(t *testing.T) {
	draft := filepath.Join(t.TempDir(), "draft.yaml")
	write(t, draft, "kind: spec\nname: Nothing\ntype: other\nmatch: {path: /nothing}\n")
	mustTool(t, "", "policy", "test", "examples/shop")
	if out, err := tool(t, "", "policy", "test", "--policy", filepath.Dir(draft), "examples/shop"); err == nil || !strings.Contains(out, "failed") {
		t.Errorf("a policy that sees nothing passes: %v\n%s", err, out)
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	for _, args := range [][]string{{}, {"serve"}, {"demo"}, {"policy"}, {"policy", "check"}, {"policy", "test"}, {"policy", "match"}, {"policy", "schema"}, {"user"},
		{"user", "add"}, {"user", "passwd"}, {"user", "list"}, {"token"}, {"token", "create"}, {"init"}, {"site"}, {"site", "check"}, {"backup"}, {"restore"}, {"version"}} {
		out := mustTool(t, "", append(args, "--help")...)
		if !strings.Contains(out, "Examples:") {
			t.Errorf("%v --help has no example", args)
		}
	}
	if out := mustTool(t, "", "completion", "bash"); !strings.Contains(out, "throughline") {
		t.Error("no shell completion")
	}
	if out := mustTool(t, "", "version", "--json"); !strings.Contains(out, `"version"`) {
		t.Error(out)
	}
}

func TestDataFolderFormat(t *testing.T) {
	dir := t.TempDir()
	if err := openFormat(dir); err != nil { // version 0: before there was a format file
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "format"))
	if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(dataFormat) {
		t.Fatalf("%q %v", text, err)
	}
	write(t, filepath.Join(dir, "format"), "1\n") // of before the journal had packs
	if err := openFormat(dir); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "format")); err != nil || string(text) != "2\n" {
		t.Fatalf("an older folder becomes %q, %v", text, err)
	}
	write(t, filepath.Join(dir, "format"), "99\n")
	if err := openFormat(dir); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Fatalf("a newer folder: %v", err)
	}
	write(t, filepath.Join(dir, "format"), "x\n")
	if err := openFormat(dir); err == nil {
		t.Fatal("a damaged format file was taken")
	}
}

func TestUnpackRefusesWhatDoesNotBelong(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "not-a-tar"), strings.Repeat("x", 2000))
	if out, err := tool(t, "", "restore", "--data", filepath.Join(dir, "data"), "--from", filepath.Join(dir, "not-a-tar")); err == nil {
		t.Fatal(out)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Fatal("a broken archive left a folder behind")
	}
}
