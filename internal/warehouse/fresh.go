package warehouse

import (
	"context"

	"github.com/throughline/throughline/internal/journey"
)

// Questions are all that insight asks of a store.
type Questions interface {
	Reader
	Linker
	Charter
	Gauge
	Registry
	Visitors
}

// Fresh answers from a store after Before has brought it up to date, so that
// whoever asks sees what was there, however long batches wait otherwise.
type Fresh struct {
	Store  Questions
	Before func(context.Context)
}

// SearchSessions implements Reader.
func (f Fresh) SearchSessions(ctx context.Context, q SessionQuery) (SessionPage, error) {
	f.Before(ctx)
	return f.Store.SearchSessions(ctx, q)
}

// Session implements Reader.
func (f Fresh) Session(ctx context.Context, id journey.ID) (journey.Session, error) {
	f.Before(ctx)
	return f.Store.Session(ctx, id)
}

// SessionEvents implements Reader.
func (f Fresh) SessionEvents(ctx context.Context, q EventQuery) (EventPage, error) {
	f.Before(ctx)
	return f.Store.SessionEvents(ctx, q)
}

// Event implements Reader.
func (f Fresh) Event(ctx context.Context, id journey.ID) (journey.Event, error) {
	f.Before(ctx)
	return f.Store.Event(ctx, id)
}

// Entity implements Linker.
func (f Fresh) Entity(ctx context.Context, hash int64) (EntitySummary, error) {
	f.Before(ctx)
	return f.Store.Entity(ctx, hash)
}

// LinkedEntities implements Linker.
func (f Fresh) LinkedEntities(ctx context.Context, hash, since int64, limit int) ([]LinkedEntity, int64, error) {
	f.Before(ctx)
	return f.Store.LinkedEntities(ctx, hash, since, limit)
}

// SessionEntities implements Linker.
func (f Fresh) SessionEntities(ctx context.Context, id journey.ID) ([]LinkedEntity, error) {
	f.Before(ctx)
	return f.Store.SessionEntities(ctx, id)
}

// BubbleChart implements Charter.
func (f Fresh) BubbleChart(ctx context.Context, session journey.ID, buckets int) ([]BucketCount, error) {
	f.Before(ctx)
	return f.Store.BubbleChart(ctx, session, buckets)
}

// Turns implements Charter.
func (f Fresh) Turns(ctx context.Context, session journey.ID) ([]journey.Event, error) {
	f.Before(ctx)
	return f.Store.Turns(ctx, session)
}

// Overview implements Gauge.
func (f Fresh) Overview(ctx context.Context, since int64) (Overview, error) {
	f.Before(ctx)
	return f.Store.Overview(ctx, since)
}

// ChangesOf implements Registry.
func (f Fresh) ChangesOf(ctx context.Context, from []journey.ID) ([]journey.SpecChange, error) {
	f.Before(ctx)
	return f.Store.ChangesOf(ctx, from)
}

// ChangesTo implements Registry.
func (f Fresh) ChangesTo(ctx context.Context, into []journey.ID) ([]journey.SpecChange, error) {
	f.Before(ctx)
	return f.Store.ChangesTo(ctx, into)
}

// Names implements Registry.
func (f Fresh) Names(ctx context.Context, hashes []int64) ([]EntityRef, error) {
	f.Before(ctx)
	return f.Store.Names(ctx, hashes)
}

// Links implements Registry.
func (f Fresh) Links(ctx context.Context, of []journey.ID, limit int) ([]journey.ActorLink, int64, error) {
	f.Before(ctx)
	return f.Store.Links(ctx, of, limit)
}

// Visitor implements Visitors.
func (f Fresh) Visitor(ctx context.Context, ids []journey.ID, buckets int) (VisitorSummary, error) {
	f.Before(ctx)
	return f.Store.Visitor(ctx, ids, buckets)
}

// VisitorEntities implements Visitors.
func (f Fresh) VisitorEntities(ctx context.Context, ids []journey.ID, limit int) ([]LinkedEntity, int64, error) {
	f.Before(ctx)
	return f.Store.VisitorEntities(ctx, ids, limit)
}

// Standings implements Visitors.
func (f Fresh) Standings(ctx context.Context, ids []journey.ID) ([]Standing, error) {
	f.Before(ctx)
	return f.Store.Standings(ctx, ids)
}
