package hub

import (
	"slices"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/journey"
)

func TestSpecIDPage(t *testing.T) {
	s := newStand(t)
	viewer := s.signIn("vera", control.Viewer)
	m := memory(t)
	ann, bob, third := m.Sessions[0].SpecID.String(), m.Sessions[1].SpecID.String(), m.Changes[0].From.String()
	var p SpecID
	viewer.do("GET", "/api/v1/spec-ids/"+third, nil, 200, &p)
	if p.ID != third || p.KnownAs != ann || !slices.Equal(p.IDs, []string{ann, third}) || p.MoreIDs {
		t.Errorf("%s is %s of %v", p.ID, p.KnownAs, p.IDs)
	}
	if p.Sessions != 2 || p.Events != 6 || p.Ratings["normal"] != 1 || p.Ratings["suspicious"] != 1 || p.Recognised["cookie"] != 1 || p.Recognised["new"] != 1 {
		t.Errorf("%+v", p)
	}
	if len(p.Accounts) != 1 || p.Accounts[0].Value != "ann@example.com" || p.Accounts[0].Sessions != 2 || len(p.Addresses) != 2 || len(p.Chart) != 2 || len(p.Recent) != 2 {
		t.Errorf("accounts %+v, addresses %+v, chart %+v", p.Accounts, p.Addresses, p.Chart)
	}
	if p.EntitiesTotal != 3 || p.Entities[1].Shared != 2 || p.Entities[1].Element != "email" {
		t.Errorf("entities %+v", p.Entities)
	}
	kinds := []string{}
	for _, c := range p.History {
		kinds = append(kinds, c.Kind+" "+c.Reason)
	}
	if !slices.Equal(kinds, []string{"split shared cookie", "merge one cookie", "merge one account"}) || p.HistoryTotal != 3 {
		t.Errorf("history %v", kinds)
	}
	if len(p.Actors) != 1 || p.Actors[0].SpecID != bob || p.Actors[0].Rating != "malicious" || p.Actors[0].Worst != m.Sessions[1].ID.String() {
		t.Fatalf("actors %+v", p.Actors)
	}
	shared := p.Actors[0].Shared
	if len(shared) != 2 || shared[0].EntityID != "" || shared[0].Name != "Device class at one address" ||
		shared[1].EntityID != insight.EntityID(m.Shared[0].Hash) || shared[1].Value != "198.51.100.2" || shared[1].EventID != m.Events[3].ID.String() {
		t.Errorf("shared %+v", shared)
	}
	viewer.do("GET", "/api/v1/spec-ids/"+ann, nil, 200, &p)
	if p.KnownAs != "" {
		t.Errorf("who is known by that ID is known as %s", p.KnownAs)
	}
	viewer.do("GET", "/api/v1/spec-ids/77", nil, 404, nil)
	viewer.do("GET", "/api/v1/spec-ids/x", nil, 422, nil)

	var list SessionList
	viewer.do("GET", "/api/v1/sessions?spec_id="+third, nil, 200, &list)
	if list.Total != 2 || list.Sessions[0].SpecID != ann || list.Sessions[0].Recognised != "cookie" || list.Sessions[1].Recognised != "new" {
		t.Errorf("%+v", list)
	}
	var d SessionDetail
	viewer.do("GET", "/api/v1/sessions/"+m.Sessions[1].ID.String(), nil, 200, &d)
	if len(d.Candidates) != 2 || d.Candidates[0].SpecID != third || d.Candidates[0].KnownAs != ann || d.Candidates[0].Confidence != 61 || d.Candidates[1].KnownAs != "" || d.Candidates[1].Reasons == nil {
		t.Errorf("candidates %+v", d.Candidates)
	}
}

// What was recorded stays; who that is by now is said beside it.
func TestKnownAs(t *testing.T) {
	h := newStand(t).hub
	known := insight.KnownAs{8: 3}
	e := h.knownEvent(journey.Event{ID: 1, SpecID: 8}, known)
	if e.SpecID != "8" || e.KnownAs != "3" {
		t.Errorf("event %s, known as %q", e.SpecID, e.KnownAs)
	}
	s := h.knownSession(journey.Session{ID: 1, SpecID: 8, MergedInto: 5, Last: h.Clock().UnixMicro()}, known)
	if s.SpecID != "8" || s.KnownAs != "3" || s.MergedInto != "5" || s.Live {
		t.Errorf("session %+v", s)
	}
	if s = h.knownSession(journey.Session{ID: 1, SpecID: 3, Last: h.Clock().Add(-time.Minute).UnixMicro()}, known); s.KnownAs != "" || s.MergedInto != "" || !s.Live {
		t.Errorf("session %+v", s)
	}
}
