package shop

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/demo/people"
)

// account is a customer.
type account struct {
	ID       string
	Name     string
	Email    string
	Phone    string
	Address  people.Address
	password password
	redeemed map[string]bool // promo codes used up
	orders   []string        // newest last, bounded
}

// password is a salted PBKDF2 hash. The iterations are few, since a demo on two
// cores signs people in all day; a real shop would take a hundred times more.
type password struct {
	salt, hash []byte
}

const passwordIterations = 1000

func newPassword(plain string) password {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	return password{salt, hashPassword(plain, salt)}
}

func hashPassword(plain string, salt []byte) []byte {
	h, err := pbkdf2.Key(sha256.New, plain, salt, passwordIterations, 32)
	if err != nil { // only in FIPS mode with a short salt or key
		panic("shop: hash password: " + err.Error())
	}
	return h
}

func (p password) matches(plain string) bool {
	return subtle.ConstantTimeCompare(p.hash, hashPassword(plain, p.salt)) == 1
}

// problem is an answer other than success: an HTTP status, a code for the API
// and a message for people.
type problem struct {
	Status        int
	Code, Message string
}

func mistake(code, format string, args ...any) *problem {
	return &problem{422, code, fmt.Sprintf(format, args...)}
}

const maxField = 200 // bytes of any one form field that the shop keeps

func cleanEmail(s string) (string, *problem) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > maxField {
		return "", mistake("invalid_email", "Please enter a valid e-mail address.")
	}
	return s, nil
}

func checkPassword(s string) *problem {
	if len(s) < 8 || len(s) > maxField {
		return mistake("weak_password", "The password needs at least 8 characters.")
	}
	return nil
}

func cleanPhone(s string) (string, *problem) {
	s = strings.TrimSpace(s)
	n := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			n++
		case strings.ContainsRune("+ -()./", c):
		default:
			n = -99
		}
	}
	if s != "" && (n < 6 || n > 17) {
		return "", mistake("invalid_phone", "Please enter a valid phone number.")
	}
	return s, nil
}

func cleanAddress(a people.Address) (people.Address, *problem) {
	for _, f := range []*string{&a.Street, &a.City, &a.Region, &a.PostalCode, &a.Country} {
		*f = strings.TrimSpace(*f)
		if len(*f) > maxField {
			return a, mistake("invalid_address", "The address is too long.")
		}
	}
	a.Country = strings.ToUpper(a.Country)
	if a.Street == "" || a.City == "" || a.PostalCode == "" || len(a.Country) != 2 {
		return a, mistake("invalid_address", "Please enter street, city, postal code and country.")
	}
	return a, nil
}

// register creates an account.
func (s *Shop) register(name, email, phone, plain string) (*account, *problem) {
	email, p := cleanEmail(email)
	if p != nil {
		return nil, p
	}
	if p := checkPassword(plain); p != nil {
		return nil, p
	}
	if phone, p = cleanPhone(phone); p != nil {
		return nil, p
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > maxField {
		return nil, mistake("invalid_name", "Please tell us your name.")
	}
	if _, taken := s.accounts.get(email); taken {
		return nil, mistake("email_taken", "There is already an account with this e-mail address.")
	}
	s.accountSeq++
	a := &account{ID: fmt.Sprintf("c%d", 10000+s.accountSeq), Name: name, Email: email, Phone: phone,
		password: newPassword(plain), redeemed: map[string]bool{}}
	s.accounts.put(email, a)
	return a, nil
}

// authenticate answers the account, or nil for a wrong e-mail or password. An
// unknown e-mail costs the same time as a known one.
func (s *Shop) authenticate(email, plain string) *account {
	a, ok := s.accounts.get(strings.ToLower(strings.TrimSpace(email)))
	if !ok {
		s.nobody.matches(plain)
		return nil
	}
	if !a.password.matches(plain) {
		return nil
	}
	return a
}

func (s *Shop) changeEmail(a *account, email string) *problem {
	email, p := cleanEmail(email)
	if p != nil {
		return p
	}
	if email == a.Email {
		return nil
	}
	if _, taken := s.accounts.get(email); taken {
		return mistake("email_taken", "There is already an account with this e-mail address.")
	}
	s.accounts.remove(a.Email)
	a.Email = email
	s.accounts.put(email, a)
	return nil
}

func (s *Shop) changePassword(a *account, current, next string) *problem {
	if !a.password.matches(current) {
		return mistake("wrong_password", "The current password is wrong.")
	}
	if p := checkPassword(next); p != nil {
		return p
	}
	a.password = newPassword(next)
	return nil
}

// resetTTL is how long a password link works.
const resetTTL = 30 * time.Minute

type reset struct {
	email   string
	expires time.Time
}

// forgot mails a reset link when the account exists, and says nothing if not.
func (s *Shop) forgot(email string) {
	a, ok := s.accounts.get(strings.ToLower(strings.TrimSpace(email)))
	if !ok {
		return
	}
	token := randomToken()
	s.resets.put(token, reset{a.Email, s.now().Add(resetTTL)})
	s.mail.put(a.Email, "/password/reset?token="+token)
}

// resetPassword spends a token.
func (s *Shop) resetPassword(token, next string) *problem {
	r, ok := s.resets.get(token)
	if !ok || s.now().After(r.expires) {
		return mistake("invalid_token", "This link has expired. Please ask for a new one.")
	}
	if p := checkPassword(next); p != nil {
		return p
	}
	a, ok := s.accounts.get(r.email)
	if !ok {
		return mistake("invalid_token", "This link has expired. Please ask for a new one.")
	}
	s.resets.remove(token)
	a.password = newPassword(next)
	return nil
}

func randomToken() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}
