package identity

import (
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// A key that went from one account to another is most likely of a device at which
// several people sit down: a tablet at home, a counter. Who carries it is one of
// them and nobody knows which, or somebody new. So it says who its visitor may be,
// and who it is only once an account is confirmed. Where there are two accounts and
// each came back after the other, they are one person's, or a couple's: then it says
// who it is again.
//
// What an entry has no room for stands among the pairs: which account came second,
// that this is known, and who came back.

const (
	secondSalt = 0xa0761d6478bd642f
	isSecond   = 0x589965cc75374cc3
	firstBack  = 0xe7037ed1a0b428db
	bothBack   = 0x8ebc6af09c88c6e3
)

// passed tells whether a key went from one account to another, and they are not
// known to be one person's.
func (x *Index) passed(r ref) bool {
	e := x.at(r)
	if e.kind() >= account || e.shared() || e.count() <= x.rules.AccountsNamed {
		return false
	}
	return e.count() > 2 || !x.marked(x.markOf(e.hash, bothBack))
}

// inTurns tells whether a visitor carries a key that was passed on.
func (x *Index) inTurns(list []found) bool {
	return slices.ContainsFunc(list, func(f found) bool { return f.ref != 0 && x.passed(f.ref) })
}

// takesTurn notes which account was confirmed with a key; fresh when it is new there.
func (x *Index) takesTurn(f *found, c *confirmation, fresh bool) {
	if x.at(f.ref).count() != 2 {
		return
	}
	second := mix(x.pairOf(f.hash, c.hash) ^ secondSalt)
	known := x.markOf(f.hash, isSecond)
	switch first := x.markOf(f.hash, firstBack); {
	case fresh, !x.marked(known): // or who came second was forgotten, and may as well be this one
		x.keepMark(second, c.day)
		x.keepMark(known, c.day)
	case !x.marked(second):
		x.keepMark(first, c.day)
	default:
		x.keepMark(second, c.day)
		x.keepMark(known, c.day)
		if x.marked(first) {
			x.keepMark(x.markOf(f.hash, bothBack), c.day)
		}
	}
}

func (x *Index) markOf(key, salt uint64) uint64 { return mix(x.lasting(key) ^ salt) }

func (x *Index) marked(mark uint64) bool {
	_, known := x.pairs.get(mark)
	return known
}

// keepMark has a mark among the pairs, and keeps it there while it is used.
func (x *Index) keepMark(mark uint64, day uint16) {
	if _, young := x.pairs.young[mark]; !young {
		x.pairs.put(mark, struct{}{}, day, x, didPair)
	}
}

// trust joins what a visitor carried, of which there was doubt, with what their
// Session brought: they have confirmed an account.
func (x *Index) trust(c *confirmation) {
	for _, f := range c.list {
		if f.ref != 0 && c.host != 0 && !x.at(f.ref).shared() && !x.at(c.host).shared() {
			x.unite(c.host, f.ref, c.v.Time, "an account was confirmed with keys of both")
		}
	}
}

// keyWords are keys as reasons call them.
var keyWords = [account]string{cookie: "session cookie", bearer: "bearer token", token: "token",
	ticket: "TLS ticket", device: "device cookie"}

// holders are the users of what a visitor carries when there is doubt of it. The
// more accounts there are the less each of them is meant, or who came by them.
func (x *Index) holders(list []found) (out []journey.Candidate) {
	most, what := 0, nothing
	for _, f := range list {
		if f.ref != 0 && x.passed(f.ref) && x.at(f.ref).count() > most {
			most, what = x.at(f.ref).count(), f.kind
		}
	}
	turns := fmt.Sprintf("%d accounts used one %s in turn", most, keyWords[what])
	for _, f := range list {
		if f.ref == 0 || x.at(f.ref).shared() {
			continue
		}
		id := x.idOf(f.ref)
		if len(out) < maxCandidates && !slices.ContainsFunc(out, func(c journey.Candidate) bool { return c.SpecID == id }) {
			out = append(out, journey.Candidate{SpecID: id, Confidence: 100 / (most + 1), Reasons: []string{"same " + keyWords[f.kind], turns}})
		}
	}
	return out
}

// undoubted leaves of a visitor's keys those that say what is known without them.
func (x *Index) undoubted(spec journey.ID, list []found) []found {
	cur := x.Current(spec)
	return slices.DeleteFunc(list, func(f found) bool { return f.ref == 0 || x.idOf(f.ref) != cur })
}
