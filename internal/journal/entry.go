package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/throughline/throughline/internal/journey"
)

// MaxEntry bounds one encoded entry. The largest are policy revisions.
const MaxEntry = 8 << 20

// Encode renders an entry as versioned JSON.
func Encode(e *journey.Entry) ([]byte, error) {
	b, err := encode(takeBuffer(), e)
	if err != nil {
		return nil, err
	}
	defer giveBuffer(b)
	return bytes.Clone(b), nil
}

// encode renders to what b has room for, if it has.
func encode(b []byte, e *journey.Entry) ([]byte, error) {
	if e.Version != journey.EntryVersion {
		return nil, fmt.Errorf("journal: encode entry: version %d, this build writes %d", e.Version, journey.EntryVersion)
	}
	b, ok := render(b, e)
	if !ok {
		var err error
		if b, err = json.Marshal(e); err != nil {
			return nil, fmt.Errorf("journal: encode entry: %w", err)
		}
	}
	if len(b) > MaxEntry {
		return nil, fmt.Errorf("%w: %d bytes, the bound is %d", ErrTooLarge, len(b), MaxEntry)
	}
	return b, nil
}

// Decode reads what Encode of this or an older build wrote.
func Decode(b []byte) (journey.Entry, error) {
	var e journey.Entry
	if parse(b, &e) && e.Version == journey.EntryVersion {
		if err := check(&e); err != nil {
			return journey.Entry{}, fmt.Errorf("decode entry: %w", err)
		}
		return e, nil
	}
	var head struct {
		Version int `json:"v"`
	}
	// The version is read on its own first: a newer entry may not fit the type.
	if err := json.Unmarshal(b, &head); err != nil {
		return journey.Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	switch {
	case head.Version > journey.EntryVersion:
		return journey.Entry{}, fmt.Errorf("decode entry: it has version %d, this build reads up to %d: it was written by a newer throughline",
			head.Version, journey.EntryVersion)
	case head.Version < 1:
		return journey.Entry{}, fmt.Errorf("decode entry: version %d", head.Version)
	}
	e = journey.Entry{}
	if err := json.Unmarshal(b, &e); err != nil {
		return journey.Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	if err := check(&e); err != nil {
		return journey.Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	return e, nil
}

// decodeJudgement reads an entry as those need it who want what came of it: an
// entry that looks as this build writes them comes without its observation.
func decodeJudgement(b []byte) (journey.Entry, error) {
	var e journey.Entry
	if parseJudgement(b, &e) && e.Version == journey.EntryVersion &&
		(e.Input.Kind == journey.InputObservation || e.Input.Kind == journey.InputTick) {
		return e, nil
	}
	return Decode(b)
}

// check refuses an entry that no build writes.
func check(e *journey.Entry) error {
	switch e.Input.Kind {
	case journey.InputObservation:
		if e.Input.Observation == nil {
			return errors.New("an observation entry without its observation")
		}
	case journey.InputTick, journey.InputPolicy:
	default:
		return fmt.Errorf("unknown kind of input %q", e.Input.Kind)
	}
	return nil
}
