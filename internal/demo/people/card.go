package people

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Card is a payment card as its holder would type it.
type Card struct {
	Number string // digits only
	Expiry string // MM/YY
	CVV    string
	Holder string
}

// Luhn tells whether digits is a card number of believable length with a right
// check digit.
func Luhn(digits string) bool {
	if len(digits) < 12 || len(digits) > 19 {
		return false
	}
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		c := digits[i]
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum%10 == 0
}

// CVV is the code that the demo's card issuer prints on the back of a card. A
// real one is secret; here it is a checksum, so that shop and cast agree.
func CVV(number string) string {
	h := uint32(2166136261)
	for i := 0; i < len(number); i++ {
		h = (h ^ uint32(number[i])) * 16777619
	}
	return strconv.Itoa(100 + int(h%900))
}

// NewCard makes a 16-digit card of the given BIN (its first digits).
func NewCard(r *rand.Rand, bin, holder string) Card {
	var b strings.Builder
	b.WriteString(bin)
	// The digit after the BIN says what the issuer thinks of the account; see
	// the shop's processor. 5 is a card in good standing.
	if b.Len() == 6 {
		b.WriteByte('5')
	}
	for b.Len() < 15 {
		b.WriteByte(byte('0' + r.IntN(10)))
	}
	number := b.String()
	for d := byte('0'); d <= '9'; d++ {
		if full := number + string(d); Luhn(full) {
			number = full
			break
		}
	}
	return Card{
		Number: number,
		Expiry: twoDigits(1+r.IntN(12)) + "/" + twoDigits(29+r.IntN(5)),
		CVV:    CVV(number),
		Holder: holder,
	}
}

// WithStanding returns a card of the same BIN whose account the issuer sees in
// another way; standing is the digit after the BIN ('0' means empty).
func WithStanding(r *rand.Rand, bin, holder string, standing byte) Card {
	return NewCard(r, bin+string(standing), holder)
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
