package hub

import "github.com/throughline/throughline/internal/journey"

// The JSON shapes of the Hub's API. IDs are decimal strings; entity IDs are
// opaque ("e" and 16 hex digits); times are RFC 3339 in UTC with microseconds.

// Session is a row of the Sessions table and the head of the Session page.
type Session struct {
	ID         string              `json:"id"`
	SpecID     string              `json:"spec_id"`
	Site       string              `json:"site"`
	Start      string              `json:"start" format:"date-time"`
	Last       string              `json:"last" format:"date-time"`
	DurationMS int64               `json:"duration_ms"`
	Events     int                 `json:"events"`
	Velocity   float64             `json:"velocity" doc:"events a minute"`
	Rating     string              `json:"rating" enum:"normal,suspicious,malicious"`
	Points     int                 `json:"points"`
	Labels     []Label             `json:"labels"`
	Signatures []journey.Signature `json:"signatures"`
	Actions    []journey.Action    `json:"actions"`
	IP         string              `json:"ip"`
	Country    string              `json:"country"`
	City       string              `json:"city"`
	UserAgent  string              `json:"user_agent"`
	Account    string              `json:"account"`
	Live       bool                `json:"live" doc:"seen within its inactivity timeout"`
	KnownAs    string              `json:"known_as" doc:"the Spec ID that its Spec ID is known as by now; empty when that is itself, and in the live stream"`
	Recognised string              `json:"recognised" enum:"new,connection,cookie,bearer,token,ticket,device,unrecorded" doc:"by which kind of key the visitor was known on the first request"`
	MergedInto string              `json:"merged_into" doc:"the session that this one turned out to be part of; empty for none"`
	Candidates []Candidate         `json:"candidates" doc:"who a visitor may be whom no key made known, likeliest first"`
}

// Candidate is who a Session's visitor may be: an answer, never an identity.
type Candidate struct {
	SpecID     string   `json:"spec_id"`
	KnownAs    string   `json:"known_as" doc:"as of a session"`
	Confidence int      `json:"confidence" minimum:"1" maximum:"99" doc:"per cent"`
	Reasons    []string `json:"reasons"`
}

// SessionDetail adds what only the Session page needs.
type SessionDetail struct {
	Session
	Chart    []Bubble       `json:"chart"`
	Turns    []Turn         `json:"turns" doc:"each change of the rating, oldest first"`
	Entities []LinkedEntity `json:"entities"`
	Related  []Session      `json:"related" doc:"other sessions of the same user, whichever Spec ID they were recorded under, newest first, at most 20"`
	Absorbed []Session      `json:"absorbed" doc:"sessions that turned out to be part of this one, newest first, at most 20"`
}

// Turn is one change of the rating and the Event that made it.
type Turn struct {
	Time      string `json:"time" format:"date-time"`
	EventID   string `json:"event_id"`
	EventName string `json:"event_name"`
	From      string `json:"from"`
	To        string `json:"to"`
	Reason    string `json:"reason"`
}

// Bubble is a bucket of the risk-over-time chart.
type Bubble struct {
	Start  string           `json:"start" format:"date-time"`
	Rating string           `json:"rating"`
	Count  int64            `json:"count"`
	Types  map[string]int64 `json:"types"`
}

// Label is a Label as placed.
type Label struct {
	ID       string             `json:"id"`
	Title    string             `json:"title"`
	Severity string             `json:"severity" enum:"trusted,info,low,medium,high,critical"`
	Points   int                `json:"points"`
	EventID  string             `json:"event_id"`
	Time     string             `json:"time" format:"date-time"`
	Shadow   bool               `json:"shadow"`
	Evidence []journey.Evidence `json:"evidence"`
}

// Element is an Element with its catalogue name.
type Element struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Group    string `json:"group"`
	Value    string `json:"value"`
	Entity   bool   `json:"entity"`
	EntityID string `json:"entity_id,omitempty"`
	Primary  bool   `json:"primary"`
	Hashed   bool   `json:"hashed" doc:"the value is a keyed hash"`
	Invalid  string `json:"invalid,omitempty"`
	// Unverified values are a token's claims.
	Unverified bool `json:"unverified,omitempty" doc:"a claim of a token whose signature only the origin can check"`
}

