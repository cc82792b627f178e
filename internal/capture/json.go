package capture

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth is how deep a JSON body may be nested beside what is read. Beyond it
// origins give up too; below it, a later duplicate could stand behind the nesting.
const maxDepth = 10_000

var (
	errDepth = errors.New("nested too deep")
	errJSON  = errors.New("no JSON") // never told: what stands before it counts
)

// found is a value as a source gave it. err says why one that is there can't be
// read; own, that the text is a copy already and not the exchange's; unverified,
// that it comes from a token whose signature nobody checked.
type found struct {
	text                string
	ok, own, unverified bool
	err                 error
}

// jsonReader reads the values of a tree from a body in one pass and keeps nothing
// else. Of a key that stands twice the last counts, as it does for nearly all
// origins. A body that is cut off gives what came before the cut.
type jsonReader struct {
	body  []byte
	at    int
	slots []repeated
	limit int      // bytes of a value
	open  []uint64 // a bit for each container around: set for an object
	key   []byte   // of a key with escapes
}

// read reads one document. What is left of the body may hold another.
func (j *jsonReader) read(body []byte, tree *jsonNode, slots []repeated) {
	if tree == nil {
		return
	}
	j.body, j.at, j.slots = body, 0, slots
	if j.value(tree, 0) == errDepth {
		j.doubt(tree)
	}
}

// readLines reads a document a line. One that is broken spoils no other.
func (j *jsonReader) readLines(body []byte, tree *jsonNode, slots []repeated) {
	if tree == nil {
		return
	}
	for n := 0; len(body) > 0; {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		at := tree.every
		if c, ok := tree.items[n]; ok {
			at = c
		}
		n++
		j.body, j.at, j.slots = line, 0, slots
		j.mark(at)
		if at != nil && j.value(at, 0) == errDepth {
			j.doubt(at)
		}
	}
}

// doubt takes back all values: what stands behind could have been the last.
func (j *jsonReader) doubt(tree *jsonNode) {
	for _, slot := range tree.under {
		j.slots[slot] = repeated{first: found{err: errDepth}, last: found{err: errDepth}}
	}
}

// mark remembers how many values there are before an item of a list, to which a
// duplicate within the item goes back.
func (j *jsonReader) mark(n *jsonNode) {
	if n != nil {
		for _, slot := range n.under {
			j.slots[slot].mark = len(j.slots[slot].all)
		}
	}
}

func (j *jsonReader) space() byte {
	for j.at < len(j.body) {
		switch c := j.body[j.at]; c {
		case ' ', '\t', '\r', '\n':
			j.at++
		default:
			return c
		}
	}
	return 0
}

// value reads one value at a place of the tree. Places are no deeper than the
// paths of a policy, so that this recursion is bounded.
func (j *jsonReader) value(n *jsonNode, depth int) error {
	for _, slot := range n.under { // a duplicate takes the place of what came before
		j.slots[slot].back()
	}
	switch c := j.space(); c {
	case '{':
		if n.keys == nil {
			return j.skip(depth)
		}
		return j.object(n, depth)
	case '[':
		if n.items == nil && n.every == nil {
			return j.skip(depth)
		}
		return j.array(n, depth)
	default:
		f, err := j.scalar(c, depth, len(n.targets) == 0)
		if err != nil {
			return err
		}
		for _, t := range n.targets {
			if s := &j.slots[t.slot]; t.many {
				s.add(f)
			} else {
				s.first, s.last = f, f
			}
		}
		return nil
	}
}

func (j *jsonReader) object(n *jsonNode, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	j.at++
	if j.space() == '}' {
		j.at++
		return nil
	}
	for {
		if j.space() != '"' {
			return errJSON
		}
		raw, plain, err := j.text()
		if err != nil {
			return err
		}
		if !plain {
			j.key = unescapeJSON(j.key[:0], raw)
			raw = j.key
		}
		child := n.keys[string(raw)]
		if j.space() != ':' {
			return errJSON
		}
		j.at++
		if child != nil {
			err = j.value(child, depth+1)
		} else {
			err = j.skip(depth + 1)
		}
		if err != nil {
			return err
		}
		switch j.space() {
		case ',':
			j.at++
		case '}':
			j.at++
			return nil
		default:
			return errJSON
		}
	}
}

func (j *jsonReader) array(n *jsonNode, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	j.at++
	if j.space() == ']' {
		j.at++
		return nil
	}
	for i := 0; ; i++ {
		child := n.every
		if c, ok := n.items[i]; ok {
			child = c
		}
		var err error
		if child != nil {
			j.mark(n.every)
			err = j.value(child, depth+1)
		} else {
			err = j.skip(depth + 1)
		}
		if err != nil {
			return err
		}
		switch j.space() {
		case ',':
			j.at++
		case ']':
			j.at++
			return nil
		default:
			return errJSON
		}
	}
}

