package session

import (
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// key is strong evidence bound to a Session, or an account of its user.
type key struct {
	hash   uint64
	from   journey.ID // the Event whose response taught it
	owner  uint32     // 0: it is many visitors' and joins nobody
	next   uint32     // of the same Session, or the next shared one
	former uint32     // its mark before the key of hashes was replaced, 0: none
	used   uint16     // its Session's last minute when it was used
	kind   kind
	flags  uint8
}

type kind uint8

// The kinds, the surest first. Those from kindCookie to kindToken and kindDevice
// are what a client keeps; connection and ticket belong to its transport.
const (
	kindConnection kind = iota + 1
	kindCookie
	kindBearer
	kindToken
	kindTicket
	kindDevice
	kindAccount // not a key: it joins nothing
)

const (
	carried  = 1 << iota // by a request
	standing             // carried again, or taught: not made up
	moved                // taught to a second Session while the first lived
)

const clientKinds = 1<<kindCookie | 1<<kindBearer | 1<<kindDevice

func (k kind) bit() uint8      { return 1 << k }
func (k kind) transport() bool { return k == kindConnection || k == kindTicket }

func kindOf(k *journey.Key) kind {
	switch k.Kind {
	case journey.KeyConnection:
		return kindConnection
	case journey.KeyBearer:
		return kindBearer
	case journey.KeyToken:
		return kindToken
	case journey.KeyTicket:
		return kindTicket
	case journey.KeyDevice:
		return kindDevice
	default:
		return kindCookie
	}
}

func (k kind) name() string {
	return [...]string{"", journey.KeyConnection, journey.KeyCookie, journey.KeyBearer,
		journey.KeyToken, journey.KeyTicket, journey.KeyDevice, "account"}[k]
}

func (k kind) reason() string {
	return [...]string{"", "same TLS connection", "session cookie", "bearer token",
		"token of an earlier response", "TLS session ticket", "device cookie"}[k]
}

// binds says whether a key that a request carries is the Session's from then on.
// Cookies and tokens may be anybody's until a response or the policy names them.
func binds(k *journey.Key, as kind) bool {
	return k.Named || as != kindCookie && as != kindToken
}

// carry binds the keys of a request to its Session, but for those that live in
// another one. No key that the request carries is pushed out by it.
func (t *Table) carry(at uint32, r *Request) {
	e := t.entries.at(at)
	now := minuteOf(e.Last)
	for _, slot := range t.slots {
		if slot != 0 && t.keys.at(slot).owner == at {
			t.use(slot, now)
		}
	}
	for i, slot := range t.slots {
		k := &r.Keys[i]
		as := kindOf(k)
		if slot != 0 || !binds(k, as) || t.byKey.Find(k.Hash) != 0 { // it may stand twice
			continue
		}
		if e.nkeys >= maxKeys && !t.makeRoom(at, r) {
			return
		}
		t.bind(at, key{hash: k.Hash, former: formerly(k), used: now, kind: as, flags: carried})
	}
}

func minuteOf(micros int64) uint16 { return uint16(micros / minute) }

func formerly(k *journey.Key) uint32 {
	if k.Former == 0 {
		return 0
	}
	return mark(k.Former)
}

func (t *Table) use(at uint32, now uint16) {
	k := t.keys.at(at)
	flags := k.flags | carried
	if k.flags&carried != 0 {
		flags |= standing
	}
	if k.used != now || k.flags != flags {
		t.changingKey(at)
		k.used, k.flags = now, flags
	}
}

// bind adds a new key to a Session.
func (t *Table) bind(at uint32, k key) {
	k.owner = at
	slot := t.newKey(k)
	t.setKey(k.hash, slot)
	t.append(at, slot)
}

// append puts a key behind those of a Session.
func (t *Table) append(at, slot uint32) {
	e, k := t.entries.at(at), t.keys.at(slot)
	t.changing(at)
	if e.keys == 0 {
		e.keys = slot
	} else {
		last := e.keys
		for t.keys.at(last).next != 0 {
			last = t.keys.at(last).next
		}
		t.changingKey(last)
		t.keys.at(last).next = slot
	}
	e.kinds |= k.kind.bit()
	if k.kind == kindAccount {
		e.Accounts++
		return
	}
	e.nkeys++
	t.marked(at, k)
}

// detach takes a key from its Session's list.
func (t *Table) detach(slot uint32) {
	k := t.keys.at(slot)
	e := t.entries.at(k.owner)
	t.changing(k.owner)
	if e.keys == slot {
		e.keys = k.next
	} else {
		before := e.keys
		for t.keys.at(before).next != slot {
			before = t.keys.at(before).next
		}
		t.changingKey(before)
		t.keys.at(before).next = k.next
	}
	e.nkeys--
	e.kinds = 0
	for s := e.keys; s != 0; s = t.keys.at(s).next {
		e.kinds |= t.keys.at(s).kind.bit()
	}
}

// makeRoom forgets a key of a Session that has too many: made-up ones first, then
// the one longest unused, but none that the request carries.
func (t *Table) makeRoom(at uint32, r *Request) bool {
	e := t.entries.at(at)
	victim, worth := uint32(0), -1
	now := minuteOf(e.Last)
	for s := e.keys; s != 0; s = t.keys.at(s).next {
		k := t.keys.at(s)
		if k.kind == kindAccount || r != nil && carries(r, k.hash) {
			continue
		}
		w := int(now - k.used)
		if k.flags&standing == 0 {
			w |= 1 << 16
		}
		if w > worth {
			victim, worth = s, w
		}
	}
	if victim == 0 {
		return false
	}
	t.detach(victim)
	t.setKey(t.keys.at(victim).hash, 0)
	t.freeKey(victim)
	return true
}

func carries(r *Request, hash uint64) bool {
	return slices.ContainsFunc(r.Keys, func(k journey.Key) bool { return k.Hash == hash })
}

// Learn binds a key that a response taught a Session's client, or the ticket that a
// fresh connection was given, to the Session. One that another Session held moves;
// one that is taught to a third while they live is many visitors' and joins nobody
// any more.
func (t *Table) Learn(e *Entry, k journey.Key, from journey.ID) {
	at, now := e.self, minuteOf(e.Last)
	slot := t.byKey.Find(k.Hash)
	if slot == 0 {
		if e.nkeys >= maxKeys {
			t.makeRoom(at, nil)
		}
		t.bind(at, key{hash: k.Hash, former: formerly(&k), from: from, used: now, kind: kindOf(&k), flags: standing})
		return
	}
	x := t.keys.at(slot)
	switch {
	case x.owner == 0:
	case x.owner == at:
		if x.from == 0 && from != 0 || x.flags&standing == 0 || x.used != now {
			t.changingKey(slot)
			if x.from == 0 {
				x.from = from
			}
			x.flags |= standing
			x.used = now
		}
	case x.flags&moved != 0:
		t.detach(slot)
		t.share(slot)
	default:
		t.detach(slot)
		t.changingKey(slot)
		x.owner, x.next, x.from, x.used = at, 0, from, now
		x.flags = standing | moved
		if e.nkeys >= maxKeys {
			t.makeRoom(at, nil)
		}
		t.append(at, slot)
	}
}

// share remembers that a key is many visitors'. Beyond the bound the one known for
// longest is forgotten.
func (t *Table) share(slot uint32) {
	t.note(change{did: didShared, at: t.shared, wide: int64(t.sharing)})
	x := t.keys.at(slot)
	t.changingKey(slot)
	*x = key{hash: x.hash, kind: x.kind, next: slot}
	if t.shared != 0 {
		t.changingKey(t.shared)
		last := t.keys.at(t.shared)
		x.next, last.next = last.next, slot
	}
	t.shared = slot
	if t.sharing++; t.sharing > maxShared {
		first := x.next
		t.changingKey(slot)
		x.next = t.keys.at(first).next
		t.setKey(t.keys.at(first).hash, 0)
		t.freeKey(first)
		t.sharing--
	}
}

// Account notes that the Session's user has proven to own an account. It may be
// one of several.
func (t *Table) Account(e *Entry, account uint64) {
	if e.Accounts >= maxAccounts || t.owns(e, account) {
		return
	}
	t.append(e.self, t.newKey(key{hash: account, owner: e.self, kind: kindAccount}))
}

func (t *Table) owns(e *Entry, account uint64) bool {
	for s := e.keys; s != 0; s = t.keys.at(s).next {
		if k := t.keys.at(s); k.kind == kindAccount && k.hash == account {
			return true
		}
	}
	return false
}

// Keys adds the keys of a Session to a list, in the order in which they came.
func (t *Table) Keys(e *Entry, to []journey.Key) []journey.Key {
	for s := e.keys; s != 0; s = t.keys.at(s).next {
		if k := t.keys.at(s); k.kind != kindAccount {
			to = append(to, journey.Key{Kind: k.kind.name(), Hash: k.hash, Named: true})
		}
	}
	return to
}

// Rename gives a strong key another hash of it, unless that is somebody's already.
func (t *Table) Rename(from, to uint64) {
	slot := t.byKey.Find(from)
	if slot == 0 || t.byKey.Find(to) != 0 {
		return
	}
	t.setKey(from, 0)
	t.changingKey(slot)
	k := t.keys.at(slot)
	k.hash, k.former = to, mark(from)
	t.setKey(to, slot)
	if k.owner != 0 {
		t.remark(k)
	}
}
