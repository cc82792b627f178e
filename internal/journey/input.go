package journey

// EntryVersion is the version of the journal entry format written by this
// build. Readers accept every version up to it.
const EntryVersion = 1

// Phase says which part of an exchange an Observation describes.
type Phase uint8

// Phases. A sync route is observed at the request (so that it can be decided
// before the origin answers) and again at the response. An async route is
// observed once, complete, unless its response teaches a session key before
// its body is read: then it is observed like a sync one, but asks no decision.
const (
	PhaseRequest  Phase = 1 // opens the Event
	PhaseResponse Phase = 2 // completes the Event opened by the same Exchange
	PhaseComplete Phase = 3 // opens and completes at once
	// PhaseHeld is a response that is kept back while it is judged; PhaseResponse
	// completes the Event all the same, with what was done.
	PhaseHeld Phase = 4
)

// Key is evidence that two requests are of one visitor, as a keyed hash.
type Key struct {
	Kind string `json:"k"` // one of KeyKinds
	Hash uint64 `json:"h"`
	// Named says that the policy or a well-known name calls it a session key;
	// others join only once a response has taught them.
	Named bool `json:"n,omitempty"`
	// Former is the hash by the key that is being retired; 0 when there is none.
	Former uint64 `json:"f,omitempty"`
}

// Observation is what the engine saw of an exchange, extracted and normalised.
// It is all the judge ever learns of it. Raw sensitive values are never in it.
type Observation struct {
	Exchange uint64    `json:"x"` // correlates request and response; unique per process start and node
	Phase    Phase     `json:"ph"`
	Time     int64     `json:"t"` // request arrival (micros), for PhaseResponse the response head's
	Site     string    `json:"site"`
	Spec     string    `json:"spec"`
	Name     string    `json:"name"`
	Type     EventType `json:"type"`
	Sync     bool      `json:"sync,omitempty"`
	Method   string    `json:"m,omitempty"`
	IP       string    `json:"ip,omitempty"`
	// UserAgent is a short display form ("Chrome 130 on Windows"); Agent a hash
	// of the whole header, for weak joins.
	UserAgent string `json:"ua,omitempty"`
	Agent     uint64 `json:"ah,omitempty"`
	// Device is a hash of the class of devices and browsers, their versions left
	// out; 0 when nothing is known. Many visitors share one.
	Device uint64 `json:"dv,omitempty"`
	// Multiplexed says that the client's own connection carries requests side by
	// side (HTTP/2), so that it needs no other one.
	Multiplexed bool `json:"mx,omitempty"`
	// Beside is the hash of the ticket of another connection that most likely is the
	// same client's, since it was opened in the same moment; 0 when there is none. It
	// joins a Session when no key does, and says of nobody who he is.
	Beside    uint64    `json:"bs,omitempty"`
	Keys      []Key     `json:"keys,omitempty"`    // carried by the request
	Learned   []Key     `json:"learned,omitempty"` // set by the response
	Elements  []Element `json:"el,omitempty"`
	Status    int       `json:"st,omitempty"`
	Outcome   Outcome   `json:"o,omitempty"`
	Duration  int64     `json:"d,omitempty"` // micros to the response head
	Truncated bool      `json:"tr,omitempty"`
	// Enforced is what really happened to the exchange (PhaseResponse and
	// PhaseComplete): the Verdict's actions as applied, or why not.
	Enforced []Action `json:"enf,omitempty"`
}

// InputKind names the closed set of journal inputs.
type InputKind string

// Inputs. Hand-made facts and integration results follow in later versions.
const (
	InputObservation InputKind = "observation"
	InputTick        InputKind = "tick"   // event time passed
	InputPolicy      InputKind = "policy" // the revision in force from here on
)

// Input is one thing the judge folds. Exactly the field of its Kind is set.
type Input struct {
	Kind        InputKind    `json:"kind"`
	Time        int64        `json:"time"` // event time, micros
	Observation *Observation `json:"obs,omitempty"`
	// Policy carries the whole revision, so that the journal alone suffices to
	// replay: file path to text.
	Policy map[string]string `json:"policy,omitempty"`
}

// Judgement is what folding one Input produced. It can hold several Events,
// since a tick completes Events whose response never came.
type Judgement struct {
	Verdict  *Verdict  `json:"verdict,omitempty"`
	Events   []Event   `json:"events,omitempty"`   // completed by this input
	Sessions []Session `json:"sessions,omitempty"` // as they are after it, when changed
	// Who became known as whom, and who is related to whom, by this input.
	SpecChanges []SpecChange `json:"spec_changes,omitempty"`
	Links       []ActorLink  `json:"links,omitempty"`
	// Fault is set when the judge panicked on the input, or refused it, or it was
	// too large for the journal; replay skips it.
	Fault string `json:"fault,omitempty"`
	// Dropped names, by exchange, the open Events that this input let go of since
	// the judge panicked on them; replay lets go of them at the same place.
	Dropped []uint64 `json:"dropped,omitempty"`
}

// Entry is one journal entry: an Input with its Judgement, in judging order.
type Entry struct {
	Version   int       `json:"v"`
	Partition int       `json:"p"`
	Input     Input     `json:"in"`
	Judgement Judgement `json:"out"`
}