// Event is one Event, whole.
type Event struct {
	ID         string              `json:"id"`
	SessionID  string              `json:"session_id"`
	SpecID     string              `json:"spec_id" doc:"as recorded then"`
	KnownAs    string              `json:"known_as" doc:"as of a session"`
	Site       string              `json:"site"`
	Time       string              `json:"time" format:"date-time"`
	DurationMS float64             `json:"duration_ms"`
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	TypeName   string              `json:"type_name"`
	Spec       string              `json:"spec"`
	Method     string              `json:"method"`
	Status     int                 `json:"status"`
	Outcome    string              `json:"outcome"`
	Rating     string              `json:"rating"`
	Points     int                 `json:"points"`
	Change     *Turn               `json:"rating_change,omitempty"`
	Elements   []Element           `json:"elements"`
	Labels     []Label             `json:"labels"`
	Signatures []journey.Signature `json:"signatures"`
	Actions    []journey.Action    `json:"actions"`
	Workflows  []string            `json:"workflows"`
	JoinReason string              `json:"join_reason"`
	Revision   string              `json:"revision"`
	Truncated  bool                `json:"truncated"`
}

// SessionList is a page of Sessions.
type SessionList struct {
	Sessions []Session `json:"sessions"`
	Total    int64     `json:"total"`
	Next     string    `json:"next" doc:"cursor of the next page; empty on the last"`
}

// EventList is a page of Events.
type EventList struct {
	Events []Event `json:"events"`
	Total  int64   `json:"total"`
	Next   string  `json:"next"`
}

// LinkedEntity is an entity and how it is linked.
type LinkedEntity struct {
	ID       string `json:"id"`
	Element  string `json:"element"`
	Name     string `json:"name"`
	Value    string `json:"value"`
	Hashed   bool   `json:"hashed"`
	Shared   int64  `json:"shared_sessions"`
	Sessions int64  `json:"sessions"`
	LastSeen string `json:"last_seen" format:"date-time"`
}

// Entity is the Entity page.
type Entity struct {
	ID             string           `json:"id"`
	Element        string           `json:"element"`
	Name           string           `json:"name"`
	Value          string           `json:"value"`
	Hashed         bool             `json:"hashed"`
	FirstSeen      string           `json:"first_seen" format:"date-time"`
	LastSeen       string           `json:"last_seen" format:"date-time"`
	Sessions       int64            `json:"sessions"`
	LinkedEntities int64            `json:"linked_entities"`
	Ratings        map[string]int64 `json:"ratings"`
	Countries      map[string]int64 `json:"countries"`
	Linked         []LinkedEntity   `json:"linked"`
	Recent         []Session        `json:"recent" doc:"its newest sessions, at most 50"`
}

// Status is the Status page: what runs, how fast, what was shed.
type Status struct {
	Version   string           `json:"version"`
	Started   string           `json:"started" format:"date-time"`
	Healthy   bool             `json:"healthy"`
	Sites     []SiteStatus     `json:"sites"`
	Policy    PolicyStatus     `json:"policy"`
	Edge      EdgeStatus       `json:"edge"`
	Engine    EngineStatus     `json:"engine"`
	Journal   JournalStatus    `json:"journal"`
	Warehouse WarehouseStatus  `json:"warehouse"`
	Visible   LatencyStatus    `json:"visible" doc:"from response to visible in the Hub"`
	Decision  LatencyStatus    `json:"decision" doc:"of sync verdicts"`
	Shed      map[string]int64 `json:"shed" doc:"what was not recorded, by reason"`
	Problems  []string         `json:"problems" doc:"in words, worst first; empty when all is well"`
	Data      []DataStatus     `json:"data" doc:"enrichment data files"`
}

// SiteStatus is one site.
type SiteStatus struct {
	Name     string   `json:"name"`
	Hosts    []string `json:"hosts"`
	Origin   string   `json:"origin"`
	Mode     string   `json:"mode" enum:"pass-through,active,mirror,bypass,maintenance" doc:"in force"`
	Set      string   `json:"configured_mode" enum:"pass-through,active,mirror,bypass,maintenance"`
	Failure  string   `json:"failure"`
	Requests int64    `json:"requests"`
	Errors   int64    `json:"origin_errors"`
	// Endpoints are the addresses of its origin.
	Endpoints []EndpointStatus `json:"endpoints" doc:"addresses of its origin, as far as they are known yet"`
}

// EndpointStatus is one address of an origin.
type EndpointStatus struct {
	Address   string `json:"address"`
	Up        bool   `json:"up" doc:"it takes requests"`
	Error     string `json:"error,omitempty" doc:"why it does not"`
	Responses int64  `json:"responses"`
	Failures  int64  `json:"failures"`
}

