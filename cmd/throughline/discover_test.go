package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/throughline/throughline/internal/discovery"
	"github.com/throughline/throughline/internal/hub"
)

// TestDiscoveryProposesASpecThatWorks lets visitors use a site whose login no Spec
// names, takes the Spec that is proposed, and has Events of it. No value of the
// visits is in what was learnt.
func TestDiscoveryProposesASpecThatWorks(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	config := filepath.Join(s.dir, "throughline.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	policyFile := filepath.Join(s.dir, "policy", "policy.yaml")
	write(t, policyFile, "kind: session\ncookies: [sid]\n---\nkind: spec\nname: Nothing\ntype: other\nmatch: {path: /nothing}\n")
	on := strings.Replace(string(text), "mode: active", "mode: active, discovery: true", 1)
	signIn := func(n int) {
		body := fmt.Sprintf(`{"email": "cnry%d@example.com", "password": "cnrysecret%d"}`, n, n)
		req, err := http.NewRequest(http.MethodPost, s.site+"/api/session?next=cnrynext", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", n))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	s.start(t)
	for n := range 10 {
		signIn(n)
	}
	if out := mustTool(t, "", "discover", "--data", s.data); !strings.Contains(out, "nothing was learnt yet") {
		t.Fatalf("off, and yet: %s", out)
	}
	s.signal(t, syscall.SIGTERM)

	write(t, config, on+"trusted_proxies: [127.0.0.0/8]\n")
	s.start(t)
	for n := range 10 {
		signIn(n)
	}
	var d struct {
		Proposals []discovery.Proposal
		Shapes    []discovery.Shape
	}
	learnt := func() bool {
		if err := json.Unmarshal([]byte(mustTool(t, "", "discover", "--data", s.data, "--json")), &d); err != nil {
			t.Fatal(err)
		}
		return len(d.Proposals) == 1
	}
	eventually(t, "a login is proposed", learnt)
	if says := d.Proposals[0].Says; says != "this looks like a login: POST /api/session with email, password, next" {
		t.Errorf("it says %q", says)
	}
	kept, err := os.ReadFile(filepath.Join(s.data, discoveryFile))
	if err != nil || strings.Contains(strings.ToLower(string(kept)), "cnry") || !strings.Contains(string(kept), "/api/session") {
		t.Fatalf("%v %s", err, kept)
	}
	if info, err := os.Stat(filepath.Join(s.data, discoveryFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if out := mustTool(t, "", "discover", "--data", s.data, "--site", "other"); !strings.Contains(out, "nothing") {
		t.Errorf("of another site: %s", out)
	}
	var shown hub.Learnt
	s.get(t, "/api/v1/discovery", &shown)
	if len(shown.Proposals) != 1 || len(shown.Sites) != 1 || !shown.Sites[0].Learning {
		t.Fatalf("the Hub shows %+v", shown)
	}
	p := shown.Proposals[0]
	if p.YAML != d.Proposals[0].YAML || p.Method+" "+p.Path != "POST /api/session" || p.Count != d.Proposals[0].Count || p.NamedBy != "" || p.Statuses["2xx"]+p.Statuses["4xx"] != p.Count {
		t.Errorf("the Hub shows %+v", p)
	}
	for _, f := range p.Fields {
		if want := map[string]string{"json $.email": "email", "json $.password": "secret", "query.next": ""}; f.Element != strings.TrimPrefix(want[f.Source], "secret") || f.Secret != (want[f.Source] == "secret") {
			t.Errorf("field %+v", f)
		}
	}
	s.signal(t, syscall.SIGTERM) // what it learnt stays

	proposed := mustTool(t, "", "discover", "--data", s.data, "--yaml")
	write(t, filepath.Join(s.dir, "policy", "proposed.yaml"), proposed)
	s.start(t)
	signIn(1)
	eventually(t, "the proposed Spec makes an Event", func() bool { return s.events(t) == 1 })
	if s.get(t, "/api/v1/discovery", &shown); len(shown.Proposals) != 1 || shown.Proposals[0].NamedBy != p.Name {
		t.Errorf("it is not told that a Spec names them: %+v", shown.Proposals)
	}
	mustTool(t, "", "discover", "--data", s.data, "--clear")
	if out := mustTool(t, "", "discover", "--data", s.data); !strings.Contains(out, "nothing was learnt yet") {
		t.Errorf("cleared, and yet: %s", out)
	}
}
