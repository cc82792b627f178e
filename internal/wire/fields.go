package wire

import (
	"bytes"
	"strings"
)

// fields reads the lines from p on to the empty one. It returns the length of
// the head, 0 when more bytes are needed.
//
// Between two messages the processor has forgotten this code and how its branches
// went, so what it costs goes by how much of it there is and how often it turns. Hence
// a line in order is found by its marks; or else, where there are none, by one loop
// over its name and one over its value.
func (m *Message) fields(b []byte, p int, lim Limits, request bool) (int, error) {
	var host []byte
	upgrade := false
	var k marks
	for {
		if p+1 < len(b) && b[p] == '\r' && b[p+1] == '\n' {
			if p+2 > lim.Bytes {
				return 0, tooLarge
			}
			p += 2
			break
		}
		colon, end := k.line(b, p)
		for end == 0 && k.more(b) {
			colon, end = k.line(b, p)
		}
		if end == 0 {
			colon, end = lineEnds(b, p)
		}
		if end == 0 || end+2 > lim.Bytes || len(m.Fields) == lim.Fields {
			return 0, m.refused(b, p, lim)
		}
		name, value := b[p:colon], trim(b[colon+1:end])
		kind := kindOf(name)
		if kind != Plain {
			var f Fault
			switch kind {
			case Host:
				if !request {
					kind = Plain
				} else if host != nil {
					f = twoHosts
				} else {
					host = value[:len(value):len(value)]
					if host == nil {
						host = []byte{}
					}
				}
			case ContentLength:
				f = m.length(value)
			case TransferEncoding:
				f = m.coding(value)
			case Connection:
				m.connection(value)
			case Upgrade:
				upgrade = true
			case Expect:
				m.Continue = request && is(value, "100-continue")
			}
			if f != 0 {
				return 0, f
			}
			m.has |= 1 << kind
		}
		m.Fields = append(m.Fields, Field{Name: view(name), Value: view(value)})
		m.lines = append(m.lines, line{start: uint32(p), end: uint32(end + 2), kind: kind}) //nolint:gosec // bounded by lim.Bytes
		p = end + 2
	}
	m.Upgrades = m.Upgrades && upgrade
	if m.Chunked && m.Length >= 0 {
		return 0, lengthAndCoding
	}
	if m.Chunked && m.Minor == 0 {
		return 0, codingInOld
	}
	if request {
		if f := m.host(host); f != 0 {
			return 0, f
		}
	}
	if m.nominate {
		if f := m.markNominated(); f != 0 {
			return 0, f
		}
	}
	return p, nil
}

// lineEnds finds the colon and the CR of the line that begins at p, 0 for end when it
// is not in order, or has not come to its end.
func lineEnds(b []byte, p int) (colon, end int) {
	colon = p
	for colon < len(b) && chars[b[colon]]&inToken != 0 {
		colon++
	}
	if colon > p && colon < len(b) && b[colon] == ':' {
		end = textEnd(b, colon+1)
	}
	return colon, end
}

// textEnd is where the CR LF behind the text from i on stands, 0 when something else
// than text comes before it, or nothing yet.
func textEnd(b []byte, i int) int {
	for {
		i = control(b, i)
		switch {
		case i+1 >= len(b):
			return 0
		case b[i] == '\t':
			i++
		case b[i] == '\r' && b[i+1] == '\n':
			return i
		default:
			return 0
		}
	}
}

// refused says what is wrong with the line at p, nil when it has not come to its end.
func (m *Message) refused(b []byte, p int, lim Limits) error {
	end := bytes.IndexByte(b[p:], '\n')
	if end < 0 {
		return over(len(b), lim)
	}
	end += p
	switch {
	case end == p || b[end-1] != '\r':
		return badLineEnd
	case end+1 > lim.Bytes:
		return tooLarge
	case len(m.Fields) == lim.Fields:
		return tooManyFields
	}
	row := b[p : end-1]
	if i := bytes.IndexByte(row, ':'); i <= 0 || !isToken(row[:i]) {
		return badName
	}
	return badValue
}

// length reads a Content-Length: digits only, once (RFC 9112 6.3).
func (m *Message) length(v []byte) Fault {
	if m.Length >= 0 {
		return twoLengths
	}
	if len(v) == 0 || len(v) > 18 {
		return badLength
	}
	n := int64(0)
	for _, c := range v {
		if !digit(c) {
			return badLength
		}
		n = n*10 + int64(c-'0')
	}
	m.Length = n
	return 0
}

