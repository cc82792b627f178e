package shop

import (
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/demo/people"
)

// decline is why the card processor said no.
type decline struct {
	Code, Message string
}

// processor is the fake card processor. It keeps nothing; it decides by rule:
//
//   - a number that fails the Luhn check, or an expired card, is no card;
//   - BINs in stopped are of issuers or batches reported stolen;
//   - the wrong security code is refused;
//   - the digit after the BIN is the standing of the account: 0 is empty,
//     1 may spend up to 25, 9 asks the holder to call the bank.
type processor struct {
	stopped map[string]bool
}

func newProcessor() processor {
	return processor{stopped: map[string]bool{"411773": true, "510510": true, "400012": true}}
}

// charge answers nil when the money is there.
func (p processor) charge(number, expiry, cvv string, cents int64, now time.Time) *decline {
	if !people.Luhn(number) {
		return &decline{"invalid_number", "This card number is not valid."}
	}
	if !notExpired(expiry, now) {
		return &decline{"expired_card", "This card has expired."}
	}
	if p.stopped[number[:6]] {
		return &decline{"pick_up_card", "The card was declined by its issuer."}
	}
	if cvv != people.CVV(number) {
		return &decline{"cvv_mismatch", "The security code does not match."}
	}
	switch number[6] {
	case '0':
		return &decline{"insufficient_funds", "The card was declined: insufficient funds."}
	case '1':
		if cents > 2500 {
			return &decline{"limit_exceeded", "The card was declined: limit exceeded."}
		}
	case '9':
		return &decline{"call_issuer", "The card was declined: please call your bank."}
	}
	return nil
}

// notExpired reads MM/YY; a card is good to the end of its month.
func notExpired(expiry string, now time.Time) bool {
	month, year, ok := strings.Cut(expiry, "/")
	if !ok {
		return false
	}
	m, err := strconv.Atoi(strings.TrimSpace(month))
	if err != nil || m < 1 || m > 12 {
		return false
	}
	y, err := strconv.Atoi(strings.TrimSpace(year))
	if err != nil || y < 0 || y > 99 {
		return false
	}
	end := time.Date(2000+y, time.Month(m)+1, 1, 0, 0, 0, 0, time.UTC)
	return now.Before(end)
}

// brand names the card's scheme by its first digits.
func brand(number string) string {
	switch {
	case strings.HasPrefix(number, "4"):
		return "visa"
	case strings.HasPrefix(number, "5"), strings.HasPrefix(number, "2"):
		return "mastercard"
	case strings.HasPrefix(number, "34"), strings.HasPrefix(number, "37"):
		return "amex"
	default:
		return "card"
	}
}
