package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// testKey is the ed25519 key of RFC 9421, B.1.4.
func testKey(t testing.TB) ed25519.PrivateKey {
	seed, err := base64.RawURLEncoding.DecodeString("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU")
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.NewKeyFromSeed(seed)
}

func publicOf(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) } //nolint:errcheck // it is one

// RFC 9421, B.2.6.
func TestRFC9421Ed25519(t *testing.T) {
	r := &Request{Method: "POST", Authority: "example.com", Target: "/foo?param=Value&Pet=dog", Fields: []Field{
		{"Date", "Tue, 20 Apr 2021 02:07:55 GMT"}, {"Content-Type", "application/json"}, {"Content-Length", "18"}}}
	in, err := parseBotInput(`("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`)
	if err != nil {
		t.Fatal(err)
	}
	base, err := r.base(nil, in.covered, in.raw)
	if err != nil {
		t.Fatal(err)
	}
	given, ok := binary(":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:", ed25519.SignatureSize)
	if !ok || !ed25519.Verify(publicOf(testKey(t)), base, given) {
		t.Errorf("the RFC's signature does not fit\n%s", base)
	}
}

// The example of draft-meunier-web-bot-auth-architecture.
func TestWebBotAuthExample(t *testing.T) {
	r := &Request{Method: "GET", Scheme: "https", Authority: "example.com", Target: "/", Fields: []Field{
		{"Signature-Agent", `"https://signature-agent.test"`},
		{"Signature-Input", `sig2=("@authority" "signature-agent");created=1735689600;keyid="poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U";alg="ed25519";expires=1735693200;nonce="e8N7S2MFd/qrd6T2R3tdfAuuANngKI7LFtKYI/vowzk4lAZYadIX6wW25MwG7DCT9RUKAJ0qVkU0mEeLElW1qg==";tag="web-bot-auth"`},
		{"Signature", "sig2=:jdq0SqOwHdyHr9+r5jw3iYZH6aNGKijYp/EstF4RQTQdi5N5YYKrD+mCT1HA1nZDsi6nJKuHxUi/5Syp3rLWBA==:"}}}
	b, err := ReadBot(r)
	if err != nil {
		t.Fatal(err)
	}
	key := publicOf(testKey(t))
	if b.Agent != "https://signature-agent.test" || b.Key != Thumbprint(key) {
		t.Errorf("%+v, thumbprint %s", b, Thumbprint(key))
	}
	if err := b.Verify(r, key, time.Unix(1735689700, 0)); err != nil {
		t.Error(err)
	}
}

// botSigned signs a request as a program does.
func botSigned(t testing.TB, key ed25519.PrivateKey, r *Request, label, covered, parameters string) *Request {
	params := covered + ";" + parameters
	in, err := parseBotInput(params)
	if err != nil {
		t.Fatal(err)
	}
	base, err := r.base(nil, in.covered, params)
	if err != nil {
		t.Fatal(err)
	}
	r.Fields = append(r.Fields, Field{"Signature-Input", label + "=" + params},
		Field{"Signature", label + "=:" + base64.StdEncoding.EncodeToString(ed25519.Sign(key, base)) + ":"})
	return r
}