// coding reads a Transfer-Encoding: chunked alone, once. Whatever else is there
// has been read in two ways by somebody.
func (m *Message) coding(v []byte) Fault {
	if m.Chunked || !is(v, "chunked") {
		return badCoding
	}
	m.Chunked = true
	return 0
}

func (m *Message) connection(v []byte) {
	for len(v) > 0 {
		var t []byte
		if i := bytes.IndexByte(v, ','); i >= 0 {
			t, v = trim(v[:i]), v[i+1:]
		} else {
			t, v = trim(v), nil
		}
		switch {
		case is(t, "close"):
			m.Close = true
		case is(t, "keep-alive"):
			m.KeepAlive = true
		case is(t, "upgrade"):
			m.Upgrades = true
		case is(t, "te"), len(t) == 0:
		default:
			// Also when it names nothing that is there: it may name what we add.
			m.nominate = true
			m.has |= 1 << Nominated
		}
	}
}

// host checks the one Host there is and puts it in lower case and without its
// port into the Head. A target in absolute form must name the same, so that
// nobody can route by the one and answer by the other.
func (m *Message) host(v []byte) Fault {
	if v == nil {
		if m.Minor == 1 {
			return noHost
		}
		if a := m.authority(); a != "" {
			v = []byte(a)
		} else {
			return 0
		}
	}
	plain, capital := true, false
	for _, c := range v {
		switch {
		case chars[c]&inHost == 0:
			return badHost
		case c == ':' || c == '[' || c == ']':
			plain = false
		case c >= 'A' && c <= 'Z':
			capital = true
		}
	}
	if m.Target[0] != '/' { // another form than what nearly all send
		if a := m.authority(); a != "" && !equalFold(a, view(v)) {
			return badHost
		}
	}
	name := v
	if n := len(v); !plain || n == 0 || n > 255 || v[n-1] == '.' {
		var f Fault
		if name, f = hostName(v); f != 0 {
			return f
		}
	}
	m.Host = view(name)
	if capital {
		m.Host = strings.ToLower(m.Host)
	}
	return 0
}

// hostName splits off the port, a bracketed address's brackets and a final dot.
func hostName(v []byte) ([]byte, Fault) {
	port := []byte(nil)
	switch {
	case len(v) == 0:
		return nil, badHost
	case v[0] == '[':
		end := bytes.IndexByte(v, ']')
		if end < 3 {
			return nil, badHost
		}
		if rest := v[end+1:]; len(rest) > 0 {
			if rest[0] != ':' {
				return nil, badHost
			}
			port = rest[1:]
		}
		v = v[1:end]
	default:
		if i := bytes.IndexByte(v, ':'); i >= 0 {
			v, port = v[:i], v[i+1:]
		}
		if bytes.ContainsAny(v, "[]") {
			return nil, badHost
		}
	}
	if len(port) > 5 {
		return nil, badHost
	}
	for _, c := range port {
		if !digit(c) {
			return nil, badHost
		}
	}
	if n := len(v); n > 1 && v[n-1] == '.' {
		v = v[:n-1]
	}
	if len(v) == 0 || len(v) > 255 {
		return nil, badHost
	}
	return v, 0
}

// markNominated gives the fields that Connection names their kind. To name one
// that the whole way needs is a way to make two parties see two requests.
func (m *Message) markNominated() Fault {
	for i := range m.Fields {
		if m.lines[i].kind != Connection {
			continue
		}
		for t := range strings.SplitSeq(m.Fields[i].Value, ",") {
			t = strings.Trim(t, " \t")
			if t == "" || equalFold(t, "close") || equalFold(t, "keep-alive") || equalFold(t, "upgrade") || equalFold(t, "te") {
				continue
			}
			switch k := kindOf([]byte(t)); {
			case k == Plain:
				m.nominated(t)
			case !k.HopByHop(), k == TransferEncoding:
				return badNomination
			}
		}
	}
	return 0
}

func (m *Message) nominated(name string) {
	for i := range m.Fields {
		if m.lines[i].kind == Plain && equalFold(m.Fields[i].Name, name) {
			m.lines[i].kind = Nominated
		}
	}
}
