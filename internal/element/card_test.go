package element

import (
	"strings"
	"testing"
)

// TestTestCards are the numbers that schemes and payment providers publish for
// tests.
func TestTestCards(t *testing.T) {
	d, _ := Lookup("card_number")
	opt := Options{Hasher: hasher(t)}
	for raw, brand := range map[string]string{
		"4111 1111 1111 1111": "visa", "4242424242424242": "visa", "4012888888881881": "visa", "4222222222222": "visa", "4000056655665556": "visa",
		"5555 5555 5555 4444": "mastercard", "5105105105105100": "mastercard", "2223003122003222": "mastercard", "5200828282828210": "mastercard",
		"3782 822463 10005": "amex", "371449635398431": "amex", "6011111111111117": "discover", "6011000990139424": "discover", "6011981111111113": "discover",
		"3056930009020004": "diners", "36227206271667": "diners", "30569309025904": "diners", "38520000023237": "diners",
		"3566002020360505": "jcb", "3530111333300000": "jcb", "6200000000000005": "unionpay", "6205500000000000004": "unionpay",
		"6759649826438453": "maestro", "2200770212727079": "mir", "5066991111111118": "elo",
	} {
		r, err := Normalise(d, raw, opt)
		bare := strings.ReplaceAll(raw, " ", "")
		if err != nil || part(t, d, r, partBrand) != brand || part(t, d, r, partLast4) != bare[len(bare)-4:] || part(t, d, r, partBIN) != bare[:6] {
			t.Errorf("%s: %+v %v, want %s", raw, r, err, brand)
		}
		if strings.Contains(r.Value, bare[6:12]) {
			t.Errorf("%s is kept", raw)
		}
		for i := range bare { // Luhn finds every wrong digit
			wrong := bare[:i] + string('0'+(bare[i]-'0'+3)%10) + bare[i+1:]
			if _, err := Normalise(d, wrong, opt); err == nil {
				t.Errorf("%s was taken", wrong)
			}
		}
	}
	for _, raw := range []string{"", "4111", "0000000000000000", "4111111111111112", "41111111111111111111", "4111-1111-1111-111x", "378282246310005000", "41111111111111110000000000"} {
		if r, err := Normalise(d, raw, opt); err == nil {
			t.Errorf("%s = %+v", raw, r)
		}
	}
}

// TestCardsInText holds that numbers are hidden wherever people type them.
func TestCardsInText(t *testing.T) {
	forms(t, Text, Options{}, map[string]string{
		"my card 4111 1111 1111 1111, exp 12/29": "my card [card 1111], exp 12/29", "4111111111111111": "[card 1111]", "a4111-1111-1111-1111b": "a[card 1111]b",
		"call 415 555 0132":      "call 415 555 0132",
		"order 1234567890123456": "order 1234567890123456", "000000000000000000": "000000000000000000",
		"4242424242424242 5555555555554444": "[card 4242] [card 4444]", "4242 4242 4242 4242 12/29 123": "[card 4242] 12/29 123", "7 4242-4242-4242-4242 7": "7 [card 4242] 7",
		"４２４２４２４２４２４２４２４２": "[card 4242]", "4242\u00a04242\u00a04242\u00a04242": "[card 4242]", "7 7 7 7 7 7 7 7 7 7 7 7 7 7 7": "7 7 7 7 7 7 7 7 7 7 7 7 7 7 7",
		"42424242424242424242424242424242": "42424242424242424242424242424242",
	})
}

func FuzzCard(f *testing.F) {
	fuzz(f, Card, "4111-1111-1111-1111", "３７８２８２２４６３１０００５", "4.1", "0000000000000")
}
