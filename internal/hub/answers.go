package hub

import (
	"math"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/journey"
)

// From journey's words to the API's. No list is ever null.

func stamp(micros int64) string {
	if micros == 0 {
		return ""
	}
	return stampOf(time.UnixMicro(micros))
}

func stampOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func each[A, B any](from []A, f func(A) B) []B {
	to := make([]B, len(from))
	for i, a := range from {
		to[i] = f(a)
	}
	return to
}

// sessionOf leaves out who a Session's user is known as by now; sessionsOf says it.
func (h *Hub) sessionOf(s journey.Session) Session {
	return Session{
		ID: s.ID.String(), SpecID: idText(s.SpecID), Site: s.Site, Start: stamp(s.Start), Last: stamp(s.Last),
		DurationMS: (s.Last - s.Start) / 1000, Events: s.Events, Velocity: velocity(s), Rating: s.Rating.String(), Points: s.Points,
		Labels: each(s.Labels, labelOf), Signatures: each(s.Signatures, signatureOf), Actions: list(s.Actions),
		IP: s.IP, Country: s.Country, City: s.City, UserAgent: s.UserAgent, Account: s.Account,
		Live:       s.MergedInto == 0 && h.Clock().Sub(time.UnixMicro(s.Last)) < h.SessionTimeout(),
		Recognised: recognised(s.Recognised), MergedInto: idText(s.MergedInto),
		Candidates: each(s.Candidates, func(c journey.Candidate) Candidate { return candidateOf(c, nil) }),
	}
}

func (h *Hub) sessionsOf(sessions []journey.Session, known insight.KnownAs) []Session {
	return each(sessions, func(s journey.Session) Session { return h.knownSession(s, known) })
}

func (h *Hub) knownSession(s journey.Session, known insight.KnownAs) Session {
	out := h.sessionOf(s)
	out.KnownAs = idText(known[s.SpecID])
	out.Candidates = each(s.Candidates, func(c journey.Candidate) Candidate { return candidateOf(c, known) })
	return out
}

// velocity is the pace between events, a minute; one event alone has none.
func velocity(s journey.Session) float64 {
	if s.Events < 2 {
		return 0
	}
	minutes := float64(max(s.Last-s.Start, 1000)) / 60e6
	return math.Round(float64(s.Events-1)/minutes*10) / 10
}

func (h *Hub) detailOf(story insight.SessionStory) SessionDetail {
	return SessionDetail{
		Session:  h.knownSession(story.Session, story.KnownAs),
		Chart:    each(story.Chart, bubbleOf),
		Turns:    turnsOf(story.Turns),
		Entities: each(story.Entities, h.linkedOf),
		Related:  h.sessionsOf(story.Related, story.KnownAs),
		Absorbed: h.sessionsOf(story.Absorbed, story.KnownAs),
	}
}

func bubbleOf(b insight.Bucket) Bubble {
	types := make(map[string]int64, len(b.Types))
	for t, n := range b.Types {
		types[string(t)] = n
	}
	return Bubble{Start: stamp(b.Start), Rating: b.Rating.String(), Count: b.Count, Types: types}
}

func turnsOf(events []journey.Event) []Turn {
	turns := make([]Turn, 0, len(events))
	for i := range events {
		if t := turnOf(&events[i]); t != nil {
			turns = append(turns, *t)
		}
	}
	return turns
}

func turnOf(e *journey.Event) *Turn {
	if e.RatingChange == nil {
		return nil
	}
	return &Turn{Time: stamp(e.Time), EventID: e.ID.String(), EventName: e.Name,
		From: e.RatingChange.From.String(), To: e.RatingChange.To.String(), Reason: e.RatingChange.Reason}
}

func labelOf(l journey.Label) Label {
	return Label{ID: l.ID, Title: l.Title, Severity: string(l.Severity), Points: l.Points, EventID: idText(l.EventID),
		Time: stamp(l.Time), Shadow: l.Shadow, Evidence: list(l.Evidence)}
}

func signatureOf(s journey.Signature) journey.Signature {
	s.Labels = list(s.Labels)
	return s
}

func (h *Hub) knownEvent(e journey.Event, known insight.KnownAs) Event {
	out := h.eventOf(e)
	out.KnownAs = idText(known[e.SpecID])
	return out
}

func (h *Hub) eventOf(e journey.Event) Event {
	return Event{
		ID: e.ID.String(), SessionID: idText(e.SessionID), SpecID: idText(e.SpecID), Site: e.Site,
		Time: stamp(e.Time), DurationMS: float64(e.Duration) / 1000, Name: e.Name, Type: string(e.Type), TypeName: typeName(e.Type),
		Spec: e.Spec, Method: e.Method, Status: e.Status, Outcome: string(e.Outcome), Rating: e.Rating.String(), Points: e.Points,
		Change: turnOf(&e), Elements: each(e.Elements, h.elementOf), Labels: each(e.Labels, labelOf),
		Signatures: each(e.Signatures, signatureOf), Actions: list(e.Actions), Workflows: list(e.Workflows),
		JoinReason: e.JoinReason, Revision: e.Revision, Truncated: e.Truncated,
	}
}

func (h *Hub) elementOf(e journey.Element) Element {
	def := h.catalogue().of(e.ID)
	out := Element{ID: e.ID, Name: def.Name, Group: def.Group, Value: e.Value, Entity: e.Entity,
		Primary: def.Primary, Hashed: def.Hashed(), Invalid: e.Invalid, Unverified: e.Unverified}
	if e.Hash != 0 {
		out.EntityID = insight.EntityID(e.Hash)
	}
	return out
}

func (h *Hub) linkedOf(l insight.LinkedEntity) LinkedEntity {
	def := h.catalogue().of(l.Element)
	return LinkedEntity{ID: insight.EntityID(l.Hash), Element: l.Element, Name: def.Name, Value: l.Value, Hashed: def.Hashed(),
		Shared: l.Shared, Sessions: l.Sessions, LastSeen: stamp(l.LastSeen)}
}

func (h *Hub) entityOf(e insight.EntityStory) Entity {
	def := h.catalogue().of(e.Element)
	out := Entity{
		ID: insight.EntityID(e.Hash), Element: e.Element, Name: def.Name, Value: e.Value, Hashed: def.Hashed(),
		FirstSeen: stamp(e.FirstSeen), LastSeen: stamp(e.LastSeen), Sessions: e.Sessions, LinkedEntities: e.LinkedTotal,
		Ratings: map[string]int64{}, Countries: map[string]int64{},
		Linked: each(e.Linked, h.linkedOf), Recent: h.sessionsOf(e.Recent, e.KnownAs),
	}
	for r, n := range e.Ratings {
		out.Ratings[journey.Rating(r).String()] = n
	}
	for _, c := range e.EntityFacts.Countries {
		out.Countries[c.Country] = c.Sessions
	}
	return out
}

// idText is empty for an ID that was never given.
func idText(id journey.ID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

func typeName(t journey.EventType) string {
	if t == journey.MFA {
		return "MFA"
	}
	s := strings.ReplaceAll(string(t), "_", " ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
