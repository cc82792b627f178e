package capture

import "strings"

// canonical brings a path into the form that Specs are written in, so that no
// other spelling of the same resource slips past them: escapes of unreserved
// characters undone (RFC 3986 6.2.2), path parameters (;v=1), empty and dot
// segments taken out. A path that is plain already, as nearly all are, is returned
// as it is, without allocation.
func canonical(path string) string {
	if plainPath(path) {
		return path
	}
	segments := strings.Split(strings.TrimPrefix(unescape(path), "/"), "/")
	kept := segments[:0]
	slash := false // it ends in one
	for _, s := range segments {
		s, _, _ = strings.Cut(s, ";")
		slash = false
		switch s {
		case "", ".":
			slash = true
		case "..":
			slash = true
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, s)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if slash && len(kept) > 0 {
		out += "/"
	}
	return out
}

func plainPath(path string) bool {
	for i := range len(path) {
		switch path[i] {
		case '%', ';':
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

func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			c, ok := hex(s[i+1], s[i+2])
			if ok && ('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0) {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hex(a, b byte) (byte, bool) {
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
