package signature

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// input is one member of Signature-Input.
type input struct {
	raw              string // as it is signed
	covered          []string
	created, expires int64 // Unix seconds
	key, nonce, tag  string
	algorithm        string
}

const (
	maxCovered = 16
	maxInput   = 4 << 10 // bytes of each of both fields
)

// member finds the value of a label in a dictionary (RFC 9651 3.2). Others are
// passed over; the same label twice is refused, since two readers could take two
// different ones.
func member(dict, label string) (value string, err error) {
	if len(dict) > maxInput {
		return "", fmt.Errorf("%w: too long", ErrMalformed)
	}
	found := false
	for rest := dict; ; {
		end, err := memberEnd(rest)
		if err != nil {
			return "", err
		}
		name, v, _ := strings.Cut(strings.Trim(rest[:end], " \t"), "=")
		if name == label {
			if found {
				return "", fmt.Errorf("%w: label %s stands twice", ErrMalformed, label)
			}
			value, found = v, true
		}
		if end == len(rest) {
			break
		}
		rest = rest[end+1:]
	}
	if !found {
		return "", ErrNone
	}
	return value, nil
}

// memberEnd is where the first member of a dictionary ends: at a comma that is
// in no string and no list.
func memberEnd(s string) (int, error) {
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' && c != '\t' || c >= 0x7f:
			return 0, fmt.Errorf("%w: a byte that no structured field has", ErrMalformed)
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			return i, nil
		}
	}
	if quoted || depth != 0 {
		return 0, fmt.Errorf("%w: a string or list is not closed", ErrMalformed)
	}
	return len(s), nil
}

// scanner reads a value from left to right.
type scanner struct{ rest string }

func (s *scanner) take(prefix string) bool {
	rest, ok := strings.CutPrefix(s.rest, prefix)
	if ok {
		s.rest = rest
	}
	return ok
}

// word reads characters of a key or field name.
func (s *scanner) word() string {
	i := 0
	for i < len(s.rest) {
		c := s.rest[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' && c != '*' {
			break
		}
		i++
	}
	w := s.rest[:i]
	s.rest = s.rest[i:]
	return w
}

// text reads a string without escapes: none of ours needs one.
func (s *scanner) text() (string, bool) {
	if !s.take(`"`) {
		return "", false
	}
	end := strings.IndexByte(s.rest, '"')
	if end < 0 || strings.IndexByte(s.rest[:end], '\\') >= 0 {
		return "", false
	}
	t := s.rest[:end]
	s.rest = s.rest[end+1:]
	return t, true
}

// integer reads a number as it is written canonically, not below zero.
func (s *scanner) integer() (n int64, ok bool) {
	i := 0
	for i < len(s.rest) && s.rest[i] >= '0' && s.rest[i] <= '9' {
		n = n*10 + int64(s.rest[i]-'0')
		if i++; i > 15 {
			return 0, false
		}
	}
	if i == 0 || i > 1 && s.rest[0] == '0' {
		return 0, false
	}
	s.rest = s.rest[i:]
	return n, true
}

// parseInput reads an inner list with its parameters in the one way in which it
// is written, so that what is signed is what was read.
func parseInput(raw string) (input, error) { return parseList(raw, false) }

// parseBotInput also takes components that name a member of a dictionary, and
// those of which others make use.
func parseBotInput(raw string) (input, error) { return parseList(raw, true) }

func parseList(raw string, bot bool) (in input, err error) {
	in = input{raw: raw, created: -1, expires: -1}
	s := &scanner{rest: raw}
	bad := func(what string) (input, error) { return input{}, fmt.Errorf("%w: %s", ErrMalformed, what) }
	if !s.take("(") {
		return bad("no list of components")
	}
	for first := true; !s.take(")"); first = false {
		if !first && !s.take(" ") {
			return bad("components are not parted by one space")
		}
		name, ok := s.text()
		known := isComponent(name) || bot && isBotComponent(name)
		if bot && s.take(keyParameter) {
			key := s.word()
			known = known && name[0] != '@' && key != "" && s.take(`"`)
			name += keyParameter + key + `"`
		}
		if !ok || !known || len(in.covered) == maxCovered || has(in.covered, name) {
			return bad("a component is unknown, repeated or one too many")
		}
		in.covered = append(in.covered, name)
	}
	seen := []string{}
	for s.rest != "" {
		if !s.take(";") {
			return bad("something follows the parameters")
		}
		name := s.word()
		if !s.take("=") || has(seen, name) {
			return bad("parameter " + name + " has no value or stands twice")
		}
		seen = append(seen, name)
		if !in.parameter(name, s) {
			return bad("parameter " + name + " is unknown or no value of its kind")
		}
	}
	return in, nil
}

func (in *input) parameter(name string, s *scanner) (ok bool) {
	switch name {
	case "created":
		in.created, ok = s.integer()
	case "expires":
		in.expires, ok = s.integer()
	case "keyid":
		in.key, ok = s.text()
	case "alg":
		in.algorithm, ok = s.text()
	case "nonce":
		in.nonce, ok = s.text()
	case "tag":
		in.tag, ok = s.text()
	}
	return ok
}

func isComponent(name string) bool {
	switch name {
	case "@method", "@authority", "@path", "@query":
		return true
	}
	s := scanner{rest: name}
	return name != "" && s.word() == name
}

func isBotComponent(name string) bool {
	return name == "@scheme" || name == "@target-uri" || name == "@request-target"
}

// keyParameter begins the name of a component that is a dictionary's member.
const keyParameter = `;key="`

func has(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// binary reads a byte sequence, :base64:, canonically written.
func binary(v string, n int) ([]byte, bool) {
	v, ok := strings.CutPrefix(v, ":")
	if !ok {
		return nil, false
	}
	if v, ok = strings.CutSuffix(v, ":"); !ok || len(v) != base64.StdEncoding.EncodedLen(n) {
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(v)
	return b, err == nil && len(b) == n
}
