// Package insight turns the Hub's questions into the warehouse's: session
// search, one Session with its chart, turns and entities, events, and the pages of
// entities and Spec IDs; it concludes who is known as whom by now. The hub calls it; cmd gives it a warehouse and the Hasher with the deployment's key. It
// checks a question whole before it asks, and answers in the words of journey
// and warehouse, so that the hub need not know the warehouse.
package insight

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// ErrNotFound says that no such Session, Event or Entity is stored.
var ErrNotFound = warehouse.ErrNotFound

// What the warehouse answers, by the names the hub uses.
type (
	EventQuery   = warehouse.EventQuery
	LinkedEntity = warehouse.LinkedEntity
	Bucket       = warehouse.BucketCount
	EntityFacts  = warehouse.EntitySummary
)

// Charter draws the Session page.
type Charter interface {
	// BubbleChart counts a Session's Events by time bucket and rating.
	BubbleChart(ctx context.Context, session journey.ID, buckets int) ([]warehouse.BucketCount, error)
	// Turns lists the Events that changed the rating, oldest first.
	Turns(ctx context.Context, session journey.ID) ([]journey.Event, error)
}

// Bounds of what one question may ask.
const (
	MaxValues = 100
	MaxLimit  = 500
	// chartBuckets is how many bubbles a Session's chart may have side by side.
	chartBuckets   = 48
	relatedLimit   = 20
	recentLimit    = 50
	linkedLimit    = 100
	linkedLookback = 90 * 24 * time.Hour
)

// Config is what a Service needs.
type Config struct {
	Reader  warehouse.Reader
	Linker  warehouse.Linker
	Charter Charter
	// Registry and Visitors tell of Spec IDs.
	Registry warehouse.Registry
	Visitors warehouse.Visitors
	// Hasher holds the deployment's key, with which capture hashed what is stored.
	Hasher *element.Hasher
	// Region is where phone numbers without a country code are from.
	Region string
	// Elements are those of the policy in force; the catalogue alone if nil.
	Elements func() *element.Set
	Clock    func() time.Time // time.Now if nil
}

// Service answers the Hub's questions. Safe for concurrent use.
type Service struct {
	Config
}

// New builds a Service.
func New(c Config) (*Service, error) {
	if c.Reader == nil || c.Linker == nil || c.Charter == nil || c.Registry == nil || c.Visitors == nil || c.Hasher == nil {
		return nil, errors.New("insight: reader, linker, charter, registry, visitors and hasher are all needed")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Service{Config: c}, nil
}

// Fault is one thing wrong with a question.
type Fault struct{ Field, Message string }

// Faults are all of them. It is an error.
type Faults []Fault

func (f Faults) Error() string {
	parts := make([]string, len(f))
	for i, x := range f {
		parts[i] = x.Field + ": " + x.Message
	}
	return strings.Join(parts, "; ")
}

// EntityID is the opaque public form of an entity's hash.
func EntityID(hash int64) string { return fmt.Sprintf("e%016x", uint64(hash)) }

// ParseEntityID reads what EntityID wrote, and nothing else.
func ParseEntityID(s string) (int64, error) {
	const wrong = "entity ID: want e and 16 lower-case hex digits"
	if len(s) != 17 || s[0] != 'e' || strings.ToLower(s) != s {
		return 0, errors.New(wrong)
	}
	n, err := strconv.ParseUint(s[1:], 16, 63)
	if err != nil || n == 0 {
		return 0, errors.New(wrong)
	}
	return int64(n), nil
}

// element finds an element of the catalogue or of the policy in force.
func (s *Service) element(id string) (element.Def, bool) {
	if s.Elements == nil {
		return element.Lookup(id)
	}
	return s.Elements().Lookup(id)
}

// canonical turns a raw value into the one that is stored: normalised, and for
// a sensitive kind the keyed hash. While a key is being retired there is a second
// one, as that key has made it.
func (s *Service) canonical(def element.Def, raw string) ([]string, error) {
	r, err := element.Normalise(def, raw, element.Options{Region: s.Region, Hasher: s.Hasher})
	if err != nil {
		return nil, err
	}
	if r.Value == "" {
		return nil, errors.New("is empty")
	}
	if def.Computed && strings.HasSuffix(def.ID, "_id") {
		if _, err := journey.ParseID(r.Value); err != nil {
			return nil, errors.New("is no ID: copy it from a page of the Hub")
		}
	}
	former := s.Hasher.Previous()
	if former == nil || !def.Hashed() {
		return []string{r.Value}, nil
	}
	before, err := element.Normalise(def, raw, element.Options{Region: s.Region, Hasher: former})
	if err != nil {
		return nil, err
	}
	return []string{r.Value, before.Value}, nil
}
