package element

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"
	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"
)

// Options is what normalisation depends on beside the value.
type Options struct {
	Region string // ISO 3166 alpha-2 of phone numbers without a country code
	Hasher *Hasher
}

// Part is a further element that a value gives, such as a card's last four.
type Part struct{ ID, Value string }

// Result is a canonical value with its parts.
type Result struct {
	Value string
	Parts []Part
}

// Longest values kept, in runes.
const (
	maxIdentifier = 256
	maxText       = 512
)

// Normalise turns a raw value into the canonical form of its kind. The error
// says why it does not fit and never repeats the value.
func Normalise(d Def, raw string, opt Options) (Result, error) {
	if !utf8.ValidString(raw) {
		return Result{}, errors.New("not valid UTF-8")
	}
	s := strings.TrimSpace(raw)
	if s == "" {
		return Result{}, errors.New("empty")
	}
	var err error
	switch d.Kind {
	case Email:
		s, err = email(s)
	case Phone:
		s, err = phone(s, opt.Region)
	case IP:
		s, err = address(s)
	case Country:
		s, err = country(s)
	case Currency:
		s, err = currencyCode(s)
	case Money:
		s, err = money(s)
	case Card:
		return card(s, opt.Hasher)
	case SSN:
		s, err = digitsSecret("ssn", s, 9, opt.Hasher)
	case EIN:
		s, err = digitsSecret("ein", s, 9, opt.Hasher)
	case Secret:
		s, err = opt.Hasher.Secret(d.ID, strings.ToUpper(strings.ReplaceAll(s, " ", ""))), nil
	case Month:
		s, err = between(s, 1, 12)
	case Year:
		s, err = year(s)
	case Integer:
		s, err = integer(s)
	case Decimal:
		s, err = decimal(s)
	case PaymentType:
		s, err = paymentType(s)
	case Host:
		s, err = host(s)
	case Postal:
		s, err = bounded(strings.ToUpper(s), 16)
	case Name, Text:
		s, err = text(s)
	case Path:
		s, err = bounded(s, maxText)
	default:
		s, err = bounded(s, maxIdentifier)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{Value: s}, nil
}

func email(s string) (string, error) {
	if len(s) > 254 {
		return "", errors.New("longer than 254")
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "", errors.New("not an e-mail address")
	}
	at := strings.LastIndexByte(s, '@')
	domain, err := idna.Lookup.ToASCII(strings.ToLower(s[at+1:]))
	if err != nil || !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") {
		return "", errors.New("not an e-mail domain")
	}
	return strings.ToLower(norm.NFC.String(s[:at])) + "@" + domain, nil
}

func phone(s, region string) (string, error) {
	if len(s) > 40 {
		return "", errors.New("longer than a phone number")
	}
	if n, err := phonenumbers.Parse(s, region); err == nil && phonenumbers.IsPossibleNumber(n) {
		return phonenumbers.Format(n, phonenumbers.E164), nil
	}
	return "", errors.New("not a phone number")
}

func address(s string) (string, error) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return "", errors.New("not an IP address")
	}
	return a.Unmap().WithZone("").String(), nil
}

func country(s string) (string, error) {
	if len(s) <= 3 {
		if r, err := language.ParseRegion(s); err == nil && r.IsCountry() {
			return r.Canonicalize().String(), nil
		}
		return "", errors.New("not a country")
	}
	if code, ok := countryNames[strings.ToLower(s)]; ok {
		return code, nil
	}
	return "", errors.New("not a country")
}

// countryNames maps English names to alpha-2, built once from CLDR.
var countryNames = func() map[string]string {
	m := map[string]string{"usa": "US", "united states of america": "US", "great britain": "GB", "uk": "GB", "south korea": "KR", "russia": "RU", "vietnam": "VN"}
	names := display.English.Regions()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			r, err := language.ParseRegion(string(a) + string(b))
			if err == nil && r.IsCountry() && r.Canonicalize() == r {
				m[strings.ToLower(names.Name(r))] = r.String()
			}
		}
	}
	return m
}()

func currencyCode(s string) (string, error) {
	switch s {
	case "$":
		return "USD", nil
	case "€":
		return "EUR", nil
	case "£":
		return "GBP", nil
	}
	u, err := currency.ParseISO(s)
	if err != nil {
		return "", errors.New("not an ISO 4217 currency")
	}
	return u.String(), nil
}

