package population

import (
	"slices"
	"sync"
	"time"
)

// Scenario names what an actor is about.
type Scenario string

// Good scenarios: flagging one of these is a mistake.
const (
	WindowShopper Scenario = "window_shopper" // looks around and leaves
	Buyer         Scenario = "buyer"          // signs in, buys
	Guest         Scenario = "guest_buyer"    // buys without an account
	Newcomer      Scenario = "newcomer"       // signs up, uses WELCOME10, buys
	Forgetful     Scenario = "forgetful"      // mistypes the password a few times
	Returning     Scenario = "returning"      // comes back later in the same browser
	AppUser       Scenario = "app_user"       // the mobile app, by bearer token
	Returner      Scenario = "fair_refund"    // sends one order back, as is their right
	Mover         Scenario = "mover"          // changes address and phone, then buys
	Declined      Scenario = "declined_card"  // a first card is declined, the second works
	Asker         Scenario = "asks_support"   // opens a ticket
	Office        Scenario = "office_nat"     // many people behind one address
	Family        Scenario = "family"         // one home, one card, several accounts
	Traveller     Scenario = "traveller"      // signs in from abroad and changes nothing
	Victim        Scenario = "victim"         // the good customer whose account is taken over later
	SearchBot     Scenario = "search_bot"     // obeys robots.txt
	RealBrowser   Scenario = "real_browser"   // headless Chromium
)

// Abuse scenarios: these should be flagged.
const (
	CredentialStuffing Scenario = "credential_stuffing"
	CardTesting        Scenario = "card_testing"
	RefundAbuse        Scenario = "refund_abuse"
	PromoAbuse         Scenario = "promo_abuse"
	AccountTakeover    Scenario = "account_takeover"
	Scraping           Scenario = "scraping"
)

// Abuse lists the abuse scenarios.
func Abuse() []Scenario {
	return []Scenario{CredentialStuffing, CardTesting, RefundAbuse, PromoAbuse, AccountTakeover, Scraping}
}

// GoodScenarios lists the good ones; RealBrowser only appears with Chromium.
func GoodScenarios() []Scenario {
	return []Scenario{WindowShopper, Buyer, Guest, Newcomer, Forgetful, Returning, AppUser, Returner, Mover,
		Declined, Asker, Office, Family, Traveller, Victim, SearchBot, RealBrowser}
}

// Window is a time in which an actor was at the shop.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Actor is one visitor: one browser, app or bot. One person can be several
// actors, as a fraud ring is; a botnet is one actor per node.
type Actor struct {
	ID        string   `json:"id"`
	Scenario  Scenario `json:"scenario"`
	Good      bool     `json:"good"`
	IPs       []string `json:"ips"`
	UserAgent string   `json:"user_agent"`
	Usernames []string `json:"usernames,omitempty"` // it signed in as, or tried to, at most 20
	Windows   []Window `json:"windows"`
	Requests  int      `json:"requests"`
	Blocked   int      `json:"blocked"` // answers 403 or 429
	// Acted says that an abuser got as far as its misdeed; one that was cut off
	// before (the run ended) is not scored.
	Acted bool `json:"acted"`
}

// maxActors bounds the log of a demo left running; the oldest are forgotten.
const maxActors = 50000

// Truth is the population's own log. The zero value is ready and safe for
// concurrent use.
type Truth struct {
	mu     sync.Mutex
	actors []*Actor
}

// Actors returns a copy of what is known so far, in order of appearance.
func (t *Truth) Actors() []Actor {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Actor, len(t.actors))
	for i, a := range t.actors {
		out[i] = *a
		out[i].IPs = slices.Clone(a.IPs)
		out[i].Usernames = slices.Clone(a.Usernames)
		out[i].Windows = slices.Clone(a.Windows)
	}
	return out
}

// Add records an actor that was not played by this package, or a handmade one.
func (t *Truth) Add(a Actor) { t.add(&a) }

func (t *Truth) add(a *Actor) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.actors) >= maxActors {
		t.actors = slices.Delete(t.actors, 0, maxActors/10)
	}
	t.actors = append(t.actors, a)
}

// change edits an actor under the lock.
func (t *Truth) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}
