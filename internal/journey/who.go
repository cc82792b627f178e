package journey

// Kinds of Keys, the surest evidence of one visitor first.
const (
	KeyConnection = "connection" // the TLS connection, where TLS ends here
	KeyCookie     = "cookie"     // the origin's own session cookie
	KeyBearer     = "bearer"     // a bearer token
	KeyToken      = "token"      // a CSRF or other token that a response taught
	KeyTicket     = "ticket"     // the random ID in our TLS session ticket
	KeyDevice     = "device"     // a first-party cookie that outlives sessions
)

// KeyKinds lists them in that order.
func KeyKinds() []string {
	return []string{KeyConnection, KeyCookie, KeyBearer, KeyToken, KeyTicket, KeyDevice}
}

// Kinds of SpecChange.
const (
	SpecMerged = "merge" // two turned out to be one user
	SpecSplit  = "split" // the evidence that had made them one is shared by many
)

// SpecChange says that who was known under From is known under Into from then on.
// Of several changes of the same From the latest holds, and Into may itself be
// the From of others. A split gives each Spec ID concerned its place anew,
// itself (From equals Into) where it stands alone again.
type SpecChange struct {
	Kind   string `json:"kind"`
	From   ID     `json:"from"`
	Into   ID     `json:"into"`
	Time   int64  `json:"time"`
	Reason string `json:"reason"`
}

// ActorLink says that two Spec IDs share a strong entity. They are related, not
// one: nothing is merged by it. A is the older.
type ActorLink struct {
	A       ID     `json:"a"`
	B       ID     `json:"b"`
	Element string `json:"element"` // e.g. card_number; "device_address" for a class of devices at one address
	Hash    int64  `json:"hash"`    // of the entity, as in Element.Hash
	EventID ID     `json:"event_id"`
	Time    int64  `json:"time"`
}

// Candidate is a Spec ID that a Session's visitor may be, which no strong key
// says: an answer with a confidence, never an identity.
type Candidate struct {
	SpecID     ID       `json:"spec_id"`
	Confidence int      `json:"confidence"`        // per cent, 1 to 99
	Reasons    []string `json:"reasons,omitempty"` // e.g. "same address, seen from 2 others"
}
