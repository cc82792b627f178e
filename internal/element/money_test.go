package element

import (
	"math/big"
	"strconv"
	"strings"
	"testing"
)

// TestMoneyInLocales writes an amount as CLDR's number patterns of many locales do.
func TestMoneyInLocales(t *testing.T) {
	for _, grouping := range []struct{ group, point string }{
		{",", "."}, {".", ","}, {" ", ","}, {"\u00a0", ","}, {"\u202f", ","}, {"'", "."}, {"\u2019", "."}, {"\u2009", "."}, {"", "."}, {"", ","},
	} {
		for plain, want := range map[string][]string{"1234567.50": {"1", "234", "567", "50"}, "1234.05": {"1", "234", "05"}, "12.90": {"12", "90"}, "123456.78": {"123", "456", "78"}} {
			raw := strings.Join(want[:len(want)-1], grouping.group) + grouping.point + want[len(want)-1]
			forms(t, Money, Options{}, map[string]string{raw: plain, raw + " €": plain, "€" + raw: plain, "EUR " + raw: plain, raw + "\u00a0zł": plain, "-" + raw: "-" + plain, raw + "-": "-" + plain, "(" + raw + ")": "-" + plain})
		}
	}
}

func TestMoneyForms(t *testing.T) {
	forms(t, Money, Options{}, map[string]string{
		"$1,234.5": "1234.50", "1.234,50 €": "1234.50", "1,234": "1234.00", "1.234": "1234.00", "0.999": "0.999", "0,999": "0.999", "-12": "-12.00", "12": "12.00", "0": "0.00", "-0.00": "0.00",
		"007": "7.00", ".50": "0.50", "5.-": "5.00", "12,34,567.00": "1234567.00", "1,00,000": "100000.00", "1.234.567": "1234567.00", "1,234,567": "1234567.00", "R$ 10,00": "10.00", "Rs.50": "50.00",
		"kr 100": "!", "12 apples": "!", "US$12": "12.00", "12 USD": "12.00", "usd12": "12.00", "12.00.00": "!", "1,2,3": "!", "1,23,45": "!", "1 2": "!", "12,345,67": "!", "1e5": "!", "free": "!",
		"": "!", "$": "!", "--5": "!", "(-5)": "!", "(5": "!", "€5$": "!", "0x10": "!", "1_000": "!", "NaN": "!", "١٢٫٥": "!", "１２．５０": "12.50", "−5": "-5.00",
		"999999999999999.99": "999999999999999.99", "1000000000000000": "!", "0.00000001": "0.00000001", "0.000000001": "!", strings.Repeat("1", 65): "!", "1.23456789": "1.23456789", "KWD 1.234": "1.2340", "1,234.567": "1234.5670", "1.2340": "1.2340", "USD 1.234": "1234.00",
	})
	forms(t, Money, Options{Minor: true, Currency: "USD"}, map[string]string{"1234": "12.34", "5": "0.05", "0": "0.00", "-1234": "-12.34", "12.34": "!", "1,234": "!"})
	forms(t, Money, Options{Minor: true, Currency: "JPY"}, map[string]string{"1234": "1234.00"})
	forms(t, Money, Options{Minor: true, Currency: "KWD"}, map[string]string{"1234": "1.2340", "7": "0.007"})
	forms(t, Money, Options{Minor: true}, map[string]string{"1234": "12.34", "JPY 1234": "1234.00"})
	forms(t, Money, Options{Minor: true, Currency: "??"}, map[string]string{"1234": "!"})
	d, _ := Lookup("transaction_amount")
	for raw, want := range map[string]string{"€5": "EUR", "5 CHF": "CHF", "5": "", "$5": "USD", "C$5": "CAD", "¥5": "JPY", "5 zł": "PLN"} {
		if r, err := Normalise(d, raw, Options{}); err != nil || part(t, d, r, partCurrency) != want {
			t.Errorf("%s: %+v %v", raw, r, err)
		}
	}
}

// TestMoneyIsExact adds nothing and loses nothing, where floats would.
func TestMoneyIsExact(t *testing.T) {
	d, _ := Lookup("transaction_amount")
	for i := range 2000 {
		cents := int64(i)*7919*104729 + int64(i)
		raw := strconv.FormatInt(cents/100, 10) + "." + string('0'+byte(cents%100/10)) + string('0'+byte(cents%10))
		r, err := Normalise(d, raw, Options{})
		a, ok := new(big.Rat).SetString(r.Value)
		if err != nil || !ok || a.Cmp(big.NewRat(cents, 100)) != 0 {
			t.Fatalf("%s = %s %v", raw, r.Value, err)
		}
	}
}

// TestCurrenciesOfISO runs list one of the standard.
func TestCurrenciesOfISO(t *testing.T) {
	d, _ := Lookup("currency")
	n := 0
	for _, line := range lines(t, "currency.txt") {
		f := strings.Split(line, "\t")
		for _, raw := range []string{f[0], strings.ToLower(f[0]), f[1]} {
			if r, err := Normalise(d, raw, Options{}); err != nil || r.Value != f[0] {
				t.Errorf("%s = %q %v", raw, r.Value, err)
			}
		}
		if places, err := strconv.Atoi(f[2]); err == nil && currencies()[f[0]].places != places {
			t.Errorf("%s has %s places", f[0], f[2])
		}
		n++
	}
	if n < 170 {
		t.Errorf("only %d currencies", n)
	}
	forms(t, Currency, Options{}, map[string]string{"$": "USD", "€": "EUR", "£": "GBP", "₹": "INR", "zł": "PLN", "Rs.": "INR", "XQQ": "!", "DEM": "!", "dollar": "!", "": "!", "12": "!"})
}

func TestPaymentTypeForms(t *testing.T) {
	forms(t, PaymentType, Options{}, map[string]string{"Credit Card": "credit_card", "CREDIT-CARD": "credit_card", "creditCard": "credit_card", "visa": "credit_card", "debit": "debit_card", "checking": "checking",
		"Apple Pay": "wallet", "paypal": "paypal", "SEPA": "bank_transfer", "iDEAL": "bank_transfer", "klarna": "pay_later", "gift_card": "gift_card", "magic beans": "other", strings.Repeat("x", 65): "!"})
}

func FuzzMoney(f *testing.F) {
	fuzz(f, Money, "$1,234.5", "1.234,50 €", "12,34,567.00", "(5.00)", "5.-", "Rs.50", "-.5", "1'000", "١٢٣", "5-.", "-5-")
}
func FuzzCurrency(f *testing.F)    { fuzz(f, Currency, "usd", "840", "€", "Rs.") }
func FuzzPaymentType(f *testing.F) { fuzz(f, PaymentType, "Apple Pay", "ÄÖ") }
