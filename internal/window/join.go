package window

// Join gives what one subject's series holds to another's, in the order of time:
// the two turned out to be one.
func (s *Store) Join(window int32, w Spec, from, to int64) {
	at, known := s.index[Key{window, from}]
	if !known || from == to {
		return
	}
	target := Key{window, to}
	other, taken := s.index[target]
	if !taken {
		s.Rename(window, from, to)
		return
	}
	x := s.slot(at)
	switch x.shape {
	case one:
		if x.n > 0 {
			s.Add(target, w, x.a, 0)
		}
	case total:
		y := s.slot(other)
		s.undo.touched(other, y)
		y.last, y.a = max(y.last, x.last), plus(y.a, x.a)
	default:
		for i := range int(x.n) {
			e := s.get(x, i)
			s.Add(target, w, e.T, e.V)
		}
	}
	s.drop(at)
}
