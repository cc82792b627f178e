package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// Digest is a Content-Digest of a body (RFC 9530).
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// Fits tells whether a Content-Digest has a sha-256 that is the body's. Other
// algorithms beside it are not looked at.
func Fits(field string, body []byte) bool {
	v, err := member(field, "sha-256")
	if err != nil {
		return false
	}
	given, ok := binary(v, sha256.Size)
	if !ok {
		return false
	}
	sum := sha256.Sum256(body)
	return subtle.ConstantTimeCompare(given, sum[:]) == 1
}