func TestBots(t *testing.T) {
	key := testKey(t)
	now := time.Unix(1_800_000_000, 0)
	params := func(created, expires int64) string {
		return fmt.Sprintf(`created=%d;expires=%d;keyid="%s";tag="web-bot-auth"`, created, expires, Thumbprint(publicOf(key)))
	}
	good := params(1_800_000_000, 1_800_000_060)
	request := func(fields ...Field) *Request {
		return &Request{Method: "GET", Scheme: "https", Authority: "shop.example", Target: "/a?b=c", Fields: append([]Field{{"User-Agent", "bot"}}, fields...)}
	}
	agent := Field{"Signature-Agent", `"https://Bot.example:443"`}
	keyed := Field{"Signature-Agent", `other="https://other.example", sig1="https://bot.example"`}
	for name, c := range map[string]struct {
		r    *Request
		edit func(*Request)
		want error
	}{
		"string":              {r: botSigned(t, key, request(agent), "sig1", `("@authority" "signature-agent")`, good)},
		"dictionary":          {r: botSigned(t, key, request(keyed), "sig1", `("@authority" "signature-agent";key="sig1")`, good)},
		"no agent":            {r: botSigned(t, key, request(), "s", `("@target-uri" "@method" "@scheme" "@request-target" "@path" "@query" "user-agent")`, good)},
		"agent uncovered":     {r: botSigned(t, key, request(agent), "s", `("@authority")`, good), want: ErrCoverage},
		"authority uncovered": {r: botSigned(t, key, request(agent), "s", `("@path" "signature-agent")`, good), want: ErrCoverage},
		"other authority":     {r: botSigned(t, key, request(agent), "s", `("@authority" "signature-agent")`, good), edit: func(r *Request) { r.Authority = "other.example" }, want: ErrForged},
		"other agent":         {r: botSigned(t, key, request(agent), "s", `("@authority" "signature-agent")`, good), edit: func(r *Request) { r.Fields[1].Value = `"https://evil.example"` }, want: ErrForged},
		"other target":        {r: botSigned(t, key, request(), "s", `("@target-uri")`, good), edit: func(r *Request) { r.Target = "/b" }, want: ErrForged},
		"expired":             {r: botSigned(t, key, request(), "s", `("@authority")`, params(1_799_990_000, 1_799_999_990)), want: ErrExpired},
		"early":               {r: botSigned(t, key, request(), "s", `("@authority")`, params(1_800_000_010, 1_800_000_060)), want: ErrEarly},
		"too long":            {r: botSigned(t, key, request(), "s", `("@authority")`, params(1_800_000_000, 1_800_086_401)), want: ErrCoverage},
		"without times":       {r: botSigned(t, key, request(), "s", `("@authority")`, `keyid="k";tag="web-bot-auth"`), want: ErrCoverage},
	} {
		b, err := ReadBot(c.r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.edit != nil {
			c.edit(c.r)
		}
		if err := b.Verify(c.r, publicOf(key), now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if hasAgent := strings.Contains(name, "dictionary") || name == "string"; hasAgent && b.Agent != "https://bot.example" {
			t.Errorf("%s: agent %q", name, b.Agent)
		}
		other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", 32)))
		if err := b.Verify(c.r, publicOf(other), now); !errors.Is(err, ErrForged) {
			t.Errorf("%s: by another's key: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		fields []Field
		want   error
	}{
		"nothing":         {nil, ErrNone},
		"another's tag":   {[]Field{{"Signature-Input", `s=("@authority");tag="other"`}, {"Signature", "s=:AAAA:"}}, ErrNone},
		"in a string":     {[]Field{{"Signature-Input", `s=("@authority");nonce="web-bot-auth";tag="other"`}, {"Signature", "s=:AAAA:"}}, ErrNone},
		"no signature":    {[]Field{{"Signature-Input", `s=("@authority");keyid="k";tag="web-bot-auth"`}}, ErrNone},
		"short signature": {[]Field{{"Signature-Input", `s=("@authority");keyid="k";tag="web-bot-auth"`}, {"Signature", "s=:AAAA:"}}, ErrMalformed},
		"label twice":     {[]Field{{"Signature-Input", `s=("@authority");tag="web-bot-auth", s=("@path");tag="web-bot-auth"`}, {"Signature", "s=:AAAA:"}}, ErrMalformed},
		"own parameter":   {[]Field{{"Signature-Input", `s=("@authority";req);tag="web-bot-auth"`}, {"Signature", "s=:AAAA:"}}, ErrMalformed},
		"key of a part":   {[]Field{{"Signature-Input", `s=("@authority";key="x");tag="web-bot-auth"`}, {"Signature", "s=:AAAA:"}}, ErrMalformed},
		"too long":        {[]Field{{"Signature-Input", strings.Repeat("a", 5000) + "web-bot-auth"}}, ErrMalformed},
	} {
		if _, err := ReadBot(request(c.fields...)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, v := range []string{`"http://bot.example"`, `"bot.example"`, `"https://u:p@bot.example"`, `"https://"`, `sig9="https://bot.example"`, `"https://bot.example" x`, `"data:text/plain,x"`} {
		r := botSigned(t, key, request(Field{"Signature-Agent", v}), "s", `("@authority" "signature-agent")`, good)
		if b, err := ReadBot(r); err == nil {
			t.Errorf("%s: %+v", v, b)
		}
	}
	// The sidechain's profile takes none of what was added for programs.
	for _, raw := range []string{`("@scheme")`, `("@target-uri")`, `("@request-target")`, `("signature-agent";key="x")`} {
		if _, err := parseInput(raw); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func FuzzReadBot(f *testing.F) {
	f.Add(`sig1=("@authority" "signature-agent";key="sig1");created=1;expires=2;keyid="k";tag="web-bot-auth"`, "sig1=:AAAA:", `sig1="https://bot.example"`)
	f.Add(`a=1, s=("@target-uri");tag="web-bot-auth"`, "s=:AAAA:", `"https://bot.example"`)
	key := publicOf(testKey(f))
	f.Fuzz(func(t *testing.T, input, sig, agent string) {
		r := &Request{Method: "GET", Scheme: "https", Authority: "a.example", Target: "/", Fields: []Field{{"Signature-Input", input}, {"Signature", sig}, {"Signature-Agent", agent}}}
		b, err := ReadBot(r)
		if err != nil {
			return
		}
		if b.Verify(r, key, time.Unix(2, 0)) == nil {
			t.Fatalf("a guessed signature is good: %q %q", input, sig)
		}
	})
}
