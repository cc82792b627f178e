package insight

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// Bounds of a Spec ID's page.
const (
	visitorBuckets  = 60
	visitorEntities = 200
	historyLimit    = 200
	linksLimit      = 500
	actorsLimit     = 50
)

// What the warehouse answers of visitors.
type (
	VisitorFacts = warehouse.VisitorSummary
	VisitorValue = warehouse.VisitorValue
	VisitorMark  = warehouse.VisitorMark
)

// SpecStory is a Spec ID with all that its page shows: the Sessions of one user,
// whichever ID they were recorded under.
type SpecStory struct {
	Lineage
	VisitorFacts
	Entities      []LinkedEntity // seen in most of the user's Sessions first
	EntitiesTotal int64
	History       []journey.SpecChange // merges and splits that concern the user, newest first
	HistoryTotal  int
	Actors        []Actor // worst first
	ActorsTotal   int
	Recent        []journey.Session
	KnownAs       KnownAs // of History and Recent, and of the Candidates in those
}

// Actor is somebody else who shares entities with the user.
type Actor struct {
	SpecID   journey.ID // as known now
	Shared   []SharedEntity
	Sessions int64
	Last     int64
	Rating   journey.Rating // of its worst Session
	Worst    journey.ID     // the newest Session so rated; 0 when none is left
}

// SharedEntity is what two actors were seen with, and the Event that showed it.
type SharedEntity struct {
	warehouse.EntityRef // Value is "" when no such entity is stored
	EventID             journey.ID
	Time                int64
}

// Spec tells a Spec ID's story. It answers ErrNotFound for one of which neither
// Sessions nor changes are stored.
func (s *Service) Spec(ctx context.Context, id journey.ID) (SpecStory, error) {
	story, err := s.spec(ctx, id)
	if err != nil {
		return SpecStory{}, fmt.Errorf("spec id: %w", err)
	}
	return story, nil
}

func (s *Service) spec(ctx context.Context, id journey.ID) (story SpecStory, err error) {
	if story.Lineage, err = s.lineage(ctx, id); err != nil {
		return story, err
	}
	if story.VisitorFacts, err = s.Visitors.Visitor(ctx, story.IDs, visitorBuckets); err != nil {
		return story, err
	}
	history, err := s.history(ctx, story.IDs)
	if err != nil {
		return story, err
	}
	if story.Sessions == 0 && len(history) == 0 {
		return story, ErrNotFound
	}
	story.History, story.HistoryTotal = history[:min(len(history), historyLimit)], len(history)
	if story.Entities, story.EntitiesTotal, err = s.Visitors.VisitorEntities(ctx, story.IDs, visitorEntities); err != nil {
		return story, err
	}
	if story.Actors, story.ActorsTotal, err = s.actors(ctx, story.Lineage); err != nil {
		return story, err
	}
	page, err := s.Reader.SearchSessions(ctx, warehouse.SessionQuery{SpecIDs: story.IDs, Sort: "start", Desc: true, Limit: recentLimit})
	if err != nil {
		return story, err
	}
	story.Recent = page.Sessions
	ids := specsOf(story.Recent)
	for _, c := range story.History {
		ids = append(ids, c.From, c.Into)
	}
	for i := range story.Recent {
		for _, c := range story.Recent[i].Candidates {
			ids = append(ids, c.SpecID)
		}
	}
	story.KnownAs, err = s.knownAs(ctx, ids)
	return story, err
}

// history lists the changes that made the user of these IDs who it is, and those
// by which somebody stopped being it; newest first.
func (s *Service) history(ctx context.Context, ids []journey.ID) ([]journey.SpecChange, error) {
	mine := map[journey.ID]bool{}
	for _, id := range ids {
		mine[id] = true
	}
	out, err := s.Registry.ChangesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	others, err := s.Registry.ChangesTo(ctx, ids)
	if err != nil {
		return nil, err
	}
	before := map[journey.ID]journey.ID{}
	for _, c := range others {
		if !mine[c.From] && (mine[c.Into] || mine[before[c.From]]) {
			out = append(out, c)
		}
		before[c.From] = c.Into
	}
	slices.SortStableFunc(out, func(a, b journey.SpecChange) int { return cmp.Compare(a.Time, b.Time) })
	slices.Reverse(out)
	return out, nil
}

