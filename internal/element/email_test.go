package element

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEmailsOfIsEmail holds the kind against the is_email tests. What can be
// delivered by a public domain is taken; literals, comments, folds and obsolete
// forms, which no form field needs, are refused with what is wrong outright.
func TestEmailsOfIsEmail(t *testing.T) {
	d, _ := Lookup("email")
	n := map[bool]int{}
	ours := map[string]bool{ // where we differ by choice
		"test@io":              false, // no public mailbox stands on a top-level domain
		"\"\"@iana.org":        false, // nobody
		"\"test\\©\"@iana.org": true,  // RFC 6532 came after the tests
	}
	for _, line := range lines(t, "email.txt") {
		f := strings.SplitN(line, "\t", 3)
		var raw string
		if err := json.Unmarshal([]byte(f[2]), &raw); err != nil {
			t.Fatal(err)
		}
		want := f[0] == "ISEMAIL_VALID_CATEGORY" || f[0] == "ISEMAIL_DNSWARN" || f[1] == "ISEMAIL_RFC5321_QUOTEDSTRING"
		if by, ok := ours[raw]; ok {
			want = by
		}
		r, err := Normalise(d, raw, Options{})
		if trimmed := strings.TrimSpace(raw); err == nil && !want && trimmed != raw {
			r2, err2 := Normalise(d, trimmed, Options{})
			if err2 == nil && r2.Value == trimmed { // the space around it is what is wrong, and is not kept
				continue
			}
		}
		if (err == nil) != want {
			t.Errorf("%q (%s) = %q %v", raw, f[1], r.Value, err)
		}
		n[want]++
	}
	if n[true] < 20 || n[false] < 100 {
		t.Errorf("%v", n)
	}
}

func TestEmailForms(t *testing.T) {
	forms(t, Email, Options{}, map[string]string{
		" Ann.B@Example.COM ":                    "ann.b@example.com",
		"ann@bücher.example":                     "ann@xn--bcher-kva.example",
		"ann@BÜCHER.example":                     "ann@xn--bcher-kva.example",
		"ann@xn--bcher-kva.example":              "ann@xn--bcher-kva.example",
		"ann@xn--a.example":                      "!",
		"jörg@example.com":                       "jörg@example.com",
		"jo\u0308rg@example.com":                 "jörg@example.com",
		"用户@例子.广告":                               "用户@xn--fsqu00a.xn--4rr70v",
		"an\u200bn@example.com":                  "!",
		"ann\u00a0b@example.com":                 "!",
		"\"ann\"@example.com":                    "ann@example.com",
		"\"ann b\"@example.com":                  "\"ann b\"@example.com",
		"\"a\\\"b\"@example.com":                 "\"a\\\"b\"@example.com",
		"Ann <ann@example.com>":                  "!",
		"ann@example.com, b@x.com":               "!",
		"ann@localhost":                          "!",
		"ann@example.123":                        "!",
		"ann@[192.0.2.1]":                        "!",
		"ann@example.com.":                       "!",
		"ann@-example.com":                       "!",
		"ann@exa_mple.com":                       "!",
		".ann@example.com":                       "!",
		"a..b@example.com":                       "!",
		"a@b@example.com":                        "!",
		"\xff@example.com":                       "!",
		"":                                       "!",
		"@example.com":                           "!",
		"ann@":                                   "!",
		"mailto:ann@example.com":                 "!",
		"o'brien+x=1@example.co.uk":              "o'brien+x=1@example.co.uk",
		strings.Repeat("a", 64) + "@example.com": strings.Repeat("a", 64) + "@example.com",
		strings.Repeat("a", 65) + "@example.com": "!",
		"a@" + strings.Repeat("b.", 130) + "com": "!",
	})
}

func TestMailboxes(t *testing.T) {
	d, _ := Lookup("email")
	for raw, want := range map[string]string{
		"A.n.n+shop@gmail.com": "ann@gmail.com", "ann@GoogleMail.com": "ann@gmail.com", "ann@gmail.com": "ann@gmail.com",
		"a.b+x@outlook.com": "a.b@outlook.com", "ann-shop@yahoo.com": "ann@yahoo.com", "ann@me.com": "ann@icloud.com",
		"a.n_n-x+y@protonmail.com": "annx@proton.me", "a.b@ya.ru": "a-b@yandex.ru", "a+b@example.com": "", "...@gmail.com": "",
		"+x@gmail.com": "+x@gmail.com",
	} {
		r, _ := Normalise(d, raw, Options{})
		if got := part(t, d, r, partCanonical); got != want {
			t.Errorf("%s: mailbox %q, want %q", raw, got, want)
		}
	}
}

func TestMailDomains(t *testing.T) {
	d, _ := Lookup("email")
	for domain, want := range map[string]domainKind{
		"gmail.com": {free: true}, "proton.me": {free: true}, "mailinator.com": {disposable: true}, "a.b.mailinator.com": {disposable: true},
		"example.com": {}, "mailinator.com.example.com": {}, "yopmail.com": {disposable: true}, "web.de": {free: true},
	} {
		r, err := Normalise(d, "ann@"+domain, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := domainKind{part(t, d, r, partDisposable) == "true", part(t, d, r, partFree) == "true"}
		if got != want || part(t, d, r, partDomain) != domain {
			t.Errorf("%s: %+v, want %+v", domain, got, want)
		}
	}
	if n := len(disposableDomains()); n < 5000 {
		t.Errorf("only %d disposable domains", n)
	}
	for domain := range disposableDomains() { // the whole list is read as it stands
		if r, err := Normalise(d, "a@"+domain, Options{}); err != nil || part(t, d, r, partDisposable) != "true" {
			t.Errorf("%s: %v", domain, err)
		}
	}
	for domain := range freeDomains() {
		if r, err := Normalise(d, "a@"+domain, Options{}); err != nil || part(t, d, r, partFree) != "true" {
			t.Errorf("%s: %v", domain, err)
		}
	}
}

func FuzzEmail(f *testing.F) {
	var seeds []string
	for _, line := range lines(f, "email.txt") {
		var raw string
		if json.Unmarshal([]byte(strings.SplitN(line, "\t", 3)[2]), &raw) == nil {
			seeds = append(seeds, raw)
		}
	}
	fuzz(f, Email, append(seeds, "a.b+c@gmail.com", "用户@例子.广告", `"a b"@x.example`)...)
}
