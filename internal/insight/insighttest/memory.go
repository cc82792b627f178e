// Package insighttest holds Events and Sessions in memory and answers the
// warehouse's questions over them by plain loops, so that tests of insight and
// hub have something to hold answers against.
package insighttest

import (
	"context"
	"slices"
	"strconv"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// Memory is a warehouse of slices. Fill it before it is asked.
type Memory struct {
	Sessions []journey.Session
	Events   []journey.Event // in time order
	Changes  []journey.SpecChange
	Shared   []journey.ActorLink // in time order
}

func page[T any](all []T, cursor string, limit int) ([]T, string, error) {
	at := 0
	if cursor != "" {
		var err error
		if at, err = strconv.Atoi(cursor); err != nil || at < 0 || at > len(all) {
			return nil, "", warehouse.ErrCursor
		}
	}
	end := min(at+limit, len(all))
	next := ""
	if end < len(all) {
		next = strconv.Itoa(end)
	}
	return all[at:end], next, nil
}

func among[T comparable](want []T, v T) bool { return len(want) == 0 || slices.Contains(want, v) }

// SearchSessions implements warehouse.Reader.
func (m *Memory) SearchSessions(_ context.Context, q warehouse.SessionQuery) (warehouse.SessionPage, error) {
	var found []journey.Session
	for _, s := range m.Sessions {
		switch {
		case q.From != 0 && s.Last < q.From, q.To != 0 && s.Start >= q.To, !among(q.Ratings, s.Rating),
			q.Site != "" && s.Site != q.Site, q.Country != "" && s.Country != q.Country, q.City != "" && s.City != q.City,
			q.IP != "" && s.IP != q.IP, !among(q.SpecIDs, s.SpecID), q.MergedInto != 0 && s.MergedInto != q.MergedInto,
			q.Label != "" && !slices.ContainsFunc(s.Labels, func(l journey.Label) bool { return l.ID == q.Label }),
			q.Signature != "" && !slices.ContainsFunc(s.Signatures, func(x journey.Signature) bool { return x.ID == q.Signature }),
			q.Element != "" && !m.carries(s.ID, q):
			continue
		}
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b journey.Session) int {
		d := int(sortKey(a, q.Sort) - sortKey(b, q.Sort))
		if d == 0 {
			d = int(a.ID - b.ID)
		}
		if q.Desc {
			return -d
		}
		return d
	})
	sessions, next, err := page(found, q.Cursor, q.Limit)
	return warehouse.SessionPage{Sessions: sessions, Total: int64(len(found)), Next: next}, err
}

func sortKey(s journey.Session, by string) int64 {
	switch by {
	case "last":
		return s.Last
	case "events":
		return int64(s.Events)
	case "labels":
		return int64(len(s.Labels))
	case "duration":
		return s.Last - s.Start
	case "points":
		return int64(s.Points)
	case "rating":
		return int64(s.Rating)
	}
	return s.Start
}

func (m *Memory) carries(session journey.ID, q warehouse.SessionQuery) bool {
	if q.Element == "spec_id" {
		return slices.ContainsFunc(m.Sessions, func(s journey.Session) bool {
			return s.ID == session && slices.Contains(q.Values, s.SpecID.String())
		})
	}
	for _, e := range m.Events {
		for _, el := range e.Elements {
			if e.SessionID == session && el.ID == q.Element && slices.Contains(q.Values, el.Value) &&
				(!el.Entity || slices.Contains(q.Hashes, el.Hash)) {
				return true
			}
		}
	}
	return false
}

// Session implements warehouse.Reader.
func (m *Memory) Session(_ context.Context, id journey.ID) (journey.Session, error) {
	for _, s := range m.Sessions {
		if s.ID == id {
			return s, nil
		}
	}
	return journey.Session{}, warehouse.ErrNotFound
}

// SessionEvents implements warehouse.Reader.
func (m *Memory) SessionEvents(_ context.Context, q warehouse.EventQuery) (warehouse.EventPage, error) {
	var found []journey.Event
	for _, e := range m.Events {
		if e.SessionID == q.Session && among(q.Types, e.Type) && among(q.Ratings, e.Rating) && (q.Name == "" || e.Name == q.Name) &&
			(q.Label == "" || slices.ContainsFunc(e.Labels, func(l journey.Label) bool { return l.ID == q.Label })) {
			found = append(found, e)
		}
	}
	if !q.Oldest {
		slices.Reverse(found)
	}
	events, next, err := page(found, q.Cursor, q.Limit)
	return warehouse.EventPage{Events: events, Total: int64(len(found)), Next: next}, err
}

