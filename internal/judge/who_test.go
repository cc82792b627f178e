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

// TestWhoHasAnAccountIsNotHisNeighbour: neither a connection opened in the moment of a
// neighbour's, nor being there at his time, makes one of two who are known by their keys,
// each by accounts of his own.
func TestWhoHasAnAccountIsNotHisNeighbour(t *testing.T) {
	key := func(kind string, n uint64) journey.Key { return journey.Key{Kind: kind, Hash: n, Named: true} }
	for _, c := range []struct {
		own    uint64 // ticket of the one who comes back: another's, or one of the neighbour's own
		beside uint64
	}{{101, 103}, {102, 103}, {101, 0}, {102, 0}} {
		own := c.own
		s := fresh(t, "kind: spec\nname: Login\ntype: authentication_attempt\nmatch: {method: POST, path: /login}\n")
		n := uint64(0)
		visit := func(at int64, user string, beside uint64, carried, learned []journey.Key) journey.Event {
			n++
			o := login(n, at, "192.0.2.1", user, journey.Success, append(carried, key(journey.KeyConnection, 1000+n))...)
			o.Multiplexed, o.Beside, o.Learned = c.beside != 0, beside, learned
			if user == "" {
				o.Outcome, o.Elements = journey.Failure, nil
			}
			e, _ := event(t, s, o)
			return e
		}
		ben := visit(noon, "ben", 0, nil, []journey.Key{key(journey.KeyTicket, 101)})
		ann := visit(noon+120*minute, "ann", 0, nil, []journey.Key{key(journey.KeyTicket, 102)})
		if ben.SpecID == ann.SpecID {
			t.Fatal("they are one from the beginning")
		}
		now := visit(noon+240*minute, "", 0, nil, []journey.Key{key(journey.KeyTicket, 103)})
		visit(noon+241*minute, "ann", 0, []journey.Key{key(journey.KeyTicket, 103)}, nil)
		back := visit(noon+242*minute, "", c.beside, []journey.Key{key(journey.KeyTicket, own)}, nil)
		want := ann
		if own == 101 {
			want = ben
		}
		if joined := back.SessionID == now.SessionID; joined != (own == 102) || s.people.Current(back.SpecID) != s.people.Current(want.SpecID) {
			t.Errorf("%v: with ticket %d he joins: %v, as %v, want %v", c, own, joined, back.SpecID, want.SpecID)
		}
		if s.people.Current(ben.SpecID) == s.people.Current(ann.SpecID) {
			t.Errorf("%v: with ticket %d both are one user", c, own)
		}
	}
}
