package judge

import (
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// refunds is stopped by what a response says.
const refunds = `
kind: spec
name: Login
id: login
type: authentication_attempt
match: {method: POST, path: /login}
processing: sync
hold_response: true
---
kind: label
id: seen
title: Seen
severity: info
on: [authentication_attempt]
when: event.type == "authentication_attempt"
---
kind: label
id: fails
title: Fails often
severity: high
points: 40
on: [authentication_attempt]
when: session.count("authentication_attempt", "failure", "10m") >= 2
---
kind: workflow
name: Tell of each
trigger: {label: seen}
do: [tell]
---
kind: workflow
name: Stop who fails
trigger: {label: fails}
do: [tell, stop]
---
kind: action
name: tell
type: tag
header: X-Risk
value: "{rating}"
---
kind: action
name: stop
type: block
`

// TestAHeldResponseIsJudged: the outcome counts before the response leaves, a workflow
// that has run does not run again, and the Event is one, judged once.
func TestAHeldResponseIsJudged(t *testing.T) {
	s := fresh(t, refunds)
	for i := range uint64(2) {
		q, r := halves(login(i, noon+int64(i)*second, "192.0.2.1", "ann", journey.Failure, cookie(1)), second/2)
		first := observe(t, s, q).Verdict
		if first == nil || names(first.Actions) != "tell" {
			t.Fatalf("try %d: at the request %+v", i, first)
		}
		h := *r
		h.Phase, h.Enforced = journey.PhaseHeld, nil
		h.Elements = []journey.Element{{ID: "failure_reason", Value: "wrong"}}
		j := observe(t, s, &h)
		want := map[uint64]string{1: "tell stop"}[i]
		if j.Verdict == nil || names(j.Verdict.Actions) != want || len(j.Events) != 0 {
			t.Fatalf("try %d: at the response %+v, %d events", i, j.Verdict, len(j.Events))
		}
		if i == 1 {
			if strings.Join(j.Verdict.Labels, " ") != "fails" || j.Verdict.Points != 40 || j.Verdict.EventID != first.EventID {
				t.Errorf("%+v", j.Verdict)
			}
			r.Enforced = []journey.Action{{Name: "stop", Type: journey.ActionBlock, Enforced: true}}
		}
		e, v := event(t, s, r)
		if e.Value("failure_reason") != "wrong" || v.Events != int(i)+1 || labels(e.Labels) != strings.TrimSpace(map[uint64]string{0: "seen", 1: "fails"}[i]) {
			t.Errorf("try %d: %+v", i, e)
		}
		if i == 1 && (e.Outcome != journey.Mitigated || strings.Join(e.Workflows, ",") != "Tell of each,Stop who fails" || len(e.Labels) != 1) {
			t.Errorf("%+v", e)
		}
	}
	// Of nothing that is open it says nothing.
	if j := observe(t, s, &journey.Observation{Exchange: 99, Phase: journey.PhaseHeld, Time: noon}); j.Verdict != nil || len(j.Events) != 0 {
		t.Errorf("%+v", j)
	}
	if s.Live().Pending != 0 {
		t.Errorf("%d are open", s.Live().Pending)
	}
}

// holding lets some of the responses of a journal be held before they come.
func holding(in []journey.Input) (out []journey.Input) {
	n := 0
	for _, i := range in {
		if o := i.Observation; o != nil && o.Phase == journey.PhaseResponse {
			if n++; n%3 == 0 {
				h := *o
				h.Phase, h.Learned, h.Enforced = journey.PhaseHeld, nil, nil
				out = append(out, journey.Input{Kind: i.Kind, Time: i.Time, Observation: &h})
			}
		}
		out = append(out, i)
	}
	return out
}

func names(list []journey.Action) string {
	var out []string
	for _, a := range list {
		out = append(out, a.Name)
	}
	return strings.Join(out, " ")
}
