package journey

import "fmt"

// Rating is a Session's Risk Rating.
type Rating uint8

// Ratings, in rising order.
const (
	Normal Rating = iota
	Suspicious
	Malicious
)

func (r Rating) String() string {
	switch r {
	case Suspicious:
		return "suspicious"
	case Malicious:
		return "malicious"
	default:
		return "normal"
	}
}

// ParseRating reads "normal", "suspicious" or "malicious".
func ParseRating(s string) (Rating, error) {
	for _, r := range []Rating{Normal, Suspicious, Malicious} {
		if r.String() == s {
			return r, nil
		}
	}
	return 0, fmt.Errorf("rating %q: want normal, suspicious or malicious", s)
}

// MarshalText renders the lower-case word.
func (r Rating) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the lower-case word.
func (r *Rating) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRating(string(b))
	return err
}

// Severity orders Labels: trusted, info, low, medium, high, critical.
type Severity string

// Severities lists them in rising order.
func Severities() []Severity {
	return []Severity{"trusted", "info", "low", "medium", "high", "critical"}
}

// Evidence is one value a rule saw when it held, in the rule's own words.
type Evidence struct {
	What  string `json:"what"`  // e.g. entity("ip").count("authentication_attempt", "10m")
	Value string `json:"value"` // e.g. 27
}

// Label is a Label as placed: where, when and why.
type Label struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Severity Severity   `json:"severity"`
	Points   int        `json:"points"`
	EventID  ID         `json:"event_id,omitempty"`
	Time     int64      `json:"time"`
	Expires  int64      `json:"expires,omitempty"` // micros; 0 never
	Shadow   bool       `json:"shadow,omitempty"`  // recorded, never counts
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Signature is a combination of Labels as recognised.
type Signature struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Rating  Rating   `json:"rating"` // the Session is rated at least this
	Labels  []string `json:"labels"` // label IDs that made it
	EventID ID       `json:"event_id,omitempty"`
	Time    int64    `json:"time"`
	Shadow  bool     `json:"shadow,omitempty"`
}

// RatingChange records when and why a Session's rating moved.
type RatingChange struct {
	From   Rating `json:"from"`
	To     Rating `json:"to"`
	Reason string `json:"reason"` // e.g. signature credential_stuffing; points 80 reached 70
}

// ActionType is what an Action does to the exchange.
type ActionType string

// Action types of the first version.
const (
	ActionBlock    ActionType = "block"    // answer with a status and body
	ActionRedirect ActionType = "redirect" // answer with a redirect
	ActionTag      ActionType = "tag"      // add a header toward the origin
)

// Action is an Action as decided and, after the response, as it happened.
type Action struct {
	Name     string     `json:"name"` // policy document name
	Type     ActionType `json:"type"`
	Workflow string     `json:"workflow,omitempty"`
	Time     int64      `json:"time,omitempty"`
	EventID  ID         `json:"event_id,omitempty"`
	Shadow   bool       `json:"shadow,omitempty"`   // would have been taken
	Enforced bool       `json:"enforced,omitempty"` // the edge says it really happened
	Reason   string     `json:"reason,omitempty"`   // why it was decided, or why it was not enforced
	Count    int        `json:"count,omitempty"`    // in a Session: how often
}

// Verdict is the judge's answer to an Observation. It names Actions; the action
// package makes them real with the parameters in the policy revision named.
type Verdict struct {
	EventID   ID       `json:"event_id"`
	SessionID ID       `json:"session_id"`
	SpecID    ID       `json:"spec_id"`
	Rating    Rating   `json:"rating"`
	Points    int      `json:"points"`
	Labels    []string `json:"labels,omitempty"` // IDs placed by this input
	Actions   []Action `json:"actions,omitempty"`
	Revision  string   `json:"revision"`
}
