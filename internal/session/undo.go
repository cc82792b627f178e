package session

import (
	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// undo remembers changes. A slot is copied whole before it changes; the copies lie
// in stacks of their own, in the order of the changes.
type undo struct {
	noting  bool
	changes []change
	entries []Entry
	keys    []key
	places  []place
}

// change is one change of a Table, with what is needed to reverse it.
type change struct {
	did   did
	which uint8
	at    uint32
	wide  int64
	ring  ring
}

type did uint8

const (
	didEntry     did = iota // the Entry at is about to change
	didKey                  // and so are a key,
	didPlace                // a place,
	didLink                 // and a link of the Entry at
	didTakeEntry            // a slot was taken
	didTakeKey              //
	didTakePlace            //
	didGiveEntry            // and given back
	didGiveKey              //
	didGivePlace            //
	didID                   // byID.Find(uint64(wide)) was at,
	didHash                 // byKey.Find(wide)
	didPlaceOf              // and byPlace[wide]
	didAgenda               // the first of the second wide was at
	didIdle                 // the place idle for longest was at
	didShared               // the last shared key was at, wide their number
	didLive                 // the number of live Sessions changed by wide
	didEvict                // a Session made room
)

// Begin remembers every change from here on, until End or Undo.
func (t *Table) Begin() {
	t.End()
	t.undo.noting = true
}

// End lets what was done since Begin stand.
func (t *Table) End() {
	u := &t.undo
	u.noting = false
	u.changes, u.entries, u.keys, u.places = u.changes[:0], u.entries[:0], u.keys[:0], u.places[:0]
}

// Mark names the changes since Begin, for UndoTo.
func (t *Table) Mark() int { return len(t.undo.changes) }

// Undo takes back everything since Begin.
func (t *Table) Undo() {
	t.UndoTo(0)
	t.End()
}

// UndoTo takes back everything since Mark gave this answer.
func (t *Table) UndoTo(mark int) {
	u := &t.undo
	for n := len(u.changes) - 1; n >= mark; n-- {
		t.reverse(&u.changes[n])
	}
	u.changes = u.changes[:mark]
}

func (t *Table) reverse(c *change) {
	u := &t.undo
	switch c.did {
	case didEntry:
		*t.entries.at(c.at) = pop(&u.entries)
	case didKey:
		*t.keys.at(c.at) = pop(&u.keys)
	case didPlace:
		*t.places.at(c.at) = pop(&u.places)
	case didLink:
		t.entries.at(c.at).rings[c.which] = c.ring
	case didTakeEntry:
		t.entries.give(c.at)
	case didTakeKey:
		t.keys.give(c.at)
	case didTakePlace:
		t.places.give(c.at)
	case didGiveEntry:
		t.entries.take()
	case didGiveKey:
		t.keys.take()
	case didGivePlace:
		t.places.take()
	case didID:
		exchange(&t.byID, uint64(c.wide), c.at)
	case didHash:
		exchange(&t.byKey, uint64(c.wide), c.at)
	case didPlaceOf:
		exchange(&t.byPlace, uint64(c.wide), c.at)
	case didAgenda:
		if c.which == ringSeen {
			t.seen.restore(c.wide, c.at)
		} else {
			t.begun.restore(c.wide, c.at)
		}
	case didIdle:
		t.idle = c.at
	case didShared:
		t.shared, t.sharing = c.at, int(c.wide)
	case didLive:
		t.live -= int(c.wide)
	case didEvict:
		t.evicted--
	}
}

func pop[T any](stack *[]T) T {
	s := *stack
	v := s[len(s)-1]
	*stack = s[:len(s)-1]
	return v
}

// exchange has a number found at a slot, 0 for none, and answers where it was. The
// number stands in both slots meanwhile.
func exchange(t *hashtable.Table[uint32], number uint64, at uint32) (was uint32) {
	if was = t.Find(number); was != 0 {
		t.Remove(was)
	}
	if at != 0 {
		t.Insert(at)
	}
	return was
}

func (t *Table) note(c change) {
	if t.undo.noting {
		t.undo.changes = append(t.undo.changes, c)
	}
}

// changing, changingKey and changingPlace are called before a slot changes, linking
// before a link does.
func (t *Table) changing(at uint32) {
	if t.undo.noting {
		t.undo.entries = append(t.undo.entries, *t.entries.at(at))
		t.note(change{did: didEntry, at: at})
	}
}

func (t *Table) changingKey(at uint32) {
	if t.undo.noting {
		t.undo.keys = append(t.undo.keys, *t.keys.at(at))
		t.note(change{did: didKey, at: at})
	}
}

func (t *Table) changingPlace(at uint32) {
	if t.undo.noting {
		t.undo.places = append(t.undo.places, *t.places.at(at))
		t.note(change{did: didPlace, at: at})
	}
}

func (t *Table) linking(which int, at uint32) {
	if t.undo.noting {
		t.note(change{did: didLink, which: uint8(which), at: at, ring: t.entries.at(at).rings[which]})
	}
}

// newEntry takes a slot to be written; freeEntry gives it back. So with the others.
func (t *Table) newEntry() uint32 {
	at := t.entries.take()
	t.note(change{did: didTakeEntry, at: at})
	t.changing(at)
	return at
}

func (t *Table) freeEntry(at uint32) {
	t.entries.give(at)
	t.note(change{did: didGiveEntry})
}

func (t *Table) newKey(k key) uint32 {
	at := t.keys.take()
	t.note(change{did: didTakeKey, at: at})
	t.changingKey(at)
	*t.keys.at(at) = k
	return at
}

func (t *Table) freeKey(at uint32) {
	t.keys.give(at)
	t.note(change{did: didGiveKey})
}

func (t *Table) newPlace(p place) uint32 {
	at := t.places.take()
	t.note(change{did: didTakePlace, at: at})
	t.changingPlace(at)
	*t.places.at(at) = p
	return at
}

func (t *Table) freePlace(at uint32) {
	t.places.give(at)
	t.note(change{did: didGivePlace})
}

func (t *Table) setID(id journey.ID, at uint32) {
	t.note(change{did: didID, wide: int64(id), at: exchange(&t.byID, uint64(id), at)})
}

func (t *Table) setKey(hash uint64, at uint32) {
	t.note(change{did: didHash, wide: int64(hash), at: exchange(&t.byKey, hash, at)})
}

func (t *Table) setPlace(hash uint64, at uint32) {
	t.note(change{did: didPlaceOf, wide: int64(hash), at: exchange(&t.byPlace, hash, at)})
}

func (t *Table) setIdle(at uint32) {
	if t.idle != at {
		t.note(change{did: didIdle, at: t.idle})
		t.idle = at
	}
}

func (t *Table) setLive(by int) {
	t.live += by
	t.note(change{did: didLive, wide: int64(by)})
}
