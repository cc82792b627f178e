package edge

import (
	"net/http"
	"net/netip"
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
		a, ok := hop(hops[i])
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

// hop reads an address with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1]:80.
func hop(s string) (netip.Addr, bool) {
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
// 7239), "" where an element has none or can't be read.
func forwardedFor(s string) []string {
	var out []string
	for _, element := range splitQuoted(s, ',') {
		found := ""
		for _, pair := range splitQuoted(element, ';') {
			k, v, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if ok && strings.EqualFold(strings.TrimSpace(k), "for") {
				found = unquote(strings.TrimSpace(v))
			}
		}
		out = append(out, found)
	}
	return out
}

// splitQuoted splits at sep outside of double quotes.
func splitQuoted(s string, sep byte) []string {
	var out []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == sep:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
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
	chain := peer.Unmap().String()
	if believed {
		if prior := r.Header["X-Forwarded-For"]; len(prior) > 0 {
			chain = strings.Join(prior, ", ") + ", " + chain
		}
	} else {
		out.Del("Forwarded")
		out.Del("X-Forwarded-Proto")
		out.Del("X-Forwarded-Host")
	}
	out["X-Forwarded-For"] = []string{chain}
	if out.Get("X-Forwarded-Proto") == "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		out["X-Forwarded-Proto"] = []string{scheme}
	}
	if out.Get("X-Forwarded-Host") == "" {
		out["X-Forwarded-Host"] = []string{r.Host}
	}
}
