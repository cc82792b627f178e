package element

import (
	"errors"
	"strconv"
	"strings"
)

// nineDigits reads a number of nine digits with or without hyphens.
func nineDigits(s string) (string, error) {
	if len(s) > 64 {
		return "", errors.New("not 9 digits")
	}
	n := without(plainDigits(s))
	if len(n) != 9 || !digits(n) {
		return "", errors.New("not 9 digits")
	}
	return n, nil
}

// ssn reads a social security number, or a taxpayer number in its place, that can
// have been issued.
func ssn(s string, h *Hasher) (string, error) {
	n, err := nineDigits(s)
	if err != nil {
		return "", err
	}
	area, group, serial := n[:3], n[3:5], n[5:]
	switch {
	case area == "000" || area == "666" || group == "00" || serial == "0000":
		return "", errors.New("not a number that is issued")
	case area[0] == '9' && (group < "50" || group == "66" || group == "89" || group == "93"): // ITIN groups
		return "", errors.New("not a number that is issued")
	case n == "078051120" || n == "219099999" || strings.Trim(n, n[:1]) == "": // printed on sample cards
		return "", errors.New("not a number that is issued")
	}
	return h.Secret("ssn", n), nil
}

// ein reads an employer identification number whose first two digits are those of
// an office that issues them.
func ein(s string, h *Hasher) (string, error) {
	n, err := nineDigits(s)
	if err != nil {
		return "", err
	}
	p, _ := strconv.Atoi(n[:2])
	switch {
	case p == 0 || p >= 7 && p <= 9 || p >= 17 && p <= 19 || p >= 28 && p <= 29 || p == 49 || p >= 69 && p <= 70 || p >= 78 && p <= 79 || p == 89 || p >= 96 && p <= 97:
		return "", errors.New("not a number that is issued")
	}
	return h.Secret("ein", n), nil
}
