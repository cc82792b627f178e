package element

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Longest values kept, in runes.
const (
	maxIdentifier = 256
	maxText       = 512
)

// text collapses white space and control characters, bounds the length and hides
// card numbers: what people type may hold anything.
func text(s string) (string, error) {
	s = oneLine(s, maxText)
	if s == "" {
		return "", errors.New("empty")
	}
	return maskCards(asciiDigits(s)), nil
}

// oneLine collapses white space, control and invisible format characters to
// single spaces and cuts at a number of runes.
func oneLine(s string, most int) string {
	if isPlainLine(s, most) {
		return s
	}
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = true
			continue
		}
		if r == '\u200b' || r == '\ufeff' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			continue // zero width or turning the direction of what is read
		}
		if n+1 > most || space && b.Len() > 0 && n+2 > most {
			break
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
			n++
		}
		space = false
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// isPlainLine tells whether oneLine would change nothing.
func isPlainLine(s string, most int) bool {
	if len(s) > most || s == "" || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == ' ' && s[i+1] == ' ' {
			return false
		}
	}
	return true
}

// maskCards hides digit groups that are card numbers but for the last four. Groups
// stand apart by a space, point or hyphen, so that a date or a second number beside
// a card hides nothing.
func maskCards(s string) string {
	var b strings.Builder
	kept := 0
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		number, end := cardAt(s, i)
		if number == "" {
			for i < len(s) && isDigit(s[i]) { // the next group
				i++
			}
			continue
		}
		b.WriteString(s[kept:i])
		b.WriteString("[card ")
		b.WriteString(number[len(number)-4:])
		b.WriteByte(']')
		kept, i = end, end
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}

// cardAt finds the longest card number of whole groups that begins at a group.
func cardAt(s string, from int) (number string, end int) {
	var buf [19]byte
	n := 0
	for i := from; i < len(s); {
		for i < len(s) && isDigit(s[i]) {
			if n == len(buf) {
				return number, end
			}
			buf[n] = s[i]
			n, i = n+1, i+1
		}
		if n >= 13 && luhn(string(buf[:n])) {
			if brand, ok := brandOf(string(buf[:n])); ok && brand != "" {
				number, end = string(buf[:n]), i
			}
		}
		if i+1 >= len(s) || s[i] != ' ' && s[i] != '-' && s[i] != '.' || !isDigit(s[i+1]) {
			break
		}
		i++
	}
	return number, end
}

// asciiDigits turns the decimal digits of every script into 0 to 9.
func asciiDigits(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf && unicode.IsDigit(r) {
			return '0' + digitValue(r)
		}
		return r
	}, s)
}

// bounded takes a value as it is unless it is too long or holds control
// characters.
func bounded(s string, most int) (string, error) {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf {
			return boundedRunes(s, most)
		} else if c < ' ' || c == 0x7f {
			return "", errors.New("holds a control character")
		}
	}
	if len(s) > most {
		return "", fmt.Errorf("longer than %d", most)
	}
	return s, nil
}

func boundedRunes(s string, most int) (string, error) {
	n := 0
	for _, r := range s {
		if unicode.IsControl(r) {
			return "", errors.New("holds a control character")
		}
		if n++; n > most {
			return "", fmt.Errorf("longer than %d", most)
		}
	}
	return s, nil
}

// cutBytes cuts at a number of bytes, never within a rune.
func cutBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// without leaves out spaces and hyphens.
func without(s string) string {
	if !strings.ContainsAny(s, " -") {
		return s
	}
	buf := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] != ' ' && s[i] != '-' {
			buf = append(buf, s[i])
		}
	}
	return string(buf)
}

// plainDigits turns the decimal digits of every script into 0 to 9, and dashes
// and spaces of every kind into the plain ones.
func plainDigits(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case unicode.IsDigit(r):
			return '0' + digitValue(r)
		case unicode.Is(unicode.Pd, r) || r == '\u2212':
			return '-'
		case unicode.IsSpace(r):
			return ' '
		case r >= '\uff01' && r <= '\uff5e': // full-width forms
			return r - '\uff01' + '!'
		case r == '\u200e' || r == '\u200f' || r >= '\u202a' && r <= '\u202e':
			return -1
		}
		return r
	}, s)
}

// digitValue of a decimal digit: scripts have theirs in runs of ten, and the
// mathematical ones five runs in a row.
func digitValue(r rune) rune {
	n := rune(0)
	for n < 50 && unicode.IsDigit(r-1-n) {
		n++
	}
	return n % 10
}
