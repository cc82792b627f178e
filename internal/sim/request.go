package sim

import "github.com/throughline/throughline/internal/journey"

// Site is by what a simulated site can know its visitors, beside what all have:
// connections (TLS ends at the engine), the tokens of its apps, addresses and
// browsers.
type Site struct {
	Name    string
	Cookies bool // a session cookie and one that outlives sessions
	Tickets bool // the engine puts an ID into TLS session tickets
}

// Sites are the kinds of site that are measured. The one with cookies has no
// ticket IDs, which are off by default.
func Sites() []Site {
	return []Site{{Name: "cookie", Cookies: true}, {Name: "tickets", Tickets: true}, {Name: "cookieless"}}
}

// Kind is the circumstances of a visit.
type Kind string

// Kinds of visits.
const (
	Home   Kind = "home"   // on a device of one's own, behind the home's address
	Family Kind = "family" // on a device that the home shares
	Office Kind = "office" // behind an address with very many others of the same build
	Mobile Kind = "mobile" // behind a carrier's shared addresses, which change
	App    Kind = "app"    // an app with a bearer token
	Kiosk  Kind = "kiosk"  // a public device, one user after the other
	Tester Kind = "tester" // somebody who signs in to the shared test account
	Robot  Kind = "robot"  // one program that keeps its cookies, every hour
	Ring   Kind = "ring"   // an actor of a fraud ring
)

// Truth is what nobody can see who stands before a site.
type Truth struct {
	// Visit is a run of requests of one person with one browser profile, one of
	// its private windows or one app, in which nothing is forgotten and no pause
	// is longer than maxPause.
	Visit  int
	Person int
	Ring   int // 0: none
	Home   int // people of one home share its number; 0: none
	Kind   Kind
}

// Request is one observation of an exchange with the truth about it.
type Request struct {
	journey.Observation
	Network uint64 // a hash of the network that its address is in
	Conn    uint64 // its TLS connection
	Opened  []Connection
	Ended   []uint64 // connections that ended since the browser's last request
	Truth   Truth
}

// Connection is one that a browser opened since its last request, for this one or
// beside it.
type Connection struct {
	ID, Ticket uint64
	Time       int64 // micros
}
