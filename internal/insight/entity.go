package insight

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// EntityStory is an entity with all that its page shows.
type EntityStory struct {
	EntityFacts
	Linked      []LinkedEntity // those that share most Sessions first
	LinkedTotal int64
	Recent      []journey.Session
	KnownAs     KnownAs
}

// Entity tells an entity's story by its opaque ID. It answers ErrNotFound.
func (s *Service) Entity(ctx context.Context, hash int64) (EntityStory, error) {
	var story EntityStory
	var err error
	if story.EntityFacts, err = s.Linker.Entity(ctx, hash); err != nil {
		return story, fmt.Errorf("entity: %w", err)
	}
	since := s.Clock().Add(-linkedLookback).UnixMicro()
	if story.Linked, story.LinkedTotal, err = s.Linker.LinkedEntities(ctx, hash, since, linkedLimit); err != nil {
		return story, fmt.Errorf("linked entities: %w", err)
	}
	page, err := s.Reader.SearchSessions(ctx, warehouse.SessionQuery{Element: story.Element, Values: []string{story.Value},
		Hashes: []int64{hash}, Sort: "last", Desc: true, Limit: recentLimit})
	if err != nil {
		return story, fmt.Errorf("sessions of entity: %w", err)
	}
	story.Recent = page.Sessions
	if story.KnownAs, err = s.knownAs(ctx, specsOf(story.Recent)); err != nil {
		return story, fmt.Errorf("sessions of entity: %w", err)
	}
	return story, nil
}

// Found is an entity as looked up by value.
type Found struct {
	Hash           int64
	Element, Value string // as stored
	Known          bool   // was ever seen
}

// Lookup finds an entity by element and raw value. It answers Faults.
func (s *Service) Lookup(ctx context.Context, id, raw string) (Found, error) {
	def, known := s.element(id)
	if !known {
		return Found{}, Faults{{"element", fmt.Sprintf("%q is not in the catalogue", id)}}
	}
	if !def.Entity {
		return Found{}, Faults{{"element", fmt.Sprintf("%q is an attribute, not an entity; search sessions by it", id)}}
	}
	forms, err := s.canonical(def, raw)
	if err != nil {
		return Found{}, Faults{{"value", err.Error()}}
	}
	// A former form is linked to all that came after it: it tells more.
	for _, v := range slices.Backward(forms) {
		f := Found{Hash: s.Hasher.Entity(id, v), Element: id, Value: v}
		_, err = s.Linker.Entity(ctx, f.Hash)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Found{}, fmt.Errorf("look up entity: %w", err)
		}
		if f.Known = err == nil; f.Known {
			return f, nil
		}
	}
	return Found{Hash: s.Hasher.Entity(id, forms[0]), Element: id, Value: forms[0]}, nil
}
