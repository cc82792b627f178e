package capture

import (
	"strings"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// resource returns a target's path and raw query as an origin sees them: without
// the scheme and authority of the absolute form, and without a fragment, which no
// client sends but which origins cut off.
func resource(h *wire.Head) (path, query string) {
	path, query = h.Path()
	if !strings.HasPrefix(path, "/") {
		if i := strings.Index(path, "://"); i > 0 {
			rest := path[i+len("://"):]
			if j := strings.IndexByte(rest, '/'); j >= 0 {
				path = rest[j:]
			} else {
				path = "/"
			}
		}
	}
	if i := strings.IndexByte(path, '#'); i >= 0 {
		return path[:i], "" // all behind it is fragment
	}
	if i := strings.IndexByte(query, '#'); i >= 0 {
		query = query[:i]
	}
	return path, query
}

// canonical brings a path into the one form in which Specs and requests are
// compared, so that no other spelling of the same resource slips past them. It is
// used for matching alone: what is forwarded stays as it came.
//
//   - path parameters (;v=1) go, then escapes are undone in each segment;
//   - empty and dot segments are resolved, whichever way they were spelt;
//   - what would change the meaning when undone (/ % ; ? #) stays escaped, in
//     upper case, and so does a % that begins no escape;
//   - letter case counts.
//
// A slash at the end stays; matchPath looks past it. A path that is plain already,
// as nearly all are, is returned as it is, without allocation.
func canonical(path string) string {
	if plainPath(path) {
		return path
	}
	kept, slash := segments(path)
	var b strings.Builder
	b.Grow(len(path) + 1)
	for _, s := range kept {
		b.WriteByte('/')
		writeCanonical(&b, s)
	}
	if slash || len(kept) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}

// segments splits a path and resolves it. What it returns is still escaped; slash
// tells that the path ends in one.
func segments(path string) (kept []string, slash bool) {
	kept = make([]string, 0, strings.Count(path, "/")+1)
	rest := strings.TrimPrefix(path, "/")
	for more := true; more; {
		var s string
		s, rest, more = strings.Cut(rest, "/")
		s, _, _ = strings.Cut(s, ";")
		slash = true
		switch dots(s) {
		case 0: // empty
		case 1:
		case 2:
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept, slash = append(kept, s), false
		}
	}
	return kept, slash
}

// dots tells of a segment that is empty (0), "." (1) or ".." (2) in any spelling;
// 3 of every other.
func dots(s string) int {
	n := 0
	for s != "" && n < 3 {
		switch {
		case s[0] == '.':
			s = s[1:]
		case len(s) >= 3 && s[0] == '%' && s[1] == '2' && s[2]|0x20 == 'e':
			s = s[3:]
		default:
			return 3
		}
		n++
	}
	return n
}

func plainPath(path string) bool {
	for i := range len(path) {
		switch path[i] {
		case '%', ';', '#':
			return false
		case '/':
			next := path[i+1:]
			if end := strings.IndexByte(next, '/'); end >= 0 {
				next = next[:end]
			} else if next == "" {
				break // a slash at the end
			}
			if next == "" || next == "." || next == ".." {
				return false
			}
		}
	}
	return strings.HasPrefix(path, "/")
}

func writeCanonical(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if v, ok := hexByte(s[i+1], s[i+2]); ok {
				c, i = v, i+2
			}
		}
		switch c {
		case '/', '%', ';', '?', '#':
			const digits = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		default:
			b.WriteByte(c)
		}
	}
}

// unescape undoes every escape; a % that begins none stands for itself. Without
// any it returns s itself.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, ok := hexByte(s[i+1], s[i+2]); ok {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// segment returns the value of a named segment of a path that matched, escapes
// undone: %2F is part of it and splits nothing. The pattern is in canonical form.
func segment(pattern []policy.Segment, path, name string) string {
	kept, _ := segments(path)
	for i, seg := range pattern {
		if seg.Name == name && i < len(kept) {
			return unescape(kept[i])
		}
	}
	return ""
}

// compilePath brings a Spec's pattern into the same form as the paths it is
// compared with. Empty segments go, so that of "/" nothing is left.
func compilePath(pattern []policy.Segment) []policy.Segment {
	out := make([]policy.Segment, 0, len(pattern))
	for _, seg := range pattern {
		if seg.Name == "" && !seg.Any && !seg.Rest {
			seg.Literal = strings.Trim(canonical("/"+seg.Literal), "/")
			if seg.Literal == "" {
				continue
			}
		}
		out = append(out, seg)
	}
	return out
}

func hexByte(a, b byte) (byte, bool) {
	x, okA := nibble(a)
	y, okB := nibble(b)
	return x<<4 | y, okA && okB
}

func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
