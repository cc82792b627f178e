package identity

import (
	"fmt"
	"math/bits"

	"github.com/throughline/throughline/internal/journey"
)

// Accounts and Sessions stand in the table of keys under numbers of their own.
const (
	accountSalt = 0x9e3779b97f4a7c15
	visitSalt   = 0xd1b54a32d192ed03
)

func accountHash(a uint64) uint64    { return mix(a^accountSalt) | 1 }
func visitHash(id journey.ID) uint64 { return mix(uint64(id)^visitSalt) | 1 }

// Learn notes that a key belongs to the user of a visitor's Session: a response
// taught it, or a request brought it. v.Keys are those of the Session. Of two users
// that turn out to be one the older ID survives; the answer is the ID from here on.
func (x *Index) Learn(spec journey.ID, v Visitor, k journey.Key) journey.ID {
	what := kindOf(k.Kind)
	if what == nothing || k.Hash == 0 {
		return x.Current(spec)
	}
	x.trim()
	day := dayOf(v.Time)
	list := x.gather(v.Keys)
	r := x.keys.Find(k.Hash)
	tainted := x.tainted(list)
	inTurns := x.inTurns(list) || r != 0 && x.passed(r)
	if tainted {
		list = nil
	} else if inTurns {
		list = x.undoubted(spec, list)
	}
	host := x.host(spec, v, list)
	switch {
	case r == 0:
		leaf := v.Session
		if leaf == 0 {
			leaf = spec
		}
		if r = x.learn(what, k.Hash, leaf, host, tainted, day); host == 0 {
			host = r
		}
	case x.at(r).shared() || x.at(r).kind() >= account || tainted || inTurns && x.idOf(r) != x.Current(spec):
		x.touch(r, day)
	default:
		x.touch(r, day)
		if host == 0 || x.idOf(host) != x.Current(spec) {
			// Nothing stands for the Session: it comes to this user by the key, and counts.
			host = x.visit(spec, v, day)
		}
		if host != 0 {
			x.unite(host, r, v.Time, "one session was taught keys of both")
		}
	}
	return x.who(spec, host)
}

// who is the user of a Session for whom an entry stands, if any does.
func (x *Index) who(spec journey.ID, host ref) journey.ID {
	if host != 0 && !x.at(host).shared() {
		return x.idOf(host)
	}
	return x.Current(spec)
}

// host finds the entry that stands for a visitor's Session: what the Session
// brought, else what it is known by.
func (x *Index) host(spec journey.ID, v Visitor, list []found) ref {
	if r := x.leaves.Find(uint64(v.Session)); r != 0 {
		return r
	}
	cur, other := x.Current(spec), ref(0)
	for _, f := range list {
		if f.ref == 0 || x.at(f.ref).shared() {
			continue
		}
		if x.idOf(f.ref) == cur {
			return f.ref
		}
		if other == 0 {
			other = f.ref
		}
	}
	if other == 0 && (v.Session == 0 || v.Session == spec) {
		return x.leaves.Find(uint64(spec))
	}
	return other
}

// visit remembers a Session that nothing stood for.
func (x *Index) visit(spec journey.ID, v Visitor, day uint16) ref {
	leaf := v.Session
	if leaf == 0 {
		leaf = spec
	}
	if leaf == 0 {
		return 0
	}
	if r := x.keys.Find(visitHash(leaf)); r != 0 {
		return r
	}
	return x.add(fresh{hash: visitHash(leaf), kind: visit, leaf: leaf, many: 1, day: day})
}

// Confirm notes that the user of a Session, whose keys v has, has proven to own an
// account; the answer is the Spec ID from here on.
func (x *Index) Confirm(spec journey.ID, v Visitor, acct uint64) journey.ID {
	x.trim()
	day := dayOf(v.Time)
	c := confirmation{spec: spec, v: v, hash: accountHash(acct), day: day, list: x.gather(v.Keys)}
	tainted, carried := x.tainted(c.list), c.list
	if c.tainted = tainted; tainted {
		carried = nil
	}
	c.host = x.bring(c.list, v, x.host(spec, v, carried), tainted, day)
	c.device = v.Device
	for _, f := range c.list { // the last is the surest of a device
		if f.kind == device || f.kind == ticket {
			c.device = f.hash
		}
	}
	if c.account = x.keys.Find(c.hash); c.account != 0 {
		x.touch(c.account, day)
	}
	inTurns := x.inTurns(carried)
	x.countAccounts(&c)
	if inTurns && !x.tainted(carried) {
		x.trust(&c)
	}
	counted := c.list
	if tainted {
		c.list = nil
	}
	x.confirm(&c)
	c.list, carried = counted, c.list
	x.keepCounted(&c)
	return x.who(spec, x.host(spec, v, carried))
}

