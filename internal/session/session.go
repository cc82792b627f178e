// Package session stitches requests into Sessions. A request joins by strong keys:
// its TLS connection, the origin's own session cookie or token (known by keyed
// hashes), our TLS ticket, a device cookie. Without one it joins by address and
// device, when there is no doubt. Two Sessions that turn out to be one visitor's
// are merged. Every join and every start has a reason that people read.
//
// The judge owns a Table and gives every time and every new ID: what a Table does
// is a function of its inputs and their order. All state lies in slabs without
// pointers, and whatever changes between Begin and End can be taken back.
package session

import (
	"cmp"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// Rules steer stitching. Times are micros.
type Rules struct{ Timeout, MaxAge int64 }

const (
	second = int64(time.Second / time.Microsecond)
	minute = 60 * second
)

// Bounds of one Table, and of what it remembers of one Session.
const (
	maxLive     = 1_000_000 // Sessions; past it those seen longest ago go
	maxPlaces   = maxLive + maxLive/8
	maxKeys     = 16
	maxAccounts = 8
	maxShared   = 4096 // keys known to be many visitors'
)

// lateness is how far back a request may move the start of its Session; what comes
// later still joins all the same.
const lateness = minute

// Request is what stitching looks at. Agent is a hash of the whole User-Agent,
// Device one of the class of devices, versions left out; 0 when unknown.
type Request struct {
	Time          int64
	IP            string
	Agent, Device uint64
	Multiplexed   bool // the client's connection carries requests side by side
	Keys          []journey.Key
	// Beside is the ticket of a connection that most likely is the client's too.
	Beside uint64
	// Another says that the keys are known as somebody else's than a Session; nil:
	// nobody knows.
	Another func(journey.ID) bool
}

// Entry is a live Session. It is the Table's, to be read until the Table changes.
type Entry struct {
	ID          journey.ID
	Start, Last int64

	agent    uint32 // short for the User-Agent
	behind   uint32 // seconds by which it stands before its Last in Table.seen
	rings    [3]ring
	self     uint32 // its own slot
	place    uint32
	keys     uint32 // the first of its keys, in the order in which they came
	kinds    uint8  // those that it has keys of, a bit each
	nkeys    uint8
	Accounts uint8 // that its user has proven to own, counted up to maxAccounts
}

// Join is a request's place: its Session, and why.
type Join struct {
	Entry  *Entry
	New    bool
	Reason string
	Key    journey.Key // by which it joined, if by one
	From   journey.ID  // the Event whose response taught Key, 0 when none did
	// Ended are Sessions that had run out when their key came back, and those that
	// had to make room.
	Ended []journey.ID
	// Merged are Sessions that turned out to be part of this one. They take no more
	// requests.
	Merged []journey.ID
}

// Table holds the live Sessions of one partition. Not safe for concurrent use.
type Table struct {
	entries slab[Entry]
	keys    slab[key]
	places  slab[place]
	byID    hashtable.Table[uint32]
	byKey   hashtable.Table[uint32]
	byPlace hashtable.Table[uint32]

	// The Sessions by the second of their Start, and by one in which they were seen:
	// those who were seen again since then are put off when it is their turn.
	seen, begun agenda
	idle        uint32 // the place that has been without Sessions for longest
	shared      uint32 // the last of the keys that are many visitors'
	sharing     int    // how many
	live        int
	evicted     int64
	looked      int // Sessions that the last Sweep looked at

	liveBound, placeBound int
	undo                  undo

	// Of the request at hand.
	found []found
	slots []uint32 // its keys', 0 for those that are not known
	where uint64   // its place
}

// New returns an empty Table.
func New() *Table {
	t := &Table{
		seen: agenda{which: ringSeen}, begun: agenda{which: ringBegun},
		liveBound: maxLive, placeBound: maxPlaces,
	}
	t.byID = hashtable.New(func(at uint32) uint64 { return uint64(t.entries.at(at).ID) })
	t.byKey = hashtable.New(func(at uint32) uint64 { return t.keys.at(at).hash })
	t.byPlace = hashtable.New(func(at uint32) uint64 { return t.places.at(at).hash })
	return t
}

// Stitch finds the Session of a request or starts one under the ID that newID
// gives.
func (t *Table) Stitch(r Request, rules Rules, newID func() journey.ID) Join {
	var j Join
	t.where = placeHash(r.IP, cmp.Or(r.Device, r.Agent))
	why := t.recall(&r, rules, &j)
	if at := t.settle(&r, &j); at != 0 {
		t.touch(at, &r)
		j.Entry = t.entries.at(at)
		return j
	}
	at, weak := t.beside(&r, rules)
	if at == 0 {
		at, weak = t.weak(&r, rules)
	}
	if at != 0 {
		t.touch(at, &r)
		j.Entry, j.Reason = t.entries.at(at), weak
		return j
	}
	switch {
	case why != "":
		j.Reason = why
	case weak != "":
		j.Reason = weak
	default:
		j.Reason = "first request"
	}
	j.Entry, j.New = t.entries.at(t.start(&r, newID, &j)), true
	return j
}

// start begins a Session, for which another may have to go.
func (t *Table) start(r *Request, newID func() journey.ID, j *Join) uint32 {
	if t.live >= t.liveBound {
		oldest := t.oldest()
		j.Ended = append(j.Ended, t.entries.at(oldest).ID)
		t.drop(oldest)
		t.evicted++
		t.note(change{did: didEvict})
	}
	at := t.begin(Entry{ID: newID(), Start: r.Time, Last: r.Time, agent: short(r.Agent)})
	t.touch(at, r)
	return at
}

// begin puts a Session without keys and place into the table.
func (t *Table) begin(e Entry) uint32 {
	at := t.newEntry()
	e.self = at
	*t.entries.at(at) = e
	t.setLive(1)
	t.setID(e.ID, at)
	t.seen.add(t, e.planned(), at)
	t.begun.add(t, floor(e.Start), at)
	return at
}

// oldestLooks is how many Sessions are looked at to find the one seen longest ago.
const oldestLooks = 256

// oldest returns the Session seen longest ago, or, when very many were seen again
// since they were planned, the one of those looked at.
func (t *Table) oldest() uint32 {
	best := uint32(0)
	for range oldestLooks {
		at := t.seen.first()
		e := t.entries.at(at)
		if e.behind == 0 && (best == 0 || e.Last <= t.entries.at(best).Last) {
			return at
		}
		if best == 0 || e.Last < t.entries.at(best).Last {
			best = at
		}
		t.putOff(at)
	}
	return best
}

// putOff plans a Session anew that was seen again.
func (t *Table) putOff(at uint32) {
	e := t.entries.at(at)
	t.changing(at)
	t.seen.remove(t, e.planned(), at)
	e.behind = 0
	t.seen.add(t, e.planned(), at)
}

// touch moves a Session on by a request of its own. One that comes late moves it
// back neither in time nor in place.
func (t *Table) touch(at uint32, r *Request) {
	e := t.entries.at(at)
	if r.Time >= e.Last {
		if agent := short(r.Agent); r.Time != e.Last || agent != e.agent {
			t.changing(at)
			e.seenAgain(r.Time, agent)
		}
		t.enter(at, t.where)
		if len(t.found) == 0 {
			t.arrived(e.place, r.Time)
		}
	} else if r.Time < e.Start && e.Start-r.Time <= lateness {
		t.changing(at)
		t.begun.remove(t, floor(e.Start), at)
		e.Start = r.Time
		t.begun.add(t, floor(e.Start), at)
	}
	t.carry(at, r)
	t.sighted(at, r.Time)
}

// seenAgain moves the end of a Session on; its place in Table.seen stays.
func (e *Entry) seenAgain(now int64, agent uint32) {
	e.behind += uint32(floor(now) - floor(e.Last))
	e.Last, e.agent = now, agent
}

// planned is the second in which a Session stands in Table.seen.
func (e *Entry) planned() int64 { return floor(e.Last) - int64(e.behind) }

// short folds a hash that only has to tell a few apart.
func short(hash uint64) uint32 { return uint32(hash ^ hash>>32) }

// drop ends a Session.
func (t *Table) drop(at uint32) {
	e := t.entries.at(at)
	for k := e.keys; k != 0; {
		x := t.keys.at(k)
		next := x.next
		if x.kind != kindAccount {
			t.setKey(x.hash, 0)
		}
		t.freeKey(k)
		k = next
	}
	t.leave(at)
	t.seen.remove(t, e.planned(), at)
	t.begun.remove(t, floor(e.Start), at)
	t.setID(e.ID, 0)
	t.setLive(-1)
	t.freeEntry(at)
}

// Get returns a live Session, nil when it has ended.
func (t *Table) Get(id journey.ID) *Entry {
	if at := t.byID.Find(uint64(id)); at != 0 {
		return t.entries.at(at)
	}
	return nil
}

// Holder returns the live Session that a key belongs to, nil when there is none.
func (t *Table) Holder(key uint64) *Entry {
	if slot := t.byKey.Find(key); slot != 0 && t.keys.at(slot).owner != 0 {
		return t.entries.at(t.keys.at(slot).owner)
	}
	return nil
}

// Len is the number of live Sessions; Evicted how many the bound ended.
func (t *Table) Len() int       { return t.live }
func (t *Table) Evicted() int64 { return t.evicted }

func alive(e *Entry, now int64, rules Rules) bool {
	return now-e.Last <= rules.Timeout && now-e.Start <= rules.MaxAge
}

func pause(d int64, rules Rules) string {
	if d > rules.Timeout {
		return fmt.Sprintf("%v without any", (time.Duration(d) * time.Microsecond).Round(time.Minute))
	}
	return "the session reached its maximum age"
}
