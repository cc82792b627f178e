package session

import (
	"crypto/sha256"
	"encoding/binary"
)

// place is an address and device: the Sessions there, and the clients lately seen
// there, which are remembered when their Sessions have ended.
type place struct {
	hash       uint64
	head       uint32 // the Session that came last
	prev, next uint32 // while nobody is there: its neighbours among such places
	last       uint32 // the minute in which anybody was seen last,
	third      uint32 // and that in which another than the two clients was
	clients    [2]client
	arrivals   [tooMany]uint32 // the minutes of the latest, in their order
}

// client is one of those seen at a place, told apart by what it keeps.
type client struct {
	owner uint32    // its Session, 0 when that has ended
	seen  uint32    // the minute in which it was seen last, 0: nobody
	marks [3]uint32 // of its device cookie, its cookie or bearer token, its ticket
}

const (
	crowdFor = 24 * 60 // minutes for which clients and arrivals are remembered
	quiet    = 3       // after so many minutes without anybody, whoever brings no key arrives
	tooMany  = 7       // arrivals within a day, for one client or two
)

// crowded says that more than two clients were seen within a day, or that somebody
// arrived so often that they hardly were two. Of clients that keep nothing one that
// comes back looks like another: how often somebody comes is all that tells an
// office from a home.
func (p *place) crowded(now int64) bool {
	m := now / minute
	return lately(p.arrivals[0], m) ||
		lately(p.third, m) && lately(p.clients[0].seen, m) && lately(p.clients[1].seen, m)
}

// arrived notes that somebody came without a key after nobody was there for a while.
func (t *Table) arrived(slot uint32, now int64) {
	p, m := t.places.at(slot), uint32(now/minute)
	if p.last != 0 && m <= p.last+quiet {
		return
	}
	t.changingPlace(slot)
	copy(p.arrivals[:], p.arrivals[1:])
	p.arrivals[tooMany-1] = m
}

func lately(seen uint32, now int64) bool { return seen != 0 && now-int64(seen) <= crowdFor }

