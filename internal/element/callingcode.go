package element

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

var errCallingCode = errors.New("not a calling code")

// callingCode reads what forms ask for beside a number: +49, 0049, 49, DE +49 and
// Germany (+49). Of +1-684 only the +1 is the code, the rest is of the number.
func callingCode(s string) (string, error) {
	if len(s) > 64 {
		return "", errCallingCode
	}
	s = plainDigits(s)
	if _, after, ok := strings.Cut(s, "+"); ok {
		s = after
	} else {
		s = strings.TrimPrefix(strings.TrimSpace(s), "00")
	}
	number := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '(', ')', '.':
			return -1
		}
		return r
	}, s)
	n := 0
	for n < len(number) && isDigit(number[n]) {
		n++
	}
	if n == 0 || n > 7 || strings.ContainsFunc(number[n:], isDigitRune) {
		return "", errCallingCode
	}
	for i := 1; i <= min(n, 3); i++ { // no code begins another
		if code, err := strconv.Atoi(number[:i]); err == nil && regionOfCode(code) != "" {
			return "+" + number[:i], nil
		}
	}
	return "", errCallingCode
}

// regionOfCode is the main country of a calling code, 001 for one of no country, ""
// for one that is not in use.
func regionOfCode(code int) string {
	if r := phonenumbers.GetRegionCodeForCountryCode(code); r != phonenumbers.UNKNOWN_REGION {
		return r
	}
	return ""
}
