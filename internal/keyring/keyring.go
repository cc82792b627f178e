// Package keyring keeps the key of all keyed hashes: how it is written in a file
// or in the environment, how it is created, and how another takes its place. The
// bytes never leave it but for the hasher; what people see of a key is its ID.
package keyring

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Size is how many bytes a key has that is made here; Least and Most what is
// taken from elsewhere.
const (
	Size  = 32
	Least = 32
	Most  = 1024
)

// Key is one key. It prints as its ID.
type Key struct {
	bytes []byte
	Since time.Time // since when it hashes; zero: not known
}

// Ring is the keys of a deployment: the one in force, the one being retired if
// there is one, and the one that names entities, which outlives rotations.
type Ring struct {
	Current  Key
	Previous *Key
	Names    Key
}

// New makes a ring of one random key.
func New(now time.Time) (Ring, error) {
	k, err := random(now)
	return Ring{Current: k, Names: k}, err
}

func random(now time.Time) (Key, error) {
	b := make([]byte, Size)
	if _, err := rand.Read(b); err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	return Key{b, now.UTC().Truncate(time.Second)}, nil
}

// Bytes are for the hasher alone.
func (k Key) Bytes() []byte { return k.bytes }

// ID tells keys apart and says nothing of them.
func (k Key) ID() string {
	m := hmac.New(sha256.New, k.bytes)
	_, _ = m.Write([]byte("throughline key id"))
	return hex.EncodeToString(m.Sum(nil)[:6])
}

// String, GoString and MarshalText keep the bytes out of whatever prints a key.
func (k Key) String() string               { return "key " + k.ID() }
func (k Key) GoString() string             { return k.String() }
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// ErrTwo and ErrOne say why a ring can't be turned.
var (
	ErrTwo = errors.New("two keys are active already; retire the previous one first")
	ErrOne = errors.New("only one key is active; there is none to retire")
)

// Rotate puts a new key in force. The one before stays active beside it.
func (r Ring) Rotate(now time.Time) (Ring, error) {
	if r.Previous != nil {
		return r, ErrTwo
	}
	next, err := random(now)
	if err != nil {
		return r, err
	}
	was := r.Current
	return Ring{Current: next, Previous: &was, Names: r.Names}, nil
}

// Retire lets go of the previous key: what only it has hashed is no longer found.
func (r Ring) Retire() (Ring, error) {
	if r.Previous == nil {
		return r, ErrOne
	}
	r.Previous = nil
	return r, nil
}

// Parse reads a ring: one key in hex digits, or lines (or parts between
// semicolons) of a name, hex digits and a time:
//
//	current 5f…  2026-01-31T10:00:00Z
//	previous 0c… 2025-01-31T10:00:00Z
//	names 0c…
//
// No error holds any of the text.
func Parse(text string) (Ring, error) {
	var r Ring
	seen := map[string]bool{}
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == ';' })
	for n, line := range lines {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) == 1 && len(seen) == 0 {
			f = []string{"current", f[0]}
		}
		if len(f) < 2 || len(f) > 3 {
			return Ring{}, fmt.Errorf("line %d: want `current`, `previous` or `names`, then hex digits, then perhaps a time", n+1)
		}
		name := f[0]
		if seen[name] {
			return Ring{}, fmt.Errorf("line %d: %s is there twice", n+1, quoted(name))
		}
		seen[name] = true
		k, err := parseKey(f[1:])
		if err != nil {
			return Ring{}, fmt.Errorf("line %d: %w", n+1, err)
		}
		switch name {
		case "current":
			r.Current = k
		case "previous":
			r.Previous = &k
		case "names":
			r.Names = k
		default:
			return Ring{}, fmt.Errorf("line %d: unknown name; want current, previous or names", n+1)
		}
	}
	if !seen["current"] {
		return Ring{}, fmt.Errorf("there is no key; want at least %d hex digits", 2*Least)
	}
	if r.Previous != nil && hmac.Equal(r.Previous.bytes, r.Current.bytes) {
		return Ring{}, errors.New("current and previous are the same key")
	}
	if !seen["names"] {
		if r.Previous != nil {
			return Ring{}, errors.New("there are two keys and none that names entities; add `names` with the key of the first start")
		}
		r.Names = r.Current
	}
	return r, nil
}

func quoted(name string) string {
	switch name {
	case "current", "previous", "names":
		return name
	}
	return "a name" // what stands there may be a key
}

func parseKey(f []string) (Key, error) {
	b, err := hex.DecodeString(f[0])
	if err != nil {
		return Key{}, errors.New("a key is not hex digits")
	}
	if len(b) < Least || len(b) > Most {
		return Key{}, fmt.Errorf("a key has %d hex digits; want %d to %d", 2*len(b), 2*Least, 2*Most)
	}
	k := Key{bytes: b}
	if len(f) == 2 {
		if k.Since, err = time.Parse(time.RFC3339, f[1]); err != nil {
			return Key{}, errors.New("what follows a key is no time such as 2026-01-31T10:00:00Z")
		}
	}
	return k, nil
}

// text is what Parse reads.
func (r Ring) text() []byte {
	var b strings.Builder
	b.WriteString("# The key of all keyed hashes. Keep it: without it nobody is found by value.\n")
	line := func(name string, k Key) {
		fmt.Fprintf(&b, "%s %x", name, k.bytes)
		if !k.Since.IsZero() {
			b.WriteString(" " + k.Since.Format(time.RFC3339))
		}
		b.WriteByte('\n')
	}
	line("current", r.Current)
	if r.Previous != nil {
		line("previous", *r.Previous)
	}
	if !hmac.Equal(r.Names.bytes, r.Current.bytes) {
		line("names", Key{bytes: r.Names.bytes})
	}
	return []byte(b.String())
}
