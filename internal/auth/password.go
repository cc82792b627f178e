package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// argonParams are Argon2id's costs; OWASP's first choice of 2024 for 19 MiB.
type argonParams struct {
	memory, time uint32 // KiB, passes
	threads      uint8
}

func currentParams() argonParams { return argonParams{memory: 19 * 1024, time: 2, threads: 1} }

const (
	saltBytes = 16
	keyBytes  = 32
)

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// hashPassword renders a password as a PHC string.
func hashPassword(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	p := currentParams()
	key := argon2.IDKey(canonical(password), salt, p.time, p.memory, p.threads, keyBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// canonical makes a password typed on another system the same bytes.
func canonical(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

// verifyPassword compares in constant time; stale says that the hash was made
// with other costs than today's.
func verifyPassword(phc, password string) (ok, stale bool, err error) {
	p, salt, key, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	got := argon2.IDKey(canonical(password), salt, p.time, p.memory, p.threads, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, p != currentParams() || len(key) != keyBytes, nil
}

// parsePHC reads an Argon2id string. Its costs are bounded, so that a damaged or
// planted one cannot take the machine's memory.
func parsePHC(s string) (p argonParams, salt, key []byte, err error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" {
		return p, nil, nil, fmt.Errorf("stored password: not an argon2id string")
	}
	var version int
	if _, err := fmt.Sscanf(part[2], "v=%d", &version); err != nil || version != argon2.Version {
		return p, nil, nil, fmt.Errorf("stored password: argon2 version %q", part[2])
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return p, nil, nil, fmt.Errorf("stored password: costs %q: %w", part[3], err)
	}
	if p.memory < 8 || p.memory > 256*1024 || p.time < 1 || p.time > 16 || p.threads < 1 || p.threads > 16 {
		return p, nil, nil, fmt.Errorf("stored password: costs %q out of bounds", part[3])
	}
	if salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil || len(salt) < 8 || len(salt) > 64 {
		return p, nil, nil, fmt.Errorf("stored password: bad salt")
	}
	if key, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(key) < 16 || len(key) > 64 {
		return p, nil, nil, fmt.Errorf("stored password: bad key")
	}
	return p, salt, key, nil
}

// slot waits for a turn at hashing.
func (s *Service) slot(ctx context.Context) (release func(), err error) {
	select {
	case s.hashing <- struct{}{}:
		return func() { <-s.hashing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	release, err := s.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return hashPassword(password), nil
}

func (s *Service) verify(ctx context.Context, phc, password string) (ok, stale bool, err error) {
	if len(password) > maxPassword {
		return false, false, nil // nobody's: it could never have been set
	}
	release, err := s.slot(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	return verifyPassword(phc, password)
}

const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes
)

// passwordFault says what is wrong with a new password, or "".
func passwordFault(name, password string) string {
	switch lower := strings.ToLower(password); {
	case !utf8.ValidString(password):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Sprintf("needs at least %d characters; a few random words are good", minPassword)
	case len(password) > maxPassword:
		return fmt.Sprintf("has more than %d bytes", maxPassword)
	case len(name) >= 3 && strings.Contains(lower, name) && utf8.RuneCountInString(lower)-len(name) < minPassword-4:
		return "is mostly your name"
	case isCommon(lower):
		return "is among those that attackers try first"
	}
	return ""
}

// isCommon catches what lists of leaked passwords begin with, at this length:
// a well-known word with digits or signs around it, one piece repeated, or a run
// of neighbours on the keyboard or in the alphabet.
func isCommon(lower string) bool {
	if repeats(lower) {
		return true
	}
	for _, run := range []string{"abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "98765432109876543210",
		"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm"} {
		if strings.Contains(run, lower) {
			return true
		}
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case isLetter(r):
			return r
		case r == '@' || r == '4':
			return 'a'
		case r == '0':
			return 'o'
		case r == '3':
			return 'e'
		case r == '$' || r == '5':
			return 's'
		}
		return -1
	}, strings.TrimFunc(lower, func(r rune) bool { return !isLetter(r) }))
	letters := strings.Map(func(r rune) rune {
		if isLetter(r) {
			return r
		}
		return -1
	}, lower)
	for _, word := range []string{"", "password", "passwort", "passw", "passwordpassword", "qwerty", "qwertyuiop", "qwertz",
		"letmein", "letmeinplease", "welcome", "welcomeback", "iloveyou", "admin", "administrator", "adminadmin", "changeme",
		"changemenow", "throughline", "monkey", "dragon", "sunshine", "princess", "football", "baseball", "superman", "batman",
		"trustno", "master", "shadow", "michael", "secret", "topsecret", "default", "guest", "root", "test", "testtest",
		"correcthorsebatterystaple", "abc", "abcd", "abcdef", "asdf", "asdfgh", "zxcvbnm", "hello", "helloworld", "login",
		"summer", "winter", "spring", "autumn", "mypassword", "thisisapassword"} {
		if letters == word || plain == word {
			return true
		}
	}
	return false
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' }

// repeats tells whether s is one piece of up to six bytes over and over.
func repeats(s string) bool {
	for n := 1; n <= 6 && n < len(s); n++ {
		if strings.HasPrefix(strings.Repeat(s[:n], len(s)/n+1), s) {
			return true
		}
	}
	return false
}
