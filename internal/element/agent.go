package element

import "errors"

// maxAgent is how much of a user agent is looked at and kept, in bytes.
const maxAgent = 512

// userAgent keeps what a client calls itself in one line.
func userAgent(s string) (string, error) {
	s = oneLine(cutBytes(s, maxAgent), maxAgent)
	if s = cutBytes(s, maxAgent); s == "" {
		return "", errors.New("empty")
	}
	return s, nil
}
