package policy

import (
	"time"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/journey"
)

// Snapshot is one compiled policy revision. It is immutable and safe to share;
// a new revision replaces it whole.
type Snapshot struct {
	Revision   string            // first 12 hex digits of the SHA-256 over the bundle
	Bundle     map[string]string // file path to text, as compiled
	Specs      []*Spec           // most specific first
	Labels     []*Label          // in file order
	Signatures []*Signature
	Workflows  []*Workflow
	Actions    map[string]*Action // by name
	Lists      map[string]*List
	Rating     RatingRules
	Session    SessionRules
	Elements   *element.Set  // the catalogue with the policy's own
	Windows    []expr.Window // every distinct window any rule asks for
}

// Mode is the rollout of a label, signature or workflow.
type Mode string

// Rollout modes. Percent is stable by Spec ID.
const (
	Live    Mode = "live"
	Shadow  Mode = "shadow"
	Percent Mode = "percent" // written "percent: 20"
)

// Rollout is a mode with its share.
type Rollout struct {
	Mode    Mode
	Percent int // 0..100, when Mode is Percent
}

// Spec matches network requests and says what to extract.
type Spec struct {
	Key      string // stable key: the document's id, or a slug of its name
	Name     string // the Event's name
	Type     journey.EventType
	Match    Match
	Sync     bool
	Failure  string // "open", "closed" or "" for the site's
	Oversize string // "refuse" or "stream" (default) for bodies over MaxBody
	MaxBody  int    // bytes of each body read; default 65536
	Request  []Mapping
	Response []Mapping
	Outcome  []OutcomeRule // first that matches wins; none: by status class
	Pos      Pos
	// PassThrough of a sync Spec: the verdict is recorded and never enforced.
	PassThrough bool
	Elements    *element.Set // the catalogue with the policy's own
	// HoldResponse of a sync Spec: the response is kept back until it was judged too.
	HoldResponse bool
	// RequestTokens and ResponseTokens are the session's tokens, of every Spec the
	// same; their Element is "".
	RequestTokens, ResponseTokens []Mapping
}

// Match is the condition of a Spec. Empty parts match everything. Match order
// is by specificity: literal path segments, then fewer wildcards, then host,
// GraphQL operation, method, header and query conditions, then file order.
type Match struct {
	Hosts        []string // exact, or "*.example.com"
	Methods      []string
	Path         []Segment
	ContentTypes []string          // request content type, media type only
	Headers      map[string]string // name to exact value; "*" for presence
	Query        map[string]string // likewise
	// Accepts, when set, wants this media type in the request's Accept.
	Accepts string
	// GRPC, when set, is the service and method that Path stands for; the content
	// type must be gRPC's or gRPC-web's.
	GRPC    string
	GraphQL *GraphQL // nil: no condition
}

// GraphQL is a condition on one operation of a request. Of each list any may hold.
type GraphQL struct {
	Operations []string // names
	Types      []string // query, mutation, subscription
	Fields     []string // at the top, aliases undone
	Hashes     []string // of persisted queries, lower case
}

// Segment is one path segment: a literal, {name}, * (one) or ** (the rest).
type Segment struct {
	Literal string
	Name    string // of {name}
	Any     bool   // *
	Rest    bool   // **, last only
}

// SourceKind says where a value is read from. Sources says what each reads.
type SourceKind string

// Sources.
const (
	SourcePath      SourceKind = "path" // path.id: a named segment; path: the whole path
	SourceHost      SourceKind = "host"
	SourceMethod    SourceKind = "method"
	SourceQuery     SourceKind = "query"
	SourceHeader    SourceKind = "header" // request or response, by its map
	SourceCookie    SourceKind = "cookie"
	SourceTrailer   SourceKind = "trailer" // of a response
	SourceSetCookie SourceKind = "set-cookie"
	SourceStatus    SourceKind = "status"
	SourceForm      SourceKind = "form"
	SourceMultipart SourceKind = "multipart"
	SourceFile      SourceKind = "file" // Part: name, size, type, sha256
	SourceJSON      SourceKind = "json"
	SourceNDJSON    SourceKind = "ndjson"
	SourceXML       SourceKind = "xml"
	SourceHTML      SourceKind = "html"    // Part: title, hidden, meta
	SourceGraphQL   SourceKind = "graphql" // Part: operation, type, field, hash, variables, arguments
	SourceGRPC      SourceKind = "grpc"    // Name: service, method, status, message
	SourceProtobuf  SourceKind = "protobuf"
	SourceConn      SourceKind = "conn"
	SourceTLS       SourceKind = "tls"
	SourceH2        SourceKind = "h2"
	SourceClient    SourceKind = "client"
)