// Event implements warehouse.Reader.
func (m *Memory) Event(_ context.Context, id journey.ID) (journey.Event, error) {
	for _, e := range m.Events {
		if e.ID == id {
			return e, nil
		}
	}
	return journey.Event{}, warehouse.ErrNotFound
}

// BubbleChart implements insight.Charter; each minute is a bucket.
func (m *Memory) BubbleChart(_ context.Context, session journey.ID, _ int) ([]warehouse.BucketCount, error) {
	var chart []warehouse.BucketCount
	for _, e := range m.Events {
		if e.SessionID != session {
			continue
		}
		start := e.Time - e.Time%60e6
		i := slices.IndexFunc(chart, func(b warehouse.BucketCount) bool { return b.Start == start && b.Rating == e.Rating })
		if i < 0 {
			i = len(chart)
			chart = append(chart, warehouse.BucketCount{Start: start, Rating: e.Rating, Types: map[journey.EventType]int64{}})
		}
		chart[i].Count++
		chart[i].Types[e.Type]++
	}
	return chart, nil
}

// Turns implements insight.Charter.
func (m *Memory) Turns(_ context.Context, session journey.ID) ([]journey.Event, error) {
	var turns []journey.Event
	for _, e := range m.Events {
		if e.SessionID == session && e.RatingChange != nil {
			turns = append(turns, e)
		}
	}
	return turns, nil
}

type seen struct {
	warehouse.EntityRef
	sessions    []journey.ID
	first, last int64
}

func (m *Memory) entities() []*seen {
	var all []*seen
	for _, e := range m.Events {
		for _, el := range e.Elements {
			if !el.Entity {
				continue
			}
			i := slices.IndexFunc(all, func(s *seen) bool { return s.Hash == el.Hash })
			if i < 0 {
				i = len(all)
				all = append(all, &seen{EntityRef: warehouse.EntityRef{Hash: el.Hash, Element: el.ID, Value: el.Value}, first: e.Time})
			}
			all[i].last = e.Time
			if !slices.Contains(all[i].sessions, e.SessionID) {
				all[i].sessions = append(all[i].sessions, e.SessionID)
			}
		}
	}
	return all
}

// Entity implements warehouse.Linker.
func (m *Memory) Entity(ctx context.Context, hash int64) (warehouse.EntitySummary, error) {
	for _, s := range m.entities() {
		if s.Hash != hash {
			continue
		}
		sum := warehouse.EntitySummary{EntityRef: s.EntityRef, FirstSeen: s.first, LastSeen: s.last, Sessions: int64(len(s.sessions))}
		for _, id := range s.sessions {
			v, err := m.Session(ctx, id)
			if err != nil {
				return sum, err
			}
			sum.Ratings[v.Rating]++
			i := slices.IndexFunc(sum.Countries, func(c warehouse.CountryCount) bool { return c.Country == v.Country })
			if i < 0 {
				i = len(sum.Countries)
				sum.Countries = append(sum.Countries, warehouse.CountryCount{Country: v.Country})
			}
			sum.Countries[i].Sessions++
		}
		_, sum.Entities, _ = m.LinkedEntities(ctx, hash, 0, 1)
		return sum, nil
	}
	return warehouse.EntitySummary{}, warehouse.ErrNotFound
}

// LinkedEntities implements warehouse.Linker.
func (m *Memory) LinkedEntities(_ context.Context, hash, since int64, limit int) ([]warehouse.LinkedEntity, int64, error) {
	all := m.entities()
	i := slices.IndexFunc(all, func(s *seen) bool { return s.Hash == hash })
	if i < 0 {
		return nil, 0, nil
	}
	var linked []warehouse.LinkedEntity
	for _, s := range all {
		var shared int64
		for _, id := range s.sessions {
			if slices.Contains(all[i].sessions, id) {
				shared++
			}
		}
		if s.Hash != hash && shared > 0 && s.last >= since {
			linked = append(linked, warehouse.LinkedEntity{EntityRef: s.EntityRef, Shared: shared, Sessions: int64(len(s.sessions)), LastSeen: s.last})
		}
	}
	return linked[:min(limit, len(linked))], int64(len(linked)), nil
}

// SessionEntities implements warehouse.Linker.
func (m *Memory) SessionEntities(_ context.Context, id journey.ID) ([]warehouse.LinkedEntity, error) {
	var linked []warehouse.LinkedEntity
	for _, s := range m.entities() {
		if slices.Contains(s.sessions, id) {
			linked = append(linked, warehouse.LinkedEntity{EntityRef: s.EntityRef, Shared: 1, Sessions: int64(len(s.sessions)), LastSeen: s.last})
		}
	}
	return linked, nil
}