// skip reads past one value, whatever its depth, without recursion.
func (j *jsonReader) skip(depth int) error {
	open := 0
	for {
		switch c := j.space(); c {
		case '{', '[':
			if depth+open > maxDepth {
				return errDepth
			}
			j.at++
			j.push(open, c == '{')
			open++
			switch next := j.space(); {
			case next == c+2: // } and ] stand two behind { and [
				j.at++
				open--
			case c == '{':
				if err := j.name(); err != nil {
					return err
				}
				continue
			default:
				continue
			}
		default:
			if _, err := j.scalar(c, depth+open, true); err != nil {
				return err
			}
		}
		for { // behind a value
			if open == 0 {
				return nil
			}
			object := j.open[(open-1)/64]>>((open-1)%64)&1 == 1
			c := j.space()
			if c == ',' {
				j.at++
				if object {
					if err := j.name(); err != nil {
						return err
					}
				}
				break
			}
			if object && c != '}' || !object && c != ']' {
				return errJSON
			}
			j.at++
			open--
		}
	}
}

func (j *jsonReader) push(i int, object bool) {
	if i/64 >= len(j.open) {
		j.open = append(j.open, 0)
	}
	j.open[i/64] &^= 1 << (i % 64)
	if object {
		j.open[i/64] |= 1 << (i % 64)
	}
}

// name reads a key and its colon.
func (j *jsonReader) name() error {
	if j.space() != '"' {
		return errJSON
	}
	if _, _, err := j.text(); err != nil {
		return err
	}
	if j.space() != ':' {
		return errJSON
	}
	j.at++
	return nil
}

// text reads a string and returns what stands between its quotes; plain tells that
// it stands for itself.
func (j *jsonReader) text() (raw []byte, plain bool, err error) {
	j.at++
	start, ascii := j.at, true
	plain = true
	for i := start; i < len(j.body); i++ {
		switch c := j.body[i]; {
		case c == '"':
			j.at = i + 1
			raw = j.body[start:i]
			return raw, plain && (ascii || utf8.Valid(raw)), nil
		case c == '\\':
			plain = false
			i++
			if i >= len(j.body) {
				return nil, false, errJSON
			}
			switch j.body[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(j.body) {
					return nil, false, errJSON
				}
				if _, ok := hex4(j.body[i+1:]); !ok {
					return nil, false, errJSON
				}
				i += 4
			default:
				return nil, false, errJSON
			}
		case c < ' ':
			return nil, false, errJSON
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false, errJSON
}

// scalar reads a text, number, boolean or null. Of one that is only passed by,
// nothing is kept.
func (j *jsonReader) scalar(c byte, depth int, pass bool) (found, error) {
	switch c {
	case '"':
		raw, plain, err := j.text()
		if err != nil || pass {
			return found{}, err
		}
		if plain {
			if len(raw) > j.limit {
				return found{err: errLong}, nil
			}
			return found{text: view(raw), ok: true}, nil
		}
		raw = unescapeJSON(make([]byte, 0, len(raw)), raw)
		if len(raw) > j.limit {
			return found{err: errLong}, nil
		}
		return found{text: view(raw), ok: true, own: true}, nil
	case 't':
		return j.word("true", found{text: "true", ok: true, own: true})
	case 'f':
		return j.word("false", found{text: "false", ok: true, own: true})
	case 'n':
		return j.word("null", found{})
	}
	start := j.at
	if !j.number() {
		return found{}, errJSON
	}
	switch {
	case depth > 0 && j.at == len(j.body):
		return found{}, errJSON // cut within: who knows what digits followed
	case j.at-start > 64:
		return found{err: errLong}, nil
	}
	return found{text: view(j.body[start:j.at]), ok: true}, nil
}

func (j *jsonReader) word(w string, f found) (found, error) {
	if len(j.body)-j.at < len(w) || string(j.body[j.at:j.at+len(w)]) != w {
		return found{}, errJSON
	}
	j.at += len(w)
	return f, nil
}

func (j *jsonReader) digits() (n int) {
	for ; j.at < len(j.body) && j.body[j.at]-'0' <= 9; n++ {
		j.at++
	}
	return n
}

func (j *jsonReader) number() bool {
	is := func(chars string) bool {
		if j.at < len(j.body) && bytes.IndexByte([]byte(chars), j.body[j.at]) >= 0 {
			j.at++
			return true
		}
		return false
	}
	is("-")
	if !is("0") && j.digits() == 0 {
		return false
	}
	if is(".") && j.digits() == 0 {
		return false
	}
	if is("eE") {
		is("+-")
		return j.digits() > 0
	}
	return true
}

// view is the text of bytes that stay as they are as long as it is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func hex4(b []byte) (rune, bool) {
	var r rune
	for _, c := range b[:4] {
		n, ok := nibble(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(n)
	}
	return r, true
}

// unescapeJSON appends a text, its escapes undone. One that is not whole is left out.
func unescapeJSON(out, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			if c < utf8.RuneSelf {
				out = append(out, c)
				i++
				continue
			}
			r, n := utf8.DecodeRune(raw[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		if i += 2; i > len(raw) {
			return out
		}
		switch e := raw[i-1]; e {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			if len(raw)-i < 4 {
				return out
			}
			r, _ := hex4(raw[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if len(raw)-i >= 6 && raw[i] == '\\' && raw[i+1] == 'u' {
					low, _ = hex4(raw[i+2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, e)
		}
	}
	return out
}
