// Package element is the catalogue of Elements: their names, groups and value
// kinds, how a raw value is normalised, and the keyed hash that links entities
// and hides sensitive values. Capture normalises with it; policy, the Hub and
// the docs take names from it. It holds no state beyond the Hasher's key.
package element

// Kind is the value kind of an element; it decides the normalisation.
type Kind string

// Value kinds.
const (
	Email       Kind = "email"
	Phone       Kind = "phone"
	IP          Kind = "ip"
	Country     Kind = "country"
	Currency    Kind = "currency"
	Money       Kind = "money"
	Card        Kind = "card"
	SSN         Kind = "ssn"
	EIN         Kind = "ein"
	Month       Kind = "month"
	Year        Kind = "year"
	Integer     Kind = "integer"
	Decimal     Kind = "decimal"
	PaymentType Kind = "payment_type"
	Text        Kind = "text"
	Identifier  Kind = "identifier"
	Name        Kind = "name"
	Postal      Kind = "postal_code"
	Path        Kind = "path"
	Host        Kind = "host"
	Address     Kind = "address" // composed from its parts, never mapped raw
	Secret      Kind = "secret"  // only ever a keyed hash
)

// Sensitivity says how a value is treated.
type Sensitivity string

// Sensitivities, rising. Sensitive values are kept as keyed hashes only.
const (
	Public    Sensitivity = "public"
	Personal  Sensitivity = "personal"
	Sensitive Sensitivity = "sensitive"
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
	Example     string
}

// Hashed tells whether only a keyed hash of the value is kept.
func (d Def) Hashed() bool { return d.Sensitivity == Sensitive }

// Catalogue returns every element, grouped, in display order. Callers don't
// change it.
func Catalogue() []Def { return table[:] }

// Lookup finds an element by ID.
func Lookup(id string) (Def, bool) {
	i, ok := index[id]
	if !ok {
		return Def{}, false
	}
	return table[i], true
}

// index is built once from the table and never changed.
var index = func() map[string]int {
	m := make(map[string]int, len(table))
	for i := range table {
		m[table[i].ID] = i
	}
	return m
}()

const (
	entity    = true
	attribute = false
	primary   = true
)

