package identity

import (
	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// ref names an entry by its place in the slab; 0 is none. It has 24 bits.
type ref uint32

const maxRefs = 1 << 24

// packed is a ref as entries hold it.
type packed [3]byte

func pack(r ref) packed        { return packed{byte(r), byte(r >> 8), byte(r >> 16)} }
func (p packed) unpack() ref   { return ref(p[0]) | ref(p[1])<<8 | ref(p[2])<<16 }
func (p packed) is(r ref) bool { return p.unpack() == r }

// entry is a piece of evidence: a key, an account, or a Session that had neither.
// It has 32 bytes and no pointers.
type entry struct {
	hash   uint64
	leaf   journey.ID // the Session that brought it; a component bears the ID of its root's
	up     packed     // the root of its component, an entry of the component's oldest leaf
	next   packed     // its component's members, in a circle
	parent packed     // the evidence by which it was attached
	later  packed     // the next in the bucket of the day it stands under
	day    uint16     // of the latest use
	flags  uint8      // kind, shared, and how many it was seen with
	many   uint8      // Sessions known by it; what goes beyond is in Index.over
}

// kind says what an entry is. Kinds of keys stand in the order of their surety.
type kind uint8

const (
	nothing kind = iota // a slot that nobody uses
	cookie
	bearer
	token
	ticket
	device
	account
	visit // a Session whose user was known by what it did, and by no key of its own
)

var kindNames = [visit + 1]string{cookie: journey.KeyCookie, bearer: journey.KeyBearer,
	token: journey.KeyToken, ticket: journey.KeyTicket, device: journey.KeyDevice}

// kindOf returns the kind of a key, and nothing for one that is no evidence here:
// a connection ends with its Session.
func kindOf(name string) kind {
	for k, n := range kindNames {
		if n == name && n != "" {
			return kind(k)
		}
	}
	return nothing
}

const (
	kindBits  = 0x07
	sharedBit = 0x08
	countUnit = 0x10
	maxCount  = 15
)

func (e *entry) kind() kind   { return kind(e.flags & kindBits) }
func (e *entry) shared() bool { return e.flags&sharedBit != 0 }

// count is the number of accounts a key was seen with, of devices an account was.
func (e *entry) count() int { return int(e.flags >> 4) }

const (
	chunkBits = 11
	chunkSize = 1 << chunkBits
)

// at returns an entry to be read.
func (x *Index) at(r ref) *entry { return &x.slab[r>>chunkBits][r&(chunkSize-1)] }

// edit returns an entry to be changed.
func (x *Index) edit(r ref) *entry {
	e := x.at(r)
	if x.undo.on {
		x.undo.steps = append(x.undo.steps, step{what: didEdit, ref: r, entry: *e})
	}
	return e
}

// claim returns a slot that nobody uses; 0 when there is no room.
func (x *Index) claim() ref {
	if r := ref(x.nums[idle]); r != 0 {
		x.set(idle, int64(x.at(r).later.unpack()))
		return r
	}
	r := ref(x.nums[used]) + 1
	if r >= maxRefs {
		return 0
	}
	if int(r>>chunkBits) >= len(x.slab) {
		x.slab = append(x.slab, new([chunkSize]entry))
	}
	x.set(used, int64(r))
	return r
}

// release gives a slot back.
func (x *Index) release(r ref) {
	*x.edit(r) = entry{later: pack(ref(x.nums[idle]))}
	x.set(idle, int64(r))
}

// fresh is what is to become an entry.
type fresh struct {
	hash   uint64
	kind   kind
	leaf   journey.ID
	parent ref
	host   ref // an entry of the component it joins; 0: it stands alone
	shared bool
	many   uint8
	day    uint16
}

// add makes an entry; 0 when there is no room.
func (x *Index) add(f fresh) ref {
	r := x.claim()
	if r == 0 {
		x.set(dropped, x.nums[dropped]+1)
		return 0
	}
	e := x.edit(r)
	*e = entry{hash: f.hash, leaf: f.leaf, up: pack(r), next: pack(r), parent: pack(f.parent),
		day: f.day, flags: uint8(f.kind), many: f.many}
	if f.shared { // by as many as can be counted, so that it taints what comes after it
		e.flags |= sharedBit | maxCount*countUnit
	} else if f.host != 0 {
		root := x.root(f.host)
		host := x.edit(root)
		e.up, e.next, host.next = pack(root), host.next, pack(r)
	}
	x.insert(&x.keys, r)
	if !f.shared && x.leaves.Find(uint64(f.leaf)) == 0 {
		x.insert(&x.leaves, r)
	}
	if x.entries() == 0 { // nothing can stand in an earlier bucket
		x.set(swept, max(x.nums[swept], int64(f.day)))
	}
	x.enlist(r)
	x.tally(f.kind, 1)
	return r
}

// tally counts entries by what they are.
func (x *Index) tally(k kind, n int64) {
	switch k {
	case account:
		x.set(accounts, x.nums[accounts]+n)
	case visit:
		x.set(visits, x.nums[visits]+n)
	default:
		x.set(keys, x.nums[keys]+n)
	}
}

// sessions is how many Sessions were known by an entry.
func (x *Index) sessions(r ref) int { return int(x.at(r).many) + int(x.over[r]) }

// another counts a Session known by an entry.
func (x *Index) another(r ref) {
	if x.at(r).many < 255 {
		x.edit(r).many++
		return
	}
	x.setOver(r, x.over[r]+1)
}

// inheritSessions counts the Sessions that were known by an entry which stands for
// them no more: they keep their ID, which has room for so many fewer.
func (x *Index) inheritSessions(r ref, n int) {
	n += x.sessions(r)
	x.edit(r).many = uint8(min(n, 255))
	if over := uint32(max(n-255, 0)); over != x.over[r] {
		x.setOver(r, over)
	}
}

// touch notes that an entry was used. It stays in its bucket until that is looked at.
func (x *Index) touch(r ref, day uint16) {
	if x.at(r).day < day {
		x.edit(r).day = day
	}
}

// setLeaf gives an entry another leaf, which it stands for when nobody does.
func (x *Index) setLeaf(r ref, leaf journey.ID) {
	if x.leaves.Find(uint64(x.at(r).leaf)) == r {
		x.remove(&x.leaves, r)
	}
	x.edit(r).leaf = leaf
	if x.leaves.Find(uint64(leaf)) == 0 {
		x.insert(&x.leaves, r)
	}
}

// mix spreads a number over 64 bits: keyed hashes need it not, IDs do.
func mix(v uint64) uint64 { return hashtable.Mix(v) }