// placeHash is a hash that nobody can aim at another's address.
func placeHash(ip string, class uint64) uint64 {
	var room [96]byte
	b := append(binary.LittleEndian.AppendUint64(room[:0], class), ip...)
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// enter moves a Session to a place.
func (t *Table) enter(at uint32, hash uint64) {
	e := t.entries.at(at)
	if e.place != 0 && t.places.at(e.place).hash == hash {
		return
	}
	t.leave(at)
	slot := t.byPlace.Find(hash)
	if slot == 0 {
		if t.byPlace.Len() >= t.placeBound && t.idle != 0 {
			t.forget(t.idle)
		}
		slot = t.newPlace(place{hash: hash})
		t.setPlace(hash, slot)
	} else if t.places.at(slot).head == 0 {
		t.busy(slot)
	}
	p := t.places.at(slot)
	t.changingPlace(slot)
	t.join(ringPlace, p.head, at)
	p.head = at
	t.changing(at)
	e.place = slot
}

// leave takes a Session from its place.
func (t *Table) leave(at uint32) {
	e := t.entries.at(at)
	if e.place == 0 {
		return
	}
	p := t.places.at(e.place)
	t.changingPlace(e.place)
	p.head = t.part(ringPlace, p.head, at)
	for i := range p.clients {
		if p.clients[i].owner == at {
			p.clients[i].owner = 0
		}
	}
	if p.head == 0 {
		t.idling(e.place)
	}
}

// idling puts a place that nobody is at behind the others; busy takes it out.
func (t *Table) idling(slot uint32) {
	p := t.places.at(slot)
	if t.idle == 0 {
		p.prev, p.next = slot, slot
		t.setIdle(slot)
		return
	}
	first := t.places.at(t.idle)
	last := first.prev
	t.changingPlace(t.idle)
	t.changingPlace(last)
	p.prev, p.next = last, t.idle
	t.places.at(last).next, first.prev = slot, slot
}

func (t *Table) busy(slot uint32) {
	p := t.places.at(slot)
	if p.next == slot {
		t.setIdle(0)
		return
	}
	t.changingPlace(p.prev)
	t.changingPlace(p.next)
	t.places.at(p.prev).next, t.places.at(p.next).prev = p.next, p.prev
	if t.idle == slot {
		t.setIdle(p.next)
	}
}

// forget lets go of a place that nobody is at.
func (t *Table) forget(slot uint32) {
	t.busy(slot)
	t.setPlace(t.places.at(slot).hash, 0)
	t.freePlace(slot)
}

// sighted notes that a Session's client was seen at its place. One that keeps nothing
// is not told from others, and not counted.
func (t *Table) sighted(at uint32, now int64) {
	e := t.entries.at(at)
	p, m := t.places.at(e.place), uint32(now/minute)
	if p.last < m {
		t.changingPlace(e.place)
		p.last = m
	}
	mine, free := -1, -1
	for i := range p.clients {
		c := &p.clients[i]
		if c.owner == at {
			if c.seen < m {
				t.changingPlace(e.place)
				c.seen = m
			}
			return
		}
		if !lately(c.seen, int64(m)) && free < 0 {
			free = i
		}
	}
	marks, former := t.marksOf(e)
	if marks == [3]uint32{} {
		return
	}
	for i := range p.clients {
		if c := &p.clients[i]; mine < 0 && c.seen != 0 && (c.keeps(marks) || c.keeps(former)) {
			mine = i
		}
	}
	switch {
	case mine >= 0:
		t.changingPlace(e.place)
		c := &p.clients[mine]
		c.owner, c.seen = at, max(c.seen, m)
		for i := range marks {
			if marks[i] != 0 {
				c.marks[i] = marks[i]
			}
		}
	case free >= 0:
		t.changingPlace(e.place)
		p.clients[free] = client{at, m, marks}
	case p.third < m:
		t.changingPlace(e.place)
		p.third = m
	}
}

// keeps says that a client is known by one of these.
func (c *client) keeps(marks [3]uint32) bool {
	for i, m := range marks {
		if m != 0 && m == c.marks[i] {
			return true
		}
	}
	return false
}

func mark(hash uint64) uint32 { return max(1, short(hash)) }

// marksOf are a Session's, and what they were before the key of hashes was replaced.
func (t *Table) marksOf(e *Entry) (marks, former [3]uint32) {
	for s := e.keys; s != 0; s = t.keys.at(s).next {
		k := t.keys.at(s)
		if i := markOf(k.kind); i >= 0 {
			marks[i], former[i] = mark(k.hash), k.former
		}
	}
	return marks, former
}

func markOf(k kind) int {
	switch k {
	case kindDevice:
		return 0
	case kindCookie, kindBearer:
		return 1
	case kindTicket:
		return 2
	default:
		return -1
	}
}

// marked has the client of a Session be known by a key from now on.
func (t *Table) marked(at uint32, k *key) {
	i, slot := markOf(k.kind), t.entries.at(at).place
	if i < 0 || slot == 0 {
		return
	}
	p := t.places.at(slot)
	for n := range p.clients {
		if c := &p.clients[n]; c.owner == at && c.marks[i] != mark(k.hash) {
			t.changingPlace(slot)
			c.marks[i] = mark(k.hash)
		}
	}
}

// remark has the client that was known by a key be known by its new hash.
func (t *Table) remark(k *key) {
	i, slot := markOf(k.kind), t.entries.at(k.owner).place
	if i < 0 || slot == 0 {
		return
	}
	p := t.places.at(slot)
	for n := range p.clients {
		if c := &p.clients[n]; c.owner == k.owner && c.marks[i] == k.former {
			t.changingPlace(slot)
			c.marks[i] = mark(k.hash)
		}
	}
}

// oneClient has the clients of two Sessions that turned out to be one count once.
func (t *Table) oneClient(old, young uint32) {
	slot := t.entries.at(old).place
	if slot != t.entries.at(young).place {
		return
	}
	p, a, b := t.places.at(slot), t.clientOf(old), t.clientOf(young)
	if b < 0 {
		return
	}
	t.changingPlace(slot)
	if a < 0 {
		p.clients[b].owner = old
		return
	}
	p.clients[a].seen = max(p.clients[a].seen, p.clients[b].seen)
	p.clients[b] = client{}
}

// clientOf is a Session's client among those of its place, -1 when it is another.
func (t *Table) clientOf(at uint32) int {
	for i, c := range t.places.at(t.entries.at(at).place).clients {
		if c.owner == at {
			return i
		}
	}
	return -1
}
