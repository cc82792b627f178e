package wire

// Kinds is a set of kinds.
type Kinds uint32

// Of makes a set.
func Of(kinds ...Kind) (s Kinds) {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has tells whether a kind is in the set.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// Rewrite is what changes in a head on its way. All else stays byte for byte:
// order, case and spacing.
type Rewrite struct {
	Drop   Kinds  // fields left out
	Edits  []Edit // remove every field of a name; append one if there is a value; the last of a name counts
	Target string // replaces a request's target when not empty
	Add    []byte // whole lines, appended behind the others
	Swap   []Swap // values that are replaced where they stand
}

// Swap replaces the value of the field at a place of Fields; without a value the
// line is left out.
type Swap struct {
	At    int
	Value string
}

// Append appends the head, changed as r says, to dst. Edits whose name is no
// token or whose value could begin a new line are left out: whatever a rule
// makes of a visitor's input, it stays one field.
func (m *Message) Append(dst []byte, r *Rewrite) []byte {
	from := 0
	if r.Target != "" && r.Target != m.Target {
		dst = append(dst, m.Raw[:len(m.Method)+1]...)
		dst = append(dst, r.Target...)
		from = len(m.Method) + 1 + len(m.Target)
	}
	if Kinds(m.has)&r.Drop != 0 || len(r.Edits) > 0 || len(r.Swap) > 0 {
		for i := range m.lines {
			l := &m.lines[i]
			out := r.Drop.Has(l.kind) || edited(r.Edits, m.Fields[i].Name)
			swap, swapped := r.swap(i)
			if !out && !swapped {
				continue
			}
			dst = append(dst, m.Raw[from:l.start]...)
			from = int(l.end)
			if !out && swap != "" {
				dst = AppendField(dst, m.Fields[i].Name, swap)
			}
		}
	}
	dst = append(dst, m.Raw[from:len(m.Raw)-2]...)
	for i := range r.Edits {
		if e := &r.Edits[i]; e.Value != "" && e.valid() && !edited(r.Edits[i+1:], e.Name) {
			dst = appendField(dst, e.Name, e.Value)
		}
	}
	dst = append(dst, r.Add...)
	return append(dst, '\r', '\n')
}

// Extend is the head, changed as r says, where r only adds to it and the buffer that
// Raw stands in has room behind it: written there, and whatever stood behind is
// overwritten. nil otherwise. Until Restore, Raw is without its end.
func (m *Message) Extend(r *Rewrite) []byte {
	n := len(m.Raw)
	if Kinds(m.has)&r.Drop != 0 || len(r.Edits) > 0 || len(r.Swap) > 0 || r.Target != "" && r.Target != m.Target || cap(m.Raw)-n < len(r.Add) {
		return nil
	}
	return append(append(m.Raw[:n-2], r.Add...), '\r', '\n')
}

// Restore gives Raw back the end that Extend has overwritten.
func (m *Message) Restore() { copy(m.Raw[len(m.Raw)-2:], "\r\n") }

// Unchanged tells whether Append would give Raw again.
func (m *Message) Unchanged(r *Rewrite) bool {
	return Kinds(m.has)&r.Drop == 0 && len(r.Edits) == 0 && len(r.Add) == 0 && len(r.Swap) == 0 && (r.Target == "" || r.Target == m.Target)
}

func (r *Rewrite) swap(at int) (value string, ok bool) {
	for i := range r.Swap {
		if r.Swap[i].At == at {
			return r.Swap[i].Value, true
		}
	}
	return "", false
}

func edited(edits []Edit, name string) bool {
	for i := range edits {
		if equalFold(edits[i].Name, name) && edits[i].valid() {
			return true
		}
	}
	return false
}

// valid keeps edits away from line ends and from what frames the message.
func (e *Edit) valid() bool {
	if !isToken([]byte(e.Name)) {
		return false
	}
	switch k := kindOf([]byte(e.Name)); {
	case k == ContentLength, k.HopByHop():
		return false
	}
	for i := range len(e.Value) {
		if chars[e.Value[i]]&inValue == 0 {
			return false
		}
	}
	return true
}

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// AppendField appends a line to dst unless it could be read as more than one.
func AppendField(dst []byte, name, value string) []byte {
	if !isToken([]byte(name)) || badText([]byte(value)) {
		return dst
	}
	return appendField(dst, name, value)
}
