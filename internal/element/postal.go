package element

import (
	"errors"
	"strings"
)

var errPostal = errors.New("not a postal code")

// postalCode brings a code to capitals with one separator at most between parts.
// Where the shape tells the country it gets that country's form: ZIP+4 its hyphen,
// British and Canadian codes their space.
func postalCode(s, of string) (string, error) {
	if len(s) > 48 {
		return "", errPostal
	}
	s = strings.ToUpper(plainDigits(s))
	var b strings.Builder
	between := byte(0)
	for i := range len(s) {
		c := s[i]
		switch {
		case isDigit(c) || c >= 'A' && c <= 'Z':
			if between != 0 && b.Len() > 0 {
				b.WriteByte(between)
			}
			between = 0
			b.WriteByte(c)
		case c == '-':
			between = '-'
		case c == ' ' && between == 0:
			between = ' '
		case c == ' ':
		default:
			return "", errPostal
		}
	}
	s = b.String()
	if len(s) < 2 || len(s) > 12 || !strings.ContainsAny(s, "0123456789") {
		return "", errPostal
	}
	return postalForm(s, of), nil
}

func postalForm(s, of string) string {
	bare := without(s)
	switch shape := postalShape(bare); {
	case shape == "999999999" && (of == "" || of == "US"):
		return bare[:5] + "-" + bare[5:]
	case shape == "A9A9A9" && (of == "" || of == "CA"):
		return bare[:3] + " " + bare[3:]
	case len(bare) >= 5 && len(bare) <= 7 && (of == "GB" || of == "") && strings.HasSuffix(shape, "9AA") && shape[0] == 'A':
		return bare[:len(bare)-3] + " " + bare[len(bare)-3:]
	case len(bare) == 6 && of == "NL":
		return bare[:4] + " " + bare[4:]
	}
	return s
}

// postalShape writes letters as A and digits as 9.
func postalShape(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '9'
		}
		return 'A'
	}, s)
}
