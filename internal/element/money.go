package element

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

var errMoney = errors.New("not an amount")

// Most digits before and behind the point: exact in what adds amounts up.
const (
	maxWhole  = 15
	maxPlaces = 8
)

// money reads an exact decimal amount in the forms of all locales:
//
//	1234.5  1,234.50  1.234,50 €  1 234,50  1'234.50  12,34,567.00  $-5  (5.00)  USD 12
//
// Where one separator stands once with three digits behind it, as in 1,234, it
// groups. The canonical form has a point and at least two places, and four where
// three could be read as a group.
func money(d *Def, s string, opt *Options) (Result, error) {
	if len(s) > 64 {
		return Result{}, errMoney
	}
	number, unit, neg, err := splitMoney(plainDigits(s))
	if err != nil {
		return Result{}, err
	}
	var cur currencyInfo
	if unit != "" {
		var ok bool
		if cur, ok = currencyOf(unit); !ok {
			return Result{}, errors.New("not an amount: unknown currency")
		}
	}
	known := cur // the amount's own goes before what is said beside it
	if unit == "" && opt.Currency != "" {
		var ok bool
		if known, ok = currencyOf(opt.Currency); !ok {
			return Result{}, errors.New("not an amount: unknown currency")
		}
	}
	var v string
	if opt.Minor {
		v, err = minorUnits(number, known)
	} else {
		v, err = exactDecimal(number, known.places)
	}
	if err != nil {
		return Result{}, err
	}
	if neg && strings.Trim(v, "0.") != "" {
		v = "-" + v
	}
	return Result{Value: v, Parts: d.give(nil, partCurrency, cur.code)}, nil
}

// splitMoney takes an amount apart into number, currency and sign.
func splitMoney(s string) (number, unit string, neg bool, err error) {
	if in, ok := strings.CutPrefix(s, "("); ok { // as in accounts
		if s, ok = strings.CutSuffix(in, ")"); !ok {
			return "", "", false, errMoney
		}
		neg = true
	}
	first := strings.IndexFunc(s, func(r rune) bool { return isDigitRune(r) })
	last := strings.LastIndexFunc(s, func(r rune) bool { return isDigitRune(r) })
	if first < 0 {
		return "", "", false, errMoney
	}
	if first > 0 && (s[first-1] == '.' || s[first-1] == ',') { // .50
		first--
	}
	before, number, after := s[:first], s[first:last+1], s[last+1:]
	if first > 0 && isLetter(before) { // Rs.50 is no fraction
		if number[0] == '.' || number[0] == ',' {
			number = number[1:]
		}
	}
	after = strings.TrimLeft(after, ".,") // 5.- and 5,
	minus := 0
	strip := func(r rune) rune {
		switch {
		case r == '-':
			minus++
			return -1
		case r == '+' || unicode.IsSpace(r):
			return -1
		}
		return r
	}
	before, after = strings.Map(strip, before), strings.Map(strip, after)
	if after == "" && minus > 0 && strings.HasSuffix(s, "-") && strings.ContainsAny(s[last+1:], ".,") {
		minus-- // 5.- has no cents
	}
	switch {
	case minus > 1 || minus == 1 && neg || before != "" && after != "":
		return "", "", false, errMoney
	case before != "":
		unit = before
	default:
		unit = after
	}
	return number, unit, neg || minus == 1, nil
}

func isDigitRune(r rune) bool { return r >= '0' && r <= '9' }

// isLetter tells whether the text before a point ends in a letter.
func isLetter(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return unicode.IsLetter(r)
}

// exactDecimal finds out what groups and what is the point. In a currency of three
// places, such as KWD, three digits behind a separator that stands once are those.
func exactDecimal(s string, places int) (string, error) {
	whole, frac := s, ""
	if i := strings.LastIndexAny(s, ".,"); i >= 0 {
		tail := s[i+1:]
		once := strings.Count(s, s[i:i+1]) == 1
		grouped := strings.ContainsAny(s[:i], "., '\u2019")
		if once && (len(tail) != 3 || grouped || places == 3 || strings.Trim(s[:i], "0") == "") {
			whole, frac = s[:i], tail
		}
	}
	whole, ok := ungroup(whole)
	if !ok || frac != "" && !digits(frac) || frac == "" && strings.HasSuffix(s, ".") {
		return "", errMoney
	}
	return canonicalAmount(whole, frac)
}

// ungroup leaves out separators where the groups are of three digits, or of two
// before the last three as in India.
func ungroup(s string) (string, bool) {
	if digits(s) || s == "" {
		return s, true
	}
	sep := ""
	for _, c := range []string{".", ",", "'", "\u2019", " "} {
		if strings.Contains(s, c) {
			if sep != "" {
				return "", false
			}
			sep = c
		}
	}
	if sep == "" {
		return "", false
	}
	groups := strings.Split(s, sep)
	for i, g := range groups {
		last := i == len(groups)-1
		if !digits(g) || last && len(g) != 3 || i == 0 && len(g) > 3 || !last && i > 0 && len(g) != 3 && len(g) != 2 {
			return "", false
		}
		if !last && i > 0 && len(g) != len(groups[1]) {
			return "", false
		}
	}
	if len(groups) > 2 && len(groups[1]) == 2 && len(groups[0]) > 2 {
		return "", false
	}
	return strings.Join(groups, ""), true
}

// minorUnits reads a whole number of cents, of whatever they are for the currency.
func minorUnits(s string, cur currencyInfo) (string, error) {
	if cur.code == "" {
		cur.places = 2 // as nearly all have
	}
	if !digits(s) {
		return "", errors.New("not an amount: not a whole number of minor units")
	}
	for len(s) <= cur.places {
		s = "0" + s
	}
	return canonicalAmount(s[:len(s)-cur.places], s[len(s)-cur.places:])
}

// canonicalAmount writes digits before and behind the point in the one form.
func canonicalAmount(whole, frac string) (string, error) {
	whole = strings.TrimLeft(whole, "0")
	frac = strings.TrimRight(frac, "0")
	if len(whole) > maxWhole || len(frac) > maxPlaces {
		return "", errors.New("not an amount: too many digits")
	}
	var b strings.Builder
	b.Grow(len(whole) + len(frac) + 4)
	if whole == "" {
		b.WriteByte('0')
	}
	b.WriteString(whole)
	b.WriteByte('.')
	b.WriteString(frac)
	for n := len(frac); n < 2; n++ {
		b.WriteByte('0')
	}
	if len(frac) == 3 && whole != "" { // read again, three would group
		b.WriteByte('0')
	}
	return b.String(), nil
}
