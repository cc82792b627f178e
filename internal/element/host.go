package element

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// host reads a host name, a port after it left out. An IP address is one too.
func host(d *Def, s string) (Result, error) {
	s = withoutPort(s)
	h, ok := hostOrAddress(s)
	if !ok {
		return Result{}, errors.New("not a host name")
	}
	h = strings.Clone(h)
	var parts []Part
	if d.gives(partDomain) {
		parts = d.give(parts, partDomain, registrable(h))
	}
	return Result{Value: h, Parts: parts}, nil
}

func withoutPort(s string) string {
	if i := strings.LastIndexByte(s, ':'); i > 0 && digits(s[i+1:]) && strings.IndexByte(s, ':') == i {
		return s[:i]
	}
	return s
}

// hostOrAddress takes IPv6 addresses without brackets.
func hostOrAddress(s string) (string, bool) {
	if strings.HasPrefix(s, "[") || strings.Contains(s, ":") {
		a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
		if err != nil {
			return "", false
		}
		return a.WithZone("").Unmap().String(), true
	}
	return hostName(strings.TrimSuffix(s, "."), true)
}

// hostName brings a name to lower-case ASCII. Underscores stand in names of hosts,
// never in those of mail domains.
func hostName(s string, underscore bool) (string, bool) {
	if len(s) > 1024 { // what is longer in UTF-8 is longer than 253 in ASCII
		return "", false
	}
	upper, label := false, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if label == 0 || label > 63 || s[i-1] == '-' {
				return "", false
			}
			label = -1
		case c >= utf8.RuneSelf:
			return wideHost(s)
		case c == '-':
			if label == 0 {
				return "", false
			}
			if label == 3 && strings.EqualFold(s[i-3:i], "xn-") {
				return wideHost(s)
			}
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z' || isDigit(c) || c == '_' && underscore:
		default:
			return "", false
		}
		label++
	}
	if label == 0 || label > 63 || len(s) > 253 || s[len(s)-1] == '-' {
		return "", false
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s, true
}

// wideHost goes by IDNA 2008 as look-ups do (RFC 5891 with UTS 46 mapping).
func wideHost(s string) (string, bool) {
	if len(s) > 1024 {
		return "", false
	}
	if h, ok := latinHost(s); ok {
		return h, true
	}
	return idnaHost(s)
}

// latinHost is the short way for names of lower-case letters, digits and the
// letters à to ÿ, such as bücher.example: nothing in them is mapped, composed or
// runs from right to left, so that there is nothing to look up but how they are
// written in ASCII. What is odd in any way takes the long way.
func latinHost(s string) (string, bool) {
	label := 0 // bytes of it so far
	for i, r := range s {
		switch {
		case r == '.':
			if label == 0 || s[i-1] == '-' {
				return "", false
			}
			label = 0
			continue
		case r == '-':
			if label == 0 || s[i-1] == '-' {
				return "", false
			}
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 'à' && r <= 'ÿ' && r != '÷':
		default:
			return "", false
		}
		label++
	}
	if label == 0 || s[len(s)-1] == '-' {
		return "", false
	}
	h, err := idna.Punycode.ToASCII(s)
	if err != nil || len(h) > 253 {
		return "", false
	}
	for rest, more := h, true; more; {
		var one string
		if one, rest, more = strings.Cut(rest, "."); len(one) > 63 {
			return "", false
		}
	}
	return h, true
}

func idnaHost(s string) (string, bool) {
	h, err := idna.Lookup.ToASCII(s)
	if err != nil || h == "" || len(h) > 253 || strings.HasSuffix(h, ".") {
		return "", false
	}
	if again, err := idna.Lookup.ToASCII(h); err != nil || again != h { // no name that can be looked up
		return "", false
	}
	for _, label := range strings.Split(h, ".") {
		if label == "" || len(label) > 63 {
			return "", false
		}
	}
	return h, true
}

// registrable is the domain below a public suffix that somebody registered.
func registrable(h string) string {
	if _, err := netip.ParseAddr(h); err == nil {
		return ""
	}
	d, err := publicsuffix.EffectiveTLDPlusOne(h)
	if err != nil {
		return ""
	}
	return d
}

var errURL = errors.New("not a web address")

// pageURL keeps what says which page: scheme, host, port and path. User, query and
// fragment, which may hold secrets, go.
func pageURL(d *Def, s string) (Result, error) {
	if len(s) > 4096 {
		return Result{}, errors.New("longer than 4096")
	}
	switch {
	case strings.HasPrefix(s, "//"):
		s = "https:" + s
	case !strings.Contains(s, "://") && !strings.HasPrefix(s, "/"): // shop.example/a as people write it
		if before, _, _ := strings.Cut(s, "/"); strings.Contains(before, "@") { // mailto:, or a user
			return Result{}, errURL
		}
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" {
		return Result{}, errURL
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "http" && scheme != "https" {
		return Result{}, errURL
	}
	h, ok := hostOrAddress(u.Hostname())
	if !ok || u.Port() == "" && strings.HasSuffix(u.Host, ":") && u.Hostname() == "" {
		return Result{}, errURL
	}
	shown := h
	if strings.Contains(h, ":") {
		shown = "[" + h + "]"
	}
	if p := strings.TrimLeft(u.Port(), "0"); p != "" && (scheme != "http" || p != "80") && (scheme != "https" || p != "443") {
		if len(p) > 5 {
			return Result{}, errURL
		}
		shown += ":" + p
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	path, err = bounded(path, 2048)
	if err != nil {
		return Result{}, err
	}
	h = strings.Clone(h)
	parts := d.give(nil, partHost, h)
	if d.gives(partDomain) {
		parts = d.give(parts, partDomain, registrable(h))
	}
	return Result{Value: scheme + "://" + shown + path, Parts: parts}, nil
}

// isVisible tells whether a character beyond ASCII can stand in a name.
func isVisible(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSymbol(r)
}
