package capture

import (
	"strings"
	"testing"
)

// TestOwnElementsAreCaptured holds that an element of the policy is read like one of
// the catalogue: normalised by its kind, kept as its sensitivity says, and invalid
// with a reason where it does not fit.
func TestOwnElementsAreCaptured(t *testing.T) {
	s := compile(t, `
kind: spec
name: Play
type: other
match: {path: /play}
request: {query.tag: custom_tag, query.pin: custom_pin, query.score: custom_score, query.bid: custom_bid}
---
{kind: element, id: custom_tag, name: Tag, is: entity, value: identifier, sensitivity: personal, example: ann}
---
{kind: element, id: custom_pin, name: Pin, is: attribute, value: integer, sensitivity: secret, example: 1234}
---
{kind: element, id: custom_score, name: Score, is: attribute, value: integer, sensitivity: public, example: 12}
---
{kind: element, id: custom_bid, name: Bid, is: attribute, value: money, sensitivity: public, example: 1.50}
`).Specs[0]
	got := capturer(t).Request(NewPlan(s), exchange(head("GET", "/play?tag=+ann+&pin=0042&score=many&bid=%241,234.5"), ""))
	by := values(got)
	if pin := by["custom_pin"]; !strings.HasPrefix(pin, "h:") || strings.Contains(pin, "42") && len(pin) < 10 {
		t.Errorf("the pin is %q", pin)
	}
	delete(by, "custom_pin")
	wants(t, by, map[string]string{"ip": "192.0.2.9", "custom_tag": "ann", "custom_bid": "1234.50", "custom_score": "!not a whole number"})
	for _, e := range got {
		if e.Entity != (e.ID == "ip" || e.ID == "custom_tag") || e.Entity != (e.Hash > 0) {
			t.Errorf("%+v", e)
		}
	}
}