// table is the one place where elements are defined.
var table = [...]Def{
	{"email", "Email", "Identity", entity, Email, Personal, primary, "ann@example.com"},
	{"username", "Username", "Identity", entity, Identifier, Personal, primary, "ann"},
	{"customer_id", "Customer ID", "Identity", entity, Identifier, Personal, primary, "C-1042"},
	{"account_name", "Account Name", "Identity", attribute, Name, Personal, false, "Ann Example"},
	{"phone", "Phone", "Identity", entity, Phone, Personal, primary, "+14155550101"},
	{"alt_phone", "Alt Phone", "Identity", entity, Phone, Personal, false, "+14155550102"},
	{"ssn", "SSN", "Documents", entity, SSN, Sensitive, false, "123-45-6789"},
	{"ein", "EIN", "Documents", entity, EIN, Sensitive, false, "12-3456789"},

	{"ip", "IP Address", "Network", entity, IP, Personal, primary, "203.0.113.7"},
	{"asn", "AS Number", "Network", attribute, Integer, Public, false, "64500"},
	{"asn_owner", "Network Owner", "Network", attribute, Text, Public, false, "Example Net"},
	{"country", "Country", "Network", attribute, Country, Public, primary, "US"},
	{"region", "Region", "Network", attribute, Text, Public, false, "California"},
	{"city", "City", "Network", attribute, Text, Public, false, "San Francisco"},
	{"latitude", "Latitude", "Network", attribute, Decimal, Public, false, "37.77"},
	{"longitude", "Longitude", "Network", attribute, Decimal, Public, false, "-122.42"},

	{"device_fingerprint", "Device Fingerprint", "Device", entity, Identifier, Personal, false, "d41d8cd9"},
	{"user_agent", "User Agent", "Device", attribute, Text, Public, false, "Mozilla/5.0 ..."},
	{"browser", "Browser", "Device", attribute, Text, Public, primary, "Chrome 130"},
	{"os", "Operating System", "Device", attribute, Text, Public, false, "Windows"},
	{"device_class", "Device Class", "Device", attribute, Text, Public, false, "desktop"},
	{"bot_name", "Bot Name", "Device", attribute, Identifier, Public, primary, "googlebot"},

	{"url_path", "Path", "Request", attribute, Path, Public, primary, "/products/42"},
	{"http_method", "Method", "Request", attribute, Identifier, Public, false, "GET"},
	{"referrer_host", "Referrer Host", "Request", attribute, Host, Public, false, "www.example.com"},
	{"response_status", "Response Status", "Response", attribute, Integer, Public, primary, "200"},
	{"response_title", "Response Title", "Response", attribute, Text, Public, false, "Sign in"},
	{"failure_reason", "Failure Reason", "Response", attribute, Text, Public, primary, "card_declined"},

	{"login_result", "Login Result", "Session", attribute, Identifier, Public, false, "bad_password"},
	{"mfa_method", "MFA Method", "Session", attribute, Identifier, Public, false, "totp"},

	{"search_query", "Search Query", "Content", attribute, Text, Public, primary, "running shoes"},
	{"product_id", "Product ID", "Content", attribute, Identifier, Public, primary, "42"},
	{"product_name", "Product Name", "Content", attribute, Text, Public, false, "Trail Shoe"},
	{"message", "Message", "Content", attribute, Text, Personal, false, "Where is my order?"},

	{"cart_id", "Cart ID", "Order", attribute, Identifier, Public, false, "cart-7"},
	{"quantity", "Quantity", "Order", attribute, Integer, Public, false, "2"},
	{"order_id", "Order ID", "Order", entity, Identifier, Public, primary, "O-5001"},
	{"tracking_id", "Tracking ID", "Order", entity, Identifier, Public, false, "1Z999"},
	{"merchant_id", "Merchant ID", "Order", entity, Identifier, Public, false, "M-3"},
	{"promo_code", "Promo Code", "Order", attribute, Identifier, Public, primary, "WELCOME10"},

	{"transaction_amount", "Transaction Amount", "Payment", attribute, Money, Public, primary, "129.90"},
	{"currency", "Currency", "Payment", attribute, Currency, Public, false, "USD"},
	{"payment_method", "Payment Method", "Payment", attribute, PaymentType, Public, false, "credit_card"},
	{"card_number", "Card Number", "Payment", entity, Card, Sensitive, primary, "4111 1111 1111 1111"},
	{"card_bin", "Card BIN", "Payment", attribute, Identifier, Public, false, "411111"},
	{"card_last4", "Card Last Four", "Payment", attribute, Identifier, Public, primary, "1111"},
	{"card_brand", "Card Brand", "Payment", attribute, Identifier, Public, false, "visa"},
	{"card_expiry_month", "Card Expiry Month", "Payment", attribute, Month, Personal, false, "7"},
	{"card_expiry_year", "Card Expiry Year", "Payment", attribute, Year, Personal, false, "2029"},
	{"payment_from", "Payment From", "Payment", entity, Secret, Sensitive, false, "DE89 3704 ..."},
	{"payment_to", "Payment To", "Payment", entity, Secret, Sensitive, false, "DE89 3704 ..."},

	{"refund_id", "Refund ID", "Refund", entity, Identifier, Public, primary, "R-77"},
	{"refund_amount", "Refund Amount", "Refund", attribute, Money, Public, primary, "59.00"},

	{"ticket_id", "Ticket ID", "Support", attribute, Identifier, Public, false, "T-12"},
	{"ticket_subject", "Ticket Subject", "Support", attribute, Text, Personal, primary, "Late parcel"},

	{"billing_email", "Billing Email", "Billing", entity, Email, Personal, false, "ann@example.com"},
	{"billing_phone", "Billing Phone", "Billing", entity, Phone, Personal, false, "+14155550101"},
	{"billing_address", "Billing Address", "Billing", entity, Address, Personal, primary, "1 main st, springfield, il, 62701, US"},
	{"billing_street", "Billing Street", "Billing", attribute, Text, Personal, false, "1 Main St"},
	{"billing_city", "Billing City", "Billing", attribute, Text, Personal, false, "Springfield"},
	{"billing_region", "Billing Region", "Billing", attribute, Text, Personal, false, "IL"},
	{"billing_postal_code", "Billing Postal Code", "Billing", attribute, Postal, Personal, false, "62701"},
	{"billing_country", "Billing Country", "Billing", attribute, Country, Personal, false, "US"},

	{"shipping_phone", "Shipping Phone", "Shipping", entity, Phone, Personal, false, "+14155550101"},
	{"shipping_address", "Shipping Address", "Shipping", entity, Address, Personal, primary, "1 main st, springfield, il, 62701, US"},
	{"shipping_street", "Shipping Street", "Shipping", attribute, Text, Personal, false, "1 Main St"},
	{"shipping_city", "Shipping City", "Shipping", attribute, Text, Personal, false, "Springfield"},
	{"shipping_region", "Shipping Region", "Shipping", attribute, Text, Personal, false, "IL"},
	{"shipping_postal_code", "Shipping Postal Code", "Shipping", attribute, Postal, Personal, false, "62701"},
	{"shipping_country", "Shipping Country", "Shipping", attribute, Country, Personal, false, "US"},
}
