package element

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Options is what normalisation depends on beside the value.
type Options struct {
	// Region is the ISO 3166 alpha-2 code of the site: the country of phone
	// numbers without a country code, and the order of dates such as 3/4/2026.
	Region string
	// Country, where the same form or document tells it, goes before Region. Of a
	// phone number it may be a calling code such as +49.
	Country string
	// Currency of amounts, where the same form or document tells it.
	Currency string
	// Minor says that amounts are whole numbers of the currency's smallest unit.
	Minor  bool
	Hasher *Hasher
}

// country is the one in force.
func (o *Options) country() string {
	if o.Country != "" {
		return o.Country
	}
	return o.Region
}

// Result is a canonical value with its parts. Value may share memory with the
// raw value, Parts never do.
type Result struct {
	Value string
	Parts []Part
}

// maxRaw is how long a raw value may be, in bytes. Free text is cut, other kinds
// are far shorter.
const maxRaw = 8 << 10

// Normalise turns a raw value into the canonical form of its kind. The error
// says why it does not fit and never repeats the value. A sensitive element
// needs a Hasher.
func Normalise(d Def, raw string, opt Options) (Result, error) {
	return d.Normalise(raw, &opt)
}

// Normalise is the same without copying what is not changed.
func (d *Def) Normalise(raw string, opt *Options) (Result, error) {
	if len(raw) > maxRaw {
		if d.Kind != Text && d.Kind != UserAgent {
			return Result{}, fmt.Errorf("longer than %d bytes", maxRaw)
		}
		raw = cutBytes(raw, maxRaw)
	}
	if !utf8.ValidString(raw) {
		return Result{}, errors.New("not valid UTF-8")
	}
	s := strings.TrimSpace(raw)
	if s == "" {
		return Result{}, errors.New("empty")
	}
	if d.Hashed() && opt.Hasher == nil {
		return Result{}, errors.New("can't be kept without a hash key")
	}
	r, err := byKind(d, s, opt)
	if err == nil && d.Hashed() && !d.Kind.AlwaysHashed() {
		return Result{Value: opt.Hasher.Secret(d.ID, r.Value)}, nil // a harmless kind in a sensitive element
	}
	if err == nil && d.Sensitivity == Credential {
		r.Parts = nil
	}
	return r, err
}

// byKind calls the normaliser of the kind.
func byKind(d *Def, s string, opt *Options) (Result, error) {
	switch d.Kind {
	case Email:
		return email(d, s)
	case Phone:
		return phone(d, s, opt)
	case Card:
		return card(d, s, opt.Hasher)
	case BankAccount:
		return bankAccount(d, s, opt.Hasher)
	case IBAN:
		return iban(d, s, opt.Hasher)
	case Money:
		return money(d, s, opt)
	case IP:
		return ipAddress(d, s)
	case URL:
		return pageURL(d, s)
	case Host:
		return host(d, s)
	case BirthDate:
		return birthDate(d, s, opt)
	case GeoPoint:
		return geoPoint(d, s)
	}
	v, err := simple(d, s, opt)
	return Result{Value: v}, err
}

// simple are the kinds whose values have no parts.
func simple(d *Def, s string, opt *Options) (string, error) {
	switch d.Kind {
	case SSN:
		return ssn(s, opt.Hasher)
	case EIN:
		return ein(s, opt.Hasher)
	case Secret:
		return opt.Hasher.Secret(d.ID, strings.ToUpper(strings.ReplaceAll(s, " ", ""))), nil
	case PersonName:
		return personName(s)
	case Country:
		return country(s)
	case Region:
		return region(s, opt.Country)
	case Postal:
		return postalCode(s, opt.Country)
	case CallingCode:
		return callingCode(s)
	case Currency:
		return currencyCode(s)
	case PaymentType:
		return paymentType(s)
	case BIC:
		return bic(s)
	case RoutingNumber:
		return routingNumber(s)
	case Network:
		return network(s)
	case Path:
		return bounded(s, maxText)
	case Date:
		return date(s, opt)
	case Month:
		return month(s)
	case Year:
		return year(s)
	case Time:
		return timestamp(s)
	case Latitude:
		return degrees(s, 90)
	case Longitude:
		return degrees(s, 180)
	case UserAgent:
		return userAgent(s)
	case Language:
		return languageTag(s)
	case Boolean:
		return boolean(s)
	case Integer:
		return integer(s)
	case Decimal:
		return decimal(s)
	case Text:
		return text(s)
	case EventType:
		return eventType(s)
	case RiskRating:
		return riskRating(s)
	case Address:
		return wholeAddress(s)
	}
	return bounded(s, maxIdentifier)
}
