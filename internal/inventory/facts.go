package inventory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

// facts are what every Event carries beside its Elements. A test holds them
// against the fields of journey.Observation, which is all that capture gives on.
func facts() []Fact {
	return []Fact{
		{"a number of the exchange, of this process", "Exchange", Plain, inside},
		{"which part of the exchange it tells of", "Phase", Plain, inside},
		{"when the request came", "Time", Plain, everywhere},
		{"the site", "Site", Plain, everywhere},
		{"the Spec that named the request", "Spec", Plain, everywhere},
		{"the Spec's name", "Name", Plain, everywhere},
		{"the Event type", "Type", Plain, everywhere},
		{"whether a verdict was waited for", "Sync", Plain, everywhere},
		{"the HTTP method", "Method", Plain, everywhere},
		{"the visitor's address", "IP", Plain, everywhere},
		{"the browser in short, e.g. Chrome 130 on Windows", "UserAgent", Plain, everywhere},
		{"a hash of the User-Agent header", "Agent", "hash", inside},
		{"a hash of the class of devices: TLS, HTTP/2, browser and system without versions, language", "Device", "hash", inside},
		{"whether the client's own connection carries requests side by side", "Multiplexed", Plain, inside},
		{"the ID in the session ticket of a connection that was opened beside the client's own", "Beside", Hashed, inside},
		{"the session keys of the request and its connection", "Keys", Hashed, inside},
		{"the session keys that the response or the connection gives", "Learned", Hashed, inside},
		{"the Elements, as listed for each Spec", "Elements", "as listed", everywhere},
		{"the status of the response", "Status", Plain, everywhere},
		{"success, failure or error, as the Spec tells them apart", "Outcome", Plain, everywhere},
		{"how long the origin took", "Duration", Plain, everywhere},
		{"whether a body was longer than what is read of it", "Truncated", Plain, everywhere},
		{"what was done with the exchange", "Enforced", Plain, everywhere},
	}
}

// keys are what tells visitors apart, the surest first.
func keys(c Config) []Key {
	p := &c.Policy.Session
	const both, request = "requests and responses", "requests"
	var out []Key
	add := func(kind, what, from string) { out = append(out, Key{kind, what, from, Hashed, inside}) }
	if c.Keys.TLS {
		add(journey.KeyConnection, "a number of the TLS connection, of our own making, where no proxy or worker stands between", "connections")
	}
	named := func(list []string, learned string) string {
		if len(list) > 0 {
			return "the cookies " + strings.Join(list, ", ")
		}
		return learned
	}
	add(journey.KeyCookie, named(p.Cookies, "cookies that the origin sets for scripts not to read, and those under the names of sessions"), both)
	add(journey.KeyBearer, "the bearer token in Authorization", request)
	for _, h := range p.Headers {
		add(journey.KeyToken, "the header "+h, both)
	}
	for _, t := range p.Tokens {
		var from []string
		for side, list := range map[string][]policy.Mapping{request: p.RequestTokens, "responses": p.ResponseTokens} {
			if slices.ContainsFunc(list, func(m policy.Mapping) bool { return m.Text == t }) {
				from = append(from, side)
			}
		}
		slices.Sort(from)
		add(journey.KeyToken, t, strings.Join(from, " and ")+" of all Specs")
	}
	if c.Keys.Tickets {
		add(journey.KeyTicket, "the random ID in the TLS session tickets that we give, where no proxy or worker stands between", "connections")
	}
	add(journey.KeyDevice, named(p.DeviceCookies, "cookies that the origin sets for 30 days or more"), both)
	return out
}

// subjects are the Elements whose history a label looks at.
func subjects(l *policy.Label) []string {
	out := []string{}
	if l.When == nil {
		return out
	}
	for _, w := range l.When.Windows() {
		for _, id := range []string{w.Subject, w.Element} {
			if id != "" && id != "session" && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}

// places are where data rests, and where it does not.
func places(c Config) []Place {
	journal := span(c.Journal) + ", longer while the warehouse lags"
	if c.Bound != "" {
		journal += ", less when it reaches " + c.Bound
	}
	out := []Place{
		{"journal", "Events and observations as listed, keyed hashes of session keys, the policy", journal},
		{"judge", "live sessions, keyed hashes, and what rules count, by keyed hashes", memory(c.Policy)},
		{"warehouse", "Events, Sessions, entities, labels with the values that their rules saw", span(c.Events)},
		{"warehouse: Spec IDs", "which were merged, split and related, when and why, by opaque IDs and hashes", span(c.Events) + ", and until no Session of the users concerned is left"},
		{"warehouse: when an entity was first seen", "the entity's value in its form, and a time", "until it is erased"},
		{"Hub", "shows the warehouse to users by their role", "keeps none of it"},
		{"control data", "users of the Hub, their tokens (hashed), settings, the audit log of what they did", "until deleted"},
		{"backups", "all of the above, and the hash key where it is in the data folder", "as long as whoever made them keeps them"},
	}
	for _, s := range c.Learning {
		out = append(out, Place{"discovery of site " + s, "shapes of requests: method, path template, content type, names and kinds of fields, counts; never values", "until cleared, of bounded size"})
	}
	return append(out, Place{"logs", "none of it", "never"}, Place{"metrics", "none of it", "never"})
}

// memory is how long the judge remembers what rules count.
func memory(p *policy.Snapshot) string {
	out := fmt.Sprintf("sessions: %s without a request, %s at most", span(p.Session.Timeout), span(p.Session.MaxAge))
	longest, life := time.Duration(0), false
	for _, w := range p.Windows {
		longest, life = max(longest, w.Within), life || w.Within == 0 && w.Subject != "session"
	}
	if longest > 0 {
		out += "; counts: " + span(longest)
	}
	if life {
		out += "; some counts without limit of time, in a bounded number"
	}
	return out
}

// span is a duration as people say it.
func span(d time.Duration) string {
	unit := func(n int64, name string) string {
		if n == 1 {
			return "1 " + name
		}
		return fmt.Sprintf("%d %ss", n, name)
	}
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return unit(int64(d/day), "day")
	case d >= time.Hour && d%time.Hour == 0:
		return unit(int64(d/time.Hour), "hour")
	case d >= time.Minute && d%time.Minute == 0:
		return unit(int64(d/time.Minute), "minute")
	}
	return d.String()
}
