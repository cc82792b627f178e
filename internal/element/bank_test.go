package element

import (
	"strings"
	"testing"
)

// TestIBANsOfTheRegistry takes the examples of the registry, grouped and not, in
// both cases, and refuses slips.
func TestIBANsOfTheRegistry(t *testing.T) {
	d, _ := Lookup("iban")
	opt := Options{Hasher: hasher(t)}
	n, countries := 0, map[string]bool{}
	for _, line := range lines(t, "iban.txt") {
		what, raw, _ := strings.Cut(line, "\t")
		bare := strings.ReplaceAll(raw, " ", "")
		r, err := Normalise(d, raw, opt)
		if (err == nil) != (what != "invalid") {
			t.Errorf("%s %s: %v", what, raw, err)
			continue
		}
		if n++; err != nil {
			continue
		}
		countries[bare[:2]] = true
		again, _ := Normalise(d, strings.ToLower(bare), opt)
		if r.Value != again.Value || strings.Contains(r.Value, bare[len(bare)-6:]) || part(t, d, r, partLast4) != bare[len(bare)-4:] {
			t.Errorf("%s: %+v and %+v", raw, r, again)
		}
		for i := 2; i < len(bare); i++ { // one digit wrong is found
			if isDigit(bare[i]) {
				wrong := bare[:i] + string('0'+(bare[i]-'0'+1)%10) + bare[i+1:]
				if _, err := Normalise(d, wrong, opt); err == nil {
					t.Errorf("%s was taken", wrong)
				}
			}
		}
	}
	if n < 100 || len(countries) < 90 || len(ibanForms()) < 100 {
		t.Errorf("%d lines of %d countries", n, len(countries))
	}
}

func TestBankForms(t *testing.T) {
	forms(t, BIC, Options{}, map[string]string{"deutdeff": "DEUTDEFF", "DEUT DE FF 500": "DEUTDEFF500", "DEUTDEFFXXX": "DEUTDEFF", "DEUTXXFF": "!", "DEUTDEF": "!", "DEUTDE-F": "!", "12345678": "!"})
	forms(t, RoutingNumber, Options{}, map[string]string{"021000021": "021000021", "0210-0002-1": "021000021", "021000022": "!", "000000000": "!", "12345678": "!", "990000000": "!"})
	d, _ := Lookup("bank_account")
	opt := Options{Hasher: hasher(t)}
	for raw, ok := range map[string]bool{"000123456789": true, "12-34-56 78901234": true, "DE89 3704 0044 0532 0130 00": true, "DE88 3704 0044 0532 0130 00": false,
		"abc": false, "abcdef": false, "12 34 €": false, strings.Repeat("1", 35): false} {
		if r, err := Normalise(d, raw, opt); (err == nil) != ok || strings.Contains(r.Value, "123") {
			t.Errorf("%s: %+v %v", raw, r, err)
		}
	}
	iban, _ := Lookup("iban")
	a, _ := Normalise(d, "DE89370400440532013000", opt)
	if b, _ := Normalise(iban, "DE89 3704 0044 0532 0130 00", opt); a.Value != b.Value {
		t.Error("an IBAN as bank account is another")
	}
	if r, _ := Normalise(d, "1234567", opt); len(r.Parts) > 0 {
		t.Errorf("of a short number too much is shown: %v", r.Parts)
	}
}

// TestTaxNumbers holds what is never issued, as the agencies publish it.
func TestTaxNumbers(t *testing.T) {
	opt := Options{Hasher: hasher(t)}
	for id, cases := range map[string]map[string]bool{
		"ssn": {"123-45-6789": true, "123 45 6789": true, "123456789": true, "000-12-3456": false, "666-12-3456": false, "123-00-4567": false, "123-45-0000": false,
			"078-05-1120": false, "219-09-9999": false, "111-11-1111": false, "900-12-3456": false, "912-70-1234": true, "987-65-4320": true, "123-45-678": false, "12a-45-6789": false, "": false},
		"ein": {"12-3456789": true, "123456789": true, "00-1234567": false, "07-1234567": false, "49-1234567": false, "89-1234567": false, "97-1234567": false, "99-1234567": true, "1-23456789x": false},
	} {
		d, _ := Lookup(id)
		for raw, ok := range cases {
			r, err := Normalise(d, raw, opt)
			if (err == nil) != ok || len(r.Parts) > 0 || err != nil && len(raw) > 6 && strings.Contains(err.Error(), raw) {
				t.Errorf("%s %s: %+v %v", id, raw, r, err)
			}
		}
	}
	ssn, _ := Lookup("ssn")
	a, _ := Normalise(ssn, "123-45-6789", opt)
	if b, _ := Normalise(ssn, "123 45 6789", opt); a.Value != b.Value || a.Value == "" {
		t.Error("two forms of a number are two")
	}
}

func FuzzIBAN(f *testing.F) {
	var seeds []string
	for _, line := range lines(f, "iban.txt") {
		_, raw, _ := strings.Cut(line, "\t")
		seeds = append(seeds, raw)
	}
	fuzz(f, IBAN, seeds...)
}
func FuzzBankAccount(f *testing.F)   { fuzz(f, BankAccount, "DE89 3704", "12-34-56", "GB") }
func FuzzBIC(f *testing.F)           { fuzz(f, BIC, "DEUTDEFF500", "ÄEUTDEFF") }
func FuzzRoutingNumber(f *testing.F) { fuzz(f, RoutingNumber, "021000021") }
func FuzzSSN(f *testing.F)           { fuzz(f, SSN, "123-45-6789", "912701234") }
func FuzzEIN(f *testing.F)           { fuzz(f, EIN, "12-3456789") }
