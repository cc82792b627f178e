package element

import "strings"

// Parts of names that say how other values are read.
const (
	suffixCallingCode = "_calling_code"
	suffixCountry     = "_country"
	suffixCurrency    = "_currency"
)

// Context lists the elements that say how a value of this one is read, where the
// same Event has them: the country of a phone number or region, the currency of an
// amount. The nearest come first. Callers don't change it.
func (d *Def) Context() []string { return d.context }

// contextOf goes by names: billing_phone is read by billing_phone_calling_code,
// billing_phone_country and billing_country, then by what is said of the visitor.
// Where somebody sends something to says nothing of the sender, and the sender's
// country nothing of a recipient's number.
func contextOf(d Def, all []Def, known map[string]int) []string {
	var names []string
	switch d.Kind {
	case Phone:
		names = []string{d.ID + suffixCallingCode, d.ID + suffixCountry}
		group := cutLastWord(d.ID)
		_, grouped := known[group+suffixCountry]
		switch {
		case group == "recipient":
			names = append(names, group+suffixCountry)
		case grouped && group != d.ID: // billing, shipping, sender
			names = append(names, group+suffixCountry, "country", "account_country")
		default:
			names = append(names, "phone_calling_code", "phone_country", "country", "account_country", "billing_country", "shipping_country")
		}
	case Region, Postal:
		group := strings.TrimSuffix(strings.TrimSuffix(d.ID, "_postal_code"), "_region")
		names = []string{group + suffixCountry}
		if group == d.ID { // region, of the visit
			names = []string{"country"}
		}
	case Money:
		names = []string{cutLastWord(d.ID) + suffixCurrency, "currency"}
	}
	var out []string
next:
	for _, id := range names {
		i, ok := known[id]
		if !ok || id == d.ID || all[i].Hashed() {
			continue
		}
		if k := all[i].Kind; k != Country && k != CallingCode && k != Currency { // an own element's name may mislead
			continue
		}
		for _, o := range out {
			if o == id {
				continue next
			}
		}
		out = append(out, id)
	}
	return out
}
