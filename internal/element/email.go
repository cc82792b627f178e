package element

import (
	"errors"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Longest parts of an address: RFC 5321, section 4.5.3.1.
const (
	maxEmail = 254
	maxLocal = 64
)

var errEmail = errors.New("not an e-mail address")

// email reads one addr-spec of RFC 5322 (with RFC 6532 beyond ASCII), without
// display name, comments or folds, in a domain of at least two labels. Letter case
// is lost: no provider of note tells mailboxes apart by it. A quoted local part
// that needs no quotes loses them.
func email(d *Def, s string) (Result, error) {
	if len(s) > maxEmail {
		return Result{}, errors.New("longer than 254")
	}
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 {
		return Result{}, errEmail
	}
	local, err := localPart(s[:at])
	if err != nil {
		return Result{}, err
	}
	domain, ok := mailDomain(s[at+1:])
	if !ok {
		return Result{}, errors.New("not an e-mail domain")
	}
	if len(local)+1+len(domain) > maxEmail {
		return Result{}, errors.New("longer than 254")
	}
	v := local + "@" + domain // a copy, so that parts may be pieces of it
	return Result{Value: v, Parts: emailParts(d, v, len(local))}, nil
}

func localPart(s string) (string, error) {
	if len(s) > maxLocal {
		return "", errors.New("not an e-mail address: more than 64 before the @")
	}
	if s[0] == '"' {
		return quotedLocal(s)
	}
	upper, wide := false, false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			wide = true
		case c == '.':
			if i == 0 || i == len(s)-1 || s[i-1] == '.' {
				return "", errEmail
			}
		case !isAtext(c):
			return "", errEmail
		case c >= 'A' && c <= 'Z':
			upper = true
		}
	}
	if wide {
		return wideLocal(s)
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s, nil
}

// isAtext is atext of RFC 5322 within ASCII.
func isAtext(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// wideLocal takes letters beyond ASCII, but nothing that can't be seen.
func wideLocal(s string) (string, error) {
	s = strings.ToLower(norm.NFC.String(s))
	for _, r := range s {
		if r >= utf8.RuneSelf && !isVisible(r) {
			return "", errEmail
		}
	}
	if len(s) > maxLocal {
		return "", errors.New("not an e-mail address: more than 64 before the @")
	}
	return s, nil
}

// quotedLocal reads "a b"@… as the library does, and keeps the quotes only
// where they are needed.
func quotedLocal(s string) (string, error) {
	if len(s) < 3 || s[len(s)-1] != '"' {
		return "", errEmail
	}
	a, err := mail.ParseAddress(s + "@example.com")
	if err != nil || a.Name != "" {
		return "", errEmail
	}
	inner, ok := strings.CutSuffix(a.Address, "@example.com")
	if !ok || inner == "" || strings.ContainsFunc(inner, func(r rune) bool { return r < ' ' || r == 0x7f || r >= utf8.RuneSelf && !isVisible(r) }) {
		return "", errEmail
	}
	if inner[0] != '"' {
		if plain, err := localPart(inner); err == nil {
			return plain, nil
		}
	}
	inner = strings.ToLower(norm.NFC.String(inner))
	out := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(inner) + `"`
	if len(out) > maxLocal {
		return "", errors.New("not an e-mail address: more than 64 before the @")
	}
	return out, nil
}

// mailDomain is a host name of two labels or more, whose last is no number.
func mailDomain(s string) (string, bool) {
	if s[len(s)-1] == '.' {
		return "", false
	}
	h, ok := hostName(s, false)
	if !ok {
		return "", false
	}
	dot := strings.LastIndexByte(h, '.')
	return h, dot > 0 && !digits(h[dot+1:])
}

// emailParts are the domain, the mailbox behind dots and tags where the provider
// is known, and what kind of domain it is: flags are given only when they hold.
func emailParts(d *Def, v string, at int) []Part {
	if len(d.parts) == 0 {
		return nil
	}
	domain := v[at+1:]
	parts := make([]Part, 0, len(d.parts))
	parts = d.give(parts, partDomain, domain)
	if d.gives(partCanonical) {
		parts = d.give(parts, partCanonical, mailbox(v[:at], domain))
	}
	kind := mailDomainKind(domain)
	if kind.disposable {
		parts = d.give(parts, partDisposable, "true")
	}
	if kind.free {
		parts = d.give(parts, partFree, "true")
	}
	return parts
}
