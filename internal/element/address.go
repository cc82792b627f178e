package element

import (
	"errors"
	"strings"
	"sync"
)

// AddressParts are the normalised parts of one address.
type AddressParts struct {
	Street, Unit, City, Region, PostalCode, Country string
	Latitude, Longitude                             string
}

// AddressGroups are the prefixes of the address elements: billing for
// billing_address, billing_street and so on.
func AddressGroups() []string {
	return []string{"account", "billing", "shipping", "sender", "recipient"}
}

// ComposeAddress is Compose without unit and place.
func ComposeAddress(street, city, region, postal, country string) (s string, ok bool) {
	return Compose(AddressParts{Street: street, City: city, Region: region, PostalCode: postal, Country: country})
}

// Compose joins an address, lower case but for the country, words of the street in
// their short form, so that one door has one form. Complete is a street with a city
// or postal code, or a place on earth with a street; else ok is false, and the parts
// stay for inspection.
func Compose(p AddressParts) (s string, ok bool) {
	street, unit := streetForm(p.Street)
	if p.Unit != "" {
		unit = unitForm(p.Unit)
	}
	placed := p.Latitude != "" && p.Longitude != ""
	if street == "" || p.City == "" && p.PostalCode == "" && !placed {
		return "", false
	}
	state := p.Region
	if code, found := subdivision(state, p.Country); found {
		state = code
	}
	var b strings.Builder
	add := func(part string) {
		if part != "" {
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			b.WriteString(part)
		}
	}
	add(street)
	add(unit)
	add(addressWords(p.City))
	add(strings.ToLower(state))
	add(strings.ToLower(zip5(p.PostalCode, p.Country)))
	add(p.Country)
	if p.City == "" && p.PostalCode == "" {
		add(p.Latitude + " " + p.Longitude)
	}
	return b.String(), true
}

// wholeAddress brings an address that somebody writes in one line, parts between
// commas, to the form that Compose makes: it is searched for, never mapped.
func wholeAddress(s string) (string, error) {
	if len(s) > 1024 {
		return "", errors.New("longer than an address")
	}
	var parts []string
	for p := range strings.SplitSeq(oneLine(s, 512), ",") {
		if p = addressWords(p); p != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) < 2 {
		return "", errors.New("not an address: street, city, region, postal code, country with commas between them")
	}
	of := ""
	if code, err := country(parts[len(parts)-1]); err == nil && len(parts) > 2 {
		of, parts = code, parts[:len(parts)-1]
	}
	street, unit := streetForm(parts[0])
	out := []string{street}
	if unit != "" {
		out = append(out, unit)
	}
	for _, p := range parts[1:] {
		if first, _, _ := strings.Cut(p, " "); unitWords()[first] == "unit" || strings.HasPrefix(p, "#") {
			p = unitForm(p)
		} else if code, ok := subdivision(p, of); ok {
			p = strings.ToLower(code)
		}
		out = append(out, zip5(p, of))
	}
	if of != "" {
		out = append(out, of)
	}
	return strings.Join(out, ", "), nil
}

// zip5 leaves out the four digits of ZIP+4, which say which side of the street.
func zip5(s, of string) string {
	if len(s) == 10 && s[5] == '-' && (of == "US" || of == "") && digits(s[:5]) && digits(s[6:]) {
		return s[:5]
	}
	return s
}

// addressWords folds case, punctuation and space of a part.
func addressWords(s string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
		w = strings.TrimRight(w, ".")
		if w == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}

// streetForm shortens the words of a street and splits off a unit at its end.
func streetForm(s string) (street, unit string) {
	words := strings.Fields(addressWords(s))
	if len(words) == 0 {
		return "", ""
	}
	short := streetWords()
	for i, w := range words {
		if i > 0 && i < len(words)-1 && unitWords()[w] != "" || i > 1 && len(w) > 1 && w[0] == '#' {
			return strings.Join(words[:i], " "), unitForm(strings.Join(words[i:], " "))
		}
		if i > 0 { // the first word is a number or a name: Avenue Foch
			if a, ok := short[w]; ok {
				words[i] = a
			}
		}
	}
	return strings.Join(words, " "), ""
}

// unitForm brings Apartment 4, Apt. #4, # 4 and 4 to "unit 4".
func unitForm(s string) string {
	words := strings.Fields(strings.ReplaceAll(addressWords(s), "#", " "))
	kept := words[:0]
	for _, w := range words {
		if k := unitWords()[w]; k != "unit" {
			kept = append(kept, w)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "unit " + strings.Join(kept, " ")
}

// unitWords say what the number after them is of; those that are the same place
// whatever they are called are all "unit".
var unitWords = sync.OnceValue(func() map[string]string {
	m := map[string]string{"floor": "fl", "fl": "fl", "building": "bldg", "bldg": "bldg"}
	for _, w := range strings.Fields("apartment apt suite ste unit flat room rm no") {
		m[w] = "unit"
	}
	return m
})

// streetWords are the short forms of USPS Publication 28 in common use, and of
// German, French and Spanish streets.
var streetWords = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, pair := range strings.Fields("street:st avenue:ave av:ave boulevard:blvd road:rd drive:dr lane:ln court:ct place:pl square:sq " +
		"terrace:ter highway:hwy parkway:pkwy circle:cir trail:trl crescent:cres close:cl gardens:gdns grove:grv heights:hts junction:jct " +
		"mount:mt mountain:mtn plaza:plz point:pt ridge:rdg route:rte station:sta turnpike:tpke valley:vly village:vlg way:way " +
		"expressway:expy freeway:fwy alley:aly bridge:brg creek:crk crossing:xing estate:est estates:ests extension:ext " +
		"harbor:hbr harbour:hbr hill:hl hills:hls island:is lake:lk meadows:mdws mill:ml orchard:orch park:park spring:spg springs:spgs " +
		"north:n south:s east:e west:w northeast:ne northwest:nw southeast:se southwest:sw " +
		"strasse:str straße:str platz:pl calle:c avenida:av rue:r") {
		long, short, _ := strings.Cut(pair, ":")
		m[long] = short
	}
	return m
})
