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

// Learn notes that a key belongs to the user of a Spec ID: a response taught it. Of
// two users that turn out to be one the older ID survives; the answer is the ID
// from here on. Which of the user's Sessions learned it is not said: the one that
// Start answered last, if it is this user's, else the youngest that brought
// anything. Where the Session is at hand LearnIn is surer.
func (x *Index) Learn(spec journey.ID, k journey.Key, now int64) journey.ID {
	v := Visitor{Session: spec, Time: now}
	cur := x.Current(spec)
	var known [1]journey.Key
	if x.Current(journey.ID(x.nums[lastSpec])) == cur && x.nums[lastSession] != 0 {
		v.Session = journey.ID(x.nums[lastSession])
		if h := uint64(x.nums[lastKey]); h != 0 {
			if r := x.keys.find(h); r != 0 {
				known[0] = journey.Key{Kind: kindNames[x.at(r).kind()], Hash: h}
				v.Keys = known[:]
			}
		}
	} else if r := x.leaves.find(uint64(cur)); r != 0 {
		x.members(r, func(m ref) bool {
			v.Session = max(v.Session, x.at(m).leaf)
			return true
		})
	}
	return x.LearnIn(spec, v, k)
}

// LearnIn notes that a response to a visitor taught a key; v.Keys are those of its
// Session.
func (x *Index) LearnIn(spec journey.ID, v Visitor, k journey.Key) journey.ID {
	what := kindOf(k.Kind)
	if what == nothing || k.Hash == 0 {
		return x.Current(spec)
	}
	x.trim()
	day := dayOf(v.Time)
	list := x.gather(v.Keys)
	host := x.host(spec, v, list)
	r := x.keys.find(k.Hash)
	switch {
	case r == 0:
		leaf := v.Session
		if leaf == 0 {
			leaf = spec
		}
		if r = x.learn(what, k.Hash, leaf, host, x.tainted(list), day); host == 0 {
			host = r
		}
	case x.at(r).shared():
		x.touch(r, day)
	default:
		x.touch(r, day)
		if host == 0 {
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
	if r := x.leaves.find(uint64(v.Session)); r != 0 {
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
		return x.leaves.find(uint64(spec))
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
	if r := x.keys.find(visitHash(leaf)); r != 0 {
		return r
	}
	return x.add(fresh{hash: visitHash(leaf), kind: visit, leaf: leaf, many: 1, day: day})
}

// Confirm notes that the user of a Session, whose keys v has, has proven to own an
// account; the answer is the Spec ID from here on.
func (x *Index) Confirm(spec journey.ID, v Visitor, acct uint64) journey.ID {
	x.trim()
	day := dayOf(v.Time)
	list := x.gather(v.Keys)
	host := x.bring(list, v, x.host(spec, v, list), day)
	hash := accountHash(acct)
	a := x.keys.find(hash)
	if a != 0 {
		x.touch(a, day)
	}
	x.countAccounts(list, a, hash, v.Time, day)
	if a != 0 && !x.countDevice(a, list, v, day) {
		return x.who(spec, x.host(spec, v, list))
	}
	if host == 0 || x.at(host).shared() {
		host = x.host(spec, v, list)
	}
	if a == 0 {
		return x.claimAccount(spec, v, list, host, hash, day)
	}
	if host == 0 {
		host = x.visit(spec, v, day)
	}
	if host == 0 {
		return x.idOf(a)
	}
	const reason = "one account was confirmed on both"
	if !x.unite(host, a, v.Time, reason) && x.part(list, v, x.size(a).accounts, host) {
		if host = x.host(spec, v, list); host == 0 {
			host = x.visit(spec, v, day)
		}
		x.unite(host, a, v.Time, reason)
	}
	if x.root(host) == x.root(a) {
		x.bindAll(list, a)
	}
	return x.who(spec, host)
}

// claimAccount remembers an account that nobody had confirmed before.
func (x *Index) claimAccount(spec journey.ID, v Visitor, list []found, host ref, hash uint64, day uint16) journey.ID {
	leaf := v.Session
	if leaf == 0 {
		leaf = spec
	}
	if host != 0 && x.size(host).accounts >= x.rules.AccountsPerKey {
		x.part(list, v, 1, host)
		host = x.host(spec, v, list)
		if host != 0 && x.size(host).accounts >= x.rules.AccountsPerKey {
			return x.who(spec, host) // one Session with many accounts: whose they are is not known
		}
	}
	f := fresh{hash: hash, kind: account, leaf: leaf, host: host, parent: x.bearer(list, host), day: day}
	if anchor := x.leaves.find(uint64(leaf)); anchor != 0 {
		if host != 0 && x.root(anchor) != x.root(host) {
			return x.who(spec, host)
		}
		f.host = anchor
	}
	if f.host == 0 {
		f.many = 1
	}
	a := x.add(f)
	if a == 0 {
		return x.who(spec, host)
	}
	x.countDevice(a, list, v, day)
	x.bindAll(list, a)
	return x.idOf(a)
}

// bearer is the key that an account hangs on: the one that lasts longest.
func (x *Index) bearer(list []found, host ref) ref {
	for i := len(list) - 1; i >= 0; i-- {
		if r := list[i].ref; r != 0 && host != 0 && !x.at(r).shared() && x.root(r) == x.root(host) {
			return r
		}
	}
	return host
}

// bindAll keeps that an account was confirmed with each of a Session's keys.
func (x *Index) bindAll(list []found, a ref) {
	for _, f := range list {
		if f.ref != 0 && !x.at(f.ref).shared() && x.root(f.ref) == x.root(a) {
			x.bind(f.ref, a)
		}
	}
}

// part takes apart a component that would be of too many accounts: what a Session
// carried from an earlier one is what many use. It answers whether there was any.
func (x *Index) part(list []found, v Visitor, more int, host ref) bool {
	if x.size(host).accounts+more <= x.rules.AccountsPerKey {
		return false // it is not for the accounts
	}
	found := false
	for _, f := range list {
		if f.ref != 0 && !x.at(f.ref).shared() && x.at(f.ref).leaf != v.Session {
			x.share(f.ref, v.Time, "people of many accounts carried one "+kindNames[f.kind])
			found = true
		}
	}
	return found
}

// countAccounts counts an account for each of a Session's keys it was not counted
// for yet; those with too many are shared.
func (x *Index) countAccounts(list []found, a ref, hash uint64, now int64, day uint16) {
	for _, f := range list {
		if f.ref == 0 || x.at(f.ref).shared() || a != 0 && x.near(f.ref, a) || !x.counted(f.ref, f.hash, hash, day) {
			continue
		}
		if x.at(f.ref).count() > x.rules.AccountsPerKey {
			x.share(f.ref, now, fmt.Sprintf("more than %d accounts used one %s", x.rules.AccountsPerKey, kindNames[f.kind]))
		}
	}
}

// countDevice counts a device for an account; it answers false when the account
// joins nobody.
func (x *Index) countDevice(a ref, list []found, v Visitor, day uint16) bool {
	if x.at(a).shared() {
		return false
	}
	d := v.Device
	for i := len(list) - 1; i >= 0; i-- {
		if k := list[i].kind; k == device || k == ticket {
			d = list[i].hash
			break
		}
	}
	if d != 0 && x.counted(a, x.at(a).hash, d, day) && x.at(a).count() > x.rules.DevicesPerAccount {
		x.share(a, v.Time, fmt.Sprintf("more than %d devices used one account", x.rules.DevicesPerAccount))
	}
	return !x.at(a).shared()
}

// counted counts something for an entry, and answers whether it did: not when it
// was before.
func (x *Index) counted(r ref, of, what uint64, day uint16) bool {
	pair := mix(x.lasting(of)) ^ bits.RotateLeft64(mix(x.lasting(what)), 32)
	if _, known := x.pairs.young[pair]; known {
		return false
	}
	_, known := x.pairs.old[pair]
	x.pairs.put(pair, struct{}{}, day, x, didPair)
	if known || x.at(r).count() == maxCount {
		return false
	}
	x.edit(r).flags += countUnit
	return true
}

// lasting is a number for a key that stays when it is known by another hash.
func (x *Index) lasting(hash uint64) uint64 {
	if r := x.keys.find(hash); r != 0 && x.at(r).kind() < account {
		return uint64(r)<<40 ^ uint64(x.at(r).leaf)
	}
	return hash
}
