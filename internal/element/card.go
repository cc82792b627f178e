package element

import (
	"errors"
	"strings"
)

var errCard = errors.New("not a card number")

// card reads a number as printed. What is kept is its keyed hash; the first six and
// last four digits, which the card industry allows to be shown, and the brand are
// its parts.
func card(d *Def, s string, h *Hasher) (Result, error) {
	if len(s) > 64 {
		return Result{}, errCard
	}
	s = plainDigits(s)
	var buf [19]byte
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			if n == len(buf) {
				return Result{}, errors.New("not a card number: wrong length")
			}
			buf[n] = c
			n++
		case c == ' ' || c == '-' || c == '.':
		default:
			return Result{}, errCard
		}
	}
	number := string(buf[:n])
	if n < 12 {
		return Result{}, errors.New("not a card number: wrong length")
	}
	if !luhn(number) || strings.Trim(number, "0") == "" {
		return Result{}, errors.New("not a card number: wrong check digit")
	}
	brand, ok := brandOf(number)
	if !ok {
		return Result{}, errors.New("not a card number: wrong length for its brand")
	}
	r := Result{Value: h.Secret("card", number)}
	if len(d.parts) > 0 {
		r.Parts = make([]Part, 0, len(d.parts))
		r.Parts = d.give(r.Parts, partBIN, number[:6])
		r.Parts = d.give(r.Parts, partLast4, number[n-4:])
		r.Parts = d.give(r.Parts, partBrand, brand)
	}
	return r, nil
}

// luhn checks ISO/IEC 7812-1 Annex B.
func luhn(n string) bool {
	sum, double := 0, false
	for i := len(n) - 1; i >= 0; i-- {
		d := int(n[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

// brandRange is a range of leading digits with the lengths that its numbers have.
type brandRange struct {
	low, high, digits int
	brand             string
	shortest, longest int
}

// brandOf tells the scheme; ok is false when the length is not one of its lengths.
// Numbers of no scheme known pass.
func brandOf(n string) (brand string, ok bool) {
	lead := 0
	for i := range 6 {
		lead = lead*10 + int(n[i]-'0')
	}
	for i := range brands {
		b := &brands[i]
		l := lead
		for k := b.digits; k < 6; k++ {
			l /= 10
		}
		if l >= b.low && l <= b.high {
			return b.brand, len(n) >= b.shortest && len(n) <= b.longest
		}
	}
	return "", true
}

// brands by leading digits, the longer leads first.
var brands = [...]brandRange{
	{401178, 401179, 6, "elo", 16, 16}, {438935, 438935, 6, "elo", 16, 16}, {451416, 451416, 6, "elo", 16, 16}, {457631, 457632, 6, "elo", 16, 16},
	{504175, 504175, 6, "elo", 16, 16}, {506699, 506778, 6, "elo", 16, 16}, {509000, 509999, 6, "elo", 16, 16}, {627780, 627780, 6, "elo", 16, 16},
	{636297, 636297, 6, "elo", 16, 16}, {636368, 636368, 6, "elo", 16, 16}, {650031, 650033, 6, "elo", 16, 16}, {655000, 655019, 6, "elo", 16, 16},
	{606282, 606282, 6, "hipercard", 13, 19}, {507865, 507964, 6, "verve", 16, 19}, {506099, 506198, 6, "verve", 16, 19},
	{979200, 979289, 6, "troy", 16, 16}, {508500, 508999, 6, "rupay", 16, 16}, {606985, 607984, 6, "rupay", 16, 16}, {608001, 608500, 6, "rupay", 16, 16},
	{652150, 653149, 6, "rupay", 16, 16}, {817200, 820199, 6, "rupay", 16, 16},
	{2200, 2204, 4, "mir", 16, 19}, {2221, 2720, 4, "mastercard", 16, 16}, {3528, 3589, 4, "jcb", 16, 19}, {6011, 6011, 4, "discover", 16, 19},
	{300, 305, 3, "diners", 14, 19}, {309, 309, 3, "diners", 14, 19}, {644, 649, 3, "discover", 16, 19},
	{34, 34, 2, "amex", 15, 15}, {37, 37, 2, "amex", 15, 15}, {36, 36, 2, "diners", 14, 19}, {38, 39, 2, "diners", 14, 19}, {51, 55, 2, "mastercard", 16, 16},
	{62, 62, 2, "unionpay", 14, 19}, {65, 65, 2, "discover", 16, 19}, {81, 81, 2, "unionpay", 14, 19},
	{50, 50, 2, "maestro", 12, 19}, {56, 59, 2, "maestro", 12, 19}, {63, 63, 2, "maestro", 12, 19}, {67, 69, 2, "maestro", 12, 19},
	{1, 1, 1, "uatp", 15, 15}, {4, 4, 1, "visa", 13, 19},
}
