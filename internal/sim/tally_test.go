package sim

import (
	"testing"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

func started(t *tally, id journey.ID, person int, spec journey.ID, by string, candidates ...journey.Candidate) *record {
	r := &Request{Truth: Truth{Person: person, Visit: int(id), Kind: Home}}
	c := t.begin(id, r)
	t.answered(c, &identity.Answer{SpecID: spec, By: by, Candidates: candidates})
	t.event(c, spec, r)
	return c
}

func TestAnswersAreJudgedByWhatWasKnownThen(t *testing.T) {
	y := newTally()
	started(y, 1, 1, 1, "")       // new, said to be new
	started(y, 2, 1, 1, "cookie") // back, and known
	started(y, 3, 2, 1, "cookie") // new, taken for the first
	started(y, 4, 2, 1, "cookie") // the Spec ID is still mostly the first's
	started(y, 5, 2, 5, "")       // back, and not known
	s := y.score()
	if s.StrongAnswers != 3 || s.StrongPrecision != 1./3 || s.FalseRecognition != .5 || s.Recognised != 1./3 {
		t.Errorf("%+v", s)
	}
	if y.owner(1) != 1 {
		t.Errorf("two Sessions each: %d owns it, not who came first", y.owner(1))
	}
	started(y, 6, 2, 1, "cookie")
	if y.owner(1) != 2 {
		t.Errorf("%d owns what is mostly 2's", y.owner(1))
	}
}

func TestANewPersonWhoFindsAnothersSessionIsCounted(t *testing.T) {
	y := newTally()
	started(y, 1, 1, 1, "")
	y.joined(&Request{Truth: Truth{Person: 2}}, &session.Join{Key: journey.Key{Kind: journey.KeyCookie}})
	y.joined(&Request{Truth: Truth{Person: 3}}, &session.Join{})
	y.joined(&Request{Truth: Truth{Person: 3}}, &session.Join{})
	if s := y.score(); s.FalseRecognition != 1./3 || s.FalseJoin != 1./3 {
		t.Errorf("%+v", s)
	}
}

func TestMergesAndSplitsAreFollowed(t *testing.T) {
	y := newTally()
	a, b, c := started(y, 1, 1, 1, ""), started(y, 2, 1, 2, ""), started(y, 3, 3, 3, "")
	y.changed([]journey.SpecChange{{Kind: journey.SpecMerged, From: 2, Into: 1}})
	y.changed([]journey.SpecChange{{Kind: journey.SpecMerged, From: 3, Into: 2}})
	if y.who(c.spec) != 1 || y.size[1] != 3 || y.largest != 3 || y.owner(3) != 1 {
		t.Errorf("merged: %+v", y.size)
	}
	y.changed([]journey.SpecChange{{Kind: journey.SpecSplit, From: 3, Into: 3}, {Kind: journey.SpecSplit, From: 2, Into: 1}})
	if y.who(a.spec) != 1 || y.who(b.spec) != 1 || y.who(c.spec) != 3 || y.size[1] != 2 || y.size[3] != 1 || y.owner(3) != 3 {
		t.Errorf("split: %+v", y.size)
	}
	y.merged(b, a)
	if b.root() != a || y.size[1] != 1 {
		t.Errorf("a Session that is part of another counts: %+v", y.size)
	}
	s := y.score()
	if s.Sessions != 2 || s.LargestCluster != 3 || s.Session.Precision != 0 || s.Identity.Precision != 1 {
		t.Errorf("%+v", s)
	}
}

func TestSessionsMoveWithTheirPart(t *testing.T) {
	y := newTally()
	started(y, 1, 1, 1, "")
	c, d := started(y, 4, 2, 1, "cookie"), started(y, 5, 2, 1, "cookie")
	y.changed([]journey.SpecChange{{Kind: journey.SpecSplit, From: 1, Into: 1}, {Kind: journey.SpecSplit, From: 4, Into: 4}})
	if y.who(c.spec) != 4 || y.who(d.spec) != 1 || y.size[1] != 2 || y.size[4] != 1 || y.owner(4) != 2 {
		t.Errorf("%v, %v: %+v", c.spec, d.spec, y.size)
	}
}

func TestLinksAreComparedWithRingsAndHomes(t *testing.T) {
	y := newTally()
	for i, truth := range []Truth{{Ring: 1}, {Ring: 1}, {Ring: 1}, {Home: 4}, {Home: 4}, {Home: 5}} {
		id := journey.ID(i + 1)
		truth.Person, truth.Visit, truth.Kind = i+1, i+1, Home
		c := y.begin(id, &Request{Truth: truth})
		y.answered(c, &identity.Answer{SpecID: id})
	}
	y.linked([]journey.ActorLink{{A: 1, B: 2}, {A: 4, B: 5}, {A: 2, B: 1}, {A: 5, B: 6}, {A: 3, B: 3}})
	if s := y.score(); s.RingRecall != 1./3 || s.LinkPrecision != 2./3 {
		t.Errorf("%+v", s)
	}
}

func TestCandidatesAreHeldToTheirConfidence(t *testing.T) {
	y := newTally()
	started(y, 1, 1, 1, "")
	for i := range 4 { // three of four are right: what says 75 errs by nothing
		person := 1
		if i == 3 {
			person = 2
		}
		started(y, journey.ID(i+2), person, journey.ID(i+2), "", journey.Candidate{SpecID: 1, Confidence: 75})
	}
	if s := y.score(); s.Candidates != 4 || s.CandidateError != 0 {
		t.Errorf("%+v", s)
	}
	started(y, 9, 9, 9, "", journey.Candidate{SpecID: 1, Confidence: 15})
	if s := y.score(); s.Candidates != 5 || s.CandidateError < .0299 || s.CandidateError > .0301 {
		t.Errorf("%+v", s)
	}
}
