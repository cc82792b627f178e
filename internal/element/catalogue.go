// Package element is the catalogue of Elements: their names, groups and value
// kinds, how a raw value is normalised, and the keyed hash that links entities
// and hides sensitive values. Capture normalises with it; policy, the Hub and
// the docs take names from it. It holds no state beyond the Hasher's key and a
// bounded memory of user agents.
package element

// Sensitivity says how a value is treated, and so what is stored of it.
type Sensitivity string

// Sensitivities, rising.
const (
	Public     Sensitivity = "public"    // of nobody in particular
	Personal   Sensitivity = "personal"  // of a person
	Sensitive  Sensitivity = "sensitive" // card and account numbers, SSN, EIN
	Credential Sensitivity = "secret"    // passwords, tokens: no safe part either
)

// Storage is the form in which a value is kept.
type Storage string

// Forms of storage.
const (
	Plain  Storage = "plain"  // the canonical value
	Masked Storage = "masked" // free text, card numbers in it hidden
	Hashed Storage = "hashed" // a keyed hash, with the kind's safe parts beside it
)

// Def defines one element.
type Def struct {
	ID          string // stable, in policies and the API
	Name        string // for people
	Group       string
	Entity      bool // links Events; otherwise it describes
	Kind        Kind
	Sensitivity Sensitivity
	Primary     bool // the timeline shows it
	Computed    bool // Throughline fills it; no source can
	Custom      bool // defined by a policy
	Example     string
	About       string

	parts   []namedPart // which elements the parts of a value fill
	context []string    // which elements say how a value is read
}

// Hashed tells whether only a keyed hash of the value is kept.
func (d Def) Hashed() bool { return d.Sensitivity == Sensitive || d.Sensitivity == Credential }

// Storage is the form in which values are kept.
func (d Def) Storage() Storage {
	switch {
	case d.Hashed():
		return Hashed
	case d.Kind == Text:
		return Masked
	}
	return Plain
}

// Mapped tells whether a source may fill the element. Computed ones and
// addresses, which are made of their parts, are not mapped.
func (d Def) Mapped() bool { return !d.Computed && d.Kind != Address }

// PartIDs lists the elements that a value of this one fills besides.
func (d Def) PartIDs() []string {
	out := make([]string, len(d.parts))
	for i, p := range d.parts {
		out[i] = p.id
	}
	return out
}

// Catalogue returns every element, grouped, in display order. Callers don't
// change it.
func Catalogue() []Def { return table }

// Lookup finds an element by ID.
func Lookup(id string) (Def, bool) {
	i, ok := index[id]
	if !ok {
		return Def{}, false
	}
	return table[i], true
}

const (
	entity    = true
	attribute = false
	primary   = true
	detail    = false
)

// row is one line of the table.
type row struct {
	id, name    string
	entity      bool
	kind        Kind
	sensitivity Sensitivity
	primary     bool
	example     string
	about       string
}

// groups are the table's parts in display order.
func groups() []group {
	return []group{
		{"Identity", identityRows()}, {"Account", accountRows()}, {"Contact", contactRows()},
		{"Account Address", accountAddressRows()}, {"Billing", billingRows()}, {"Shipping", shippingRows()},
		{"Sender", senderRows()}, {"Recipient", recipientRows()},
		{"Documents", documentRows()}, {"Network", networkRows()}, {"Device", deviceRows()},
		{"Session", sessionRows()}, {"Authentication", authenticationRows()},
		{"Payment", paymentRows()}, {"Card", cardRows()}, {"Bank", bankRows()},
		{"Order and Cart", orderRows()}, {"Refund", refundRows()}, {"Chargeback", chargebackRows()},
		{"Loyalty and Promotion", loyaltyRows()}, {"Support", supportRows()}, {"Content", contentRows()},
		{"Travel and Tickets", travelRows()}, {"Marketplace", marketplaceRows()},
		{"API", apiRows()}, {"Request", requestRows()}, {"Response", responseRows()},
		{computedGroup, computedRows()},
	}
}

type group struct {
	name string
	rows []row
}

const computedGroup = "Journey"

// table and index are built once and never changed.
var (
	table = tabulate(groups())
	index = indexed(table)
)

func tabulate(groups []group) []Def {
	var out []Def
	for _, g := range groups {
		for _, r := range g.rows {
			out = append(out, Def{ID: r.id, Name: r.name, Group: g.name, Entity: r.entity, Kind: r.kind,
				Sensitivity: r.sensitivity, Primary: r.primary, Computed: g.name == computedGroup,
				Example: r.example, About: r.about})
		}
	}
	known := indexed(out)
	for i := range out {
		out[i].parts, out[i].context = partsOf(out[i], known), contextOf(out[i], out, known)
	}
	return out
}

func indexed(defs []Def) map[string]int {
	m := make(map[string]int, len(defs))
	for i := range defs {
		m[defs[i].ID] = i
	}
	return m
}
