package insight

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// SessionQuery selects Sessions, as asked. Fields are as in
// warehouse.SessionQuery; Values are raw, and Entity names an entity instead.
type SessionQuery struct {
	Element           string
	Values            []string
	Entity            string // opaque ID
	From, To          int64
	Ratings           []journey.Rating
	Label, Signature  string
	Site              string
	Country, City, IP string
	SpecID            journey.ID
	Sort              string
	Desc              bool
	Cursor            string
	Limit             int
}

// SessionQuestion is a checked SessionQuery, ready to be asked.
type SessionQuestion struct {
	query  warehouse.SessionQuery
	entity int64      // look its element and value up first; 0 for none
	spec   journey.ID // look first for all that are known as the same; 0 for none
}

// SessionPage is one page of a search.
type SessionPage struct {
	warehouse.SessionPage
	KnownAs KnownAs
}

// EventPage is one page of a Session's Events.
type EventPage struct {
	warehouse.EventPage
	KnownAs KnownAs
}

// CheckSessions checks a query without asking the warehouse. It answers Faults,
// all of them at once.
func (s *Service) CheckSessions(q SessionQuery) (SessionQuestion, error) {
	var faults Faults
	wrong := func(field, format string, args ...any) {
		faults = append(faults, Fault{field, fmt.Sprintf(format, args...)})
	}
	out := SessionQuestion{spec: q.SpecID, query: warehouse.SessionQuery{
		Element: q.Element, From: q.From, To: q.To, Ratings: q.Ratings, Label: q.Label, Signature: q.Signature,
		Site: q.Site, Country: q.Country, City: q.City, IP: q.IP,
		Sort: q.Sort, Desc: q.Desc, Cursor: q.Cursor, Limit: q.Limit,
	}}
	if q.From != 0 && q.To != 0 && q.From >= q.To {
		wrong("to", "lies before from")
	}
	if out.query.Sort == "" {
		out.query.Sort, out.query.Desc = "start", true
	}
	if !slices.Contains([]string{"start", "last", "events", "labels", "duration", "points", "rating"}, out.query.Sort) {
		wrong("sort", "use start, last, events, labels, duration, points or rating")
	}
	if q.Limit < 1 || q.Limit > MaxLimit {
		wrong("limit", "use 1 to %d", MaxLimit)
	}
	switch {
	case q.Entity != "":
		var err error
		if out.entity, err = ParseEntityID(q.Entity); err != nil {
			wrong("entity", "%v", err)
		}
		if q.Element != "" || len(q.Values) > 0 {
			wrong("entity", "stands instead of element and values; leave one out")
		}
	case q.Element == "" && len(q.Values) > 0:
		wrong("element", "say which element the values are of")
	case q.Element != "":
		faults = append(faults, s.checkValues(q, &out.query)...)
	}
	if faults != nil {
		return SessionQuestion{}, faults
	}
	return out, nil
}

// checkValues makes raw values canonical, and hashes those of an entity.
func (s *Service) checkValues(q SessionQuery, out *warehouse.SessionQuery) (faults Faults) {
	def, known := s.element(q.Element)
	if !known {
		return Faults{{"element", fmt.Sprintf("%q is not in the catalogue", q.Element)}}
	}
	if len(q.Values) == 0 {
		return Faults{{"values", "give at least one value of the element"}}
	}
	if len(q.Values) > MaxValues {
		return Faults{{"values", fmt.Sprintf("give at most %d", MaxValues)}}
	}
	for i, raw := range q.Values {
		forms, err := s.canonical(def, raw)
		if err != nil {
			faults = append(faults, Fault{fmt.Sprintf("values[%d]", i), err.Error()})
			continue
		}
		for _, v := range forms {
			if slices.Contains(out.Values, v) {
				continue
			}
			out.Values = append(out.Values, v)
			if def.Entity {
				out.Hashes = append(out.Hashes, s.Hasher.Entity(q.Element, v))
			}
		}
	}
	return faults
}

// Sessions answers one page of a search. An entity never seen has none.
func (s *Service) Sessions(ctx context.Context, q SessionQuestion) (SessionPage, error) {
	if q.entity != 0 {
		e, err := s.Linker.Entity(ctx, q.entity)
		if errors.Is(err, ErrNotFound) {
			return SessionPage{}, nil
		}
		if err != nil {
			return SessionPage{}, fmt.Errorf("search sessions: %w", err)
		}
		q.query.Element, q.query.Values, q.query.Hashes = e.Element, []string{e.Value}, []int64{q.entity}
	}
	if err := s.sameVisitors(ctx, &q); err != nil {
		return SessionPage{}, fmt.Errorf("search sessions: %w", err)
	}
	page, err := s.Reader.SearchSessions(ctx, q.query)
	if err != nil {
		return SessionPage{}, fmt.Errorf("search sessions: %w", cursorFault(err))
	}
	known, err := s.knownAs(ctx, specsOf(page.Sessions))
	if err != nil {
		return SessionPage{}, fmt.Errorf("search sessions: %w", err)
	}
	return SessionPage{page, known}, nil
}

