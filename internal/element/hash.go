package element

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
)

// MinKey is how many bytes a key must have at least.
const MinKey = 32

// Keys are the keys of a deployment. Current hashes session keys and sensitive
// values. Previous, when there is one, did so before: it is being retired, and
// what it hashed is still found. Names makes the opaque IDs of entities and
// outlives rotations, so that links, windows and bookmarks stay; the ID of a
// sensitive entity is made of its keyed hash, and turns with that.
type Keys struct{ Current, Previous, Names []byte }

// Hasher makes keyed hashes (HMAC-SHA-256). Safe for concurrent use.
type Hasher struct{ keys atomic.Pointer[keyed] }

// keyed is a set of keys, ready for use.
type keyed struct {
	current, names *pool
	previous       *Hasher // nil: there is none
}

// NewHasher takes a key of at least 32 bytes for everything.
func NewHasher(key []byte) (*Hasher, error) { return NewRotating(Keys{Current: key, Names: key}) }

// NewRotating takes several keys, each of at least 32 bytes.
func NewRotating(k Keys) (*Hasher, error) {
	h := &Hasher{}
	return h, h.SetKeys(k)
}

// SetKeys replaces the keys; hashes that are being made end with those before.
func (h *Hasher) SetKeys(k Keys) error {
	current, err := newPool("current", k.Current)
	if err != nil {
		return err
	}
	names, err := newPool("names", k.Names)
	if err != nil {
		return err
	}
	next := &keyed{current: current, names: names}
	if len(k.Previous) > 0 {
		former, err := newPool("previous", k.Previous)
		if err != nil {
			return err
		}
		next.previous = &Hasher{}
		next.previous.keys.Store(&keyed{current: former, names: names})
	}
	h.keys.Store(next)
	return nil
}

// Previous hashes with the key that is being retired; nil when there is none.
func (h *Hasher) Previous() *Hasher { return h.keys.Load().previous }

// pool lends out one key's states.
type pool struct{ sync.Pool }

type hmacState struct {
	mac hash.Hash
	buf []byte
	sum [sha256.Size]byte
}

func newPool(which string, key []byte) (*pool, error) {
	if len(key) < MinKey {
		return nil, fmt.Errorf("%s hash key has %d bytes; want at least %d", which, len(key), MinKey)
	}
	key = append([]byte(nil), key...)
	return &pool{sync.Pool{New: func() any { return &hmacState{mac: hmac.New(sha256.New, key)} }}}, nil
}

func (p *pool) sum(kind, value string, use func(sum []byte)) {
	s := p.Get().(*hmacState)
	s.mac.Reset()
	s.buf = append(append(append(s.buf[:0], kind...), 0), value...)
	s.mac.Write(s.buf)
	use(s.mac.Sum(s.sum[:0]))
	clear(s.buf)
	p.Put(s)
}

// Entity is the 63-bit link hash of an entity's canonical value, never zero. It
// is the entity's opaque ID.
func (h *Hasher) Entity(id, value string) (out int64) {
	h.keys.Load().names.sum("entity "+id, value, func(b []byte) { out = int64(binary.BigEndian.Uint64(b) >> 1) })
	return max(out, 1)
}

// Former is Key by the key that is being retired, 0 when there is none.
func (h *Hasher) Former(kind, value string) uint64 {
	if p := h.Previous(); p != nil {
		return p.Key(kind, value)
	}
	return 0
}

// Key is the 64-bit hash of a session key.
func (h *Hasher) Key(kind, value string) (out uint64) {
	h.keys.Load().current.sum("key "+kind, value, func(b []byte) { out = binary.BigEndian.Uint64(b) })
	return out
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567")

// Secret is what is kept of a sensitive value: 160 bits in base32, behind h:.
func (h *Hasher) Secret(kind, value string) (out string) {
	h.keys.Load().current.sum("secret "+kind, value, func(b []byte) {
		text := [34]byte{'h', ':'}
		lowerBase32.Encode(text[2:], b[:20])
		out = string(text[:])
	})
	return out
}
