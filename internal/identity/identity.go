// Package identity gives each Session its Spec ID: the one name of a user across
// Sessions and devices, which the oldest Session that is known to be theirs gives.
//
// What makes Sessions one is strong evidence only: keys that a client carries, and
// accounts that a user has proven to own. Each piece hangs on the piece by which it
// was attached, and on the Session that brought it, so that what one of them had
// joined can be joined anew without it once it turns out to be many users': a
// kiosk's cookie, an account that was sold. What is likely but not proven is an
// answer with a confidence (candidates), what two users share is a link (related);
// neither ever joins.
//
// An Index has one owner and no locks, reads no clock, and holds a bounded amount:
// evidence that was not used for long is forgotten, and the oldest of it first
// when there is too much. What is done between Begin and End can be taken back.
package identity

import (
	"cmp"
	"slices"

	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// Rules are an Index's bounds.
type Rules struct {
	AccountsPerKey    int   // with more a key is shared: it joins nobody any more
	AccountsNamed     int   // with more it says who its visitor may be, not who it is
	DevicesPerAccount int   // with more an account is
	SessionsPerID     int   // with more the key by which the last was known is
	Remember          int64 // micros since its latest use that evidence is kept
	MaxKeys           int   // keys and accounts remembered
}

// DefaultRules returns the bounds that the design names.
func DefaultRules() Rules {
	return Rules{AccountsPerKey: 4, AccountsNamed: 1, DevicesPerAccount: 8, SessionsPerID: 300,
		Remember: 90 * micros, MaxKeys: 5_000_000}
}

// Visitor is what is known of who makes a request. Hashes are 0 when unknown.
type Visitor struct {
	Session journey.ID
	Time    int64
	Keys    []journey.Key // connections among them are passed over
	IP      uint64
	Network uint64
	Device  uint64 // of the class of devices
	Agent   uint64
}

// Answer says who a new Session's visitor is.
type Answer struct {
	SpecID     journey.ID
	By         string // the kind of Key by which known; "" when new
	Candidates []journey.Candidate
}

// Index remembers evidence. Not safe for concurrent use.
type Index struct {
	rules Rules
	days  int // that evidence is kept

	slab    []*[chunkSize]entry
	keys    hashtable.Table[ref] // by hash
	leaves  hashtable.Table[ref] // by leaf: one entry of each that need be found by it
	over    map[ref]uint32
	extra   bonds
	buckets []bucket
	nums    [numbers]int64

	pairs   generations[struct{}] // a key and an account, an account and a device, that were counted
	blocks  generations[[]sight]
	seen    generations[rarity]
	related generations[[]journey.ID]
	linked  generations[struct{}]

	changes []journey.SpecChange
	undo    undo
	found   []found // for one call
}

// New returns an empty Index.
func New(r Rules) *Index {
	r.AccountsPerKey = min(max(r.AccountsPerKey, 1), maxCount-1)
	r.DevicesPerAccount = min(max(r.DevicesPerAccount, 1), maxCount-1)
	r.SessionsPerID = max(r.SessionsPerID, 1)
	r.MaxKeys = min(max(r.MaxKeys, 1), maxRefs-maxRefs/16)
	days := int(min(max(r.Remember/micros, 1), 3650))
	x := &Index{rules: r, days: days, over: map[ref]uint32{}, extra: bonds{map[ref]ref{}, map[ref][]ref{}},
		buckets: make([]bucket, days+3)}
	x.keys = hashtable.New(func(r ref) uint64 { return x.at(r).hash })
	x.leaves = hashtable.New(func(r ref) uint64 { return uint64(x.at(r).leaf) })
	half := uint16((days + 1) / 2)
	x.pairs = newGenerations[struct{}](r.MaxKeys/4+1, half)
	x.blocks = newGenerations[[]sight](maxBlocks, candidateDays)
	x.seen = newGenerations[rarity](maxValues, candidateDays)
	x.related = newGenerations[[]journey.ID](maxRelated, half)
	x.linked = newGenerations[struct{}](maxRelated, half)
	return x
}

// found is a key of a visitor, and its entry when it is known.
type found struct {
	kind    kind
	named   bool
	counted bool // an account was, for it
	hash    uint64
	ref     ref
}

// maxVisitorKeys bounds how many keys of one visitor are looked at, the surest first.
const maxVisitorKeys = 32

// gather finds a visitor's keys. Their order in the input does not matter. The
// answer is good until the next call.
func (x *Index) gather(keys []journey.Key) []found {
	x.found = x.found[:0]
	for _, k := range keys {
		if kind := kindOf(k.Kind); kind != nothing && k.Hash != 0 {
			x.found = append(x.found, found{kind: kind, named: k.Named, hash: k.Hash})
		}
	}
	slices.SortFunc(x.found, func(a, b found) int {
		if a.kind != b.kind {
			return cmp.Compare(a.kind, b.kind)
		}
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		if a.named == b.named {
			return 0
		} else if a.named {
			return -1
		}
		return 1
	})
	list := x.found[:0]
	for _, f := range x.found {
		again := slices.ContainsFunc(list, func(g found) bool { return g.hash == f.hash })
		if again || len(list) == maxVisitorKeys {
			continue
		}
		if f.ref = x.keys.Find(f.hash); f.ref != 0 && x.at(f.ref).kind() >= account {
			continue // a hash that collides
		}
		list = append(list, f)
	}
	return list
}

// Knows tells whether a key is remembered.
func (x *Index) Knows(key uint64) bool { return key != 0 && x.keys.Find(key) != 0 }

// Current follows merges and splits to the ID that an ID stands for by now.
func (x *Index) Current(spec journey.ID) journey.ID {
	if r := x.leaves.Find(uint64(spec)); r != 0 {
		return x.idOf(r)
	}
	return spec
}

// Of tells who the user of a live Session is by now: as its keys say, since what it
// was known as may have been split.
func (x *Index) Of(spec journey.ID, keys []uint64) journey.ID {
	spec = x.Current(spec)
	best, youngest, known := ref(0), journey.ID(-1), false
	for _, k := range keys {
		r := x.keys.Find(k)
		if k == 0 || r == 0 || x.at(r).kind() >= account {
			continue
		}
		if x.taints(r) {
			return spec
		}
		if x.passed(r) {
			return spec
		}
		if x.at(r).shared() {
			continue
		}
		known = known || x.idOf(r) == spec
		if leaf := x.at(r).leaf; leaf > youngest {
			best, youngest = r, leaf
		}
	}
	if known || best == 0 || x.size(best).sessions >= x.rules.SessionsPerID {
		return spec
	}
	return x.idOf(best)
}

// Another tells whether a visitor's keys are known as another user's than a Session's, of
// whom spec is what he is known as, and both have proven to own accounts.
func (x *Index) Another(spec journey.ID, keys []journey.Key) bool {
	own := x.leaves.Find(uint64(spec))
	if own == 0 || x.size(own).accounts == 0 {
		return false
	}
	for i := range keys {
		r := x.keys.Find(keys[i].Hash)
		if keys[i].Hash != 0 && r != 0 && x.at(r).kind() < account && !x.at(r).shared() && x.root(r) != x.root(own) && x.size(r).accounts > 0 {
			return true
		}
	}
	return false
}

// Start says who the visitor of a new Session is: the Spec ID its keys are known
// under, or a new one, the Session's own ID.
func (x *Index) Start(v Visitor) Answer {
	x.trim()
	day := dayOf(v.Time)
	list := x.gather(v.Keys)
	tainted, inTurns := x.tainted(list), x.inTurns(list)
	var first found
	if !tainted && !inTurns {
		first = x.first(list, v.Time)
	}
	answer := Answer{SpecID: v.Session}
	if first.ref != 0 {
		x.another(first.ref)
		for _, f := range list {
			if f.ref != 0 && !x.at(f.ref).shared() {
				x.unite(first.ref, f.ref, v.Time, "one request carried keys of both")
			}
		}
	}
	x.bring(list, v, first.ref, tainted, day)
	if first.ref != 0 {
		answer.SpecID, answer.By = x.idOf(first.ref), kindNames[first.kind]
	} else {
		answer.Candidates = x.candidates(v, list, inTurns, day)
	}
	x.sighted(v, answer.SpecID, day)
	return answer
}

// first finds the surest key that names a user. One by which too many Sessions
// were known names nobody any more.
func (x *Index) first(list []found, now int64) found {
	for _, f := range list {
		if f.ref == 0 || x.at(f.ref).shared() {
			continue
		}
		if x.size(f.ref).sessions < x.rules.SessionsPerID {
			return f
		}
		x.share(f.ref, false, now, "too many sessions were known by one "+kindNames[f.kind])
	}
	return found{}
}

// bring notes the use of a visitor's keys, and remembers those under a session's
// name that are new, as brought by the Session.
func (x *Index) bring(list []found, v Visitor, host ref, tainted bool, day uint16) ref {
	for i := range list {
		f := &list[i]
		if f.ref != 0 {
			x.touch(f.ref, day)
		} else if f.named {
			f.ref = x.learn(f.kind, f.hash, v.Session, host, tainted, day)
			if host == 0 && f.ref != 0 && !tainted {
				host = f.ref
			}
		}
	}
	return host
}

// tainted tells whether a visitor's client is one that many people use. What else it
// carries or learns says nothing of who they are: the one before may have left it.
func (x *Index) tainted(list []found) bool {
	return slices.ContainsFunc(list, func(f found) bool {
		return f.ref != 0 && x.taints(f.ref)
	})
}

func (x *Index) taints(r ref) bool {
	return x.at(r).shared() && x.at(r).count() == maxCount
}

// learn remembers a new key that a Session brought, whose user is known by host.
func (x *Index) learn(k kind, hash uint64, leaf journey.ID, host ref, shared bool, day uint16) ref {
	f := fresh{hash: hash, kind: k, leaf: leaf, parent: host, host: host, shared: shared, day: day}
	if shared {
		f.parent, f.host = 0, 0
		return x.add(f)
	}
	if anchor := x.leaves.Find(uint64(leaf)); anchor != 0 {
		f.host, f.parent = anchor, 0
	}
	if f.host == 0 {
		f.many = 1
	} else if r := x.surplus(f); r != 0 {
		x.rekey(r, hash)
		x.touch(r, day)
		return r
	}
	return x.add(f)
}

// A Session keeps so many of the cookies or tokens that it was taught: a site may
// teach one with each response. So far is looked back for them.
const (
	maxTaught = 32
	lookBack  = 96
)

// surplus finds a key in whose place a new one can stand; 0 when there is room.
func (x *Index) surplus(f fresh) ref {
	if f.kind != cookie && f.kind != token {
		return 0
	}
	var alike [maxTaught]ref
	n, looked := 0, 0
	x.members(ref(x.at(x.root(f.host)).next.unpack()), func(m ref) bool {
		if e := x.at(m); e.kind() == f.kind && e.leaf == f.leaf && e.count() == 0 {
			alike[n] = m
			n++
		}
		looked++
		return n < maxTaught && looked < lookBack
	})
	if n < maxTaught {
		return 0
	}
	return alike[mix(f.hash)%maxTaught]
}

// rekey gives an entry another hash.
func (x *Index) rekey(r ref, hash uint64) {
	x.remove(&x.keys, r)
	x.edit(r).hash = hash
	x.insert(&x.keys, r)
}

// Rename gives what is known under a key another hash of it, unless something is
// known under that already.
func (x *Index) Rename(from, to uint64) {
	if from == 0 || to == 0 || x.keys.Find(to) != 0 {
		return
	}
	if r := x.keys.Find(from); r != 0 {
		x.rekey(r, to)
	}
}

// Changes returns the merges and splits since Begin.
func (x *Index) Changes() []journey.SpecChange { return x.changes }

// Stats counts the index.
type Stats struct {
	Keys, Accounts, Visits int64 // remembered
	Merged, Split          int64 // ever
	Dropped                int64 // before their time, for want of room
}

// Stats returns the counts.
func (x *Index) Stats() Stats {
	lost := x.pairs.lost + x.blocks.lost + x.seen.lost + x.related.lost + x.linked.lost
	return Stats{Keys: x.nums[keys], Accounts: x.nums[accounts], Visits: x.nums[visits],
		Merged: x.nums[merged], Split: x.nums[split], Dropped: x.nums[dropped] + lost}
}
