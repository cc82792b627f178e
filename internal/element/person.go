package element

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const maxName = 128

// personName reads a name in one line. Forms that shout or whisper lose their case:
// ANN EXAMPLE, ann example and Ann Example are one; O'Brien and van der Berg as
// written stay. "Example, Ann" is taken as it is.
func personName(s string) (string, error) {
	if len(s) > 8*maxName {
		return "", errors.New("longer than a name")
	}
	s = oneLine(norm.NFC.String(s), maxName+1)
	letters, upper, lower, n := 0, 0, 0, 0
	for _, r := range s {
		n++
		switch {
		case unicode.IsLetter(r):
			letters++
			if unicode.IsUpper(r) {
				upper++
			} else if unicode.IsLower(r) {
				lower++
			}
		case r == '@' || r == '<' || r == '>' || r == '{' || r == '}':
			return "", errors.New("not a name")
		}
	}
	switch {
	case n > maxName:
		return "", errors.New("longer than a name")
	case letters == 0:
		return "", errors.New("not a name: no letter in it")
	case letters > 1 && upper == 0 && lower > 0, letters > 3 && lower == 0 && upper > 0:
		return titleCase(s), nil
	}
	return s, nil
}

// titleCase begins each word with a capital, after an apostrophe or hyphen too.
func titleCase(s string) string {
	begin := true
	return norm.NFC.String(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) && begin:
			begin = false
			return unicode.ToTitle(r)
		case unicode.IsLetter(r):
			return unicode.ToLower(r)
		}
		begin = r == ' ' || r == '-' || r == '\'' || r == '\u2019' || r == '.'
		return r
	}, s))
}
