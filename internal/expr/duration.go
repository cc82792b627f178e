package expr

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// errDuration is what every unreadable time says.
var errDuration = errors.New("want a time such as 90s, 10m, 24h or 7d")

// ParseDuration reads a time as policies write it: Go's form, or whole days as
// in 7d. It is whole seconds and at least one.
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 14)
		if err != nil || n == 0 {
			return 0, errDuration
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second || d%time.Second != 0 {
		return 0, errDuration
	}
	return d, nil
}

// DurationHint tells how a time like "10 mins" or "2 Weeks" is written.
func DurationHint(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 1 {
		return "", false
	}
	n, err := strconv.ParseUint(s[:digits], 10, 14)
	if err != nil || n == 0 {
		return "", false
	}
	var unit string
	switch strings.TrimSpace(s[digits:]) {
	case "s", "sec", "secs", "second", "seconds":
		unit = "s"
	case "m", "min", "mins", "minute", "minutes":
		unit = "m"
	case "h", "hr", "hrs", "hour", "hours":
		unit = "h"
	case "d", "day", "days":
		unit = "d"
	case "w", "week", "weeks":
		n, unit = 7*n, "d"
	default:
		return "", false
	}
	return strconv.FormatUint(n, 10) + unit, true
}
