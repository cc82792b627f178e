package edge

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientOf works out the visitor's address. Headers are only believed when the
// TCP peer is a trusted proxy: then the chain is walked from its right end, past
// trusted proxies, to the first address that is not one. A hop that can't be
// read ends the walk at the last address that could. When both headers are
// there X-Forwarded-For is used, since proxies that write Forwarded pass the
// other on, but seldom the other way round.
func clientOf(peer netip.Addr, h http.Header, trusted []netip.Prefix) (client netip.Addr, believed bool) {
	peer = peer.Unmap()
	if !isTrusted(peer, trusted) {
		return peer, false
	}
	var hops []string
	if v := h["X-Forwarded-For"]; len(v) > 0 {
		hops = strings.Split(strings.Join(v, ","), ",")
	} else if v := h["Forwarded"]; len(v) > 0 {
		hops = forwardedFor(strings.Join(v, ","))
	}
	client = peer
	for i := len(hops) - 1; i >= 0; i-- {
		a, ok := hopAddr(hops[i])
		if !ok {
			break
		}
		client = a
		if !isTrusted(a, trusted) {
			break
		}
	}
	return client, true
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

// forward sets the headers that tell the origin about the visitor. What an
// untrusted peer says of itself is replaced.
func forward(out http.Header, r *http.Request, peer netip.Addr, believed bool) {
	hop := peer.Unmap().WithZone("")
	chain := hop.String()
	switch prior := r.Header["X-Forwarded-For"]; {
	case !believed:
		for _, name := range []string{"Forwarded", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"} {
			delete(out, name)
		}
	case len(prior) > 0:
		chain = strings.Join(prior, ", ") + ", " + chain
	default:
		// An origin that reads only X-Forwarded-For shall see the visitor, not
		// the proxy that speaks Forwarded.
		hops := []string{chain}
		for _, f := range slices.Backward(forwardedFor(strings.Join(r.Header["Forwarded"], ","))) {
			a, ok := hopAddr(f)
			if !ok {
				break
			}
			hops = append(hops, a.String())
		}
		slices.Reverse(hops)
		chain = strings.Join(hops, ", ")
	}
	if prior := out["Forwarded"]; len(prior) > 0 {
		node := hop.String()
		if hop.Is6() {
			node = `"[` + node + `]"`
		}
		out["Forwarded"] = []string{strings.Join(prior, ", ") + ", for=" + node}
	}
	out["X-Forwarded-For"] = []string{chain}
	if len(out["X-Forwarded-Proto"]) == 0 {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		out["X-Forwarded-Proto"] = []string{scheme}
	}
	if len(out["X-Forwarded-Host"]) == 0 {
		out["X-Forwarded-Host"] = []string{r.Host}
	}
}
