package window

// Rename gives a series another subject, the same under another hash, unless that
// has a series of its own.
func (s *Store) Rename(window int32, from, to int64) {
	at, known := s.index[Key{window, from}]
	if _, taken := s.index[Key{window, to}]; !known || taken {
		return
	}
	s.undo.note(step{did: didRename, at: at, t: from})
	s.rename(at, s.slot(at), to)
}

func (s *Store) rename(at uint32, x *slot, to int64) {
	delete(s.index, x.key)
	x.key.Subject = to
	s.index[x.key] = at
}

// Revalue gives a value of a Distinct series another hash of it. Of two times the
// later stays.
func (s *Store) Revalue(k Key, from, to int64) {
	at, known := s.index[k]
	if !known || from == to {
		return
	}
	x := s.slot(at)
	if x.shape != values {
		return
	}
	i := s.find(x, from)
	if i < 0 {
		return
	}
	e := s.get(x, i)
	s.remove(at, x, i)
	if j := s.find(x, to); j >= 0 {
		if s.get(x, j).T >= e.T {
			return
		}
		s.remove(at, x, j)
	}
	s.insert(at, x, s.after(x, e.T), entry{e.T, to})
}
