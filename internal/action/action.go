// Package action makes a Verdict real: it turns the Actions a Verdict names into
// a Decision of the data plane, with the parameters of the policy revision the
// Verdict was judged under. The engine calls it; it does no I/O.
package action

import (
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Decide renders a Verdict. It returns what the data plane shall do and the
// Actions as they will have happened: enforced, or with the reason why not.
// When enforce is false nothing is done and why is that reason.
func Decide(snap *policy.Snapshot, v *journey.Verdict, enforce bool, why string) (wire.Decision, []journey.Action) {
	var d wire.Decision
	if len(v.Actions) == 0 {
		return d, nil
	}
	taken := make([]journey.Action, 0, len(v.Actions))
	for _, a := range v.Actions {
		a.EventID = v.EventID
		switch params := snap.Actions[a.Name]; {
		case a.Shadow:
		case !enforce:
			a.Reason = why
		case params == nil:
			a.Reason = "the policy changed before it could be taken"
		case d.Answer != nil:
			a.Reason = "an earlier action answered the request"
		default:
			apply(&d, params, v)
			a.Enforced = true
		}
		taken = append(taken, a)
	}
	return d, taken
}

func apply(d *wire.Decision, a *policy.Action, v *journey.Verdict) {
	switch a.Type {
	case journey.ActionBlock:
		d.Answer = answer(a.Status, a.ContentType, a.Body)
	case journey.ActionRedirect:
		d.Answer = answer(a.Status, "", "")
		d.Answer.Fields = append(d.Answer.Fields, wire.Field{Name: "Location", Value: a.Location})
	case journey.ActionTag:
		d.Edits = append(d.Edits, wire.Edit{Name: a.Header, Value: expand(a.Value, v)})
	}
}

func answer(status int, contentType, body string) *wire.Answer {
	ans := &wire.Answer{Status: status, Body: []byte(body)}
	if contentType != "" {
		ans.Fields = append(ans.Fields, wire.Field{Name: "Content-Type", Value: contentType})
	}
	ans.Fields = append(ans.Fields, wire.Field{Name: "Cache-Control", Value: "no-store"})
	return ans
}

// expand fills the placeholders of a tag's value.
func expand(s string, v *journey.Verdict) string {
	if !strings.Contains(s, "{") {
		return s
	}
	return strings.NewReplacer(
		"{rating}", v.Rating.String(),
		"{points}", strconv.Itoa(v.Points),
		"{labels}", strings.Join(v.Labels, ","),
		"{session_id}", v.SessionID.String(),
		"{event_id}", v.EventID.String(),
		"{spec_id}", v.SpecID.String(),
	).Replace(s)
}
