package element

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// Hasher makes keyed hashes (HMAC-SHA-256). Safe for concurrent use.
type Hasher struct{ pool sync.Pool }

type hmacState struct {
	mac hash.Hash
	buf []byte
	sum [sha256.Size]byte
}

// NewHasher takes a key of at least 32 bytes.
func NewHasher(key []byte) (*Hasher, error) {
	if len(key) < 32 {
		return nil, fmt.Errorf("hash key has %d bytes; want at least 32", len(key))
	}
	key = append([]byte(nil), key...)
	return &Hasher{pool: sync.Pool{New: func() any { return &hmacState{mac: hmac.New(sha256.New, key)} }}}, nil
}

// LoadOrCreateKey reads a key file of hex digits, or creates one of 32 random
// bytes with mode 0600. A file that others can read is refused.
func LoadOrCreateKey(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		key := make([]byte, 32)
		if _, err = rand.Read(key); err == nil {
			_, err = fmt.Fprintln(f, hex.EncodeToString(key))
		}
		if err == nil {
			err = f.Sync()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, fmt.Errorf("create key %s: %w", path, err)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key %s has mode %v: others can read it; want 0600", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < 32 {
		return nil, fmt.Errorf("key %s is not at least 64 hex digits", path)
	}
	return key, nil
}

func (h *Hasher) sum(kind, value string, use func(sum []byte)) {
	s := h.pool.Get().(*hmacState)
	s.mac.Reset()
	s.buf = append(append(append(s.buf[:0], kind...), 0), value...)
	s.mac.Write(s.buf)
	use(s.mac.Sum(s.sum[:0]))
	clear(s.buf)
	h.pool.Put(s)
}

// Entity is the 63-bit link hash of an entity's canonical value, never zero. It
// is the entity's opaque ID.
func (h *Hasher) Entity(id, value string) (out int64) {
	h.sum("entity "+id, value, func(b []byte) { out = int64(binary.BigEndian.Uint64(b) >> 1) })
	return max(out, 1)
}

// Key is the 64-bit hash of a session key.
func (h *Hasher) Key(kind, value string) (out uint64) {
	h.sum("key "+kind, value, func(b []byte) { out = binary.BigEndian.Uint64(b) })
	return out
}

// Secret is what is kept of a sensitive value: 160 bits in base32, behind h:.
func (h *Hasher) Secret(kind, value string) (out string) {
	h.sum("secret "+kind, value, func(b []byte) {
		out = "h:" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:20]))
	})
	return out
}
