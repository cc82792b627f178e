package hub

import (
	"errors"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/control"
)

// learner is what a Hub is told of discovery.
type learner struct {
	learnt Learnt
	forgot int
	fails  error
}

func (l *learner) Learnt() Learnt { return l.learnt }

func (l *learner) Forget() error {
	if l.fails == nil {
		l.forgot, l.learnt = l.forgot+1, Learnt{}
	}
	return l.fails
}

func specText(name, path string) string {
	return "kind: spec\nname: " + name + "\ntype: authentication_attempt\nmatch: {method: POST, path: " + path + "}\nrequest: {json $.email: email}\n"
}

func twoProposals() Learnt {
	return Learnt{Shapes: 7, Visitors: 5, Sites: []LearningSite{{"shop", true}}, Proposals: []Proposal{
		{ID: "a1", Site: "shop", Name: "Login", Type: "authentication_attempt", Says: "this looks like a login: POST /api/session", Method: "POST", Path: "/api/session",
			Count: 12, Fields: []ProposedField{{Source: "json $.email", Element: "email", Kinds: map[string]int64{"email": 12}}, {Source: "json $.password", Secret: true}},
			YAML: specText("Login", "/api/session")},
		{ID: "b2", Site: "shop", Name: "Sign-up", Type: "account_create", Says: "this looks like a sign-up: POST /api/join", Method: "POST", Path: "/api/join", YAML: specText("Sign-up", "/api/join")},
	}}
}

// TestProposalsAreShownAndAccepted holds that a policy file is made of what was
// chosen, that what is wrong with it is told, and that the audit log says who.
func TestProposalsAreShownAndAccepted(t *testing.T) {
	l := &learner{learnt: twoProposals()}
	files := map[string]string{"spec.yaml": specText("Search", "/search")}
	s := newStand(t, func(c *Config) { c.Discovery, c.Policy = l, func() Policy { return Policy{Files: files} } })
	analyst, admin := s.signIn("ann", control.Analyst), s.signIn("adm", control.Admin)
	var got Learnt
	analyst.do("GET", "/api/v1/discovery", nil, 200, &got)
	if len(got.Proposals) != 2 || got.Proposals[0].TypeName != "Authentication attempt" || got.Proposals[0].Fields[0].Name != "Email" || got.Shapes != 7 {
		t.Errorf("%+v", got)
	}
	analyst.do("POST", "/api/v1/discovery/accept", AcceptProposals{IDs: []string{"a1"}}, 403, nil)
	var file ProposedFile
	admin.do("POST", "/api/v1/discovery/accept", AcceptProposals{IDs: []string{"b2", "a1"}}, 200, &file)
	if file.File != "proposed.yaml" || len(file.Faults) > 0 || !strings.HasPrefix(file.YAML, "# shop: this looks like a sign-up") || strings.Count(file.YAML, "kind: spec") != 2 || strings.Count(file.YAML, "---\n") != 1 {
		t.Errorf("%+v", file)
	}
	files["proposed.yaml"] = file.YAML // somebody has put it there
	admin.do("POST", "/api/v1/discovery/accept", AcceptProposals{IDs: []string{"a1"}}, 200, &file)
	if file.File != "proposed-2.yaml" || len(file.Faults) == 0 || !strings.Contains(strings.Join(file.Faults, " "), "login") {
		t.Errorf("%+v", file)
	}
	text := admin.do("POST", "/api/v1/discovery/accept", AcceptProposals{IDs: []string{"a1", "zz"}}, 422, nil)
	if !strings.Contains(text, "body.ids[1]") || !strings.Contains(text, "no such proposal") {
		t.Error(text)
	}
	admin.do("POST", "/api/v1/discovery/accept", AcceptProposals{}, 422, nil)
	var log AuditList
	admin.do("GET", "/api/v1/audit", nil, 200, &log)
	var accepted []string
	for _, e := range log.Entries {
		if e.Action == "discovery.accept" {
			accepted = append(accepted, e.Actor+" "+e.Target+" "+e.Detail)
		}
	}
	if strings.Join(accepted, "; ") != "adm proposed-2.yaml Login; adm proposed.yaml Sign-up, Login" {
		t.Errorf("the audit log says %q", accepted)
	}
}

// TestDiscoveryIsForgotten holds that only an admin may, and that it is audited.
func TestDiscoveryIsForgotten(t *testing.T) {
	l := &learner{learnt: twoProposals()}
	s := newStand(t, func(c *Config) { c.Discovery = l })
	s.signIn("ann", control.Analyst).do("POST", "/api/v1/discovery/forget", nil, 403, nil)
	admin := s.signIn("adm", control.Admin)
	l.fails = errors.New("no space left")
	if text := admin.do("POST", "/api/v1/discovery/forget", nil, 500, nil); strings.Contains(text, "no space") {
		t.Error(text)
	}
	l.fails = nil
	admin.do("POST", "/api/v1/discovery/forget", nil, 204, nil)
	var got Learnt
	admin.do("GET", "/api/v1/discovery", nil, 200, &got)
	var log AuditList
	admin.do("GET", "/api/v1/audit?limit=1", nil, 200, &log)
	if l.forgot != 1 || len(got.Proposals) != 0 || log.Entries[0].Action != "discovery.forget" || log.Entries[0].Detail != "7 shapes" {
		t.Errorf("%d times, %+v, %+v", l.forgot, got, log.Entries)
	}
}

// TestAHubWithoutDiscovery answers that nothing was learnt.
func TestAHubWithoutDiscovery(t *testing.T) {
	s := newStand(t)
	admin := s.signIn("adm", control.Admin)
	var got Learnt
	admin.do("GET", "/api/v1/discovery", nil, 200, &got)
	if len(got.Sites)+len(got.Proposals) != 0 {
		t.Errorf("%+v", got)
	}
	admin.do("POST", "/api/v1/discovery/forget", nil, 404, nil)
}
