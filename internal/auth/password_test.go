package auth

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

func phcWith(p argonParams, salt []byte, password string) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", p.memory, p.time, p.threads, b64.EncodeToString(salt),
		b64.EncodeToString(argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, keyBytes)))
}

// The reference implementation's own vector (argon2 -id, v1.3), so that strings
// are portable: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1.
func TestVerifiesForeignHash(t *testing.T) {
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, stale, err := verifyPassword(phc, "password")
	if err != nil || !ok || !stale {
		t.Fatalf("ok %v stale %v err %v", ok, stale, err)
	}
	if ok, _, _ := verifyPassword(phc, "Password"); ok {
		t.Fatal("a wrong password fits")
	}
}

func TestHashIsSaltedAndCurrent(t *testing.T) {
	a, b := hashPassword(good), hashPassword(good)
	if a == b {
		t.Error("two hashes of one password are the same")
	}
	if ok, stale, err := verifyPassword(a, good); !ok || stale || err != nil {
		t.Errorf("ok %v stale %v err %v", ok, stale, err)
	}
}

// An é typed as one code point or as e with an accent is the same password.
func TestPasswordIsNormalised(t *testing.T) {
	if ok, _, err := verifyPassword(hashPassword("caf\u00e9 au lait noir"), "cafe\u0301 au lait noir"); !ok || err != nil {
		t.Errorf("ok %v err %v", ok, err)
	}
}

func TestPasswordRules(t *testing.T) {
	for password, wrong := range map[string]string{
		"heron quartz lamp":         "",
		"zwölf Zeichen":             "",
		"12 größere":                "at least 12",
		"short":                     "at least 12",
		strings.Repeat("long ", 60): "more than 256",
		"not utf8 \xff\xfe at all":  "UTF-8",
		"Password1234":              "attackers",
		"P@$$w0rd!2024":             "attackers",
		"aaaaaaaaaaaaaa":            "attackers",
		"abcabcabcabc":              "attackers",
		"123456789012":              "attackers",
		"qwertyuiopas":              "attackers",
		"changeme12345":             "attackers",
		"4711-0815-2026":            "attackers",
		"throughline1":              "attackers",
		"annabella1234":             "your name",
		"annabella likes herons":    "",
	} {
		got := passwordFault("annabella", password)
		if (wrong == "") != (got == "") || !strings.Contains(got, wrong) {
			t.Errorf("%q: %q, want %q", password, got, wrong)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(hashPassword(good))
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c29tZXNhbHQ$AAAA")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, salt, key, err := parsePHC(s)
		if err != nil {
			return
		}
		if p.memory > 256*1024 || p.time > 16 || p.threads < 1 || len(salt) < 8 || len(key) < 16 {
			t.Errorf("accepted %q: %+v", s, p)
		}
	})
}
