package identity

import "github.com/throughline/throughline/internal/journey"

// change is what one entry of the index was before it changed.
type change struct {
	of   what
	key  uint64
	had  bool
	was  evidence   // of a key or an account
	id   journey.ID // a parent
	many int        // sessions
}

type what uint8

const (
	aKey what = iota
	anAccount
	aParent
	someSessions
)

// Begin remembers every change from here on, until End or Undo.
func (x *Index) Begin() { x.noting, x.changes = true, x.changes[:0] }

// End lets what was done since Begin stand.
func (x *Index) End() { x.noting, x.changes = false, x.changes[:0] }

// Mark names the changes since Begin, for UndoTo.
func (x *Index) Mark() int { return len(x.changes) }

// Undo takes back everything since Begin.
func (x *Index) Undo() {
	x.UndoTo(0)
	x.End()
}

// UndoTo takes back everything since Mark gave this answer.
func (x *Index) UndoTo(mark int) {
	for n := len(x.changes) - 1; n >= mark; n-- {
		c := &x.changes[n]
		switch c.of {
		case aKey:
			restore(x.keys, c)
		case anAccount:
			restore(x.accounts, c)
		case aParent:
			if delete(x.parent, journey.ID(c.key)); c.had {
				x.parent[journey.ID(c.key)] = c.id
			}
		case someSessions:
			if delete(x.sessions, journey.ID(c.key)); c.had {
				x.sessions[journey.ID(c.key)] = c.many
			}
		}
	}
	x.changes = x.changes[:mark]
}

func restore(m map[uint64]*evidence, c *change) {
	if !c.had {
		delete(m, c.key)
		return
	}
	if e := m[c.key]; e != nil {
		*e = c.was
		return
	}
	was := c.was
	m[c.key] = &was
}

// noteKey and the three below it are called before the entry changes. Links only
// ever grow behind what was there, or go altogether: a copy of the header keeps
// them.
func (x *Index) noteKey(k uint64, e *evidence)     { x.noteEvidence(aKey, k, e) }
func (x *Index) noteAccount(k uint64, e *evidence) { x.noteEvidence(anAccount, k, e) }

func (x *Index) noteEvidence(of what, k uint64, e *evidence) {
	if !x.noting {
		return
	}
	c := change{of: of, key: k, had: e != nil}
	if e != nil {
		c.was = *e
	}
	x.changes = append(x.changes, c)
}

func (x *Index) noteParent(id journey.ID) {
	if x.noting {
		p, had := x.parent[id]
		x.changes = append(x.changes, change{of: aParent, key: uint64(id), had: had, id: p})
	}
}

func (x *Index) noteSessions(id journey.ID) {
	if x.noting {
		n, had := x.sessions[id]
		x.changes = append(x.changes, change{of: someSessions, key: uint64(id), had: had, many: n})
	}
}