// EdgeStatus counts connections and what was not relayed, over all sites.
type EdgeStatus struct {
	Connections  int64            `json:"connections" doc:"visitors' connections open now"`
	Active       int64            `json:"active" doc:"exchanges in flight"`
	ClientsGone  int64            `json:"clients_gone" doc:"visitors who left before their response had ended"`
	NoSYN        int64            `json:"first_packets_missing" doc:"connections whose first packet was wanted and not kept by the system"`
	Refused      map[string]int64 `json:"refused" doc:"connections and requests that were not relayed, by reason"`
	OriginErrors map[string]int64 `json:"origin_errors" doc:"failed requests to origins, by kind"`
}

// PolicyStatus is the policy revision in force and the last fault, if any.
type PolicyStatus struct {
	Revision   string   `json:"revision"`
	Since      string   `json:"since" format:"date-time"`
	Specs      int      `json:"specs"`
	Labels     int      `json:"labels"`
	Signatures int      `json:"signatures"`
	Workflows  int      `json:"workflows"`
	Faults     []string `json:"faults" doc:"of a revision that was refused; the running one stays"`
}

// EngineStatus counts the judge.
type EngineStatus struct {
	Requests  int64            `json:"requests"`
	Matched   int64            `json:"matched"`
	Events    int64            `json:"events"`
	Sessions  int64            `json:"live_sessions"`
	Queue     int64            `json:"queue"`
	QueueMax  int64            `json:"queue_max"`
	RuleFault int64            `json:"rule_faults"`
	Panics    int64            `json:"panics"`
	Actions   map[string]int64 `json:"actions" doc:"enforced, by name"`
	Missed    int64            `json:"deadline_missed"`
}

// JournalStatus is the journal.
type JournalStatus struct {
	State    string `json:"state" enum:"ok,degraded,down"`
	Entries  int64  `json:"entries"`
	Bytes    int64  `json:"bytes"`
	InFlight int64  `json:"in_flight"`
	Error    string `json:"error"`
}

// WarehouseStatus is the store.
type WarehouseStatus struct {
	State    string `json:"state" enum:"ok,degraded,down"`
	Backend  string `json:"backend"`
	Events   int64  `json:"events"`
	Sessions int64  `json:"sessions"`
	Bytes    int64  `json:"bytes"`
	Lag      int64  `json:"lag" doc:"journal entries not yet applied"`
	Error    string `json:"error"`
}

// LatencyStatus is a distribution over the last five minutes.
type LatencyStatus struct {
	Count int64   `json:"count"`
	P50MS float64 `json:"p50_ms"`
	P95MS float64 `json:"p95_ms"`
	P99MS float64 `json:"p99_ms"`
}

// DataStatus is one enrichment data file.
type DataStatus struct {
	Name    string `json:"name"`
	State   string `json:"state" doc:"ok, missing or damaged"`
	Detail  string `json:"detail"`
	Licence string `json:"licence" doc:"of the data, with whom to name; empty: not known"`
}

// LiveMessage is one message of GET /api/v1/live (SSE, event "event"): the
// Event that became visible and its Session as it is now. Event "ready" opens
// the stream; "lag" says that messages were dropped for a slow reader.
type LiveMessage struct {
	Event   Event   `json:"event"`
	Session Session `json:"session"`
}

// Me is the signed-in user.
type Me struct {
	Name string `json:"name"`
	Role string `json:"role" enum:"admin,analyst,viewer"`
	CSRF string `json:"csrf" doc:"send as X-CSRF-Token with every change"`
}

// Setup tells the sign-in page what to show.
type Setup struct {
	NeedsSetup bool   `json:"needs_setup" doc:"no user yet: open the one-time link from the log"`
	Version    string `json:"version"`
}

// Lookup asks for an entity by value, so that the value never stands in a URL.
type Lookup struct {
	Element string `json:"element" example:"email"`
	Value   string `json:"value" example:"ann@example.com"`
}

// Lookedup is the answer to a Lookup.
type Lookedup struct {
	ID      string `json:"id"`
	Element string `json:"element"`
	Value   string `json:"value" doc:"as normalised"`
	Known   bool   `json:"known"`
}

// ElementDef is one element of the catalogue, for search boxes.
type ElementDef struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Group    string `json:"group"`
	Entity   bool   `json:"entity"`
	Kind     string `json:"kind" example:"email"`
	Primary  bool   `json:"primary" doc:"shown on the timeline"`
	Computed bool   `json:"computed" doc:"filled by Throughline"`
	Custom   bool   `json:"custom" doc:"defined by the policy"`
	Stored   string `json:"stored" enum:"plain,masked,hashed"`
	Example  string `json:"example"`
	About    string `json:"about"`
}