// Mapping copies one source to one element.
type Mapping struct {
	Text      string // the source as written
	Source    SourceKind
	Name      string   // field, header, cookie, segment name
	Part      string   // of a file, a page or a GraphQL request
	Path      []string // JSON keys with "[3]" and "[*]", XML names, protobuf field numbers
	Steps     []Step   // what is done to the text found, in order
	Element   string   // element ID in the catalogue
	Transform string   // "", trim, lower, upper, digits
	Minor     bool     // an amount is a whole number of the currency's smallest unit
	Currency  string   // of an amount that no other element tells it of
	Statuses  [][2]int // of a response: only read under these
	Pos       Pos
}

// StepKind says what a Step reads.
type StepKind string

// Steps.
const (
	StepJSON   StepKind = "json"
	StepXML    StepKind = "xml"
	StepJWT    StepKind = "jwt" // a claim, unverified
	StepBase64 StepKind = "base64"
	StepBasic  StepKind = "basic"
	StepForm   StepKind = "form"
	StepQuery  StepKind = "query"
)

// Step reads a value within a value.
type Step struct {
	Kind StepKind
	Name string   // of a form field or query parameter
	Path []string // as a Mapping's
}

// OutcomeRule turns a response into an outcome. All set parts must hold.
type OutcomeRule struct {
	Outcome    journey.Outcome
	Statuses   [][2]int          // inclusive ranges
	Location   string            // glob on the Location header
	Headers    map[string]string // name to glob
	SetCookies []string          // names; each is set, and not to be deleted
	JSON       []JSONRule
	XML        []XMLRule
	GRPC       []int             // gRPC statuses
	Trailers   map[string]string // name to glob
	BodyHas    string            // substring of the bounded body copy
}

// JSONRule is a value that a JSON response must have.
type JSONRule struct {
	Path   []string
	Equals string // canonical text of the value: true, 3, ok; "*" for any
}

// XMLRule is a text that an XML response must have.
type XMLRule struct {
	Path   []string
	Equals string // "*" for any
}

// Label is a rule that places a Label.
type Label struct {
	ID       string
	Title    string
	Severity journey.Severity
	Points   int
	Types    []journey.EventType // empty: any
	When     *expr.Program
	TTL      time.Duration // 0: for the life of the session
	Repeat   bool          // place again on later Events while it holds
	Rollout  Rollout
	Pos      Pos
}

// Signature is a combination of labels within a session.
type Signature struct {
	ID      string
	Title   string
	All     []string // label IDs
	Any     []string
	AtLeast int // of Any; default 1 when Any is set
	Rating  journey.Rating
	Rollout Rollout
	Pos     Pos
}

// RatingRules moves the rating on points; the defaults are 30 and 70.
type RatingRules struct {
	Suspicious int
	Malicious  int
}

// SessionRules steer stitching.
type SessionRules struct {
	Timeout time.Duration // inactivity; default 30m
	MaxAge  time.Duration // default 24h
	Cookies []string      // names of the origin's session cookies; empty: learned
	// DeviceCookies are names of cookies that outlive sessions; empty: learned.
	DeviceCookies                 []string
	Headers                       []string // that carry a session token
	Tokens                        []string // sources of others, as written; and as they are read
	RequestTokens, ResponseTokens []Mapping
}

// Workflow takes Actions when its trigger holds on an Event of its types.
type Workflow struct {
	Name       string
	Ratings    []journey.Rating // any of; session rated so
	Signatures []string         // any of; session has it
	Labels     []string         // any of; session carries it
	Types      []journey.EventType
	When       *expr.Program // may be nil
	Do         []string      // action names, in order
	Rollout    Rollout
	Pos        Pos
}

// Action is a named mitigation with its parameters.
type Action struct {
	Name        string
	Type        journey.ActionType
	Status      int    // block: default 403; redirect: default 302
	Body        string // block
	ContentType string
	Location    string // redirect
	Header      string // tag: header name toward the origin
	Value       string // tag: may hold {rating}, {labels}, {session_id}, {points}
	Pos         Pos
}

// List is named values for in_list.
type List struct {
	Name   string
	Values map[string]bool
}

// Pos is a place in a policy file.
type Pos struct {
	File      string
	Line, Col int
}

// Fault is one thing wrong with a policy.
type Fault struct {
	Pos
	Field string // e.g. match.method[0]
	Wrong string // what is wrong
	Right string // what would be right
}
