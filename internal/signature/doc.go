// Package signature signs requests that were judged, and verifies them: HTTP
// Message Signatures (RFC 9421) by hmac-sha256 with a shared key, bound to
// method, authority, path, query, a short time and, where the body is known, to
// its digest (RFC 9530). It is a profile, not the whole of the RFC: one label, no
// component parameters, no structured fields re-serialised. What is not in the
// profile is refused.
//
// Beside it the signatures by which programs say who runs them (Web Bot Auth,
// ed25519) are read and verified; of the RFC these may use a little more.
package signature

import (
	"errors"
	"time"
)

// Label and Tag tell our signature from others on the same message.
const (
	Label = "spec"
	Tag   = "spec-sidechain"
)

// algorithm is the only one.
const algorithm = "hmac-sha256"

// Key is a shared secret with the name it goes by. Several are good at once, so
// that keys can be changed without a gap.
type Key struct {
	ID     string
	Secret []byte
}

// LeastSecret is the length below which a secret is refused, in bytes.
const LeastSecret = 32

// Field is one header line.
type Field struct{ Name, Value string }

// Request is what of a request can be signed. Authority is as Authority makes
// it, Target in origin form. Of Fields only those that are covered matter.
type Request struct {
	Method, Authority, Target string
	Scheme                    string // http or https; only programs' signatures cover it
	Fields                    []Field
}

// Why a request is not accepted.
var (
	ErrNone      = errors.New("signature: there is none")
	ErrMalformed = errors.New("signature: malformed")
	ErrKey       = errors.New("signature: unknown key")
	ErrCoverage  = errors.New("signature: does not cover what it must")
	ErrEarly     = errors.New("signature: made in the future")
	ErrExpired   = errors.New("signature: expired")
	ErrForged    = errors.New("signature: does not fit the request")
	ErrDigest    = errors.New("signature: the body is not the one that was signed")
	ErrReplayed  = errors.New("signature: used before")
)

// MaxLifetime bounds how long a signature may be good.
const MaxLifetime = 5 * time.Minute
