package edge

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/wire"
)

// clientOf works out the visitor's address. Headers are only believed when the
// TCP peer is a trusted proxy: then the chain is walked from its right end, past
// trusted proxies, to the first address that is not one. A hop that can't be
// read ends the walk at the last address that could. When both headers are
// there X-Forwarded-For is used, since proxies that write Forwarded pass the
// other on, but seldom the other way round.
func clientOf(peer netip.Addr, m *wire.Message, trusted []netip.Prefix) (client netip.Addr, believed bool) {
	peer = peer.Unmap()
	if !isTrusted(peer, trusted) {
		return peer, false
	}
	client = peer
	if !m.Has(wire.ForwardedFor) {
		if m.Has(wire.Forwarded) {
			hops := forwardedFor(joined(m, wire.Forwarded))
			for i := len(hops) - 1; i >= 0; i-- {
				if a, ok := hopAddr(hops[i]); !ok {
					break
				} else if client = a; !isTrusted(a, trusted) {
					break
				}
			}
		}
		return client, true
	}
	for i := len(m.Fields) - 1; i >= 0; i-- {
		if m.Kind(i) != wire.ForwardedFor {
			continue
		}
		for list := m.Fields[i].Value; ; {
			at := strings.LastIndexByte(list, ',')
			a, ok := hopAddr(list[at+1:])
			if !ok {
				return client, true
			}
			if client = a; !isTrusted(a, trusted) {
				return client, true
			}
			if at < 0 {
				break
			}
			list = list[:at]
		}
	}
	return client, true
}

// joined is the values of all fields of a kind as one list.
func joined(m *wire.Message, k wire.Kind) string {
	out, first := "", true
	for i := range m.Fields {
		if m.Kind(i) == k {
			if first {
				out, first = m.Fields[i].Value, false
			} else {
				out += ", " + m.Fields[i].Value
			}
		}
	}
	return out
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// hopAddr reads an address with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1]:80.
func hopAddr(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : len(s)-1]); err == nil {
			return a.Unmap().WithZone(""), true
		}
	}
	return netip.Addr{}, false
}

// forwardedFor returns the for= of each element of a Forwarded header (RFC
// 7239), "" where an element has none, has two or can't be read.
func forwardedFor(s string) []string {
	var out []string
	for _, element := range splitQuoted(s, ',') {
		found, times := "", 0
		for _, pair := range splitQuoted(element, ';') {
			k, v, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if ok && strings.EqualFold(k, "for") {
				found = unquote(v)
				times++
			}
		}
		if times > 1 {
			found = ""
		}
		out = append(out, found)
	}
	return out
}

// splitQuoted splits at sep outside of double quotes. A quote that is never
// closed is none: else a visitor could send one to swallow what the proxies
// behind it add.
func splitQuoted(s string, sep byte) []string {
	var out []string
	start, quotes := 0, true
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && quotes:
			if end := closing(s, i+1); end > 0 {
				i = end
			} else {
				quotes = false
			}
		case s[i] == sep:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// closing is where a quoted string that begins at from ends, 0 if it does not.
func closing(s string, from int) int {
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return 0
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i+1 < len(s)-1 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// forwarded adds the fields that tell the origin about the visitor. What an
// untrusted peer says of itself is replaced.
func (e *exchange) forwarded(v *visitor, r *wire.Rewrite) {
	m := e.req
	hop := v.peer.Addr()
	r.Drop |= wire.Of(wire.ForwardedFor)
	b := append(e.add, "X-Forwarded-For: "...)
	proto, host := false, false
	switch {
	case !e.believed:
		r.Drop |= wire.Of(wire.Forwarded, wire.ForwardedProto, wire.ForwardedHost, wire.ForwardedPort)
	case m.Has(wire.ForwardedFor):
		for i := range m.Fields {
			if m.Kind(i) == wire.ForwardedFor {
				b = append(b, m.Fields[i].Value...)
				b = append(b, ", "...)
			}
		}
	case m.Has(wire.Forwarded):
		// An origin that reads only X-Forwarded-For shall see the visitor, not
		// the proxy that speaks Forwarded.
		hops := []string{}
		for _, f := range slices.Backward(forwardedFor(joined(m, wire.Forwarded))) {
			a, ok := hopAddr(f)
			if !ok {
				break
			}
			hops = append(hops, a.String())
		}
		for _, h := range slices.Backward(hops) {
			b = append(b, h...)
			b = append(b, ", "...)
		}
	}
	b = hop.AppendTo(b)
	b = append(b, '\r', '\n')
	if e.believed {
		proto, host = m.Has(wire.ForwardedProto), m.Has(wire.ForwardedHost)
		if m.Has(wire.Forwarded) {
			r.Drop |= wire.Of(wire.Forwarded)
			node := hop.String()
			if hop.Is6() {
				node = `"[` + node + `]"`
			}
			b = wire.AppendField(b, "Forwarded", joined(m, wire.Forwarded)+", for="+node)
		}
	}
	if name := hostOf(m); !host && name != "" {
		b = append(b, "X-Forwarded-Host: "...)
		b = append(b, name...)
		b = append(b, '\r', '\n')
	}
	if !proto {
		if v.tls != nil {
			b = append(b, "X-Forwarded-Proto: https\r\n"...)
		} else {
			b = append(b, "X-Forwarded-Proto: http\r\n"...)
		}
	}
	e.add = b
}

// hostOf is the Host as it was written.
func hostOf(m *wire.Message) string {
	for i := range m.Fields {
		if m.Kind(i) == wire.Host {
			return m.Fields[i].Value
		}
	}
	return m.Host
}
