package element

import (
	"regexp/syntax"
	"strings"
)

// required finds texts, in lower case, of which every match of an expression holds
// at least one. It answers nil where there is no such set worth looking for.
func required(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	set := requiredOf(re.Simplify())
	if len(set) == 0 || shortest(set) < 2 {
		return nil
	}
	return set
}

func requiredOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredOf(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if set := requiredOf(sub); better(set, best) {
				best = set
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			set := requiredOf(sub)
			if len(set) == 0 {
				return nil
			}
			all = append(all, set...)
		}
		return all
	}
	return nil
}

// better prefers texts that are longer and not in every user agent, then fewer.
func better(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) > 0
	}
	if x, y := rarity(a), rarity(b); x != y {
		return x > y
	}
	return len(a) < len(b)
}

// rarity is the length of the shortest text, little where one is common.
func rarity(set []string) int {
	n := min(shortest(set), 8)
	for _, s := range set {
		for _, common := range [...]string{"mozilla/", "(windows nt ", "applewebkit/", "mobile", "safari", "android", "version/", "chrome/", "compatible", "linux", "macintosh", "iphone", "gecko"} {
			if strings.Contains(common, s) || s == common {
				n = min(n, 2)
			}
		}
	}
	return n
}

func shortest(set []string) int {
	n := len(set[0])
	for _, s := range set[1:] {
		n = min(n, len(s))
	}
	return n
}

// finder looks for many texts at once in one pass over the subject (Aho and
// Corasick, as a full automaton over the bytes that occur in the texts).
type finder struct {
	class  [256]uint8 // of a byte; 0 for those in no text
	width  int
	next   []uint16   // state*width+class
	owners [][]uint16 // of a state: who asked for the texts that end there
}

// newFinder takes the texts of each owner. They are few enough for 16 bits.
func newFinder(texts [][]string) *finder {
	f := &finder{width: 1}
	for _, set := range texts {
		for _, s := range set {
			for i := range len(s) {
				if f.class[s[i]] == 0 {
					f.class[s[i]] = uint8(f.width)
					f.width++
				}
			}
		}
	}
	f.grow()
	for owner, set := range texts {
		for _, s := range set {
			f.insert(s, uint16(owner))
		}
	}
	f.link()
	return f
}

func (f *finder) grow() uint16 {
	f.next = append(f.next, make([]uint16, f.width)...)
	f.owners = append(f.owners, nil)
	return uint16(len(f.owners) - 1)
}

func (f *finder) insert(s string, owner uint16) {
	at := uint16(0)
	for i := range len(s) {
		k := int(at)*f.width + int(f.class[s[i]])
		if f.next[k] == 0 {
			to := f.grow()
			f.next[k] = to
		}
		at = f.next[k]
	}
	f.owners[at] = append(f.owners[at], owner)
}

// link fills in where to go on when no text goes on, breadth first.
func (f *finder) link() {
	fail := make([]uint16, len(f.owners))
	var queue []uint16
	for c := 1; c < f.width; c++ {
		if to := f.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		f.owners[at] = append(f.owners[at], f.owners[fail[at]]...)
		for c := 1; c < f.width; c++ {
			k := int(at)*f.width + c
			if to := f.next[k]; to != 0 {
				fail[to] = f.next[int(fail[at])*f.width+c]
				queue = append(queue, to)
			} else {
				f.next[k] = f.next[int(fail[at])*f.width+c]
			}
		}
	}
}

// find sets hit[owner] for each owner of a text found. s is in lower case.
func (f *finder) find(s string, hit []bool) {
	at := 0
	for i := range len(s) {
		at = int(f.next[at*f.width+int(f.class[s[i]])])
		for _, o := range f.owners[at] {
			hit[o] = true
		}
	}
}
