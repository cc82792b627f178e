package element

import (
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
