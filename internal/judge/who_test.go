package judge

import (
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestAThiefDoesNotBecomeHisVictims: a password that works makes one user of two
// visitors, unless the one is held to be malicious by then.
func TestAThiefDoesNotBecomeHisVictims(t *testing.T) {
	for _, tries := range []int{0, 1} {
		s := fresh(t, "kind: spec\nname: Login\ntype: authentication_attempt\nmatch: {method: POST, path: /login}\n---\n"+
			"kind: label\nid: wrong\ntitle: Wrong password\nseverity: critical\npoints: 90\nwhen: event.outcome == \"failure\"\n")
		ann, _ := event(t, s, login(1, noon, "192.0.2.1", "ann", journey.Success, cookie(1)))
		for i := range tries {
			event(t, s, login(uint64(10+i), noon+minute, "198.51.100.9", "ben", journey.Failure, cookie(9)))
		}
		other, v := event(t, s, login(20, noon+2*minute, "198.51.100.9", "ann", journey.Success, cookie(9)))
		if one, malicious := other.SpecID == ann.SpecID, tries > 0; one == malicious {
			t.Errorf("%d wrong passwords, rated %s: one user: %v", tries, v.Rating, one)
		}
		if v.Account != "ann" {
			t.Errorf("the account that was signed in to is not told: %+v", v)
		}
	}
}

// TestSessionsThatAreOneCarryWhatBothHad: labels, what was counted and the account
// go with the younger Session into the older.
func TestSessionsThatAreOneCarryWhatBothHad(t *testing.T) {
	s := fresh(t, "kind: spec\nname: Login\ntype: authentication_attempt\nmatch: {method: POST, path: /login}\n---\n"+
		"kind: label\nid: wrong\ntitle: Wrong password\nseverity: medium\npoints: 20\nwhen: event.outcome == \"failure\"\n---\n"+
		"kind: label\nid: thrice\ntitle: Three attempts\nseverity: medium\npoints: 20\nwhen: session.count(\"authentication_attempt\", \"1h\") >= 3\n")
	over := func(connection uint64) journey.Key {
		return journey.Key{Kind: journey.KeyConnection, Hash: connection, Named: true}
	}
	// Two connections, of which nobody knows yet that they are one visitor's.
	older, _ := event(t, s, login(1, noon, "192.0.2.1", "ann", journey.Success, over(1)))
	elsewhere := login(2, noon+second, "198.51.100.1", "ann", journey.Failure, over(2))
	younger, _ := event(t, s, elsewhere)
	if younger.SessionID == older.SessionID {
		t.Fatal("they are one already")
	}
	device := journey.Key{Kind: journey.KeyDevice, Hash: 77, Named: true}
	event(t, s, login(3, noon+2*second, "192.0.2.1", "ann", journey.Success, over(1), device))
	both := login(4, noon+3*second, "198.51.100.1", "ann", journey.Success, over(2), device)
	j := observe(t, s, both)
	if len(j.Events) != 1 || j.Events[0].SessionID != older.SessionID {
		t.Fatalf("%s", asJSON(t, j))
	}
	ids := map[string]bool{}
	merged := false
	for _, v := range j.Sessions {
		if v.ID == younger.SessionID {
			merged = v.MergedInto == older.SessionID
			continue
		}
		for _, l := range v.Labels {
			ids[l.ID] = true
		}
	}
	if !merged || !ids["wrong"] || !ids["thrice"] {
		t.Fatalf("merged: %v, labels: %v\n%s", merged, ids, asJSON(t, j))
	}
}
