package session

import (
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// Values are hashed with their kind: those of two kinds are never the same.
func connection(h uint64) journey.Key {
	return journey.Key{Kind: journey.KeyConnection, Hash: h + 10_000}
}
func ticket(h uint64) journey.Key { return journey.Key{Kind: journey.KeyTicket, Hash: h + 20_000} }
func bearer(h uint64) journey.Key {
	return journey.Key{Kind: journey.KeyBearer, Hash: h + 30_000, Named: true}
}
func token(h uint64) journey.Key {
	return journey.Key{Kind: journey.KeyToken, Hash: h + 40_000, Named: true}
}
func device(h uint64) journey.Key {
	return journey.Key{Kind: journey.KeyDevice, Hash: h + 50_000, Named: true}
}

func unnamed(k journey.Key) journey.Key {
	k.Named = false
	return k
}

// step is one request and what is to become of it.
type step struct {
	at      float64 // seconds
	ip      string
	agent   uint64 // the whole User-Agent; hundreds are versions of one device class
	mux     bool   // its connection carries requests side by side
	keys    []journey.Key
	beside  uint64        // the ticket of a connection opened beside its own, 0: none
	learn   []journey.Key // taught by its response
	account uint64        // proven by it
	want    string        // the Session, by a name that a new one is given here
	why     string        // part of the reason
	merged  string        // names of those that are merged by it
	ended   string        // and of those that have ended
}

func carrying(keys ...journey.Key) []journey.Key { return keys }

const (
	home = "192.0.2.1"
	away = "198.51.100.7"
	hour = 3600.0
	noon = int64(1_780_000_000) * second
)

// stories say who comes when with which keys, and what is to become of it.
var stories = []struct {
	name  string
	steps []step
}{
	{"the first request starts a session and the cookie it is given ties it, wherever it comes from", []step{
		{at: 0, ip: home, agent: 101, learn: carrying(cookie(1)), want: "A", why: "first request"},
		{at: 1, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A", why: "session cookie"},
		{at: 2, ip: away, agent: 201, keys: carrying(cookie(1)), want: "A", why: "session cookie"},
	}},
	{"each kind of key joins and says so", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(cookie(2), bearer(3), token(4), ticket(5), device(6)), want: "A"},
		{at: 1, ip: away, agent: 201, keys: carrying(connection(1)), want: "A", why: "same TLS connection"},
		{at: 2, ip: away, agent: 201, keys: carrying(cookie(2)), want: "A", why: "session cookie"},
		{at: 3, ip: away, agent: 201, keys: carrying(bearer(3)), want: "A", why: "bearer token"},
		{at: 4, ip: away, agent: 201, keys: carrying(token(4)), want: "A", why: "token of an earlier response"},
		{at: 5, ip: away, agent: 201, keys: carrying(ticket(5)), want: "A", why: "TLS session ticket"},
		{at: 6, ip: away, agent: 201, keys: carrying(device(6)), want: "A", why: "device cookie"},
		{at: 7, ip: away, agent: 201, keys: carrying(device(6), ticket(5), bearer(3)), want: "A", why: "bearer token"},
	}},
	{"a cookie that nobody named joins only once a response has taught it", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(unnamed(cookie(1))), want: "A"},
		{at: 1, ip: away, agent: 201, keys: carrying(unnamed(cookie(1))), learn: carrying(cookie(1)), want: "B", why: "first request"},
		{at: 2, ip: home, agent: 301, keys: carrying(unnamed(cookie(1))), want: "B", why: "session cookie"},
	}},
	{"no key at all: address and browser, while there is only one", []step{
		{at: 0, ip: home, agent: 101, want: "A"},
		{at: 1700, ip: home, agent: 101, want: "A", why: "same address and browser"},
		{at: 1701, ip: away, agent: 101, want: "B", why: "first request"},
		{at: 1702, ip: home, agent: 201, want: "C", why: "first request"},
	}},
	{"a weak join is refused: another version of the browser", []step{
		{at: 0, ip: home, agent: 101, want: "A"},
		{at: 1, ip: home, agent: 102, want: "B", why: "another user agent"},
		{at: 2, ip: home, agent: 101, want: "A", why: "same address and browser"},
	}},
	{"a weak join is refused: the other holds a cookie, a bearer token, a device cookie", []step{
		{at: 0, ip: home, agent: 101, learn: carrying(cookie(1)), want: "A"},
		{at: 1, ip: home, agent: 101, want: "B", why: "has a session key that this one lacks"},
		{at: 2, ip: away, agent: 101, keys: carrying(bearer(2)), want: "C"},
		{at: 3, ip: away, agent: 101, want: "D", why: "has a session key that this one lacks"},
		{at: 4, ip: home, agent: 201, keys: carrying(device(3)), want: "E"},
		{at: 5, ip: home, agent: 201, want: "F", why: "has a session key that this one lacks"},
	}},
	{"a weak join is refused: the request has a cookie, the other has another", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(cookie(2)), want: "B", why: "has a session key"},
	}},
	{"a cookie that a page nobody watches has set joins the session without one", []step{
		{at: 0, ip: home, agent: 101, want: "A"},
		{at: 5, ip: home, agent: 101, keys: carrying(cookie(2)), want: "A", why: "same address and browser"},
		{at: 9, ip: away, agent: 201, keys: carrying(cookie(2)), want: "A", why: "session cookie"},
	}},
	{"a weak join is refused: several could be meant", []step{
		{at: 0, ip: away, agent: 101, keys: carrying(connection(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(2)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(1)), want: "A", why: "same TLS connection"},
		{at: 3, ip: home, agent: 101, want: "C", why: "several sessions share its address and browser"},
	}},
	{"a weak join is refused: more than two clients were there within a day, though they have left", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(cookie(2)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(cookie(3)), want: "C"},
		{at: 20 * hour, ip: home, agent: 101, want: "D", why: "first request"},
		{at: 20*hour + 5, ip: home, agent: 101, want: "E", why: "more than two clients share its address and device"},
		{at: 60 * hour, ip: home, agent: 101, want: "F", why: "first request"},
		{at: 60*hour + 5, ip: home, agent: 101, want: "F", why: "same address and browser"},
	}},
	{"a weak join is refused: somebody who keeps nothing came so often that it hardly was one", []step{
		{at: 0, ip: home, agent: 101, want: "A"},
		{at: 1 * hour, ip: home, agent: 101, want: "B", why: "first request"},
		{at: 2 * hour, ip: home, agent: 101, want: "C", why: "first request"},
		{at: 3 * hour, ip: home, agent: 101, want: "D", why: "first request"},
		{at: 4 * hour, ip: home, agent: 101, want: "E", why: "first request"},
		{at: 4*hour + 250, ip: home, agent: 101, want: "E", why: "same address and browser"},
		{at: 5 * hour, ip: home, agent: 101, want: "F", why: "first request"},
		{at: 5*hour + 100, ip: home, agent: 101, want: "G", why: "more than two clients share its address and device"},
		{at: 27 * hour, ip: home, agent: 101, want: "H", why: "first request"},
		{at: 27*hour + 60, ip: home, agent: 101, want: "H", why: "same address and browser"},
	}},
	{"who keeps nothing and stays has not come often", []step{
		{at: 0, ip: home, agent: 101, want: "A"},
		{at: 1 * hour, ip: home, agent: 101, keys: carrying(connection(1)), want: "B"},
		{at: 1*hour + 120, ip: home, agent: 101, keys: carrying(connection(2)), want: "B", why: "same address and browser"},
		{at: 1*hour + 240, ip: home, agent: 101, keys: carrying(connection(3)), want: "B", why: "same address and browser"},
		{at: 1*hour + 360, ip: home, agent: 101, keys: carrying(connection(4)), want: "B", why: "same address and browser"},
		{at: 1*hour + 480, ip: home, agent: 101, keys: carrying(connection(5)), want: "B", why: "same address and browser"},
		{at: 1*hour + 1000, ip: home, agent: 101, keys: carrying(connection(5)), want: "B", why: "same TLS connection"},
		{at: 1*hour + 1600, ip: home, agent: 101, keys: carrying(connection(5)), want: "B", why: "same TLS connection"},
		{at: 1*hour + 1660, ip: home, agent: 101, keys: carrying(connection(6)), want: "B", why: "same address and browser"},
	}},
	{"in a crowd, connections that a browser opens at once are one client's", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(device(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(device(2)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(device(3)), want: "C"},
		{at: 100, ip: home, agent: 101, keys: carrying(connection(1)), want: "D", why: "more than two clients"},
		{at: 100.3, ip: home, agent: 101, keys: carrying(connection(2)), want: "D", why: "in the same second"},
		{at: 103, ip: home, agent: 101, keys: carrying(connection(3)), want: "E", why: "more than two clients"},
		{at: 103.3, ip: home, agent: 101, keys: carrying(connection(4)), want: "F", why: "more than two clients"},
		{at: 160, ip: home, agent: 101, keys: carrying(connection(1)), want: "D", why: "same TLS connection"},
		{at: 160.5, ip: home, agent: 101, keys: carrying(connection(5)), want: "D", why: "in the same second"},
	}},
	{"one client that comes back all day by its cookie, ticket or device cookie is no crowd", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(11)), learn: carrying(ticket(2)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(11)), want: "A"},
		{at: 3 * hour, ip: home, agent: 101, keys: carrying(connection(12), ticket(2)), want: "B", why: "first request after 3h", ended: "A"},
		{at: 6 * hour, ip: home, agent: 101, keys: carrying(connection(13), ticket(2)), want: "C", why: "first request after 3h", ended: "B"},
		{at: 9 * hour, ip: home, agent: 101, keys: carrying(connection(14), ticket(2)), want: "D", why: "first request after 3h", ended: "C"},
		{at: 9*hour + 1, ip: home, agent: 101, want: "D", why: "same address and browser"},
	}},
	{"a browser opens several connections for its first page, before it has cookie or ticket", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(ticket(11)), want: "A"},
		{at: 0.05, ip: home, agent: 101, keys: carrying(connection(2)), learn: carrying(ticket(12)), want: "A", why: "same address and browser"},
		{at: 0.08, ip: home, agent: 101, keys: carrying(connection(3)), learn: carrying(ticket(13)), want: "A", why: "same address and browser"},
		{at: 20, ip: home, agent: 101, keys: carrying(connection(4), ticket(12)), want: "A", why: "TLS session ticket"},
		{at: 21, ip: away, agent: 101, keys: carrying(connection(2)), want: "A", why: "same TLS connection"},
	}},
	{"where one connection carries everything, another one beside it is somebody else's", []step{
		{at: 0, ip: home, agent: 101, mux: true, keys: carrying(connection(1)), learn: carrying(ticket(11)), want: "A"},
		{at: 0.3, ip: home, agent: 101, mux: true, keys: carrying(connection(2)), learn: carrying(ticket(12)), want: "B", why: "would have resumed"},
		{at: 0.4, ip: home, agent: 101, mux: true, keys: carrying(connection(1)), want: "A", why: "same TLS connection"},
		{at: 90, ip: home, agent: 101, mux: true, keys: carrying(connection(3), ticket(12)), want: "B", why: "TLS session ticket"},
	}},
	{"a TLS session that is not the one there is somebody else's, over HTTP/2 at once and later", []step{
		{at: 0, ip: home, agent: 101, mux: true, keys: carrying(connection(1)), learn: carrying(ticket(11)), want: "A"},
		{at: 0.3, ip: home, agent: 101, mux: true, keys: carrying(connection(2), ticket(12)), want: "B", why: "has another TLS session"},
		{at: 90, ip: home, agent: 101, mux: true, keys: carrying(connection(3), ticket(13)), want: "C", why: "has another TLS session"},
	}},
	{"over HTTP/1.1 a browser may have been given several before it was known", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(ticket(11)), want: "A"},
		{at: 90, ip: home, agent: 101, keys: carrying(connection(2), ticket(12)), want: "A", why: "no other candidate"},
	}},
	{"the ticket of a connection that carried nothing joins by the one opened beside it, and from then on by itself", []step{
		{at: 0, ip: home, agent: 101, mux: true, keys: carrying(connection(1)), learn: carrying(ticket(11)), want: "A"},
		{at: 0.3, ip: home, agent: 101, mux: true, keys: carrying(connection(2)), learn: carrying(ticket(12)), want: "B", why: "would have resumed"},
		{at: 90, ip: home, agent: 101, mux: true, keys: carrying(connection(3), ticket(13)), beside: 11, want: "A", why: "its connection was opened beside one of the session's"},
		{at: 180, ip: away, agent: 101, mux: true, keys: carrying(connection(4), ticket(13)), want: "A", why: "TLS session ticket"},
		{at: 181, ip: away, agent: 101, mux: true, keys: carrying(connection(5), ticket(12)), beside: 11, want: "B", why: "TLS session ticket"},
		{at: 182, ip: away, agent: 102, mux: true, keys: carrying(connection(6), ticket(14)), beside: 11, want: "C", why: "first request"},
	}},
	{"what was opened beside a client that keeps a cookie would carry it", []step{
		{at: 0, ip: home, agent: 101, mux: true, keys: carrying(connection(1)), learn: carrying(ticket(11), cookie(1)), want: "A"},
		{at: 90, ip: home, agent: 101, mux: true, keys: carrying(connection(3), ticket(13)), beside: 11, want: "B", why: "has a session key"},
	}},
	{"connections that a cookie reached too late come out as one session by the next request", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(cookie(5)), want: "A"},
		{at: 0.1, ip: home, agent: 101, keys: carrying(connection(2)), learn: carrying(cookie(6)), want: "B", why: "has a session key"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(1), cookie(6)), want: "A", why: "same TLS connection", merged: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(2), cookie(6)), want: "A", why: "same TLS connection"},
	}},
	{"who was given a ticket and does not resume is somebody else", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(ticket(11)), want: "A"},
		{at: 9, ip: home, agent: 101, keys: carrying(connection(1)), want: "A"},
		{at: 12, ip: home, agent: 101, keys: carrying(connection(2)), learn: carrying(ticket(12)), want: "B", why: "would have resumed"},
		{at: 600, ip: home, agent: 101, keys: carrying(connection(3), ticket(12)), want: "B", why: "TLS session ticket"},
		{at: 601, ip: away, agent: 101, keys: carrying(connection(4), ticket(11)), want: "A", why: "TLS session ticket"},
	}},
	{"who resumes a connection that nobody watched may be the one with tickets", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(ticket(11)), want: "A"},
		{at: 60, ip: home, agent: 101, keys: carrying(connection(2), ticket(12)), want: "A", why: "same address and browser"},
	}},
	{"behind plain HTTP there are neither connection nor ticket", []step{
		{at: 0, ip: home, agent: 101, want: "A"},
		{at: 60, ip: home, agent: 101, learn: carrying(cookie(1)), want: "A", why: "same address and browser"},
		{at: 61, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A", why: "session cookie"},
	}},
	{"an address that changes breaks weak joins only", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(ticket(2)), want: "A"},
		{at: 5, ip: away, agent: 101, keys: carrying(connection(3), ticket(2)), want: "A", why: "TLS session ticket"},
		{at: 6, ip: home, agent: 101, want: "B", why: "first request"},
		{at: 7, ip: away, agent: 101, want: "A", why: "same address and browser"},
	}},
	{"inactivity ends a session, at the default after half an hour", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A"},
		{at: 1800, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A"},
		{at: 3661, ip: home, agent: 101, keys: carrying(cookie(1)), want: "B", why: "first request after 31m0s without any", ended: "A"},
	}},
	{"a mobile app goes by its bearer token through networks", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1), bearer(9)), want: "A"},
		{at: 60, ip: away, agent: 101, keys: carrying(connection(2), bearer(9)), want: "A", why: "bearer token"},
		{at: 120, ip: "203.0.113.9", agent: 102, keys: carrying(connection(3), bearer(9)), want: "A", why: "bearer token"},
	}},
	{"an API client without keys is one while it is alone", []step{
		{at: 0, ip: away, agent: 901, want: "A"},
		{at: 30, ip: away, agent: 901, want: "A", why: "same address and browser"},
		{at: 90, ip: away, agent: 901, want: "A", why: "same address and browser"},
	}},
	{"tabs share the session", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(2), cookie(1)), want: "A", why: "session cookie"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), want: "A", why: "same TLS connection"},
		{at: 3, ip: home, agent: 101, keys: carrying(connection(2)), want: "A", why: "same TLS connection"},
	}},
	{"hosts of one site with cookies of their own, over one connection", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(cookie(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(cookie(2)), want: "A", why: "same TLS connection"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(2), cookie(2)), want: "A", why: "session cookie"},
		{at: 3, ip: home, agent: 101, keys: carrying(connection(3), cookie(1)), want: "A", why: "session cookie"},
	}},
	{"log-in and log-out change the cookie and not the session", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A"},
		{at: 5, ip: home, agent: 101, keys: carrying(cookie(1)), learn: carrying(cookie(2)), account: 77, want: "A"},
		{at: 6, ip: home, agent: 101, keys: carrying(cookie(2)), want: "A", why: "session cookie"},
		{at: 9, ip: home, agent: 101, keys: carrying(cookie(2)), learn: carrying(cookie(3)), want: "A"},
		{at: 10, ip: home, agent: 101, keys: carrying(cookie(3)), want: "A", why: "session cookie"},
	}},
	{"another account in the same browser stays in the session", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), account: 77, want: "A"},
		{at: 5, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), account: 78, want: "A", why: "same TLS connection"},
		{at: 6, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A", why: "session cookie"},
	}},
	{"two sessions that a request ties become the older one", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), want: "A"},
		{at: 1, ip: away, agent: 201, keys: carrying(cookie(2)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(1), cookie(2)), want: "A", why: "same TLS connection", merged: "B"},
		{at: 3, ip: away, agent: 201, keys: carrying(cookie(2)), want: "A", why: "session cookie"},
	}},
	{"two sessions of one client that are merged count once in a crowd", []step{
		{at: 0, ip: away, agent: 101, keys: carrying(connection(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(2)), learn: carrying(token(5)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(1)), want: "A"},
		{at: 3, ip: home, agent: 101, keys: carrying(connection(1), token(5)), want: "A", merged: "B"},
		{at: 4, ip: home, agent: 101, keys: carrying(cookie(9)), want: "A", why: "same address and browser"},
		{at: 5, ip: home, agent: 101, want: "C", why: "has a session key"},
		{at: 6, ip: home, agent: 101, want: "C", why: "same address and browser"},
	}},
	{"one that moves to the place of the session merged into it counts as the client that was there", []step{
		{at: 0, ip: away, agent: 101, keys: carrying(connection(1)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(2)), learn: carrying(token(5)), want: "B"},
		{at: 0.5, ip: away, agent: 101, keys: carrying(connection(1), token(5)), want: "A", merged: "B"},
		{at: 2, ip: home, agent: 101, want: "A", why: "same address and browser"},
		{at: 3, ip: home, agent: 101, keys: carrying(token(5), cookie(1)), want: "A"},
		{at: 4, ip: home, agent: 101, want: "C", why: "has a session key"},
		{at: 5, ip: home, agent: 101, want: "C", why: "same address and browser"},
	}},
	{"the older survives though the younger has the surer key", []step{
		{at: 0, ip: away, agent: 201, keys: carrying(cookie(2)), want: "A"},
		{at: 1, ip: home, agent: 101, keys: carrying(connection(1)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(1), cookie(2)), want: "A", why: "same TLS connection", merged: "B"},
	}},
	{"three become one", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), want: "A"},
		{at: 1, ip: away, agent: 201, keys: carrying(ticket(2)), want: "B"},
		{at: 2, ip: away, agent: 301, keys: carrying(device(3)), want: "C"},
		{at: 3, ip: home, agent: 101, keys: carrying(connection(1), ticket(2), device(3)), want: "A", merged: "B C"},
	}},
	{"accounts keep apart what a ticket ties", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(cookie(1)), account: 77, want: "A"},
		{at: 1, ip: away, agent: 101, keys: carrying(ticket(2)), account: 78, want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(cookie(1), ticket(2)), want: "A", why: "session cookie"},
		{at: 3, ip: away, agent: 101, keys: carrying(ticket(2)), want: "B", why: "TLS session ticket"},
	}},
	{"one account in both ties them in spite of their cookies", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), account: 77, want: "A"},
		{at: 1, ip: away, agent: 101, keys: carrying(cookie(2)), account: 77, want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(connection(1), cookie(2)), want: "A", merged: "B"},
	}},
	{"a connection that several share, as a proxy's, ties no cookies", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), want: "A"},
		{at: 1, ip: away, agent: 201, keys: carrying(cookie(2)), want: "B"},
		{at: 2, ip: home, agent: 201, keys: carrying(connection(1), cookie(2)), want: "B", why: "session cookie"},
		{at: 3, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), want: "A", why: "same TLS connection"},
		{at: 4, ip: away, agent: 201, keys: carrying(cookie(2)), want: "B", why: "session cookie"},
	}},
	{"two cookies that one request carries are one client's", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A"},
		{at: 1, ip: away, agent: 201, keys: carrying(cookie(2)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(cookie(2), cookie(1)), want: "A", merged: "B"},
	}},
	{"device cookies that differ keep apart what a ticket ties", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(ticket(1), device(1)), want: "A"},
		{at: 1, ip: away, agent: 101, keys: carrying(device(2)), want: "B"},
		{at: 2, ip: home, agent: 101, keys: carrying(ticket(1), device(2)), want: "B", why: "device cookie"},
	}},
	{"people follow each other on a kiosk: what its browser keeps goes on, and the accounts are counted", []step{
		{at: 0, ip: home, agent: 101, keys: carrying(connection(1)), learn: carrying(cookie(1), ticket(9)), want: "A"},
		{at: 5, ip: home, agent: 101, keys: carrying(connection(1), cookie(1)), account: 77, want: "A"},
		{at: 2400, ip: home, agent: 101, keys: carrying(connection(2), ticket(9)), learn: carrying(cookie(2)), want: "B", why: "first request after 40m0s", ended: "A"},
		{at: 2405, ip: home, agent: 101, keys: carrying(connection(2), ticket(9), cookie(2)), account: 78, want: "B"},
	}},
	{"a value that responses teach to everybody joins nobody", []step{
		{at: 0, ip: home, agent: 101, learn: carrying(cookie(1), token(5)), want: "A"},
		{at: 1, ip: away, agent: 201, learn: carrying(cookie(2), token(5)), want: "B"},
		{at: 2, ip: "203.0.113.9", agent: 301, learn: carrying(cookie(3), token(5)), want: "C"},
		{at: 3, ip: "203.0.113.10", agent: 401, keys: carrying(token(5)), want: "D", why: "first request"},
		{at: 4, ip: home, agent: 101, keys: carrying(cookie(1), token(5)), want: "A", why: "session cookie"},
		{at: 5, ip: "203.0.113.11", agent: 501, keys: carrying(token(5)), want: "E", why: "first request"},
	}},
	{"what comes late joins all the same and moves nothing back", []step{
		{at: 10, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A"},
		{at: 12, ip: away, agent: 102, keys: carrying(cookie(1)), want: "A"},
		{at: 11, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A", why: "session cookie"},
		{at: 8.5, ip: home, agent: 101, keys: carrying(cookie(1)), want: "A", why: "session cookie"},
		{at: 13, ip: away, agent: 102, keys: carrying(cookie(9)), want: "B", why: "has a session key"},
	}},
	{"what comes late and has no key joins its neighbours in time", []step{
		{at: 10, ip: home, agent: 101, want: "A"},
		{at: 8.5, ip: home, agent: 101, want: "A", why: "same address and browser"},
	}},
}

// TestStories tells them. Each request is undone once before it stands.
func TestStories(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) { tell(t, s.steps, func(*visitor) {}) })
	}
}

