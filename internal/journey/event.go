package journey

// EventType is one of a closed set; an Event's name is free.
type EventType string

// The closed set of event types.
const (
	PageView              EventType = "page_view"
	SessionUpdate         EventType = "session_update"
	Search                EventType = "search"
	ProductView           EventType = "product_view"
	AccountCreate         EventType = "account_create"
	AuthenticationAttempt EventType = "authentication_attempt"
	MFA                   EventType = "mfa"
	PasswordReset         EventType = "password_reset"
	Logout                EventType = "logout"
	AccountUpdate         EventType = "account_update"
	CartUpdate            EventType = "cart_update"
	PromoRedeem           EventType = "promo_redeem"
	Transaction           EventType = "transaction"
	RefundRequest         EventType = "refund_request"
	Cancellation          EventType = "cancellation"
	PolicyChange          EventType = "policy_change"
	Payout                EventType = "payout"
	SupportContact        EventType = "support_contact"
	Chargeback            EventType = "chargeback"
	Content               EventType = "content"
	Other                 EventType = "other"
)

// EventTypes lists the closed set in display order.
func EventTypes() []EventType {
	return []EventType{PageView, SessionUpdate, Search, ProductView, AccountCreate,
		AuthenticationAttempt, MFA, PasswordReset, Logout, AccountUpdate, CartUpdate,
		PromoRedeem, Transaction, RefundRequest, Cancellation, PolicyChange, Payout,
		SupportContact, Chargeback, Content, Other}
}

// Valid tells whether t is in the closed set.
func (t EventType) Valid() bool {
	for _, k := range EventTypes() {
		if k == t {
			return true
		}
	}
	return false
}

// Outcome says how the origin answered an Event.
type Outcome string

// Outcomes. Unknown is the zero value: the response was not (yet) seen.
const (
	OutcomeUnknown Outcome = ""
	Success        Outcome = "success"
	Failure        Outcome = "failure"
	OriginError    Outcome = "error"   // the origin answered 5xx or not at all
	Mitigated      Outcome = "blocked" // the engine answered instead of the origin
)

// Element is one named, normalised value of an Event. For sensitive kinds Value
// is a keyed hash, never the raw value. Hash links equal entities: a 63-bit
// keyed hash of (element ID, value), zero for attributes. It stands in URLs as
// the opaque entity ID.
type Element struct {
	ID     string `json:"id"`              // catalogue ID, e.g. "email"
	Value  string `json:"value,omitempty"` // canonical form; decimal for numbers
	Entity bool   `json:"entity,omitempty"`
	Hash   int64  `json:"hash,omitempty"`
	// Unverified says that the value comes from a token whose signature only the
	// origin can check.
	Unverified bool `json:"unverified,omitempty"`
	// Invalid says why a mapped value did not fit its kind; Value is then empty.
	Invalid string `json:"invalid,omitempty"`
	// Former and FormerHash are Value and Hash of a keyed hash as the key would
	// have made them that is being retired; what is stored under them is its too.
	Former     string `json:"former,omitempty"`
	FormerHash int64  `json:"former_hash,omitempty"`
}

// Event is one observed interaction, complete with its judgement.
type Event struct {
	ID        ID        `json:"id"`
	SessionID ID        `json:"session_id"`
	SpecID    ID        `json:"spec_id"`
	Site      string    `json:"site"`
	Time      int64     `json:"time"`     // request arrival, micros
	Duration  int64     `json:"duration"` // request arrival to response head, micros; 0 if unknown
	Name      string    `json:"name"`
	Type      EventType `json:"type"`
	Spec      string    `json:"spec"` // document key of the Spec that matched
	Method    string    `json:"method"`
	Status    int       `json:"status,omitempty"` // HTTP status the client got; 0 if none
	Outcome   Outcome   `json:"outcome,omitempty"`
	Sync      bool      `json:"sync,omitempty"`
	Elements  []Element `json:"elements,omitempty"`
	// Labels and Signatures placed on this very Event, not the Session's others.
	Labels     []Label     `json:"labels,omitempty"`
	Signatures []Signature `json:"signatures,omitempty"`
	// Rating is the Session's rating frozen at this Event; Points likewise.
	Rating       Rating        `json:"rating"`
	Points       int           `json:"points"`
	RatingChange *RatingChange `json:"rating_change,omitempty"`
	Actions      []Action      `json:"actions,omitempty"`
	Workflows    []string      `json:"workflows,omitempty"` // workflows that ran
	JoinReason   string        `json:"join_reason"`         // why it belongs to its Session
	Revision     string        `json:"revision"`            // policy revision judged under
	Truncated    bool          `json:"truncated,omitempty"` // a body was longer than the bound read
}

// Value returns the canonical value of an element, or "".
func (e *Event) Value(id string) string {
	for i := range e.Elements {
		if e.Elements[i].ID == id {
			return e.Elements[i].Value
		}
	}
	return ""
}

// Session is a run of Events of one visitor, kept current.
type Session struct {
	ID         ID          `json:"id"`
	SpecID     ID          `json:"spec_id"`
	Site       string      `json:"site"`
	Start      int64       `json:"start"`
	Last       int64       `json:"last"`
	Events     int         `json:"events"`
	Rating     Rating      `json:"rating"`
	Points     int         `json:"points"`
	Labels     []Label     `json:"labels,omitempty"` // all that were placed, in order
	Signatures []Signature `json:"signatures,omitempty"`
	Actions    []Action    `json:"actions,omitempty"` // one per distinct action name, with Count
	IP         string      `json:"ip,omitempty"`      // last seen
	Country    string      `json:"country,omitempty"`
	City       string      `json:"city,omitempty"`
	UserAgent  string      `json:"user_agent,omitempty"`
	Account    string      `json:"account,omitempty"` // last confirmed username or e-mail
	// Accounts is how many different ones it has signed in to, up to 16.
	Accounts int `json:"accounts,omitempty"`
	// Recognised is the kind of Key by which the first request was known; "" when
	// its visitor was new.
	Recognised string `json:"recognised,omitempty"`
	// Candidates are who a visitor may be whom no Key made known, the likeliest first.
	Candidates []Candidate `json:"candidates,omitempty"`
	// MergedInto is the Session that this one turned out to be part of; it takes no
	// more Events.
	MergedInto ID `json:"merged_into,omitempty"`
}