// money reads an exact decimal amount in the usual forms: 1,234.50  1.234,50
// $1234.5  12 EUR. The last separator with one or two digits behind it is the
// decimal point.
func money(s string) (string, error) {
	s = strings.TrimFunc(s, func(r rune) bool {
		return !unicode.IsDigit(r) && r != '-' && r != '.' && r != ','
	})
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(strings.TrimPrefix(s, "-"), " $€£¥")
	if s == "" || len(s) > 30 {
		return "", errors.New("not an amount")
	}
	whole, frac := s, ""
	if i := strings.LastIndexAny(s, ".,"); i >= 0 {
		tail := s[i+1:]
		same := strings.Count(s, s[i:i+1])
		other := strings.ContainsAny(s[:i], ".,") && same == 1
		if same == 1 && (len(tail) != 3 || other || strings.Trim(s[:i], "0") == "") {
			whole, frac = s[:i], tail
		}
	}
	whole = strings.NewReplacer(".", "", ",", "", " ", "", "'", "").Replace(whole)
	if whole == "" {
		whole = "0"
	}
	if !digits(whole) || frac != "" && !digits(frac) || len(whole) > 15 || len(frac) > 6 {
		return "", errors.New("not an amount")
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	for len(frac) < 2 {
		frac += "0"
	}
	for len(frac) > 2 && strings.HasSuffix(frac, "0") {
		frac = frac[:len(frac)-1]
	}
	out := whole + "." + frac
	if neg && strings.Trim(out, "0.") != "" {
		out = "-" + out
	}
	return out, nil
}

func card(s string, h *Hasher) (Result, error) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == ' ' || r == '-':
		default:
			return Result{}, errors.New("not a card number")
		}
	}
	n := b.String()
	if len(n) < 12 || len(n) > 19 {
		return Result{}, errors.New("not a card number: wrong length")
	}
	if !luhn(n) {
		return Result{}, errors.New("not a card number: wrong check digit")
	}
	parts := []Part{{"card_bin", n[:6]}, {"card_last4", n[len(n)-4:]}}
	if brand := brandOf(n); brand != "" {
		parts = append(parts, Part{"card_brand", brand})
	}
	return Result{Value: h.Secret("card", n), Parts: parts}, nil
}

// luhn checks ISO/IEC 7812-1 Annex B.
func luhn(n string) bool {
	sum, double := 0, false
	for i := len(n) - 1; i >= 0; i-- {
		d := int(n[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

func brandOf(n string) string {
	two, _ := strconv.Atoi(n[:2])
	four, _ := strconv.Atoi(n[:4])
	switch {
	case n[0] == '4':
		return "visa"
	case two >= 51 && two <= 55 || four >= 2221 && four <= 2720:
		return "mastercard"
	case two == 34 || two == 37:
		return "amex"
	case four == 6011 || two == 65 || four >= 6440 && four <= 6499:
		return "discover"
	case two == 35:
		return "jcb"
	case two == 36 || two == 38 || two == 39:
		return "diners"
	case two == 62:
		return "unionpay"
	}
	return ""
}

func digitsSecret(kind, s string, want int, h *Hasher) (string, error) {
	n := strings.NewReplacer("-", "", " ", "").Replace(s)
	if len(n) != want || !digits(n) {
		return "", fmt.Errorf("not %d digits", want)
	}
	return h.Secret(kind, n), nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func between(s string, low, high int) (string, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return "", fmt.Errorf("not a number from %d to %d", low, high)
	}
	return strconv.Itoa(n), nil
}

func year(s string) (string, error) {
	if len(s) == 2 && digits(s) {
		s = "20" + s
	}
	return between(s, 1900, 2200)
}

func integer(s string) (string, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return "", errors.New("not a whole number")
	}
	return strconv.FormatInt(n, 10), nil
}

func decimal(s string) (string, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f || f > 1e300 || f < -1e300 {
		return "", errors.New("not a number")
	}
	return strconv.FormatFloat(f, 'f', -1, 64), nil
}

func paymentType(s string) (string, error) {
	switch k := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(s)); k {
	case "credit_card", "card", "credit", "creditcard":
		return "credit_card", nil
	case "debit_card", "debit":
		return "debit_card", nil
	case "paypal", "checking", "savings", "bank_transfer", "gift_card", "cash", "crypto", "wallet", "invoice":
		return k, nil
	case "apple_pay", "google_pay", "applepay", "googlepay":
		return "wallet", nil
	default:
		return "other", nil
	}
}

func host(s string) (string, error) {
	h, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSuffix(s, ".")))
	if err != nil || h == "" || strings.ContainsAny(h, "/ :") {
		return "", errors.New("not a host name")
	}
	return h, nil
}

// text collapses white space and control characters and bounds the length.
func text(s string) (string, error) {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = true
			continue
		}
		if n >= maxText {
			break
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
			n++
		}
		space = false
		b.WriteRune(r)
		n++
	}
	if b.Len() == 0 {
		return "", errors.New("empty")
	}
	return b.String(), nil
}

func bounded(s string, most int) (string, error) {
	for _, r := range s {
		if unicode.IsControl(r) {
			return "", errors.New("holds a control character")
		}
	}
	if utf8.RuneCountInString(s) > most {
		return "", fmt.Errorf("longer than %d", most)
	}
	return s, nil
}

// ComposeAddress joins an address from its normalised parts, lower case, country
// last. Without a street and a city or postal code it is incomplete: ok is
// false, and the parts stay for inspection.
func ComposeAddress(street, city, region, postal, country string) (s string, ok bool) {
	if street == "" || city == "" && postal == "" {
		return "", false
	}
	var parts []string
	for _, p := range []string{street, city, region, postal} {
		if p != "" {
			parts = append(parts, strings.ToLower(p))
		}
	}
	if country != "" {
		parts = append(parts, country)
	}
	return strings.Join(parts, ", "), true
}
