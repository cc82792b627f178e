// Package warehouse is the analytical store: what of the journal the Hub can
// search. It declares the store interface, the batch that ingest writes and the
// questions that insight asks; warehouse/duckdb implements it. Nothing in the
// request path imports it.
package warehouse

import (
	"context"
	"errors"

	"github.com/throughline/throughline/internal/journey"
)

// ErrNotFound says that no such Session, Event or Entity is stored.
var ErrNotFound = errors.New("warehouse: not found")

// ErrCursor says that a query's Cursor is none that this store gave.
var ErrCursor = errors.New("warehouse: bad cursor")

// ErrOrder says that a batch doesn't start right after the Position: the writer
// asks for the Position and goes on from there.
var ErrOrder = errors.New("warehouse: batch out of order")

// Batch is what a run of journal records adds. Sessions are deduplicated: the
// last state of each. Sequences run parallel to Events: each Event's record.
type Batch struct {
	Events    []journey.Event
	Sequences []uint64
	Sessions  []journey.Session // as they were after the batch's last Change
	Changes   []Change          // in the journal's order
	Links     []journey.ActorLink
}

// Change is a SpecChange with its record's sequence.
type Change struct {
	journey.SpecChange
	Sequence uint64
}

// Store is what ingest and retention need. One writer at a time.
type Store interface {
	// Position returns the last journal sequence applied for a partition.
	Position(ctx context.Context, partition int) (uint64, error)
	// Apply commits a batch and the new position in one transaction. It is
	// idempotent: a batch whose `to` is at or below Position changes nothing,
	// and one that doesn't start right after Position is refused.
	Apply(ctx context.Context, partition int, from, to uint64, b Batch) error
	// Expire deletes events older than the time given (micros); first-seen of
	// entities is kept for ever. Changes and links of Spec IDs that are older go
	// once no Session of the users concerned is left.
	Expire(ctx context.Context, before int64) error
	Close() error
}

// SessionQuery selects Sessions.
type SessionQuery struct {
	Element           string   // element ID to match, or "" for none
	Values            []string // canonical values, any of
	Hashes            []int64  // for entity elements: keyed hashes parallel to Values
	From, To          int64    // session overlaps [From, To) micros; 0 open
	Ratings           []journey.Rating
	Label             string // label ID placed in the session
	Signature         string
	Site              string
	Country, City, IP string
	SpecIDs           []journey.ID // recorded under any of; at most MaxSpecIDs
	MergedInto        journey.ID
	Sort              string // start, last, events, labels, duration, points, rating
	Desc              bool
	Cursor            string // opaque, from SessionPage.Next
	Limit             int    // 1..500
}

// SessionPage is one page of Sessions and the count of all that match.
type SessionPage struct {
	Sessions []journey.Session
	Total    int64
	Next     string // "" on the last page
}

// EventQuery selects Events of a Session, newest first.
type EventQuery struct {
	Session journey.ID
	Types   []journey.EventType
	Name    string
	Label   string
	Ratings []journey.Rating
	Cursor  string
	Limit   int
	Oldest  bool // oldest first
}

// EventPage is one page of Events.
type EventPage struct {
	Events []journey.Event
	Total  int64
	Next   string
}

// EntityRef names an entity: its opaque hash, element and value.
type EntityRef struct {
	Hash    int64  `json:"-"`
	Element string `json:"element"`
	Value   string `json:"value"`
}

// EntitySummary is what is known of an entity.
type EntitySummary struct {
	EntityRef
	FirstSeen, LastSeen int64
	Sessions            int64    // in the last 90 days
	Entities            int64    // linked, in the last 90 days
	Ratings             [3]int64 // sessions by rating
	Countries           []CountryCount
}

// CountryCount counts Sessions by country.
type CountryCount struct {
	Country  string `json:"country"`
	Sessions int64  `json:"sessions"`
}

// LinkedEntity is an entity that shares Sessions with another.
type LinkedEntity struct {
	EntityRef
	Shared   int64 // sessions both were seen in
	Sessions int64 // sessions it was seen in at all
	LastSeen int64
}

// BucketCount is one bubble of the risk-over-time chart.
type BucketCount struct {
	Start  int64
	Rating journey.Rating
	Types  map[journey.EventType]int64
	Count  int64
}

// Reader is what insight asks. Implementations never use window functions.
type Reader interface {
	SearchSessions(ctx context.Context, q SessionQuery) (SessionPage, error)
	Session(ctx context.Context, id journey.ID) (journey.Session, error)
	SessionEvents(ctx context.Context, q EventQuery) (EventPage, error)
	Event(ctx context.Context, id journey.ID) (journey.Event, error)
}

// Linker is what the Session and Entity pages ask about entities.
type Linker interface {
	Entity(ctx context.Context, hash int64) (EntitySummary, error)
	LinkedEntities(ctx context.Context, hash int64, since int64, limit int) ([]LinkedEntity, int64, error)
	// SessionEntities lists a Session's entities, each with the number of
	// Sessions it was seen in.
	SessionEntities(ctx context.Context, id journey.ID) ([]LinkedEntity, error)
}

// Overview is what the Status page and the live view count.
type Overview struct {
	Sessions, Events, Entities int64
	Ratings                    [3]int64 // sessions of the last 24 h
	Bytes                      int64    // on disk
}

// Gauge answers sizes.
type Gauge interface {
	Overview(ctx context.Context, since int64) (Overview, error)
}

// Charter draws the Session page.
type Charter interface {
	// BubbleChart counts a Session's Events by time, in at most the number of
	// buckets given, and by the rating they had; oldest first.
	BubbleChart(ctx context.Context, session journey.ID, buckets int) ([]BucketCount, error)
	// Turns lists the Events that changed the rating, oldest first.
	Turns(ctx context.Context, session journey.ID) ([]journey.Event, error)
}

// Keeper copies the store while it runs.
type Keeper interface {
	// Backup writes one consistent copy to a file that doesn't exist yet, which
	// the same backend opens.
	Backup(ctx context.Context, file string) error
}
