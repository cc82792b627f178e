package people

import (
	"math/rand/v2"
	"net/mail"
	"reflect"
	"testing"
)

func TestCustomersAreDeterministicAndDistinct(t *testing.T) {
	a, b := Customers(7, 300), Customers(7, 300)
	if !reflect.DeepEqual(a, b) {
		t.Fatal("the same seed gave other people")
	}
	if reflect.DeepEqual(a, Customers(8, 300)) {
		t.Fatal("another seed gave the same people")
	}
	seen := map[string]bool{}
	for _, p := range a {
		if _, err := mail.ParseAddress(p.Email); err != nil {
			t.Errorf("e-mail %q: %v", p.Email, err)
		}
		if seen[p.Email] {
			t.Errorf("e-mail %q twice", p.Email)
		}
		seen[p.Email] = true
		if !Luhn(p.Card.Number) || p.Card.CVV != CVV(p.Card.Number) || len(p.Card.Number) != 16 {
			t.Errorf("card %+v", p.Card)
		}
	}
}

func TestEveryCountryHasPeople(t *testing.T) {
	for _, c := range Countries() {
		p := New(rand.New(rand.NewPCG(1, 2)), c, "1")
		if p.Address.Country != c || p.Address.City == "" || p.Address.PostalCode == "" || len(p.Phone) < 10 {
			t.Errorf("%s: %+v", c, p)
		}
	}
}

func TestLuhn(t *testing.T) {
	for number, want := range map[string]bool{
		"4242424242424242": true, "4242424242424241": false, "79927398713": false, // too short for a card
		"378282246310005": true, "": false, "4242x24242424242": false, "0000000000000000000000": false,
	} {
		if Luhn(number) != want {
			t.Errorf("Luhn(%q) = %v", number, !want)
		}
	}
}