// confirmation is what is at hand while an account is confirmed.
type confirmation struct {
	spec    journey.ID
	v       Visitor
	day     uint16
	list    []found // the Session's keys
	host    ref     // stands for the Session
	account ref
	hash    uint64 // of the account
	device  uint64 // on which it was confirmed
	counted bool   // the device was, for the account
	tainted bool   // many may use the Session's keys
}

func (x *Index) confirm(c *confirmation) {
	known := c.account != 0
	if known {
		if x.countDevice(c); x.at(c.account).shared() {
			return
		}
	}
	if c.host == 0 || x.at(c.host).shared() {
		c.host = x.host(c.spec, c.v, c.list)
	}
	if !known {
		if x.claimAccount(c); c.account != 0 {
			if c.device != 0 { // counted though it be what the account hangs on
				c.counted = true
				x.count(c.account)
			}
			x.bindAll(c)
		}
		return
	}
	const reason = "one account was confirmed on both"
	if c.host == 0 {
		c.host = x.visit(c.spec, c.v, c.day)
	}
	if c.host == 0 {
		return
	}
	if !x.unite(c.host, c.account, c.v.Time, reason) && x.part(c, x.size(c.account).accounts) {
		if c.host = x.host(c.spec, c.v, c.list); c.host == 0 {
			c.host = x.visit(c.spec, c.v, c.day)
		}
		x.unite(c.host, c.account, c.v.Time, reason)
	}
	x.bindAll(c)
}

// claimAccount remembers an account that nobody had confirmed before.
func (x *Index) claimAccount(c *confirmation) {
	leaf := c.v.Session
	if leaf == 0 {
		leaf = c.spec
	}
	if c.host != 0 && x.size(c.host).accounts >= x.rules.AccountsPerKey {
		x.part(c, 1)
		c.host = x.host(c.spec, c.v, c.list)
		if c.host != 0 && x.size(c.host).accounts >= x.rules.AccountsPerKey {
			return // one Session with many accounts: whose they are is not known
		}
	}
	f := fresh{hash: c.hash, kind: account, leaf: leaf, host: c.host, parent: x.bearer(c), day: c.day}
	if anchor := x.leaves.Find(uint64(leaf)); anchor != 0 {
		if c.host != 0 && x.root(anchor) != x.root(c.host) {
			return
		}
		f.host = anchor
	}
	if f.host == 0 {
		f.many = 1
	}
	c.account = x.add(f)
}

// bearer is the key that an account hangs on: the one that lasts longest.
func (x *Index) bearer(c *confirmation) ref {
	if c.host == 0 {
		return 0
	}
	for i := len(c.list) - 1; i >= 0; i-- {
		if r := c.list[i].ref; r != 0 && !x.at(r).shared() && x.root(r) == x.root(c.host) {
			return r
		}
	}
	return c.host
}

// bindAll keeps that an account was confirmed with each of a Session's keys.
func (x *Index) bindAll(c *confirmation) {
	for _, f := range c.list {
		if f.ref != 0 && !x.at(f.ref).shared() && x.root(f.ref) == x.root(c.account) {
			if x.at(f.ref).parent.is(0) && !x.hangs(f.ref, c.account) { // also where one Session brought both
				x.edit(f.ref).parent = pack(c.account)
			}
			x.bind(f.ref, c.account)
		}
	}
}

// part takes apart a component that would be of too many accounts: what a Session
// carried from an earlier one is what many use. It answers whether there was any.
func (x *Index) part(c *confirmation, more int) bool {
	if x.size(c.host).accounts+more <= x.rules.AccountsPerKey {
		return false // it is not for the accounts
	}
	carried := false
	for _, f := range c.list {
		if f.ref != 0 && !x.at(f.ref).shared() && x.at(f.ref).leaf != c.v.Session {
			x.share(f.ref, true, c.v.Time, "people of many accounts carried one "+kindNames[f.kind])
			carried = true
		}
	}
	return carried
}

