package element

import (
	"errors"
	"strconv"
	"strings"
	"sync"
)

// ibanForm is what the registry says of a country's numbers.
type ibanForm struct {
	length int
	bban   string // 8n10n: how many, and n digits, a capitals, c either
}

var ibanForms = sync.OnceValue(func() map[string]ibanForm {
	m := map[string]ibanForm{}
	for _, line := range dataLines("iban.txt") {
		f := strings.Split(line, "|")
		n, _ := strconv.Atoi(f[1])
		m[f[0]] = ibanForm{n, f[2]}
	}
	return m
})

// iban reads an IBAN in any grouping and keeps its keyed hash.
func iban(d *Def, s string, h *Hasher) (Result, error) {
	n, err := bankCharacters(s, 5, 34)
	if err != nil {
		return Result{}, errors.New("not an IBAN")
	}
	if err := checkIBAN(n); err != nil {
		return Result{}, err
	}
	r := Result{Value: h.Secret("iban", n)}
	r.Parts = d.give(r.Parts, partCountry, n[:2])
	r.Parts = d.give(r.Parts, partLast4, n[len(n)-4:])
	return r, nil
}

func checkIBAN(n string) error {
	form, ok := ibanForms()[n[:2]]
	if !ok {
		return errors.New("not an IBAN: no country of the registry")
	}
	if len(n) != form.length {
		return errors.New("not an IBAN: wrong length for its country")
	}
	if !digits(n[2:4]) || !fitsForm(n[4:], form.bban) {
		return errors.New("not an IBAN: wrong shape for its country")
	}
	if check := n[2:4]; check < "02" || check > "98" || mod97(n) != 1 { // 00, 01 and 99 are never computed
		return errors.New("not an IBAN: wrong check digits")
	}
	return nil
}

// fitsForm compares a text with a form such as 4a6n8c.
func fitsForm(s, form string) bool {
	for form != "" {
		i := 0
		for i < len(form) && isDigit(form[i]) {
			i++
		}
		n, err := strconv.Atoi(form[:i])
		if err != nil || i == len(form) || n > len(s) {
			return false
		}
		for k := range n {
			c := s[k]
			if form[i] == 'n' && !isDigit(c) || form[i] == 'a' && (c < 'A' || c > 'Z') {
				return false
			}
		}
		s, form = s[n:], form[i+1:]
	}
	return s == ""
}

// mod97 is the check of ISO/IEC 7064 over the number with its first four
// characters moved to the end, letters counting from 10.
func mod97(n string) int {
	m := 0
	for i := range len(n) {
		c := n[(i+4)%len(n)]
		if isDigit(c) {
			m = (m*10 + int(c-'0')) % 97
		} else {
			m = (m*100 + int(c-'A') + 10) % 97
		}
	}
	return m
}

// bankAccount reads a national account number. One in the shape of an IBAN must be
// one.
func bankAccount(d *Def, s string, h *Hasher) (Result, error) {
	n, err := bankCharacters(s, 4, 34)
	if err != nil {
		return Result{}, err
	}
	if _, known := ibanForms()[n[:2]]; known && len(n) > 14 && digits(n[2:4]) {
		if err := checkIBAN(n); err != nil {
			return Result{}, err
		}
		return Result{Value: h.Secret("iban", n), Parts: d.give(nil, partLast4, n[len(n)-4:])}, nil
	}
	if !strings.ContainsAny(n, "0123456789") {
		return Result{}, errors.New("not a bank account: no digit in it")
	}
	r := Result{Value: h.Secret("account", n)}
	if len(n) >= 8 { // of a shorter one too much would be shown
		r.Parts = d.give(nil, partLast4, n[len(n)-4:])
	}
	return r, nil
}

// bankCharacters leaves out separators and brings letters to capitals.
func bankCharacters(s string, least, most int) (string, error) {
	if len(s) > 128 {
		return "", errors.New("not a bank account: too long")
	}
	s = plainDigits(s)
	buf := make([]byte, 0, 34)
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c) || c >= 'A' && c <= 'Z':
			buf = append(buf, c)
		case c >= 'a' && c <= 'z':
			buf = append(buf, c-'a'+'A')
		case c == ' ' || c == '-' || c == '.' || c == '/':
		default:
			return "", errors.New("not a bank account: neither letters nor digits")
		}
	}
	if len(buf) < least || len(buf) > most {
		return "", errors.New("not a bank account: wrong length")
	}
	return string(buf), nil
}

// bic reads a code of ISO 9362: party, country, suffix, and branch, where XXX is
// the head office.
func bic(s string) (string, error) {
	if len(s) > 32 {
		return "", errors.New("not a BIC")
	}
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if len(s) != 8 && len(s) != 11 || !fitsForm(s, map[bool]string{true: "4c2a2c", false: "4c2a2c3c"}[len(s) == 8]) {
		return "", errors.New("not a BIC")
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'A' || c > 'Z') {
			return "", errors.New("not a BIC")
		}
	}
	if _, ok := countries()[strings.ToLower(s[4:6])]; !ok {
		return "", errors.New("not a BIC: no country in it")
	}
	return strings.TrimSuffix(s, "XXX"), nil
}

// routingNumber reads a routing transit number of the American Bankers
// Association: nine digits, weights 3 7 1.
func routingNumber(s string) (string, error) {
	n := without(plainDigits(s))
	if len(n) != 9 || !digits(n) {
		return "", errors.New("not a routing number: not 9 digits")
	}
	sum := 0
	for i := range len(n) {
		sum += int(n[i]-'0') * [3]int{3, 7, 1}[i%3]
	}
	lead, _ := strconv.Atoi(n[:2])
	if sum%10 != 0 || !(lead <= 12 || lead >= 21 && lead <= 32 || lead >= 61 && lead <= 72 || lead == 80) || strings.Trim(n, "0") == "" {
		return "", errors.New("not a routing number: wrong check digit or district")
	}
	return n, nil
}
