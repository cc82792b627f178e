package journal

import (
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"
)

// text reads a string.
func (c *cursor) text() string {
	if c.must(`"`); c.odd {
		return ""
	}
	from, simple := c.at, true
	for {
		for c.at+8 <= len(c.b) && odd(binary.LittleEndian.Uint64(c.b[c.at:])) == 0 {
			c.at += 8
		}
		for ; c.at < len(c.b) && plainer(c.b[c.at]); c.at++ {
		}
		if c.at == len(c.b) {
			c.odd = true
			return ""
		}
		switch ch := c.b[c.at]; {
		case ch == '"':
			raw := c.b[from:c.at]
			c.at++
			if simple {
				return c.keep(raw)
			}
			return c.unescape(c.b[from-1 : c.at])
		case ch == '\\':
			c.at += 2
			simple = false
		case ch < 0x20:
			c.odd = true
			return ""
		default:
			c.at++
			simple = false
		}
		if c.at > len(c.b) {
			c.odd = true
			return ""
		}
	}
}

// plainer tells whether a character in quotes stands for itself when it is read.
func plainer(c byte) bool { return plain[c] || c == '<' || c == '>' || c == '&' }

// keep makes a string of bytes, the same for the same bytes where it can.
func (c *cursor) keep(raw []byte) string {
	n := len(raw)
	if n == 0 {
		return ""
	}
	if n > oftenLength {
		return string(raw)
	}
	h := uint64(n) * 0x9e3779b97f4a7c15
	for b := raw; ; b = b[8:] {
		if len(b) < 8 {
			for _, b := range b {
				h = (h ^ uint64(b)) * 0x100000001b3
			}
			break
		}
		h = (h ^ binary.LittleEndian.Uint64(b)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	place := &c.often[(h^h>>32)%uint64(len(c.often))]
	if *place != string(raw) {
		*place = string(raw)
	}
	return *place
}

// unescape reads a quoted string that is not plain ASCII.
func (c *cursor) unescape(quoted []byte) string {
	raw := quoted[1 : len(quoted)-1]
	var small [256]byte
	out := small[:0]
	for i := 0; i < len(raw); i++ {
		ch := raw[i]
		if ch >= 0x80 {
			r, n := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && n == 1 {
				return c.unescapeOddly(quoted)
			}
			out = append(out, raw[i:i+n]...)
			i += n - 1
			continue
		}
		if ch != '\\' {
			out = append(out, ch)
			continue
		}
		i++
		if i == len(raw) {
			c.odd = true
			return ""
		}
		switch raw[i] {
		case '"', '\\', '/':
			out = append(out, raw[i])
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			return c.unescapeOddly(quoted)
		}
	}
	return c.keep(out)
}

func (c *cursor) unescapeOddly(quoted []byte) (s string) {
	if err := json.Unmarshal(quoted, &s); err != nil {
		c.odd = true
	}
	return s
}