// countAccounts counts the account for each of the Session's keys it was not
// counted for yet; those with too many are shared.
func (x *Index) countAccounts(c *confirmation) {
	for i := range c.list {
		f := &c.list[i]
		if f.ref == 0 || x.at(f.ref).shared() {
			continue
		}
		if x.hangs(f.ref, c.account) || x.paired(f.hash, c.hash, c.day) {
			x.takesTurn(f, c, false)
			continue
		}
		if !c.tainted && x.held(f.ref, c.account) {
			x.pairs.put(x.pairOf(f.hash, c.hash), struct{}{}, c.day, x, didPair)
			x.takesTurn(f, c, false)
			continue
		}
		f.counted = true
		x.count(f.ref)
		x.takesTurn(f, c, true)
		if x.at(f.ref).count() > x.rules.AccountsPerKey {
			x.share(f.ref, true, c.v.Time, fmt.Sprintf("more than %d accounts used one %s", x.rules.AccountsPerKey, kindNames[f.kind]))
		}
	}
}

// held tells whether an account was counted for a key, though that was forgotten, as
// it is of a user who stays signed in for long: both are of one user who has no more
// accounts than the key has counted, or one that was counted is not known any more,
// and this may be it. Of a Session that many may use it can't be told: accounts don't
// become its keys' there.
func (x *Index) held(key, account ref) bool {
	counted, there := x.at(key).count(), x.size(key).accounts
	if account == 0 {
		return counted > there
	}
	return x.root(key) == x.root(account) && counted >= there
}

// countDevice counts the device for the account; one with too many is shared.
func (x *Index) countDevice(c *confirmation) {
	a := c.account
	if c.device == 0 || x.at(a).shared() || x.hangs(a, x.keys.Find(c.device)) || x.paired(c.hash, c.device, c.day) {
		return
	}
	c.counted = true
	if x.count(a); x.at(a).count() > x.rules.DevicesPerAccount {
		x.share(a, false, c.v.Time, fmt.Sprintf("more than %d devices used one account", x.rules.DevicesPerAccount))
	}
}

func (x *Index) count(r ref) {
	if x.at(r).count() < maxCount {
		x.edit(r).flags += countUnit
	}
}

// hangs tells whether one of two entries was attached by the other. Where a key and
// an account do, each was counted for the other.
func (x *Index) hangs(a, b ref) bool {
	return a != 0 && b != 0 && (x.at(a).parent.is(b) || x.at(b).parent.is(a))
}

// keepCounted remembers what was counted, but for what can be seen from how the
// evidence hangs.
func (x *Index) keepCounted(c *confirmation) {
	for _, f := range c.list {
		if f.counted && !x.hangs(f.ref, c.account) {
			x.pairs.put(x.pairOf(f.hash, c.hash), struct{}{}, c.day, x, didPair)
		}
	}
	if c.counted && !x.hangs(c.account, x.keys.Find(c.device)) {
		x.pairs.put(x.pairOf(c.hash, c.device), struct{}{}, c.day, x, didPair)
	}
}

// keepHanging remembers what was counted and could be seen from how two entries
// hang, before they hang no more.
func (x *Index) keepHanging(a, b ref, day uint16) {
	if x.at(a).kind() == account || x.at(b).kind() == account {
		x.pairs.put(x.pairOf(x.at(a).hash, x.at(b).hash), struct{}{}, day, x, didPair)
		x.pairs.put(x.pairOf(x.at(b).hash, x.at(a).hash), struct{}{}, day, x, didPair)
	}
}

func (x *Index) pairOf(of, what uint64) uint64 {
	return mix(x.lasting(of)) ^ bits.RotateLeft64(mix(x.lasting(what)), 32)
}

// paired tells whether something was counted for an entry before, and keeps that.
func (x *Index) paired(of, what uint64, day uint16) bool {
	pair := x.pairOf(of, what)
	if _, known := x.pairs.young[pair]; known {
		return true
	}
	_, known := x.pairs.old[pair]
	if known {
		x.pairs.put(pair, struct{}{}, day, x, didPair)
	}
	return known
}

// lasting is a number for a key that stays when it is known by another hash.
func (x *Index) lasting(hash uint64) uint64 {
	if r := x.keys.Find(hash); r != 0 && x.at(r).kind() < account {
		return uint64(r)<<40 ^ uint64(x.at(r).leaf)
	}
	return hash
}
