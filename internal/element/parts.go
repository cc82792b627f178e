package element

import "strings"

// Part is a further element that a value gives, such as a card's last four.
type Part struct{ ID, Value string }

// namedPart is a part of a kind with the element that it fills.
type namedPart struct{ part, id string }

// Parts of kinds.
const (
	partBIN        = "bin"
	partBrand      = "brand"
	partCanonical  = "canonical"
	partCountry    = "country"
	partCurrency   = "currency"
	partDigits     = "digits"
	partDisposable = "disposable"
	partDomain     = "domain"
	partFree       = "free"
	partHost       = "host"
	partLast4      = "last4"
	partLatitude   = "latitude"
	partLongitude  = "longitude"
	partNetwork    = "network"
	partType       = "type"
	partYear       = "year"
)

// partsOf finds the elements for the parts of a value. The part domain of email
// fills email_domain; where the last word of the element only says its kind it
// gives way: the part bin of card_number fills card_bin. Parts that the
// catalogue does not have are not made.
func partsOf(d Def, known map[string]int) []namedPart {
	var suffixes []string
	stem := d.ID
	switch d.Kind {
	case Email:
		suffixes = []string{partDomain, partCanonical, partDisposable, partFree}
	case Phone:
		suffixes = []string{partCountry, partType, partDigits}
	case IP:
		suffixes = []string{partNetwork}
	case Card:
		suffixes, stem = []string{partBIN, partLast4, partBrand}, cutLastWord(d.ID)
	case BankAccount:
		suffixes, stem = []string{partLast4}, cutLastWord(d.ID)
	case IBAN:
		suffixes = []string{partCountry, partLast4}
	case Money:
		suffixes, stem = []string{partCurrency}, cutLastWord(d.ID)
	case URL:
		suffixes, stem = []string{partHost, partDomain}, cutLastWord(d.ID)
	case Host:
		suffixes, stem = []string{partDomain}, cutLastWord(d.ID)
	case BirthDate:
		suffixes, stem = []string{partYear}, cutLastWord(d.ID)
	case GeoPoint:
		suffixes, stem = []string{partLatitude, partLongitude}, cutLastWord(d.ID)
	}
	var out []namedPart
	for _, s := range suffixes {
		id := stem + "_" + s
		if d.ID == "transaction_amount" { // its currency came before the rule
			id = s
		}
		if _, ok := known[id]; ok && id != d.ID {
			out = append(out, namedPart{s, id})
		}
	}
	return out
}

func cutLastWord(id string) string {
	if i := strings.LastIndexByte(id, '_'); i > 0 {
		return id[:i]
	}
	return id
}

// give adds a part to a result where the element has one of that name.
func (d *Def) give(parts []Part, part, value string) []Part {
	for i := range d.parts {
		if d.parts[i].part == part && value != "" {
			return append(parts, Part{d.parts[i].id, value})
		}
	}
	return parts
}

// gives tells whether the element has such a part.
func (d *Def) gives(part string) bool {
	for i := range d.parts {
		if d.parts[i].part == part {
			return true
		}
	}
	return false
}
