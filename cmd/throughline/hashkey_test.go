package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/throughline/throughline/internal/hub"
)

const payPolicy = testPolicy + `---
kind: spec
name: Pay
type: transaction
match: {method: POST, path: /pay}
request: {form.card: card_number}
---
kind: label
id: card_again
title: The card was used before
severity: low
points: 1
on: [transaction]
when: entity("card_number").count("transaction") >= 2
`

func pay(t *testing.T, s *server, sid, card string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.site+"/pay", strings.NewReader(url.Values{"card": {card}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Cookie", "sid="+sid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// TestTheKeyIsReplacedUnderTraffic rotates the key of a running process: a visitor
// and a card seen before are the same after it, also after a restart, until the
// previous key is retired.
func TestTheKeyIsReplacedUnderTraffic(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	write(t, filepath.Join(s.dir, "policy", "policy.yaml"), payPolicy)
	s.start(t)
	const card = "4111111111111111"
	ann := fmt.Sprintf(sidOf, 1)
	pay(t, s, ann, card)
	eventually(t, "the first payment is searchable", func() bool { return s.events(t) == 1 })
	first, err := os.ReadFile(filepath.Join(s.data, "key"))
	if err != nil {
		t.Fatal(err)
	}

	out := mustTool(t, "", "key", "rotate", "--data", s.data)
	out += mustTool(t, "", "key", "status", "--data", s.data)
	if info, err := os.Stat(filepath.Join(s.data, "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	second, err := os.ReadFile(filepath.Join(s.data, "key"))
	if err != nil || !strings.Contains(out, "previous") {
		t.Fatalf("%v\n%s", err, out)
	}
	if again, err := tool(t, "", "key", "rotate", "--data", s.data); err == nil || !strings.Contains(again, "retire") {
		t.Errorf("a third key: %v %s", err, again)
	}
	pay(t, s, ann, card)
	pay(t, s, fmt.Sprintf(sidOf, 2), card)
	eventually(t, "three payments are searchable", func() bool { return s.events(t) == 3 })

	var all, found hub.SessionList
	s.get(t, "/api/v1/sessions?sort=start", &all)
	if len(all.Sessions) != 2 || all.Sessions[1].Events != 2 && all.Sessions[0].Events != 2 {
		t.Fatalf("the visitor became a stranger: %+v", all.Sessions)
	}
	s.get(t, "/api/v1/sessions?element=card_number&values="+card, &found)
	if len(found.Sessions) != 2 {
		t.Errorf("%d sessions found by the card, want 2", len(found.Sessions))
	}
	for _, x := range all.Sessions { // the second and the third use know of the first
		if len(x.Labels) != 1 || x.Labels[0].ID != "card_again" {
			t.Errorf("session %s has labels %+v", x.ID, x.Labels)
		}
	}

	s.signal(t, syscall.SIGTERM)
	s.start(t)
	pay(t, s, ann, card)
	eventually(t, "the fourth is searchable", func() bool { return s.events(t) == 4 })
	s.get(t, "/api/v1/sessions", &all)
	if len(all.Sessions) != 2 {
		t.Errorf("%d sessions after the restart, want 2", len(all.Sessions))
	}
	out += mustTool(t, "", "key", "retire", "--data", s.data)
	if _, err := tool(t, "", "key", "retire", "--data", s.data); err == nil {
		t.Error("the only key was retired")
	}
	pay(t, s, ann, card) // it has moved over
	eventually(t, "the fifth is searchable", func() bool { return s.events(t) == 5 })
	s.get(t, "/api/v1/sessions", &all)
	if len(all.Sessions) != 2 {
		t.Errorf("%d sessions after the previous key went, want 2", len(all.Sessions))
	}

	var log hub.AuditList
	s.get(t, "/api/v1/audit?limit=10", &log)
	did := map[string]int{}
	for _, e := range log.Entries {
		did[e.Action]++
	}
	if did["key.rotate"] != 1 || did["key.retire"] != 1 {
		t.Errorf("audit log: %v", did)
	}
	text, _ := json.Marshal(log)
	for _, f := range strings.Fields(string(first) + string(second)) {
		if len(f) == 64 && strings.Contains(out+s.log.String()+string(text), f) {
			t.Errorf("a key was printed, logged or audited")
		}
	}
}

// TestKeysThatDoNotFitAreRefused starts with keys from elsewhere.
func TestKeysThatDoNotFitAreRefused(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	config := filepath.Join(s.dir, "throughline.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, string(text)+"hash_key: secret\n")
	refused := func(what, want string) {
		t.Helper()
		out, err := tool(t, "", "serve", "--config", config)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v %s; want %q", what, err, out, want)
		}
	}
	secret := filepath.Join(s.dir, "secret")
	refused("no file", "no such file")
	write(t, secret, strings.Repeat("ab", 32)) // mode 0644
	refused("readable by others", "others than its owner can read")
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, secret, strings.Repeat("ab", 31))
	refused("too short", "has 62 hex digits; want 64")
	write(t, secret, strings.Repeat("ab", 32))
	t.Setenv(hashKeyEnv, strings.Repeat("cd", 32))
	refused("given twice", "the environment gives a key as "+hashKeyEnv+" too")
	t.Setenv(hashKeyEnv, "")

	s.start(t)
	if _, err := visit(s.site, "/", fmt.Sprintf(sidOf, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an event is searchable", func() bool { return s.events(t) == 1 })
	if _, err := os.Stat(filepath.Join(s.data, "key")); err == nil {
		t.Error("a key was made in the data folder beside the one given")
	}
	to := filepath.Join(s.dir, "backup.tar")
	mustTool(t, "", "backup", "--data", s.data, "--to", to)
	mustTool(t, "", "restore", "--data", filepath.Join(s.dir, "again"), "--from", to)
	s.signal(t, syscall.SIGTERM)

	write(t, secret, strings.Repeat("ef", 32))
	refused("another key", "nobody would be found")
	write(t, config, string(text))
	refused("the key is gone", "it is not there")
	write(t, filepath.Join(s.data, "key"), strings.Repeat("ab", 32))
	if err := os.Chmod(filepath.Join(s.data, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, config, string(text)+"hash_key: secret\n")
	refused("two places", "there are two keys")
}
