package hub

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/journey"
)

// Resolvers: huma runs them beside its own checks, so that all faults of a
// request are answered at once.

type sessionsQuery struct{ question insight.SessionQuestion }
type eventsQuery struct{ question insight.EventQuery }
type liveQuery struct{ ratings []journey.Rating }

// Resolve checks a session search.
func (in *sessionsInput) Resolve(ctx huma.Context) []error {
	c := callerOf(ctx.Context())
	var faults []error
	wrong := func(field string, err error) {
		if err != nil {
			faults = append(faults, fault("query", field, err.Error()))
		}
	}
	q := insight.SessionQuery{Element: in.Element, Entity: in.Entity, Label: in.Label, Signature: in.Signature, Site: in.Site,
		Country: strings.ToUpper(in.Country), City: in.City, Cursor: in.Cursor,
		// Out of bounds is huma's to say.
		Limit: min(max(in.Limit, 1), insight.MaxLimit)}
	var err error
	q.Values = splitValues(in.Values)
	q.From, err = parseTime(in.From, c.now)
	wrong("from", err)
	q.To, err = parseTime(in.To, c.now)
	wrong("to", err)
	q.Ratings, err = parseRatings(in.Rating)
	wrong("rating", err)
	if q.Country != "" && (len(q.Country) != 2 || !isLetters(q.Country)) {
		wrong("country", errors.New("want two letters, as DE"))
	}
	if in.IP != "" {
		addr, err := netip.ParseAddr(in.IP)
		q.IP = addr.Unmap().String() // as capture writes it
		if err != nil {
			wrong("ip", errors.New("want an IPv4 or IPv6 address"))
		}
	}
	if in.SpecID != "" {
		q.SpecID, err = journey.ParseID(in.SpecID)
		wrong("spec_id", err)
	}
	if in.Sort != "" {
		q.Sort, q.Desc = strings.CutPrefix(in.Sort, "-")
		if !slices.Contains(sortable(), q.Sort) {
			q.Sort = "" // huma's to say
		}
	}
	in.parsed.question, err = c.hub.Insight.CheckSessions(q)
	var more insight.Faults
	if errors.As(err, &more) {
		for _, f := range more {
			faults = append(faults, fault("query", f.Field, f.Message))
		}
	} else {
		wrong("element", err)
	}
	return faults
}

func isLetters(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}

func sortable() []string {
	return []string{"start", "last", "events", "labels", "duration", "points", "rating"}
}

// Resolve checks an events query.
func (in *eventsInput) Resolve(huma.Context) []error {
	var faults []error
	wrong := func(where, field string, err error) {
		if err != nil {
			faults = append(faults, fault(where, field, err.Error()))
		}
	}
	q := insight.EventQuery{Name: in.Name, Label: in.Label, Cursor: in.Cursor, Limit: in.Limit, Oldest: in.Order == "oldest"}
	var err error
	q.Session, err = journey.ParseID(in.ID)
	wrong("path", "id", err)
	q.Ratings, err = parseRatings(in.Rating)
	wrong("query", "rating", err)
	q.Types, err = parseTypes(in.Type)
	wrong("query", "type", err)
	in.parsed.question = q
	return faults
}

// Resolve checks a live query.
func (in *liveInput) Resolve(huma.Context) []error {
	var err error
	if in.parsed.ratings, err = parseRatings(in.Rating); err != nil {
		return []error{fault("query", "rating", err.Error())}
	}
	return nil
}

// Resolve checks an ID.
func (in *idInput) Resolve(huma.Context) []error {
	if _, err := journey.ParseID(in.ID); err != nil {
		return []error{fault("path", "id", err.Error())}
	}
	return nil
}

// splitValues splits at commas, except those escaped by a backslash.
func splitValues(raw []string) []string {
	var all []string
	for _, s := range raw {
		var one strings.Builder
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s) && (s[i+1] == ',' || s[i+1] == '\\'):
				i++
				one.WriteByte(s[i])
			case s[i] == ',':
				all = append(all, one.String())
				one.Reset()
			default:
				one.WriteByte(s[i])
			}
		}
		all = append(all, one.String())
	}
	return slices.DeleteFunc(all, func(v string) bool { return strings.TrimSpace(v) == "" })
}

const longestBack = 10 * 365 * 24 * time.Hour

// parseTime reads RFC 3339 or a time back from now, as micros; 0 for "".
func parseTime(s string, now time.Time) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if d, ok := parseSpan(s); ok {
		return now.Add(-d).UnixMicro(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.UnixMicro() <= 0 {
		return 0, fmt.Errorf("%q: want RFC 3339 as 2026-03-01T12:00:00Z, or a time back from now as 90m, 24h or 7d", s)
	}
	return t.UnixMicro(), nil
}

// parseSpan reads a whole number of seconds, minutes, hours, days or weeks.
func parseSpan(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 10 {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[len(s)-1]]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if err != nil || n > uint64(longestBack/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

func parseRatings(s string) ([]journey.Rating, error) {
	var rs []journey.Rating
	for _, word := range words(s) {
		r, err := journey.ParseRating(word)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(rs, r) {
			rs = append(rs, r)
		}
	}
	return rs, nil
}

func parseTypes(s string) ([]journey.EventType, error) {
	var ts []journey.EventType
	for _, word := range words(s) {
		t := journey.EventType(word)
		if !t.Valid() {
			return nil, fmt.Errorf("event type %q: want one of %v", word, journey.EventTypes())
		}
		if !slices.Contains(ts, t) {
			ts = append(ts, t)
		}
	}
	return ts, nil
}

// words splits a comma separated list of plain words.
func words(s string) []string {
	all := strings.Split(s, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return slices.DeleteFunc(all, func(w string) bool { return w == "" })
}
