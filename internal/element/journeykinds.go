package element

import (
	"errors"
	"strings"

	"github.com/throughline/throughline/internal/journey"
)

// eventType reads one of the closed set, also with spaces as people write it.
func eventType(s string) (string, error) {
	if len(s) > 64 {
		return "", errors.New("not an event type")
	}
	t := journey.EventType(strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(s), " ", "_"), "-", "_"))
	if !t.Valid() {
		return "", errors.New("not an event type")
	}
	return string(t), nil
}

// riskRating reads normal, or Normal Session as people see it.
func riskRating(s string) (string, error) {
	const wrong = "not a risk rating: normal, suspicious or malicious"
	if len(s) > 64 {
		return "", errors.New(wrong)
	}
	word := strings.TrimSpace(strings.TrimSuffix(strings.ToLower(s), "session"))
	for _, r := range []journey.Rating{journey.Normal, journey.Suspicious, journey.Malicious} {
		if word == r.String() {
			return word, nil
		}
	}
	return "", errors.New(wrong)
}
