package capture

import "github.com/throughline/throughline/internal/wire"

// firsts are the first segments of all paths that Specs name, as a set that errs on
// the side of having one: it tells of most requests in one look over their path that
// no Spec is meant. nil where a Spec takes any first segment.
type firsts [4]uint64

func newFirsts(root *node) *firsts {
	if root.open != nil || root.rest != nil {
		return nil
	}
	f := new(firsts)
	for s := range root.literal {
		i := place(s[0], s[len(s)-1], len(s))
		f[i>>6] |= 1 << (i & 63)
	}
	return f
}

// place is where a segment stands in the set, by its ends and its length.
func place(first, last byte, n int) byte {
	return first + 31*last + 97*byte(n) //nolint:gosec // it wraps around
}

// Strange tells of a request whose path alone shows that Match would find nothing and
// leave nothing open. It says no where a look is not enough, such as of a path that is
// not spelt plainly. It allocates nothing.
func (x *Index) Strange(h *wire.Head) bool {
	f, t := x.first, h.Target
	if f == nil || len(t) < 2 || t[0] != '/' {
		return false
	}
	end := 0 // of the first segment
	before := byte('/')
	i := 1
	for ; i < len(t) && t[i] != '?'; i++ {
		switch c := t[i]; c {
		case '%', ';', '#':
			return false
		case '/', '.':
			if before == '/' { // an empty segment, or one that may be dots
				return false
			}
			if c == '/' && end == 0 {
				end = i
			}
		}
		before = t[i]
	}
	if end == 0 {
		end = i
	}
	if end < 2 {
		return false
	}
	at := place(t[1], t[end-1], end-1)
	return f[at>>6]&(1<<(at&63)) == 0
}
