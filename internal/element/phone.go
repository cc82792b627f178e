package element

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// phone reads a number as people write it into E.164. The country is the number's
// own, or else the one of the form, or of the site.
func phone(d *Def, s string, opt *Options) (Result, error) {
	if len(s) > 64 {
		return Result{}, errors.New("longer than a phone number")
	}
	s = plainDigits(strings.TrimPrefix(strings.TrimPrefix(s, "tel:"), "Tel:"))
	n := numberOf(s, opt)
	if n == nil {
		return Result{}, errors.New("not a phone number")
	}
	r := Result{Value: phonenumbers.Format(n, phonenumbers.E164)}
	if n.GetItalianLeadingZero() { // some plans take zeros away again and again
		again, err := phonenumbers.Parse(r.Value, "")
		if err != nil || phonenumbers.Format(again, phonenumbers.E164) != r.Value {
			return Result{}, errors.New("not a phone number")
		}
	}
	if d.gives(partCountry) {
		r.Parts = d.give(r.Parts, partCountry, phoneCountry(n))
	}
	if d.gives(partType) {
		r.Parts = d.give(r.Parts, partType, phoneType(phonenumbers.GetNumberType(n)))
	}
	if d.gives(partDigits) {
		r.Parts = d.give(r.Parts, partDigits, onlyDigits(s))
	}
	return r, nil
}

// numberOf reads a number by the calling code beside it, or by the country that is
// told, or by the site's. A country is where somebody lives or has goods sent, so
// the site's goes before it when the number is in use only there.
func numberOf(s string, opt *Options) *phonenumbers.PhoneNumber {
	if code, ok := strings.CutPrefix(opt.Country, "+"); ok {
		c, err := strconv.Atoi(code)
		if err != nil {
			return nil
		}
		of := regionOfCode(c)
		if of == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY && !strings.HasPrefix(s, "+") {
			s = opt.Country + s
		}
		return possible(s, of)
	}
	first, site := strings.ToUpper(opt.country()), strings.ToUpper(opt.Region)
	n := possible(s, first)
	if first == site || n != nil && phonenumbers.IsValidNumber(n) {
		return n
	}
	if other := possible(s, site); other != nil && (n == nil || phonenumbers.IsValidNumber(other)) {
		return other
	}
	return n
}

func possible(s, country string) *phonenumbers.PhoneNumber {
	n, err := phonenumbers.Parse(s, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return nil
	}
	return n
}

// phoneCountry is the country that a number belongs to; for one that its plan does
// not know, the main country of its code.
func phoneCountry(n *phonenumbers.PhoneNumber) string {
	c := phonenumbers.GetRegionCodeForNumber(n)
	if c == "" {
		c = phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))
	}
	if len(c) != 2 || c == "ZZ" {
		return ""
	}
	return c
}

func phoneType(t phonenumbers.PhoneNumberType) string {
	switch t {
	case phonenumbers.FIXED_LINE:
		return "fixed_line"
	case phonenumbers.MOBILE:
		return "mobile"
	case phonenumbers.FIXED_LINE_OR_MOBILE:
		return "fixed_line_or_mobile"
	case phonenumbers.TOLL_FREE:
		return "toll_free"
	case phonenumbers.PREMIUM_RATE:
		return "premium_rate"
	case phonenumbers.SHARED_COST:
		return "shared_cost"
	case phonenumbers.VOIP:
		return "voip"
	case phonenumbers.PERSONAL_NUMBER:
		return "personal"
	case phonenumbers.PAGER:
		return "pager"
	case phonenumbers.UAN:
		return "company"
	case phonenumbers.VOICEMAIL:
		return "voicemail"
	}
	return ""
}

func onlyDigits(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if isDigit(s[i]) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
