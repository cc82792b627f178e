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
	write(t, path, "listen: here\nlog: {level: loud}\nsites:\n  - name: a\n    hosts: [x]\n    origin: ftp://x\n    mode: turbo\nretention: soon\n")
	out, err := tool(t, "", "serve", "--config", path, "--check")
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"bad.yaml:1:9: listen:", "bad.yaml:2:14: log.level:", ": sites[0].origin:", ": sites[0].mode:", "bad.yaml:8:12: retention:"} {
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
	for _, args := range [][]string{{}, {"serve"}, {"demo"}, {"policy"}, {"policy", "check"}, {"policy", "test"}, {"policy", "schema"}, {"user"},
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
