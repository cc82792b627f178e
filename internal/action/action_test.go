package action

import (
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

func snapshot() *policy.Snapshot {
	return &policy.Snapshot{Actions: map[string]*policy.Action{
		"stop": {Name: "stop", Type: journey.ActionBlock, Status: 403, ContentType: "text/plain", Body: "no"},
		"away": {Name: "away", Type: journey.ActionRedirect, Status: 302, Location: "/help"},
		"tell": {Name: "tell", Type: journey.ActionTag, Header: "X-Risk", Value: "{rating};{points};{labels}"},
	}}
}

func verdict(names ...string) *journey.Verdict {
	v := &journey.Verdict{EventID: 7, Rating: journey.Malicious, Points: 80, Labels: []string{"a", "b"}}
	for _, n := range names {
		v.Actions = append(v.Actions, journey.Action{Name: n})
	}
	return v
}

func TestBlockAnswersAndLaterActionsSayWhyNot(t *testing.T) {
	d, taken := Decide(snapshot(), verdict("tell", "stop", "away"), true, "")
	if d.Answer == nil || d.Answer.Status != 403 || string(d.Answer.Body) != "no" {
		t.Fatalf("answer = %+v", d.Answer)
	}
	if len(d.Edits) != 1 || d.Edits[0].Value != "malicious;80;a,b" {
		t.Fatalf("edits = %+v", d.Edits)
	}
	if !taken[0].Enforced || !taken[1].Enforced || taken[2].Enforced || taken[2].Reason == "" {
		t.Fatalf("taken = %+v", taken)
	}
	if taken[1].EventID != 7 {
		t.Fatalf("event of the action = %v", taken[1].EventID)
	}
}

func TestRedirect(t *testing.T) {
	d, _ := Decide(snapshot(), verdict("away"), true, "")
	if d.Answer.Status != 302 || d.Answer.Fields[1].Value != "/help" {
		t.Fatalf("answer = %+v", d.Answer)
	}
}

func TestNothingHappensUnlessEnforced(t *testing.T) {
	d, taken := Decide(snapshot(), verdict("stop"), false, "the site is in pass-through mode")
	if d.Answer != nil || taken[0].Enforced || taken[0].Reason != "the site is in pass-through mode" {
		t.Fatalf("%+v %+v", d, taken)
	}
	v := verdict("stop")
	v.Actions[0].Shadow = true
	if d, taken := Decide(snapshot(), v, true, ""); d.Answer != nil || taken[0].Enforced {
		t.Fatalf("shadow was enforced: %+v %+v", d, taken)
	}
	if d, taken := Decide(snapshot(), verdict("gone"), true, ""); d.Answer != nil || taken[0].Enforced || taken[0].Reason == "" {
		t.Fatalf("an unknown action: %+v %+v", d, taken)
	}
}
