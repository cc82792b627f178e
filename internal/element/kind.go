package element

// Kind is the value kind of an element; it decides the normalisation.
type Kind string

// Value kinds.
const (
	Email         Kind = "email"
	Phone         Kind = "phone"
	CallingCode   Kind = "calling_code"
	Address       Kind = "address" // composed from its parts, never mapped raw
	PersonName    Kind = "person_name"
	Country       Kind = "country"
	Region        Kind = "region"
	Postal        Kind = "postal_code"
	Currency      Kind = "currency"
	Money         Kind = "money"
	PaymentType   Kind = "payment_type"
	Card          Kind = "card"
	BankAccount   Kind = "bank_account"
	IBAN          Kind = "iban"
	BIC           Kind = "bic"
	RoutingNumber Kind = "routing_number"
	SSN           Kind = "ssn"
	EIN           Kind = "ein"
	IP            Kind = "ip"
	Network       Kind = "network"
	URL           Kind = "url"
	Host          Kind = "host"
	Path          Kind = "path"
	Date          Kind = "date"
	Month         Kind = "month"
	Year          Kind = "year"
	BirthDate     Kind = "birth_date"
	Time          Kind = "time"
	GeoPoint      Kind = "geo_point"
	Latitude      Kind = "latitude"
	Longitude     Kind = "longitude"
	UserAgent     Kind = "user_agent"
	Language      Kind = "language"
	Boolean       Kind = "boolean"
	Integer       Kind = "integer"
	Decimal       Kind = "decimal"
	Text          Kind = "text"
	Identifier    Kind = "identifier"
	Secret        Kind = "secret" // only ever a keyed hash
	EventType     Kind = "event_type"
	RiskRating    Kind = "risk_rating"
)

// KindInfo explains a kind.
type KindInfo struct {
	Kind Kind
	Name string // for people
	Form string // what a value is brought to
}

// Kinds lists every value kind in display order.
func Kinds() []KindInfo {
	return []KindInfo{
		{Email, "e-mail address", "RFC 5322 addr-spec with a full domain, lower case, domain in ASCII"},
		{Phone, "phone number", "E.164, the country taken from the number, or else from the form, or else from the site"},
		{CallingCode, "calling code", "+ and the one to three digits of a code in use"},
		{Address, "postal address", "street, unit, city, region, postal code, country of one address, lower case, words abbreviated"},
		{PersonName, "name of a person", "one line, Unicode NFC; all capitals or none become Title Case; up to 128 characters"},
		{Country, "country", "ISO 3166-1 alpha-2, from any code or name of it"},
		{Region, "region", "code of an ISO 3166-2 subdivision where the country is known, else the name; up to 64 characters"},
		{Postal, "postal code", "capitals, one space at most between parts, ZIP+4 with its hyphen"},
		{Currency, "currency", "ISO 4217 letters, from letters, number or symbol"},
		{Money, "amount of money", "exact decimal with at least two places and a point"},
		{PaymentType, "payment type", "one of a closed set, such as credit_card or checking"},
		{Card, "card number", "digits that pass the Luhn check, as keyed hash"},
		{BankAccount, "bank account", "4 to 34 letters and digits, as keyed hash"},
		{IBAN, "IBAN", "shape of its country and check digits, as keyed hash"},
		{BIC, "BIC", "8 or 11 capitals and digits"},
		{RoutingNumber, "routing number", "9 digits with check digit"},
		{SSN, "social security number", "9 digits that may be issued, as keyed hash"},
		{EIN, "employer identification number", "9 digits with an issued prefix, as keyed hash"},
		{IP, "IP address", "RFC 5952; IPv4 within IPv6 as IPv4; no zone, no port"},
		{Network, "IP network", "prefix with its length"},
		{URL, "URL", "http or https, host in ASCII; without user, query and fragment"},
		{Host, "host name", "lower case, ASCII"},
		{Path, "path", "as it came, up to 512 characters"},
		{Date, "date", "2006-01-02"},
		{Month, "month", "1 to 12, from a number or an English name"},
		{Year, "year", "1900 to 2200; two digits are of this century"},
		{BirthDate, "date of birth", "2006-01-02, from 1900 on"},
		{Time, "time", "RFC 3339 in UTC"},
		{GeoPoint, "place on earth", "latitude,longitude in degrees"},
		{Latitude, "latitude", "degrees from -90 to 90, up to six places"},
		{Longitude, "longitude", "degrees from -180 to 180, up to six places"},
		{UserAgent, "user agent", "one line, up to 512 bytes"},
		{Language, "language", "BCP 47 tag; of an Accept-Language list the one preferred"},
		{Boolean, "yes or no", "true or false"},
		{Integer, "whole number", "digits with an optional minus, 64 bits"},
		{Decimal, "number", "digits with an optional minus and point"},
		{Text, "free text", "one line, up to 512 characters, card numbers within hidden"},
		{Identifier, "key", "as it came, without control characters, up to 256 characters"},
		{Secret, "secret", "keyed hash only"},
		{EventType, "event type", "one of the closed set"},
		{RiskRating, "risk rating", "normal, suspicious or malicious"},
	}
}

// Known tells whether k is a value kind.
func (k Kind) Known() bool {
	for _, i := range Kinds() {
		if i.Kind == k {
			return true
		}
	}
	return false
}

// Numeric tells whether canonical values are numbers.
func (k Kind) Numeric() bool {
	switch k {
	case Integer, Decimal, Money, Month, Year, Latitude, Longitude:
		return true
	}
	return false
}

// AlwaysHashed tells whether values of the kind are kept only as keyed hashes,
// whatever element they fill.
func (k Kind) AlwaysHashed() bool {
	switch k {
	case Card, BankAccount, IBAN, SSN, EIN, Secret:
		return true
	}
	return false
}
