package site

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"
)

// DefaultManagedDomain is what workers append to a site's host, where nothing
// else is agreed on.
const DefaultManagedDomain = "spec-internal.com"

// Worker says by which keys a worker at a CDN is known.
type Worker struct {
	// Keys are the digests of the customer keys, all of them good, so that keys can
	// be changed without a gap.
	Keys []KeyDigest
	// Refuse answers 403 to whatever comes to the site without a good key. Else it
	// is relayed to the site's own origin, and judged, like any visitor's request.
	Refuse bool
}

// KeyDigest is the SHA-256 of a customer key.
type KeyDigest [sha256.Size]byte

// DigestKey makes the digest of a customer key.
func DigestKey(key string) KeyDigest { return sha256.Sum256([]byte(key)) }

// Bounds of a customer key, in bytes.
const (
	LeastCustomerKey = 16
	MostCustomerKey  = 128
)

// Knows tells whether a key is one of the worker's, in a time that tells nothing
// of them.
func (w *Worker) Knows(key string) bool {
	if len(key) > MostCustomerKey {
		return false
	}
	var text [MostCustomerKey]byte
	sum := sha256.Sum256(text[:copy(text[:], key)])
	good := 0
	for i := range w.Keys {
		good |= subtle.ConstantTimeCompare(sum[:], w.Keys[i][:])
	}
	return good == 1
}

// Sidechain says how requests are signed that go back through the site's public
// name.
type Sidechain struct {
	Keys     []SigningKey  // the first signs, all of them are known as ours
	Lifetime time.Duration // of a signature, in whole seconds; 0: DefaultSignatureLifetime
}

// SigningKey is a secret shared with the worker, and the name it goes by.
type SigningKey struct {
	ID     string
	Secret []byte
}

// DefaultSignatureLifetime covers the way through a CDN and back.
const DefaultSignatureLifetime = 30 * time.Second

// check names the faults of what concerns workers.
func (s *Site) checkWorker(bad func(format string, args ...any)) {
	if s.Worker != nil && len(s.Worker.Keys) == 0 {
		bad("a worker without a key; want one or more")
	}
	if c := s.Sidechain; c != nil {
		if len(c.Keys) == 0 {
			bad("a sidechain without a key; want one or more")
		}
		if c.Lifetime < 0 || c.Lifetime%time.Second != 0 {
			bad("sidechain lifetime %v: want whole seconds", c.Lifetime)
		}
		if s.Mode == Mirror {
			bad("mirror mode and a sidechain: want one of them, since nothing mirrored is forwarded")
		}
	}
}

// String keeps secrets out of logs.
func (k SigningKey) String() string { return fmt.Sprintf("signing key %s", k.ID) }

// GoString is String.
func (k SigningKey) GoString() string { return k.String() }