// actors gathers the links of a user by who is at their other end now.
func (s *Service) actors(ctx context.Context, of Lineage) ([]Actor, int, error) {
	links, _, err := s.Registry.Links(ctx, of.IDs, linksLimit)
	if err != nil {
		return nil, 0, err
	}
	ends := make([]journey.ID, len(links))
	for i, l := range links {
		if ends[i] = l.A; slices.Contains(of.IDs, l.A) {
			ends[i] = l.B
		}
	}
	known, err := s.knownAs(ctx, ends)
	if err != nil {
		return nil, 0, err
	}
	place := map[journey.ID]int{}
	var out []Actor
	for i, l := range links {
		who := known.Of(ends[i])
		if who == of.Now {
			continue // they became one since
		}
		at, ok := place[who]
		if !ok {
			at = len(out)
			place[who] = at
			out = append(out, Actor{SpecID: who})
		}
		shared := SharedEntity{EntityRef: warehouse.EntityRef{Hash: l.Hash, Element: l.Element}, EventID: l.EventID, Time: l.Time}
		if !slices.ContainsFunc(out[at].Shared, func(x SharedEntity) bool { return x.Hash == l.Hash && x.Element == l.Element }) {
			out[at].Shared = append(out[at].Shared, shared)
		}
	}
	if err := s.stand(ctx, out); err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(out, func(a, b Actor) int {
		return cmp.Or(-cmp.Compare(a.Rating, b.Rating), -cmp.Compare(len(a.Shared), len(b.Shared)), -cmp.Compare(a.Shared[0].Time, b.Shared[0].Time))
	})
	total := len(out)
	out = out[:min(total, actorsLimit)]
	return out, total, s.name(ctx, out)
}

// stand says of actors how they stand, by all of their IDs.
func (s *Service) stand(ctx context.Context, actors []Actor) error {
	ids := make([]journey.ID, len(actors))
	for i := range actors {
		ids[i] = actors[i].SpecID
	}
	kin, err := s.lineages(ctx, ids)
	if err != nil {
		return err
	}
	whose := map[journey.ID]int{}
	var all []journey.ID
	for i, l := range kin {
		for _, id := range l.IDs {
			if len(all) == warehouse.MaxSpecIDs {
				break // of users that far apart nobody looks at all
			}
			whose[id] = i
			all = append(all, id)
		}
	}
	standings, err := s.Visitors.Standings(ctx, all)
	if err != nil {
		return err
	}
	for _, x := range standings {
		a := &actors[whose[x.SpecID]]
		if a.Worst == 0 || x.Rating > a.Rating || x.Rating == a.Rating && x.Worst > a.Worst {
			a.Rating, a.Worst = x.Rating, x.Worst
		}
		a.Sessions += x.Sessions
		a.Last = max(a.Last, x.Last)
	}
	return nil
}

// name gives shared entities their values.
func (s *Service) name(ctx context.Context, actors []Actor) error {
	var hashes []int64
	for _, a := range actors {
		for _, x := range a.Shared {
			if !slices.Contains(hashes, x.Hash) {
				hashes = append(hashes, x.Hash)
			}
		}
	}
	names, err := s.Registry.Names(ctx, hashes)
	if err != nil {
		return err
	}
	for i := range actors {
		for j := range actors[i].Shared {
			x := &actors[i].Shared[j]
			for _, n := range names {
				if n.Hash == x.Hash && n.Element == x.Element {
					x.Value = n.Value
				}
			}
		}
	}
	return nil
}
