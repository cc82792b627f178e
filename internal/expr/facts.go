// Package expr is the rule language: CEL with journey functions.
package expr

import (
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// Facts is what a rule may ask about the journey so far, the Event at hand
// included. The judge answers from one partition's state.
type Facts interface {
	// Attr answers a fixed name: event.type, event.name, event.outcome,
	// event.method (strings), event.status (int), event.time, session.start
	// (Unix micros, int64), session.events, session.points (int),
	// session.rating, session.account, session.recognised (strings: the last is
	// the kind of key, "" for a new visitor), session.accounts (int),
	// session.new (bool: this is its first Event).
	Attr(name string) any
	// Value answers an element's canonical value, "" if absent or invalid.
	Value(element string) string
	// Window answers a count or distinct count, a sum in millionths, or for
	// first_seen and last Unix micros (0: never).
	Window(w Window) int64
	// HasLabel tells whether the Session carries a live, non-shadow label.
	HasLabel(id string) bool
}

// Op is what a Window computes.
type Op string

// Window operations.
const (
	Count     Op = "count"
	Distinct  Op = "distinct"
	Sum       Op = "sum"
	FirstSeen Op = "first_seen"
	Last      Op = "last" // time of the latest earlier match
)

// Window is one piece of rolling state that a rule needs: exactly what its
// journey functions ask for and no more. It is comparable and serves as a key.
type Window struct {
	Subject string // "session", or the element ID of an entity, e.g. "ip"
	Op      Op
	Element string            // what Distinct and Sum look at
	Type    journey.EventType // "" any
	Outcome journey.Outcome   // "" any
	Within  time.Duration     // 0: the life of the subject
}

// String renders the window as it stands in a rule.
func (w Window) String() string {
	var b strings.Builder
	if w.Subject == "session" {
		b.WriteString("session")
	} else {
		b.WriteString("entity(" + strconv.Quote(w.Subject) + ")")
	}
	b.WriteString("." + string(w.Op) + "(")
	var args []string
	if w.Element != "" {
		args = append(args, strconv.Quote(w.Element))
	}
	if w.Type != "" || w.Outcome != "" {
		args = append(args, strconv.Quote(string(w.Type)))
	}
	if w.Outcome != "" {
		args = append(args, strconv.Quote(string(w.Outcome)))
	}
	if w.Within != 0 {
		args = append(args, strconv.Quote(shortDuration(w.Within)))
	}
	b.WriteString(strings.Join(args, ", ") + ")")
	return b.String()
}

func shortDuration(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0 && d > 24*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	default:
		return d.String()
	}
}
