package window

// undo remembers how to take back what was done since Begin.
type undo struct {
	on        bool
	steps     []step
	dropped   []uint32 // slots that go for good when nothing is taken back
	saturated int64
}

// step is one change, with what is needed to reverse it.
type step struct {
	did  did
	i    uint16
	at   uint32
	t, v int64 // an entry, or what a slot's last and a were
}

type did uint8

const (
	didCreate did = iota
	didTouch
	didPut
	didCut
	didDrop
	didRename
)

// keepSteps is how much of an undo that was long is kept for the next.
const keepSteps = 1 << 12

// Begin remembers every change from here on, until End or Undo.
func (s *Store) Begin() {
	s.End()
	s.undo.on, s.undo.saturated = true, s.saturated
}

// End lets what was done since Begin stand.
func (s *Store) End() {
	for _, at := range s.undo.dropped {
		s.release(at)
	}
	s.undo.clear()
}

// Mark names the changes since Begin, for UndoTo.
func (s *Store) Mark() int { return len(s.undo.steps) }

// Undo takes back everything since Begin.
func (s *Store) Undo() {
	if !s.undo.on {
		return
	}
	s.UndoTo(0)
	s.saturated = s.undo.saturated
	s.undo.clear()
}

// UndoTo takes back everything since Mark gave this answer.
func (s *Store) UndoTo(mark int) {
	for n := len(s.undo.steps) - 1; n >= mark; n-- {
		p := &s.undo.steps[n]
		x := s.slot(p.at)
		switch p.did {
		case didCreate:
			delete(s.index, x.key)
			s.of[x.key.Window]--
			s.unschedule(p.at, x)
			s.release(p.at)
		case didTouch:
			x.last = p.t
			if x.shape == total || x.shape == one {
				x.a = p.v
			}
		case didPut:
			s.cut(x, int(p.i))
		case didCut:
			s.put(x, int(p.i), entry{p.t, p.v})
		case didDrop:
			x.live = true
			s.index[x.key] = p.at
			s.of[x.key.Window]++
			s.held += int(x.n)
			s.undo.dropped = s.undo.dropped[:len(s.undo.dropped)-1]
		case didRename:
			s.rename(p.at, x, p.t)
		}
	}
	s.undo.steps = s.undo.steps[:mark]
}

func (u *undo) clear() {
	u.on, u.steps, u.dropped = false, u.steps[:0], u.dropped[:0]
	if cap(u.steps) > keepSteps {
		u.steps = nil
	}
}

func (u *undo) note(p step) {
	if u.on {
		u.steps = append(u.steps, p)
	}
}

func (u *undo) touched(at uint32, x *slot) { u.note(step{did: didTouch, at: at, t: x.last, v: x.a}) }

// create begins a series.
func (s *Store) create(k Key, as shape, t int64) uint32 {
	at := s.claim()
	*s.slot(at) = slot{key: k, last: t, shape: as, live: true, due: never}
	s.index[k] = at
	s.of[k.Window]++
	s.undo.note(step{did: didCreate, at: at})
	return at
}

func (s *Store) insert(at uint32, x *slot, i int, e entry) {
	s.put(x, i, e)
	s.undo.note(step{did: didPut, at: at, i: uint16(i)})
}

func (s *Store) remove(at uint32, x *slot, i int) {
	if s.undo.on {
		e := s.get(x, i)
		s.undo.note(step{did: didCut, at: at, i: uint16(i), t: e.T, v: e.V})
	}
	s.cut(x, i)
}

// drop ends a series. While it can be taken back its slot stays as it is.
func (s *Store) drop(at uint32) {
	x := s.slot(at)
	delete(s.index, x.key)
	s.of[x.key.Window]--
	x.live = false
	s.held -= int(x.n)
	if s.undo.on {
		s.undo.note(step{did: didDrop, at: at})
		s.undo.dropped = append(s.undo.dropped, at)
		return
	}
	s.release(at)
}