// TestStoriesGoOnAfterARestart tells them with a table that is loaded from its dump
// before each request.
func TestStoriesGoOnAfterARestart(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) { tell(t, s.steps, func(v *visitor) { v.t = reload(t, v.t) }) })
	}
}

func tell(t *testing.T, steps []step, between func(*visitor)) {
	v := &visitor{t: New()}
	named := map[string]journey.ID{}
	of := func(ids []journey.ID) string {
		var out []string
		for _, id := range ids {
			for name, known := range named {
				if known == id {
					out = append(out, name)
				}
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	accounts := map[string]map[uint64]bool{}
	for i, s := range steps {
		between(v)
		q := Request{Time: noon + int64(s.at*float64(second)), IP: s.ip, Agent: s.agent, Device: s.agent / 100, Multiplexed: s.mux, Keys: s.keys}
		if s.beside != 0 {
			q.Beside = ticket(s.beside).Hash
		}
		v.t.Begin()
		j := v.stitch(q, rules)
		v.t.Undo()
		if j.New {
			v.next--
		}
		j = v.stitch(q, rules)
		id, known := named[s.want]
		if known == j.New || known && j.Entry.ID != id {
			t.Fatalf("step %d at %v: session %s (%s), new %v, want %s: %s", i, s.at, j.Entry.ID, of([]journey.ID{j.Entry.ID}), j.New, s.want, j.Reason)
		}
		if !known {
			named[s.want] = j.Entry.ID
			accounts[s.want] = map[uint64]bool{}
		}
		if !strings.Contains(j.Reason, s.why) {
			t.Fatalf("step %d at %v: %q, want %q", i, s.at, j.Reason, s.why)
		}
		if s.merged != of(j.Merged) || s.ended != of(j.Ended) {
			t.Fatalf("step %d at %v: merged %q and ended %q, want %q and %q", i, s.at, of(j.Merged), of(j.Ended), s.merged, s.ended)
		}
		for _, id := range append(j.Merged, j.Ended...) {
			if v.t.Get(id) != nil {
				t.Fatalf("step %d at %v: session %s still takes requests", i, s.at, id)
			}
		}
		for _, k := range s.learn {
			v.t.Learn(j.Entry, k, journey.ID(1000+i))
		}
		if s.account != 0 {
			v.t.Account(j.Entry, s.account)
			accounts[s.want][s.account] = true
			if int(j.Entry.Accounts) != len(accounts[s.want]) {
				t.Fatalf("step %d at %v: %d accounts, want %d", i, s.at, j.Entry.Accounts, len(accounts[s.want]))
			}
		}
		sound(t, v.t)
	}
}

func TestALearnedKeySaysWhoTaughtIt(t *testing.T) {
	v := &visitor{t: New()}
	a := v.at(0, home, 101)
	v.t.Learn(a.Entry, cookie(1), 55)
	v.t.Learn(a.Entry, cookie(1), 66)
	v.t.Learn(a.Entry, token(2), 77)
	if j := v.at(1, away, 201, token(2), cookie(1)); j.From != 55 || j.Key != cookie(1) {
		t.Fatalf("%+v", j)
	}
	if j := v.at(1, away, 201, token(2)); j.From != 77 {
		t.Fatalf("%+v", j)
	}
	if j := v.at(1, away, 201, bearer(3), token(2)); j.From != 77 {
		t.Fatalf("%+v", j)
	}
	if j := v.at(1, home, 301, bearer(3)); j.From != 0 || j.Entry.ID != a.Entry.ID {
		t.Fatalf("a key that a request brought: %+v", j)
	}
}

func TestTimeMovesAsLateRequestsSay(t *testing.T) {
	v := &visitor{t: New()}
	s := func(at float64, ip string) *Entry {
		return v.stitch(Request{Time: int64(at * float64(second)), IP: ip, Agent: 101, Keys: carrying(cookie(1))}, rules).Entry
	}
	s(100, home)
	s(110, away)
	e := s(98.5, home)
	if e.Start != 98*second+second/2 || e.Last != 110*second {
		t.Fatalf("from %d to %d", e.Start, e.Last)
	}
	if s(20, home); e.Start != 98*second+second/2 {
		t.Fatalf("a request from beyond the bound moved the start to %d", e.Start)
	}
	if h := placeHash(away, 101); v.t.places.at(e.place).hash != h {
		t.Fatal("a late request moved the place back")
	}
}
