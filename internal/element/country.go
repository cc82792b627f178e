package element

import (
	"errors"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

var errCountry = errors.New("not a country")

// countries are all codes and names, folded, to alpha-2.
var countries = sync.OnceValue(func() map[string]string {
	m := map[string]string{ // in use beside what the table has
		"uk": "GB", "el": "GR", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB", "holland": "NL",
		"usa": "US", "u s a": "US", "america": "US", "uae": "AE", "u a e": "AE", "xk": "XK", "xkx": "XK", "kosovo": "XK",
		"czech republic": "CZ", "burma": "MM", "swaziland": "SZ", "macedonia": "MK", "cape verde": "CV", "ivory coast": "CI",
		"south korea": "KR", "korea": "KR", "republic of korea": "KR", "north korea": "KP", "russia": "RU", "vietnam": "VN", "syria": "SY",
		"laos": "LA", "bolivia": "BO", "venezuela": "VE", "tanzania": "TZ", "moldova": "MD", "iran": "IR", "taiwan": "TW", "brunei": "BN",
		"turkey": "TR", "turkiye": "TR", "the netherlands": "NL", "the gambia": "GM", "the bahamas": "BS", "palestine": "PS",
		"macau": "MO", "hong kong": "HK", "vatican": "VA", "micronesia": "FM", "congo kinshasa": "CD", "drc": "CD", "congo brazzaville": "CG",
	}
	for _, line := range dataLines("countries.txt") {
		f := strings.Split(line, "|")
		for i, s := range f {
			k := foldName(s)
			if _, taken := m[k]; i < 3 || !taken { // codes win
				m[k] = f[0]
			}
		}
	}
	return m
})

// country reads ISO 3166-1 codes and names in many languages into alpha-2.
func country(s string) (string, error) {
	if len(s) > 128 {
		return "", errCountry
	}
	if len(s) == 2 {
		if c, ok := upperPair(s); ok {
			if code, known := alpha2()[c]; known {
				return code, nil
			}
		}
	}
	s = plainDigits(s)
	if digits(s) && len(s) < 3 {
		s = "00"[:3-len(s)] + s
	}
	if code, ok := countries()[foldName(s)]; ok {
		return code, nil
	}
	return "", errCountry
}

// upperPair brings two ASCII letters to capitals without allocating.
func upperPair(s string) (out [2]byte, ok bool) {
	for i := range 2 {
		c := s[i] &^ 0x20
		if c < 'A' || c > 'Z' || s[i] < 'A' {
			return out, false
		}
		out[i] = c
	}
	return out, true
}

// alpha2 are the two-letter codes by their letters, those in common use too.
var alpha2 = sync.OnceValue(func() map[[2]byte]string {
	m := map[[2]byte]string{}
	for k, code := range countries() {
		if len(k) == 2 && isASCII(k) {
			m[[2]byte{k[0] - 'a' + 'A', k[1] - 'a' + 'A'}] = code
		}
	}
	return m
})

// foldName makes names comparable: lower case, without accents and punctuation,
// one space between words.
func foldName(s string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(r)
		case r == '\'' || r == '\u2019':
		default:
			space = true
		}
	}
	return b.String()
}
