package session

import "github.com/throughline/throughline/internal/journey"

// change is one change of a Table, with what is needed to reverse it.
type change struct {
	did did
	e   *Entry
	was Entry      // for didTouch
	key uint64     // for didBind
	had bool       // for didBind: it was id's
	id  journey.ID // whose the key was, or who was listed
	w   weakKey
	at  int64 // for didSchedule
}

type did uint8

const (
	didTouch    did = iota // an Entry is about to change
	didBind                // a key is about to change hands
	didList                // an ID was listed under an address and browser
	didUnlist              // and taken off
	didBegin               // a Session began
	didDrop                // and ended
	didSchedule            // and was planned to be looked at
)

// Begin remembers every change from here on, until End or Undo.
func (t *Table) Begin() { t.noting, t.changes = true, t.changes[:0] }

// End lets what was done since Begin stand.
func (t *Table) End() {
	clear(t.changes)
	t.noting, t.changes = false, t.changes[:0]
}

// Mark names the changes since Begin, for UndoTo.
func (t *Table) Mark() int { return len(t.changes) }

// Undo takes back everything since Begin.
func (t *Table) Undo() {
	t.UndoTo(0)
	t.End()
}

// UndoTo takes back everything since Mark gave this answer.
func (t *Table) UndoTo(mark int) {
	noting := t.noting
	t.noting = false
	for n := len(t.changes) - 1; n >= mark; n-- {
		c := &t.changes[n]
		switch c.did {
		case didTouch:
			*c.e = c.was
		case didBind:
			if delete(t.byKey, c.key); c.had {
				t.byKey[c.key] = c.id
			}
		case didList:
			t.unlist(c.w, c.id)
		case didUnlist:
			t.list(c.w, c.id)
		case didBegin:
			delete(t.live, c.e.ID)
		case didDrop:
			t.live[c.e.ID] = c.e
		case didSchedule:
			list := t.due[c.at]
			if t.due[c.at] = list[:len(list)-1]; len(list) == 1 {
				delete(t.due, c.at)
			}
		}
	}
	clear(t.changes[mark:])
	t.noting, t.changes = noting, t.changes[:mark]
}

func (t *Table) note(c change) {
	if t.noting {
		t.changes = append(t.changes, c)
	}
}

// changing is called before an Entry changes. Its Keys only grow behind what was
// there or are made anew: the header keeps them.
func (t *Table) changing(e *Entry) {
	if t.noting {
		t.changes = append(t.changes, change{did: didTouch, e: e, was: *e})
	}
}

// bind gives a key to a Session, unbind takes it from whom it has.
func (t *Table) bind(key uint64, to journey.ID) {
	id, had := t.byKey[key]
	t.note(change{did: didBind, key: key, had: had, id: id})
	t.byKey[key] = to
}

func (t *Table) unbind(key uint64) {
	id, had := t.byKey[key]
	t.note(change{did: didBind, key: key, had: had, id: id})
	delete(t.byKey, key)
}
