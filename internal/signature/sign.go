package signature

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Signer signs with the first of its keys and knows what any of them signed. It
// is immutable and safe for concurrent use.
type Signer struct {
	keys     []Key
	lifetime time.Duration
}

// NewSigner makes a Signer. lifetime is how long a signature is good, in whole
// seconds.
func NewSigner(keys []Key, lifetime time.Duration) (*Signer, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	if lifetime < time.Second || lifetime > MaxLifetime || lifetime%time.Second != 0 {
		return nil, fmt.Errorf("signature: a lifetime of %v: want whole seconds, 1s to %v", lifetime, MaxLifetime)
	}
	return &Signer{keys: keys, lifetime: lifetime}, nil
}

func checkKeys(keys []Key) error {
	if len(keys) == 0 {
		return errors.New("signature: no key")
	}
	ids := map[string]bool{}
	for _, k := range keys {
		if !ValidID(k.ID) {
			return fmt.Errorf("signature: key %q: want an id of 1 to 64 letters, digits, '-', '_' and '.'", k.ID)
		}
		if ids[k.ID] {
			return fmt.Errorf("signature: key %q stands twice", k.ID)
		}
		ids[k.ID] = true
		if len(k.Secret) < LeastSecret {
			return fmt.Errorf("signature: key %q has %d bytes: want %d or more", k.ID, len(k.Secret), LeastSecret)
		}
	}
	return nil
}

// ValidID tells whether a key can go by a name.
func ValidID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// bound is what every signature covers.
const bound = `"@method" "@authority" "@path" "@query"`

// Sign appends the two lines that sign a request, Signature-Input and Signature.
// The body is bound by its digest where the request has a Content-Digest.
func (s *Signer) Sign(dst []byte, r *Request, now time.Time) ([]byte, error) {
	k := &s.keys[0]
	covered := []string{"@method", "@authority", "@path", "@query"}
	p := append(make([]byte, 0, 320), '(')
	p = append(p, bound...)
	if _, ok := r.field("content-digest"); ok {
		covered = append(covered, "content-digest")
		p = append(p, ` "content-digest"`...)
	}
	p = append(p, ");created="...)
	p = strconv.AppendInt(p, now.Unix(), 10)
	p = append(p, ";expires="...)
	p = strconv.AppendInt(p, now.Add(s.lifetime).Unix(), 10)
	p = append(p, `;keyid="`+k.ID+`";alg="`+algorithm+`";nonce="`...)
	p = append(p, nonce(k)...)
	p = append(p, `";tag="`+Tag+`"`...)
	base, err := r.base(make([]byte, 0, 512), covered, string(p))
	if err != nil {
		return dst, err
	}
	dst = append(dst, "Signature-Input: "+Label+"="...)
	dst = append(dst, p...)
	dst = append(dst, "\r\nSignature: "+Label+"=:"...)
	dst = base64.StdEncoding.AppendEncode(dst, mac(k.Secret, base))
	return append(dst, ":\r\n"...), nil
}

// A nonce is random and carries its own proof: whoever rewrites a request on its
// way, so that the signature no longer fits, does not hide who issued it.
const (
	nonceRandom = 16
	nonceProof  = 16
)

func nonce(k *Key) string {
	b := make([]byte, nonceRandom, nonceRandom+nonceProof)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(append(b, proof(k, b)...))
}

func proof(k *Key, random []byte) []byte {
	return mac(k.Secret, append([]byte("issued nonce\n"), random...))[:nonceProof]
}

// Issued tells whether a Signature-Input holds a signature made with one of the
// keys, good or no longer good, whatever request it came with.
func (s *Signer) Issued(field string) bool {
	const mark = `nonce="`
	for range maxCovered { // others may have added theirs
		at := strings.Index(field, mark)
		if at < 0 {
			return false
		}
		field = field[at+len(mark):]
		end := strings.IndexByte(field, '"')
		if end < 0 {
			return false
		}
		if s.issued(field[:end]) {
			return true
		}
	}
	return false
}

func (s *Signer) issued(text string) bool {
	if base64.RawURLEncoding.DecodedLen(len(text)) != nonceRandom+nonceProof {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return false
	}
	ours := false
	for i := range s.keys {
		ours = hmac.Equal(proof(&s.keys[i], b[:nonceRandom]), b[nonceRandom:]) || ours
	}
	return ours
}