// sameVisitors widens what a search says of Spec IDs to all that are known as the
// same: Sessions are recorded under whichever it was then.
func (s *Service) sameVisitors(ctx context.Context, q *SessionQuestion) error {
	if q.spec != 0 {
		l, err := s.lineage(ctx, q.spec)
		if err != nil {
			return err
		}
		q.query.SpecIDs = l.IDs
	}
	if q.query.Element != specElement {
		return nil
	}
	asked := make([]journey.ID, 0, len(q.query.Values))
	for _, v := range q.query.Values {
		id, err := journey.ParseID(v)
		if err != nil {
			return err // CheckSessions has said so
		}
		asked = append(asked, id)
	}
	kin, err := s.lineages(ctx, asked)
	if err != nil {
		return err
	}
	q.query.Values = nil
	for _, l := range kin {
		for _, id := range l.IDs {
			if v := id.String(); len(q.query.Values) < warehouse.MaxSpecIDs && !slices.Contains(q.query.Values, v) {
				q.query.Values = append(q.query.Values, v)
			}
		}
	}
	return nil
}

const specElement = "spec_id"

func specsOf(sessions []journey.Session) []journey.ID {
	out := make([]journey.ID, len(sessions))
	for i := range sessions {
		out[i] = sessions[i].SpecID
	}
	return out
}

// SessionStory is a Session with all that its page shows besides its events.
type SessionStory struct {
	Session  journey.Session
	Chart    []Bucket
	Turns    []journey.Event // those that changed the rating, oldest first
	Entities []LinkedEntity
	Related  []journey.Session // of whoever its Spec ID is known as, newest first
	Absorbed []journey.Session // those that turned out to be part of it, newest first
	KnownAs  KnownAs           // of its own Spec ID, of those of Related, and of Candidates
}

// Session tells a Session's story. It answers ErrNotFound.
func (s *Service) Session(ctx context.Context, id journey.ID) (SessionStory, error) {
	var story SessionStory
	var err error
	if story.Session, err = s.Reader.Session(ctx, id); err != nil {
		return story, fmt.Errorf("session: %w", err)
	}
	if story.Chart, err = s.Charter.BubbleChart(ctx, id, chartBuckets); err != nil {
		return story, fmt.Errorf("session chart: %w", err)
	}
	if story.Turns, err = s.Charter.Turns(ctx, id); err != nil {
		return story, fmt.Errorf("session turns: %w", err)
	}
	if story.Entities, err = s.Linker.SessionEntities(ctx, id); err != nil {
		return story, fmt.Errorf("session entities: %w", err)
	}
	if story.Related, err = s.related(ctx, story.Session); err != nil {
		return story, err
	}
	absorbed, err := s.Reader.SearchSessions(ctx, warehouse.SessionQuery{MergedInto: id, Sort: "start", Desc: true, Limit: relatedLimit})
	if err != nil {
		return story, fmt.Errorf("merged sessions: %w", err)
	}
	story.Absorbed = absorbed.Sessions
	ids := append(specsOf(story.Related), story.Session.SpecID)
	for _, c := range story.Session.Candidates {
		ids = append(ids, c.SpecID)
	}
	story.KnownAs, err = s.knownAs(ctx, append(ids, specsOf(story.Absorbed)...))
	return story, err
}

func (s *Service) related(ctx context.Context, of journey.Session) ([]journey.Session, error) {
	if of.SpecID == 0 {
		return nil, nil
	}
	l, err := s.lineage(ctx, of.SpecID)
	if err != nil {
		return nil, fmt.Errorf("related sessions: %w", err)
	}
	// One more than shown, for the Session itself is among them.
	page, err := s.Reader.SearchSessions(ctx, warehouse.SessionQuery{SpecIDs: l.IDs, Sort: "start", Desc: true, Limit: relatedLimit + 1})
	if err != nil {
		return nil, fmt.Errorf("related sessions: %w", err)
	}
	others := slices.DeleteFunc(page.Sessions, func(o journey.Session) bool { return o.ID == of.ID })
	return others[:min(len(others), relatedLimit)], nil
}

// Events answers one page of a Session's events. It answers ErrNotFound for a
// Session that doesn't exist.
func (s *Service) Events(ctx context.Context, q EventQuery) (EventPage, error) {
	if _, err := s.Reader.Session(ctx, q.Session); err != nil {
		return EventPage{}, fmt.Errorf("events: %w", err)
	}
	page, err := s.Reader.SessionEvents(ctx, q)
	if err != nil {
		return EventPage{}, fmt.Errorf("events: %w", cursorFault(err))
	}
	ids := make([]journey.ID, len(page.Events))
	for i := range page.Events {
		ids[i] = page.Events[i].SpecID
	}
	known, err := s.knownAs(ctx, ids)
	if err != nil {
		return EventPage{}, fmt.Errorf("events: %w", err)
	}
	return EventPage{page, known}, nil
}

// cursorFault blames the asker for a cursor that was made up.
func cursorFault(err error) error {
	if errors.Is(err, warehouse.ErrCursor) {
		return Faults{{"cursor", "is not the next of a page of this query"}}
	}
	return err
}

// Event answers one Event, and who its Spec ID is known as. It answers ErrNotFound.
func (s *Service) Event(ctx context.Context, id journey.ID) (journey.Event, KnownAs, error) {
	e, err := s.Reader.Event(ctx, id)
	if err != nil {
		return journey.Event{}, nil, fmt.Errorf("event: %w", err)
	}
	known, err := s.knownAs(ctx, []journey.ID{e.SpecID})
	if err != nil {
		return journey.Event{}, nil, fmt.Errorf("event: %w", err)
	}
	return e, known, nil
}
