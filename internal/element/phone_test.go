package element

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// TestPhonesOfAllRegions takes libphonenumber's example of every type in every
// region, written in every way it knows: each is the same number.
func TestPhonesOfAllRegions(t *testing.T) {
	d, _ := Lookup("phone")
	n, odd := 0, 0
	for region := range phonenumbers.GetSupportedRegions() {
		for _, typ := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.VOIP} {
			num := phonenumbers.GetExampleNumberForType(region, typ)
			if num == nil {
				continue
			}
			want := phonenumbers.Format(num, phonenumbers.E164)
			for _, form := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL, phonenumbers.RFC3966} {
				n++
				raw := phonenumbers.Format(num, form)
				if own, err := phonenumbers.Parse(raw, region); err != nil || phonenumbers.Format(own, phonenumbers.E164) != want {
					odd++ // a form that the library itself reads otherwise
					continue
				}
				r, err := Normalise(d, raw, Options{Region: region})
				if err != nil || r.Value != want {
					t.Errorf("%s %q = %q %v, want %s", region, raw, r.Value, err, want)
				}
				if got := part(t, d, r, partType); got == "" && err == nil {
					t.Errorf("%s %q has no type", region, raw)
				}
			}
		}
	}
	t.Logf("%d forms, %d that the library reads otherwise", n, odd)
	if n < 3000 || odd > 3 {
		t.Errorf("only %d forms, %d odd", n, odd)
	}
}

func TestPhoneForms(t *testing.T) {
	forms(t, Phone, Options{Region: "US"}, map[string]string{
		"(415) 555-0132": "+14155550132", "415.555.0132": "+14155550132", "1-415-555-0132": "+14155550132", "+49 30 901820": "+4930901820",
		"tel:+1-415-555-0132": "+14155550132", "٤١٥٥٥٥٠١٣٢": "+14155550132", "４１５５５５０１３２": "+14155550132",
		"12": "!", "phone": "!", "": "!", strings.Repeat("4", 65): "!", "+999 123": "!", "415-555-01": "!",
	})
	forms(t, Phone, Options{Region: "DE"}, map[string]string{"030 901820": "+4930901820", "+1 415 555 0132": "+14155550132"})
	forms(t, Phone, Options{Region: "US", Country: "gb"}, map[string]string{"020 7183 8750": "+442071838750"})
	forms(t, Phone, Options{}, map[string]string{"020 7183 8750": "!", "+44 20 7183 8750": "+442071838750"})
	d, _ := Lookup("phone")
	r, err := Normalise(d, "(020) 7183-8750", Options{Region: "GB"})
	if err != nil || part(t, d, r, partDigits) != "02071838750" || part(t, d, r, partCountry) != "GB" || part(t, d, r, partType) != "fixed_line" {
		t.Errorf("%+v %v", r, err)
	}
}

func FuzzPhone(f *testing.F) {
	fuzz(f, Phone, "(415) 555-0132", "+49 30 901820", "tel:+1-415-555-0132;ext=3", "1800FLOWERS", "+", "0", "٤١٥٥٥٥٠١٣٢")
}

func FuzzCallingCode(f *testing.F) {
	fuzz(f, CallingCode, "+49", "0049", "DE +49", "Germany (+49)", "+1-684", "+", "000")
}

// TestCallingCodesAsFormsHaveThem reads what stands in the field beside a number.
func TestCallingCodesAsFormsHaveThem(t *testing.T) {
	forms(t, CallingCode, Options{}, map[string]string{
		"+49": "+49", "49": "+49", "0049": "+49", "+ 49": "+49", "DE +49": "+49", "Germany (+49)": "+49", "+٤٩": "+49",
		"1": "+1", "+1-684": "+1", "1684": "+1", "+44 1481": "+44", "+7": "+7", "+800": "+800", "380": "+380",
		"+": "!", "0": "!", "+210": "!", "DE": "!", "+49 30 23125 000": "!", "+49+1": "!", "+999": "!", strings.Repeat("4", 65): "!",
	})
}

// TestCallingCodesOfAllRegions holds that every code in use is read back whole, and
// is no other's beginning.
func TestCallingCodesOfAllRegions(t *testing.T) {
	for region := range phonenumbers.GetSupportedRegions() {
		code := phonenumbers.GetCountryCodeForRegion(region)
		got, err := callingCode(strconv.Itoa(code))
		if err != nil || got != "+"+strconv.Itoa(code) {
			t.Errorf("%s: %d is %q %v", region, code, got, err)
		}
	}
}

// TestContextsAreOfTheCatalogue holds that what a value is read by exists, and tells
// a country or currency.
func TestContextsAreOfTheCatalogue(t *testing.T) {
	n := 0
	for _, d := range Catalogue() {
		for _, id := range d.Context() {
			n++
			c, ok := Lookup(id)
			if !ok || c.ID == d.ID || (d.Kind == Money) != (c.Kind == Currency) {
				t.Errorf("%s is read by %s", d.ID, id)
			}
		}
		if (d.Kind == Phone || d.Kind == Money || d.Kind == Region) && d.Mapped() && len(d.Context()) == 0 {
			t.Errorf("%s is read by nothing", d.ID)
		}
	}
	if d, _ := Lookup("billing_phone"); !slices.Equal(d.Context(), []string{"billing_phone_calling_code", "billing_phone_country", "billing_country", "country", "account_country"}) {
		t.Error(d.Context())
	}
	s := NewSet([]Def{{ID: "custom_desk_phone", Kind: Phone}, {ID: "custom_desk_country", Kind: Identifier}, {ID: "custom_fax_phone", Kind: Phone}, {ID: "custom_fax_country", Kind: Country, Sensitivity: Public}})
	desk, _ := s.Lookup("custom_desk_phone")
	fax, _ := s.Lookup("custom_fax_phone")
	if slices.Contains(desk.Context(), "custom_desk_country") || fax.Context()[0] != "custom_fax_country" {
		t.Error(desk.Context(), fax.Context())
	}
}
