package signature

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// BotTag marks the signatures by which programs say who runs them (Web Bot Auth).
const BotTag = "web-bot-auth"

// MaxBotLifetime bounds how long such a signature may be good.
const MaxBotLifetime = 24 * time.Hour

const botAlgorithm = "ed25519"

// Bot is what a request's signature claims; Verify tells whether it is true.
type Bot struct {
	// Key is the thumbprint (RFC 7638) of the key that signed.
	Key string
	// Agent is the origin whose directory has the key: https://bot.example. "" when
	// the request does not say.
	Agent string
	// Nonce is what the signer promises to use once; "" when there is none.
	Nonce string

	in    input
	given []byte
}

// ReadBot finds the signature of a program on a request. ErrNone: there is none.
func ReadBot(r *Request) (*Bot, error) {
	inputs, ok := r.field("signature-input")
	if !ok || !strings.Contains(inputs, BotTag) {
		return nil, ErrNone
	}
	members, err := dictionary(inputs)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if !strings.HasPrefix(m.value, "(") || !strings.Contains(m.value, `"`+BotTag+`"`) {
			continue
		}
		in, err := parseBotInput(m.value)
		if err != nil {
			return nil, err
		}
		if in.tag != BotTag {
			continue
		}
		signatures, _ := r.field("signature")
		text, err := member(signatures, m.name)
		if err != nil {
			return nil, err
		}
		b := &Bot{Key: in.key, Nonce: in.nonce, in: in}
		if b.given, ok = binary(text, ed25519.SignatureSize); !ok || in.algorithm != "" && in.algorithm != botAlgorithm || in.key == "" {
			return nil, fmt.Errorf("%w: no ed25519 signature with a keyid", ErrMalformed)
		}
		if b.Agent, err = r.signatureAgent(&in, m.name); err != nil {
			return nil, err
		}
		return b, nil
	}
	return nil, ErrNone
}

// signatureAgent reads whose key it is: a string, or of a dictionary the member
// that is covered, or that goes by the signature's label.
func (r *Request) signatureAgent(in *input, label string) (string, error) {
	v, ok := r.field("signature-agent")
	if !ok {
		return "", nil
	}
	if !strings.HasPrefix(v, `"`) {
		for _, c := range in.covered {
			if key, ok := strings.CutPrefix(c, "signature-agent"+keyParameter); ok {
				label = strings.TrimSuffix(key, `"`)
			}
		}
		var err error
		if v, err = member(v, label); err != nil {
			return "", err
		}
	}
	s := &scanner{rest: v}
	text, ok := s.text()
	u, err := url.Parse(text)
	if !ok || s.rest != "" || err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(text) > 512 {
		return "", fmt.Errorf("%w: Signature-Agent is no https URL", ErrMalformed)
	}
	return "https://" + Authority(u.Host, true), nil
}

const botSkew = 5 * time.Second

// Expires is when the signature ceases to be good.
func (b *Bot) Expires() time.Time { return time.Unix(b.in.expires, 0).Add(botSkew) }

// Verify tells whether the holder of a key signed this request, and when. nil says
// so.
func (b *Bot) Verify(r *Request, key ed25519.PublicKey, now time.Time) error {
	base, err := r.base(make([]byte, 0, 512), b.in.covered, b.in.raw)
	if err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, base, b.given) {
		return ErrForged
	}
	if !has(b.in.covered, "@authority") && !has(b.in.covered, "@target-uri") {
		return ErrCoverage
	}
	if _, there := r.field("signature-agent"); there && !b.in.coversField("signature-agent") {
		return ErrCoverage
	}
	created, expires := time.Unix(b.in.created, 0), time.Unix(b.in.expires, 0)
	switch {
	case b.in.created < 0, b.in.expires < b.in.created, expires.Sub(created) > MaxBotLifetime:
		return ErrCoverage
	case created.After(now.Add(botSkew)):
		return ErrEarly
	case !now.Before(b.Expires()):
		return ErrExpired
	}
	return nil
}

func (in *input) coversField(name string) bool {
	for _, c := range in.covered {
		if c == name || strings.HasPrefix(c, name+keyParameter) {
			return true
		}
	}
	return false
}

// Thumbprint names an ed25519 key as RFC 7638 and RFC 8037 do.
func Thumbprint(key ed25519.PublicKey) string {
	h := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(key) + `"}`))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

type pair struct{ name, value string }

// dictionary reads all members; none may stand twice.
func dictionary(dict string) (out []pair, err error) {
	if len(dict) > maxInput {
		return nil, fmt.Errorf("%w: too long", ErrMalformed)
	}
	for rest := dict; ; {
		end, err := memberEnd(rest)
		if err != nil {
			return nil, err
		}
		name, v, _ := strings.Cut(strings.Trim(rest[:end], " \t"), "=")
		for _, p := range out {
			if p.name == name {
				return nil, fmt.Errorf("%w: label %s stands twice", ErrMalformed, name)
			}
		}
		out = append(out, pair{name, v})
		if end == len(rest) {
			return out, nil
		}
		rest = rest[end+1:]
	}
}
