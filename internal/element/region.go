package element

import (
	"errors"
	"strings"
	"sync"
)

// subdivisions are codes of ISO 3166-2 by country and folded name or code.
var subdivisions = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, line := range dataLines("subdivisions.txt") {
		code, name, _ := strings.Cut(line, "|")
		of, short, _ := strings.Cut(code, "-")
		m[of+" "+strings.ToLower(short)] = short
		if _, taken := m[of+" "+foldName(name)]; !taken {
			m[of+" "+foldName(name)] = short
		}
	}
	return m
})

const maxRegion = 64

// region reads a state or province. With a country, or as US-CA, it becomes the
// code of the subdivision; without one the name stays as it is, a short code in
// capitals.
func region(s, of string) (string, error) {
	if len(s) > 4*maxRegion {
		return "", errors.New("longer than a region")
	}
	s = oneLine(s, maxRegion+1)
	if s == "" || len([]rune(s)) > maxRegion {
		return "", errors.New("not a region")
	}
	if c, rest, ok := strings.Cut(s, "-"); ok && len(c) == 2 && len(rest) <= 3 {
		if code, ok := subdivisions()[strings.ToUpper(c)+" "+strings.ToLower(rest)]; ok {
			return code, nil
		}
	}
	if code, ok := subdivision(s, of); ok {
		return code, nil
	}
	if len(s) <= 3 && isASCII(s) {
		return strings.ToUpper(s), nil
	}
	return s, nil
}

// subdivision finds the code of a region of a country by code or name.
func subdivision(s, of string) (string, bool) {
	if len(of) != 2 {
		return "", false
	}
	code, ok := subdivisions()[strings.ToUpper(of)+" "+foldName(s)]
	return code, ok
}
