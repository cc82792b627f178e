package judge

import (
	"slices"

	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

// undo remembers how to take back the input at hand. Sessions, keys and windows
// remember their own part.
type undo struct {
	on      bool
	lastID  journey.ID
	held    int
	policy  *policy.Snapshot
	plan    plan
	defs    []expr.Window
	visits  []visitWas
	pending []pendingWas
	waiting []waitingWas
}

type visitWas struct {
	id  journey.ID
	v   *journey.Session // nil: there was none
	was journey.Session
}

type pendingWas struct {
	exchange uint64
	p        *pendingEvent // never changed; nil: there was none
}

type waitingWas struct {
	id journey.ID
	n  int
}

// mark is a place in the undo.
type mark struct {
	lastID                    journey.ID
	held                      int
	visits, pending, waiting  int
	sessions, people, windows int
	links, merged             int
}

func (s *State) begin() {
	s.sessions.Begin()
	s.people.Begin()
	s.windows.Begin()
	u := &s.undo
	u.on, u.held, u.lastID, u.policy, u.plan, u.defs = true, s.held, s.lastID, s.policy, s.plan, s.defs
	u.visits, u.pending, u.waiting = u.visits[:0], u.pending[:0], u.waiting[:0]
	s.links, s.merged = nil, nil
	s.swept = 0
}

func (s *State) mark() mark {
	return mark{s.lastID, s.held, len(s.undo.visits), len(s.undo.pending), len(s.undo.waiting),
		s.sessions.Mark(), s.people.Mark(), s.windows.Mark(), len(s.links), len(s.merged)}
}

// Commit lets the input that was tried stand, and does what can't be taken back.
func (s *State) Commit() {
	s.end()
	if s.swept != 0 {
		s.sweep(s.swept)
		s.swept = 0
	}
}

// Undo takes back the input that was tried. Only what is counted stays counted.
func (s *State) Undo() {
	if !s.undo.on {
		return
	}
	s.undoTo(mark{lastID: s.undo.lastID, held: s.undo.held})
	s.policy, s.plan = s.undo.policy, s.undo.plan
	if !slices.Equal(s.defs, s.undo.defs) {
		s.define(s.undo.defs)
	}
	s.swept = 0
	s.end()
}

func (s *State) undoTo(m mark) {
	s.sessions.UndoTo(m.sessions)
	s.people.UndoTo(m.people)
	s.windows.UndoTo(m.windows)
	s.lastID, s.held = m.lastID, m.held
	s.links, s.merged = s.links[:m.links], s.merged[:m.merged]
	u := &s.undo
	for n := len(u.visits) - 1; n >= m.visits; n-- {
		if w := &u.visits[n]; w.v == nil {
			delete(s.visits, w.id)
		} else {
			*w.v = w.was
			s.visits[w.id] = w.v
		}
	}
	for n := len(u.pending) - 1; n >= m.pending; n-- {
		if w := &u.pending[n]; w.p == nil {
			delete(s.pending, w.exchange)
		} else {
			s.pending[w.exchange] = w.p
		}
	}
	for n := len(u.waiting) - 1; n >= m.waiting; n-- {
		if w := &u.waiting[n]; w.n == 0 {
			delete(s.waiting, w.id)
		} else {
			s.waiting[w.id] = w.n
		}
	}
	u.cut(m.visits, m.pending, m.waiting)
}

func (s *State) end() {
	s.sessions.End()
	s.people.End()
	s.windows.End()
	u := &s.undo
	u.on, u.policy, u.plan, u.defs, s.doomed = false, nil, plan{}, nil, nil
	u.cut(0, 0, 0)
}

// cut shortens the lists and lets go of what they pointed to.
func (u *undo) cut(visits, pending, waiting int) {
	clear(u.visits[visits:])
	clear(u.pending[pending:])
	u.visits, u.pending, u.waiting = u.visits[:visits], u.pending[:pending], u.waiting[:waiting]
}

// noteVisit and the two below it are called before what they name changes. What
// hangs on a Session is never changed in place, only added to or made anew.
func (s *State) noteVisit(id journey.ID) {
	if !s.undo.on {
		return
	}
	w := visitWas{id: id, v: s.visits[id]}
	if w.v != nil {
		w.was = *w.v
	}
	s.undo.visits = append(s.undo.visits, w)
}

func (s *State) notePending(exchange uint64) {
	if s.undo.on {
		s.undo.pending = append(s.undo.pending, pendingWas{exchange, s.pending[exchange]})
	}
}

func (s *State) noteWaiting(id journey.ID) {
	if s.undo.on {
		s.undo.waiting = append(s.undo.waiting, waitingWas{id, s.waiting[id]})
	}
}
