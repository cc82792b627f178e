package warehouse

import (
	"context"

	"github.com/throughline/throughline/internal/journey"
)

// MaxSpecIDs is how many Spec IDs one question may name.
const MaxSpecIDs = 10_000

// Unrecorded stands in Session.Recognised for Sessions from before it was recorded.
const Unrecorded = "unrecorded"

// Registry tells who became known as whom. It answers what was recorded; who is
// who by now is for insight to conclude.
type Registry interface {
	// ChangesOf lists every change of the Spec IDs given, in the journal's order.
	ChangesOf(ctx context.Context, from []journey.ID) ([]journey.SpecChange, error)
	// ChangesTo lists every change of those Spec IDs that were ever changed into
	// one of the given, in the journal's order.
	ChangesTo(ctx context.Context, into []journey.ID) ([]journey.SpecChange, error)
	// Names tells of entities by their hashes; those never seen are left out.
	Names(ctx context.Context, hashes []int64) ([]EntityRef, error)
	// Links lists the links of the Spec IDs given, each once, newest first, and
	// counts them all.
	Links(ctx context.Context, of []journey.ID, limit int) ([]journey.ActorLink, int64, error)
}

// Visitors answers what is stored under Spec IDs, those given taken together.
type Visitors interface {
	// Visitor sums up their Sessions, which are drawn in at most the number of
	// buckets given.
	Visitor(ctx context.Context, ids []journey.ID, buckets int) (VisitorSummary, error)
	// VisitorEntities lists entities seen in their Sessions, those seen in most of
	// them first, and counts them all. Shared are Sessions of theirs.
	VisitorEntities(ctx context.Context, ids []journey.ID, limit int) ([]LinkedEntity, int64, error)
	// Standings tells of each Spec ID that has Sessions how it stands.
	Standings(ctx context.Context, ids []journey.ID) ([]Standing, error)
}

// VisitorSummary is what the Sessions of a visitor say, those merged into others
// included.
type VisitorSummary struct {
	Sessions, Events int64
	Merged           int64 // of the Sessions
	First, Last      int64
	Ratings          [3]int64
	Recognised       map[string]int64 // Sessions by kind of Key; "" new
	Accounts         []VisitorValue   // confirmed
	Addresses        []VisitorValue   // each Session's last
	Agents           []VisitorValue   // each Session's browser and system
	Marks            []VisitorMark    // oldest first
}

// VisitorValue is a value that stands in Sessions, most Sessions first. At most
// MaxVisitorValues are listed.
type VisitorValue struct {
	Value         string
	Country, City string // of an address
	Sessions      int64
	First, Last   int64
}

// MaxVisitorValues bounds the lists of a VisitorSummary.
const MaxVisitorValues = 100

// VisitorMark counts the Sessions that one browser began in one bucket of time.
type VisitorMark struct {
	Start    int64
	Agent    string
	Rating   journey.Rating
	Sessions int64
}

// Standing is how a Spec ID stands, by the Sessions recorded under it.
type Standing struct {
	SpecID   journey.ID
	Sessions int64
	Last     int64
	Rating   journey.Rating // its worst
	Worst    journey.ID     // the newest Session so rated
}
